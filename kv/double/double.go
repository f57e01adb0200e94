package double

import (
	"math"
	"strconv"
)

// MaxSize is more bytes than Append or Append17 ever write.
const MaxSize = 32

// Format is [Append] as a string.
func Format(f float64) string {
	var text [MaxSize]byte
	return string(Append(text[:0], f))
}

// Append appends f as Redis 7.2 prints doubles in replies of both protocols, in ZADD of a rewritten AOF and in
// commands called from scripts: "inf", "-inf", "nan", "-0", whole numbers up to 2^62 with all their digits, and
// everything else with as many digits as Grisu2 takes to name exactly this double, nearly always the fewest possible: 0.1
// is "0.1". (Redis 7.0 used C's %.17g and wrote 0.10000000000000001; for that there is [Append17].)
func Append(dst []byte, f float64) []byte {
	if text := special(f); text != "" {
		return append(dst, text...)
	}
	// Redis asks whether f lies within LLONG_MAX/2, which as a double is 2^62, and is a whole number.
	const exact = 1 << 62
	if f >= -exact && f <= exact && f == math.Trunc(f) {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return appendGrisu(dst, f)
}

// AppendShort is Append but for whole numbers, which it prints like all others: 1e+18. It is what DEBUG DIGEST counts.
func AppendShort(dst []byte, f float64) []byte {
	if text := special(f); text != "" {
		return append(dst, text...)
	}
	if f == 0 {
		return append(dst, '0')
	}
	return appendGrisu(dst, f)
}

// Append17 appends f as C's %.17g does, with 17 significant digits without trailing zeros, the exponent in at
// least two digits; "inf", "-inf" and "nan" as in Append.
func Append17(dst []byte, f float64) []byte {
	if text := special(f); text != "" {
		return append(dst, text...)
	}
	const digits = 17
	// The form depends on the exponent after rounding to 17 digits, which the scientific form shows.
	var text [MaxSize]byte
	scientific := strconv.AppendFloat(text[:0], f, 'e', digits-1, 64)
	e := len(scientific) - 1
	for scientific[e] != 'e' {
		e--
	}
	exponent, err := strconv.Atoi(string(scientific[e+1:]))
	if err != nil {
		panic("double: exponent of a formatted double: " + err.Error())
	}
	if exponent < -4 || exponent >= digits {
		dst = append(dst, trimFraction(scientific[:e])...)
		return append(dst, scientific[e:]...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', digits-1-exponent, 64)
	return dst[:start+len(trimFraction(dst[start:]))]
}

// special names the values that are not a sequence of digits.
func special(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0 && math.Signbit(f):
		return "-0"
	}
	return ""
}

// trimFraction cuts trailing zeros behind a decimal point, and the point if nothing is left behind it.
func trimFraction(text []byte) []byte {
	point := -1
	for i, c := range text {
		if c == '.' {
			point = i
			break
		}
	}
	if point < 0 {
		return text
	}
	n := len(text)
	for text[n-1] == '0' {
		n--
	}
	if n-1 == point {
		n--
	}
	return text[:n]
}
