package arena

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// manyBlocks of 88 or 96 bytes make an arena of the size the figures in the package comment were taken at.
const manyBlocks = 3_000_000

func load(n int) (*Arena, []Ref) {
	a := New(Options{})
	refs := make([]Ref, n)
	for i := range refs {
		refs[i] = a.Alloc(88 + i&1*8)
		a.Store64(refs[i], uint64(i))
	}
	return a, refs
}

var (
	sink  uint64
	sizes = []int{1000, manyBlocks}
)

// access times f on blocks chosen at random, in an arena that fits the caches and in one that does not.
func access(b *testing.B, f func(a *Arena, refs []Ref, i int)) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("blocks=%d", n), func(b *testing.B) {
			a, refs := load(n)
			defer a.Close()
			x := uint32(1)
			for b.Loop() {
				x = x*1664525 + 1013904223
				f(a, refs, int(uint64(x)*uint64(n)>>32))
			}
		})
	}
}

func BenchmarkAt(b *testing.B) {
	access(b, func(a *Arena, refs []Ref, i int) { a.At(refs[i], 64)[5]++ }) // a write, to be compared with Mut
}

func BenchmarkMut(b *testing.B) {
	access(b, func(a *Arena, refs []Ref, i int) { a.Mut(refs[i], 64)[5]++ })
}

func BenchmarkLoad64(b *testing.B) {
	access(b, func(a *Arena, refs []Ref, i int) { sink += a.Load64(refs[i]) })
}

func BenchmarkStore64(b *testing.B) {
	access(b, func(a *Arena, refs []Ref, i int) { a.Store64(refs[i], sink) })
}

func BenchmarkFreeAlloc(b *testing.B) {
	access(b, func(a *Arena, refs []Ref, i int) {
		a.Free(refs[i])
		refs[i] = a.Alloc(88)
	})
}

// BenchmarkFill is Alloc of memory new from the system, page faults included.
func BenchmarkFill(b *testing.B) {
	a := New(Options{})
	defer a.Close()
	for b.Loop() {
		a.Store64(a.Alloc(96), 1)
	}
}

// BenchmarkView is the price of a view: of Freeze, of random writes to single blocks under it, and of its end.
func BenchmarkView(b *testing.B) {
	a, refs := load(manyBlocks)
	defer a.Close()
	for _, writes := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("writes=%d", writes), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var freeze, write, end time.Duration
			var copied int64
			for b.Loop() {
				t := time.Now()
				v := a.Freeze()
				freeze += time.Since(t)
				t = time.Now()
				for range writes {
					a.Store64(refs[rnd.IntN(len(refs))], 7)
				}
				write += time.Since(t)
				copied += v.CopiedBytes()
				v.Close()
				t = time.Now()
				for a.Reclaim(1<<20) > 0 {
				}
				end += time.Since(t)
			}
			n := float64(b.N)
			b.ReportMetric(float64(freeze.Nanoseconds())/n/1e3, "us/freeze")
			b.ReportMetric(float64(write.Nanoseconds())/n/float64(writes), "ns/write")
			b.ReportMetric(float64(copied)/n/float64(writes), "B-copied/write")
			b.ReportMetric(float64(copied)/n/float64(a.Stats().UsedBytes)*100, "%copied")
			b.ReportMetric(float64(end.Nanoseconds())/n/1e3, "us/end")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkGC is a forced collection with the arena loaded.
func BenchmarkGC(b *testing.B) {
	a, _ := load(manyBlocks)
	defer a.Close()
	runtime.GC()
	for b.Loop() {
		runtime.GC()
	}
	s := a.Stats()
	b.ReportMetric(float64(s.UsedBytes)/manyBlocks, "used-B/block")
	b.ReportMetric(float64(s.PageBytes+s.TableBytes)/manyBlocks, "all-B/block")
}
