package wal

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// bell wakes one goroutine that is locked to its thread. The thread waits in the kernel for an eventfd: waking it takes one
// system call and one switch, where a channel takes the Go scheduler, another thread and two switches. Under `always`
// that lies between each commit and its sync.
type bell struct {
	fd int

	mu     sync.RWMutex // held for reading while it is rung
	closed bool         // the descriptor may be somebody else's file by now
}

func newBell() (*bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &bell{fd: fd}, nil
}

// ring ends the wait under way, or else the next one; behind close it does nothing. Any goroutine.
func (b *bell) ring() {
	one := [8]byte{1} // a count in the machine's byte order; any but zero will do
	b.mu.RLock()
	if !b.closed {
		_, _ = unix.Write(b.fd, one[:])
	}
	b.mu.RUnlock()
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

// close is for when nobody waits any more; somebody may still be about to ring, who has been overtaken.
func (b *bell) close() {
	b.mu.Lock()
	b.closed = true
	_ = unix.Close(b.fd)
	b.mu.Unlock()
}
