package dict

import (
	"testing"

	"frankenredis/kv/arena"
)

// The statistics add up, also with a hash that makes chains.
func TestStats(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		hash func(i int) uint64
	}{
		{"empty", 0, nil},
		{"one", 1, func(int) uint64 { return 0 }},
		{"spread", 5000, func(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }},
		{"all alike", 300, func(int) uint64 { return 7 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := arena.New(arena.Options{})
			defer a.Close()
			hashes := map[arena.Ref]uint64{}
			d := New(a, &Type{
				Match: func(arena.Mem, arena.Ref, []byte) bool { return false },
				Hash:  func(_ arena.Mem, r arena.Ref) uint64 { return hashes[r] },
			})
			for i := range c.n {
				r := a.Alloc(16)
				hashes[r] = c.hash(i)
				d.Insert(hashes[r], r)
			}
			s := d.Stats()
			entries, segments := 0, 0
			for n, times := range s.Lengths {
				entries += n * times
				if n > 0 {
					segments += times
				}
			}
			if s.Entries != c.n || entries != c.n || segments != s.Segments || s.Slots < c.n || s.Slots > 2*c.n+segmentMax {
				t.Errorf("%+v", s)
			}
			if c.name == "all alike" && s.Lengths[c.n] != 1 {
				t.Errorf("no chain of %d: %v", c.n, s.Lengths)
			}
		})
	}
}
