package arena

import (
	"math/rand/v2"
	"testing"
)

func TestForward(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	a := New(Options{})
	defer a.Close()
	var refs []Ref
	for range 5000 {
		refs = append(refs, a.Alloc(1+rnd.IntN(MaxBlock/8)))
	}
	rnd.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	f, to := a.NewForward(), map[Ref]Ref{}
	for _, r := range refs[:4000] { // the rest is nobody's
		to[r] = a.Alloc(a.Usable(r)) // may lie in the same slab
		f.Set(r, to[r])
	}
	for r, want := range to {
		if got := f.To(r); got != want {
			t.Errorf("the copy of %#x is %#x, want %#x", r, got, want)
		}
	}
}
