package dict

import (
	"maps"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// TestChoose promises: as many entries as were asked for come, none twice, and each about as often as any other, few of many and many
// of few.
func TestChoose(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		rnd := newRand(t)
		for _, keys := range []uint64{1, 3, 70, 300, 2000} {
			m := newModel(t, hashes[name])
			for key := range keys {
				m.put(key)
			}
			for _, n := range []int{0, 1, 5, 33, int(keys) / 2, int(keys) - 1, int(keys)} {
				if n > int(keys) {
					continue
				}
				rounds := 1
				if n > 0 && keys <= 100 {
					rounds = 200 * int(keys) / n
				}
				times := map[uint64]int{}
				for range rounds {
					seen := map[arena.Ref]bool{}
					m.d.Choose(n, rnd.Uint64, func(r arena.Ref) {
						if seen[r] {
							t.Fatalf("%s: of %d entries one came twice among %d", name, keys, n)
						}
						seen[r] = true
						times[m.a.Load64(r+8)]++
					})
					if len(seen) != n {
						t.Fatalf("%s: %d of %d entries came, %d were wanted", name, len(seen), keys, n)
					}
				}
				if keys > 100 || n == 0 {
					continue
				}
				// 200 on average.
				for key := range keys {
					if got := times[key]; got < 100 || got > 400 {
						t.Errorf("%s: in %d choices of %d out of %d, entry %d came %d times", name, rounds, n, keys, key, got)
					}
				}
			}
		}
	}
}
