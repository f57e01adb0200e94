package heal

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestGroups: groups of data shards give, together, the parity that the code gives of all at once.
func TestGroups(t *testing.T) {
	for _, p := range []Profile{Profile64x4, Profile64x8, Profile16x8} {
		c, err := newCodec(p, 1, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if c.groups, err = p.groupEncoders(c.plain); err != nil { // also where the processor has no use for them
			t.Fatal(err)
		}
		rng := rand.NewChaCha8([32]byte{1})
		for _, n := range []int{cellSize, bandBytes} {
			shards := make([][]byte, p.K+p.M)
			got := make([][]byte, p.M)
			for i := range shards {
				shards[i] = make([]byte, n)
				_, _ = rng.Read(shards[i]) // parity too: what stands there must not count
			}
			for m := range got {
				got[m] = bytes.Clone(shards[p.K+m])
			}
			if err := c.encodeGroups(shards[:p.K], got); err != nil {
				t.Fatal(err)
			}
			if err := c.plain.Encode(shards); err != nil {
				t.Fatal(err)
			}
			for m := range got {
				if !bytes.Equal(got[m], shards[p.K+m]) {
					t.Errorf("%d+%d, %d bytes: parity %d differs", p.K, p.M, n, m)
				}
			}
		}
	}
}
