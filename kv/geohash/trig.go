package geohash

import "math"

// double is an unevaluated sum of two float64, of which low is at most half a unit in the last place of high.
type double struct{ high, low float64 }

// add is exact.
func add(a, b float64) double {
	s := a + b
	t := s - a
	return double{s, (a - (s - t)) + (b - t)}
}

// mul is exact.
func mul(a, b float64) double {
	p := a * b
	return double{p, math.FMA(a, b, -p)}
}

func (x double) add(y double) double {
	s := add(x.high, y.high)
	return quick(s.high, s.low+(x.low+y.low))
}

func (x double) mul(y double) double {
	p := mul(x.high, y.high)
	return quick(p.high, p.low+(x.high*y.low+x.low*y.high))
}

// quick is add for |a| >= |b|.
func quick(a, b float64) double {
	s := a + b
	return double{s, b - (s - a)}
}

func (x double) float() float64 { return x.high + x.low }

// pi in three parts.
const (
	pi1 = 0x1.921fb54442d18p+1
	pi2 = 0x1.1a62633145c07p-53
	pi3 = -0x1.f1976b7ed8fbcp-109
)

// parts is how many parts a half turn has in table: angles are reduced to half of one, less than 0.025.
const parts = 64

// table holds sine and cosine of i/parts of a half turn.
var table = func() (t [parts + 1]struct{ sin, cos double }) {
	for i := range t {
		r := mul(float64(i), pi1/parts).add(mul(float64(i), pi2/parts))
		t[i].sin, t[i].cos = series(r, 1), series(r, 0)
	}
	t[parts].sin, t[parts/2].cos = double{}, double{} // where what is left of rounding would be all there is
	return t
}()

// series is the Taylor series of the sine (first 1) or cosine (first 0), for angles to pi.
func series(r double, first int) double {
	term := double{1, 0}
	if first == 1 {
		term = r
	}
	square := r.mul(r)
	square = double{-square.high, -square.low}
	sum := term
	for n := first + 2; n < 48; n += 2 {
		term = term.mul(square)
		d := float64(n * (n - 1))
		q := term.high / d
		rest := math.FMA(-q, d, term.high) + term.low
		term = quick(q, rest/d)
		sum = sum.add(term)
	}
	return sum
}

// sincos returns sine and cosine of an angle within a half turn either way, to about 2^-65 of themselves.
func sincos(x float64) (sin, cos double) {
	negative := x < 0
	x = math.Abs(x)
	k := int(x*(parts/math.Pi) + 0.5)
	// r = x - k*pi/parts
	p, q := mul(float64(k), pi1/parts), mul(float64(k), pi2/parts)
	a := add(x-p.high, -p.low) // x-p.high is exact: they are close
	b := add(a.high, -q.high)
	r := quick(b.high, b.low+(a.low-q.low-float64(k)*(pi3/parts)))

	z := r.high * r.high
	sinR := quick(r.high, r.low+r.high*z*(-1./6+z*(1./120+z*(-1./5040+z*(1./362880)))))
	half := mul(r.high, r.high*-0.5)
	tail := z*z*(1./24+z*(-1./720+z*(1./40320))) - r.high*r.low
	cosR := add(1, half.high)
	cosR = quick(cosR.high, cosR.low+(half.low+tail))

	t := &table[k]
	cos = t.cos.mul(cosR).add(t.sin.mul(double{-sinR.high, -sinR.low}))
	if k == 0 {
		sin = sinR // its relative accuracy must not suffer from a zero of the table
	} else {
		sin = t.sin.mul(cosR).add(t.cos.mul(sinR))
	}
	if negative {
		sin = double{-sin.high, -sin.low}
	}
	return sin, cos
}

func sin(x float64) float64 {
	if !(math.Abs(x) <= math.Pi) {
		return math.Sin(x) // no place leads here
	}
	s, _ := sincos(x)
	return s.float()
}

func cos(x float64) float64 {
	if !(math.Abs(x) <= math.Pi) {
		return math.Cos(x) // only of shapes larger than the Earth
	}
	_, c := sincos(x)
	return c.float()
}

// asin improves math.Asin by a step of Newton's, which doubles the number of its digits.
func asin(x float64) float64 {
	y := math.Asin(x)
	if !(x > 0 && x < 1) {
		return y
	}
	s, c := sincos(y)
	return y + ((x-s.high)-s.low)/c.high
}
