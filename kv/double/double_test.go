package double

import (
	"math"
	"math/big"
	"math/rand"
	"strconv"
	"testing"
)

// What Redis 7.2 prints was computed with fpconv, what %.17g prints with the C library.
func TestAppend(t *testing.T) {
	for _, c := range []struct {
		f         float64
		want, c17 string
	}{
		{0, "0", "0"},
		{math.Copysign(0, -1), "-0", "-0"},
		{math.Inf(1), "inf", "inf"},
		{math.Inf(-1), "-inf", "-inf"},
		{math.NaN(), "nan", "nan"},
		{1, "1", "1"},
		{-1, "-1", "-1"},
		{0.1, "0.1", "0.10000000000000001"},
		{-0.1, "-0.1", "-0.10000000000000001"},
		{0.5, "0.5", "0.5"},
		{1.5, "1.5", "1.5"},
		{3.141, "3.141", "3.141"},
		{0.30000000000000004, "0.30000000000000004", "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333", "0.33333333333333331"},
		{100.25, "100.25", "100.25"},
		{1e15, "1000000000000000", "1000000000000000"},
		{1e17, "100000000000000000", "1e+17"},
		{123456789012345678, "123456789012345680", "1.2345678901234568e+17"},
		{1 << 62, "4611686018427387904", "4.6116860184273879e+18"},
		{-(1 << 62), "-4611686018427387904", "-4.6116860184273879e+18"},
		{math.Nextafter(1<<62, math.Inf(1)), "4611686018427389000", "4.6116860184273889e+18"},
		{1e19, "1e+19", "1e+19"},
		{1.5e19, "1.5e+19", "1.5e+19"},
		{1e21, "1e+21", "1e+21"},
		{1.25e-5, "1.25e-5", "1.2500000000000001e-05"},
		{1e-5, "0.00001", "1.0000000000000001e-05"},
		{1e-6, "0.000001", "9.9999999999999995e-07"},
		{1e-7, "1e-7", "9.9999999999999995e-08"},
		{0.0001234, "1.234e-4", "0.00012339999999999999"},
		{1.5e-9, "1.5e-9", "1.5e-09"},
		{math.MaxFloat64, "1.7976931348623157e+308", "1.7976931348623157e+308"},
		{-math.MaxFloat64, "-1.7976931348623157e+308", "-1.7976931348623157e+308"},
		{math.SmallestNonzeroFloat64, "5e-324", "4.9406564584124654e-324"},
		{2.2250738585072014e-308, "2.2250738585072014e-308", "2.2250738585072014e-308"},
		{9007199254740993, "9007199254740992", "9007199254740992"},
		{1234.5678, "1234.5678", "1234.5678"},
		// Grisu2 is not always shortest, or not nearest: 58.71281707626461 and 1.1768673521446797e+133 would do.
		{58.712817076264614, "58.712817076264614", "58.712817076264614"},
		{19.000416575586492, "19.000416575586492", "19.000416575586492"},
		{1.1768673521446797e133, "1.1768673521446798e+133", "1.1768673521446797e+133"},
	} {
		if got := Format(c.f); got != c.want {
			t.Errorf("%g: %s, want %s", c.f, got, c.want)
		}
		if got := string(Append17([]byte("x"), c.f)); got != "x"+c.c17 {
			t.Errorf("%g with 17 digits: %s, want x%s", c.f, got, c.c17)
		}
	}
}

func TestPowersOfTen(t *testing.T) {
	for i, got := range powersOfTen {
		exponent := powersFirst + i*powersStep
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
		if exponent < 0 {
			power.Inv(power)
		}
		nearest := new(big.Float).SetPrec(64).SetRat(power)
		mantissa := new(big.Float)
		exp := nearest.MantExp(mantissa) - 64
		m, _ := mantissa.SetMantExp(mantissa, 64).Uint64()
		if got.mant != m || got.exp != exp {
			t.Errorf("10^%d: %#x * 2^%d, want %#x * 2^%d", exponent, got.mant, got.exp, m, exp)
		}
	}
}

// readsBack checks that a printed double names exactly that double.
func readsBack(t *testing.T, f float64) {
	t.Helper()
	for _, text := range []string{Format(f), string(Append17(nil, f))} {
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Float64bits(back) != math.Float64bits(f) && f == f {
			t.Errorf("%x: printed %s, reads back as %v, %v", math.Float64bits(f), text, back, err)
		}
		if len(text) > MaxSize {
			t.Errorf("%x: %s is longer than %d", math.Float64bits(f), text, MaxSize)
		}
	}
}

func TestDoublesReadBack(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewSource(seed))
	for range 100000 {
		readsBack(t, math.Float64frombits(rng.Uint64()))
		readsBack(t, float64(rng.Int63n(1e12))/math.Pow10(rng.Intn(12)))
	}
	for e := -1074; e < 1024; e++ {
		f := math.Ldexp(1, e)
		for _, g := range []float64{f, math.Nextafter(f, 0), math.Nextafter(f, math.Inf(1))} {
			readsBack(t, g)
			readsBack(t, -g)
		}
	}
}

func FuzzAppendDouble(f *testing.F) {
	for _, x := range []float64{0, 0.1, 1e21, 5e-324, 58.712817076264614, math.MaxFloat64} {
		f.Add(math.Float64bits(x))
	}
	f.Fuzz(func(t *testing.T, bits uint64) { readsBack(t, math.Float64frombits(bits)) })
}
