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

// tryLog is a log with a ring on a disk where the executor may commit.
func tryLog(t *testing.T, fs *memFS, busy func() bool) *Log {
	o := ringOptions(fs)
	o.FS = &crashfs.TwinDisk{FS: fs, Busy: busy}
	return ringLog(t, o)
}

// commitIdle commits a unit as an executor does that has nothing else to do, and waits for its reply. It says whether its own thread did it.
func commitIdle(t *testing.T, l *Log, u []byte) (own bool) {
	t.Helper()
	finish := l.CommitIdle(u, 0)
	if finish != nil {
		finish()
	}
	waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
	return finish != nil
}

// untilLent commits until a commit is left to the executor's thread.
func untilLent(t *testing.T, l *Log) (finish func()) {
	t.Helper()
	waitFor(t, "commits so fast that the executor makes one", func() bool {
		finish = l.CommitIdle(set("k", "v"), 0)
		if finish == nil {
			waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
		}
		return finish != nil
	})
	return finish
}

// I1, I2: what the executor's thread commits is durable in both halves when the reply may leave, and in the increment, also where another
// goroutine is the executor by then and goes on.
func TestI1ExecutorCommits(t *testing.T) {
	fs := newMemFS()
	l := tryLog(t, fs, nil)
	stream := commitAll(t, l, command("SELECT", "0"))
	var own int64
	for i := range 400 {
		u := set("key", strings.Repeat(string(rune('a'+i%26)), 10*i))
		stream = append(stream, u...)
		if i%3 > 0 {
			if commitIdle(t, l, u) {
				own++
			}
		} else if finish := l.CommitIdle(u, 0); finish != nil {
			own++
			var ended sync.WaitGroup
			ended.Go(finish)
			for range i % 7 {
				u := set("other", "v")
				stream = append(stream, u...)
				l.Commit(u, 0)
			}
			ended.Wait()
		}
		waitFor(t, "the replies", func() bool { return l.Released() == l.End() })
		if i%50 == 0 {
			filed := l.Filed()
			if r := readRing(t, fs.powerCut(), l); r.Broken != nil || r.Reach(filed) < l.Released() {
				t.Fatalf("after a power cut the ring goes from %d to %d, %d was released: %v", filed, r.Reach(filed), l.Released(), r.Broken)
			}
		}
	}
	if s := l.Status(); s.RingInline == 0 || s.RingInline > own { // a ring that is full takes none
		t.Errorf("of %d commits left to the executor's thread %d count as its own", own, s.RingInline)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	if got, _, _, _ := readBack(t, fs, testDir, defaultName); !bytes.Equal(got, stream) {
		t.Errorf("the increment has %d bytes of %d", len(got), len(stream))
	}
}

// ringGate makes the syncs of a ring wait while it is locked.
type ringGate struct {
	sync.Mutex
	came atomic.Int64 // syncs, so far
}

func newRingGate() (fs *memFS, gate *ringGate) {
	fs, gate = newMemFS(), new(ringGate)
	fs.gate = func(path string) {
		if strings.Contains(path, RingName(defaultName)) {
			gate.came.Add(1)
			gate.Lock()
			defer gate.Unlock()
		}
	}
	return fs, gate
}

// untilStuck commits until the executor's thread waits for the ring's sync in a commit, with the gate locked. finished is closed when that commit is
// over. In it busy, unless it is nil, is set to what it is to be.
func untilStuck(t *testing.T, l *Log, gate *ringGate, busy *atomic.Bool, to bool) (finished chan struct{}) {
	t.Helper()
	for {
		finish := untilLent(t, l)
		if busy != nil {
			busy.Store(to)
		}
		gate.Lock()
		before := gate.came.Load()
		finished = make(chan struct{})
		go func() {
			defer close(finished)
			finish()
		}()
		over := false
		waitFor(t, "the sync, or an end without one", func() bool {
			select {
			case <-finished:
				over = true
			default:
			}
			return over || gate.came.Load() > before
		})
		if !over {
			return finished
		}
		if busy != nil {
			busy.Store(false)
		}
		gate.Unlock() // the ring was full, or the increment had it by then
		waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
	}
}

// While the ring's device stands still nothing is released and no other commit left to the executor's thread, nor soon after. What came
// meanwhile is committed behind it.
func TestExecutorLeavesSlowRing(t *testing.T) {
	fs, gate := newRingGate()
	l := tryLog(t, fs, nil)
	defer l.Close(true)
	commitIdle(t, l, command("SELECT", "0"))
	finished := untilStuck(t, l, gate, nil, false)
	at := l.Released()
	for range 50 {
		if l.CommitIdle(set("b", "2"), 0) != nil {
			t.Error("a second commit was left to be finished")
		}
	}
	time.Sleep(2 * FastCommit)
	if l.Released() != at {
		t.Error("released without a sync")
	}
	gate.Unlock()
	waitFor(t, "the replies", func() bool { return l.Released() == l.End() })
	<-finished
	l.mu.Lock()
	credit := l.front.credit
	l.mu.Unlock()
	if credit >= tryCredit { // the ringer's commit, which may have been fast, is one of the two that it takes
		t.Errorf("%d fast commits behind a slow one", credit)
	}
	untilLent(t, l)()
}

// What concerns the ringer while the executor's thread has the ring, and nothing else wakes it for later, is done when that has ended.
func TestRingerMissesNothing(t *testing.T) {
	for name, do := range map[string]func(l *Log){
		"commit": func(l *Log) { l.Commit(set("b", "2"), 0) },
		"close":  func(l *Log) {},
	} {
		fs, gate := newRingGate()
		l := tryLog(t, fs, nil)
		commitIdle(t, l, command("SELECT", "0"))
		finished := untilStuck(t, l, gate, nil, false)
		do(l)
		closed := make(chan error, 1)
		if name == "close" {
			go func() { closed <- l.Close(true) }()
		}
		waitFor(t, name+": the ringer to look", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.front.missed && l.front.resting
		})
		gate.Unlock()
		waitFor(t, name+": the replies", func() bool { return l.Released() == l.End() })
		if name != "close" {
			go func() { closed <- l.Close(true) }()
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		<-finished
	}
}

// While something else is being synced no commit is left to the executor's thread, and if that began within its commit it does not write to
// the increment either: both could make it wait for the device.
func TestExecutorLeavesSyncs(t *testing.T) {
	fs, gate := newRingGate()
	var busy atomic.Bool
	l := tryLog(t, fs, busy.Load)
	defer l.Close(true)
	commitIdle(t, l, command("SELECT", "0"))
	untilLent(t, l)()

	busy.Store(true)
	for range 10 {
		if commitIdle(t, l, set("a", "1")) {
			t.Error("a commit was left during a sync")
		}
	}
	busy.Store(false)

	// attempt is a commit of the executor's thread that waits for the device; written: it is in the increment by then.
	attempt := func(syncBegins bool) (written bool) {
		finished := untilStuck(t, l, gate, &busy, syncBegins)
		l.mu.Lock()
		written = l.wrote.lsn == l.end
		l.mu.Unlock()
		busy.Store(false)
		gate.Unlock()
		<-finished
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
		l := tryLog(t, fs, nil)
		commitIdle(t, l, command("SELECT", "0"))
		untilLent(t, l)()
		fs.setBefore(func(o, name string) error {
			if o == op && strings.Contains(name, RingName(defaultName)) {
				return syscall.EIO
			}
			return nil
		})
		for !commitIdle(t, l, set("x", "y")) && l.Status().RingFailures == 0 {
		}
		if s := l.Status(); l.Filed() < l.End() || s.RingFailures != 1 || s.Ring != "" {
			t.Errorf("%s: released %d, the increments are durable up to %d: %+v", op, l.End(), l.Filed(), s)
		}
		fs.setBefore(nil)
		waitFor(t, "a new ring", func() bool { return l.Status().Ring != "" })
		untilLent(t, l)()
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		if _, end, _, _ := readBack(t, fs, testDir, defaultName); end != l.End() {
			t.Errorf("%s: the increment ends at %d, want %d", op, end, l.End())
		}
	}
}
