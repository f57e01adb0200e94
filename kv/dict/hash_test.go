package dict

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// slowSip is SipHash-c-d as its paper describes it, a byte at a time.
func slowSip(c, d int, seed *Seed, msg []byte) uint64 {
	var v [4]uint64
	for i, ascii := range []string{"somepseu", "dorandom", "lygenera", "tedbytes"} {
		v[i] = binary.BigEndian.Uint64([]byte(ascii)) ^ binary.LittleEndian.Uint64(seed[i%2*8:])
	}
	rotate := func(i int, by uint) { v[i] = v[i]<<by | v[i]>>(64-by) }
	half := func(a, b, c, d int, s, t uint) {
		v[a] += v[b]
		v[c] += v[d]
		rotate(b, s)
		rotate(d, t)
		v[b] ^= v[a]
		v[d] ^= v[c]
		rotate(a, 32)
	}
	round := func() {
		half(0, 1, 2, 3, 13, 16)
		half(2, 1, 0, 3, 17, 21)
	}
	padded := append([]byte(nil), msg...)
	for len(padded)%8 != 7 {
		padded = append(padded, 0)
	}
	padded = append(padded, byte(len(msg)))
	for ; len(padded) > 0; padded = padded[8:] {
		var m uint64
		for i := range 8 {
			m |= uint64(padded[i]) << (8 * i)
		}
		v[3] ^= m
		for range c {
			round()
		}
		v[0] ^= m
	}
	v[2] ^= 0xff
	for range d {
		round()
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

// countingSeed and countingMessage are what the published vectors are made with.
func countingSeed() (s Seed) {
	for i := range s {
		s[i] = byte(i)
	}
	return s
}

func countingMessage(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestSlowSipIsSipHash(t *testing.T) {
	// The worked example in the appendix of the SipHash paper, and the first of the
	// reference implementation's vectors.
	seed := countingSeed()
	for n, want := range map[int]uint64{15: 0xa129ca6149be45e5, 0: 0x726fdb47dd0e0e31} {
		if got := slowSip(2, 4, &seed, countingMessage(n)); got != want {
			t.Errorf("SipHash-2-4 of %d bytes = %#x, want %#x", n, got, want)
		}
	}
}

func TestHashVectors(t *testing.T) {
	// SipHash-1-3 of the reference implementation, messages of 0, 1, 2 ... bytes.
	seed := countingSeed()
	for n, want := range []uint64{
		0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
	} {
		if got := Hash(&seed, countingMessage(n)); got != want {
			t.Errorf("Hash of %d bytes = %#x, want %#x", n, got, want)
		}
	}
}

func TestHashAgainstSlow(t *testing.T) {
	for n := range 300 {
		var seed Seed
		msg := make([]byte, n)
		for i := range seed {
			seed[i] = byte(rand.Uint32())
		}
		for i := range msg {
			msg[i] = byte(rand.Uint32())
		}
		if got, want := Hash(&seed, msg), slowSip(1, 3, &seed, msg); got != want {
			t.Fatalf("Hash(%x, %x) = %#x, want %#x", seed, msg, got, want)
		}
	}
}

func FuzzHash(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("key"))
	f.Fuzz(func(t *testing.T, s, msg []byte) {
		var seed Seed
		copy(seed[:], s)
		if got, want := Hash(&seed, msg), slowSip(1, 3, &seed, msg); got != want {
			t.Fatalf("Hash(%x, %x) = %#x, want %#x", seed, msg, got, want)
		}
	})
}

var sink uint64

func BenchmarkHash(b *testing.B) {
	var seed Seed
	for _, n := range []int{5, 16, 64} {
		b.Run(string(rune('0'+n/10))+string(rune('0'+n%10))+"B", func(b *testing.B) {
			key := countingMessage(n)
			for b.Loop() {
				sink += Hash(&seed, key)
			}
		})
	}
}
