package wal

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// tryLog is a log with a ring on a disk where the executor may commit; each of its attempts asks leave (crashfs.TwinDisk).
func tryLog(t *testing.T, fs *memFS, leave func() int) *Log {
	o := ringOptions(fs)
	o.FS = &crashfs.TwinDisk{FS: fs, Leave: leave}
	return ringLog(t, o)
}

// commitIdle commits a unit as an executor does that has nothing else to do, and waits for its reply.
func commitIdle(t *testing.T, l *Log, u []byte) {
	t.Helper()
	l.CommitIdle(u, 0)
	waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
}

// untilTried commits until the executor commits itself.
func untilTried(t *testing.T, l *Log, tries *atomic.Int64) {
	t.Helper()
	before := tries.Load()
	waitFor(t, "commits so fast that the executor makes one", func() bool {
		commitIdle(t, l, set("k", "v"))
		return tries.Load() > before
	})
}

// I1, I2: what the executor commits itself is durable in both halves when the reply may leave, and in the increment, whatever part of it
// the ringer had to finish.
func TestI1ExecutorCommits(t *testing.T) {
	fs := newMemFS()
	var tries atomic.Int64
	l := tryLog(t, fs, func() int { return int(tries.Add(1) % 4) })
	stream := commitAll(t, l, command("SELECT", "0"))
	for i := range 400 {
		u := set("key", strings.Repeat(string(rune('a'+i%26)), 10*i))
		stream = append(stream, u...)
		commitIdle(t, l, u)
		if i%50 == 0 {
			filed := l.Filed()
			if r := readRing(t, fs.powerCut(), l); r.Broken != nil || r.Reach(filed) < l.Released() {
				t.Fatalf("after a power cut the ring goes from %d to %d, %d was released: %v", filed, r.Reach(filed), l.Released(), r.Broken)
			}
		}
	}
	s := l.Status()
	if s.RingInline == 0 || s.RingInline >= tries.Load() {
		t.Errorf("the executor made %d commits of %d that it tried", s.RingInline, tries.Load())
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	if got, _, _, _ := readBack(t, fs, testDir, defaultName); !bytes.Equal(got, stream) {
		t.Errorf("the increment has %d bytes of %d", len(got), len(stream))
	}
}

// While the ring's device stands still the executor waits for nothing and tries nothing, and it does not try again before some commits were
// fast again.
func TestExecutorLeavesSlowRing(t *testing.T) {
	fs := newMemFS()
	var held atomic.Bool
	release := make(chan struct{})
	var once sync.Once
	fs.gate = func(path string) {
		if held.Load() && strings.Contains(path, RingName(defaultName)) {
			<-release
		}
	}
	var tries atomic.Int64
	l := tryLog(t, fs, func() int {
		tries.Add(1)
		if held.Load() {
			return 1 // the sync takes longer than the executor's patience
		}
		return 0
	})
	defer l.Close(true)
	defer once.Do(func() { close(release) })
	commitIdle(t, l, command("SELECT", "0"))
	untilTried(t, l, &tries)
	var before int64
	waitFor(t, "an attempt that meets the stall", func() bool { // the first commit behind a sync of the increment is the ringer's
		before = tries.Load()
		held.Store(true)
		l.CommitIdle(set("a", "1"), 0)
		if tries.Load() == before {
			held.Store(false)
			waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
		}
		return tries.Load() > before
	})
	at := l.Released()
	for range 50 {
		l.CommitIdle(set("b", "2"), 0) // returns although the sync does not
	}
	if l.Released() != at {
		t.Error("released without a sync")
	}
	if n := tries.Load() - before; n != 1 {
		t.Errorf("%d attempts while the device stood still", n)
	}
	time.Sleep(2 * tryPatience)
	held.Store(false)
	once.Do(func() { close(release) })
	waitFor(t, "the replies", func() bool { return l.Released() == l.End() })
	for i := range tryCredit - 1 {
		commitIdle(t, l, set("c", "3"))
		if n := tries.Load() - before; n != 1 {
			t.Errorf("tried again after %d commits", i+1)
		}
	}
	untilTried(t, l, &tries)
}

// While something else is being synced the executor commits nothing itself, and if that began within its commit it does not write to the
// increment either: both could make it wait for the device.
func TestExecutorLeavesSyncs(t *testing.T) {
	fs := newMemFS()
	var gate sync.Mutex // held: the ring's sync waits
	fs.gate = func(path string) {
		if strings.Contains(path, RingName(defaultName)) {
			gate.Lock()
			defer gate.Unlock()
		}
	}
	var tries atomic.Int64
	var busy, begins, held atomic.Bool
	o := ringOptions(fs)
	o.FS = &crashfs.TwinDisk{FS: fs, Busy: busy.Load, Leave: func() int {
		tries.Add(1)
		if !held.Load() {
			return 0
		}
		busy.Store(begins.Load())
		return 1 // the ringer cannot end the commit before the gate opens: until then nobody else has something to write
	}}
	l := ringLog(t, o)
	defer l.Close(true)
	commitIdle(t, l, command("SELECT", "0"))
	untilTried(t, l, &tries)

	busy.Store(true)
	before := tries.Load()
	for range 10 {
		commitIdle(t, l, set("a", "1"))
	}
	if n := tries.Load() - before; n != 0 {
		t.Errorf("%d attempts during a sync", n)
	}
	busy.Store(false)

	// attempt is a commit that the executor begins, and the ringer ends; written: it is in the increment between the two.
	attempt := func(syncBegins bool) (written bool) {
		for tried := false; !tried; {
			untilTried(t, l, &tries)
			before := tries.Load()
			begins.Store(syncBegins)
			held.Store(true)
			gate.Lock()
			l.CommitIdle(set("b", "2"), 0)
			if tried = tries.Load() > before; tried {
				l.mu.Lock()
				written = l.wrote.lsn == l.end
				l.mu.Unlock()
			}
			held.Store(false)
			busy.Store(false)
			gate.Unlock()
			waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
		}
		return written
	}
	waitFor(t, "an attempt that writes to the increment", func() bool { return attempt(false) })
	for range 5 {
		if attempt(true) {
			t.Error("written to the increment during a sync")
		}
	}
}

// I8: an error in a commit of the executor's is final for the ring, as in one of the ringer's, and is not acknowledged before the increment
// has it.
func TestI8ExecutorMeetsError(t *testing.T) {
	for _, op := range []string{"write", "fdatasync"} {
		fs := newMemFS()
		var tries atomic.Int64
		l := tryLog(t, fs, func() int { tries.Add(1); return 0 })
		commitIdle(t, l, command("SELECT", "0"))
		untilTried(t, l, &tries)
		fs.setBefore(func(o, name string) error {
			if o == op && strings.Contains(name, RingName(defaultName)) {
				return syscall.EIO
			}
			return nil
		})
		commitIdle(t, l, set("x", "y"))
		if s := l.Status(); l.Filed() < l.End() || s.RingFailures != 1 || s.Ring != "" {
			t.Errorf("%s: released %d, the increments are durable up to %d: %+v", op, l.End(), l.Filed(), s)
		}
		fs.setBefore(nil)
		waitFor(t, "a new ring", func() bool { return l.Status().Ring != "" })
		untilTried(t, l, &tries)
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		if _, end, _, _ := readBack(t, fs, testDir, defaultName); end != l.End() {
			t.Errorf("%s: the increment ends at %d, want %d", op, end, l.End())
		}
	}
}
