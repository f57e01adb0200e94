package dict

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"frankenredis/kv/arena"
)

// Benchmark entries carry a 16-byte key behind an 8-byte header, hashed by SipHash.
var benchSeed Seed

func benchKey(m arena.Mem, r arena.Ref) []byte { return m.At(r+8, 16) }

var benchType = &Type{Match: MatchKey(benchKey), Hash: HashKey(&benchSeed, benchKey)}

// benchName is "key:" and 12 digits.
func benchName(buf []byte, i uint64) []byte {
	b := append(buf[:0], "key:000000000000"...)
	for j := len(b) - 1; i > 0; j-- {
		b[j] += byte(i % 10)
		i /= 10
	}
	return b
}

// benchDict makes a dict of n entries of 104 bytes, about what 64-byte values take.
func benchDict(n uint64) (*arena.Arena, Dict) {
	a := arena.New(arena.Options{})
	d := New(a, benchType)
	var buf [32]byte
	for i := range n {
		key := benchName(buf[:], i)
		r := a.Alloc(104)
		copy(a.Mut(r, 104)[8:], key)
		d.Insert(Hash(&benchSeed, key), r)
	}
	return a, d
}

// query is a key and its hash.
type query struct {
	hash uint64
	key  [16]byte
}

// queries are for keys in random order, made beforehand so that only Find is measured.
func queries(n uint64, from uint64) []query {
	list := make([]query, 1<<16)
	for i := range list {
		copy(list[i].key[:], benchName(make([]byte, 16), from+mix(uint64(i))%n))
		list[i].hash = Hash(&benchSeed, list[i].key[:])
	}
	return list
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []uint64{100, 1000, 10_000, 100_000, 1000_000, 3000_000} {
		a, d := benchDict(n)
		for _, hit := range []bool{true, false} {
			name, from := "hit", uint64(0)
			if !hit {
				name, from = "miss", n
			}
			list := queries(n, from)
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					q := &list[i&(1<<16-1)]
					i++
					if r := d.Find(q.hash, q.key[:]); (r != 0) != hit {
						b.Fatal("wrong answer")
					}
				}
			})
		}
		a.Close()
	}
}

// BenchmarkInsert fills a dict with 3 million entries three times. An insertion counts
// with its shortest time, since what the machine did meanwhile strikes each time elsewhere.
func BenchmarkInsert(b *testing.B) {
	const n, rounds = 3000_000, 3
	for b.Loop() {
		took := make([]time.Duration, n)
		var most, least float64 = 0, 1e9
		var freeing time.Duration
		var freed uint64
		for round := range rounds {
			a := arena.New(arena.Options{})
			d := New(a, benchType)
			var buf [32]byte
			for i := range uint64(n) {
				key := benchName(buf[:], i)
				r := a.Alloc(104)
				copy(a.Mut(r, 104)[8:], key)
				hash := Hash(&benchSeed, key)
				start := time.Now()
				d.Insert(hash, r)
				if t := time.Since(start); round == 0 || t < took[i] {
					took[i] = t
				}
				if i > 500_000 && i%10_000 == 0 {
					each := float64(d.MemBytes()) / float64(d.Len())
					most, least = max(most, each), min(least, each)
				}
			}
			start := time.Now()
			for !d.Free(func(r arena.Ref) { freed += a.Load64(r); a.Free(r) }, 1000) {
			}
			freeing += time.Since(start)
			a.Close()
		}
		var total time.Duration
		for _, t := range took {
			total += t
		}
		slices.Sort(took)
		b.ReportMetric(float64(total)/n, "ns/insert")
		b.ReportMetric(float64(took[n-1-n/1000]), "ns-p99.9")
		b.ReportMetric(float64(took[n-1-n/100_000]), "ns-p99.999")
		b.ReportMetric(float64(took[n-1]), "ns-longest")
		b.ReportMetric(most, "B/entry-most")
		b.ReportMetric(least, "B/entry-least")
		b.ReportMetric(float64(freeing)/(n*rounds), "ns/free")
		b.ReportMetric(0, "ns/op")
		sink += freed
	}
}

// BenchmarkChurn deletes and inserts at a steady size and reports what the table costs then.
func BenchmarkChurn(b *testing.B) {
	const n = 1000_000
	a, d := benchDict(n)
	defer a.Close()
	var buf [32]byte
	i := uint64(0)
	for b.Loop() {
		// Keys [i, i+n) are in.
		key := benchName(buf[:], i)
		r := d.Delete(Hash(&benchSeed, key), key)
		key = benchName(buf[:], i+n)
		copy(a.Mut(r, 104)[8:], key)
		d.Insert(Hash(&benchSeed, key), r)
		i++
	}
	b.ReportMetric(float64(d.MemBytes())/float64(d.Len()), "B/entry")
}

func BenchmarkRandom(b *testing.B) {
	for _, n := range []uint64{100, 100_000, 1000_000} {
		a, d := benchDict(n)
		x := uint64(0)
		rnd := func() uint64 { x++; return mix(x) }
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				d.Random(rnd)
			}
		})
		a.Close()
	}
}

func BenchmarkScan(b *testing.B) {
	a, d := benchDict(1000_000)
	defer a.Close()
	cursor := uint64(0)
	n := 0
	for b.Loop() {
		cursor = d.Scan(cursor, func(arena.Ref) { n++ })
	}
	b.ReportMetric(float64(n)/float64(b.N), "entries/step")
}

// BenchmarkEach reads all keys of a view, as a saver does.
func BenchmarkEach(b *testing.B) {
	const n = 1000_000
	a, d := benchDict(n)
	defer a.Close()
	view := a.Freeze()
	defer view.Close()
	sum := 0
	for b.Loop() {
		Frozen(view, benchType, d.Root()).Each(func(r arena.Ref) bool {
			for _, c := range benchKey(view, r) {
				sum += int(c)
			}
			return true
		})
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/n, "ns/entry")
}

// BenchmarkWarm looks up 16 keys at a time behind Warm.
func BenchmarkWarm(b *testing.B) {
	for _, n := range []uint64{1000, 1000_000, 3000_000} {
		a, d := benchDict(n)
		list := queries(n, 0)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var hashes [warmMax]uint64
			i := 0
			for b.Loop() {
				at := i & (1<<16 - 1)
				if at%warmMax == 0 {
					for j := range hashes {
						hashes[j] = list[at+j].hash
					}
					d.Warm(hashes[:])
				}
				q := &list[at]
				i++
				if d.Find(q.hash, q.key[:]) == 0 {
					b.Fatal("wrong answer")
				}
			}
		})
		a.Close()
	}
}
