package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"frankenredis/conformance/crashfs"
)

const (
	storedOld = "the old snapshot"
	storedNew = "the new snapshot, which is longer"
)

// newIncoming is a store into /d over an old snapshot, which proves what it reads.
func newIncoming(t *testing.T, fsys *crashfs.FS) *incoming {
	fsys.Put("/d/dump.rdb", storedOld)
	return &incoming{fs: fsys, dir: "/d", temp: "/d/temp-1.1.rdb", final: "/d/dump.rdb",
		prove: func(r io.Reader) error {
			p, err := io.ReadAll(r)
			if err == nil && string(p) != storedNew {
				t.Errorf("to be proven: %q", p)
			}
			return err
		},
		publish: func() error { return nil },
	}
}

// Wherever the machine dies while a snapshot from the primary is stored (I12, I21), the old one is there, or the new one, whole; and the new
// one once the store has returned.
func TestIncomingCrash(t *testing.T) {
	fsys := crashfs.New()
	in := newIncoming(t, fsys)
	renamed := false
	fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		for seed := range uint64(16) {
			got := freeze().Crash(seed).Tree()["/d/dump.rdb"]
			if got != storedOld && !(renamed && got == storedNew) {
				t.Errorf("before %v, seed %d: %q", e, seed, got)
			}
		}
		renamed = renamed || e.Op == crashfs.Rename
	})
	file, err := in.store(iotest.OneByteReader(strings.NewReader(storedNew)))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	for seed := range uint64(16) {
		if tree := fsys.Crash(seed).Tree(); tree["/d/dump.rdb"] != storedNew || len(tree) != 1 {
			t.Errorf("stored, seed %d: %q", seed, tree)
		}
	}
}

// A call that fails, whichever it is, is told and leaves the old snapshot in charge and nothing beside it. Only behind the rename, when the folder
// cannot be synced, it may be either.
func TestIncomingFails(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		seen := map[crashfs.Op]bool{}
		for n := 1; ; n++ {
			fsys := crashfs.New()
			in := newIncoming(t, fsys)
			fsys.Inject(crashfs.Fault{Op: crashfs.Any, Nth: n, Err: errno, Short: 5})
			file, err := in.store(iotest.OneByteReader(strings.NewReader(storedNew)))
			if err == nil {
				file.Close()
				break
			}
			var hit crashfs.Event
			for _, e := range fsys.Trace() {
				if e.Err != nil {
					hit = e
				}
			}
			seen[hit.Op] = true
			if file != nil || !errors.Is(err, errno) {
				t.Errorf("%v: %v", hit, err)
			}
			trees := map[string]map[string]string{"as it is": fsys.Tree()}
			for seed := range uint64(8) {
				trees[fmt.Sprint("seed ", seed)] = fsys.Crash(seed).Tree()
			}
			for how, tree := range trees {
				got := tree["/d/dump.rdb"]
				if got != storedOld && !(hit.Op == crashfs.SyncDir && got == storedNew) {
					t.Errorf("%v, %s: %q", hit, how, got)
				}
				if how == "as it is" && len(tree) != 1 {
					t.Errorf("%v: left %q", hit, tree)
				}
			}
		}
		for _, op := range []crashfs.Op{crashfs.Create, crashfs.Write, crashfs.Sync, crashfs.Stat, crashfs.Read, crashfs.Rename, crashfs.SyncDir} {
			if !seen[op] {
				t.Errorf("%v never failed", op)
			}
		}
	}
}

// A snapshot that is cut off, refused or not wanted any more does not replace the old one; whoever said so is heard.
func TestIncomingGivenUp(t *testing.T) {
	no := errors.New("no")
	for name, change := range map[string]func(in *incoming, src *io.Reader){
		"cut off": func(_ *incoming, src *io.Reader) {
			*src = io.MultiReader(bytes.NewReader([]byte("half")), iotest.ErrReader(no))
		},
		"refused":    func(in *incoming, _ *io.Reader) { in.prove = func(io.Reader) error { return no } },
		"not wanted": func(in *incoming, _ *io.Reader) { in.publish = func() error { return no } },
	} {
		fsys := crashfs.New()
		in := newIncoming(t, fsys)
		var src io.Reader = strings.NewReader(storedNew)
		change(in, &src)
		if _, err := in.store(src); !errors.Is(err, no) {
			t.Errorf("%s: %v", name, err)
		}
		if tree := fsys.Tree(); tree["/d/dump.rdb"] != storedOld || len(tree) != 1 {
			t.Errorf("%s: %q", name, tree)
		}
	}
}

// What comes in large amounts is synced on its way.
func TestIncomingSyncs(t *testing.T) {
	fsys := crashfs.New()
	in := newIncoming(t, fsys)
	in.prove = func(io.Reader) error { return nil }
	file, err := in.store(io.LimitReader(zeros{}, 3*syncStep+1))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	syncs := 0
	for _, e := range fsys.Trace() {
		if e.Op == crashfs.SyncData {
			syncs++
		}
	}
	if size, err := file.Size(); syncs != 3 || size != 3*syncStep+1 || err != nil {
		t.Errorf("%d syncs of %d bytes, %v", syncs, size, err)
	}
}

// zeros is a source without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
