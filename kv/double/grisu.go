package double

import (
	"math"
	"math/bits"
)

// Redis prints doubles with fpconv, an implementation of Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers
// Quickly and Accurately with Integers", 2010). Its digits always read back as the same double, but about one time in
// a thousand they are not the fewest possible or not the nearest, and strconv would print others. Where the paper leaves a
// choice (the power of ten, the rounding, the layout), this code chooses as fpconv does.

// scaled is the number mant * 2^exp.
type scaled struct {
	mant uint64
	exp  int
}

const (
	mantissaBits = 52
	hiddenBit    = 1 << mantissaBits
	exponentBias = 1023 + mantissaBits

	powersFirst = -348 // decimal exponent of powersOfTen[0]
	powersStep  = 8

	// The product with a power of ten gets a binary exponent in this range, so that its whole part fits 32 bits.
	alpha = -60
	gamma = -32

	grisuDigits = 18 // more than enough: 17 digits name any double
)

// times is the product, rounded to 64 bits.
func (a scaled) times(b scaled) scaled {
	high, low := bits.Mul64(a.mant, b.mant)
	return scaled{high + low>>63, a.exp + b.exp + 64}
}

// normalized shifts the highest bit to the top.
func (a scaled) normalized() scaled {
	n := bits.LeadingZeros64(a.mant)
	return scaled{a.mant << n, a.exp - n}
}

// appendGrisu appends a finite f that is not zero.
func appendGrisu(dst []byte, f float64) []byte {
	negative := f < 0
	if negative {
		dst = append(dst, '-')
		f = -f
	}
	var digits [grisuDigits]byte
	n, exponent := grisu(&digits, f)
	return appendLayout(dst, digits[:n], exponent, negative)
}

// grisu writes the digits of f > 0 and returns their number n and the exponent: f = digits * 10^exponent.
func grisu(digits *[grisuDigits]byte, f float64) (n, exponent int) {
	b := math.Float64bits(f)
	v := scaled{b & (hiddenBit - 1), int(b >> mantissaBits)}
	if v.exp == 0 {
		v.exp = 1 - exponentBias // subnormal
	} else {
		v.mant |= hiddenBit
		v.exp -= exponentBias
	}

	// All numbers between the middles to v's neighbours read back as v. Below a power of two the neighbour is nearer.
	upper := scaled{v.mant<<1 + 1, v.exp - 1}.normalized()
	lower := scaled{v.mant<<1 - 1, v.exp - 1}
	if v.mant == hiddenBit {
		lower = scaled{v.mant<<2 - 1, v.exp - 2}
	}
	lower = scaled{lower.mant << (lower.exp - upper.exp), upper.exp}

	power, decimal := powerFor(upper.exp)
	w := v.normalized().times(power)
	upper, lower = upper.times(power), lower.times(power)
	upper.mant-- // the products may be one off, so keep one away from the ends
	lower.mant++
	return generate(digits, w, upper, lower, -decimal)
}

// powerFor returns the power of ten that brings a number with the binary exponent exp into range, and its decimal
// exponent. Two powers may do: the search begins where fpconv's does, so that it finds the same one.
func powerFor(exp int) (scaled, int) {
	const log10of2 = 0.30102999566398114
	i := (int(-float64(exp+len(powersOfTen))*log10of2) - powersFirst) / powersStep
	for {
		switch sum := exp + powersOfTen[i].exp + 64; {
		case sum < alpha:
			i++
		case sum > gamma:
			i--
		default:
			return powersOfTen[i], powersFirst + i*powersStep
		}
	}
}

// generate writes the digits of a number between lower and upper, near w, all three with the same exp. It stops at
// the first digit behind which all continuations lie in between, and then lowers that digit as long as this leads
// nearer to w.
func generate(digits *[grisuDigits]byte, w, upper, lower scaled, exponent int) (int, int) {
	distance := upper.mant - w.mant
	span := upper.mant - lower.mant
	shift := -upper.exp
	one := uint64(1) << shift
	whole, fraction := upper.mant>>shift, upper.mant&(one-1)

	n := 0
	for kappa, unit := 9, uint64(1e9); kappa >= 0; kappa, unit = kappa-1, unit/10 {
		digit := whole / unit
		whole -= digit * unit
		if digit != 0 || n > 0 {
			digits[n] = '0' + byte(digit)
			n++
		}
		if rest := whole<<shift + fraction; rest <= span {
			nearer(digits, n, span, rest, unit<<shift, distance)
			return n, exponent + kappa
		}
	}
	for unit := uint64(10); ; unit *= 10 {
		fraction *= 10
		span *= 10
		exponent--
		digit := fraction >> shift
		if digit != 0 || n > 0 {
			digits[n] = '0' + byte(digit)
			n++
		}
		fraction &= one - 1
		if fraction < span {
			nearer(digits, n, span, fraction, one, distance*unit)
			return n, exponent
		}
	}
}

// nearer lowers the last digit, worth unit, while the number stays above lower and comes nearer to w. rest and distance
// are how far upper lies above the number and above w.
func nearer(digits *[grisuDigits]byte, n int, span, rest, unit, distance uint64) {
	for rest < distance && span-rest >= unit &&
		(rest+unit < distance || distance-rest > rest+unit-distance) {
		digits[n-1]--
		rest += unit
	}
}

// appendLayout appends digits * 10^exponent: as a whole number while it is not much longer than its digits, as a
// decimal fraction unless it is very small, and else with an exponent, in the latter case with at most 18 digits, sign
// included.
func appendLayout(dst, digits []byte, exponent int, negative bool) []byte {
	n := len(digits)
	scientific := exponent + n - 1 // the exponent if one digit stands before the point
	magnitude := max(scientific, -scientific)
	switch {
	case exponent >= 0 && magnitude < n+7:
		dst = append(dst, digits...)
		for range exponent {
			dst = append(dst, '0')
		}
		return dst
	case exponent < 0 && (exponent > -7 || magnitude < 4):
		point := n + exponent
		if point > 0 {
			dst = append(dst, digits[:point]...)
			dst = append(dst, '.')
			return append(dst, digits[point:]...)
		}
		dst = append(dst, '0', '.')
		for range -point {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}

	longest := 18
	if negative {
		longest--
	}
	digits = digits[:min(n, longest)]
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	sign := byte('+')
	if scientific < 0 {
		sign = '-'
	}
	dst = append(dst, 'e', sign)
	if magnitude > 99 {
		dst = append(dst, '0'+byte(magnitude/100))
	}
	if magnitude > 9 {
		dst = append(dst, '0'+byte(magnitude/10%10))
	}
	return append(dst, '0'+byte(magnitude%10))
}
