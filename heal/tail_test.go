package heal

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"frankenredis/conformance/crashfs"
)

// The tail file is left as it is when a stripe is complete, so it holds copies and slots of stripes that have their parity since. Which one is open,
// and up to where the file is covered, must come out right from that whatever a crash and one block of damage leave.

const fullStripe = stripeCells * cellSize

// tailLives are steps in which a file is covered. They end with a slot that names a stripe, with none but such slots, with copies of one stripe over
// those of another, many and few, and at the same place twice.
var tailLives = [][]int64{
	{9000},
	{9000, 90_000, 170_000, 170_001},
	{9000, fullStripe},
	{5000, fullStripe, fullStripe + 100},
	{fullStripe / 2, fullStripe - 1, fullStripe + 5*cellSize + 7},
	{200_000, fullStripe + 100_000, fullStripe + 200_000},
	{3*cellSize + 1, fullStripe, 2 * fullStripe, 2*fullStripe + 3000},
	{80 * cellSize, fullStripe + 80*cellSize, 2*fullStripe + 1},
	{9000, 2*fullStripe + 70_000},
}

// life is a file that was covered step by step. Its bytes beyond what is covered are there and durable.
type tailLife struct {
	fsys *crashfs.FS
	s    *Store
	g    *Growing
	text string
}

func beginTail(t testing.TB, ends []int64) *tailLife {
	t.Helper()
	l := &tailLife{fsys: crashfs.New(), text: string(randomBytes(1, int(ends[len(ends)-1]+8)))}
	l.fsys.Put("/d/f", l.text)
	l.s = open(t, l.fsys, "")
	var err error
	if l.g, err = l.s.Grow("f"); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *tailLife) cover(t testing.TB, ends ...int64) {
	t.Helper()
	for _, end := range ends {
		if err := l.g.Advance(end); err != nil {
			t.Fatal(err)
		}
	}
}

// artifacts are the files of a life that damage may come to.
var artifacts = []string{"/d/heal/f.1.tail", "/d/heal/f.1.rs", "/d/f"}

// rotten is a run of bytes of one file that is not what it was.
type rotten struct {
	path     string
	from, to int
	how      string
}

func (d rotten) String() string { return fmt.Sprintf("%s, %d to %d: %s", d.path, d.from, d.to, d.how) }

// rot damages a disk; nil: nothing is different after it.
func (d rotten) rot(fsys *crashfs.FS, rng *rand.Rand) *crashfs.FS {
	was := fsys.Tree()[d.path]
	d.to = min(d.to, len(was))
	if d.from >= d.to {
		return nil
	}
	p := []byte(was)
	switch d.how {
	case "zeros":
		clear(p[d.from:d.to])
	case "noise":
		copy(p[d.from:d.to], randomBytes(rng.Uint64(), d.to-d.from+8))
	case "bit":
		p[d.from+rng.IntN(d.to-d.from)] ^= 1 << rng.IntN(8)
	}
	if string(p) == was {
		return nil
	}
	after := fsys.Clone()
	after.Put(d.path, string(p))
	return after
}

// judge looks at a cover that one block of damage has come to, or none (d.path is empty). At least the bytes below promised are covered, and no
// more than reach.
func (d rotten) judge(fsys *crashfs.FS, text string, promised, reach int64) error {
	s, err := Open(options(fsys), true)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.Verify("f")
	if err != nil {
		return err
	}
	fail := func(what string) error { return fmt.Errorf("%s: %d to %d are covered: %+v", what, promised, reach, r) }
	if r.Size > reach {
		return fail("more is covered than was durable")
	}
	if d.path == "/d/f" {
		if r.Size < promised {
			return fail("damage to the file cuts its cover")
		}
		if r, err = s.Repair("f", false); err != nil || r.State == Beyond {
			return fail(fmt.Sprint("not repaired: ", err))
		}
		if got := fsys.Tree()["/d/f"]; got[:promised] != text[:promised] {
			return fail("not as it was")
		}
		return nil
	}
	if r.Cells > 0 || r.State != Clean && r.State != Sidecar {
		return fail("called damaged")
	}
	least := promised
	if d.path == artifacts[0] {
		least = promised - promised%fullStripe // that has its parity
		if r.Sidecar {
			least = max(least, promised-cellSize+1) // one slot may be lost as a crash might tear it; a cell that is complete has one of its own
		}
	}
	if r.Size < least {
		return fail(fmt.Sprintf("less than %d is covered", least))
	}
	if d.path == artifacts[0] {
		return nil
	}
	for _, g := range r.Unproven {
		if g.Pos < promised-promised%cellSize {
			return fail("copies are lost")
		}
	}
	if d.path == "" {
		return nil
	}
	// A damaged block of parity brings back what it is for.
	p := []byte(text)
	for at := int64(cellSize / 2); at < promised; at += fullStripe {
		p[at] ^= 1
		p[min(at+fullStripe/2, promised-1)] ^= 1
	}
	fsys.Put("/d/f", string(p))
	if r, err = s.Repair("f", false); err != nil || fsys.Tree()["/d/f"] != text {
		return fail(fmt.Sprint("with a damaged block of parity the file is not repaired: ", err))
	}
	return nil
}

// blocks are damages of up to 64 KiB: the slots that say how far the file is covered, one by one and both, the beginning and end of each file, and
// any other place.
func blocks(fsys *crashfs.FS, rng *rand.Rand) (all []rotten) {
	const block = 64 << 10
	tail := artifacts[0]
	for _, how := range []string{"zeros", "noise", "bit"} {
		all = append(all, rotten{tail, 0, slotSize, how}, rotten{tail, slotSize, 2 * slotSize, how}, rotten{tail, 0, 2 * slotSize, how},
			rotten{tail, slotSize, slotSize + block, how}, rotten{tail, 2 * slotSize, 2*slotSize + block, how})
	}
	for _, path := range artifacts {
		n := len(fsys.Tree()[path])
		for _, at := range []int{0, max(n-block, 0), rng.IntN(n + 1), rng.IntN(n + 1)} {
			how := []string{"zeros", "noise", "bit"}[rng.IntN(3)]
			if path == "/d/f" && how == "bit" {
				how = "noise"
			}
			all = append(all, rotten{path, at, at + block, how})
		}
	}
	return all
}

// One block of damage anywhere, in a cover at rest.
func TestGrowTailDamage(t *testing.T) {
	faults := 0
	for i, ends := range tailLives {
		rng := rand.New(rand.NewPCG(uint64(i), 4))
		l := beginTail(t, ends)
		l.cover(t, ends...)
		end := ends[len(ends)-1]
		if err := (rotten{}).judge(l.fsys.Clone(), l.text, end, end); err != nil {
			t.Fatalf("%v, nothing was damaged: %v", ends, err)
		}
		for _, d := range blocks(l.fsys, rng) {
			fsys := d.rot(l.fsys, rng)
			if fsys == nil {
				continue
			}
			faults++
			if err := d.judge(fsys, l.text, end, end); err != nil {
				t.Errorf("%v, %v: %v", ends, d, err)
			}
		}
	}
	t.Logf("%d faults", faults)
}

// A block that is damaged, and with it the slot that would tell it from one that was never finished: then the cover is not called whole.
func TestGrowTailTwice(t *testing.T) {
	for i, ends := range tailLives {
		end := ends[len(ends)-1]
		if end < fullStripe {
			continue
		}
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		l := beginTail(t, ends)
		l.cover(t, ends...)
		n := len(l.fsys.Tree()[artifacts[1]])
		for slot := range partialSlots {
			for _, how := range []string{"zeros", "noise", "bit"} {
				fsys := rotten{artifacts[1], n - 100, n, "bit"}.rot(l.fsys, rng)
				if fsys = (rotten{artifacts[0], slot * slotSize, (slot + 1) * slotSize, how}).rot(fsys, rng); fsys == nil {
					continue
				}
				s, err := Open(options(fsys), false)
				if err != nil {
					t.Fatal(err)
				}
				if r, err := s.Verify("f"); err != nil || r.State != Sidecar || r.Sidecar || r.Cells > 0 {
					t.Errorf("%v, slot %d, %s: %+v, %v", ends, slot, how, r, err)
				}
			}
		}
	}
}

// A power loss at any change while the last step is covered, and then one block of damage, or none. Both may come to the same file.
func TestTailCrash(t *testing.T) {
	states, faults, anew := 0, 0, 0
	for i, ends := range tailLives {
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		l := beginTail(t, ends)
		l.cover(t, ends[:len(ends)-1]...)
		var promised int64
		if len(ends) > 1 {
			promised = ends[len(ends)-2]
		} else if promised = 4000; true {
			l.cover(t, promised)
		}
		end := ends[len(ends)-1]
		var frozen []*crashfs.FS
		var events []crashfs.Event
		l.fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
			slot := e.Op == crashfs.Write && e.Off < partialSlots*slotSize && e.Name == artifacts[0]
			if slot || e.Op == crashfs.SyncData || e.Op == crashfs.Write && rng.IntN(12) == 0 {
				frozen, events = append(frozen, freeze()), append(events, e)
			}
		})
		l.cover(t, end)
		ways := uint64(4)
		if testing.Short() {
			ways = 2
		}
		for n, f := range frozen {
			for seed := range ways {
				after := f.Crash(seed)
				what := fmt.Sprintf("%v, before call %d (%v at %d), power loss %d", ends, n, events[n], events[n].Off, seed)
				states++
				if err := (rotten{}).judge(after.Clone(), l.text, promised, end); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if (uint64(n)+seed)%4 == 2 && !goesOn(t, after.Clone(), what, end) {
					anew++
				}
				all := blocks(after, rng)
				for range 2 {
					d := all[rng.IntN(len(all))]
					if fsys := d.rot(after, rng); fsys != nil {
						faults++
						if err := d.judge(fsys, l.text, promised, end); err != nil {
							t.Fatalf("%s, %v: %v", what, d, err)
						}
					}
				}
			}
		}
	}
	t.Logf("%d states, %d faults, %d covers begun anew", states, faults, anew)
}

// goesOn has the next start go on with what a crash has left, or begin anew, and tells whether it went on.
func goesOn(t *testing.T, fsys *crashfs.FS, what string, end int64) bool {
	t.Helper()
	s, _ := loaded(t, fsys, 1<<40)
	defer s.Close()
	g, err := s.Resume("f", 1<<40)
	resumed := g != nil
	if err == nil && g == nil {
		g, err = s.Grow("f")
	}
	if err == nil {
		err = g.Advance(end)
	}
	if err == nil {
		err = g.Close()
	}
	if r, verr := s.Verify("f"); err != nil || verr != nil || r.State != Clean || r.Size != end {
		t.Fatalf("%s, started again: %+v, %v, %v", what, r, err, verr)
	}
	return resumed
}

// No change cuts the tail file, and it takes no more room than the copies of one stripe.
func TestTailIsLeft(t *testing.T) {
	l := beginTail(t, []int64{3 * fullStripe})
	l.cover(t, 1)
	if p := l.fsys.Tree()[artifacts[0]]; len(p) != partialSlots*slotSize || p[:slotSize] != p[slotSize:] {
		t.Errorf("%d bytes, and the slots differ: a crash leaves the same as damage to the empty one", len(p))
	}
	l.fsys.Trace()
	l.cover(t, fullStripe-1, fullStripe, 2*fullStripe-1, 3*fullStripe)
	for _, e := range l.fsys.Trace() {
		if e.Name == artifacts[0] && (e.Op == crashfs.Truncate || e.Op == crashfs.Create) {
			t.Errorf("%v", e)
		}
	}
	if got, most := len(l.fsys.Tree()[artifacts[0]]), (partialSlots+stripeCells)*slotSize; got > most {
		t.Errorf("the tail file has %d bytes, at most %d", got, most)
	}
}

// The tail file of an older version is cut to nothing when a stripe is complete, and its second slot may never have been written.
func TestTailOfBefore(t *testing.T) {
	for _, more := range []int64{0, 1, 9000, 9001 + cellSize} {
		l := beginTail(t, []int64{fullStripe + 20_000})
		l.cover(t, 100, 5000, fullStripe)
		if err := l.g.tail.Truncate(0); err != nil {
			t.Fatal(err)
		}
		end := fullStripe + more
		l.cover(t, end)
		if err := (rotten{}).judge(l.fsys.Clone(), l.text, end, end); err != nil {
			t.Fatalf("%d bytes behind the stripe: %v", more, err)
		}
		l.s.Close()
		if !goesOn(t, l.fsys.Clone(), fmt.Sprint(more), int64(len(l.text))) {
			t.Errorf("%d bytes behind the stripe: begun anew", more)
		}
	}
}

// A start after a crash that came between a block and the slot that was to name the next stripe goes on behind that, and says so: a damaged block would
// else be taken for one that was never finished. So it does whatever moment the start is cut short at, and the copies go only when the block is durable.
func TestResumeCrashBehindBlock(t *testing.T) {
	l := beginTail(t, []int64{fullStripe + 9000})
	l.cover(t, 3000, 5000, 9000)
	var unsynced, unnamed *crashfs.FS
	l.fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		switch {
		case e.Op == crashfs.SyncData && strings.HasSuffix(e.Name, ".rs"):
			unsynced = freeze()
		case e.Op == crashfs.Write && strings.HasSuffix(e.Name, ".tail") && unnamed == nil:
			unnamed = freeze()
		}
	})
	l.cover(t, fullStripe)
	for seed := range uint64(12) { // a block that was not finished is nothing yet, and takes nothing from the cover
		if !goesOn(t, unsynced.Crash(seed), fmt.Sprint("power loss ", seed), fullStripe) {
			t.Errorf("power loss %d in a block: begun anew", seed)
		}
	}
	for what, left := range map[string]*crashfs.FS{"unsynced": unsynced.Kill(), "unnamed": unnamed.Kill()} {
		rng := rand.New(rand.NewPCG(1, 6))
		s, _ := loaded(t, left.Clone(), 1<<40)
		fsys := s.o.FS.(*crashfs.FS)
		var frozen []*crashfs.FS
		fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
			if e.Op.Changes() && (e.Op != crashfs.Write || rng.IntN(2) == 0) {
				frozen = append(frozen, freeze())
			}
		})
		g, err := s.Resume("f", 1<<40)
		if err != nil || g == nil || g.End() != fullStripe || g.e.Generation != 1 {
			t.Fatalf("%s: %+v, %v", what, g, err)
		}
		if len(frozen) < 5 {
			t.Fatalf("%s: %d changes", what, len(frozen))
		}
		// The slot that says 9000 is the first.
		if was, is := left.Tree()[artifacts[0]], fsys.Tree()[artifacts[0]]; was[:slotSize] != is[:slotSize] || was[slotSize:2*slotSize] == is[slotSize:2*slotSize] {
			t.Errorf("%s: not the slot is written that was written first", what)
		}
		for i, f := range frozen {
			for seed := range uint64(6) {
				if err := (rotten{}).judge(f.Crash(seed), l.text, 9000, fullStripe); err != nil {
					t.Errorf("%s: change %d, power loss %d: %v", what, i, seed, err)
				}
				d := rotten{artifacts[1], blockSize - 64<<10, blockSize, "noise"}
				if fsys := d.rot(f.Crash(seed), rng); fsys != nil {
					if err := d.judge(fsys, l.text, 9000, fullStripe); err != nil {
						t.Errorf("%s: change %d, power loss %d, %v: %v", what, i, seed, d, err)
					}
				}
			}
		}
		for seed := range uint64(6) {
			d := rotten{artifacts[1], blockSize - 64<<10, blockSize, "noise"}
			if err := d.judge(d.rot(fsys.Crash(seed), rng), l.text, fullStripe, fullStripe); err != nil {
				t.Errorf("%s: power loss %d, %v: %v", what, seed, d, err)
			}
		}
		if err := g.Advance(fullStripe + 5000); err != nil {
			t.Fatal(err)
		}
		if err := (rotten{}).judge(fsys.Crash(0), l.text, fullStripe+5000, fullStripe+5000); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The copy of the tail that a start makes is of what counts: it takes no longer for the stripes before.
func TestResumeTrimsTail(t *testing.T) {
	l := beginTail(t, []int64{fullStripe + 9000})
	l.cover(t, fullStripe-1, fullStripe+8999)
	l.s.Close()
	if !goesOn(t, l.fsys, "at rest", fullStripe+9000) {
		t.Fatal("begun anew")
	}
	if got, want := len(l.fsys.Tree()[artifacts[0]]), (partialSlots+2)*slotSize; got != want {
		t.Errorf("the tail file has %d bytes, want %d", got, want)
	}
}
