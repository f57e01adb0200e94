package config

import (
	"math"
	"testing"
)

func TestParseMemory(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
		bad  bool
	}{
		{in: "0"}, {in: ""}, {in: "kb"}, {in: "1", want: 1}, {in: "1b", want: 1}, {in: "1k", want: 1000}, {in: "1KB", want: 1024},
		{in: "2m", want: 2_000_000}, {in: "2Mb", want: 2 << 20}, {in: "3g", want: 3_000_000_000}, {in: "3GB", want: 3 << 30},
		{in: "007", want: 7}, {in: "18446744073709551616", want: math.MaxUint64}, {in: "18446744073709551615gb", want: 1<<64 - 1<<30},
		{in: "-1", bad: true}, {in: "+1", bad: true}, {in: "1.5gb", bad: true}, {in: "1 gb", bad: true}, {in: " 1", bad: true}, {in: "1tb", bad: true},
	} {
		got, ok := parseMemory(c.in)
		if ok == c.bad || got != c.want {
			t.Errorf("parseMemory(%q) = %d, %v; want %d", c.in, got, ok, c.want)
		}
		if ok {
			if back, ok := parseMemory(formatMemory(got)); !ok || back != got {
				t.Errorf("%d is written %s and comes back as %d", got, formatMemory(got), back)
			}
		}
	}
}

func TestFormatMemory(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 1: "1", 1000: "1000", 1024: "1kb", 1025: "1025", 1 << 20: "1mb", 3 << 30: "3gb", 1 << 40: "1024gb"} {
		if got := formatMemory(n); got != want {
			t.Errorf("formatMemory(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestParseLoose(t *testing.T) {
	for _, c := range []struct {
		in       string
		base     int
		want     int64
		ok, over bool
	}{
		{"", 10, 0, true, false}, {" ", 10, 0, false, false}, {" 5", 10, 5, true, false}, {"+5", 10, 5, true, false}, {"-5", 10, -5, true, false},
		{"5 ", 10, 5, false, false}, {"5x", 10, 5, false, false}, {"-", 10, 0, false, false}, {"0700", 8, 0o700, true, false}, {"8", 8, 0, false, false},
		{"99999999999999999999", 10, math.MaxInt64, true, true}, {"-99999999999999999999", 10, math.MinInt64, true, true},
	} {
		got, ok, over := parseLoose(c.in, c.base)
		if got != c.want || ok != c.ok || over != c.over {
			t.Errorf("parseLoose(%q, %d) = %d, %v, %v", c.in, c.base, got, ok, over)
		}
	}
}

func TestParseDouble(t *testing.T) {
	for in, want := range map[string]string{"1": "1", "99.9": "99.9", "0x10": "16", "0x1.8": "1.5", "1e1": "10", "33.3333333333": "33.333333", "-0": "-0", ".5": "0.5"} {
		if f, ok := parseDouble(in); !ok || formatDouble(f) != want {
			t.Errorf("parseDouble(%q) = %s, %v; want %s", in, formatDouble(f), ok, want)
		}
	}
	for _, in := range []string{"", " 1", "1 ", "x", "nan", "1e400", "1_0", "0x1_0", "0x"} {
		if f, ok := parseDouble(in); ok {
			t.Errorf("parseDouble(%q) = %g", in, f)
		}
	}
}
