package hll

import (
	"encoding/binary"
	"math/bits"
)

// place returns the register that an element belongs to and the value that it asks for, 1 to maxRank.
func place(element []byte) (index int, rank uint8) {
	h := murmur(element)
	index = int(h & (Registers - 1))
	h = h>>indexBits | 1<<rankBits // so that the search ends
	return index, uint8(bits.TrailingZeros64(h) + 1)
}

// murmur is MurmurHash64A with the seed that Redis uses, the same on machines of either byte order.
func murmur(p []byte) uint64 {
	const (
		seed = 0xadc83b19
		mul  = 0xc6a4a7935bd1e995
		rot  = 47
	)
	h := seed ^ uint64(len(p))*mul
	for len(p) >= 8 {
		k := binary.LittleEndian.Uint64(p) * mul
		k ^= k >> rot
		h = (h ^ k*mul) * mul
		p = p[8:]
	}
	if len(p) > 0 {
		for i, c := range p {
			h ^= uint64(c) << (8 * i)
		}
		h *= mul
	}
	h = (h ^ h>>rot) * mul
	return h ^ h>>rot
}
