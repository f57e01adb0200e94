package recovery

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

const ringPath = crashLogs + "/" + logName + ".ring.fr"

// ringLife is a life with the commit ring, photographed.
func ringLife(t *testing.T) *life {
	t.Helper()
	l := newLife(wal.Always)
	l.commit = wal.CommitRing
	l.photograph()
	for i, step := range l.steps() {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	l.shoot(crashfs.Event{N: l.fs.Ops() + 1}, l.fs.Clone())
	return l
}

// spoil changes up to n bytes somewhere in a file; false: it has none.
func spoil(fs *crashfs.FS, path string, n int, rng *rand.Rand) bool {
	p := []byte(fs.Tree()[path])
	if len(p) == 0 {
		return false
	}
	at := rng.IntN(len(p))
	for i := range p[at:min(at+n, len(p))] {
		p[at+i] ^= byte(1 + rng.IntN(255))
	}
	fs.Put(path, string(p))
	return true
}

// I1: a crash, and then damage in one place as well. A burst in the ring takes one of its copies at most: nothing is lost. One in the last
// increment the ring stands in for, as far as it reaches; where it does not, the start refuses, and it never serves anything else.
func TestI1RingAndDamage(t *testing.T) {
	l := ringLife(t)
	const half = 32 << 10
	mended, refused, tries := 0, 0, 0
	for i, s := range l.shots {
		for seed := -1; seed < 3; seed++ {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(seed+1)))
			disk, bootID := s.fs.Kill(), l.bootID
			if seed >= 0 {
				disk, bootID = s.fs.Crash(uint64(seed)), "after "+l.bootID
			}
			dir, err := wal.ReadDirectory(disk, crashLogs, logName)
			if err != nil || dir.Manifest == nil || dir.Manifest.Last() == nil {
				continue
			}
			last := filepath.Join(crashLogs, dir.Manifest.Last().Name)
			for _, path := range []string{ringPath, last} {
				disk := disk.Clone()
				if !spoil(disk, path, 1+rng.IntN(half/4), rng) {
					continue
				}
				tries++
				o := bootOn(disk, bootID)
				var refusal *Refusal
				switch {
				case errors.As(o.err, &refusal) && path == last:
					refused++
				case o.err != nil:
					t.Fatalf("shot %d (%v), seed %d, damage in %s: %v\n%s", i, s.before, seed, path, o.err, o.logs.text())
				case o.res.Position.LSN < s.released:
					t.Fatalf("shot %d (%v), seed %d, damage in %s: LSN %d, %d was released\n%s", i, s.before, seed, path, o.res.Position.LSN, s.released, o.logs.text())
				case o.store.String() != l.states[o.res.Position.LSN]:
					t.Fatalf("shot %d (%v), seed %d, damage in %s: at LSN %d %.200q", i, s.before, seed, path, o.res.Position.LSN, o.store)
				case path == last:
					mended++
				}
			}
		}
	}
	t.Logf("%d tries: the increment mended %d times, refused %d times", tries, mended, refused)
	if mended == 0 || refused == 0 {
		t.Error("one of the cases never came up")
	}
}

// ringAhead is a disk after a kill on which the ring has units that the increment lacks.
func ringAhead(t *testing.T) (l *life, disk *crashfs.FS, last string) {
	t.Helper()
	l = newLife(wal.Always)
	l.commit = wal.CommitRing
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.stop() })
	for _, n := range []int{10, 500, 20} {
		if err := l.write([]string{"SET", "a", strings.Repeat("v", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.write([]string{"SET", "b", strings.Repeat("w", 100)}); err != nil {
		t.Fatal(err)
	}
	disk = l.fs.Kill()
	last = filepath.Join(crashLogs, wal.IncrName(logName, 1))
	text := disk.Tree()[last] // as if it had died between the two writes
	disk.Put(last, text[:strings.LastIndex(text, "*3")])
	if r := readRings(t, disk); len(r.From(0)) <= len(withoutLines(disk.Tree()[last])) {
		t.Fatal("the ring is not ahead")
	}
	return l, disk, last
}

func readRings(t *testing.T, disk *crashfs.FS) *wal.Ring {
	t.Helper()
	d, err := wal.ReadDirectory(disk, crashLogs, logName)
	if err != nil || d.Facts == nil {
		t.Fatal(err)
	}
	r, err := wal.ReadRings(disk, []string{crashLogs}, logName, d.Facts.UUID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// withoutLines is the stream in an increment.
func withoutLines(p string) []byte {
	var out []byte
	r := wal.NewReader(strings.NewReader(p), int64(len(p)), wal.ReaderOptions{})
	for {
		f, err := r.Next()
		if err != nil {
			return out
		}
		if f.Kind == wal.CommandFrame {
			out = append(out, f.Raw...)
		}
	}
}

// What the ring has and the increment lacks is in the increment after a start, with a line that proves it, also when aof-load-truncated is
// no: nothing is lost, so there is nothing to refuse.
func TestRingMerged(t *testing.T) {
	l, disk, last := ringAhead(t)
	want := readRings(t, disk).From(0)
	// A torn end is none of the stream's: the ring has it whole.
	text := disk.Tree()[last]
	disk.Put(last, text[:len(text)-5])
	o := bootOnWith(disk, l.bootID, func(o *Options) { o.LoadTruncated = false })
	if o.err != nil {
		t.Fatalf("%v\n%s", o.err, o.logs.text())
	}
	after := disk.Tree()[last]
	if got := withoutLines(after); !bytes.Equal(got, want) || o.store.String() != l.store.String() {
		t.Errorf("the increment has %d bytes of the stream, want %d; %s", len(got), len(want), o.store)
	}
	if tail := o.res.Log.Tail; tail.LastPos != int64(len(after)) || tail.Size != tail.LastPos || tail.LSN != o.res.Position.LSN {
		t.Errorf("%v", tail)
	}
	again := bootOn(disk, "another boot")
	if again.err != nil || again.res.Position.LSN != o.res.Position.LSN || again.store.String() != o.store.String() {
		t.Errorf("the next start finds %v, LSN %d", again.err, again.res.Position.LSN)
	}
}

// A stock server that goes on in the increment knows nothing of the ring. What it wrote counts; the ring is set aside.
func TestRingOfAContinuedLog(t *testing.T) {
	for _, first := range []string{frame("SELECT", "0") + frame("SET", "b", "theirs"), frame("MULTI") + frame("SET", "b", "1") + frame("SET", "b", "theirs") + frame("EXEC")} {
		l, disk, last := ringAhead(t)
		disk.Put(last, disk.Tree()[last]+first)
		o := bootOn(disk, l.bootID)
		if o.err != nil || !strings.Contains(o.store.String(), "0/b=theirs") {
			t.Fatalf("%v %s\n%s", o.err, o.store, o.logs.text())
		}
		aside := 0
		for name := range disk.Tree() {
			if strings.HasSuffix(name, ".aside") {
				aside++
			}
		}
		if _, there := disk.Tree()[ringPath]; there || aside != 1 {
			t.Errorf("the ring is still followed: %t; %d set aside", there, aside)
		}
		again := bootOn(disk, l.bootID)
		if again.err != nil || again.store.String() != o.store.String() {
			t.Errorf("the next start: %v %s", again.err, again.store)
		}
	}
}

// I3, I4: when the increment lacks what it had durably and the ring does not reach back so far, nothing is loaded with a hole.
func TestI3RingWithoutItsIncrement(t *testing.T) {
	l, disk, last := ringAhead(t)
	ring := []byte(disk.Tree()[ringPath])
	for _, at := range []int{0, len(ring) / 2} { // the first frame, in both halves
		clear(ring[at : at+100])
	}
	disk.Put(ringPath, string(ring))
	text := disk.Tree()[last]
	disk.Put(last, text[:strings.Index(text, "\r\n*")+2]) // the SELECT alone
	_ = disk.Remove(filepath.Join(crashLogs, wal.WatermarkName(logName)))
	before := disk.Tree()
	o := bootOn(disk, l.bootID)
	var refusal *Refusal
	if !errors.As(o.err, &refusal) || !strings.Contains(refusal.Reason, ringPath) {
		t.Fatalf("%v, LSN %d: %s\n%s", o.err, o.res.Position.LSN, o.store, o.logs.text())
	}
	for name, was := range before {
		if disk.Tree()[name] != was {
			t.Errorf("%s was changed (I19)", name)
		}
	}
}

// I1: after a kill the increments may have what the ring has in the page cache alone. The next start, on the same machine, makes it
// durable before the ring stops to count: a power loss at any operation of that start takes nothing away.
func TestI1RingUntilTheNextEpochWrites(t *testing.T) {
	l := newLife(wal.Always)
	l.commit = wal.CommitRing
	for _, step := range l.steps()[:4] {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	promised, killed := l.log.Durable(), l.fs.Kill()
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	second := &life{policy: wal.Always, commit: wal.CommitRing, fs: killed, bootID: l.bootID, states: l.states}
	second.photograph()
	if err := second.start(); err != nil {
		t.Fatal(err)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	for _, s := range second.shots {
		for seed := range 4 {
			if d := second.die(s, seed); d.err != nil || d.lsn < promised {
				t.Fatalf("%v: LSN %d, promised %d: %v", d, d.lsn, promised, d.err)
			}
		}
	}
	t.Logf("%d operations, LSN %d", len(second.shots), promised)
}

// I18: a start that goes by the ring, because durable bytes of the increment are damaged, may be cut short at any operation: the next one finds
// what it found.
func TestI18RingInterrupted(t *testing.T) {
	l := newLife(wal.Always)
	l.commit = wal.CommitRing
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	for _, key := range []string{"a", "b", "c"} {
		if err := l.write([]string{"SET", key, strings.Repeat(key, 300)}); err != nil {
			t.Fatal(err)
		}
	}
	marked := func() bool {
		m, err := wal.ReadWatermark(l.fs, crashLogs, logName)
		return err == nil && m.LSN == l.log.End()
	}
	for deadline := time.Now().Add(20 * time.Second); !marked(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no watermark")
		}
	}
	if err := l.write([]string{"SET", "d", "more"}); err != nil {
		t.Fatal(err)
	}
	want, disk, last := l.store.String(), l.fs.Kill(), filepath.Join(crashLogs, wal.IncrName(logName, 1))
	text := disk.Tree()[last]
	at := strings.Index(text, strings.Repeat("c", 300))
	disk.Put(last, text[:at-10]+strings.Repeat("?", 30)+text[at+20:])
	for _, bootID := range []string{l.bootID, "after " + l.bootID} {
		second := &life{policy: wal.Always, commit: wal.CommitRing, fs: disk.Clone(), bootID: bootID, states: l.states}
		second.photograph()
		if err := second.start(); err != nil {
			t.Fatal(err)
		}
		if err := second.stop(); err != nil {
			t.Fatal(err)
		}
		cut := false
		for _, s := range second.shots {
			cut = cut || s.before.Op == crashfs.Truncate && strings.HasSuffix(s.before.Name, ".incr.aof")
			for seed := -1; seed < 4; seed++ {
				if d := second.die(s, seed); d.err != nil || d.store.String() != want {
					t.Fatalf("%s: %v: %v %.100q, want %.100q\n%s", bootID, d, d.err, d.store, want, d.logs.text())
				}
			}
		}
		if !cut {
			t.Errorf("%s: the start had nothing to cut", bootID)
		}
	}
}
