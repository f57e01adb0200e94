package resp

import (
	"math"
	"strconv"
	"testing"
)

func TestParseInt(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"1", 1, true},
		{"-1", -1, true},
		{"10", 10, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"18446744073709551615", 0, false},
		{"18446744073709551616", 0, false},
		{"99999999999999999999", 0, false},
		{"-18446744073709551615", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"+1", 0, false},
		{"-0", 0, false},
		{"00", 0, false},
		{"01", 0, false},
		{"-01", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1a", 0, false},
		{"1.0", 0, false},
		{"0x1", 0, false},
		{"1\x00", 0, false},
		{"--1", 0, false},
		{"100000000000000000000000", 0, false},
	} {
		if got, ok := ParseInt([]byte(c.text)); got != c.want || ok != c.ok {
			t.Errorf("%q: %d, %v", c.text, got, ok)
		}
	}
}

// FuzzParseInt holds ParseInt against its definition: what strconv prints, and nothing else.
func FuzzParseInt(f *testing.F) {
	for _, s := range []string{"0", "-0", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "007"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := ParseInt(b)
		want, err := strconv.ParseInt(string(b), 10, 64)
		valid := err == nil && strconv.FormatInt(want, 10) == string(b)
		if ok != valid || ok && got != want {
			t.Errorf("%q: %d, %v", b, got, ok)
		}
	})
}

// Numbers are written as strconv writes them, at every length and both its ends.
func TestWrittenNumbers(t *testing.T) {
	numbers := []int64{0, math.MinInt64, math.MaxInt64}
	for p := int64(1); p > 0 && p <= math.MaxInt64/10; p *= 10 {
		numbers = append(numbers, p, p-1, p+1, -p, 1-p, p*9, p*7+p/3)
	}
	for shift := range 63 {
		numbers = append(numbers, 1<<shift, 1<<shift-1, -1<<shift)
	}
	for _, n := range numbers {
		text := strconv.FormatInt(n, 10)
		var w Writer
		w.Int(n)
		w.BulkInt(n)
		if want := ":" + text + "\r\n$" + strconv.Itoa(len(text)) + "\r\n" + text + "\r\n"; string(w.Buf) != want {
			t.Errorf("%q, want %q", w.Buf, want)
		}
	}
}
