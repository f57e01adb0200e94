package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
)

// openLoop sends requests at a fixed rate and notes for each how long after it was due the reply was there. One thread does it all, over
// sockets of its own: goroutines that sleep in system calls keep the runtime's processors, and replies then lay unread for the ten
// milliseconds until its monitor looked, which was measured as the server's.
type openLoop struct {
	stop atomic.Bool
	done chan struct{} // closed when the thread has ended

	mu     sync.Mutex
	lags   []time.Duration // protected by mu
	failed error           // protected by mu
}

const (
	loopConns = 8
	// So many requests of a connection may be unanswered; the loop then waits, and the wait is in the latencies.
	loopWindow = 1 << 16
	// pingPause lies between a PONG and the next PING.
	pingPause = 200 * time.Microsecond
)

// loopConn is one connection of the open loop.
type loopConn struct {
	file *os.File
	fd   int
	r    *rand.Rand
	next time.Time   // when the next request is due
	due  []time.Time // of the requests not answered yet, in order
	out  []byte      // not sent yet
	in   []byte      // received, and not a whole reply yet
}

// startLoop begins to send rate requests a second to keys keys.
func startLoop(s *testbed.Server, rate, keys int) (*openLoop, error) {
	l := &openLoop{done: make(chan struct{})}
	every := time.Second * loopConns / time.Duration(rate)
	began := time.Now().Add(50 * time.Millisecond)
	conns := make([]*loopConn, 0, loopConns)
	for n := range loopConns {
		file, fd, err := dial(s, true)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, &loopConn{file: file, fd: fd, r: rand.New(rand.NewPCG(uint64(n), 11)), next: began.Add(every / loopConns * time.Duration(n))})
	}
	go func() {
		runtime.LockOSThread()
		defer close(l.done)
		defer closeAll(conns)
		if err := l.run(conns, every, keys); err != nil {
			l.mu.Lock()
			l.failed = err
			l.mu.Unlock()
		}
	}()
	return l, nil
}

// dial opens a connection whose descriptor is read and written past the runtime's poller.
func dial(s *testbed.Server, nonblock bool) (*os.File, int, error) {
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return nil, 0, err
	}
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, nonblock); err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, fd, nil
}

func closeAll(conns []*loopConn) {
	for _, c := range conns {
		c.file.Close()
	}
}

// run sends and receives until stop.
func (l *openLoop) run(conns []*loopConn, every time.Duration, keys int) error {
	fds := make([]unix.PollFd, len(conns))
	var lags []time.Duration
	for !l.stop.Load() {
		now := time.Now()
		next := now.Add(every)
		for i, c := range conns {
			for !c.next.After(now) && len(c.due) < loopWindow {
				c.out = testbed.AppendCommand(c.out, request(c.r, keys)...)
				c.due = append(c.due, c.next)
				c.next = c.next.Add(every)
			}
			if err := c.send(); err != nil {
				return err
			}
			fds[i] = unix.PollFd{Fd: int32(c.fd), Events: unix.POLLIN}
			if len(c.out) > 0 {
				fds[i].Events |= unix.POLLOUT
			}
			if len(c.due) < loopWindow && c.next.Before(next) {
				next = c.next
			}
		}
		pause := unix.NsecToTimespec(int64(max(time.Until(next), 0)))
		if _, err := unix.Ppoll(fds, &pause, nil); err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
		lags = lags[:0]
		for i, c := range conns {
			if fds[i].Revents&^unix.POLLOUT == 0 {
				continue
			}
			var err error
			if lags, err = c.receive(lags); err != nil {
				return err
			}
		}
		l.mu.Lock()
		l.lags = append(l.lags, lags...)
		l.mu.Unlock()
	}
	return nil
}

// send sends what the socket takes.
func (c *loopConn) send() error {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		switch err {
		case nil:
			c.out = c.out[:copy(c.out, c.out[n:])]
		case unix.EINTR:
		case unix.EAGAIN:
			return nil
		default:
			return fmt.Errorf("sending: %w", err)
		}
	}
	return nil
}

// receive reads what is there and appends for each whole reply how late it is.
func (c *loopConn) receive(lags []time.Duration) ([]time.Duration, error) {
	for {
		at := len(c.in)
		c.in = slices.Grow(c.in, 16<<10)
		n, err := unix.Read(c.fd, c.in[at:cap(c.in)])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return lags, nil
		case err != nil:
			return lags, fmt.Errorf("receiving: %w", err)
		case n == 0:
			return lags, errors.New("the server closed a connection of the load")
		}
		c.in = c.in[:at+n]
		now, read := time.Now(), 0
		for {
			size, err := replySize(c.in[read:])
			if err != nil {
				return lags, err
			}
			if size == 0 {
				break
			}
			if len(c.due) == 0 {
				return lags, errors.New("a reply without a request")
			}
			read += size
			lags = append(lags, now.Sub(c.due[0]))
			c.due = c.due[1:]
		}
		c.in = c.in[:copy(c.in, c.in[read:])]
	}
}

// replySize is the length of the reply that p begins with, one line or a bulk string, as the load's requests have them; 0: it is not whole.
func replySize(p []byte) (int, error) {
	end := bytes.Index(p, []byte("\r\n"))
	if end < 0 {
		return 0, nil
	}
	line, size := p[:end], end+2
	switch p[0] {
	case '+', ':':
		return size, nil
	case '$':
		n, err := strconv.Atoi(string(line[1:]))
		if err != nil {
			return 0, fmt.Errorf("reply %q: %w", line, err)
		}
		if n >= 0 {
			size += n + 2
		}
		if size > len(p) {
			return 0, nil
		}
		return size, nil
	}
	return 0, fmt.Errorf("reply %q", line)
}

// take returns the latencies since the last take.
func (l *openLoop) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	lags := l.lags
	l.lags = nil
	return lags
}

func (l *openLoop) end() error {
	l.stop.Store(true)
	<-l.done
	return l.failed
}

// pinger sends PING after PING on one connection.
type pinger struct {
	stop   atomic.Bool
	done   chan struct{} // closed when it has ended
	worst  atomic.Int64  // longest round trip since the last take, in nanoseconds
	failed error         // why it ended by itself; whoever has seen done closed
}

func startPinger(s *testbed.Server) (*pinger, error) {
	file, fd, err := dial(s, false)
	if err != nil {
		return nil, err
	}
	p := &pinger{done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer close(p.done)
		defer file.Close()
		for !p.stop.Load() && p.failed == nil {
			began := time.Now()
			p.failed = ping(fd)
			if took := int64(time.Since(began)); took > p.worst.Load() {
				p.worst.Store(took)
			}
			pause := unix.NsecToTimespec(int64(pingPause))
			_ = unix.Nanosleep(&pause, nil)
		}
	}()
	return p, nil
}

// ping sends a PING and waits for its PONG.
func ping(fd int) error {
	const want = "+PONG\r\n"
	if _, err := unix.Write(fd, []byte("PING\r\n")); err != nil {
		return fmt.Errorf("sending a PING: %w", err)
	}
	var reply [len(want)]byte
	for got := 0; got < len(want); {
		n, err := unix.Read(fd, reply[got:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("waiting for a PONG: %w", err)
		case n == 0:
			return errors.New("the server closed the connection of the PINGs")
		}
		got += n
	}
	if string(reply[:]) != want {
		return fmt.Errorf("a PING was answered %q", reply)
	}
	return nil
}

func (p *pinger) take() time.Duration { return time.Duration(p.worst.Swap(0)) }

func (p *pinger) end() error {
	p.stop.Store(true)
	<-p.done
	return p.failed
}

// quantile of latencies, which it sorts.
func quantile(lags []time.Duration, q float64) time.Duration {
	if len(lags) == 0 {
		return 0
	}
	slices.Sort(lags)
	return lags[min(int(float64(len(lags))*q), len(lags)-1)]
}
