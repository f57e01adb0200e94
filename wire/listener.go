package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is a way in for clients.
type Kind uint8

// The ways in, in Redis's order.
const (
	TCP Kind = iota
	Unix
	TLS
	Kinds // their number
)

// String is Redis's name.
func (k Kind) String() string { return [...]string{"tcp", "unix", "tls"}[k] }

// listener is one listening socket of the reactor.
type listener struct {
	fd   int
	kind Kind
	path string // of a unix socket, as configured
	file string // the same, absolute; removed when the listener closes

	complained time.Time // when an error was last logged
}

const (
	// acceptsPerTurn bounds the connections taken from one listener in a turn.
	acceptsPerTurn = 1000
	// acceptRest is how long a listener rests after an error, and acceptSilence how long its next error is not logged.
	acceptRest    = 100 * time.Millisecond
	acceptSilence = 10 * time.Second
)

func (r *Reactor) listener(fd int) *listener {
	for _, l := range r.listeners {
		if l.fd == fd {
			return l
		}
	}
	return nil
}

// Listen listens for TCP or TLS on each address of a bind directive: "*" and "::*" mean all of a family; with a "-" in front an
// address that this machine does not have is passed over (OnSkip). Port 0 means not at all. The error names the address; nothing
// stays open then.
func (r *Reactor) Listen(kind Kind, bind []string, port, backlog int) error {
	if port == 0 {
		return nil
	}
	before := len(r.listeners)
	for _, addr := range bind {
		optional := strings.HasPrefix(addr, "-")
		name := strings.TrimPrefix(addr, "-")
		fd, err := listenTCP(name, port, backlog)
		if err == nil && r.mark > 0 {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, r.mark)
		}
		if err == nil {
			err = r.addListener(&listener{fd: fd, kind: kind})
		}
		if err == nil {
			continue
		}
		if optional && (errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT)) {
			if r.skipped != nil {
				r.skipped(&ListenError{Addr: name, Port: port, Err: err})
			}
			continue
		}
		for _, l := range r.listeners[before:] {
			unix.Close(l.fd)
		}
		r.listeners = r.listeners[:before]
		return &ListenError{Addr: name, Port: port, Err: err}
	}
	if len(r.args[kind].bind) == 0 {
		r.args[kind] = listenArgs{bind, port, backlog}
	}
	return nil
}

// Relisten listens on other addresses instead: the new ones are opened before the old ones are closed, so that an error
// leaves everything as it was. Addresses that stay the same cannot be opened twice and are closed first.
func (r *Reactor) Relisten(kind Kind, bind []string, port, backlog int) error {
	old := make([]*listener, 0, len(r.listeners))
	for _, l := range r.listeners {
		if l.kind == kind {
			old = append(old, l)
		}
	}
	err := r.Listen(kind, bind, port, backlog)
	var le *ListenError
	if errors.As(err, &le) && errors.Is(le.Err, unix.EADDRINUSE) && r.shares(old, port) {
		// Some of the addresses are our own: nothing but closing them first can work.
		previous := r.args[kind]
		r.closeListeners(func(l *listener) bool { return l.kind == kind })
		if err = r.Listen(kind, bind, port, backlog); err != nil {
			if back := r.Listen(kind, previous.bind, previous.port, previous.backlog); back != nil {
				r.eng.Logger().Warn("Listening again on the old addresses failed: " + back.Error())
			}
			return err
		}
		r.args[kind] = listenArgs{bind, port, backlog}
		return nil
	}
	if err != nil {
		return err
	}
	r.args[kind] = listenArgs{bind, port, backlog}
	r.closeListeners(func(l *listener) bool { return slices.Contains(old, l) })
	return nil
}

// listenArgs is what Listen was last given.
type listenArgs struct {
	bind    []string
	port    int
	backlog int
}

// shares says whether one of the listeners has the port.
func (r *Reactor) shares(list []*listener, port int) bool {
	for _, l := range list {
		if sa, err := unix.Getsockname(l.fd); err == nil {
			switch a := sa.(type) {
			case *unix.SockaddrInet4:
				if a.Port == port {
					return true
				}
			case *unix.SockaddrInet6:
				if a.Port == port {
					return true
				}
			}
		}
	}
	return false
}

// SetSocketMark gives sockets that listen from now on a mark (SO_MARK), which routing rules can look at; 0: none. Without the right to do so
// they have none, as in Redis.
func (r *Reactor) SetSocketMark(mark int) { r.mark = mark }

// OnSkip has f told of each address that Listen passes over; before the first call of Listen.
func (r *Reactor) OnSkip(f func(*ListenError)) { r.skipped = f }

// Listening says whether there is any way in.
func (r *Reactor) Listening() bool { return len(r.listeners) > 0 }

// ErrUnknownHost is the cause of a ListenError for a name that has no address.
var ErrUnknownHost = errors.New("name or service not known")

// ListenError says which address could not be listened on.
type ListenError struct {
	Addr string
	Port int
	Err  error
}

// Error names the address and the cause.
func (e *ListenError) Error() string {
	return fmt.Sprintf("listen on %s: %v", net.JoinHostPort(e.Addr, strconv.Itoa(e.Port)), e.Err)
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

func listenTCP(addr string, port, backlog int) (int, error) {
	family := unix.AF_INET
	var ip net.IP
	switch addr {
	case "*":
		ip = net.IPv4zero
	case "::*", "::":
		ip, family = net.IPv6zero, unix.AF_INET6
	default:
		if ip = net.ParseIP(addr); ip == nil {
			found, err := net.LookupIP(addr)
			if err != nil || len(found) == 0 {
				return -1, ErrUnknownHost
			}
			ip = found[0]
		}
		if ip.To4() == nil {
			family = unix.AF_INET6
		}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	fail := func(err error) (int, error) {
		unix.Close(fd)
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fail(err)
	}
	var sa unix.Sockaddr
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fail(err)
		}
		sa6 := &unix.SockaddrInet6{Port: port}
		copy(sa6.Addr[:], ip.To16())
		sa = sa6
	} else {
		sa4 := &unix.SockaddrInet4{Port: port}
		copy(sa4.Addr[:], ip.To4())
		sa = sa4
	}
	if err := unix.Bind(fd, sa); err != nil {
		return fail(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return fail(err)
	}
	return fd, nil
}

// ListenUnix listens on a unix socket at path; a file there is replaced. perm 0 leaves the mode to the umask.
func (r *Reactor) ListenUnix(path string, perm uint32, backlog int) error {
	// Whatever file is there makes way, as in Redis: starters create an empty one to reserve the name. What cannot be removed shows when
	// the name is bound.
	_ = unix.Unlink(path)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
		if err = unix.Listen(fd, backlog); err == nil && perm != 0 {
			err = os.Chmod(path, os.FileMode(perm))
		}
	}
	file := ""
	if err == nil {
		file, err = filepath.Abs(path) // CONFIG SET dir must not change which file is ours
	}
	if err == nil {
		err = r.addListener(&listener{fd: fd, kind: Unix, path: path, file: file})
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("unix socket %s: %w", path, err)
	}
	return nil
}

func (r *Reactor) addListener(l *listener) error {
	if err := r.watch(unix.EPOLL_CTL_ADD, l.fd, r.accepting()); err != nil {
		return err
	}
	r.listeners = append(r.listeners, l)
	return nil
}

// accepting is what is asked about a listener.
func (r *Reactor) accepting() uint32 {
	if r.held {
		return 0
	}
	return unix.EPOLLIN
}

// HoldListeners lets connections wait in the kernel's queues, until it is called with false.
func (r *Reactor) HoldListeners(on bool) {
	r.held = on
	for _, l := range r.listeners {
		_ = r.watch(unix.EPOLL_CTL_MOD, l.fd, r.accepting()) // of a descriptor that is in the set
	}
}

// CloseListeners stops listening; connections stay.
func (r *Reactor) CloseListeners() { r.closeListeners(func(*listener) bool { return true }) }

func (r *Reactor) closeListeners(which func(*listener) bool) {
	kept := r.listeners[:0]
	for _, l := range r.listeners {
		if !which(l) {
			kept = append(kept, l)
			continue
		}
		unix.Close(l.fd)
		if l.file != "" {
			_ = os.Remove(l.file) // a socket file without a listener is harmless
		}
	}
	clear(r.listeners[len(kept):])
	r.listeners = kept
}

// accept takes new connections.
func (r *Reactor) accept(l *listener) {
	for range acceptsPerTurn {
		fd, sa, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			r.adopt(l, fd, sa)
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			return
		default:
			r.restListener(l, err)
			return
		}
	}
}

// restListener leaves a listener alone for a moment. Out of descriptors or memory, its connections stay in the kernel's queue
// and would be reported again at once: the server would do nothing but fail to accept them.
func (r *Reactor) restListener(l *listener, err error) {
	if now := r.eng.Wall(); l.complained.IsZero() || now.Sub(l.complained) > acceptSilence {
		l.complained = now
		r.eng.Logger().Warn("Accepting client connection: " + err.Error())
	}
	if r.watch(unix.EPOLL_CTL_MOD, l.fd, 0) != nil {
		return // it goes on as it is
	}
	r.eng.After(acceptRest, func() {
		if slices.Contains(r.listeners, l) { // else its descriptor is closed, and may be another's by now
			_ = r.watch(unix.EPOLL_CTL_MOD, l.fd, r.accepting())
		}
	})
}

func (r *Reactor) adopt(l *listener, fd int, sa unix.Sockaddr) {
	ip, addr := peerName(sa, l)
	text := r.crowded()
	if text == "" && l.kind != TLS {
		text = r.strange(ip) // over TLS it is asked when the answer can be read
	}
	if text != "" {
		if l.kind != TLS {
			_, _ = rawWrite(fd, []byte(text)) // best effort, as in Redis: the other side may be gone
		}
		unix.Close(fd)
		return
	}
	s := r.newSocket(fd)
	s.sess.Unix, s.sess.TLS = l.kind == Unix, l.kind == TLS
	s.sess.Addr = addr
	s.sess.LocalAddr = addr
	if l.kind != Unix {
		if local, err := unix.Getsockname(fd); err == nil {
			_, s.sess.LocalAddr = peerName(local, l)
		}
		tune(fd, r.keepalive)
	}
	var err error
	if l.kind == TLS {
		err = r.shake(s, ip)
	} else {
		err = r.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
	}
	if err != nil {
		unix.Close(fd)
		return
	}
	r.enter(s)
	if l.kind == TLS {
		r.eng.Stats().ConnectionsReceived-- // counted behind its handshake
	}
}

func (r *Reactor) newSocket(fd int) *socket {
	s := &socket{r: r, fd: fd}
	s.conn = conn{carrier: s, eng: r.eng, front: &r.front}
	s.sess.Conn, s.sess.FD = &s.conn, fd
	return s
}

// enter makes the socket a client's.
func (r *Reactor) enter(s *socket) {
	s.sess.W.Buf = r.takeBuffer()
	for s.fd >= len(r.conns) {
		r.conns = append(r.conns, nil)
	}
	r.conns[s.fd] = s
	r.eng.Attach(&s.sess)
}

// tune sets what Redis sets on a client's socket. Failures change speed or patience, not correctness.
func tune(fd, keepalive int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if keepalive > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepalive)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(keepalive/3, 1))
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3)
	}
}

// peerName prints an address as CLIENT LIST does; the IP is nil for a unix socket.
func peerName(sa unix.Sockaddr, l *listener) (net.IP, string) {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		ip := net.IP(a.Addr[:])
		return ip, net.JoinHostPort(ip.String(), strconv.Itoa(a.Port))
	case *unix.SockaddrInet6:
		ip := net.IP(a.Addr[:])
		return ip, net.JoinHostPort(ip.String(), strconv.Itoa(a.Port))
	}
	return nil, l.path + ":0"
}
