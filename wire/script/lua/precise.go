package lua

import (
	"math"
	"math/big"
	"sync"
)

// The functions of package math as glibc has them, which is for most the number nearest to the true result in all but the rarest
// cases; Go's are an ulp off now and then, and scripts print 14 to 17 digits.

// pair is the sum of two numbers of which the second is less than half an ulp of the first: some 106 bits.
type pair struct{ hi, lo float64 }

// twoSum is a+b without loss.
func twoSum(a, b float64) pair {
	s := a + b
	t := s - a
	return pair{s, (a - (s - t)) + (b - t)}
}

// quickSum is twoSum for |a| >= |b|.
func quickSum(a, b float64) pair {
	s := a + b
	return pair{s, b - (s - a)}
}

// twoProduct is a*b without loss.
func twoProduct(a, b float64) pair {
	p := a * b
	return pair{p, math.FMA(a, b, -p)}
}

func (x pair) add(y pair) pair {
	s, t := twoSum(x.hi, y.hi), twoSum(x.lo, y.lo)
	s = quickSum(s.hi, s.lo+t.hi)
	return quickSum(s.hi, s.lo+t.lo)
}

func (x pair) times(y pair) pair {
	p := twoProduct(x.hi, y.hi)
	return quickSum(p.hi, p.lo+(x.hi*y.lo+x.lo*y.hi))
}

func (x pair) scaled(f float64) pair { // f a power of two
	return pair{x.hi * f, x.lo * f}
}

// ln2 is the natural logarithm of two.
var ln2 = pair{0.6931471805599453, 2.3190468138462996e-17}

// inverseFactorials are 1/n! from n = 3 on.
var inverseFactorials = [...]pair{
	{0.16666666666666666, 9.25185853854297e-18},
	{0.041666666666666664, 2.3129646346357427e-18},
	{0.008333333333333333, 1.1564823173178714e-19},
	{0.001388888888888889, -5.300543954373577e-20},
	{0.0001984126984126984, 1.7209558293420705e-22},
	{2.48015873015873e-05, 2.1511947866775882e-23},
	{2.7557319223985893e-06, -1.858393274046472e-22},
	{2.755731922398589e-07, 2.3767714622250297e-23},
	{2.505210838544172e-08, -1.448814070935912e-24},
	{2.08767569878681e-09, -1.20734505911326e-25},
	{1.6059043836821613e-10, 1.2585294588752098e-26},
	{1.1470745597729725e-11, 2.0655512752830745e-28},
	{7.647163731819816e-13, 7.03872877733453e-30},
	{4.779477332387385e-14, 4.399205485834081e-31},
	{2.8114572543455206e-15, 1.6508842730861433e-31},
	{1.5619206968586225e-16, 1.1910679660273754e-32},
	{8.22063524662433e-18, 2.2141894119604265e-34},
	{4.110317623312165e-19, 1.4412973378659527e-36},
	{1.9572941063391263e-20, -1.3643503830087908e-36},
	{8.896791392450574e-22, -7.911402614872376e-38},
	{3.868170170630684e-23, -8.843177655482344e-40},
	{1.6117375710961184e-24, -3.6846573564509766e-41},
	{6.446950284384474e-26, -1.9330404233703465e-42},
	{2.4795962632247976e-27, -1.2953730964765229e-43},
	{9.183689863795546e-29, 1.4303150396787322e-45},
}

// halfPi is π/2 in three parts.
var halfPi = [3]float64{1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33}

// expPair is e to the power x = m * 2^e with m near 1, for |x| up to 1100.
func expPair(x pair) (m pair, e int) {
	k := math.Floor(x.hi/ln2.hi + 0.5)
	r := x.add(ln2.times(pair{-k, 0}))
	const halvings = 9
	r = r.scaled(1.0 / (1 << halvings))
	// e^r - 1 by its series, then squared: (1+s)^2 - 1 = 2s + s^2.
	square := r.times(r)
	s := r.add(square.scaled(0.5))
	term := square
	for _, f := range inverseFactorials[:7] {
		term = term.times(r)
		s = s.add(term.times(f))
	}
	for range halvings {
		s = s.scaled(2).add(s.times(s))
	}
	return s.add(pair{1, 0}), int(k)
}

// logPair is the natural logarithm of a positive finite number.
func logPair(x float64) pair {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	near := math.Log(m)
	// One step of Newton's method: ln m = near + ln(m / e^near), of which the last is tiny.
	inverse, k := expPair(pair{-near, 0})
	t := inverse.times(pair{math.Ldexp(m, k), 0}).add(pair{-1, 0})
	l := pair{near, 0}.add(t).add(pair{-t.hi * t.hi / 2, 0})
	return l.add(ln2.times(pair{float64(e), 0}))
}

// round is m * 2^e as one number, rounded once, also where it is subnormal.
func (m pair) round(e int) float64 {
	if e > -1020 {
		return math.Ldexp(m.hi+m.lo, e)
	}
	// Adding a number of fitting size rounds at the last place a subnormal number has.
	big := math.Ldexp(1, -1022-e)
	s := twoSum(big, m.hi)
	return math.Ldexp(s.hi+(s.lo+m.lo)-big, e)
}

func exp(x float64) float64 {
	if x != x || math.Abs(x) > 746 {
		return math.Exp(x)
	}
	m, e := expPair(pair{x, 0})
	return m.round(e)
}

func log(x float64) float64 {
	if !(x > 0) || x > math.MaxFloat64 {
		return math.Log(x)
	}
	l := logPair(x)
	return l.hi + l.lo
}

// pow is x to the power y.
func pow(x, y float64) float64 {
	switch {
	case y == 2:
		return x * x
	case y == 1:
		return x
	}
	a := math.Abs(x)
	if !(a > 0) || a > math.MaxFloat64 || y != y || y == 0 || math.Abs(y) > math.MaxFloat64 || a == 1 || x < 0 && y != math.Trunc(y) {
		return math.Pow(x, y)
	}
	sign := 1.0
	if x < 0 && math.Mod(y, 2) != 0 {
		sign = -1
	}
	l := logPair(a)
	p := twoProduct(l.hi, y)
	if a == math.Trunc(a) && y == math.Trunc(y) && y > 0 && p.hi < 106*math.Ln2 {
		// A whole number of no more than 106 bits: exact, and rounded to even where it lies between two.
		n := pair{a, 0}
		for range int(y) - 1 {
			n = n.times(pair{a, 0})
		}
		return sign * (n.hi + n.lo)
	}
	if math.Abs(p.hi) > 1000 {
		return math.Pow(x, y) // zero or an infinity
	}
	m, e := expPair(quickSum(p.hi, p.lo+l.lo*y))
	return sign * m.round(e)
}

// log10 and the hyperbolic functions are made in glibc of the two above, in these steps.

func log10(x float64) float64 {
	if !(x > 0) || x > math.MaxFloat64 {
		return math.Log10(x)
	}
	const high, low = 0.301029995663611771306, 3.69423907715893078616e-13 // of log10(2)
	m, e := math.Frexp(x)
	m, e = m*2, e-1
	if e < 0 {
		m, e = m/2, e+1
	}
	return float64(float64(e)*low) + float64(0.434294481903251816668*log(m)) + float64(float64(e)*high)
}

func sinh(x float64) float64 {
	a := math.Abs(x)
	half := math.Copysign(0.5, x)
	switch {
	case !(a <= 709) || a < 1.0/(1<<28):
		return math.Sinh(x)
	case a >= 22:
		return half * exp(a)
	}
	t := math.Expm1(a)
	if a < 1 {
		return half * (2*t - float64(t*t)/(t+1))
	}
	return half * (t + t/(t+1))
}

func cosh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case !(a <= 709):
		return math.Cosh(x)
	case a >= 22:
		return 0.5 * exp(a)
	case a >= math.Ln2/2:
		t := exp(a)
		return float64(0.5*t) + 0.5/t
	}
	t := math.Expm1(a)
	w := 1 + t
	return 1 + float64(t*t)/(w+w)
}

func tanh(x float64) float64 {
	a := math.Abs(x)
	if !(a < 22) || a < 1.0/(1<<55) {
		return math.Tanh(x)
	}
	if a >= 1 {
		return math.Copysign(1-2/(math.Expm1(2*a)+2), x)
	}
	t := math.Expm1(-2 * a)
	return math.Copysign(-t/(t+2), x)
}

func (x pair) negated() pair { return pair{-x.hi, -x.lo} }

// over is x/y.
func (x pair) over(y pair) pair {
	q := x.hi / y.hi
	r := x.add(y.times(pair{q, 0}).negated())
	return quickSum(q, r.hi/y.hi)
}

// root is the square root.
func (x pair) root() pair {
	if x.hi == 0 {
		return pair{}
	}
	r := math.Sqrt(x.hi)
	return quickSum(r, x.add(twoProduct(r, r).negated()).hi/(2*r))
}

// quarter splits a finite angle into k quarters of the circle, of which the last two bits count, and a rest of an octant at most.
func quarter(x pair) (k int, r pair) {
	if math.Abs(x.hi) > 1<<20 {
		return quarterOfLarge(x.hi)
	}
	n := math.Floor(x.hi/halfPi[0] + 0.5)
	r = x
	for _, part := range halfPi {
		r = r.add(twoProduct(-n, part))
	}
	return int(n), r
}

// piBits is how many binary places of π angles up to the largest number need.
const piBits = 1024 + 160

// longHalfPi is π/2 with piBits binary places, by Machin's formula.
var longHalfPi = sync.OnceValue(func() *big.Int {
	inverseTangent := func(n int64) *big.Int {
		term := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), piBits+16), big.NewInt(n))
		sum := new(big.Int)
		for i := int64(1); term.Sign() != 0; i += 2 {
			part := new(big.Int).Quo(term, big.NewInt(i))
			if i&2 != 0 {
				part.Neg(part)
			}
			sum.Add(sum, part)
			term.Quo(term, big.NewInt(n*n))
		}
		return sum
	}
	pi := inverseTangent(5)
	pi.Sub(pi.Lsh(pi, 2), inverseTangent(239)).Lsh(pi, 2)
	return pi.Rsh(pi, 17)
})

// quarterOfLarge is quarter in whole numbers of piBits binary places.
func quarterOfLarge(x float64) (int, pair) {
	m, e := math.Frexp(math.Abs(x))
	whole := big.NewInt(int64(math.Ldexp(m, 53)))
	whole.Lsh(whole, uint(e-53+piBits))
	half := longHalfPi()
	k, rest := new(big.Int).QuoRem(whole, half, new(big.Int))
	if new(big.Int).Lsh(rest, 1).Cmp(half) > 0 {
		rest.Sub(rest, half)
		k.Add(k, big.NewInt(1))
	}
	f := new(big.Float).SetInt(rest)
	f.SetMantExp(f, -piBits)
	hi, _ := f.Float64()
	lo, _ := new(big.Float).Sub(f, new(big.Float).SetFloat64(hi)).Float64()
	quarters, r := int(k.Bit(0)|k.Bit(1)<<1), pair{hi, lo}
	if x < 0 {
		return -quarters, r.negated()
	}
	return quarters, r
}

// sinCos are the sine and the cosine of a finite angle.
func sinCos(x pair) (sin, cos pair) {
	k, r := quarter(x)
	square := r.times(r)
	sin, cos = r, pair{1, 0}.add(square.scaled(-0.5))
	even, odd, sign := square, r, -1.0
	for n := 0; n < len(inverseFactorials)-1; n += 2 {
		odd, even = odd.times(square), even.times(square)
		sin = sin.add(odd.times(inverseFactorials[n]).scaled(sign))
		sign = -sign
		cos = cos.add(even.times(inverseFactorials[n+1]).scaled(sign))
	}
	switch k & 3 {
	case 1:
		return cos, sin.negated()
	case 2:
		return sin.negated(), cos.negated()
	case 3:
		return cos.negated(), sin
	}
	return sin, cos
}

func finite(x float64) bool { return x-x == 0 }

// tiny says that a function which is its argument near zero is used there.
func tiny(x float64) bool { return math.Abs(x) < 1.0/(1<<27) }

func sin(x float64) float64 {
	if !finite(x) || tiny(x) {
		return math.Sin(x)
	}
	s, _ := sinCos(pair{x, 0})
	return s.hi + s.lo
}

func cos(x float64) float64 {
	if !finite(x) {
		return math.Cos(x)
	}
	_, c := sinCos(pair{x, 0})
	return c.hi + c.lo
}

func tan(x float64) float64 {
	if !finite(x) || tiny(x) {
		return math.Tan(x)
	}
	s, c := sinCos(pair{x, 0})
	t := s.over(c)
	return t.hi + t.lo
}

// angle is the angle of the point x, y, of which near is an approximation.
func angle(y, x pair, near float64) float64 {
	s, c := sinCos(pair{near, 0})
	// The tangent of what is missing, which is so small that it is the angle.
	d := y.times(c).add(x.times(s).negated()).over(x.times(c).add(y.times(s)))
	return near + (d.hi + d.lo)
}

func atan(x float64) float64 {
	if a := math.Abs(x); !(a < 1<<53) || tiny(x) {
		return math.Atan(x)
	}
	return angle(pair{x, 0}, pair{1, 0}, math.Atan(x))
}

func atan2(y, x float64) float64 {
	near := math.Atan2(y, x)
	big, small := math.Abs(y), math.Abs(x)
	if big < small {
		big, small = small, big
	}
	if !(small > big/(1<<53)) || big > 1e150 || small < 1e-150 || tiny(near) {
		return near
	}
	return angle(pair{y, 0}, pair{x, 0}, near)
}

// side is sqrt(1 - x*x).
func side(x float64) pair { return pair{1, 0}.add(twoProduct(-x, x)).root() }

func asin(x float64) float64 {
	if !(math.Abs(x) < 1) || tiny(x) {
		return math.Asin(x)
	}
	return angle(pair{x, 0}, side(x), math.Asin(x))
}

func acos(x float64) float64 {
	if !(math.Abs(x) < 1) {
		return math.Acos(x)
	}
	return angle(side(x), pair{x, 0}, math.Acos(x))
}
