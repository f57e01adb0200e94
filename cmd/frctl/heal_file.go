package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"frankenredis/heal"
	"frankenredis/snapshot"
)

func protectOne(s *heal.Store, root, name string, o *healOptions) (healEvent, error) {
	if o.forget {
		return healEvent{Note: "forgotten"}, s.Forget(name)
	}
	path := fileAt(root, name)
	if pid := holder(path, true); pid != 0 {
		return healEvent{Note: "in use", Exit: exitDamaged}, nil
	}
	// To cover damage would make it the truth, and what repairs it would be gone.
	if r, err := s.Verify(name); err == nil && r.State == heal.Damaged && !isText(name) {
		return healEvent{Report: r, Note: "damaged: not covered anew; frctl repair brings it back, protect --forget gives it up", Exit: exitDamaged}, nil
	}
	e, err := s.Protect(name)
	if err != nil {
		return healEvent{}, err
	}
	return healEvent{Report: heal.Report{Size: e.Size, Found: e.Size, Sidecar: true}, Note: "protected"}, nil
}

func verifyOne(s *heal.Store, root, name string, _ *healOptions) (healEvent, error) {
	r, err := s.Verify(name)
	return judge(r, root), err
}

// judge says what a report means.
func judge(r heal.Report, root string) healEvent {
	e := healEvent{Report: r}
	switch r.State {
	case heal.Sidecar:
		e.Exit, e.Note = exitDamaged, "the file is clean; frctl scrub makes its sidecar anew"
	case heal.Damaged:
		e.Exit, e.Note = exitDamaged, "frctl repair brings it back"
	case heal.Extended:
		e.Exit, e.Note = exitDamaged, "bytes stand behind the covered ones; protect covers them, repair --cut takes them away"
	case heal.Beyond:
		e.Exit, e.Note = exitCorrupt, "beyond repair, or another file; nothing was changed"
	}
	if e.Exit != exitClean && r.State != heal.Sidecar && soundRDB(fileAt(root, r.Name)) {
		e.Exit, e.Note, e.State = exitDamaged, "another RDB file, whole by its own checksum; protect or scrub covers it", "replaced"
	}
	return e
}

func scrubOne(s *heal.Store, root, name string, o *healOptions) (healEvent, error) {
	r, err := s.Verify(name)
	if err != nil {
		return judge(r, root), err
	}
	e := judge(r, root)
	switch {
	case e.State == "replaced":
		if _, err := s.Protect(name); err != nil {
			return e, err
		}
		e.Note, e.Exit = "another RDB file, whole by its own checksum; covered as it is now", exitClean
	case r.State == heal.Damaged && isText(name):
		e.Note = "people edit such files: protect it if the change is meant, else repair it by name"
	case r.State == heal.Damaged || r.State == heal.Sidecar:
		return repairFound(s, root, r, o)
	}
	return e, nil
}

func repairOne(s *heal.Store, root, name string, o *healOptions) (healEvent, error) {
	if strings.HasSuffix(name, manifestSuffix) {
		if e, done, err := repairCoveredManifest(root, name); done || err != nil {
			return e, err
		}
	}
	r, err := s.Verify(name)
	if err != nil {
		return judge(r, root), err
	}
	if e := judge(r, root); e.State == "replaced" {
		return e, nil
	}
	return repairFound(s, root, r, o)
}

// repairFound repairs what Verify has just reported.
func repairFound(s *heal.Store, root string, r heal.Report, o *healOptions) (healEvent, error) {
	r, err := s.RepairFound(r, o.cut)
	e := judge(r, root)
	if r.Repaired {
		e.State, e.Note, e.Exit = r.State, "repaired", exitRepaired
		if r.State == heal.Extended && !o.cut {
			e.Note, e.Exit = "the sidecar was made anew; bytes stand behind the covered ones", exitDamaged
		}
	}
	return e, err
}

// isText tells files that people edit.
func isText(name string) bool {
	switch filepath.Ext(name) {
	case ".conf", ".acl", ".manifest":
		return true
	}
	return strings.HasSuffix(name, ".conf.fr") // CONFIG REWRITE's other file
}

// soundRDB tells whether path is an RDB file whose checksum is right.
func soundRDB(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && snapshot.Sound(f, info.Size())
}

// allowRepair refuses to repair a file that another process has open.
func allowRepair(path string) error {
	if pid := holder(path, false); pid != 0 {
		return fmt.Errorf("%s: process %d has it open, and would go on with the damaged file; stop it first", path, pid)
	}
	return nil
}

// holder returns a process, other than this one, that has path open (for writing, if writing); 0 if none is known. Processes
// that may not be looked into are not seen, and on systems without /proc none is.
func holder(path string, writing bool) int {
	want, err := os.Stat(path)
	if err != nil {
		return 0
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well formed
	for _, fd := range fds {
		pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
		if pid == os.Getpid() {
			continue
		}
		got, err := os.Stat(fd)
		if err != nil || !os.SameFile(want, got) {
			continue
		}
		if link, err := os.Lstat(fd); !writing || err == nil && link.Mode().Perm()&0o200 != 0 {
			return pid
		}
	}
	return 0
}
