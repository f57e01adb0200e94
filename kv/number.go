package kv

import (
	"math"
	"strconv"
)

// intDigits is the longest canonical 64-bit integer, sign included.
const intDigits = 20

// parseInt reads b as the one canonical spelling of a 64-bit integer: no plus sign, no leading zero, no "-0", nothing
// around it. Only such strings survive a trip through the int encoding unchanged.
func parseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > intDigits {
		return 0, false
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	neg := b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	if neg {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true
	}
	if v > math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}

// intLen is the length of v in decimal.
func intLen(v int64) int {
	var buf [intDigits]byte
	return len(strconv.AppendInt(buf[:0], v, 10))
}
