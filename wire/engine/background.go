package engine

import (
	"bytes"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/thread"
)

// BackgroundWorkers is the number of background workers GOMAXPROCS leaves room for beside the cores.
const BackgroundWorkers = 2

// SetThreads sets GOMAXPROCS to cores plus background workers (see the package comment). The process's main calls it
// once, before anything else runs.
func SetThreads() { runtime.GOMAXPROCS(runtime.NumCPU() + BackgroundWorkers) }

// Background runs f on a thread of its own that steps back for the executor (see stepBack) and closes the returned channel when f has
// returned. For work that must not disturb the executor: encoding, compression, checksums, decoding at load. f should yield often
// (see Yielder) and must end when its owner tells it to. The thread is not given back to other goroutines: it dies
// with f, because a thread's niceness cannot be raised again without privileges.
func Background(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if !filtered() {
			stepBack()
		}
		f()
	}()
	return done
}

const (
	backgroundNice = 19
	// backgroundSlice is the time slice that a background thread asks for, in nanoseconds: the shortest that Linux grants. A thread
	// that runs is left alone until its slice is over, whoever wakes on its core meanwhile and however nice it is (EEVDF with
	// RUN_TO_PARITY, since 6.6), and the slice is some milliseconds by itself. Kernels before 6.12 have no slices of a thread's own and
	// ignore it.
	backgroundSlice = 100_000
)

// stepBack makes the calling thread give way. Failing to be nice is no reason not to work.
func stepBack() {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: backgroundNice, Runtime: backgroundSlice}
	if unix.SchedSetAttr(0, &attr, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), backgroundNice)
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(restFor), 0, 0, 0) // else a rest takes 50 us longer
}

// Yielder returns a function that work on a background thread calls after each hundred microseconds or less; any goroutine may. It lets
// whoever waits for the thread's core have it, and costs half a microsecond if nobody does. Niceness alone does not do that: once Linux has
// taken a background thread because the executor was ahead of its fair share for a moment, or let it begin a slice, it looks again at the next
// tick, up to 4 ms later (EEVDF at 250 Hz; seen in traces of late replies).
//
// A yield offers the core to the threads of the server's own scheduling group alone. Threads of the kernel are in another, and one that holds a
// lock of the log's file has waited 48 ms behind a background thread that yielded twelve times in each of them, with every reply behind it. So once
// in a millisecond the function sleeps for a moment instead: then whoever is there gets the core.
//
// The executor and its clients want a core for microseconds. Where others keep it for longer, the function lets the kernel share it: to yield all the
// time beside programs that never sleep would leave half of the little that niceness leaves (Linux 6.18 takes a slice for each yield; a save of
// 600,000 keys beside two of them took 54 s instead of 25).
func Yielder() func() {
	made := time.Now()
	moment := unix.Timespec{Nsec: int64(restFor)}
	return yielder(func() time.Duration { return time.Since(made) },
		func() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) },
		func() { _ = unix.Nanosleep(&moment, nil) })
}

func yielder(now func() time.Duration, yield, rest func()) func() {
	var from, rested atomic.Int64 // when to yield again, and when the last rest was, by now
	return func() {
		thread.Computes()
		began := now()
		if int64(began) < from.Load() {
			return
		}
		if int64(began)-rested.Load() < int64(restEvery) {
			yield()
		} else {
			rest()
			rested.Store(int64(now()))
		}
		if back := now(); back-began > yieldAway {
			from.Store(int64(back + min(10*(back-began), yieldPause)))
		}
	}
}

const (
	restEvery  = time.Millisecond
	restFor    = 10 * time.Microsecond
	yieldAway  = 2 * time.Millisecond  // longer than the executor and clients that are not late keep a core
	yieldPause = 50 * time.Millisecond // at most, and ten times as long as the thread was kept away
)

// filtered says whether the process is under a filter of system calls. Debian's unit file for redis-server ends a process that asks for
// another priority, and a process cannot learn what its filter holds but by dying of it.
var filtered = sync.OnceValue(func() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && bytes.Contains(status, []byte("\nSeccomp:\t2"))
})
