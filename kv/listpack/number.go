package listpack

import "math"

// intDigits is the longest spelling of an integer, sign included.
const intDigits = 20

// parseInt reads s as the one canonical spelling of a 64-bit integer: no plus sign, no leading zero, no "-0".
func parseInt(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > intDigits {
		return 0, false
	}
	c := s[0]
	if c > '9' || (c < '0' && c != '-') {
		return 0, false
	}
	if len(s) == 1 {
		return int64(c - '0'), c != '-'
	}
	digits, limit := s, uint64(math.MaxInt64)
	if c == '-' {
		digits, limit = s[1:], 1<<63
	}
	if digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	v := uint64(0)
	for _, d := range digits {
		d -= '0'
		if d > 9 || v > (limit-uint64(d))/10 {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	if c == '-' {
		return -int64(v), true
	}
	return int64(v), true
}
