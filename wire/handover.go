package wire

import (
	"errors"

	"golang.org/x/sys/unix"

	"frankenredis/wire/session"
)

// errSealed says that a connection over TLS stays where its keys are.
var errSealed = errors.New("the connection is encrypted")

// Leave implements session.Leaver.
func (c *conn) Leave() (fd int, held []byte, err error) {
	if fd, err = c.part(); err != nil {
		return -1, nil, err
	}
	for i := range c.held {
		k := &c.held[i]
		held = append(held, k.buf[k.sent:]...)
	}
	c.end()
	return fd, held, nil
}

// part implements carrier.
func (s *socket) part() (fd int, err error) {
	if s.secure != nil {
		return -1, errSealed
	}
	if fd, err = unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if err = s.r.watch(unix.EPOLL_CTL_DEL, s.fd, 0); err != nil { // else it would stay in the set as long as fd is open
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Adopt takes a connection that has left another process, where held was still to be sent to its client.
func (r *Reactor) Adopt(fd int, held []byte) (*session.Session, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	if err := r.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
		return nil, err
	}
	s := r.newSocket(fd)
	if len(held) > 0 {
		s.held, s.heldBytes = []chunk{{buf: held}}, cap(held)+chunkBytes
	}
	r.enter(s)
	return &s.sess, nil
}
