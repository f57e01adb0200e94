package geohash

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// The functions are rounded once: they agree with 200 bits but for cases nearer than 2^-8 units to the middle between two numbers,
// of which we meet none here.
func TestTrigonometryIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		x := (rng.Float64()*2 - 1) * math.Pi * math.Exp2(-float64(rng.IntN(20)))
		if got, want := sin(x), exact(x, 1); got != want {
			t.Errorf("sin %v: %v, want %v", x, got, want)
		}
		if got, want := cos(x), exact(x, 0); got != want {
			t.Errorf("cos %v: %v, want %v", x, got, want)
		}
		// The angle whose sine is nearest to x: the sine lies between those of the middles to its neighbours.
		x = math.Abs(math.Sin(x))
		if rng.IntN(3) == 0 {
			x = 1 - x*math.Exp2(-float64(rng.IntN(40)))
		}
		y := asin(x)
		if y < math.Pi/2 && (bigSeries(middle(y, 0), 1).Cmp(big.NewFloat(x)) > 0 || bigSeries(middle(y, 2), 1).Cmp(big.NewFloat(x)) < 0) {
			t.Errorf("asin %v: %v", x, y)
		}
	}
	for _, x := range []float64{0, math.Pi, -math.Pi, math.Pi / 2, -math.Pi / 2, math.Pi / 128, 1e-300} {
		if got, want := sin(x), exact(x, 1); got != want {
			t.Errorf("sin %v: %v, want %v", x, got, want)
		}
	}
	if asin(1) != math.Pi/2 || asin(0) != 0 || !math.IsNaN(asin(1.1)) {
		t.Error("asin at the limits")
	}
}

// middle is half way from y to the next number in the given direction.
func middle(y, towards float64) *big.Float {
	sum := newBig(y)
	sum.Add(sum, newBig(math.Nextafter(y, towards)))
	return sum.Quo(sum, newBig(2))
}

func newBig(x float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(x) }

func exact(x float64, first int64) float64 {
	f, _ := bigSeries(newBig(x), first).Float64()
	return f
}

// bigSeries is the Taylor series of the sine (first 1) or cosine (first 0).
func bigSeries(x *big.Float, first int64) *big.Float {
	term, square := newBig(1), newBig(0).Mul(x, x)
	if first == 1 {
		term.Set(x)
	}
	sum := newBig(0).Set(term)
	for n := first + 2; n < 90; n += 2 {
		term.Mul(term, square)
		term.Quo(term, newBig(float64(-n*(n-1))))
		sum.Add(sum, term)
	}
	return sum
}
