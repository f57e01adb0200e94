// Package thread has ways for a thread to wait that cost less than the usual ones.
package thread

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Spin decides whether a thread that waits for something short keeps its processor meanwhile and looks again and again. A processor that has
// nothing to do is given back, in a virtual machine to the machine below, and takes some 8 us to come again: with one client that is a fourth of
// the time of a commit under `always`. So where the last waits were all short, the next one is expected to be, and to take about as long as they
// did. Behind half as long again the thread sleeps: what it waits for may need just this processor. (A direct write is completed by a worker of the
// kernel's on the processor that took the interrupt, and that does not push aside who spins there.) Not while threads in the background compute
// (Computes): what the waiting one does not use is theirs.
//
// A wait is Begin, then looking while On says so, then sleeping, and End. Not for concurrent use.
type Spin struct {
	luck     int           // waits in a row that were short
	usual    time.Duration // how long short waits have taken lately
	began    time.Time
	limit    time.Duration // of this one
	spinning bool
}

const (
	// SpinLimit bounds what is short. Beyond it the thread sleeps. A virtual disk's write takes 35 us in one hour and 70 in another, and some of them
	// twice that.
	SpinLimit = 160 * time.Microsecond
	// spinLuck is how many waits in a row must have been short: at most each such number of waits one spins in vain, for half as long again as is
	// usual.
	spinLuck = 4
	// computesFor is how long Computes counts.
	computesFor = 2 * time.Millisecond
)

var (
	loaded   = time.Now()
	computed atomic.Int64 // when Computes was called last, since loaded
)

// Computes is called by threads in the background while they compute, at least once in a millisecond. Any goroutine.
func Computes() { computed.Store(int64(now().Sub(loaded))) }

// never: nobody spins. On the only processor there is what is waited for may need it, and under a quota of processor time (a container's, which the Go
// runtime goes by when it begins) what is spent is missing later.
var never atomic.Bool

func init() { never.Store(runtime.NumCPU() < 2 || runtime.GOMAXPROCS(0) < runtime.NumCPU()) }

// NeverSpin turns spinning off for good. Any goroutine.
func NeverSpin() { never.Store(true) }

// now is the clock.
var now = time.Now

// Begin is called when a wait begins.
func (s *Spin) Begin() {
	s.began = now()
	s.limit = min(SpinLimit, s.usual+s.usual/2)
	s.spinning = s.luck >= spinLuck && !never.Load() && s.began.Sub(loaded)-time.Duration(computed.Load()) > computesFor
}

// On says whether to look again, rather than to sleep until the wait is over.
func (s *Spin) On() bool {
	s.spinning = s.spinning && now().Sub(s.began) < s.limit
	return s.spinning
}

// End is called when the wait is over.
func (s *Spin) End() {
	took := now().Sub(s.began)
	if took >= SpinLimit {
		s.luck = 0
		return
	}
	if s.usual == 0 {
		s.usual = took
	}
	s.usual += (took - s.usual) / 8
	if s.luck < spinLuck {
		s.luck++
	}
}
