package heal

import (
	"fmt"
	"testing"

	"frankenredis/conformance/crashfs"
)

// What is told between Finish and Close, as of a ledger whose last record is that everything else is done, is covered when Close returns; a crash
// at any call of both leaves every cover as it was or as it is to be.
func TestKeeperFinish(t *testing.T) {
	const log, late = "/d/log", "/d/late"
	fsys := crashfs.New()
	fsys.Put(log, "one,two,three,")
	fsys.Put(late, "written at the end")
	var frozen []*crashfs.FS
	k := keep(t, fsys, nil)
	k.Grown(log, 4, 0)
	k.until("the first bytes", func() bool { return k.Status().Files == 1 })
	var closed bool // under the disk's lock
	fsys.At(0, func(_ crashfs.Event, freeze func() *crashfs.FS) {
		if !closed {
			frozen = append(frozen, freeze())
		}
	})
	k.Grown(log, 8, 0)
	k.Finish()
	if end := coveredEnd(t, fsys, "log"); end != 8 {
		t.Errorf("finished, and %d bytes are covered, want 8", end)
	}
	k.Grown(log, 14, 0)
	k.Protect(late, nil)
	k.Finish() // once more is not once too often
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k.Finish()
	fsys.At(fsys.Ops()+1, func(crashfs.Event, func() *crashfs.FS) { closed = true })
	if end, whole := coveredEnd(t, fsys, "log"), coveredEnd(t, fsys, "late"); end != 14 || whole != 18 {
		t.Errorf("closed, and %d and %d bytes are covered, want 14 and 18", end, whole)
	}
	if len(frozen) < 10 {
		t.Fatalf("only %d calls", len(frozen))
	}
	for i, f := range frozen {
		for seed := range uint64(6) {
			after := f.Crash(seed)
			what := fmt.Sprintf("call %d, power loss %d", i, seed)
			if end := coveredEnd(t, after, "log"); end < 4 {
				t.Errorf("%s: %d bytes of the log are covered", what, end)
			}
			coveredEnd(t, after, "late")
		}
	}
}

// coveredEnd is up to where a file is covered, in bytes, 0 if it is not; what is covered must be as it is.
func coveredEnd(t *testing.T, fsys *crashfs.FS, name string) int64 {
	t.Helper()
	s, err := Open(options(fsys), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Entry(name); !ok {
		return 0
	}
	r, err := s.Verify(name)
	if err != nil || r.State != Clean && r.State != Sidecar {
		t.Fatalf("%s: %+v, %v", name, r, err)
	}
	return r.Size
}
