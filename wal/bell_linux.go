package wal

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// bell wakes one goroutine that is locked to its thread. The thread waits in the kernel for an eventfd: waking it takes one
// system call and one switch, where a channel takes the Go scheduler, another thread and two switches. Under `always`
// that lies between each commit and its sync.
type bell struct {
	fd int
}

func newBell() (*bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &bell{fd}, nil
}

// ring ends the wait under way, or else the next one. Any goroutine.
func (b *bell) ring() {
	one := [8]byte{1} // a count in the machine's byte order; any but zero will do
	_, _ = unix.Write(b.fd, one[:])
}

// wait returns when the bell was rung or after the time limit, and now and then for no reason.
func (b *bell) wait(limit time.Duration) {
	fds := [1]unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}
	ts := unix.NsecToTimespec(max(int64(limit), 0))
	if n, err := unix.Ppoll(fds[:], &ts, nil); err == nil && n > 0 {
		var count [8]byte
		_, _ = unix.Read(b.fd, count[:])
	}
}

func (b *bell) close() { _ = unix.Close(b.fd) }
