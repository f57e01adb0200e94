package wire

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"frankenredis/wire/engine"
)

// Stream is the goroutine transport: any net.Listener, two goroutines a connection, the same executor. The goroutines
// only move bytes; parsing and executing happen in the executor's turns.
type Stream struct {
	front

	conns map[*streamConn]struct{} // executor only
	wg    sync.WaitGroup           // accept loops, readers and writers

	mu        sync.Mutex
	listeners []net.Listener // protected by mu
	closed    bool           // protected by mu
}

// streamConn is one connection of a Stream.
type streamConn struct {
	conn
	t  *Stream
	nc net.Conn

	// fed is sent by the executor when it has taken the reader's bytes; the reader waits for it before the next read, so
	// that at most one read per client is buffered. Closed by hangUp.
	fed  chan struct{}
	owed bool // executor only: fed was not sent yet

	mu     sync.Mutex
	wake   sync.Cond // the writer waits for output or the end
	out    []byte    // protected by mu: bytes for the writer
	wants  bool      // protected by mu: the executor waits for room
	ending bool      // protected by mu: write what is there and close
}

// streamRoom bounds the bytes handed to a connection's writer, and streamRead a read, both in bytes.
const (
	streamRoom = 256 << 10
	streamRead = 16 << 10
)

// NewStream returns a transport without listeners, attached to its executor. Executor, or before it runs.
func NewStream(e *engine.Engine) *Stream {
	t := &Stream{conns: make(map[*streamConn]struct{})}
	t.eng = e
	t.refresh(e)
	e.AddTransport(t)
	e.Every(func() time.Duration { return time.Second }, t.reapIdle)
	return t
}

// Accept takes connections from l until Close. Any goroutine; it returns at once.
func (t *Stream) Accept(l net.Listener) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	t.listeners = append(t.listeners, l)
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		for {
			nc, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // out of descriptors, for example: it may pass
				continue
			}
			t.eng.Post(func() { t.adopt(nc) })
		}
	}()
	return nil
}

func (t *Stream) adopt(nc net.Conn) {
	var ip net.IP
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		ip = a.IP
	}
	text := t.admit(ip)
	t.mu.Lock()
	refused := t.closed || text != ""
	t.mu.Unlock()
	if refused {
		t.wg.Add(1)
		go func() {
			defer t.wg.Done()
			_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = nc.Write([]byte(text)) // best effort, as in Redis
			nc.Close()
		}()
		return
	}
	c := &streamConn{t: t, nc: nc, fed: make(chan struct{}, 1)}
	c.wake.L = &c.mu
	c.conn = conn{carrier: c, eng: t.eng, front: &t.front}
	c.sess.Conn = &c.conn
	c.sess.Addr, c.sess.LocalAddr = nc.RemoteAddr().String(), nc.LocalAddr().String()
	c.sess.W.Buf = t.takeBuffer()
	t.conns[c] = struct{}{}
	t.eng.Attach(&c.sess)
	t.wg.Add(2)
	go c.read()
	go c.write()
}

// read moves bytes from the connection to the executor.
func (c *streamConn) read() {
	defer c.t.wg.Done()
	buf := make([]byte, streamRead)
	for {
		n, err := c.nc.Read(buf)
		if n > 0 {
			c.t.eng.Post(func() { c.receive(buf[:n]) })
			if _, open := <-c.fed; !open {
				return
			}
		}
		if err == io.EOF {
			c.t.eng.Post(c.inputEnded)
			return
		}
		if err != nil {
			c.t.eng.Post(c.end)
			return
		}
	}
}

// receive runs on the executor.
func (c *streamConn) receive(p []byte) {
	if c.dead {
		return
	}
	c.eng.Stats().NetInput += uint64(len(p))
	c.sess.LastCommand = c.eng.Wall()
	if !c.sess.CloseAfterReply {
		c.in.Feed(p)
		c.t.execute(&c.conn)
		c.checkQueryLimit()
	}
	if !c.dead && !c.isLeft {
		c.fed <- struct{}{}
		return
	}
	c.owed = true // the next read waits until this input is used up
}

// write moves bytes from the executor to the connection.
func (c *streamConn) write() {
	defer c.t.wg.Done()
	var spare []byte
	for {
		c.mu.Lock()
		for len(c.out) == 0 && !c.ending {
			c.wake.Wait()
		}
		if len(c.out) == 0 {
			c.mu.Unlock()
			c.nc.Close()
			return
		}
		p := c.out
		c.out = spare[:0]
		c.mu.Unlock()
		_, err := c.nc.Write(p)
		if spare = p; cap(spare) > replyKeep {
			spare = nil
		}
		c.mu.Lock()
		wants := c.wants
		c.wants = false
		ending := c.ending
		c.mu.Unlock()
		if err != nil {
			c.nc.Close()
			if !ending {
				c.t.eng.Post(c.end)
			}
			return
		}
		if wants {
			c.t.eng.Post(c.writable)
		}
	}
}

// send implements carrier.
func (c *streamConn) send(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(p), streamRoom-len(c.out))
	if n > 0 {
		c.out = append(c.out, p[:n]...)
		c.wake.Signal()
	}
	if n < len(p) {
		c.wants = true
		return max(n, 0), errAgain
	}
	return n, nil
}

// notifyWritable implements carrier: send has asked already.
func (c *streamConn) notifyWritable(bool) error { return nil }

// hangUp implements carrier: what was handed to the writer is still written, for a moment.
func (c *streamConn) hangUp() {
	delete(c.t.conns, c)
	close(c.fed)
	_ = c.nc.SetReadDeadline(time.Now())
	_ = c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	c.mu.Lock()
	c.ending = true
	c.wake.Signal()
	c.mu.Unlock()
}

// Serve implements engine.Transport.
func (t *Stream) Serve() (more bool) {
	t.beginTurn()
	t.serveLeftover()
	for c := range t.conns {
		if c.owed && !c.isLeft {
			c.owed = false
			c.fed <- struct{}{}
		}
	}
	return len(t.leftover) > 0 && !t.full
}

// Close implements engine.Transport. It does not wait for the goroutines; Wait does.
func (t *Stream) Close() {
	t.mu.Lock()
	t.closed = true
	for _, l := range t.listeners {
		l.Close()
	}
	t.mu.Unlock()
	for c := range t.conns {
		c.end()
	}
}

// Wait returns when all goroutines of a closed transport have ended. Any goroutine.
func (t *Stream) Wait() { t.wg.Wait() }

func (t *Stream) reapIdle() {
	now := t.eng.Wall()
	t.big.trim()
	for c := range t.conns {
		c.tend(now)
	}
}
