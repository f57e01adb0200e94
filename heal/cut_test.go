package heal

import (
	"testing"

	"frankenredis/conformance/crashfs"
)

// The copies of a stripe that has its parity are gone durably when Advance returns: their end does not come back.
func TestGrowingTailStaysCut(t *testing.T) {
	const stripe = stripeCells * cellSize
	fsys := crashfs.New()
	fsys.Put("/d/f", string(randomBytes(1, stripe)))
	s, err := Open(options(fsys), true)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Grow("f")
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []int64{9000, stripe} {
		if err := g.Advance(end); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range uint64(40) {
		left, err := Open(options(fsys.Crash(seed)), false)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := left.Verify("f"); err != nil || r.State != Clean || r.Size < stripe {
			t.Fatalf("power loss %d: %+v, %v", seed, r, err)
		}
	}
}
