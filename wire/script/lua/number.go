package lua

import (
	"math"
	"strconv"
	"strings"
)

// FormatNumber prints n as Lua does, with C's format %.14g: "10", "0.1", "1e+15", "inf", "-nan".
func FormatNumber(n float64) string {
	var text [32]byte
	return string(AppendNumber(text[:0], n))
}

// AppendNumber is [FormatNumber] that appends.
func AppendNumber(dst []byte, n float64) []byte {
	const exact = 1e14 // whole numbers below have 14 digits at most
	if n > -exact && n < exact && n == math.Trunc(n) && (n != 0 || !math.Signbit(n)) {
		return strconv.AppendInt(dst, int64(n), 10)
	}
	if special := specialNumber(n); special != "" {
		return append(dst, special...)
	}
	return strconv.AppendFloat(dst, n, 'g', 14, 64)
}

// AppendShort appends n as C's format %g does: with six digits.
func AppendShort(dst []byte, n float64) []byte {
	if special := specialNumber(n); special != "" {
		return append(dst, special...)
	}
	return strconv.AppendFloat(dst, n, 'g', 6, 64)
}

// specialNumber is how glibc prints infinities and what is no number, with the sign bit; else it is empty. On x86-64
// 0/0 has that bit set.
func specialNumber(n float64) string {
	switch {
	case n != n && math.Signbit(n):
		return "-nan"
	case n != n:
		return "nan"
	case n > math.MaxFloat64:
		return "inf"
	case n < -math.MaxFloat64:
		return "-inf"
	}
	return ""
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }

func trimSpace(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// ParseNumber reads a numeral as Lua reads strings: the whole of s but for white space around it must be what C's
// strtod takes, which includes "0x10", "0x.8p3", "inf" and "nan", and ends with the first NUL.
func ParseNumber(s string) (float64, bool) {
	s = trimSpace(s)
	if n, ok := parseShort(s); ok {
		return n, true
	}
	if text, _, cut := strings.Cut(s, "\x00"); cut {
		s = trimSpace(text)
	}
	if s == "" {
		return 0, false
	}
	body, negative := s, false
	if body[0] == '+' || body[0] == '-' {
		negative = body[0] == '-'
		body = body[1:]
	}
	n, ok := parseUnsigned(body)
	if negative {
		n = -n
	}
	return n, ok
}

// parseShort reads the common case, few decimal digits.
func parseShort(s string) (float64, bool) {
	if s == "" || len(s) > 15 {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return float64(n), true
}

func parseUnsigned(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	if c := s[0]; c != '.' && !isDigit(c) {
		return parseWord(s)
	}
	// Go reads underscores in numerals and C does not.
	if strings.IndexByte(s, '_') >= 0 {
		return 0, false
	}
	if len(s) > 1 && s[0] == '0' && s[1]|0x20 == 'x' {
		if strings.IndexAny(s, "pP") < 0 {
			s += "p0"
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && err.(*strconv.NumError).Err == strconv.ErrSyntax {
		return 0, false
	}
	return n, true // out of range is an infinity, as in C
}

// parseWord reads the names strtod knows.
func parseWord(s string) (float64, bool) {
	word := strings.ToLower(s)
	if word == "inf" || word == "infinity" {
		return math.Inf(1), true
	}
	if !strings.HasPrefix(word, "nan") {
		return 0, false
	}
	rest := word[3:]
	if rest == "" {
		return math.NaN(), true
	}
	if len(rest) < 2 || rest[0] != '(' || rest[len(rest)-1] != ')' {
		return 0, false
	}
	for _, c := range []byte(rest[1 : len(rest)-1]) {
		if !isAlnum(c) && c != '_' {
			return 0, false
		}
	}
	return math.NaN(), true
}
