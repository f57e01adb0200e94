package thread

import (
	"testing"
	"time"
)

// A thread spins when some waits in a row were short, no longer than one of them may be, not behind one that was not, and neither where nobody
// does nor beside threads that compute.
func TestSpin(t *testing.T) {
	defer func(b bool) { never.Store(b); computed.Store(0); now = time.Now }(never.Load())
	never.Store(false)
	at := loaded.Add(time.Hour)
	now = func() time.Time { return at }
	var s Spin
	wait := func(took time.Duration) (spun bool) {
		s.Begin()
		spun = s.On()
		at = at.Add(took)
		if s.On() != (spun && took < SpinLimit) {
			t.Errorf("behind %v it spins: %t", took, s.On())
		}
		s.End()
		return spun
	}
	for round := range 3 {
		for i := range spinLuck {
			if wait(SpinLimit - 1) {
				t.Errorf("round %d: spins behind %d short waits", round, i)
			}
		}
		for range 5 {
			if !wait(SpinLimit - 1) {
				t.Error("does not spin")
			}
		}
		if !wait(SpinLimit) {
			t.Error("does not begin to spin")
		}
	}
	for range 4 * spinLuck {
		wait(SpinLimit / 4)
	}
	s.Begin()
	if at = at.Add(SpinLimit / 3); !s.On() {
		t.Error("gives up before the wait is longer than usual")
	}
	if at = at.Add(SpinLimit / 3); s.On() {
		t.Error("spins on behind more than half as long again as usual")
	}
	s.End()
	if !wait(SpinLimit / 4) {
		t.Error("does not spin behind a wait that was slept through, but short")
	}
	NeverSpin()
	if wait(0) {
		t.Error("spins though nobody does")
	}
	never.Store(false)
	Computes()
	at = at.Add(computesFor)
	if wait(0) {
		t.Error("spins beside a thread that computes")
	}
	at = at.Add(1)
	if !wait(0) {
		t.Error("does not spin when that is over")
	}
	NeverSpin()
	wait(SpinLimit) // counts, though it did not spin
	never.Store(false)
	if wait(0) {
		t.Error("spins behind a wait that was long")
	}
}
