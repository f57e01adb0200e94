package btree

import (
	"fmt"
	"testing"

	"frankenredis/kv/arena"
)

// mix is splitmix64's finisher.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// benchKinds are the trees as the values have them: by score and member, or by id.
var benchKinds = []struct {
	name string
	t    Type
}{
	{"zset", Type{Words: 1, Compare: entryCompare}},
	{"stream", Type{Words: 2}},
}

var benchTail = []byte("member:000000000")

// benchKey is item number i: words in random order or ascending.
func benchKey(i uint64, random bool) Key {
	if random {
		i = mix(i)
	}
	return Key{W: [2]uint64{i}, Tail: benchTail}
}

func benchTree(kind *Type, n uint64, random bool) (*arena.Arena, Tree) {
	a := arena.New(arena.Options{})
	d := New(a, kind)
	for i := range n {
		d.Insert(benchKey(i, random), newEntry(a, i, benchTail), 0)
	}
	return a, d
}

var benchSizes = []uint64{1000, 100_000, 1000_000}

// benchEach runs a benchmark on random trees of all kinds and sizes.
func benchEach(b *testing.B, run func(b *testing.B, a *arena.Arena, d Tree, n uint64)) {
	for i := range benchKinds {
		k := &benchKinds[i]
		for _, n := range benchSizes {
			a, d := benchTree(&k.t, n, true)
			b.Run(fmt.Sprintf("%s/%d", k.name, n), func(b *testing.B) { run(b, a, d, n) })
			a.Close()
		}
	}
}

// BenchmarkGrow makes trees of a million items by insertions.
func BenchmarkGrow(b *testing.B) {
	const n = 1000_000
	for i := range benchKinds {
		k := &benchKinds[i]
		for _, random := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/random=%v", k.name, random), func(b *testing.B) {
				a := arena.New(arena.Options{})
				defer a.Close()
				r := newEntry(a, 0, benchTail)
				each := 0.0
				for b.Loop() {
					d := New(a, &k.t)
					for i := range uint64(n) {
						d.Insert(benchKey(i, random), r, 0)
					}
					each = float64(d.MemBytes()) / n
					for !d.Free(nil, n) {
					}
				}
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/n, "ns/item")
				b.ReportMetric(each, "B/item")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkBuild makes trees of a million items with a Builder.
func BenchmarkBuild(b *testing.B) {
	const n = 1000_000
	a := arena.New(arena.Options{})
	defer a.Close()
	for b.Loop() {
		build := NewBuilder(a, &benchKinds[1].t)
		for i := range uint64(n) {
			build.Add(benchKey(i, false), 8, 0)
		}
		d := build.Tree()
		for !d.Free(nil, n) {
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/n, "ns/item")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkChurn deletes and inserts at a steady size.
func BenchmarkChurn(b *testing.B) {
	for i := range benchKinds {
		k := &benchKinds[i]
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", k.name, n), func(b *testing.B) {
				a, d := benchTree(&k.t, n, true)
				defer a.Close()
				i := uint64(0)
				b.ReportAllocs()
				for b.Loop() {
					// Items [i, i+n) are in.
					r, ok := d.Delete(benchKey(i, true))
					if !ok || !d.Insert(benchKey(i+n, true), r, 0) {
						b.Fatal("wrong answer")
					}
					i++
				}
				b.ReportMetric(float64(d.MemBytes())/float64(d.Len()), "B/item")
			})
		}
	}
}

func BenchmarkFind(b *testing.B) {
	benchEach(b, func(b *testing.B, a *arena.Arena, d Tree, n uint64) {
		b.ReportAllocs()
		i := uint64(0)
		for b.Loop() {
			i++
			if _, ok := d.Find(benchKey(mix(i)%n, true)); !ok {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkRank(b *testing.B) {
	benchEach(b, func(b *testing.B, a *arena.Arena, d Tree, n uint64) {
		i := uint64(0)
		for b.Loop() {
			i++
			if _, ok := d.Rank(benchKey(mix(i)%n, true)); !ok {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkAt(b *testing.B) {
	benchEach(b, func(b *testing.B, a *arena.Arena, d Tree, n uint64) {
		i := uint64(0)
		for b.Loop() {
			i++
			if d.At(int(mix(i)%n)).Ref == 0 {
				b.Fatal("not found")
			}
		}
	})
}

// BenchmarkNext goes through a view with a cursor, without a look at the entries.
func BenchmarkNext(b *testing.B) {
	benchEach(b, func(b *testing.B, a *arena.Arena, d Tree, n uint64) {
		view := a.Freeze()
		defer view.Close()
		c := Frozen(view, d.t, d.Root()).SeekAt(0)
		sum := arena.Ref(0)
		b.ReportAllocs()
		for b.Loop() {
			sum += c.Ref()
			if !c.Next() {
				c = c.r.SeekAt(0)
			}
		}
	})
}

// BenchmarkView inserts 10,000 items at random places with a view open, and reports what was copied for that.
func BenchmarkView(b *testing.B) {
	const n, writes = 1000_000, 10_000
	for i := range benchKinds {
		k := &benchKinds[i]
		b.Run(k.name, func(b *testing.B) {
			a, d := benchTree(&k.t, n, true)
			defer a.Close()
			r := newEntry(a, 0, benchTail)
			next, copied := uint64(n), int64(0)
			for b.Loop() {
				view := a.Freeze()
				for range writes {
					d.Insert(benchKey(next, true), r, 0)
					next++
				}
				copied += view.CopiedBytes()
				view.Close()
			}
			b.ReportMetric(float64(copied)/float64(b.N)/writes, "copied-B/write")
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/writes, "ns/write")
			b.ReportMetric(0, "ns/op")
		})
	}
}
