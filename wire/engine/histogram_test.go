package engine

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The cells are those of Redis: what a live server showed for such durations.
func TestHistogramCells(t *testing.T) {
	for _, c := range []struct {
		nanos         int64
		low, high     int64
		level, levels int64 // the last level told, and how many
	}{
		{-5, 1, 1, 1031, 1},
		{0, 1, 1, 1031, 1},
		{127, 127, 127, 1031, 1},
		{128, 128, 128, 1031, 1},
		{255, 255, 255, 1031, 1},
		{256, 256, 257, 1031, 1},
		{1000, 1000, 1003, 1031, 1},
		{15_000, 14_976, 15_039, 16_511, 1},
		{110_000, 109_568, 110_079, 132_095, 1},
		{600_000_000, 599_785_472, 603_979_775, 1_073_741_823, 1},
		{5_000_000_000, 998_244_352, 1_002_438_655, 1_073_741_823, 1},
	} {
		var h Histogram
		h.Record(c.nanos)
		if low, high := h.Percentile(0), h.Percentile(50); low != c.low || high != c.high {
			t.Errorf("%d ns: between %d and %d, want %d and %d", c.nanos, low, high, c.low, c.high)
		}
		last, n := int64(0), int64(0)
		h.Cumulative(func(nanos int64, count uint64) {
			last = nanos
			n++
		})
		if last != c.level || n != c.levels {
			t.Errorf("%d ns: told up to %d, %d levels; want %d, %d", c.nanos, last, n, c.level, c.levels)
		}
	}
}

func TestHistogramPercentiles(t *testing.T) {
	var h Histogram
	for i := range int64(1000) {
		h.Record((i + 1) * 1000)
	}
	for p, want := range map[float64]int64{0: 1000, 0.05: 1003, 50: 501_759, 99: 991_231, 99.9: 999_423, 100: 1_003_519, 200: 1_003_519} {
		if got := h.Percentile(p); got != want {
			t.Errorf("p%v is %d, want %d", p, got, want)
		}
	}
	sum := uint64(0)
	h.Cumulative(func(_ int64, count uint64) {
		if count <= sum {
			t.Errorf("%d after %d", count, sum)
		}
		sum = count
	})
	if sum != 1000 || h.Total() != 1000 {
		t.Errorf("%d of %d", sum, h.Total())
	}
}

// What a turn takes is counted without allocating, and the longest is kept exactly.
func TestTurnStats(t *testing.T) {
	var s TurnStats
	s.prepare()
	if n := testing.AllocsPerRun(100, func() {
		for nanos := int64(1); nanos < 2e9; nanos *= 3 {
			s.record(nanos)
		}
		s.record(7777)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s.Max != 1_162_261_467 || s.Total() != 101*21 {
		t.Errorf("the longest of %d is %d", s.Total(), s.Max)
	}
}

// The processor time of a turn is what its thread used, not what it slept, and is counted only where that was asked for.
func TestTurnOwn(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const worked, slept = int64(2 * time.Millisecond), int64(200 * time.Millisecond)
	var s TurnStats
	s.prepare()
	work := func() {
		for end := threadNanos() + worked; threadNanos() < end; {
		}
	}
	s.begin(false)
	work()
	s.record(worked)
	if s.MaxOwn != 0 {
		t.Errorf("%d ns counted, of a turn that was not to be", s.MaxOwn)
	}
	s.begin(true)
	work()
	pause := unix.NsecToTimespec(slept)
	_ = unix.Nanosleep(&pause, nil)
	s.record(slept + worked)
	if s.MaxOwn < worked || s.MaxOwn >= slept {
		t.Errorf("%d ns counted of a turn that worked %d and slept %d", s.MaxOwn, worked, slept)
	}
	longest := s.MaxOwn
	s.begin(true)
	s.record(1)
	if s.MaxOwn != longest {
		t.Errorf("a shorter turn made the longest one %d ns", s.MaxOwn)
	}
}
