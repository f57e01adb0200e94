package heal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// damaged is a way to harm a covered file that a repair can undo.
type damaged struct {
	name    string
	growing bool
	cut     bool // bytes behind the covered ones go to the quarantine
	full    bool // there is no room for a second copy
	harm    func(p []byte) []byte
}

// tight is a disk without room for a second copy of the file: what a rewrite writes beside it does not fit.
type tight struct{ disk.FS }

func (d tight) Create(name string) (disk.File, error) {
	f, err := d.FS.Create(name)
	if err == nil && strings.HasSuffix(name, ".heal.tmp") {
		return tightFile{f}, nil
	}
	return f, err
}

type tightFile struct{ disk.File }

func (f tightFile) WriteAt([]byte, int64) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

// I17, I18: a repair that is cut short at any change, by a crash, has made nothing worse: the file is still within its budget, each byte that
// was replaced is durable in the quarantine or still in its place, and the next repair gives the file as it was.
func TestRepairCrash(t *testing.T) {
	some := func(p []byte) []byte {
		copy(p[5000:], randomBytes(4, 4000)) // no zeros: a lost page reads as those
		p[0] ^= 1
		p[len(p)-1] ^= 1
		return p
	}
	for _, d := range []damaged{
		{name: "cells", harm: some},
		{name: "cells of one that grows", growing: true, harm: some},
		{name: "cut short", harm: func(p []byte) []byte { return p[:len(p)-9000] }},
		{name: "cut short, no room", full: true, harm: func(p []byte) []byte { return some(p)[:len(p)-9000] }},
		{name: "one that grows, cut short", growing: true, harm: func(p []byte) []byte { return some(p)[:len(p)-9000] }},
		{name: "extended, to be cut", cut: true, harm: func(p []byte) []byte { return append(some(p), bytes.Repeat([]byte("more"), 3000)...) }},
		{name: "extended, to be cut, no room", cut: true, full: true, harm: func(p []byte) []byte { return append(some(p), bytes.Repeat([]byte("more"), 3000)...) }},
		{name: "extended", harm: func(p []byte) []byte { return append(some(p), "more"...) }},
	} {
		t.Run(d.name, func(t *testing.T) { testRepairCrash(t, d) })
	}
}

func testRepairCrash(t *testing.T, d damaged) {
	want := randomBytes(3, 150_000)
	bad := d.harm(bytes.Clone(want))
	whole := crashfs.New()
	whole.Put("/d/f", string(want))
	s := open(t, whole, "")
	if d.growing {
		g, err := s.Grow("f")
		if err == nil {
			err = g.Advance(int64(len(want)))
		}
		if err = errors.Join(err, g.Close()); err != nil {
			t.Fatal(err)
		}
	} else if _, err := s.Protect("f"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	result := want
	if len(bad) > len(want) && !d.cut {
		result = append(bytes.Clone(want), bad[len(want):]...)
	}
	for stop, done := 0, false; !done; stop++ {
		fsys := whole.Clone()
		fsys.Put("/d/f", string(bad))
		left := stop
		repair := func(fsys *crashfs.FS, left *int) error {
			o := options(fsys)
			s, err := Open(o, true)
			if err != nil {
				return err
			}
			defer s.Close()
			s.o.FS = stopping{fsys, left, errors.New("stopped")}
			if d.full {
				s.o.FS = tight{s.o.FS}
			}
			_, err = s.Repair("f", d.cut)
			return err
		}
		err := repair(fsys, &left)
		if done = err == nil; !done && !strings.Contains(err.Error(), "stopped") {
			t.Fatalf("stopped at change %d: %v", stop, err)
		}
		after := fsys.Crash(uint64(stop))
		lookSweptRepair(t, after.Clone(), stop)
		lookHalf(t, after, bad, result, fmt.Sprintf("stopped at change %d", stop))
		enough := 1 << 30
		if err := repair(after, &enough); err != nil {
			t.Fatalf("stopped at change %d, and again: %v", stop, err)
		}
		if got := content(t, after, "/d/f"); !bytes.Equal(got, result) {
			t.Fatalf("stopped at change %d, and again: not as it was, %d bytes of %d", stop, len(got), len(result))
		}
		if at := unfinishedFiles(after); len(at) > 0 {
			t.Fatalf("stopped at change %d, and again: %v is left", stop, at)
		}
		lookHalf(t, after, bad, result, fmt.Sprintf("stopped at change %d, and again", stop))
		if done && stop < 5 {
			t.Fatalf("only %d changes", stop)
		}
	}
}

// lookSweptRepair sweeps behind a repair that was cut short, at each change of that and then to its end: nothing is left beside the file, which
// stays as it is.
func lookSweptRepair(t *testing.T, fsys *crashfs.FS, stop int) {
	t.Helper()
	was := content(t, fsys, "/d/f")
	for left, done := 0, false; !done; left++ {
		cut := fsys.Clone()
		s := open(t, cut, "")
		changes := left
		s.o.FS = stopping{cut, &changes, errors.New("stopped")}
		_, err := s.Sweep(nobody, nobody)
		s.Close()
		if done = err == nil; !done {
			continue
		}
		if at := unfinishedFiles(cut.Crash(0)); len(at) > 0 || !bytes.Equal(content(t, cut, "/d/f"), was) {
			t.Fatalf("stopped at change %d, and swept: %v is left", stop, at)
		}
	}
}

// unfinishedFiles are those that repairs have left.
func unfinishedFiles(fsys *crashfs.FS) (paths []string) {
	for file := range fsys.Tree() {
		if strings.HasSuffix(file, unfinishedSuffix) {
			paths = append(paths, file)
		}
	}
	return paths
}

// lookHalf holds a file whose repair was cut short against what it was before, bad, and what it is to be, want.
func lookHalf(t *testing.T, fsys *crashfs.FS, bad, want []byte, what string) {
	t.Helper()
	s, err := Open(options(fsys), false)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	r, err := s.Verify("f")
	if err != nil || r.State == Beyond {
		t.Fatalf("%s: %+v, %v", what, r, err)
	}
	type piece struct {
		pos  int64
		text string
	}
	var kept []piece
	for file, text := range fsys.Tree() {
		if dir, base := path.Split("/" + strings.TrimPrefix(file, "/")); dir == "/d/heal/quarantine/" {
			pos, err := strconv.ParseInt(strings.Split(base, ".")[2], 10, 64) // f.GENERATION.POSITION
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, piece{pos, text})
		}
	}
	now := content(t, fsys, "/d/f")
	for i, b := range bad {
		if i < len(now) && now[i] == b || i < len(want) && want[i] == b {
			continue
		}
		found := false
		for _, p := range kept {
			if at := int64(i) - p.pos; at >= 0 && at < int64(len(p.text)) && p.text[at] == b {
				found = true
			}
		}
		if !found {
			t.Fatalf("%s: byte %d was replaced, and is kept nowhere", what, i)
		}
	}
}
