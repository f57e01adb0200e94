package crc64

import "golang.org/x/sys/cpu"

// folds says that the processor multiplies polynomials.
var folds = cpu.X86.HasPCLMULQDQ

// powers are what a piece of sixteen bytes is multiplied by to stand so many bits further on: for 512 and for 128 bits those of its first
// and of its last eight bytes. The processor's product of two reflected numbers has one power of x too many, hence the ones.
var powers = [4]uint64{power(512 + 64 - 1), power(512 - 1), power(128 + 64 - 1), power(128 - 1)}

// power is x to the n modulo the polynomial, reflected.
func power(n int) uint64 {
	v := uint64(1) << 63
	for range n {
		v = v>>1 ^ reflected&-(v&1)
	}
	return v
}

// fold makes end sixteen bytes whose checksum is that of the n bytes at p behind what made crc. n is a multiple of 64, and not 0; k are powers.
//
//go:noescape
func fold(crc uint64, p *byte, n int, k *[4]uint64, end *[16]byte)
