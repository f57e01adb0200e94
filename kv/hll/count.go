package hll

import "math"

// histogram counts registers by value.
type histogram [64]int

// Count estimates the number of different elements added to b. The cached estimate is neither used nor set. ErrCorrupt if the runs of
// a sparse string do not cover the registers exactly.
func Count(b []byte) (uint64, error) {
	if !Valid(b) {
		return 0, ErrInvalid
	}
	var h histogram
	if EncodingOf(b) == Dense {
		for i := HeaderSize; i < DenseSize; i += 3 {
			a, b, c, d := unpack(b[i : i+3 : i+3])
			h[a]++
			h[b]++
			h[c]++
			h[d]++
		}
		return h.estimate(), nil
	}
	total := 0
	for at := HeaderSize; at < len(b); {
		span, value, size := readRun(b, at)
		h[value] += span
		total += span
		at += size
	}
	if total != Registers {
		return 0, ErrCorrupt
	}
	return h.estimate(), nil
}

// estimate is Ertl's improved estimator. The conversions keep a compiler from fusing operations, so that every machine gives the
// estimate that Redis gives on x86-64.
func (h *histogram) estimate() uint64 {
	const alpha = 0.721347520444481703680 // 1 / (2 ln 2)
	const m = float64(Registers)
	z := m * tau((m-float64(h[maxRank]))/m)
	for i := rankBits; i >= 1; i-- {
		z = (z + float64(h[i])) * 0.5
	}
	z += float64(m * sigma(float64(h[0])/m))
	e := math.Round(alpha * m * m / z)
	if !(e < 1<<63) {
		return 1 << 63 // only forged registers lead here; the C library's answer to what fits no long long
	}
	return uint64(e)
}

// sigma corrects for registers of zero, of which x is the share: x + the sum of x^(2^k) * 2^(k-1).
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		last := z
		z += float64(x * y)
		y += y
		if z == last {
			return z
		}
	}
}

// tau corrects for registers that are full, where x is the share of those that are not.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		last := z
		y *= 0.5
		d := 1 - x
		z -= float64(float64(d*d) * y)
		if z == last {
			return z / 3
		}
	}
}
