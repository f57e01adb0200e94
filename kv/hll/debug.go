package hll

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// AppendRuns appends the opcodes of a valid sparse string as PFDEBUG DECODE prints them: z:LENGTH for ZERO, Z:LENGTH for XZERO,
// v:VALUE,LENGTH for VAL, separated by blanks. It does not mind whether they cover the registers.
func AppendRuns(dst, b []byte) []byte {
	for at := HeaderSize; at < len(b); {
		if at > HeaderSize {
			dst = append(dst, ' ')
		}
		span, value, size := readRun(b, at)
		switch {
		case value != 0:
			dst = append(dst, "v:"...)
			dst = strconv.AppendUint(dst, uint64(value), 10)
			dst = append(dst, ',')
		case size == 1:
			dst = append(dst, "z:"...)
		default:
			dst = append(dst, "Z:"...)
		}
		dst = strconv.AppendInt(dst, int64(span), 10)
		at += size
	}
	return dst
}

// selfTestElements is how many elements SelfTest adds; it takes about a second.
const selfTestElements = 10_000_000

// SelfTest does what PFSELFTEST does: it writes random values to dense registers and reads them back, then adds ten million
// elements to a dense string and to one that began sparse, and at every power of ten compares the two and the error of the estimate with
// six times the expected one. The seed chooses the values and elements. The error says what failed.
func SelfTest(seed uint64, sparseMax int) error { return selfTest(seed, sparseMax, selfTestElements) }

func selfTest(seed uint64, sparseMax, elements int) error {
	if err := testRegisters(seed); err != nil {
		return err
	}
	dense, err := ToDense(New())
	if err != nil {
		return err
	}
	either := New()
	const sigma = 1.04 / 128 // 128 is the square root of the number of registers
	check := 1
	var element [8]byte
	for n := 1; n <= elements; n++ {
		binary.LittleEndian.PutUint64(element[:], uint64(n)^seed)
		index, rank := place(element[:])
		raise(dense[HeaderSize:], index, rank)
		if either, _, err = Add(either, element[:], sparseMax); err != nil {
			return err
		}
		if n != check {
			continue
		}
		check *= 10
		if n < sparseMax/2 && EncodingOf(either) != Sparse {
			return fmt.Errorf("sparse encoding not used with %d elements", n)
		}
		got, err := Count(dense)
		if err != nil {
			return err
		}
		if other, err := Count(either); err != nil || other != got {
			return fmt.Errorf("dense and sparse disagree: %d and %d (%v)", got, other, err)
		}
		limit := math.Ceil(sigma * 6 * float64(n))
		if n == 10 {
			limit = 1 // what six times the expected error rounds up to allows two registers to collide
		}
		if miss := math.Abs(float64(n) - float64(got)); miss > limit {
			return fmt.Errorf("too big error: %d elements, estimate %d, allowed %g", n, got, limit)
		}
	}
	return nil
}

// testRegisters writes all registers a thousand times with random values.
func testRegisters(seed uint64) error {
	regs := make([]byte, DenseSize-HeaderSize)
	var want [Registers]uint8
	x := seed
	for round := range 1000 {
		for i := range want {
			x = x*6364136223846793005 + 1442695040888963407
			want[i] = uint8(x >> 58)
			put(regs, i, want[i])
		}
		for i, v := range want {
			if got := get(regs, i); got != v {
				return fmt.Errorf("register %d is %d, not %d, in round %d", i, got, v, round)
			}
		}
	}
	return nil
}
