package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/tlsconf"
)

// secure is the TLS between a client's conn and its socket. The handshake, which computes for a millisecond and waits for the other side,
// runs in a goroutine of its own. Behind it the executor reads and writes through crypto/tls as it does through the system: the network that
// crypto/tls sees never waits, and what the socket does not take stays in out.
type secure struct {
	tls  *tls.Conn
	fd   int
	ip   net.IP   // the other side's
	file *os.File // the network during the handshake, in the Go scheduler's hands; nil behind it

	// drained: the last read took everything, so the next one need not ask the system. Executor only, as is unread, which says that
	// crypto/tls may hold input that the poller knows nothing of.
	drained, unread bool
	last            [tlsconf.AlertRecordBytes]byte // the newest bytes that the handshake read; its goroutine's, then the executor's

	mu   sync.Mutex
	out  []byte  // protected by mu: encrypted bytes that have not been sent
	box  *[]byte // protected by mu: out goes back into it
	lent bool    // protected by mu: another goroutine sends them, see LendOutput
}

// SetTLS says with what new connections are served; nil: not at all. Those that are there keep what they have. Executor.
func (r *Reactor) SetTLS(c *tls.Config) { r.tlsConfig = c }

// recordBytes is the most plain text in one TLS record.
const recordBytes = 16 << 10

// errLater is what crypto/tls hears when the network has nothing now: a timeout, behind which a connection may be read from again.
var errLater net.Error = laterError{}

type laterError struct{}

func (laterError) Error() string   { return "wire: nothing to read now" }
func (laterError) Timeout() bool   { return true }
func (laterError) Temporary() bool { return true }

// network is what crypto/tls sees of a secure.
type network struct{ *secure }

// Read implements net.Conn.
func (n network) Read(p []byte) (int, error) {
	if n.file != nil {
		m, err := n.file.Read(p)
		kept := append(n.last[:], p[:m]...) // a copy: last is full
		copy(n.last[:], kept[len(kept)-len(n.last):])
		return m, err
	}
	if n.drained {
		return 0, errLater
	}
	for {
		m, errno := rawRead(n.fd, p)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			n.drained = true
			return 0, errLater
		case errno != 0:
			return 0, errno
		case m == 0:
			return 0, io.EOF
		default:
			n.drained = m < len(p)
			return m, nil
		}
	}
}

// Write implements net.Conn. Behind the handshake it only keeps the bytes; flush sends them.
func (n network) Write(p []byte) (int, error) {
	if n.file != nil {
		return n.file.Write(p)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.out == nil {
		n.box = sealedPool.Get().(*[]byte)
		n.out = *n.box
	}
	n.out = append(n.out, p...)
	return len(p), nil
}

func (n network) Close() error                     { return nil }
func (n network) LocalAddr() net.Addr              { return nil }
func (n network) RemoteAddr() net.Addr             { return nil }
func (n network) SetDeadline(time.Time) error      { return nil }
func (n network) SetReadDeadline(time.Time) error  { return nil }
func (n network) SetWriteDeadline(time.Time) error { return nil }

// sealedPool holds buffers for encrypted bytes: a connection has one only while it has something to send.
var sealedPool = sync.Pool{New: func() any {
	b := make([]byte, 0, recordBytes+1<<10)
	return &b
}}

// flush sends what is encrypted; errAgain when the socket does not take all of it.
func (t *secure) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lent {
		return nil
	}
	sent := 0
	for sent < len(t.out) {
		n, errno := rawWrite(t.fd, t.out[sent:])
		switch errno {
		case 0:
			sent += n
			continue
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			t.out = append(t.out[:0], t.out[sent:]...)
			return errAgain
		}
		return errors.New("wire: write: " + errno.Error())
	}
	t.release()
	return nil
}

// release gives an empty buffer back; mu is held.
func (t *secure) release() {
	if t.box != nil && cap(t.out) <= 4*recordBytes {
		*t.box = t.out[:0]
		sealedPool.Put(t.box)
	}
	t.out, t.box = nil, nil
}

// read takes decrypted bytes, as rawRead takes plain ones.
func (t *secure) read(p []byte) (int, unix.Errno) {
	n, err := t.tls.Read(p)
	switch {
	case n > 0:
		return n, 0
	case err == errLater:
		return 0, unix.EAGAIN
	case err == io.EOF:
		return 0, 0
	}
	return 0, unix.ECONNRESET // it does not matter why
}

// sendSecure is send for a client over TLS.
func (s *socket) sendSecure(p []byte) (int, error) {
	t := s.secure
	if t.file != nil {
		return 0, errAgain
	}
	if err := t.flush(); err != nil {
		return 0, err
	}
	sent := 0
	for sent < len(p) {
		if !s.deaf && s.sent >= sendsPerTurn {
			return sent, errPaced
		}
		n := min(len(p)-sent, recordBytes)
		if _, err := t.tls.Write(p[sent : sent+n]); err != nil {
			return sent, err
		}
		sent += n
		s.sent += n
		if err := t.flush(); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// shake begins the handshake of a connection that was just taken.
func (r *Reactor) shake(s *socket, ip net.IP) error {
	if r.tlsConfig == nil {
		return net.ErrClosed
	}
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	t := &secure{fd: s.fd, ip: ip, file: os.NewFile(uintptr(fd), "client")}
	t.tls = tls.Server(network{t}, r.tlsConfig)
	s.secure = t
	r.shaking.Add(1)
	go func() {
		defer r.shaking.Done()
		err := t.tls.Handshake()
		r.eng.Post(func() { s.shaken(err) })
	}()
	return nil
}

// shaken takes the connection over from the handshake.
func (s *socket) shaken(err error) {
	t := s.secure
	t.file.Close()
	t.file = nil
	if s.dead {
		return
	}
	e := s.eng
	if err != nil {
		err = tlsconf.ReadAlert(err, t.last)
		e.Logger().Warn("Error accepting a client connection: " + tlsconf.Reason(err) + " (" + s.describe() + ")")
		s.end()
		return
	}
	e.Stats().ConnectionsReceived++
	if text := s.r.strange(t.ip); text != "" {
		_, _ = s.sendSecure([]byte(text)) // best effort, as in Redis
		s.end()
		return
	}
	if s.r.watch(unix.EPOLL_CTL_ADD, s.fd, unix.EPOLLIN) != nil {
		s.end()
		return
	}
	s.r.putOff(s) // the handshake may have read more than its own
}

// putOff remembers a client whose TLS may hold input, for the next turn: the poller does not report what was read already.
func (r *Reactor) putOff(s *socket) {
	if t := s.secure; t != nil && !t.unread && !s.dead {
		t.unread = true
		r.unread = append(r.unread, s)
	}
}

// serveUnread reads on from clients over TLS. more: it could be done again at once.
func (r *Reactor) serveUnread() (more bool) {
	list := r.unread
	r.unread = nil
	for _, s := range list {
		s.secure.unread = false
		switch {
		case s.dead:
		case r.full || s.isLeft || s.sess.Executing:
			r.putOff(s)
		default:
			r.receive(s)
			more = more || s.secure.unread
		}
	}
	return more
}

// hangUp ends the TLS of a connection that ends.
func (t *secure) hangUp() {
	if t.file != nil {
		_ = t.file.SetDeadline(time.Now()) // ends the handshake, which then closes it
		return
	}
	_ = t.tls.Close() // tells the other side, if that goes at once
	_ = t.flush()
}

// LendOutput implements session.Lender.
func (s *socket) LendOutput() func(p []byte) ([]byte, error) {
	t := s.secure
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lent = true
	return t.seal
}

// ReturnOutput implements session.Lender.
func (s *socket) ReturnOutput() {
	if t := s.secure; t != nil {
		t.mu.Lock()
		t.lent = false
		t.mu.Unlock()
	}
}

// seal encrypts for whom the output is lent to. The result is whole records, good until the next call.
func (t *secure) seal(p []byte) ([]byte, error) {
	if _, err := t.tls.Write(p); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.out
	t.out, t.box = nil, nil
	return out, nil
}
