package repl

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"frankenredis/wal"
)

// Whatever is appended in whatever pieces, and whenever the size changes, the backlog gives back the stream's latest bytes: as many as its
// size at least, from where a replica needs them on at least, and one block more at most.
func TestBacklog(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		size := 1 + rng.IntN(40_000)
		start := wal.LSN(rng.IntN(1000))
		b := NewBacklog(int64(size), start)
		var all []byte
		least, largest := 0, blockLeast
		keep := start
		for range 60 {
			if rng.IntN(3) == 0 {
				keep += wal.LSN(rng.IntN(int(b.End()-keep) + 1))
			}
			if rng.IntN(12) == 0 {
				size = 1 + rng.IntN(40_000)
				b.Resize(int64(size), keep)
				least = min(least, max(size, int(b.End()-keep)))
			}
			largest = max(largest, min(size/16, blockMost))
			p := make([]byte, rng.IntN(7000))
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			b.Append(p, keep)
			all = append(all, p...)
			needed := int(b.End() - keep)
			least = min(least+len(p), max(size, needed))
			if b.End() != start+wal.LSN(len(all)) || b.Len() < least || b.Len() > max(size, needed)+largest {
				t.Fatalf("%d bytes up to %d of %d with size %d, of which %d are needed", b.Len(), b.End(), int(start)+len(all), size, needed)
			}
			if n := b.Memory(); n < int64(b.Len()) || n > int64(b.Len()+2*largest) {
				t.Fatalf("%d bytes take %d", b.Len(), n)
			}
			for range 20 {
				n := rng.IntN(b.Len() + 1)
				at := b.End() - wal.LSN(n)
				if !b.Has(at) || !bytes.Equal(from(b, at), all[len(all)-n:]) || !bytes.HasPrefix(all[len(all)-n:], b.Next(at)) {
					t.Fatalf("the last %d of %d bytes are wrong", n, b.Len())
				}
			}
			if b.Has(b.End()-wal.LSN(b.Len())-1) || b.Has(b.End()+1) {
				t.Fatal("it claims to have what it has not")
			}
		}
	}
}

// from is everything from a position on that the backlog has.
func from(b *Backlog, at wal.LSN) (p []byte) {
	for at < b.End() {
		piece := b.Next(at)
		p = append(p, piece...)
		at += wal.LSN(len(piece))
	}
	return p
}

// Appending allocates nothing once the backlog is full.
func TestBacklogAllocations(t *testing.T) {
	for _, size := range []int{1000, 80_000} {
		b := NewBacklog(1<<20, 0)
		p := make([]byte, size)
		for range 3 << 20 / size {
			b.Append(p, b.End())
		}
		if n := testing.AllocsPerRun(1000, func() { b.Append(p, b.End()) }); n > 0 {
			t.Errorf("%v allocations for %d bytes", n, size)
		}
	}
}
