package double

import (
	"math"
	"math/bits"
	"strconv"
)

// mostDigits is how many decimal digits any number of 64 bits may have.
const mostDigits = 19

// tens are powers of ten.
var tens = func() (t [mostDigits + 1]uint64) {
	t[0] = 1
	for i := range mostDigits {
		t[i+1] = t[i] * 10
	}
	return t
}()

// Parse is [strconv.ParseFloat] of a text that may stand for infinity by its size. Digits with a point among them, which is what scores
// mostly are, take a third of the time.
func Parse(text []byte) (f float64, ok bool) {
	s := text
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	if len(s) > mostDigits+1 {
		return parseAny(text)
	}
	whole, i := uint64(0), 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		whole = whole*10 + uint64(s[i]-'0')
	}
	digits, behind := i, 0
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && s[i]-'0' <= 9; i++ {
			whole = whole*10 + uint64(s[i]-'0')
			behind++
		}
		digits += behind
	}
	if i < len(s) || digits == 0 || digits > mostDigits {
		return parseAny(text)
	}
	f = quotient(whole, tens[behind])
	if negative {
		f = -f
	}
	return f, true
}

// quotient is n/d rounded once. d is not 0.
func quotient(n, d uint64) float64 {
	const exact = 1 << 53
	if n <= exact && d <= 1e15 {
		return float64(n) / float64(d) // two numbers that a double holds
	}
	if n == 0 {
		return 0
	}
	// Both are moved up to the highest bit; then the quotient has 63 or 64 bits, ten more than a double, and what is left over counts in the lowest.
	up, down := bits.LeadingZeros64(n), bits.LeadingZeros64(d)
	n <<= up
	q, rest := bits.Div64(n>>1, n<<63, d<<down)
	if rest != 0 {
		q |= 1
	}
	return float64(q) * math.Float64frombits(uint64(1023-63+down-up)<<52)
}

func parseAny(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil || math.IsInf(f, 0)
}
