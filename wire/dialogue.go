package wire

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

var errGone = errors.New("wire: the client is gone")

// Say implements session.Talker.
func (s *socket) Say(p []byte, patience time.Duration) error {
	until := time.Now().Add(patience)
	for len(s.held) > 0 { // what the client is to hear first, of which some may have left
		s.sent = 0
		if s.flush(s.eng.Released(), true); s.dead {
			return errGone
		}
		if len(s.held) > 0 {
			if err := s.await(unix.POLLOUT, until); err != nil {
				return err
			}
		}
	}
	s.blocked, s.paced = false, false
	for {
		s.sent = 0
		n, err := s.send(p)
		p = p[n:]
		switch {
		case err == nil && len(p) == 0:
			return nil
		case n > 0:
			until = time.Now().Add(patience)
		}
		switch err {
		case nil, errPaced:
		case errAgain:
			if err := s.await(unix.POLLOUT, until); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// Hear implements session.Talker.
func (s *socket) Hear(p []byte, interrupted func() bool) (int, error) {
	for !s.dead {
		if interrupted() {
			return 0, nil
		}
		if s.secure != nil {
			s.secure.drained = false
		}
		n, errno := s.take(p)
		switch {
		case errno == 0 && n > 0:
			return n, nil
		case errno == unix.EAGAIN:
			if err := s.await(unix.POLLIN, time.Time{}); err != nil {
				return 0, err
			}
		case errno != unix.EINTR:
			return 0, errGone
		}
	}
	return 0, errGone
}

// Rest implements session.Talker.
func (s *socket) Rest(limit time.Duration) {
	fds := []unix.PollFd{{Fd: int32(s.r.wakefd), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, milliseconds(limit)); err == nil && n > 0 {
		s.r.drainWake()
	}
}

// await sleeps until the socket is ready for events or the executor was woken; until is the latest, unless it is zero.
func (s *socket) await(events int16, until time.Time) error {
	ms := -1
	if !until.IsZero() {
		left := time.Until(until)
		if left <= 0 {
			return errGone
		}
		ms = milliseconds(left)
	}
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: events}, {Fd: int32(s.r.wakefd), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, ms); err != nil && err != unix.EINTR {
		return fmt.Errorf("wire: poll: %w", err)
	}
	if fds[1].Revents != 0 {
		s.r.drainWake()
	}
	return nil
}
