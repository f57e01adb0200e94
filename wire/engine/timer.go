package engine

import (
	"container/heap"
	"time"
)

// timer is one function due at a monotonic instant.
type timer struct {
	at    int64
	every time.Duration // zero: once
	f     func()
	next  func() time.Duration // overrides every when set
}

type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(*timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}

// After runs f on the executor once, d from now.
func (e *Engine) After(d time.Duration, f func()) {
	heap.Push(&e.timers, &timer{at: e.mono() + int64(d), f: f})
}

// Every runs f on the executor again and again; interval is asked after each run, so that a changed hz is followed.
func (e *Engine) Every(interval func() time.Duration, f func()) {
	heap.Push(&e.timers, &timer{at: e.mono() + int64(interval()), f: f, next: interval})
}

// sleepLimit is how long the executor may sleep: until the next timer, the end of a blocked client's patience, or the next
// slice of freeing; negative when nothing is due at any time. now is the monotonic clock.
func (e *Engine) sleepLimit(now int64) time.Duration {
	if e.hold != nil {
		return -1 // nothing is due but its end, which wakes
	}
	limit, limited := time.Duration(0), false
	if e.freeing {
		limit, limited = lazyFreeRest, true
	}
	if len(e.timers) > 0 {
		if left := time.Duration(e.timers[0].at - now); !limited || left < limit {
			limit, limited = left, true
		}
	}
	for _, s := range e.waiting {
		if d := s.Wait.Deadline; !d.IsZero() {
			if left := time.Until(d); !limited || left < limit {
				limit, limited = left, true
			}
		}
	}
	if len(e.blocked.deadlines) > 0 {
		if left := time.Until(e.blocked.deadlines[0].Wait.Deadline); !limited || left < limit {
			limit, limited = left, true
		}
	}
	if !e.pauseUntil.IsZero() {
		if left := e.pauseUntil.Sub(e.clock()); !limited || left < limit {
			limit, limited = left, true
		}
	}
	if !limited {
		return -1
	}
	return max(limit, 0)
}

// runTimers runs what is due and says whether anything was. A clock that jumped (SIGSTOP) makes a periodic timer run once, not many times.
func (e *Engine) runTimers(now int64) (ran bool) {
	for len(e.timers) > 0 && e.timers[0].at <= now {
		t := heap.Pop(&e.timers).(*timer) // before f runs: it may set timers itself
		if t.next == nil || !e.debug.PauseCron {
			t.f()
			e.endUnit(nil)
		}
		if t.next != nil {
			t.at = e.mono() + int64(t.next())
			heap.Push(&e.timers, t)
		}
		ran = true
	}
	return ran
}
