package lua

import (
	"math"
	"time"
)

// random is the 48 bit generator of C's drand48, which Redis gives scripts so that they see the same numbers everywhere.
type random uint64

const (
	randomMultiplier = 0x5DEECE66D
	randomIncrement  = 0xB
	randomMask       = 1<<48 - 1
	randomRange      = math.MaxInt32
)

// newRandom is the state before anything is seeded.
func newRandom() random { return 0x1234ABCD330E }

func seededRandom(seed int32) random { return random(uint32(seed))<<16 | 0x330E }

// next returns 31 bits.
func (r *random) next() uint32 {
	*r = (*r*randomMultiplier + randomIncrement) & randomMask
	return uint32(*r >> 17)
}

// SeedRandom sets what math.random goes on from, as math.randomseed does.
func (l *State) SeedRandom(seed int32) { l.g.random = seededRandom(seed) }

func openMath(l *State) {
	t := l.NewTable(0, 32)
	l.Register(t, map[string]Function{
		"abs":  func(l *State) int { return l.pushNumber(math.Abs(l.CheckNumber(1))) },
		"acos": unsigned(acos),
		"asin": unsigned(asin),
		"atan": unary(atan),
		"atan2": func(l *State) int {
			y, x := l.CheckNumber(1), l.CheckNumber(2)
			return l.pushNumber(invalid(atan2(y, x), x, y))
		},
		"ceil":       unary(math.Ceil),
		"cos":        unary(cos),
		"cosh":       unary(cosh),
		"deg":        unary(func(x float64) float64 { return x / (math.Pi / 180) }),
		"exp":        unary(exp),
		"floor":      unary(math.Floor),
		"fmod":       binary(math.Mod),
		"frexp":      mathFrexp,
		"ldexp":      mathLdexp,
		"log":        unary(log),
		"log10":      unsigned(log10),
		"max":        mathMax,
		"min":        mathMin,
		"mod":        binary(math.Mod),
		"modf":       mathModf,
		"pow":        func(l *State) int { return l.pushNumber(power(l.CheckNumber(1), l.CheckNumber(2))) },
		"rad":        unary(func(x float64) float64 { return x * (math.Pi / 180) }),
		"random":     mathRandom,
		"randomseed": func(l *State) int { l.SeedRandom(int32(l.CheckInt(1))); return 0 },
		"sin":        unary(sin),
		"sinh":       unary(sinh),
		"sqrt":       unary(math.Sqrt),
		"tan":        unary(tan),
		"tanh":       unary(tanh),
	})
	t.SetField("pi", Number(math.Pi))
	t.SetField("huge", Number(math.Inf(1)))
	l.Globals().SetField("math", t.Value())
}

// invalid is what glibc makes on x86-64 where there is no result of arguments that are numbers: NaN with the sign bit.
// Three functions are exceptions, see unsigned.
func invalid(result float64, args ...float64) float64 {
	if result == result {
		return result
	}
	for _, a := range args {
		if a != a {
			return a
		}
	}
	return math.Copysign(math.NaN(), -1)
}

// power is pow with the sign glibc gives to what is no number.
func power(x, y float64) float64 {
	if x != x && math.Mod(y, 2) == math.Copysign(1, y) {
		return math.Copysign(x, 1)
	}
	return invalid(pow(x, y), x, y)
}

func unary(f func(float64) float64) Function {
	return func(l *State) int {
		x := l.CheckNumber(1)
		return l.pushNumber(invalid(f(x), x))
	}
}

// unsigned is unary for functions whose NaN has no sign.
func unsigned(f func(float64) float64) Function {
	return func(l *State) int {
		x := l.CheckNumber(1)
		if r := f(x); r == r || x != x {
			return l.pushNumber(invalid(r, x))
		}
		return l.pushNumber(math.NaN())
	}
}

func binary(f func(x, y float64) float64) Function {
	return func(l *State) int {
		x, y := l.CheckNumber(1), l.CheckNumber(2)
		return l.pushNumber(invalid(f(x, y), x, y))
	}
}

func mathFrexp(l *State) int {
	fraction, exponent := math.Frexp(l.CheckNumber(1))
	l.Push(Number(fraction))
	l.Push(Int(exponent))
	return 2
}

func mathLdexp(l *State) int { return l.pushNumber(math.Ldexp(l.CheckNumber(1), l.CheckInt(2))) }

func mathModf(l *State) int {
	n := l.CheckNumber(1)
	whole := math.Trunc(n)
	l.Push(Number(whole))
	if math.IsInf(n, 0) {
		return 1 + l.pushNumber(math.Copysign(0, n))
	}
	return 1 + l.pushNumber(math.Copysign(n-whole, n))
}

func mathMax(l *State) int {
	most := l.CheckNumber(1)
	for i := 2; i <= l.ArgCount(); i++ {
		if n := l.CheckNumber(i); n > most {
			most = n
		}
	}
	return l.pushNumber(most)
}

func mathMin(l *State) int {
	least := l.CheckNumber(1)
	for i := 2; i <= l.ArgCount(); i++ {
		if n := l.CheckNumber(i); n < least {
			least = n
		}
	}
	return l.pushNumber(least)
}

func mathRandom(l *State) int {
	r := float64(l.g.random.next()%randomRange) / randomRange
	switch l.ArgCount() {
	case 0:
		return l.pushNumber(r)
	case 1:
		to := l.CheckInt(1)
		if to < 1 {
			l.ArgError(1, "interval is empty")
		}
		return l.pushNumber(math.Floor(r*float64(to)) + 1)
	case 2:
		from, to := l.CheckInt(1), l.CheckInt(2)
		if from > to {
			l.ArgError(2, "interval is empty")
		}
		return l.pushNumber(math.Floor(r*float64(to-from+1)) + float64(from))
	}
	l.Errorf("wrong number of arguments")
	return 0
}

// started is what os.clock counts from.
var started = time.Now()

// openOS: of the library os scripts see the clock alone.
func openOS(l *State) {
	t := l.NewTable(0, 1)
	l.Register(t, map[string]Function{
		"clock": func(l *State) int { return l.pushNumber(time.Since(started).Seconds()) },
	})
	l.Globals().SetField("os", t.Value())
}
