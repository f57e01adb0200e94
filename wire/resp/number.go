package resp

import (
	"math"
	"math/bits"
)

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

// powers are those of ten.
var powers = func() (table [20]uint64) {
	p := uint64(1)
	for i := range table {
		table[i] = p
		p *= 10
	}
	return table
}()

// pairs are the numbers below 100, two digits each.
var pairs = func() (table [200]byte) {
	for i := range 100 {
		table[2*i], table[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return table
}()

// magnitude is n without its sign.
func magnitude(n int64) (u uint64, negative bool) {
	if n < 0 {
		return -uint64(n), true
	}
	return uint64(n), false
}

// intSize is how many bytes n takes in decimal.
func intSize(n int64) int {
	u, negative := magnitude(n)
	size := bits.Len64(u|1) * 1233 >> 12 // log 2 is about 1233/4096: right, or one too few
	if u|1 >= powers[size] {
		size++
	}
	if negative {
		size++
	}
	return size
}

// putInt writes n in decimal to p, which is just as long.
func putInt(p []byte, n int64) {
	u, negative := magnitude(n)
	i := len(p)
	for u >= 100 {
		i -= 2
		two := 2 * (u % 100)
		p[i], p[i+1] = pairs[two], pairs[two+1]
		u /= 100
	}
	if u >= 10 {
		i -= 2
		p[i], p[i+1] = pairs[2*u], pairs[2*u+1]
	} else {
		i--
		p[i] = byte('0' + u)
	}
	if negative {
		p[0] = '-'
	}
}
