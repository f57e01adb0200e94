package arena

import (
	"math/rand/v2"
	"testing"
)

// After random deletions and a compaction, the blocks of each class lie in as few slabs as they need.
func TestCompaction(t *testing.T) {
	for _, budget := range []int{7, 1 << 20} {
		a := New(Options{})
		defer a.Close()
		rnd := rand.New(rand.NewPCG(1, uint64(budget)))
		var refs []Ref
		for i := range 60000 {
			refs = append(refs, a.Alloc(1+i%7*200+i%3*2000))
		}
		for i := range refs {
			if rnd.IntN(10) > 0 {
				a.Free(refs[i])
				refs[i] = 0
			}
		}
		need, had, used := int64(0), a.Stats().Pages, a.UsedBytes()
		for class, blocks := range a.countBlocks() {
			if slots := int64(classes[class].slots); blocks > 0 {
				need += (blocks + slots - 1) / slots << classes[class].order
			}
		}
		pages, done := a.Survey(budget)
		for !done {
			pages, done = a.Survey(budget)
		}
		if had-pages != need {
			t.Fatalf("of %d pages %d are to become free, %d are needed", had, pages, need)
		}
		for i, r := range refs {
			if r != 0 {
				refs[i] = a.Move(r)
			}
		}
		if got := a.Stats(); got.Pages != need || got.UsedBytes != used {
			t.Fatalf("%d pages of %d bytes after moving, %d of %d are needed", got.Pages, got.UsedBytes, need, used)
		}
		for !a.Settle(budget) {
		}
		if pages, done := a.Survey(1 << 20); pages != 0 || done {
			t.Fatal("the first call only counts")
		}
		if pages, done := a.Survey(1 << 20); pages != 0 || !done {
			t.Fatalf("%d pages are left to be gained", pages)
		}
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
	}
}

// A compaction that is ended early leaves an ordinary arena behind: all free room is used before new pages are.
func TestCompactionEndedEarly(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	var refs []Ref
	for range 4000 {
		refs = append(refs, a.Alloc(100))
	}
	for i, r := range refs {
		if i%10 > 0 {
			a.Free(r)
		}
	}
	had := a.Stats().Pages
	for done := false; !done; {
		_, done = a.Survey(10)
	}
	a.Move(refs[0])
	for !a.Settle(3) {
	}
	for range 3600 {
		a.Alloc(100)
	}
	if got := a.Stats().Pages; got != had {
		t.Fatalf("%d pages instead of %d", got, had)
	}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
}

// countBlocks counts the blocks of each class.
func (a *Arena) countBlocks() []int64 {
	n := make([]int64, lastClass+1)
	a.eachSlab(func(_ uint32, m *slab) { n[m.class] += int64(m.used) })
	return n
}
