package heal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// growing is a file that is appended to and synced, and its cover.
type growing struct {
	t    testing.TB
	fsys *crashfs.FS
	s    *Store
	g    *Growing
	f    disk.File
	data []byte
	rng  *rand.Rand
}

func newGrowing(t testing.TB, seed uint64) *growing {
	fsys := crashfs.New()
	fsys.Put("/d/f", "")
	w := &growing{t: t, fsys: fsys, s: open(t, fsys, ""), rng: rand.New(rand.NewPCG(seed, 3))}
	var err error
	if w.g, err = w.s.Grow("f"); err != nil {
		t.Fatal(err)
	}
	if w.f, err = fsys.OpenAppend("/d/f"); err != nil {
		t.Fatal(err)
	}
	return w
}

// grow appends n bytes, syncs them and has them covered.
func (w *growing) grow(n int) {
	w.t.Helper()
	p := randomBytes(w.rng.Uint64(), n+8)[:n]
	w.data = append(w.data, p...)
	if _, err := w.f.Write(p); err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(w.f.SyncData(), w.g.Advance(int64(len(w.data)))); err != nil {
		w.t.Fatal(err)
	}
}

// sidecarBytes is what the cover of f takes on the disk.
func sidecarBytes(fsys *crashfs.FS) (n int64) {
	for path, c := range fsys.Tree() {
		if strings.HasSuffix(path, ".rs") || strings.HasSuffix(path, ".tail") {
			n += int64(len(c))
		}
	}
	return n
}

// A growing file is covered up to where it was said to be durable, whatever steps it grows in, and the cover stays within its bound.
func TestGrow(t *testing.T) {
	w := newGrowing(t, 1)
	for _, n := range []int{1, 4095, 1, 5000, 1 << 20, 15 << 20, 3, 17 << 20, 4096, 2 << 20} {
		w.grow(n)
		r, err := w.s.Verify("f")
		if err != nil || r.State != Clean || r.Size != int64(len(w.data)) || !r.Sidecar {
			t.Fatalf("after %d bytes: %+v, %v", len(w.data), r, err)
		}
		if most := 0.14*float64(len(w.data)) + 17<<20; float64(sidecarBytes(w.fsys)) > most {
			t.Errorf("%d bytes have a sidecar of %d", len(w.data), sidecarBytes(w.fsys))
		}
	}
	w.f.Write([]byte("not durable yet"))
	if r, err := w.s.Verify("f"); err != nil || r.State != Clean {
		t.Errorf("bytes behind the covered ones: %+v, %v", r, err)
	}
}

// One small write a second does not make the sidecar grow: the hour's clock is simulated by the number of writes.
func TestGrowSlowly(t *testing.T) {
	w := newGrowing(t, 2)
	for range 3600 {
		w.grow(40)
	}
	if got, most := sidecarBytes(w.fsys), int64((len(w.data)/cellSize+1+partialSlots)*slotSize); got > most {
		t.Errorf("an hour of writes, %d bytes, left a sidecar of %d, at most %d", len(w.data), got, most)
	}
	if r, err := w.s.Verify("f"); err != nil || r.State != Clean || r.Size != int64(len(w.data)) {
		t.Errorf("%+v, %v", r, err)
	}
}

// What is damaged within the budget comes back bit for bit, in place: whoever has the file open sees it.
func TestGrowRepair(t *testing.T) {
	w := newGrowing(t, 3)
	w.grow(35 << 20)
	reader, err := w.fsys.Open("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	for i, damage := range []func(p []byte) []byte{
		func(p []byte) []byte { p[5] ^= 1; return p },
		func(p []byte) []byte { p[len(p)-1] ^= 1; return p },
		func(p []byte) []byte { clear(p[20<<20 : 22<<20-cellSize]); return p },
		func(p []byte) []byte { clear(p[32<<20:]); return p },
		func(p []byte) []byte { return p[:34<<20] },
		func(p []byte) []byte { copy(p[4096:8192], p[0:4096]); return p },
	} {
		fsys := w.fsys
		bad := damage(bytes.Clone(w.data))
		f, err := fsys.OpenReadWrite("/d/f")
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt(bad, 0)
		f.Truncate(int64(len(bad)))
		f.Close()
		r, err := w.s.Verify("f")
		if err != nil || r.State != Damaged {
			t.Fatalf("damage %d: %+v, %v", i, r, err)
		}
		if r, err = w.s.Repair("f", false); err != nil || !r.Repaired {
			t.Fatalf("damage %d: %+v, %v", i, r, err)
		}
		got, _ := io.ReadAll(io.NewSectionReader(reader, 0, 1<<30))
		if !bytes.Equal(got, w.data) {
			t.Fatalf("damage %d: not as it was", i)
		}
	}
	f, _ := w.fsys.OpenReadWrite("/d/f")
	f.WriteAt(make([]byte, 3<<20), 1<<20)
	r, err := w.s.Repair("f", false)
	if !errors.Is(err, ErrBeyond) || r.State != Beyond || len(r.Lost) == 0 {
		t.Errorf("3 MiB of a stripe: %+v, %v", r, err)
	}
}

// A crash at any change leaves a cover that describes durable bytes of the file and nothing else (I14), and as much as the last
// Advance that returned had covered.
func TestGrowCrash(t *testing.T) {
	const stripe = stripeCells * cellSize
	for _, steps := range [][]int{{100, 5000, stripe, 10, 9000}, {9000, stripe - 9000}, {3*stripe + 7, 2*stripe - 7}} {
		testGrowCrash(t, steps)
	}
}

func testGrowCrash(t *testing.T, steps []int) {
	for stop := 0; ; stop++ {
		fsys := crashfs.New()
		fsys.Put("/d/f", "")
		left := stop
		o := options(fsys)
		s, err := Open(o, true)
		if err != nil {
			t.Fatal(err)
		}
		s.o.FS = stopping{fsys, &left, errors.New("stopped")}
		covered := int64(0)
		f, err := fsys.OpenAppend("/d/f")
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		g, err := s.Grow("f")
		for i, n := range steps {
			if err != nil {
				break
			}
			p := randomBytes(uint64(i), n+8)[:n]
			want = append(want, p...)
			f.Write(p)
			f.SyncData()
			if err = g.Advance(int64(len(want))); err == nil {
				covered = int64(len(want))
			}
		}
		after := fsys.Crash(uint64(stop))
		o.FS = after
		s2, oerr := Open(o, false)
		if errors.Is(oerr, ErrCatalog) && covered == 0 {
			if s2, oerr = Rebuild(o); oerr == nil {
				s2.Close()
			}
		}
		if oerr != nil {
			t.Fatalf("stopped at change %d: %v", stop, oerr)
		}
		r, verr := s2.Verify("f")
		switch {
		case errors.Is(verr, ErrUncovered) && covered == 0:
		case verr != nil || r.Cells > 0 || r.Size < covered || r.Size > int64(len(want)):
			t.Fatalf("stopped at change %d: covered %d of %d bytes: %+v, %v", stop, covered, len(want), r, verr)
		}
		if err == nil {
			if stop < 15 {
				t.Fatalf("%v: only %d changes", steps, stop)
			}
			return
		}
	}
}

// The hour's bound is a promise about the layout too: a block of a stripe is what the constant says.
func TestBlockSize(t *testing.T) {
	w := newGrowing(t, 4)
	w.grow(16 << 20)
	if got := len(content(t, w.fsys, w.s.sidecarPath("f", w.g.e))); got != blockSize {
		t.Errorf("a stripe takes %d bytes of the sidecar, want %d", got, blockSize)
	}
	w.grow(16<<20 - 1)
	if got := fmt.Sprint(w.g.stripes, w.g.End()); got != fmt.Sprint(1, 32<<20-1) {
		t.Error(got)
	}
}

// A covered cell stays covered when the next Advance, which completes it, is torn: the partial cell behind it is not on the disk before the
// whole one is.
func TestGrowingTornAtCellEnd(t *testing.T) { tornAdvance(t, 4000, 4219, 2, 40) }

// A power loss while cells are copied leaves some of them; until a slot tells of them that is no damage.
func TestGrowingTornBetweenCells(t *testing.T) { tornAdvance(t, 13000, 30000, 1, 2000) }

// tornAdvance covers a file up to one position and then up to another, and has the power fail at a sync of that, in so many ways: what was covered is,
// and the sidecar is whole.
func tornAdvance(t *testing.T, covered, to int64, sync int, losses uint64) {
	fsys := crashfs.New()
	fsys.Put("/d/f", strings.Repeat("x", int(to)))
	s, err := Open(options(fsys), true)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Grow("f")
	if err == nil {
		err = g.Advance(covered)
	}
	if err != nil {
		t.Fatal(err)
	}
	var torn *crashfs.FS
	fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op == crashfs.SyncData {
			if sync--; sync == 0 {
				torn = freeze()
			}
		}
	})
	if err := g.Advance(to); err != nil {
		t.Fatal(err)
	}
	for seed := range losses {
		left, err := Open(options(torn.Crash(seed)), false)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := left.Verify("f"); err != nil || r.State != Clean || r.Size < covered {
			t.Fatalf("power loss %d: %+v, %v", seed, r, err)
		}
	}
}

// TestTailEndLost spoils the slots that say how far a file is covered: with both gone that is not known, whatever cells are left, and the sidecar is
// not called whole. One is what a crash may spoil.
func TestTailEndLost(t *testing.T) {
	w := newGrowing(t, 5)
	w.grow(5 * cellSize / 2)
	w.grow(cellSize)
	tail := w.s.tailPath("f", w.g.e)
	is := w.fsys.Tree()[tail]
	for _, slots := range [][]int{{0}, {1}, {0, 1}} {
		fsys := w.fsys.Clone()
		bad := []byte(is)
		for _, slot := range slots {
			copy(bad[slot*slotSize:], randomBytes(uint64(slot), slotSize))
		}
		fsys.Put(tail, string(bad))
		r, err := open(t, fsys, "").Verify("f")
		if err != nil {
			t.Fatal(err)
		}
		if want := len(slots) < partialSlots; r.Sidecar != want {
			t.Errorf("slots %v: the sidecar is whole: %t, want %t (%+v)", slots, r.Sidecar, want, r)
		}
	}
}
