package thread

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Alarm wakes a thread at a time that another one puts off, again and again, for one system call each that waits for nothing.
type Alarm struct{ fd int }

// NewAlarm returns an alarm that is not set.
func NewAlarm() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	return &Alarm{fd}, nil
}

// Set makes the alarm go off after d, at least 1 ns, instead of when it would have. Any goroutine.
func (a *Alarm) Set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	// It fails with a descriptor or a time that is not one.
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(a.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

// Wait returns when the alarm has gone off, or had since the last Wait, and now and then for no reason. One goroutine at a time.
func (a *Alarm) Wait() {
	var times [8]byte
	_, _ = unix.Read(a.fd, times[:])
}

// Close is for when nobody uses the alarm any more.
func (a *Alarm) Close() { _ = unix.Close(a.fd) }
