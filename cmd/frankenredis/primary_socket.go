package main

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/session"
)

// syncSocket writes to a connection that the reactor holds as well, through a descriptor of its own. One goroutine uses it.
type syncSocket struct {
	fd      int
	timeout time.Duration // how long the other side may take nothing
	closed  atomic.Bool   // the connection is not wanted any more
	beat    bool          // a file is being made: the replica hears an empty line each second
	beaten  time.Time
	sent    *atomic.Int64 // counts bytes
}

// syncSocket gives a sync a descriptor of its own for a replica's connection.
func (s *server) syncSocket(client *session.Session) (*syncSocket, error) {
	fd, err := unix.FcntlInt(uintptr(client.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &syncSocket{fd: fd, sent: &s.replicas.synced, timeout: time.Duration(s.replTimeout.Load())}, nil
}

// Write waits until everything is sent.
func (w *syncSocket) Write(p []byte) (n int, err error) {
	moved := time.Now()
	for n < len(p) {
		m, err := unix.Write(w.fd, p[n:])
		switch {
		case err == nil:
			n += m
			w.sent.Add(int64(m))
			moved = time.Now()
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return n, err
		case w.closed.Load():
			return n, errLinkGone
		case time.Since(moved) > w.timeout:
			return n, os.ErrDeadlineExceeded
		}
		fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLOUT}}
		if _, err := unix.Poll(fds, 100); err != nil && !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
	return n, nil
}

// end makes a Write under way fail, and tells the other side that nothing more comes: the reactor's closing alone does not while
// this descriptor is open. The executor calls it, before close.
func (w *syncSocket) end() {
	if !w.closed.Swap(true) {
		_ = unix.Shutdown(w.fd, unix.SHUT_RDWR)
	}
}

func (w *syncSocket) close() { _ = unix.Close(w.fd) }
