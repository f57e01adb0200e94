package lab

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// tidy is asked when a server has stopped in order: nothing is left lying about, unless the call failed that should have found it or taken it away.
func (l *life) tidy() *Violation {
	eng, ours := l.eng.(*real)
	if !ours {
		return nil
	}
	unsettled := false
	for _, e := range l.disk.Trace() {
		if e.Err != nil && (e.Op == crashfs.Remove || e.Op == crashfs.List) {
			l.crashed = true // what is left lies there for the next server, too
			return nil
		}
		unsettled = unsettled || e.Err != nil && e.Op == crashfs.SyncDir
		l.failed = l.failed || e.Err != nil
	}
	left, err := leftovers(l.disk, l.crashed)
	if unsettled { // it is not known which manifest a crash would leave, and the companions of both are kept
		left = slices.DeleteFunc(left, func(name string) bool { return strings.HasPrefix(name, wal.ManifestName(logName)+".") })
	}
	if err == nil && !l.crashed {
		left = append(left, unfinished(l.disk, dataDir, "temp-*")...)
		left = append(left, unfinished(l.disk, filepath.Join(dataDir, heal.Folder), "*.rs.tmp")...)
	}
	if err == nil && eng.c.Covers && !l.crashed && !l.failed {
		var stray []string
		stray, err = eng.c.straySidecars(l.disk)
		left = append(left, stray...)
	}
	if err != nil || len(left) > 0 {
		return &Violation{Promise: "clean", Detail: fmt.Sprintf("left lying about by a stop in order: %s %v", strings.Join(left, ", "), err)}
	}
	return nil
}

// tidyRepair is asked when a start or a repair has ended and no server runs: a repair that failed leaves nothing of a file's size.
func (l *life) tidyRepair() *Violation {
	for _, e := range l.disk.Trace() {
		if e.Err != nil && e.Op == crashfs.Remove {
			return nil
		}
	}
	if left := append(unfinished(l.disk, logDir, "*.heal.tmp"), unfinished(l.disk, dataDir, "*.heal.tmp")...); len(left) > 0 {
		return &Violation{Promise: "clean", Detail: "left lying about by a repair that failed: " + strings.Join(left, ", ")}
	}
	return nil
}

// unfinished are the files in a folder whose names match.
func unfinished(fs *crashfs.FS, dir, pattern string) []string {
	names, _ := fs.Clone().List(dir) // there may be no such folder
	return slices.DeleteFunc(names, func(name string) bool {
		ok, _ := filepath.Match(pattern, name)
		return !ok
	})
}

// unnamed are the bases and increments that no manifest names.
func unnamed(fs *crashfs.FS) ([]string, error) {
	fs = fs.Clone()
	d, err := wal.ReadDirectory(fs, logDir, logName)
	if err != nil {
		return nil, err
	}
	names, err := fs.List(logDir)
	return slices.DeleteFunc(names, func(name string) bool { return !d.Abandoned(logName, name) }), err
}

// leftovers are the files in the log's folder that nothing accounts for when a server has stopped in order: they would use up the disk in
// the end; what was set aside is for people. After a crash there may be a base whose name the next rewrite takes.
func leftovers(fs disk.FS, crashed bool) ([]string, error) {
	d, err := wal.ReadDirectory(fs, logDir, logName)
	if err != nil || d.Manifest == nil {
		return nil, err
	}
	known := map[string]bool{wal.ManifestName(logName): true, wal.EpochName(logName): true, wal.WatermarkName(logName): true,
		wal.RingName(logName): true, recovery.LockName(logName): true, wal.ReserveName(logName): true} // the next server takes the reserve over
	if crashed {
		for _, aof := range []bool{false, true} {
			known[wal.BaseName(logName, d.Manifest.BaseSeq+1, aof)] = true
		}
	}
	refs := append(d.Manifest.Incrs, d.Manifest.History...)
	if b := d.Manifest.Base; b != nil {
		refs = append(refs, *b)
	}
	for _, ref := range refs {
		known[ref.Name] = true
	}
	if d.Facts != nil {
		for _, name := range wal.FactsNames(logName, d.Facts.Generation) {
			known[name] = true
		}
	}
	names, err := fs.List(logDir)
	var left []string
	for _, name := range names {
		if info, err := fs.Stat(filepath.Join(logDir, name)); err == nil && !info.IsDir() && !known[name] && !strings.HasSuffix(name, ".aside") {
			left = append(left, name)
		}
	}
	return left, err
}

// straySidecars are files in the folder of sidecars that its catalog does not account for.
func (c Config) straySidecars(fs disk.FS) ([]string, error) {
	s, err := heal.Open(c.coverOptions(fs), false)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	known := map[string]bool{"lock": true, "quarantine": true, "catalog.0": true, "catalog.1": true, "catalog.2": true}
	for _, name := range s.Names() {
		e, _ := s.Entry(name)
		flat := strings.ReplaceAll(strings.ReplaceAll(name, "%", "%25"), "/", "%2F")
		known[flat+"."+strconv.FormatUint(e.Generation, 10)+".rs"] = true
		known[flat+"."+strconv.FormatUint(e.Generation, 10)+".tail"] = e.Growing
	}
	names, err := fs.List(filepath.Join(dataDir, heal.Folder))
	return slices.DeleteFunc(names, func(name string) bool { return known[name] }), err
}
