package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"frankenredis/thread"
	"frankenredis/wire/engine"
)

// Reactor is the epoll transport. It runs on the executor's thread and is the executor's poller as well. All methods
// but Wake are the executor's.
type Reactor struct {
	front

	epfd   int
	wakefd int
	events []unix.EpollEvent
	ready  []unix.EpollEvent // what the last Poll found

	hot  bool // the last Poll found something
	spin thread.Spin
	turn uint64 // counts Serve

	conns     []*socket // by descriptor
	listeners []*listener
	held      bool // see HoldListeners
	args      [Kinds]listenArgs
	mark      int                // see SetSocketMark
	skipped   func(*ListenError) // see OnSkip
	discard   [4096]byte

	tlsConfig *tls.Config    // for new connections
	shaking   sync.WaitGroup // handshakes
	unread    []*socket      // clients over TLS whose input may have been read already
}

// socket is a connection served by the reactor.
type socket struct {
	conn
	r      *Reactor
	fd     int
	secure *secure // nil without TLS

	sentTurn uint64 // the turn that sent counts for
	sent     int    // bytes
}

// sendsPerTurn bounds the bytes sent to one client in a turn: one that reads as fast as it is sent to would else keep the
// executor until the last byte of a reply of any length. More than a socket's buffer takes at once is seldom asked for.
const sendsPerTurn = 1 << 20

// maxEvents is the number of events taken from one poll; with more ready the rest comes in the next turn.
const maxEvents = 512

// NewReactor returns a reactor without listeners. Bind tells it whom it serves.
func NewReactor() (*Reactor, error) {
	r := &Reactor{events: make([]unix.EpollEvent, maxEvents)}
	var err error
	if r.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("wire: epoll_create1: %w", err)
	}
	if r.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(r.epfd)
		return nil, fmt.Errorf("wire: eventfd: %w", err)
	}
	if err := r.watch(unix.EPOLL_CTL_ADD, r.wakefd, unix.EPOLLIN); err != nil {
		return nil, err
	}
	return r, nil
}

// Bind attaches the reactor to its executor.
func (r *Reactor) Bind(e *engine.Engine) {
	r.eng = e
	r.refresh(e)
	e.AddTransport(r)
	e.Every(func() time.Duration { return time.Second }, r.reapIdle)
}

func (r *Reactor) watch(op, fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(r.epfd, op, fd, &ev); err != nil {
		return fmt.Errorf("wire: epoll_ctl: %w", err)
	}
	return nil
}

// Poll implements engine.Poller.
func (r *Reactor) Poll(limit time.Duration) error {
	if r.full {
		// Clients' input would keep the poll from sleeping while it must not be read: sleep on the wake-up alone.
		fds := []unix.PollFd{{Fd: int32(r.wakefd), Events: unix.POLLIN}}
		ms := 10
		if limit == 0 {
			ms = 0
		}
		if _, err := unix.Poll(fds, ms); err != nil && err != unix.EINTR {
			return fmt.Errorf("wire: poll: %w", err)
		}
		r.drainWake()
		limit = 0
	}
	if r.events == nil {
		r.events = make([]unix.EpollEvent, maxEvents) // for a turn within a turn
	}
	if 0 < limit && limit < time.Millisecond {
		r.nap(limit)
		limit = 0
	}
	n, err := 0, error(nil)
	waits := limit < 0 || limit > thread.SpinLimit
	if waits {
		r.spin.Begin()
		for n == 0 && err == nil && r.spin.On() {
			n, err = epollRaw(r.epfd, r.events, 0)
		}
	}
	if n == 0 && err == nil && (r.hot || limit == 0) {
		n, err = epollRaw(r.epfd, r.events, min(limit, shortWait))
		if limit > shortWait && err == nil {
			limit -= shortWait
		} else if limit > 0 && err == nil {
			limit = 0
		}
	}
	if n == 0 && limit != 0 {
		// After an interruption too: somebody wants the P, and the scheduler gives it to them here.
		ms := -1
		if limit > 0 {
			ms = milliseconds(limit)
		}
		n, err = unix.EpollWait(r.epfd, r.events, ms)
	}
	if waits {
		r.spin.End()
	}
	if err == unix.EINTR {
		n, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("wire: epoll_wait: %w", err)
	}
	r.ready, r.hot = r.events[:n], n > 0
	return nil
}

// shortWait is how long a poll under load keeps its P. Told of each wait, the Go scheduler watches the thread every 20 us,
// which cost 8 % of the server's processor time; a raw wait costs nothing, and a collection that must stop the world
// interrupts it with a signal (epoll_wait is never restarted). Longer waits, and all of an idle server, go through the
// scheduler, which then lets its own watch rest.
const shortWait = 2 * time.Millisecond

// nap waits for events for less than epoll_wait can. Interruptions only make it shorter.
func (r *Reactor) nap(limit time.Duration) {
	fd, ts := unix.PollFd{Fd: int32(r.epfd), Events: unix.POLLIN}, unix.NsecToTimespec(int64(limit))
	_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fd)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

func milliseconds(d time.Duration) int { return int((d + time.Millisecond - 1) / time.Millisecond) }

// epollRaw polls without a word with the scheduler; a negative limit means shortWait.
func epollRaw(epfd int, events []unix.EpollEvent, limit time.Duration) (int, error) {
	if limit < 0 {
		limit = shortWait
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(milliseconds(limit)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Wake implements engine.Poller. Any goroutine.
func (r *Reactor) Wake() {
	one := uint64(1)
	// The counter cannot overflow before it is drained; an error means that a wake-up is pending anyway.
	_, _ = unix.Write(r.wakefd, (*[8]byte)(unsafe.Pointer(&one))[:])
}

func (r *Reactor) drainWake() {
	var b [8]byte
	_, _ = unix.Read(r.wakefd, b[:])
}

// Serve implements engine.Transport.
func (r *Reactor) Serve() (more bool) {
	r.turn++
	r.beginTurn()
	r.serveLeftover()
	more = len(r.unread) > 0 && r.serveUnread()
	ready, events := r.ready, r.events
	r.ready, r.events = nil, nil // a command may take turns within this one
	for i := range ready {
		ev := &ready[i]
		fd := int(ev.Fd)
		if fd == r.wakefd {
			r.drainWake()
			continue
		}
		if l := r.listener(fd); l != nil {
			r.accept(l)
			continue
		}
		if fd >= len(r.conns) || r.conns[fd] == nil {
			continue
		}
		s := r.conns[fd]
		if ev.Events&unix.EPOLLOUT != 0 {
			s.writable()
		}
		if s.secure != nil {
			s.secure.drained = false
		}
		switch {
		case ev.Events&^uint32(unix.EPOLLOUT) == 0 || r.full || s.isLeft || s.sess.Executing:
			// A client with input left over is not read from: what it sends must not pile up here.
		case s.deaf:
			s.end() // it was not asked for input any more: the connection is gone altogether
		default:
			r.receive(s)
		}
	}
	r.events = events
	return (more || len(r.leftover) > 0) && !r.full
}

// receive reads what a client sent, within its budget, and executes what is complete.
func (r *Reactor) receive(s *socket) {
	for total := 0; total < engine.MaxBytesPerClient && !s.dead; {
		space := s.in.Space(1)
		if s.sess.CloseAfterReply {
			space = r.discard[:] // nothing more is taken from a client that is on its way out
		}
		n, errno := s.take(space)
		if errno == unix.EAGAIN || errno == unix.EINTR {
			s.in.Release()
			return
		}
		if errno != 0 {
			s.end()
			return
		}
		if n == 0 {
			s.inputEnded()
			if !s.dead && s.notifyWritable(false) != nil {
				s.end()
			}
			return
		}
		r.eng.Stats().NetInput += uint64(n)
		r.eng.Stats().Reads++
		total += n
		s.sess.LastCommand = r.eng.Wall() // a client that sends a large value slowly is not idle
		if s.sess.CloseAfterReply {
			return
		}
		s.in.Filled(n)
		r.execute(&s.conn)
		s.checkQueryLimit()
		if s.isLeft {
			r.putOff(s)
			return
		}
		if n < len(space) && s.secure == nil {
			return
		}
	}
	r.putOff(s)
}

// take reads what a client sent.
func (s *socket) take(p []byte) (int, unix.Errno) {
	if s.secure != nil {
		return s.secure.read(p)
	}
	return rawRead(s.fd, p)
}

// Close implements engine.Transport.
func (r *Reactor) Close() {
	for _, s := range r.conns {
		if s != nil {
			s.end()
		}
	}
	r.CloseListeners()
	r.shaking.Wait()
	unix.Close(r.wakefd)
	unix.Close(r.epfd)
}

// reapIdle looks after clients that nothing happens to.
func (r *Reactor) reapIdle() {
	now := r.eng.Wall()
	r.big.trim()
	for _, s := range r.conns {
		if s != nil {
			s.tend(now)
		}
	}
}

// send implements carrier.
func (s *socket) send(p []byte) (int, error) {
	if s.sentTurn != s.r.turn {
		s.sentTurn, s.sent = s.r.turn, 0
	}
	if s.secure != nil {
		return s.sendSecure(p)
	}
	sent := 0
	for sent < len(p) {
		most := len(p)
		if !s.deaf { // who is deaf goes as soon as it takes no more
			if s.sent >= sendsPerTurn {
				return sent, errPaced
			}
			most = min(most, sent+sendsPerTurn-s.sent)
		}
		n, errno := rawWrite(s.fd, p[sent:most])
		switch errno {
		case 0:
			sent += n
			s.sent += n
		case unix.EINTR:
		case unix.EAGAIN:
			return sent, errAgain
		default:
			return sent, errors.New("wire: write: " + errno.Error())
		}
	}
	return sent, nil
}

// hangUp implements carrier.
func (s *socket) hangUp() {
	s.r.conns[s.fd] = nil
	if s.secure != nil {
		s.secure.hangUp()
	}
	unix.Close(s.fd) // leaves the epoll set with it
}

// notifyWritable implements carrier.
func (s *socket) notifyWritable(on bool) error {
	events := uint32(unix.EPOLLIN)
	if s.deaf {
		events = 0 // the end of the input would be reported for ever
	}
	if on {
		events |= unix.EPOLLOUT
	}
	return s.r.watch(unix.EPOLL_CTL_MOD, s.fd, events)
}

// rawRead and rawWrite go around the Go scheduler: on a non-blocking socket they never wait. They are recv and send, which reach a socket
// in fewer steps than read and write: 3 to 5 % less of both, with all the way over loopback.
func rawRead(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return int(n), errno
}

func rawWrite(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
