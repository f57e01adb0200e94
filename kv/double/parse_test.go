package double

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// agrees says that Parse reads a text as strconv does, to the bit.
func agrees(t *testing.T, text string) {
	t.Helper()
	want, err := strconv.ParseFloat(text, 64)
	got, ok := Parse([]byte(text))
	if ok != (err == nil || math.IsInf(want, 0)) || math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("%q: %v, %v; strconv: %v, %v", text, got, ok, want, err)
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", "-", ".", "-.", "0", "-0", "-0.0", ".5", "5.", "-5.", "1..2", "1.2.3", "+1", " 1", "1 ", "1e3", "1e999", "-1e999", "inf", "-inf",
		"nan", "0x1p-2", "1_0", "0.1", "3.14", "123456789012345", "1234567890123456", "12345678901234.5", "123456789012345.6", "0.000000000000001",
		"0.0000000000000001", "000000000000000.1", "9007199254740993", "99999.9999999999", "--1", "18446744073709551615", "9999999999999999999", "0.9999999999999999999", "9007199254740993.0", "9007199254740992.5",
		"9007199254740993.001", "4503599627370496.5", "4503599627370497.5", "1-", "\x001", "１"} {
		agrees(t, text)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 200_000 {
		digits := strconv.AppendUint(nil, rnd.Uint64()>>rnd.IntN(64), 10)
		at := rnd.IntN(len(digits) + 1)
		text := string(digits[:at]) + "." + string(digits[at:])
		if rnd.IntN(2) == 0 {
			text = "-" + text
		}
		agrees(t, text)
		agrees(t, string(Append17(nil, rnd.NormFloat64()*math.Pow(10, float64(rnd.IntN(20)-8)))))
		agrees(t, string(Append(nil, math.Round(rnd.NormFloat64()*1e9)/1e3)))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("12.5")
	f.Add("-1e400")
	f.Fuzz(func(t *testing.T, text string) { agrees(t, text) })
}

func BenchmarkParse(b *testing.B) {
	text := []byte("512.34799999999996")
	for b.Loop() {
		Parse(text)
	}
}

func BenchmarkParseFloat(b *testing.B) {
	text := []byte("512.34799999999996")
	for b.Loop() {
		_, _ = strconv.ParseFloat(string(text), 64)
	}
}
