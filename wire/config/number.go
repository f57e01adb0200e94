package config

import (
	"math"
	"strconv"
	"strings"
)

const (
	maxInt  = math.MaxInt32
	minInt  = math.MinInt32
	maxUint = math.MaxUint32
	maxLong = math.MaxInt64
)

// ParseMemory reads an amount of bytes as redis.conf has them: see parseMemory.
func ParseMemory(s string) (uint64, bool) { return parseMemory(s) }

// parseMemory reads an amount of bytes with an optional unit: b, k (1000), kb (1024), m, mb, g, gb in any case.
// As in Redis no digits mean 0, digits beyond 64 bits mean the largest number, and a product that does not fit wraps.
func parseMemory(s string) (uint64, bool) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	var unit uint64
	switch strings.ToLower(s[digits:]) {
	case "", "b":
		unit = 1
	case "k":
		unit = 1000
	case "kb":
		unit = 1 << 10
	case "m":
		unit = 1000 * 1000
	case "mb":
		unit = 1 << 20
	case "g":
		unit = 1000 * 1000 * 1000
	case "gb":
		unit = 1 << 30
	default:
		return 0, false
	}
	const mostDigits = 127 // Redis copies the digits into 128 bytes
	if digits > mostDigits {
		return 0, false
	}
	if digits == 0 {
		return 0, true
	}
	n, err := strconv.ParseUint(s[:digits], 10, 64)
	if err != nil {
		n = math.MaxUint64
	}
	return n * unit, true
}

// formatMemory writes an amount in the largest binary unit that divides it, as CONFIG REWRITE does.
func formatMemory(n uint64) string {
	switch {
	case n == 0:
		return "0"
	case n%(1<<30) == 0:
		return strconv.FormatUint(n>>30, 10) + "gb"
	case n%(1<<20) == 0:
		return strconv.FormatUint(n>>20, 10) + "mb"
	case n%(1<<10) == 0:
		return strconv.FormatUint(n>>10, 10) + "kb"
	}
	return strconv.FormatUint(n, 10)
}

// parseStrict reads a decimal integer with nothing around it: no plus sign, no leading zeros, no "-0".
func parseStrict(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || digits[0] == '0' && s != "0" {
		return 0, false
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseLoose reads an integer as C's strtoll: white space and a sign may lead, no digits mean 0, too much saturates.
// ok is false when anything follows the digits. overflow tells a saturated result.
func parseLoose(s string, base int) (n int64, ok, overflow bool) {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	start := i
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits := i
	for i < len(s) && s[i] >= '0' && int(s[i]-'0') < base {
		i++
	}
	if i == digits { // nothing converted: strtoll points back to the beginning
		return 0, s == "", false
	}
	n, err := strconv.ParseInt(s[start:i], base, 64)
	return n, i == len(s), err != nil
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// parseDouble reads a floating point number as C's strtod, with nothing around it; nan and overflow are refused.
func parseDouble(s string) (float64, bool) {
	if s == "" || isSpace(s[0]) || strings.IndexByte(s, '_') >= 0 {
		return 0, false
	}
	t := strings.ToLower(s)
	if body := strings.TrimLeft(t, "+-"); strings.HasPrefix(body, "0x") && strings.IndexByte(body, 'p') < 0 {
		t += "p0"
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

// formatDouble writes at most six decimals and no trailing zeros.
func formatDouble(f float64) string {
	s := strconv.FormatFloat(f, 'f', 6, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
