package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"frankenredis/wire/engine"
)

// crashSignals end the process with a report. Faults of our own code are none of these: the runtime turns them into panics.
var crashSignals = []os.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGABRT}

// crashPatience bounds how long a report waits for an executor that may well be the reason for it.
const crashPatience = time.Second

// oneReport: a second crash while the first one is being reported adds nothing.
var oneReport sync.Once

// crashed ends the process by the signal it got, after a report if crash-log-enabled says so. Any goroutine but the executor.
func (s *server) crashed(sig unix.Signal) {
	var state strings.Builder
	wanted := make(chan bool, 1)
	s.eng.Post(func() {
		if s.cfg.Bool("crash-log-enabled") {
			s.describeState(&state)
			wanted <- true
		} else {
			wanted <- false
		}
	})
	select {
	case report := <-wanted:
		if report {
			s.report(fmt.Sprintf("Redis %s crashed by signal: %d", engine.RedisVersion, int(sig)), state.String())
		}
	case <-time.After(crashPatience):
		s.report(fmt.Sprintf("Redis %s crashed by signal: %d", engine.RedisVersion, int(sig)),
			"The executor does not answer: its state is left out.\n")
	}
	dieBy(sig)
}

// guard is deferred around the executor: a broken invariant leaves a report, in place of what the language would print, and
// the process ends as after an abort.
func (s *server) guard() {
	why := recover()
	if why == nil {
		return
	}
	if s.cfg.Bool("crash-log-enabled") {
		s.report(fmt.Sprintf("=== ASSERTION FAILED ===\n%v\nRedis %s crashed by signal: %d", why, engine.RedisVersion, int(unix.SIGABRT)), "")
	} else {
		s.logger.Warn(fmt.Sprintf("A broken invariant ends the server: %v", why))
	}
	dieBy(unix.SIGABRT)
}

// describeState writes what the executor alone may look at.
func (s *server) describeState(b *strings.Builder) {
	b.WriteString("\n------ INFO OUTPUT ------\n")
	b.WriteString(strings.ReplaceAll(s.eng.InfoText([]string{"everything"}), "\r\n", "\n"))
}

// report writes everything that helps to understand a crash, between the markers that tools look for.
func (s *server) report(what, state string) {
	oneReport.Do(func() {
		const most = 1 << 20
		stacks := make([]byte, most)
		stacks = stacks[:runtime.Stack(stacks, true)]
		s.sink.write([]byte("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n"))
		for _, line := range strings.Split(what, "\n") {
			s.logger.Warn(line)
		}
		s.sink.write(fmt.Appendf(nil, "\n------ STACK TRACE ------\n%s%s\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n", stacks, state))
	})
}

// dieBy ends the process by a signal, as its parent shall see it. The runtime has its own handlers, so the system's default
// action is put in their place first.
func dieBy(sig unix.Signal) {
	var action struct { // the kernel's sigaction; all zero is SIG_DFL
		handler, flags, restorer uintptr
		mask                     uint64
	}
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action.mask), 0, 0)
	_ = unix.Kill(os.Getpid(), sig)
	time.Sleep(crashPatience) // the signal is on its way
	os.Exit(128 + int(sig))
}
