// Package thread has ways for a thread to wait that cost less than the usual ones.
package thread

import (
	"runtime"
	"time"
)

// Spin decides whether a thread that waits for something short keeps its processor meanwhile and looks again and again. A processor that has
// nothing to do is given back, in a virtual machine to the machine below, and takes some 8 us to come again: with one client that is a fourth of
// the time of a commit under `always`. So where the last waits were all short, the next one is expected to be.
//
// A wait is Begin, then looking while On says so, then sleeping, and End. Not for concurrent use.
type Spin struct {
	luck     int // waits in a row that were short
	began    time.Time
	spinning bool
}

const (
	// SpinLimit bounds what is short. Beyond it the thread sleeps.
	SpinLimit = 80 * time.Microsecond
	// spinLuck is how many waits in a row must have been short: at most each such number of waits one spins in vain.
	spinLuck = 16
)

// cores is how many processors there are: with one alone, what is waited for may need it.
var cores = runtime.NumCPU()

// Begin is called when a wait begins.
func (s *Spin) Begin() {
	s.began = time.Now()
	s.spinning = s.luck >= spinLuck && cores > 1
}

// On says whether to look again, rather than to sleep until the wait is over.
func (s *Spin) On() bool {
	s.spinning = s.spinning && time.Since(s.began) < SpinLimit
	return s.spinning
}

// End is called when the wait is over.
func (s *Spin) End() {
	if time.Since(s.began) >= SpinLimit {
		s.luck = 0
	} else if s.luck < spinLuck {
		s.luck++
	}
}
