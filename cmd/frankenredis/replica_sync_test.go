package main

import (
	"path/filepath"
	"testing"
	"time"

	"frankenredis/wal"
)

// on does something on the executor and waits for it.
func (w *syncWorld) on(f func()) {
	w.t.Helper()
	done := make(chan struct{})
	w.s.eng.Post(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
	case <-w.ended:
		w.t.Fatal("the server ended")
	}
}

// await waits until the condition holds on the executor.
func (w *syncWorld) await(what string, holds func() bool) {
	w.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		there := false
		w.on(func() { there = holds() })
		if there {
			return
		}
		if time.Since(began) > time.Minute {
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// What the executor has done for a link counts, also when the link is given up right behind it: endLog has taken the log out of use then, and
// has still to close it.
func TestCallTellsWhatWasDone(t *testing.T) {
	f := newFollower(nil)
	close(f.quit)
	for range 100 {
		done := make(chan error, 1)
		done <- nil
		if err := f.outcome(done); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.outcome(make(chan error)); err != errLinkGone {
		t.Error(err)
	}
}

// A full sync that fails when the old data is gone leaves what is no position of the history so far: neither this server nor a replica of it
// goes on from there.
func TestFailedSyncEndsHistory(t *testing.T) {
	w := newSyncWorld(t, true, "disabled", false, "#!lua name=broken\n this is no program")
	go func() {
		defer close(w.ended)
		w.s.run()
	}()
	defer w.end()
	w.await("the sync's failure", func() bool {
		return w.s.load.result != nil && w.s.log == nil && w.s.logsEnding == 0 && !w.s.eng.Loading() && w.s.keys() == 0
	})
	e, err := wal.ReadEpoch(w.fs, filepath.Join(w.dir, "appendonlydir"), "appendonly.aof")
	if err != nil {
		t.Fatal(err)
	}
	w.on(func() {
		if p := w.s.load.result; p.Position.ID == e.ID || p.ID2 == e.ID {
			t.Errorf("nothing is called position %v of the history %s", p.Position, e.ID)
		}
		if id, _ := w.s.request(); !id.IsZero() {
			t.Errorf("it would go on in %s", id)
		}
	})
}

// While a sync has ended the log, and its snapshot is not the data set yet, no other log begins in its folder.
func TestNoLogBeginsDuringSync(t *testing.T) {
	w := newSyncWorld(t, true, "swapdb", false)
	w.run()
	defer w.end()
	p := &plan{aside: true}
	var f *follower
	w.on(func() { f = w.s.replica.follower })
	if err := f.endLog(p); err != nil {
		t.Fatal(err)
	}
	w.on(func() {
		w.s.restartLog()
		if w.s.logHeld != nil || !w.s.rewrites.scheduled {
			t.Error("a log begins")
		}
		w.s.syncFailed(f, p)
	})
	w.await("the log", func() bool { return w.s.log != nil && !w.s.rewrites.scheduled && !w.s.busy(0) })
}
