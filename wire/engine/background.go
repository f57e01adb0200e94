package engine

import (
	"bytes"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// BackgroundWorkers is the number of background workers GOMAXPROCS leaves room for beside the cores.
const BackgroundWorkers = 2

// SetThreads sets GOMAXPROCS to cores plus background workers (see the package comment). The process's main calls it
// once, before anything else runs.
func SetThreads() { runtime.GOMAXPROCS(runtime.NumCPU() + BackgroundWorkers) }

// Background runs f on a thread of its own at nice 19 and closes the returned channel when f has returned. For work
// that must not disturb the executor: encoding, compression, checksums, decoding at load. f should yield often
// (runtime.Gosched) and must end when its owner tells it to. The thread is not given back to other goroutines: it dies
// with f, because a thread's niceness cannot be raised again without privileges.
func Background(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if !filtered() {
			// Failing to be nice is no reason not to work.
			_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
		}
		f()
	}()
	return done
}

// filtered says whether the process is under a filter of system calls. Debian's unit file for redis-server ends a process that asks for
// another priority, and a process cannot learn what its filter holds but by dying of it.
var filtered = sync.OnceValue(func() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && bytes.Contains(status, []byte("\nSeccomp:\t2"))
})
