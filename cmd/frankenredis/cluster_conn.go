package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"frankenredis/wire"
	"frankenredis/wire/cluster"
	"frankenredis/wire/tlsconf"
)

// busServer accepts the links of other nodes. Its goroutines hand what they read to the executor.
type busServer struct {
	s         *server
	listeners []net.Listener
	ctx       context.Context // ends what dials and shakes hands
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	mu        sync.Mutex
	open      map[*busConn]struct{} // under mu
	closed    bool                  // under mu
}

// busDialTimeout bounds a connect: a node that does not answer that long is asked anew.
const busDialTimeout = 5 * time.Second

// listenBus opens the bus port wherever clients come in; the log says what could not be opened.
func (s *server) listenBus() (*busServer, error) {
	b := &busServer{s: s, open: make(map[*busConn]struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	port := s.busPort()
	for _, addr := range s.listening.bind {
		optional := addr != "" && addr[0] == '-'
		if optional {
			addr = addr[1:]
		}
		host := addr
		if host == "*" {
			host = "0.0.0.0"
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			if optional {
				continue
			}
			if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
				err = wire.ErrUnknownHost
			}
			s.logListenError(&wire.ListenError{Addr: addr, Port: port, Err: err})
			b.close()
			return nil, err
		}
		b.listeners = append(b.listeners, l)
	}
	if len(b.listeners) == 0 {
		return nil, errors.New("no address to listen on")
	}
	for _, l := range b.listeners {
		b.wg.Add(1)
		go b.accept(l)
	}
	return b, nil
}

func (b *busServer) accept(l net.Listener) {
	defer b.wg.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(100 * time.Millisecond) // no descriptors: later there may be
			continue
		}
		conn := b.add(c)
		if conn == nil {
			return
		}
		b.s.eng.Post(func() {
			if b.s.clusterTLS() != nil {
				conn.c = tls.Server(c, b.s.secured.Load().Server) // it shakes hands with the first read
			}
			conn.start(b.s.bus.Accepted(conn, time.Now()))
		})
	}
}

// add takes a connection into care; nil: the server is going, and it was closed.
func (b *busServer) add(c net.Conn) *busConn {
	conn := &busConn{server: b, c: c, rung: make(chan struct{}, 1), done: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = c.Close()
		return nil
	}
	b.open[conn] = struct{}{}
	return conn
}

// close ends everything and waits for the goroutines.
func (b *busServer) close() {
	b.cancel()
	for _, l := range b.listeners {
		_ = l.Close()
	}
	b.mu.Lock()
	b.closed = true
	for c := range b.open {
		c.closeLocked()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

// dial connects to another node.
func (b *busServer) dial(l *cluster.Link, ip string, port int) {
	dial := b.s.dialer(b.s.clusterTLS() != nil)
	b.wg.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, busDialTimeout)
		defer cancel()
		c, err := dial(ctx, net.JoinHostPort(ip, strconv.Itoa(port)))
		if err != nil {
			b.s.eng.Post(func() { b.s.bus.Closed(l) })
			return
		}
		conn := b.add(c)
		if conn == nil {
			return
		}
		b.s.eng.Post(func() {
			b.s.bus.Opened(l, conn, time.Now())
			conn.start(l)
			b.s.busDone()
		})
	})
}

// busConn is one connection. It implements cluster.Conn.
type busConn struct {
	server *busServer
	c      net.Conn
	rung   chan struct{} // sent by Send
	done   chan struct{} // closed by Close

	mu     sync.Mutex
	queue  [][]byte // under mu
	queued int      // under mu: bytes, with those being written
	closed bool     // under server.mu
}

// start begins to read and to write. Executor only.
func (c *busConn) start(l *cluster.Link) {
	b := c.server
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.closed {
		return
	}
	b.wg.Go(func() { c.read(l) })
	b.wg.Go(c.write)
}

// read hands on one message after another: the next when the executor has taken the last, so that no more than one waits.
func (c *busConn) read(l *cluster.Link) {
	s := c.server.s
	if secured, ok := c.c.(*tls.Conn); ok {
		ctx, cancel := context.WithTimeout(c.server.ctx, busDialTimeout)
		err := secured.HandshakeContext(ctx)
		cancel()
		if err != nil {
			s.logger.Debug("Error accepting cluster node connection: " + tlsconf.Reason(err))
			s.eng.Post(func() { s.bus.Closed(l) })
			return
		}
	}
	taken := make(chan struct{})
	for {
		frame, err := cluster.ReadFrame(c.c)
		if err != nil {
			s.eng.Post(func() { s.bus.Closed(l) })
			return
		}
		s.eng.Post(func() {
			s.bus.Deliver(l, frame, time.Now())
			s.busDone()
			select {
			case taken <- struct{}{}:
			case <-c.done:
			}
		})
		select {
		case <-taken:
		case <-c.done:
			return
		}
	}
}

func (c *busConn) write() {
	for {
		select {
		case <-c.done:
			return
		case <-c.rung:
		}
		c.mu.Lock()
		frames := c.queue
		c.queue = nil
		c.mu.Unlock()
		size := 0
		for _, f := range frames {
			size += len(f)
		}
		buffers := net.Buffers(frames)
		if _, err := buffers.WriteTo(c.c); err != nil {
			_ = c.c.Close() // the reader tells
			return
		}
		c.mu.Lock()
		c.queued -= size
		c.mu.Unlock()
	}
}

// Send implements cluster.Conn.
func (c *busConn) Send(frame []byte) {
	c.mu.Lock()
	c.queue = append(c.queue, frame)
	c.queued += len(frame)
	c.mu.Unlock()
	select {
	case c.rung <- struct{}{}:
	default:
	}
}

// Queued implements cluster.Conn.
func (c *busConn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// Close implements cluster.Conn.
func (c *busConn) Close() {
	b := c.server
	b.mu.Lock()
	defer b.mu.Unlock()
	c.closeLocked()
	delete(b.open, c)
}

func (c *busConn) closeLocked() {
	if !c.closed {
		c.closed = true
		close(c.done)
		_ = c.c.Close()
	}
}

// LocalIP implements cluster.Conn.
func (c *busConn) LocalIP() string { return hostOf(c.c.LocalAddr()) }

// RemoteIP implements cluster.Conn.
func (c *busConn) RemoteIP() string { return hostOf(c.c.RemoteAddr()) }

func hostOf(a net.Addr) string {
	host, _, _ := net.SplitHostPort(a.String())
	return host
}
