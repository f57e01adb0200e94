// Package link makes the connections that a Sentinel asks for: goroutines read and write, and hand what they read to the executor.
package link

import (
	"context"
	"net"
	"sync"
	"time"

	"frankenredis/wire/resp"
)

const (
	// dialTimeout bounds how long a connection may take to come about.
	dialTimeout = 15 * time.Second
	// maxBulk and maxElements bound a reply, in bytes of a string and in elements: what claims more ends the connection. The longest that a
	// Sentinel asks for is INFO.
	maxBulk     = 16 << 20
	maxElements = 1 << 16
)

// Options are what a Dialer needs from outside.
type Options struct {
	// Dial makes a connection; any goroutine calls it.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Post has a function run on the executor; it does not wait.
	Post func(func())
}

// Dialer opens links and owns their goroutines. Executor only.
type Dialer struct {
	o    Options
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New returns a Dialer.
func New(o Options) *Dialer {
	d := &Dialer{o: o}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Close ends all links and waits for their goroutines.
func (d *Dialer) Close() {
	d.stop()
	d.wg.Wait()
}

// Link is one connection. Its methods are the executor's.
type Link struct {
	d      *Dialer
	cancel context.CancelFunc
	pushed func(resp.Value)
	lost   func()
	// closed says that nothing is called back any more. Executor only, like waiting.
	closed bool
	// waiting are those who get the replies that are due, in order; nil for one that nobody wants.
	waiting []func(resp.Value)

	mu    sync.Mutex
	out   []byte        // under mu: not written yet
	local string        // under mu
	wake  chan struct{} // has room for one; sent to by Send, never closed
}

// Open connects to an address and returns at once. See sentinel.World.Dial.
func (d *Dialer) Open(address string, pushed func(resp.Value), lost func()) *Link {
	l := &Link{d: d, pushed: pushed, lost: lost, wake: make(chan struct{}, 1)}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(d.ctx)
	d.wg.Go(func() {
		l.run(ctx, address)
		l.cancel()
		d.o.Post(l.ended)
	})
	return l
}

// Send sends a command.
func (l *Link) Send(reply func(resp.Value), argv ...string) {
	words := make([][]byte, len(argv))
	for i, a := range argv {
		words[i] = []byte(a)
	}
	l.waiting = append(l.waiting, reply)
	l.mu.Lock()
	l.out = resp.AppendCommand(l.out, words...)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it is awake, or will be
	}
}

// LocalIP is the address of the own end.
func (l *Link) LocalIP() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.local
}

// Close ends the link.
func (l *Link) Close() {
	l.closed = true
	l.cancel()
}

// ended is run on the executor when the connection is gone.
func (l *Link) ended() {
	if !l.closed {
		l.closed = true
		l.lost()
	}
}

// run lives as long as the connection, which it makes.
func (l *Link) run(ctx context.Context, address string) {
	within, cancel := context.WithTimeout(ctx, dialTimeout)
	c, err := l.d.o.Dial(within, address)
	cancel()
	if err != nil {
		return // lost is all that the Sentinel wants to know
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		l.mu.Lock()
		l.local = a.IP.String()
		l.mu.Unlock()
	}
	ended := make(chan struct{}) // closed below, when reading is over
	var writer sync.WaitGroup
	writer.Go(func() { l.write(c, ended) })
	l.read(c)
	close(ended)
	c.Close()
	writer.Wait()
}

// write sends what Send left until the connection ends.
func (l *Link) write(c net.Conn, ended <-chan struct{}) {
	for {
		l.mu.Lock()
		p := l.out
		l.out = nil
		l.mu.Unlock()
		if len(p) > 0 {
			if _, err := c.Write(p); err != nil {
				c.Close() // the reader notices
				return
			}
			continue
		}
		select {
		case <-l.wake:
		case <-ended:
			return
		}
	}
}

// read hands replies and messages to the executor until the connection ends.
func (l *Link) read(c net.Conn) {
	r := resp.ReplyReader{MaxBulk: maxBulk, MaxElements: maxElements}
	for {
		v, err := r.Receive(c)
		if err != nil {
			return
		}
		l.d.o.Post(func() { l.received(v) })
	}
}

// received is run on the executor.
func (l *Link) received(v resp.Value) {
	switch {
	case l.closed:
	case l.pushed != nil && len(v.Elems) > 0 && v.Elems[0].Str == "message":
		l.pushed(v)
	case len(l.waiting) > 0:
		reply := l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		if reply != nil {
			reply(v)
		}
	}
}
