package engine

import "math/bits"

// Histogram counts durations as the histograms of Redis do, which are HdrHistograms from 1 ns to 1 s with two significant digits:
// below 256 ns each has a cell of its own, and from there on each power of two is divided into 128 cells. Rows of cells come
// when they are needed.
type Histogram struct {
	rows  [histogramRows]*[histogramCells]uint64
	total uint64
}

const (
	histogramCells = 128
	histogramRows  = 24  // up to 2^30 ns
	histogramMax   = 1e9 // ns; what is longer counts as this
)

// prepare makes all rows, 24 KiB, so that Record allocates nothing.
func (h *Histogram) prepare() {
	cells := new([histogramRows][histogramCells]uint64)
	for row := range h.rows {
		h.rows[row] = &cells[row]
	}
}

// Record counts one duration, in nanoseconds.
func (h *Histogram) Record(nanos int64) {
	n := uint64(min(max(nanos, 1), histogramMax))
	row, cell := 0, n
	if n >= histogramCells {
		row = max(bits.Len64(n)-8, 0)
		cell = n>>row - histogramCells
		row++
	}
	if h.rows[row] == nil {
		h.rows[row] = new([histogramCells]uint64)
	}
	h.rows[row][cell]++
	h.total++
}

// Total is how many durations were counted.
func (h *Histogram) Total() uint64 { return h.total }

// cellRange is the shortest and the longest duration of a cell.
func cellRange(row, cell int) (low, high int64) {
	if row == 0 {
		return int64(cell), int64(cell)
	}
	shift := row - 1
	low = int64(cell+histogramCells) << shift
	return low, low + 1<<shift - 1
}

// Cumulative calls f with durations that grow by the factor two from 1024 ns on, and how many were no longer; only where there
// are more than up to the one before. Each duration is the end of its cell.
func (h *Histogram) Cumulative(f func(nanos int64, count uint64)) {
	const first = 1024
	level, sum, told := int64(first), uint64(0), uint64(0)
	for row := range h.rows {
		for cell := range histogramCells {
			if h.rows[row] != nil {
				sum += h.rows[row][cell]
			}
			low, high := cellRange(row, cell)
			last := row == histogramRows-1 && cell == histogramCells-1
			if low < level && !last {
				continue
			}
			level *= 2
			if sum > told {
				f(high, sum)
				told = sum
			}
			if sum == h.total {
				return
			}
		}
	}
}

// Percentile is the duration, in nanoseconds, that so many per cent of all do not exceed: the end of its cell, but for 0 the
// beginning.
func (h *Histogram) Percentile(p float64) int64 {
	rank := max(uint64(min(p, 100)/100*float64(h.total)+0.5), 1)
	sum := uint64(0)
	for row := range h.rows {
		if h.rows[row] == nil {
			continue
		}
		for cell, n := range h.rows[row] {
			if sum += n; sum >= rank {
				low, high := cellRange(row, cell)
				if p == 0 {
					return low
				}
				return high
			}
		}
	}
	return 0
}
