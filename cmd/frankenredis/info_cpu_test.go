package main

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The processor time of another thread is what it says itself, to the unit of /proc.
func TestThreadTimes(t *testing.T) {
	type times struct{ user, sys time.Duration }
	tid, own, quit := make(chan int), make(chan times), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		tid <- unix.Gettid()
		var r unix.Rusage
		for r.Utime.Nano() < int64(100*time.Millisecond) {
			if err := unix.Getrusage(unix.RUSAGE_THREAD, &r); err != nil {
				t.Error(err)
				break
			}
		}
		own <- times{time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())}
		<-quit
	}()
	id := <-tid
	want := <-own
	user, sys := threadTimes(id)
	close(quit)
	const unit = 10 * time.Millisecond
	// What it uses until it sleeps is not in want.
	if user < want.user-unit || user > want.user+3*unit || sys < want.sys-unit || sys > want.sys+3*unit {
		t.Errorf("user %v, system %v; the thread had %v", user, sys, want)
	}
	if user, sys := threadTimes(1 << 30); user != 0 || sys != 0 {
		t.Errorf("of no thread: %v, %v", user, sys)
	}
}
