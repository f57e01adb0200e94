package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/wal/disk"
)

const testRing = 128 << 10

// ringOptions are quickOptions with a small commit ring; the increments are synced only when they must be.
func ringOptions(fs *memFS) Options {
	o := quickOptions(fs, Always)
	o.Commit, o.RingSize, o.syncDelay = CommitRing, testRing, time.Hour
	return o
}

// ringLog is a log whose ring is ready.
func ringLog(t testing.TB, o Options) *Log {
	t.Helper()
	l := createTest(t, o)
	waitFor(t, "the rings", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, r := range l.ringers {
			if !r.ready {
				return false
			}
		}
		return true
	})
	return l
}

// commitAll commits units one after the other, each when the one before is released, and returns the stream.
func commitAll(t testing.TB, l *Log, units ...[]byte) (stream []byte) {
	t.Helper()
	for _, u := range units {
		stream = append(stream, u...)
		l.Commit(u, 0)
		waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
	}
	return stream
}

// commit commits units one after the other.
func commit(l *Log, units ...[]byte) {
	for _, u := range units {
		l.Commit(u, 0)
	}
}

func ringUnits(n, size int) [][]byte {
	units := [][]byte{command("SELECT", "0")}
	for i := range n {
		units = append(units, set(fmt.Sprintf("key:%d", i), strings.Repeat(string(rune('a'+i%26)), size)))
	}
	return units
}

func readRing(t testing.TB, fs *memFS, l *Log, dirs ...string) *Ring {
	t.Helper()
	r, err := ReadRings(fs, append(dirs, testDir), defaultName, l.man.uuid)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every byte of a frame counts: a flipped bit anywhere is found, and so is a frame that stands where another was written.
func TestRingFrameFlips(t *testing.T) {
	payload := set("key", "value")
	f := ringFrame{Off: 8192, Log: NewUUID(), Prev: SumOf([]byte("x")), Seq: 7, Position: Position{testID, 3, 1000 + LSN(len(payload))}, Start: 1000,
		Filed: 900, FiledSeq: 2, FiledPos: 950, DB: -1, Millis: 1700000000000}
	p := bytes.Repeat([]byte{0xee}, int(ringSize(len(payload))))
	copy(p[ringHead:], payload)
	f.seal(p)
	got, err := parseRingFrame(p, 8192)
	if err != nil || got != f {
		t.Fatalf("%+v, %v; want %+v", got, err, f)
	}
	if _, err := parseRingFrame(p, 4096); err == nil {
		t.Error("a frame in another's place was taken")
	}
	if _, err := parseRingFrame(p[:ringHead+5], 8192); err == nil {
		t.Error("a frame that was cut short was taken")
	}
	for bit := range 8 * (ringHead + len(payload)) {
		p[bit/8] ^= 1 << (bit % 8)
		if g, err := parseRingFrame(p, 8192); err == nil {
			t.Fatalf("bit %d of byte %d: %+v", bit%8, bit/8, g)
		}
		p[bit/8] ^= 1 << (bit % 8)
	}
	for i, b := range p[ringHead+len(payload):] {
		if b != 0 {
			t.Fatalf("byte %d of the padding is %d", i, b)
		}
	}
}

// I15: room that was not given back is never given out, whatever the sizes, and what can fit does.
func TestI15RingPlaces(t *testing.T) {
	const half = 64 * ringBlock
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := &ringFile{half: half, f: &memFile{fs: newMemFS(), n: &inode{}}}
		taken := map[int64]LSN{} // by block
		end, freed := LSN(0), LSN(0)
		for range 300 {
			size := (1 + rng.Int64N(20)) * ringBlock
			off, ok := r.place(size)
			if !ok {
				if len(r.placed) == 0 {
					t.Fatalf("seed %d: no room for %d in an empty ring", seed, size)
				}
				freed += LSN(rng.IntN(int(end-freed))) + 1
				r.free(freed)
				for b, e := range taken {
					if e <= freed {
						delete(taken, b)
					}
				}
				continue
			}
			end += 10
			for b := off; b < off+size; b += ringBlock {
				if e, there := taken[b]; there || b >= half {
					t.Fatalf("seed %d: block at %d of the frame that ends at %d was given out", seed, b, e)
				}
				taken[b] = end
			}
			if err := r.write(make([]byte, size), off, end, func() {}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// I1: under always with the ring, what was released is durable in the ring alone, and any 64 KiB of it may be lost as well.
func TestI1RingMirror(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	o.RingSize = 1 << 20
	l := ringLog(t, o)
	stream := commitAll(t, l, ringUnits(40, 3000)...)
	after := fs.powerCut()
	defer l.Close(true)
	path := filepath.Join(testDir, RingName(defaultName))
	whole := after.names[path].data
	const burst = 64 << 10
	for at := 0; at < len(whole); at += burst / 2 {
		p := bytes.Clone(whole)
		for i := range p[at:min(at+burst, len(p))] {
			p[at+i] ^= byte(i) | 1
		}
		after.names[path].data = p
		r := readRing(t, after, l)
		if got := r.From(0); r.Broken != nil || !bytes.Equal(got, stream) {
			t.Fatalf("damage at %d: %d bytes of %d, %v", at, len(got), len(stream), r.Broken)
		}
	}
}

// I15: a ring whose content the increments do not have, or whose cover lags behind, is never overwritten: replies wait.
func TestI15FullRingHoldsReplies(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	c := &lateCover{}
	o.Cover = c
	g := &turnstile{} // of increments
	fs.gate = g.pass
	l := ringLog(t, o)
	defer l.Close(true)
	g.close()
	l.Commit(command("SELECT", "0"), 0)
	var stream []byte
	full := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.ringers[0].full && !l.ringers[0].busy
	}
	for i := 0; !full(); i++ {
		if i > 1000 {
			t.Fatal("the ring is never full")
		}
		u := set(fmt.Sprint(i), strings.Repeat("x", 2000))
		stream = append(stream, u...)
		l.Commit(u, 0)
		waitFor(t, "a reply, or a full ring", func() bool { return l.Released() == l.End() || full() })
	}
	held := l.Released()
	if held >= l.End() {
		t.Fatal("nothing is held")
	}
	if r := readRing(t, fs, l); r.Reach(0) < held {
		t.Errorf("the ring goes from 0 to %d only, %d was released", r.Reach(0), held)
	}
	g.open() // the increment is synced: still neither a second copy of what it has nor room in the ring
	waitFor(t, "a sync, and the cover being asked for", func() bool { return l.Filed() == held && c.hurried.Load() > 0 })
	if l.Released() != held {
		t.Errorf("%d was released, which only an increment without cover has", l.Released())
	}
	if r := readRing(t, fs, l); r.Reach(0) < held {
		t.Errorf("uncovered ring space was reused: from 0 to %d", r.Reach(0))
	}
	c.covered.Store(uint64(l.Filed()))
	l.CoverMoved()
	waitFor(t, "replies", func() bool { return l.Released() == l.End() })
	before := l.Status().RingCommits
	waitFor(t, "commits to the ring", func() bool {
		commit(l, ringUnits(1, 100)...)
		c.covered.Store(uint64(l.Filed()))
		l.CoverMoved()
		return l.Status().RingCommits > before
	})
}

// lateCover covers nothing until it is said to.
type lateCover struct {
	noCover
	covered atomic.Uint64
	hurried atomic.Int64
}

func (c *lateCover) Covered() LSN { return LSN(c.covered.Load()) }
func (c *lateCover) Hurry()       { c.hurried.Add(1) }

// I1: with a ring and a cover, nothing is released that stands in an increment only, once: what is too large for a frame, and what was
// committed before there was a ring.
func TestI1LargeCommitsWaitForCover(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	o.RingSize = 8 << 20
	c := &lateCover{}
	o.Cover = c
	l := ringLog(t, o)
	defer l.Close(true)
	cover := func() {
		c.covered.Store(uint64(l.Filed()))
		l.CoverMoved()
	}
	commit(l, ringUnits(2, 100)...)
	waitFor(t, "the first replies", func() bool { cover(); return l.Released() == l.End() })
	before := l.End()
	commit(l, set("large", strings.Repeat("L", 3<<20)))
	waitFor(t, "the cover of what the ring has, which comes first", func() bool { return l.Filed() == before && c.hurried.Load() > 0 })
	cover()
	waitFor(t, "its sync", func() bool { return l.Filed() == l.End() && l.Durable() == l.End() })
	commit(l, ringUnits(1, 50)...) // the ring has it, but not what it follows
	waitFor(t, "a commit behind it", func() bool { return l.Durable() == l.End() })
	if l.Released() != before {
		t.Errorf("%d of %d was released, behind %d only an increment has it", l.Released(), l.End(), before)
	}
	if c.hurried.Load() == 0 {
		t.Error("nobody asked for the cover")
	}
	cover()
	waitFor(t, "the replies", func() bool { return l.Released() == l.End() })
}

// I15: a ring from before is not overwritten before its content, which a start appended to the increment, is covered there.
func TestI15RingOfTheLastStart(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	l := ringLog(t, o)
	commitAll(t, l, ringUnits(20, 1000)...)
	at := l.End()
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testDir, RingName(defaultName))
	was := string(fs.names[path].data)
	c := &lateCover{}
	o.Cover = c
	r, err := recoverLog(fs, testDir, true)
	if err != nil {
		t.Fatal(err)
	}
	l, err = Open(o, Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{testID, 2, r.end}, Tail: r.tail})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(true)
	commit(l, ringUnits(3, 100)...)
	waitFor(t, "their sync", func() bool { return l.Filed() == l.End() && c.hurried.Load() > 0 })
	if l.Released() > at {
		t.Errorf("replies up to %d of %d, behind %d only an increment has them", l.Released(), l.End(), at)
	}
	fs.mu.Lock()
	now := string(fs.names[path].data)
	fs.mu.Unlock()
	if now != was {
		t.Error("the ring was overwritten while its content had no other cover")
	}
	c.covered.Store(uint64(at) + 1)
	l.CoverMoved()
	waitFor(t, "commits to the ring", func() bool {
		commit(l, ringUnits(1, 100)...)
		return l.Status().RingCommits > 0
	})
}

// I1: replies wait for the cover of what a start found, however much that is, where it was made in time. Where that takes longer nobody waits before
// it has caught up, and then again.
func TestI1StartOnLargeIncrement(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	l := ringLog(t, o)
	commitAll(t, l, set("large", strings.Repeat("L", 1<<20)))
	at := l.End()
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	for _, inTime := range []bool{true, false} {
		fs := fs.powerCut()
		c := &lateCover{}
		if inTime {
			c.covered.Store(uint64(at))
		}
		o := ringOptions(fs)
		o.Cover, o.RingSize, o.coverSoon = c, 8<<20, 1<<20
		r, err := recoverLog(fs, testDir, true)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(o, Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{testID, 2, r.end}, Tail: r.tail})
		if err != nil {
			t.Fatal(err)
		}
		if !inTime {
			commit(l, ringUnits(3, 100)...)
			waitFor(t, "replies that are durable", func() bool { return l.Released() == l.End() })
		}
		c.covered.Store(uint64(l.Filed()))
		l.CoverMoved()
		end := l.End()
		commit(l, set("large", strings.Repeat("L", 3<<20))) // no ring takes it
		waitFor(t, "its sync", func() bool { return l.Filed() == l.End() && l.Durable() == l.End() })
		if l.Released() != end {
			t.Errorf("covered in time %t: %d of %d was released, behind %d only an increment has it", inTime, l.Released(), l.End(), end)
		}
		c.covered.Store(uint64(l.Filed()))
		l.CoverMoved()
		waitFor(t, "its reply", func() bool { return l.Released() == l.End() })
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
	}
}

// A commit that is too large for a frame becomes durable in the increment, and a descriptor keeps the chain.
func TestRingSkipsLargeCommits(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	o.RingSize = 8 << 20
	l := ringLog(t, o)
	defer l.Close(true)
	small := commitAll(t, l, ringUnits(2, 100)...)
	large := commitAll(t, l, set("large", strings.Repeat("L", 3<<20)))
	if filed := l.Filed(); filed != l.End() {
		t.Errorf("a large commit was released with the increments durable up to %d of %d", filed, l.End())
	}
	last := commitAll(t, l, ringUnits(2, 50)...)
	r := readRing(t, fs.powerCut(), l)
	if r.Broken != nil || !bytes.Equal(r.From(0), small) || !bytes.Equal(r.From(LSN(len(small)+len(large))), last) {
		t.Errorf("%v: %q..., %q", r.Broken, r.From(0), r.From(LSN(len(small)+len(large))))
	}
	if r.Filed < LSN(len(small)+len(large)) {
		t.Errorf("the last frame says that the increments are durable up to %d", r.Filed)
	}
}

// When the first ring's device stands still, commits go to the second: nothing waits for the first, nothing is acknowledged that no disk
// has, and the executor never waits.
func TestI2StalledRing(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	o.RingDir = "/other"
	release, answered := make(chan struct{}), make(chan struct{})
	told := &slowOutput{t: t, until: answered} // the server's log lies on that device, too
	o.Logger = hclog.New(&hclog.LoggerOptions{Output: told})
	var mu sync.Mutex
	stalled := false
	fs.gate = func(path string) {
		mu.Lock()
		wait := stalled && strings.HasPrefix(path, testDir)
		mu.Unlock()
		if wait {
			<-release
		}
	}
	l := ringLog(t, o)
	first := commitAll(t, l, ringUnits(3, 100)...)
	mu.Lock()
	stalled = true
	mu.Unlock()
	second := commitAll(t, l, ringUnits(5, 200)...)
	close(answered)
	if s := l.Status(); s.Ring != "/other" && s.RingMoves == 0 {
		t.Errorf("%+v", s)
	}
	after := fs.powerCut()
	r := readRing(t, after, l, "/other")
	if got := r.From(0); r.Broken != nil || !bytes.Equal(got, append(first, second...)) {
		t.Errorf("after a crash the rings have %d bytes, %v; want %d", len(got), r.Broken, len(first)+len(second))
	}
	close(release)
	third := commitAll(t, l, ringUnits(2, 300)...)
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	stream, _, _, _ := readBack(t, fs, testDir, defaultName)
	if !bytes.Equal(stream, join(first, second, third)) {
		t.Errorf("the increment has %d bytes of %d", len(stream), len(first)+len(second)+len(third))
	}
	moves := l.Status().RingMoves                                                     // none if the second ring was ready first
	if n := strings.Count(told.text.String(), "does not answer"); int64(n) != moves { // the log has ended, and with it whoever tells
		t.Errorf("told %d times of %d moves", n, moves)
	}
}

// slowOutput is a log whose lines take until something has happened.
type slowOutput struct {
	t     *testing.T
	until <-chan struct{}
	text  bytes.Buffer
}

func (s *slowOutput) Write(p []byte) (int, error) {
	select {
	case <-s.until:
	case <-time.After(10 * time.Second):
		s.t.Errorf("a commit waits for %q", p)
	}
	return s.text.Write(p)
}

// I1: a cell that the disk does not give is taken from the other half of the ring; one that it gives in neither is not taken for empty.
func TestI1RingUnread(t *testing.T) {
	fs := newMemFS()
	l := ringLog(t, ringOptions(fs))
	defer l.Close(true)
	stream := commitAll(t, l, ringUnits(3, 9000)...)
	const half = testRing / 2
	lost := map[int64]bool{0: true, ringBlock: true, half + 2*ringBlock: true, half + 7*ringBlock: true}
	read := func() (*Ring, error) { return ReadRings(gapFS{fs, lost}, []string{testDir}, defaultName, l.man.uuid) }
	if r, err := read(); err != nil || r.Broken != nil || !bytes.Equal(r.From(0), stream) {
		t.Errorf("with gaps in either half: %d of %d bytes, %v", len(r.From(0)), len(stream), err)
	}
	lost[half+ringBlock] = true
	if r, err := read(); !errors.Is(err, syscall.EIO) {
		t.Errorf("with a gap in both halves: %+v, %v", r, err)
	}
}

// gapFS does not give the cells of the ring that begin at some places.
type gapFS struct {
	disk.FS
	lost map[int64]bool
}

type gapFile struct {
	disk.File
	lost map[int64]bool
}

func (g gapFS) Open(name string) (disk.File, error) {
	f, err := g.FS.Open(name)
	return gapFile{f, g.lost}, err
}

func (g gapFile) ReadAt(p []byte, off int64) (int, error) {
	for at := off; at < off+int64(len(p)); at += ringBlock {
		if g.lost[at] {
			return 0, syscall.EIO
		}
	}
	return g.File.ReadAt(p, off)
}

// I12: a frame whose sync failed is still there when the frame that came in its stead, in another ring, has been written over. The rings'
// frames are one chain all the same, and the directory starts.
func TestI12FailedFrameStays(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	o.RingDir = "/other"
	l := ringLog(t, o)
	defer l.Close(false)
	stream := commitAll(t, l, ringUnits(3, 100)...)
	front := l.Status().Ring
	fs.setBefore(func(op, name string) error {
		if op == "fdatasync" && name == filepath.Join(front, RingName(defaultName)) {
			return syscall.EIO
		}
		return nil
	})
	round := int(testRing / 2 / ringBlock) // so many frames, and one more: the first of them is gone, the second is not
	stream = append(stream, commitAll(t, l, ringUnits(round+1, 50)[1:]...)...)
	if s := l.Status(); s.RingFailures != 1 || s.Ring == front {
		t.Errorf("%+v", s)
	}
	r := readRing(t, fs, l, "/other")
	from := max(LSN(l.Filed()), r.pieces[0].start)
	if r.Broken != nil || r.Reach(from) != l.End() || !bytes.Equal(r.From(from), stream[from:]) {
		t.Errorf("after a kill the rings reach from %d to %d of %d: %v", from, r.Reach(from), l.End(), r.Broken)
	}
}

// I8: a failed sync of the ring is final for it: what was under way becomes durable in the increment before it is released, what was
// acknowledged before stays, and a new ring is made only when the increments have that.
func TestI8RingFails(t *testing.T) {
	fs := newMemFS()
	o := ringOptions(fs)
	var events []Event
	var mu sync.Mutex
	o.Record = func(e Event) {
		mu.Lock()
		events = append(events, e)
		mu.Unlock()
	}
	l := ringLog(t, o)
	commitAll(t, l, ringUnits(3, 100)...)
	fs.setBefore(func(op, name string) error {
		if op == "fdatasync" && strings.Contains(name, RingName(defaultName)) {
			return syscall.EIO
		}
		return nil
	})
	l.Commit(set("x", "y"), 0)
	waitFor(t, "a reply", func() bool { return l.Released() == l.End() })
	if l.Filed() < l.End() {
		t.Errorf("released %d, the increments are durable up to %d and the ring has failed", l.End(), l.Filed())
	}
	if s := l.Status(); s.RingFailures != 1 || s.Ring != "" {
		t.Errorf("%+v", s)
	}
	mu.Lock()
	if len(events) != 1 || events[0].Kind != RingFailed || !errors.Is(events[0].Err, syscall.EIO) {
		t.Errorf("%+v", events)
	}
	mu.Unlock()
	if err := l.Err(); err != nil {
		t.Errorf("writes are refused although the increment takes them: %v", err)
	}
	fs.setBefore(nil)
	waitFor(t, "a new ring", func() bool { return l.Status().Ring != "" })
	commitAll(t, l, ringUnits(2, 10)...)
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	if _, end, _, _ := readBack(t, fs, testDir, defaultName); end != l.End() {
		t.Errorf("the increment ends at %d, want %d", end, l.End())
	}
}

// The executor goes on while the ring's sync is under way, and the commits that come meanwhile share the next one.
func TestRingGroupCommit(t *testing.T) {
	fs := newMemFS()
	entered, release := make(chan struct{}, 100), make(chan struct{})
	var gate sync.Mutex
	on := false
	fs.gate = func(path string) {
		gate.Lock()
		wait := on && strings.Contains(path, RingName(defaultName))
		gate.Unlock()
		if wait {
			entered <- struct{}{}
			<-release
		}
	}
	l := ringLog(t, ringOptions(fs))
	defer l.Close(true)
	commitAll(t, l, command("SELECT", "0"))
	before := l.Status().RingCommits
	gate.Lock()
	on = true
	gate.Unlock()
	l.Commit(set("a", "1"), 0)
	<-entered
	at := l.Released()
	for i := range 50 {
		l.Commit(set("b", fmt.Sprint(i)), 0) // returns although the sync does not
	}
	if l.Released() != at {
		t.Error("released without a sync")
	}
	gate.Lock()
	on = false
	gate.Unlock()
	close(release)
	waitFor(t, "the replies", func() bool { return l.Released() == l.End() })
	if n := l.Status().RingCommits - before; n > 3 {
		t.Errorf("%d commits for 51 turns", n)
	}
}
