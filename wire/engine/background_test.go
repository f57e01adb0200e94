package engine

import (
	"testing"
	"time"
)

// Work that is kept away for long by a yield does not yield again at once, and for no more than a while.
func TestYielder(t *testing.T) {
	now, away, yields := time.Duration(0), time.Duration(0), 0
	yield := yielder(func() time.Duration { return now }, func() { yields++; now += away }, func() { yields++; now += away })
	for _, c := range []struct{ away, pause time.Duration }{
		{0, 0}, {yieldAway, 0}, {yieldAway + 1, 10 * (yieldAway + 1)}, {time.Second, yieldPause},
	} {
		away, yields = c.away, 0
		yield()
		if yields != 1 {
			t.Fatalf("before %v: %d yields", c.away, yields)
		}
		away = 0
		if c.pause > 0 {
			now += c.pause - 1
			if yield(); yields != 1 {
				t.Errorf("kept away for %v it yields again before %v are over", c.away, c.pause)
			}
			now++
		}
		if yield(); yields != 2 {
			t.Errorf("kept away for %v it does not yield after %v", c.away, c.pause)
		}
	}
}

// Work that yields without being kept away sleeps once in a millisecond: a yield gives threads of other scheduling groups nothing.
func TestYielderRests(t *testing.T) {
	now, yields, rests := time.Duration(0), 0, 0
	yield := yielder(func() time.Duration { return now }, func() { yields++ }, func() { rests++ })
	for range 10 * restEvery / (100 * time.Microsecond) {
		now += 100 * time.Microsecond
		yield()
	}
	if rests != 10 || yields != 90 {
		t.Errorf("%d rests and %d yields in ten milliseconds", rests, yields)
	}
}
