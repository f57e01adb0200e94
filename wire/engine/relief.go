package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/thread"
	"frankenredis/wal"
)

// relief keeps the executor going while a thread of its own waits for the device in a commit (wal.Log.CommitIdle). There are two goroutines, each
// locked to its thread. One works as the executor and the other stands by. When the one waits longer than wal.FastCommit, the other takes
// over in the middle of the turn, and the one stands by when it comes back. A commit that is fast wakes nobody, and while commits go on none of them
// sets the alarm either, which takes 4 us in a virtual machine: whoever stands by looks every FastCommit, and sets it to when the wait is too
// long that it finds. There is no other bound on such a wait: a sync that can be given up is done by a thread of the kernel's, which costs two
// switches more.
type relief struct {
	e     *Engine
	alarm *thread.Alarm // for whoever stands by
	// around is called on the second goroutine and calls run; nil: run is called. See SetRelief.
	around func(run func())
	// done is closed when the second goroutine has ended; nil: it was not needed yet. Executor only.
	done chan struct{}
	// parted is the turn that the executor's goroutine left to wait. The executor's.
	parted turn

	since atomic.Int64 // monotonic clock when the wait under way began; 0: none is, or its goroutine was relieved
	began atomic.Int64 // and when the last one did
	armed atomic.Bool  // whoever stands by looks again within FastCommit; else the next wait sets the alarm
	ready atomic.Bool  // somebody stands by
	over  atomic.Bool  // the executor has ended,
	err   error        // with this; set before
	count atomic.Int64 // how often one took over

	tids [2]atomic.Int64 // of the threads: Run's, and the other one's; 0: there is none
}

// SetRelief sets what is called on the executor's second goroutine, and calls run, which returns when the executor has ended: for what belongs
// around an executor (placement, recovery from panics). Before Run.
func (e *Engine) SetRelief(around func(run func())) { e.relief.around = around }

// OnEnd sets what the executor calls when it ends. Run returns only behind that, and when no thread of its own waits for the device any more. Before
// Run.
func (e *Engine) OnEnd(f func()) { e.ended = f }

// Reliefs is how often the executor's thread waited for the device so long that the second one took over. Any goroutine.
func (e *Engine) Reliefs() int64 { return e.relief.count.Load() }

// Threads returns the ids of the two threads that the executor may be on; 0: there is none. Any goroutine.
func (e *Engine) Threads() [2]int {
	return [2]int{int(e.relief.tids[0].Load()), int(e.relief.tids[1].Load())}
}

// stands says whether somebody stands by, and sees to it that soon somebody does. Executor only.
func (r *relief) stands() bool {
	if r.done == nil {
		alarm, err := thread.NewAlarm()
		if err != nil {
			return false // no descriptor is free: the log's goroutines take the commits meanwhile
		}
		r.alarm = alarm
		done := make(chan struct{})
		r.done = done
		go func() {
			defer close(done)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			r.tids[1].Store(int64(unix.Gettid()))
			run := func() { r.serve(false) }
			if r.around != nil {
				r.around(run)
			} else {
				run()
			}
		}()
	}
	return r.ready.Load()
}

// lend calls wait, and says whether the caller is still the executor when that returns. Only where somebody stands by.
func (r *relief) lend(wait func()) (kept bool) {
	now := r.e.mono()
	r.began.Store(now)
	r.since.Store(now)
	if !r.armed.Load() {
		r.armed.Store(true)
		r.alarm.Set(wal.FastCommit)
	}
	wait()
	return r.since.CompareAndSwap(now, 0)
}

// serve works as the executor, or stands by, until the executor has ended.
func (r *relief) serve(working bool) {
	relieving := !working
	for working || r.stand() {
		kept, err := r.e.work(relieving)
		if kept {
			if r.e.ended != nil {
				r.e.ended()
			}
			r.err = err
			r.over.Store(true)
			if r.alarm != nil {
				r.alarm.Set(0)
			}
			return
		}
		working, relieving = false, true
	}
}

// stand returns true when the caller is the executor from now on, and false when there is no executor any more.
func (r *relief) stand() (taken bool) {
	seen := int64(0)
	for r.ready.Store(true); !r.over.Load(); r.ready.Store(true) {
		since, began := r.since.Load(), r.began.Load()
		left := wal.FastCommit
		switch {
		case since != 0:
			left -= time.Duration(r.e.mono() - since)
		case began == seen: // no wait began since it looked last
			r.armed.Store(false)
			if r.since.Load() == 0 { // one that begins now finds it so
				r.alarm.Wait()
			}
			continue
		}
		if left > 0 {
			seen = began
			r.armed.Store(true)
			r.alarm.Set(left)
			r.alarm.Wait()
			continue
		}
		r.ready.Store(false) // before the other one can stand by
		if r.since.CompareAndSwap(since, 0) {
			r.count.Add(1)
			return true
		}
	}
	return false
}

// end waits for the second goroutine.
func (r *relief) end() {
	if r.done != nil {
		<-r.done
		r.alarm.Close()
	}
}
