package rot

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Each kind changes a file, of any size, within its bounds, and the same way for the same random numbers.
func TestKinds(t *testing.T) {
	for _, k := range Kinds() {
		changed := 0
		for seed := range uint64(50) {
			size := []int{1, 2, 100, 4096, 10_000, 200_000}[seed%6]
			was := make([]byte, size)
			fill(rand.New(rand.NewPCG(seed, 1)), was)
			damage := func() []byte {
				f := File{Bytes: bytes.Clone(was), Other: []byte("another"), Older: was[:size/2]}
				return k.Damage(rand.New(rand.NewPCG(seed, 2)), f)
			}
			p := damage()
			if !bytes.Equal(p, damage()) {
				t.Fatalf("%s, seed %d: twice not the same", k.Name, seed)
			}
			if !bytes.Equal(p, was) {
				changed++
			}
			if k.Name == "one bit" && (len(p) != size || bits(p, was) != 1) {
				t.Errorf("%s: %d bits of %d bytes changed", k.Name, bits(p, was), size)
			}
		}
		if changed < 40 {
			t.Errorf("%s changed %d files of 50", k.Name, changed)
		}
		if _, err := Named(k.Name); err != nil {
			t.Error(err)
		}
	}
}

func bits(p, q []byte) (n int) {
	for i := range p {
		for x := p[i] ^ q[i]; x != 0; x &= x - 1 {
			n++
		}
	}
	return n
}
