//go:build !amd64

package crc64

// folds says that the processor multiplies polynomials: none but amd64 is asked.
const folds = false

var powers [4]uint64

func fold(uint64, *byte, int, *[4]uint64, *[16]byte) { panic("crc64: not here") }
