package heal

import (
	"math"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// Who waits for a growing file to be covered is told when it is, and gets it at once if it is in a hurry; one that is sealed is covered
// up to its end before it is covered as a whole.
func TestKeeperIsAwaited(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/log", "one,two,three,")
	fsys.Put("/d/next", "four,")
	var moved atomic.Int64
	k := keep(t, fsys, func(o *KeeperOptions) { o.Pace, o.Moved = time.Hour, func() { moved.Add(1) } })
	k.Grown("/d/log", 0, 50)
	k.until("what is empty", func() bool { return k.Covered() == 50 })
	k.Grown("/d/log", 4, 100)
	k.Hurry()
	k.until("the first", func() bool { return k.Covered() == 100 })
	k.Grown("/d/log", 8, 200)
	time.Sleep(5 * time.Millisecond)
	if got := k.Covered(); got != 100 {
		t.Errorf("covered up to %d, an hour early", got)
	}
	k.Hurry()
	k.until("the second", func() bool { return k.Covered() == 200 })
	k.Grown("/d/log", 14, 300)
	k.Grown("/d/next", 5, 301)
	sealing := make(chan bool)
	k.Protect("/d/log", func() Proof {
		sealing <- true
		<-sealing
		return Proof{}
	})
	<-sealing
	if got := k.Covered(); got != 300 {
		t.Errorf("covered up to %d before the sealed file has its sidecar, wanted 300", got)
	}
	sealing <- true
	k.Hurry()
	k.until("the next", func() bool { return k.Covered() == 301 })
	if moved.Load() < 4 {
		t.Errorf("told of %d moves", moved.Load())
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, fsys, "")
	for name, size := range map[string]int64{"log": 14, "next": 5} {
		if r, err := s.Verify(name); err != nil || r.State != Clean || r.Size != size {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// Nobody waits for sidecars that cannot be written, nor for a Keeper that does not keep up; when it does again, they are waited for again.
func TestKeeperAdrift(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/log", "one,two,three,")
	k := keep(t, fsys, func(o *KeeperOptions) { o.regrow = time.Millisecond })
	k.Grown("/d/log", 4, 100)
	k.until("the first", func() bool { return k.Covered() == 100 })
	fsys.Inject(crashfs.Fault{Op: crashfs.SyncData, Name: "*.tail", Err: syscall.ENOSPC, Times: 1000})
	k.Grown("/d/log", 8, 200)
	k.Hurry()
	k.until("going adrift", k.told(Adrift, "/d/log"))
	k.until("nobody waits", func() bool { return k.Covered() == math.MaxUint64 })
	if k.Status().Adrift == nil {
		t.Error("the status does not say so")
	}
	fsys.Heal()
	k.until("being back", k.told(CaughtUp, "/d/log"))
	if got := k.Covered(); got != 200 {
		t.Errorf("covered up to %d, wanted 200", got)
	}
	// Somebody waits, and the worker has other things to do.
	busy := make(chan bool)
	fsys.Put("/d/dump", "snapshot")
	k.Protect("/d/dump", func() Proof {
		busy <- true
		<-busy
		return Proof{}
	})
	<-busy
	k.Grown("/d/log", 14, 300)
	k.Hurry()
	k.CheckPace()
	if got := k.Covered(); got != 200 {
		t.Errorf("covered up to %d after no time at all", got)
	}
	k.mu.Lock()
	k.awaited.since = time.Now().Add(-2 * patience)
	k.mu.Unlock()
	k.CheckPace()
	if got := k.Covered(); got != math.MaxUint64 {
		t.Errorf("still waited for, up to %d", got)
	}
	busy <- true
	k.until("the rest", func() bool { return k.Covered() == 300 })
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

// Who waits for a file has its sidecar in the catalog, durably, when the wait ends, before all else that there is to do; what is not covered because
// nobody comes to it, or because whoever waits gives up, is not waited for.
func TestKeeperAwait(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/dump", "snapshot")
	fsys.Put("/d/base", "state")
	k := keep(t, fsys, func(o *KeeperOptions) { o.Settle = time.Hour })
	busy := make(chan bool)
	k.Protect("/d/dump", func() Proof {
		busy <- true
		<-busy
		return Proof{}
	})
	k.Protect("/d/base", nil)
	k.Await("/d/base", 5, nil)
	s, err := Open(options(fsys.Crash(1)), false)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify("base"); err != nil || r.State != Clean || !r.Sidecar {
		t.Errorf("after the wait: %+v, %v", r, err)
	}
	k.Await("/d/base", 5, nil) // there is nothing to do
	<-busy                     // the worker goes on with the dump
	fsys.Put("/d/base", "state, once more")
	k.Protect("/d/base", nil)
	k.Await("/d/base", 5, func() bool { return true })
	busy <- true
	k.Await("/d/base", 5, nil)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(options(fsys), false); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify("base"); err != nil || r.State != Clean {
		t.Errorf("the second: %+v, %v", r, err)
	}
	k.Await("/d/base", 5, nil) // nobody is there
}

// A file counts as covered when the catalog names its sidecar, not before: while others are still being covered nobody is told.
func TestKeeperCountsWhatTheCatalogHas(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/log", "one,two,")
	fsys.Put("/d/dump", "snapshot")
	k := keep(t, fsys, func(o *KeeperOptions) { o.Settle, o.Pace = 20*time.Millisecond, time.Hour })
	k.Grown("/d/log", 0, 50)
	k.until("what is empty", func() bool { return k.Covered() == 50 })
	fsys.Inject(crashfs.Fault{Op: crashfs.Create, Name: "*.tail", Err: syscall.EIO, Times: 1000})
	k.Grown("/d/log", 8, 100)
	busy := make(chan bool)
	k.Protect("/d/log", nil)
	k.Protect("/d/dump", func() Proof {
		busy <- true
		<-busy
		return Proof{}
	})
	<-busy
	if got := k.Covered(); got != 50 {
		t.Errorf("covered up to %d before the catalog says so", got)
	}
	busy <- true
	k.until("the catalog", func() bool { return k.Covered() == 100 })
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}
