package wal

import (
	"testing"
	"time"
)

// Room is made a tenth of a second before a ring would be full, neither before half of it is taken nor when less than a quarter is left.
func TestRingPace(t *testing.T) {
	const half = 16 << 20
	for _, c := range []struct{ rate, want int64 }{
		{0, half * 3 / 4},
		{1 << 20, half * 3 / 4},
		{60 << 20, half - 6<<20},
		{1 << 30, half / 2},
	} {
		var p ringPace
		now := time.Now()
		for range 100 { // a tenth of a second
			now = now.Add(time.Millisecond)
			p.add(c.rate/1000, now)
		}
		if got := p.tight(half); max(got-c.want, c.want-got) > half/100 {
			t.Errorf("%d bytes a second: tight from %d on, want %d", c.rate, got, c.want)
		}
		p.add(1, now.Add(time.Second))
		p.add(1, now.Add(2*time.Second))
		if got := p.tight(half); got != half*3/4 {
			t.Errorf("%d bytes a second, and then hardly any: tight from %d on", c.rate, got)
		}
	}
}
