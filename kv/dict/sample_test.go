package dict

import (
	"maps"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// TestSample promises: a sample has as many entries as were asked for, all of the dict, and with an even hash every entry comes
// about as often as any other.
func TestSample(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		rnd := newRand(t)
		for _, keys := range []uint64{0, 1, 3, 70, 300} {
			m := newModel(t, hashes[name])
			for key := range keys {
				m.put(key)
			}
			seen := map[uint64]int{}
			for range 20 * keys {
				n := 0
				m.d.Sample(5, rnd.Uint64, func(r arena.Ref) {
					seen[m.a.Load64(r+8)]++
					n++
				})
				if n != 5 {
					t.Fatalf("%s: %d of 5 entries", name, n)
				}
			}
			if keys == 0 {
				m.d.Sample(5, rnd.Uint64, func(arena.Ref) { t.Error("an entry of an empty dict") })
			}
			if len(seen) > int(keys) || (!crowded(name) && len(seen) != int(keys)) {
				t.Errorf("%s: of %d entries %d came", name, keys, len(seen))
			}
			for key, n := range seen {
				// 100 on average.
				if !crowded(name) && (n < 25 || n > 400) {
					t.Errorf("%s: entry %d of %d came %d times", name, key, keys, n)
				}
			}
		}
	}
}

func TestHas(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		m := newModel(t, hashes[name])
		for key := range uint64(100) {
			m.put(key)
		}
		h := hashes[name](42)
		r := m.d.Find(h, keyBytes(42))
		if !m.d.Has(h, r) || m.d.Has(h, r+8) || m.d.Has(^h, r) {
			t.Errorf("%s: wrong about an entry that is there", name)
		}
		m.del(42, true)
		if m.d.Has(h, r) {
			t.Errorf("%s: has an entry that was removed", name)
		}
	}
}
