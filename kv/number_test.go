package kv

import (
	"math"
	"strconv"
	"testing"
)

func checkParseInt(t *testing.T, s string) {
	v, err := strconv.ParseInt(s, 10, 64)
	canonical := err == nil && strconv.FormatInt(v, 10) == s
	got, ok := parseInt([]byte(s))
	if ok != canonical || ok && got != v {
		t.Errorf("parseInt(%q) = %d, %v", s, got, ok)
	}
}

func TestParseInt(t *testing.T) {
	for _, s := range []string{"", "0", "1", "-1", "-0", "+1", "01", "-01", "1 ", " 1", "1x", "x", "-", "--1", "1e3",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "18446744073709551616", "99999999999999999999", "-99999999999999999999"} {
		checkParseInt(t, s)
	}
	for _, v := range []int64{0, 9, 10, -10, math.MaxInt64, math.MinInt64} {
		if intLen(v) != len(strconv.FormatInt(v, 10)) {
			t.Errorf("intLen(%d) = %d", v, intLen(v))
		}
	}
}

func FuzzParseInt(f *testing.F) {
	f.Add("12")
	f.Add("-9223372036854775808")
	f.Fuzz(checkParseInt)
}
