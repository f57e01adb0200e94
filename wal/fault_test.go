package wal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// turnstile holds back the syncs of increments and counts them.
type turnstile struct {
	mu     sync.Mutex
	closed chan struct{} // not nil: syncs wait for it
	inside atomic.Int32
	most   atomic.Int32
	count  atomic.Int32
}

func (g *turnstile) pass(path string) {
	if !strings.HasSuffix(path, ".incr.aof") && !strings.HasSuffix(path, ".spare") {
		return
	}
	n := g.inside.Add(1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	g.count.Add(1)
	g.mu.Lock()
	wait := g.closed
	g.mu.Unlock()
	if wait != nil {
		<-wait
	}
	g.inside.Add(-1)
}

func (g *turnstile) close() {
	g.mu.Lock()
	g.closed = make(chan struct{})
	g.mu.Unlock()
}

func (g *turnstile) open() {
	g.mu.Lock()
	close(g.closed)
	g.closed = nil
	g.mu.Unlock()
}

// gated is a log on a disk whose syncs a test holds back.
func gated(t *testing.T, o Options) (*Log, *memFS, *turnstile) {
	t.Helper()
	fs, g := newMemFS(), &turnstile{}
	fs.gate = g.pass
	o.FS = fs
	l := createTest(t, o)
	waitFor(t, "a spare", func() bool { return hasSpare(l) })
	return l, fs, g
}

// The executor never waits, not for a sync either. Under always no reply is released while its sync is under way (I1),
// and all that comes meanwhile shares the next one.
func TestGroupCommit(t *testing.T) {
	l, _, g := gated(t, quickOptions(nil, Always))
	defer l.Close(true)
	g.close()
	before := g.count.Load()
	l.Commit(set("first", "x"), 0)
	waitFor(t, "the first sync", func() bool { return g.inside.Load() == 1 })
	first := l.End()
	for i := range 1000 {
		l.Commit(set(fmt.Sprint(i), "x"), 0)
	}
	if l.Released() != 0 || l.Durable() != 0 {
		t.Fatalf("released %d, durable %d while the first sync is under way", l.Released(), l.Durable())
	}
	if s := l.Status(); s.UnsyncedBytes != int64(l.End()) || s.PendingBytes != int64(l.End()) {
		t.Errorf("status %+v", s)
	}
	if l.End() == first {
		t.Fatal("nothing was committed")
	}
	g.open()
	waitFor(t, "release", func() bool { return l.Released() == l.End() })
	if n := g.count.Load() - before; n != 2 {
		t.Errorf("%d syncs, want 2", n)
	}
}

// Under everysec writing goes on while a sync is under way, by the writer: a reply is released when its bytes are with
// the operating system (I4), and the executor itself never gets stuck behind the sync. There are never two syncs at once.
func TestEverySecWritesDuringSync(t *testing.T) {
	l, _, g := gated(t, quickOptions(nil, EverySec))
	defer l.Close(true)
	g.close()
	l.Commit(set("first", "x"), 0)
	waitFor(t, "the first sync", func() bool { return g.inside.Load() == 1 })
	inline := l.Status().Inline
	for i := range 100 {
		l.Commit(set(fmt.Sprint(i), "x"), 0)
	}
	waitFor(t, "writes", func() bool { return l.Written() == l.End() && l.Released() == l.End() })
	if l.Durable() != 0 {
		t.Errorf("durable %d", l.Durable())
	}
	if s := l.Status(); s.Inline != inline || !s.Syncing {
		t.Errorf("the executor wrote %d times during a sync", s.Inline-inline)
	}
	time.Sleep(5 * time.Millisecond) // several periods
	g.open()
	waitFor(t, "sync", func() bool { return l.Durable() == l.End() })
	if g.most.Load() != 1 {
		t.Errorf("%d syncs at once", g.most.Load())
	}
	if s := l.Status(); s.DelayedSyncs == 0 {
		t.Errorf("a sync was late, and the status does not say so: %+v", s)
	}
}

// I4: under everysec a sync starts at the latest one second after the first unsynced byte, and none without one.
func TestEverySecInTime(t *testing.T) {
	o := quickOptions(nil, EverySec)
	o.syncDelay = 0 // the real one
	l, _, g := gated(t, o)
	defer l.Close(true)
	before := g.count.Load()
	began := time.Now()
	l.Commit(set("a", "1"), 0)
	waitFor(t, "sync", func() bool { return g.count.Load() > before })
	if took := time.Since(began); took < syncDelay {
		t.Errorf("the sync began after %v", took)
	}
	waitFor(t, "the end of the sync", func() bool { return l.Durable() == l.End() })
	if n := g.count.Load() - before; n != 1 {
		t.Errorf("%d syncs, want 1", n)
	}
	// How long it took says nothing on a busy machine. What the writer means to do does.
	l.mu.Lock()
	defer l.mu.Unlock()
	if what, wait := l.decide(time.Now().Add(time.Hour)); what != rest || wait < time.Minute {
		t.Errorf("with nothing to sync: task %d, or rest for %v", what, wait)
	}
	l.wrote.lsn++
	defer func() { l.wrote.lsn-- }()
	l.dirtySince = began
	defer func() { l.dirtySince = time.Time{} }()
	if what, wait := l.decide(began.Add(900 * time.Millisecond)); what != rest || wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("900 ms after the first unsynced byte: task %d, or rest for %v", what, wait)
	}
	if what, _ := l.decide(began.Add(time.Second)); what != syncBehind {
		t.Errorf("a second after the first unsynced byte: task %d", what)
	}
}

// Policy no syncs at a switch and at the end only.
func TestNoSyncs(t *testing.T) {
	l, _, g := gated(t, quickOptions(nil, No))
	before := g.count.Load()
	l.Commit(set("a", "1"), 0)
	time.Sleep(20 * time.Millisecond)
	if n := g.count.Load() - before; n != 0 || l.Released() != l.End() || l.Durable() != 0 {
		t.Errorf("%d syncs, released %d, durable %d", n, l.Released(), l.Durable())
	}
	if _, err := switchNow(l); err != nil || l.Durable() != l.End() {
		t.Errorf("durable %d after the switch: %v", l.Durable(), err)
	}
	l.Commit(set("b", "2"), 0)
	if err := l.Close(true); err != nil || l.Durable() != l.End() {
		t.Errorf("durable %d after the end: %v", l.Durable(), err)
	}
}

// I15 for memory: held bytes are bounded. At the limit the log says that it is full, and that it is not any more.
func TestFull(t *testing.T) {
	o := quickOptions(nil, Always)
	o.PendingLimit = leastPendingLimit
	var wakes atomic.Int32
	o.Wake = func() { wakes.Add(1) }
	l, _, g := gated(t, o)
	defer l.Close(true)
	g.close()
	value := strings.Repeat("v", 100<<10)
	for i := 0; !l.Full(); i++ {
		if i > 20 {
			t.Fatal("never full")
		}
		l.Commit(set(fmt.Sprint(i), value), 0)
	}
	if l.End() < leastPendingLimit {
		t.Errorf("full at %d", l.End())
	}
	woken := wakes.Load()
	g.open()
	waitFor(t, "room", func() bool { return !l.Full() })
	waitFor(t, "wake", func() bool { return wakes.Load() > woken })
}

// faultCase is an I/O error and what comes of it.
type faultCase struct {
	name   string
	policy Policy
	op     string
	err    error
	short  int
	reason string
	cut    bool // bytes behind the last sync lie in the old increment
}

// I8: a sync that failed covers nothing, whatever later ones say; what is not durable is written again elsewhere from
// memory, the old file is cut where it was last durable, and a stock server applies nothing twice. I2: until then no
// reply is released.
func TestMend(t *testing.T) {
	for _, c := range []faultCase{
		{name: "always, sync", policy: Always, op: "fdatasync", err: errIO, reason: "Input/output error", cut: true},
		{name: "always, write", policy: Always, op: "write", err: errIO, reason: "Input/output error"},
		{name: "always, short", policy: Always, op: "write", err: errNoSpace, short: 7, reason: "No space left on device", cut: true},
		{name: "everysec, sync", policy: EverySec, op: "fdatasync", err: errIO, reason: "Input/output error", cut: true},
		{name: "everysec, write", policy: EverySec, op: "write", err: errNoSpace, reason: "No space left on device"},
		{name: "everysec, short", policy: EverySec, op: "write", err: errNoSpace, short: 30, reason: "No space left on device", cut: true},
		{name: "no, short", policy: No, op: "write", err: errNoSpace, short: 30, reason: "No space left on device", cut: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := newMemFS()
			o := quickOptions(fs, c.policy)
			o.Hardened = true
			l := createTest(t, o)
			waitFor(t, "a spare", func() bool { return hasSpare(l) })
			first := join(appendSelect(nil, 2), set("a", "1"))
			l.Commit(first, 2)
			if c.policy != No {
				waitFor(t, "sync", func() bool { return l.Durable() == l.End() })
			}
			durable, released := l.Durable(), l.Released()
			failed, broken := false, true
			fs.setBefore(func(op, name string) error {
				if op == c.op && strings.HasSuffix(name, ".1.incr.aof") && !failed {
					failed = true
					return shortWrite{c.short, c.err}
				}
				if failed && broken && op == "create" { // no way out for a while
					return c.err
				}
				return nil
			})
			second := set("b", strings.Repeat("2", 100))
			l.Commit(second, 2)
			waitFor(t, "the error", func() bool { return l.Err() != nil })
			third := set("c", "3")
			l.Commit(third, 2)
			time.Sleep(5 * time.Millisecond)
			if l.Durable() != durable || l.Written() > durable && c.policy == Always {
				t.Errorf("durable %d, written %d after the error; %d before", l.Durable(), l.Written(), durable)
			}
			if c.op == "write" && l.Released() != released {
				t.Errorf("released %d after the error, %d before", l.Released(), released)
			}
			var we *WriteError
			if !errors.As(l.Err(), &we) || we.Reason() != c.reason || errors.Is(l.Err(), ErrFatal) {
				t.Errorf("error %v", l.Err())
			}
			if s := l.Status(); s.WriteOK || s.WriteReason != c.reason {
				t.Errorf("status %+v", s)
			}
			if _, err := l.Switch(func(error) { t.Error("done was called") }); err == nil {
				t.Error("switched in the middle of an error")
			}
			fs.mu.Lock()
			broken = false
			fs.mu.Unlock()
			waitFor(t, "healing", func() bool { return l.Err() == nil })
			waitFor(t, "release", func() bool { return l.Released() == l.End() })
			if s := l.Status(); !s.WriteOK || s.Heals != 1 || s.Seq != 2 {
				t.Errorf("status %+v", s)
			}
			fs.setBefore(nil)
			var cuts int
			for _, call := range fs.calls() {
				if call == "truncate appendonly.aof.1.incr.aof" {
					cuts++
				}
			}
			if cuts != 1 {
				t.Errorf("cut %d times", cuts)
			}
			l.Commit(set("d", "4"), 2)
			if err := l.Close(true); err != nil {
				t.Fatal(err)
			}
			r, err := recoverLog(fs.powerCut(), testDir, false)
			if err != nil {
				t.Fatal(err)
			}
			if want := join(first, second, third, set("d", "4")); !bytes.Equal(r.stream, want) {
				t.Errorf("recovered %q\nwant %q", r.stream, want)
			}
		})
	}
}

// Strict always: when no place is found to write to the server must end, with Redis's line. A clean switch to another
// place comes first.
func TestFatal(t *testing.T) {
	for _, c := range []struct {
		op, want string
	}{
		{"fdatasync", "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error. Exiting..."},
		{"write", "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."},
	} {
		t.Run(c.op, func(t *testing.T) {
			fs := newMemFS()
			l := createTest(t, quickOptions(fs, Always))
			waitFor(t, "a spare", func() bool { return hasSpare(l) })
			fs.setBefore(func(op, name string) error {
				if op == c.op && strings.HasSuffix(name, ".1.incr.aof") || op == "create" {
					return errIO
				}
				return nil
			})
			l.Commit(set("a", "1"), 0)
			waitFor(t, "the end", func() bool { return errors.Is(l.Err(), ErrFatal) })
			if l.Err().Error() != c.want {
				t.Errorf("error %q", l.Err())
			}
			if l.Released() != 0 || l.Durable() != 0 {
				t.Errorf("released %d, durable %d", l.Released(), l.Durable())
			}
			if err := l.Close(true); err == nil {
				t.Error("closed as if nothing had been")
			}
			if wm, err := ReadWatermark(fs, testDir, defaultName); err != nil || wm.Clean || wm.LSN != 0 {
				t.Errorf("watermark %+v, %v", wm, err)
			}
		})
	}
}

// I8 under policy no: what was forgotten before a sync failed is read back and proven, not assumed.
func TestMendReadsBack(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, No))
	waitFor(t, "a spare", func() bool { return hasSpare(l) })
	want := join(set("a", "1"), set("b", "2"))
	l.Commit(set("a", "1"), 0)
	l.Commit(set("b", "2"), 0)
	fs.failNext("fsync", 1, errIO)
	if _, err := switchNow(l); !errors.Is(err, errIO) {
		t.Fatalf("switched: %v", err)
	}
	waitFor(t, "healing", func() bool { return l.Err() == nil })
	fs.setBefore(nil)
	if l.Durable() != l.End() || l.Status().Gap != 0 {
		t.Errorf("durable %d of %d, %+v", l.Durable(), l.End(), l.Status())
	}
	r, err := recoverLog(fs.powerCut(), testDir, false)
	if err != nil || !bytes.Equal(r.stream, want) {
		t.Errorf("recovered %q, %v", r.stream, err)
	}
	if err := l.Close(true); err != nil {
		t.Error(err)
	}
}

// I8: if what policy no forgot cannot be proven either, Durable stays where it was until a base covers the gap. Replies that wait for that
// under always leave at once then.
func TestGapStaysUntilBase(t *testing.T) {
	fs := newMemFS()
	o := quickOptions(fs, No)
	var log atomic.Pointer[Log]
	var woken atomic.Uint64 // what was released when the executor was woken last
	o.Wake = func() {
		if l := log.Load(); l != nil {
			woken.Store(uint64(l.Released()))
		}
	}
	l := createTest(t, o)
	log.Store(l)
	waitFor(t, "a spare", func() bool { return hasSpare(l) })
	l.Commit(set("a", "1"), 0)
	fs.setBefore(func(op, name string) error {
		if op == "fsync" && strings.HasSuffix(name, ".1.incr.aof") {
			n := fs.names[name]
			n.data[len("*3\r\n$3\r\nSET\r\n$1\r\n")] = '`' // not flipped: several syncs may fail. The page was dropped and comes back from the disk as it was
			return errIO
		}
		return nil
	})
	if _, err := switchNow(l); err == nil {
		t.Fatal("switched")
	}
	fs.setBefore(nil)
	waitFor(t, "healing", func() bool { return l.Err() == nil })
	gap := l.End()
	l.Commit(set("b", "2"), 0)
	at, err := switchNow(l)
	if err != nil {
		t.Fatal(err)
	}
	if l.Durable() != 0 || l.Status().Gap != gap {
		t.Errorf("durable %d, %+v", l.Durable(), l.Status())
	}
	l.SetPolicy(Always)
	l.Commit(set("c", "3"), 0)
	waitFor(t, "a sync of the last commit", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.synced.lsn == l.end && l.resting
	})
	if l.Released() == l.End() {
		t.Error("a reply did not wait for the gap")
	}
	path := l.TempName("rewrite")
	f, _ := fs.Create(path)
	f.Write([]byte("all"))
	f.Sync()
	if err := l.Install(NewBase{Path: path, At: at, Size: 3, Sum: SumOf([]byte("all")), HasSum: true}); err != nil {
		t.Fatal(err)
	}
	if l.Durable() != l.End() || l.Status().Gap != 0 {
		t.Errorf("durable %d, want %d; %+v", l.Durable(), l.End(), l.Status())
	}
	if LSN(woken.Load()) != l.End() {
		t.Errorf("the executor was last woken for %d, and %d is released", woken.Load(), l.Released())
	}
	if err := l.Close(true); err != nil {
		t.Error(err)
	}
	if _, err := recoverLog(fs.powerCut(), testDir, false); err != nil {
		t.Error(err)
	}
}

// I21: a switch that fails leaves the old increment in charge, and nothing committed meanwhile is lost.
func TestSwitchFails(t *testing.T) {
	for _, op := range []string{"create temp-appendonly.aof.manifest", "rename temp-appendonly.aof.manifest", "rename temp-appendonly.aof.spare"} {
		t.Run(op, func(t *testing.T) {
			fs := newMemFS()
			l := createTest(t, quickOptions(fs, EverySec))
			waitFor(t, "a spare", func() bool { return hasSpare(l) })
			l.Commit(set("a", "1"), 0)
			failing := true
			fs.setBefore(func(o, name string) error {
				full := o + " " + name[strings.LastIndexByte(strings.Fields(name)[0], '/')+1:]
				if failing && strings.HasPrefix(full, op) {
					return errNoSpace
				}
				return nil
			})
			if _, err := switchNow(l); !errors.Is(err, errNoSpace) {
				t.Fatalf("switched: %v", err)
			}
			if l.Err() != nil || l.Status().Seq != 1 {
				t.Errorf("error %v, status %+v", l.Err(), l.Status())
			}
			l.Commit(set("b", "2"), 0)
			fs.mu.Lock()
			failing = false
			fs.mu.Unlock()
			if _, err := switchNow(l); err != nil {
				t.Fatal(err)
			}
			l.Commit(set("c", "3"), 0)
			if err := l.Close(true); err != nil {
				t.Fatal(err)
			}
			r, err := recoverLog(fs.powerCut(), testDir, false)
			if err != nil || !bytes.Equal(r.stream, join(set("a", "1"), set("b", "2"), set("c", "3"))) {
				t.Errorf("recovered %q, %v", r.stream, err)
			}
		})
	}
}

// A second switch while one is under way is refused, not queued.
func TestSwitchOneAtATime(t *testing.T) {
	l, _, g := gated(t, quickOptions(nil, EverySec))
	defer l.Close(true)
	g.close()
	done := make(chan error, 1)
	if _, err := l.Switch(func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Switch(nil); !errors.Is(err, ErrSwitching) {
		t.Errorf("second switch: %v", err)
	}
	l.Commit(set("held", "1"), 0)
	waitFor(t, "the seal", func() bool { return g.inside.Load() == 1 })
	if l.Released() != 0 {
		t.Error("a reply was released that lies behind the switch")
	}
	g.open()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	waitFor(t, "release", func() bool { return l.Released() == l.End() })
}

// Replies that were let go stay let go when the policy changes, and always begins with a sync of what lies there.
func TestSetPolicy(t *testing.T) {
	l, _, _ := gated(t, quickOptions(nil, No))
	defer l.Close(true)
	l.Commit(set("a", "1"), 0)
	end := l.End()
	l.SetPolicy(Always)
	if l.Released() != end {
		t.Errorf("released %d, was %d", l.Released(), end)
	}
	waitFor(t, "sync", func() bool { return l.Durable() == end })
	l.Commit(set("b", "2"), 0)
	waitFor(t, "release", func() bool { return l.Released() == l.End() })
	if l.Durable() != l.End() {
		t.Errorf("durable %d", l.Durable())
	}
	l.SetPolicy(EverySec)
	l.Commit(set("c", "3"), 0)
	if l.Released() != l.End() {
		t.Errorf("released %d of %d", l.Released(), l.End())
	}
}
