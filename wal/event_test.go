package wal

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What happens to a log is told once, in order, with where it is durable up to.
func TestEvents(t *testing.T) {
	var mu sync.Mutex
	var got []Event
	kinds := func() (out []EventKind) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range got {
			out = append(out, e.Kind)
		}
		return out
	}
	fs := newMemFS()
	o := quickOptions(fs, Always)
	o.Hardened = true
	o.Record = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e)
	}
	l := createTest(t, o)
	l.Commit(set("a", "1"), 0)
	waitFor(t, "sync", func() bool { return l.Durable() == l.End() })
	durable, failures := l.Durable(), 0
	fs.setBefore(func(op, name string) error {
		if failures < 2 && (op == "fdatasync" && strings.HasSuffix(name, ".1.incr.aof") || failures > 0 && op == "create") {
			failures++
			return errIO
		}
		return nil
	})
	l.Commit(set("b", "2"), 0)
	waitFor(t, "healing", func() bool { return slices.Contains(kinds(), Healed) && l.Released() == l.End() })
	healed := l.End()
	done := make(chan error, 1)
	if _, err := l.Switch(func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	if want := []EventKind{Failed, Healed, Switched}; !slices.Equal(kinds(), want) {
		t.Fatalf("%v, want %v", kinds(), want)
	}
	for i, want := range []struct {
		file string
		lsn  LSN
	}{{".1.incr.aof", durable}, {".2.incr.aof", healed}, {".2.incr.aof", healed}} {
		if !strings.HasSuffix(got[i].Path, want.file) || got[i].LSN != want.lsn {
			t.Errorf("event %d: %+v, want %+v", i, got[i], want)
		}
	}
	if !errors.Is(got[0].Err, errIO) || !got[2].HasSum || got[2].Pos == 0 {
		t.Errorf("%+v", got)
	}
}
