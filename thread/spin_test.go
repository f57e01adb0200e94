package thread

import (
	"testing"
	"time"
)

// A thread spins when some waits in a row were short, no longer than one of them may be, and not behind one that was not.
func TestSpin(t *testing.T) {
	defer func(n int) { cores = n }(cores)
	cores = 2
	var s Spin
	wait := func(short bool) (spun bool) {
		s.Begin()
		spun = s.On()
		if !short {
			s.began = s.began.Add(-SpinLimit)
		}
		if !short && s.On() {
			t.Error("spins beyond the limit")
		}
		s.End()
		return spun
	}
	for round := range 3 {
		for i := range spinLuck {
			if wait(true) {
				t.Errorf("round %d: spins behind %d short waits", round, i)
			}
		}
		for range 5 {
			if !wait(true) {
				t.Error("does not spin")
			}
		}
		wait(false)
	}
	for range 2 * spinLuck {
		wait(true)
	}
	cores = 1
	if wait(true) {
		t.Error("spins on the only processor")
	}
	s.Begin()
	s.began = time.Now().Add(-SpinLimit)
	s.End()
	cores = 2
	if wait(true) {
		t.Error("spins behind a wait that was long")
	}
}
