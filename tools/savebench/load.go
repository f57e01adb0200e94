package main

import (
	"bufio"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
)

// openLoop sends requests at a fixed rate and notes for each how long after it was due the reply was there.
type openLoop struct {
	stop atomic.Bool
	wg   sync.WaitGroup

	mu     sync.Mutex
	lags   []time.Duration // protected by mu
	failed error           // protected by mu
}

const (
	loopConns = 8
	// Senders look so often what is due.
	loopTick = 200 * time.Microsecond
	// So many requests of a connection may be unanswered; the loop then waits, and the wait is in the latencies.
	loopWindow = 1 << 16
)

// startLoop begins to send rate requests a second to keys keys.
func startLoop(s *testbed.Server, rate, keys int) (*openLoop, error) {
	l := &openLoop{}
	began := time.Now().Add(50 * time.Millisecond)
	for n := range loopConns {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			return nil, err
		}
		due := make(chan time.Time, loopWindow) // closed by the sender
		l.wg.Go(func() { l.send(conn, due, began, rate, keys, n) })
		l.wg.Go(func() { l.receive(conn, due) })
	}
	return l, nil
}

func (l *openLoop) send(conn net.Conn, due chan<- time.Time, began time.Time, rate, keys, n int) {
	runtime.LockOSThread() // its own sleep: the runtime's timers are a millisecond apart
	defer close(due)
	r := rand.New(rand.NewPCG(uint64(n), 11))
	every := time.Second * loopConns / time.Duration(rate)
	next := began.Add(every / loopConns * time.Duration(n))
	var out []byte
	for !l.stop.Load() {
		now := time.Now()
		out = out[:0]
		for !next.After(now) {
			out = testbed.AppendCommand(out, request(r, keys)...)
			due <- next
			next = next.Add(every)
		}
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				l.fail(err)
				return
			}
		}
		pause := unix.NsecToTimespec(int64(loopTick))
		_ = unix.Nanosleep(&pause, nil)
	}
}

func (l *openLoop) receive(conn net.Conn, due <-chan time.Time) {
	defer conn.Close()
	br := bufio.NewReaderSize(conn, 64<<10)
	for at := range due {
		reply, err := testbed.ReadReply(br)
		if err == nil {
			err = reply.Err()
		}
		if err != nil {
			l.fail(err)
			for range due { // the sender must not hang
			}
			break
		}
		l.mu.Lock()
		l.lags = append(l.lags, time.Since(at))
		l.mu.Unlock()
	}
}

func (l *openLoop) fail(err error) {
	l.stop.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
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
	l.wg.Wait()
	return l.failed
}

// pinger sends PING after PING on one connection.
type pinger struct {
	stop  atomic.Bool
	done  chan struct{} // closed when it has ended
	worst atomic.Int64  // longest round trip since the last take, in nanoseconds
}

func startPinger(s *testbed.Server) (*pinger, error) {
	c, err := s.DialErr()
	if err != nil {
		return nil, err
	}
	p := &pinger{done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer close(p.done)
		defer c.Close()
		for !p.stop.Load() {
			began := time.Now()
			if _, err := c.Do("PING"); err != nil {
				return
			}
			if took := int64(time.Since(began)); took > p.worst.Load() {
				p.worst.Store(took)
			}
			pause := unix.NsecToTimespec(int64(loopTick))
			_ = unix.Nanosleep(&pause, nil)
		}
	}()
	return p, nil
}

func (p *pinger) take() time.Duration { return time.Duration(p.worst.Swap(0)) }

func (p *pinger) end() {
	p.stop.Store(true)
	<-p.done
}

// quantile of latencies, which it sorts.
func quantile(lags []time.Duration, q float64) time.Duration {
	if len(lags) == 0 {
		return 0
	}
	slices.Sort(lags)
	return lags[min(int(float64(len(lags))*q), len(lags)-1)]
}
