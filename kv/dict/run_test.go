package dict

import (
	"cmp"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// run makes entries of the keys [from, to), in the order of their hashes, and a function that knows their keys.
func run(a *arena.Arena, hash func(uint64) uint64, from, to uint64) (r []Hashed, key func(i int) []byte) {
	type keyed struct {
		Hashed
		key uint64
	}
	var all []keyed
	for k := from; k < to; k++ {
		all = append(all, keyed{Hashed{hash(k), newEntry(a, hash(k), k, k)}, k})
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return cmp.Compare(a.Hash, b.Hash) })
	keys := make([]uint64, len(all))
	for i, e := range all {
		r, keys[i] = append(r, e.Hashed), e.key
	}
	return r, func(i int) []byte { return keyBytes(keys[i]) }
}

// TestRun inserts runs of all lengths into dicts of all sizes, under good and bad hashes, with single insertions in between: all must be
// found, and the blocks be right.
func TestRun(t *testing.T) {
	for name, hash := range hashes {
		t.Run(name, func(t *testing.T) {
			a := arena.New(arena.Options{Protect: true})
			defer a.Close()
			d := New(a, testType)
			r := newRand(t)
			most := 5000
			if crowded(name) {
				most = 300
			}
			next := uint64(0)
			for range 30 {
				n := uint64(1 + r.IntN(1+r.IntN(most)))
				some, key := run(a, hash, next, next+n)
				if got := d.InsertRun(some, key); got != len(some) {
					t.Fatalf("%d of %d inserted", got, len(some))
				}
				next += n
				check(t, d)
				for range r.IntN(50) {
					d.Insert(hash(next), newEntry(a, hash(next), next, next))
					next++
				}
			}
			for k := range next {
				if r := d.Find(hash(k), keyBytes(k)); r == 0 || a.Load64(r+16) != k {
					t.Fatalf("key %d: %#x", k, r)
				}
			}
			if d.Len() != int(next) {
				t.Fatalf("Len is %d of %d", d.Len(), next)
			}
		})
	}
}

// TestRunTwice wants a run with a key that is there, or that it has twice, to be stopped at: what was said to be in is, nothing else.
func TestRunTwice(t *testing.T) {
	for name, hash := range hashes {
		for _, inRun := range []bool{false, true} {
			a := arena.New(arena.Options{Protect: true})
			d := New(a, testType)
			before := 200
			for k := range uint64(before) {
				d.Insert(hash(k), newEntry(a, hash(k), k, k))
			}
			some, key := run(a, hash, 1000, 1300)
			bad := uint64(77)
			if inRun {
				bad = 1111
			}
			at, _ := slices.BinarySearchFunc(some, hash(bad), func(e Hashed, h uint64) int { return cmp.Compare(e.Hash, h) })
			for inRun && string(key(at)) != string(keyBytes(bad)) {
				at++
			}
			some = slices.Insert(some, at, Hashed{hash(bad), newEntry(a, hash(bad), bad, 0)})
			got := d.InsertRun(some, func(i int) []byte { return keyBytes(a.Load64(some[i].Ref + 8)) })
			if got > at {
				t.Errorf("%s, in the run %t: %d inserted, number %d is not new", name, inRun, got, at)
			}
			check(t, d)
			if d.Len() != before+got {
				t.Errorf("%s: %d entries, %d said to be inserted", name, d.Len()-before, got)
			}
			for i, e := range some {
				if there := d.Find(e.Hash, keyBytes(a.Load64(e.Ref+8))) == e.Ref; there != (i < got) {
					t.Errorf("%s: number %d of %d there: %t", name, i, got, there)
				}
			}
			a.Close()
		}
	}
}
