package arena

import (
	"math/bits"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var (
	_ Mem = (*Arena)(nil)
	_ Mem = (*View)(nil)
)

func mustCheck(t *testing.T, a *Arena) {
	t.Helper()
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

func TestClasses(t *testing.T) {
	last := 0
	for c := uint32(1); c <= lastClass; c++ {
		k := classes[c]
		size := int(k.size)
		if size%8 != 0 || size <= last || int(k.slots) > maxSlots || k.slots < 4 {
			t.Fatalf("class %d: %+v", c, k)
		}
		step := float64(size-last) / float64(size)
		if last > fineLimit && last < MaxBlock/2 && step > 0.126 {
			t.Errorf("class %d is %.0f %% above class %d", size, step*100, last)
		}
		if last >= minBlock && last < fineLimit && size-last != 8 {
			t.Errorf("class %d follows %d", size, last)
		}
		if tail := PageSize<<k.order - size*int(k.slots); tail*20 > PageSize<<k.order && size > fineLimit {
			t.Errorf("class %d leaves %d bytes of its slab", size, tail)
		}
		for off := 0; off < PageSize<<k.order; off++ {
			if uint64(off)*k.recip>>32 != uint64(off/size) {
				t.Fatalf("class %d: offset %d is taken for slot %d", size, off, uint64(off)*k.recip>>32)
			}
		}
		last = size
	}
	if last != MaxBlock {
		t.Fatalf("largest class %d, MaxBlock %d", last, MaxBlock)
	}
	for n := 1; n <= MaxBlock; n++ {
		if s := BlockSize(n); s < n || n > minBlock && s > n+7 && BlockSize(n-8) == s && s-n > n/2 {
			t.Fatalf("BlockSize(%d) = %d", n, s)
		}
	}
}

func TestPowersOfTwoAreAligned(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	for n := minBlock; n <= MaxBlock; n *= 2 {
		for range 5 {
			if r := a.Alloc(n); bits.TrailingZeros64(uint64(r)) < bits.TrailingZeros(uint(n)) {
				t.Errorf("Alloc(%d) = %#x", n, r)
			}
		}
	}
}

func TestMisuse(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	r := a.Alloc(100)
	mustPanic(t, "Alloc(0)", func() { a.Alloc(0) })
	mustPanic(t, "Alloc(-1)", func() { a.Alloc(-1) })
	mustPanic(t, "Alloc(MaxBlock+1)", func() { a.Alloc(MaxBlock + 1) })
	mustPanic(t, "Free(0)", func() { a.Free(0) })
	mustPanic(t, "Free inside a block", func() { a.Free(r + 8) })
	mustPanic(t, "Free of a free neighbour", func() { a.Free(r + Ref(BlockSize(100))) })
	mustPanic(t, "Free far away", func() { a.Free(1 << 40) })
	keep := a.Alloc(100)
	a.Free(r)
	mustPanic(t, "second Free", func() { a.Free(r) })
	mustPanic(t, "At of nil", func() { sink += uint64(a.At(0, 1)[0]) })
	mustPanic(t, "Load64 of nil", func() { sink += a.Load64(0) })
	if raceEnabled {
		mustPanic(t, "At of a free block", func() { a.At(r, 1) })
		mustPanic(t, "At past the end", func() { a.At(keep, BlockSize(100)+1) })
		mustPanic(t, "Load64 past the end", func() { a.Load64(keep + Ref(BlockSize(100))) })
	}
	mustCheck(t, a)
}

func TestAllocAvoidsFrozenPages(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	var refs []Ref
	for range 1000 {
		refs = append(refs, a.Alloc(96))
	}
	for i := 0; i < len(refs); i += 2 { // holes in every page
		a.Free(refs[i])
	}
	v := a.Freeze()
	for range 500 {
		a.Store64(a.Alloc(96), 1)
	}
	if n := v.CopiedBytes(); n != 0 {
		t.Errorf("%d bytes were copied to write to new blocks", n)
	}
	pages := a.Stats().Pages
	a.Store64(refs[1], 1) // its page is copied, and the holes in the copy are writable
	if n := v.CopiedBytes(); n != PageSize {
		t.Errorf("%d bytes were copied for one write", n)
	}
	a.Store64(refs[1], 2)
	a.Store64(refs[3], 2)
	for range PageSize / 96 / 2 {
		a.Alloc(96)
	}
	if n := v.CopiedBytes(); n != PageSize {
		t.Errorf("%d bytes were copied for two writes to one page", n)
	}
	if n := a.Stats().Pages; n != pages {
		t.Errorf("%d pages after using holes of a copied page, %d before", n, pages)
	}
	v.Close()
	for range 400 {
		a.Alloc(96)
	}
	if n := a.Stats().Pages; n != pages {
		t.Errorf("%d pages after the view; its holes were not used again", n)
	}
	mustCheck(t, a)
}

// A page copied once serves all views that saw the old version.
func TestOverlappingViewsShareCopies(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	r := a.Alloc(64)
	a.Store64(r, 1)
	v1, v2 := a.Freeze(), a.Freeze()
	a.Store64(r, 2)
	v3 := a.Freeze()
	a.Store64(r, 3)
	if n := v1.CopiedBytes(); n != 2*PageSize {
		t.Errorf("%d bytes copied, want two pages", n)
	}
	if n := v3.CopiedBytes(); n != PageSize {
		t.Errorf("%d bytes copied since the third view, want one page", n)
	}
	if n := a.Stats().ViewBytes; n != 2*PageSize {
		t.Errorf("ViewBytes = %d", n)
	}
	for i, c := range []struct {
		v    *View
		want uint64
	}{{v1, 1}, {v2, 1}, {v3, 3 - 1}} {
		if got := c.v.Load64(r); got != c.want {
			t.Errorf("view %d holds %d, want %d", i+1, got, c.want)
		}
	}
	v2.Close()
	v2.Close() // a second time: nothing
	a.Reclaim(100)
	mustCheck(t, a)
	if got := v1.Load64(r); got != 1 {
		t.Errorf("the first view holds %d after the second ended", got)
	}
	v3.Close()
	v1.Close()
	for a.Reclaim(100) > 0 {
	}
	if s := a.Stats(); s.ViewBytes != 0 || s.Views != 0 {
		t.Errorf("after all views ended: %+v", s)
	}
	if n := v1.CopiedBytes(); n != 2*PageSize {
		t.Errorf("a closed view says %d bytes", n)
	}
	if a.Store64(r, 4); a.Load64(r) != 4 || a.Stats().CopiedBytes != 2*PageSize {
		t.Error("a write after the last view was copied")
	}
}

// Views end from other goroutines while the owner works; nothing but Close tells it.
func TestCloseElsewhere(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	var refs []Ref
	for i := range 2000 {
		r := a.Alloc(200)
		a.Store64(r, uint64(i))
		refs = append(refs, r)
	}
	var open sync.WaitGroup
	for round := range 50 {
		v := a.Freeze()
		wg := new(sync.WaitGroup)
		for range 2 {
			wg.Go(func() {
				for i, r := range refs {
					if got := v.Load64(r); got != uint64(i+round*len(refs)) {
						t.Errorf("round %d: block %d holds %d", round, i, got)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for i := range refs {
				_ = v.At(refs[len(refs)-1-i], 200)
			}
		})
		for i, r := range refs {
			a.Store64(r, uint64(i+(round+1)*len(refs)))
		}
		open.Go(func() { wg.Wait(); v.Close() })
	}
	open.Wait()
	mustCheck(t, a)
}

func TestMemoryGoesBack(t *testing.T) {
	const n = 64 << 20 / 1024
	before := resident(t)
	a := New(Options{})
	defer a.Close()
	refs := make([]Ref, n)
	for i := range refs {
		refs[i] = a.Alloc(1024)
		clear(a.Mut(refs[i], 1024))
	}
	if s := a.Stats(); s.UsedBytes != n*1024 || s.PageBytes < s.UsedBytes || s.PageBytes > s.UsedBytes*21/20 || s.Blocks != n {
		t.Errorf("loaded: %+v", s)
	}
	full := resident(t)
	spans := len(a.spans)
	for i, r := range refs {
		a.Free(r)
		if want := int64(n-1-i) * 1024; a.UsedBytes() != want {
			t.Fatalf("UsedBytes = %d after Free, want %d", a.UsedBytes(), want)
		}
	}
	calls := 0
	for {
		done := a.Reclaim(256)
		if done == 0 {
			break
		}
		if done > 256 {
			t.Errorf("Reclaim(256) did %d pages", done)
		}
		calls++
	}
	if s := a.Stats(); s.PageBytes != 0 || s.Pages != 0 || calls < 60 {
		t.Errorf("after %d slices: %+v", calls, s)
	}
	mustCheck(t, a)
	if !raceEnabled && full > 0 {
		if after := resident(t); full-before < 60<<20 || full-after < 60<<20 {
			t.Errorf("resident: %d MB before, %d full, %d after", before>>20, full>>20, after>>20)
		}
	}
	for range n { // the same addresses serve again
		clear(a.Mut(a.Alloc(1024), 1024))
	}
	if len(a.spans) != spans {
		t.Errorf("%d spans instead of %d the second time", len(a.spans), spans)
	}
}

// resident returns the process's resident bytes, 0 where the system does not say.
func resident(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * os.Getpagesize()
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	r := a.Alloc(64)
	for range 100 {
		a.Alloc(64)
	}
	v := a.Freeze()
	defer v.Close()
	n := testing.AllocsPerRun(100, func() {
		sink += a.Load64(r) + v.Load64(r) + uint64(len(a.At(r, 8))+len(v.At(r, 8))+len(a.TryMut(r, 8)))
		a.Store64(r, sink)
		a.Mut(r, 8)[0]++
		a.Free(a.Alloc(64))
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
