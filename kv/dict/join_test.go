package dict

import (
	"testing"

	"frankenredis/kv/arena"
)

func entryKey(m arena.Mem, r arena.Ref) []byte { return m.At(r+8, 8) }

// TestJoin joins dicts of all proportions, some keys common, under every kind of hash.
func TestJoin(t *testing.T) {
	for name, hash := range hashes {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			sizes := []int{0, 1, 2, 40, 300, 5000, 40000}
			if crowded(name) {
				sizes = []int{0, 1, 40, 300}
			}
			a := arena.New(arena.Options{})
			defer a.Close()
			for _, n := range sizes {
				for _, m := range sizes {
					from, to := New(a, testType), New(a, testType)
					want := make(map[arena.Ref]arena.Ref, n)
					for k := range uint64(max(n, m)) {
						own, other := arena.Ref(0), arena.Ref(0)
						if k < uint64(n) {
							own = newEntry(a, hash(k), k, 1)
							from.Insert(hash(k), own)
						}
						if k < uint64(m) && rnd.IntN(3) > 0 {
							other = newEntry(a, hash(k), k, 2)
							to.Insert(hash(k), other)
						}
						if own != 0 {
							want[own] = other
						}
					}
					var order []arena.Ref
					Frozen(a, testType, from.Root()).Each(func(r arena.Ref) bool { order = append(order, r); return true })
					i := 0
					if !from.Join(to, entryKey, new(Joint), func(r, same arena.Ref) bool {
						if i == len(order) || r != order[i] || same != want[r] {
							t.Fatalf("%d with %d entries: visit %d is of %#x with %#x, want %#x", n, m, i, r, same, want[r])
						}
						i++
						return true
					}) || i != n {
						t.Fatalf("%d with %d entries: %d visits", n, m, i)
					}
					if n > 1 {
						i = 0
						if from.Join(to, entryKey, new(Joint), func(_, _ arena.Ref) bool { i++; return i < n-1 }) || i != n-1 {
							t.Fatalf("%d with %d entries: %d visits where %d were wanted", n, m, i, n-1)
						}
					}
				}
			}
		})
	}
}
