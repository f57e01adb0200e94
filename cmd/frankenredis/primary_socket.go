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
	conn    session.Lender
	seal    func(p []byte) ([]byte, error) // over TLS everything goes through it; nil without
	timeout time.Duration                  // how long the other side may take nothing
	closed  atomic.Bool                    // the connection is not wanted any more
	beat    bool                           // a file is being made: the replica hears an empty line each second
	beaten  time.Time
	sent    *atomic.Int64 // counts bytes
}

// syncSocket gives a sync a descriptor of its own for a replica's connection.
func (s *server) syncSocket(client *session.Session) (*syncSocket, error) {
	fd, err := unix.FcntlInt(uintptr(client.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	conn := client.Conn.(session.Lender)
	return &syncSocket{fd: fd, conn: conn, seal: conn.LendOutput(), sent: &s.replicas.synced, timeout: time.Duration(s.replTimeout.Load())}, nil
}

// Write waits until everything is sent.
func (w *syncSocket) Write(p []byte) (n int, err error) {
	if w.seal == nil {
		return w.writePlain(p)
	}
	for n < len(p) {
		m := min(len(p)-n, sealPiece)
		sealed, err := w.seal(p[n : n+m])
		if err == nil {
			_, err = w.writePlain(sealed)
		}
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// sealPiece is how much is encrypted at a time, in bytes: sixteen records of TLS.
const sealPiece = 256 << 10

func (w *syncSocket) writePlain(p []byte) (n int, err error) {
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

// close ends the use of the connection. The executor calls it when the goroutine has ended.
func (w *syncSocket) close() {
	_ = unix.Close(w.fd)
	w.conn.ReturnOutput()
}
