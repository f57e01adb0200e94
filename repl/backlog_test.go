package repl

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"frankenredis/wal"
)

// Whatever is appended in whatever pieces, and whenever the size changes, the backlog gives back the stream's latest bytes.
func TestBacklog(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		size := 1 + rng.IntN(50)
		start := wal.LSN(rng.IntN(1000))
		b := NewBacklog(int64(size), start)
		var all []byte
		held := 0
		for range 60 {
			if rng.IntN(12) == 0 {
				size = 1 + rng.IntN(50)
				b.Resize(int64(size))
				held = min(held, size)
			}
			p := make([]byte, rng.IntN(70))
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			b.Append(p)
			all = append(all, p...)
			held = min(held+len(p), size)
			if b.Len() != held || b.End() != start+wal.LSN(len(all)) {
				t.Fatalf("%d bytes up to %d, want %d up to %d", b.Len(), b.End(), held, int(start)+len(all))
			}
			for n := 0; n <= held; n++ {
				at := b.End() - wal.LSN(n)
				if !b.Has(at) || !bytes.Equal(b.From(at), all[len(all)-n:]) {
					t.Fatalf("the last %d of %d bytes are wrong", n, held)
				}
			}
			if b.Has(b.End()-wal.LSN(held)-1) || b.Has(b.End()+1) {
				t.Fatal("it claims to have what it has not")
			}
		}
	}
}
