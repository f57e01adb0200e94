package resp

import "math"

// ParseInt reads b as a decimal int64 in the one form Redis accepts: an optional minus, no plus, no leading zeros, no
// spaces, no "-0". It reports false for anything else and for numbers outside the range.
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	i, negative := 0, false
	if b[0] == '-' {
		i, negative = 1, true
	}
	if i == len(b) || b[i] < '1' || b[i] > '9' {
		return 0, false
	}
	var n uint64
	for ; i < len(b); i++ {
		d := uint64(b[i] - '0')
		if d > 9 || n > math.MaxUint64/10 || n*10 > math.MaxUint64-d {
			return 0, false
		}
		n = n*10 + d
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case !negative && n <= math.MaxInt64:
		return int64(n), true
	}
	return 0, false
}
