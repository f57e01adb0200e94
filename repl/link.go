package repl

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/wal"
)

// Phase is how far a link to a primary has come.
type Phase int32

// The phases, in order. The words ROLE has for them are Phase.String's.
const (
	PhaseNone       Phase = iota // there is no primary
	PhaseConnect                 // a connection is to be made
	PhaseConnecting              // it is being made
	PhaseHandshake               // who is who, and how the stream goes on
	PhaseTransfer                // a snapshot comes
	PhaseConnected               // the stream comes
)

// String is ROLE's word.
func (p Phase) String() string {
	return [...]string{"none", "connect", "connecting", "handshake", "sync", "connected"}[p]
}

// Follower receives what a link brings. The link's goroutine calls it, one call at a time; each may wait, and an error ends the link.
type Follower interface {
	// Resume says that the primary goes on behind the position asked for; id is its history's new name, zero if it has kept its name.
	Resume(id wal.ReplID) error
	// Replace brings a snapshot in place of everything there is. It must read t to its end. An error that is a *[PeerError] was
	// logged already, others are logged by the link.
	Replace(t *Transfer) error
	// Feed brings bytes of the stream; they belong to the follower from then on.
	Feed(p []byte) error
	// Failed says that a PSYNC was refused for good (failover).
	Refused()
	// Ended is the last call. The error says why, unless the link was told to stop.
	Ended(l *Link, err error)
}

// LinkOptions say whom to follow and from where on.
type LinkOptions struct {
	Host string
	Port int
	// User and Auth are masteruser and masterauth; no Auth: none.
	User, Auth string
	// ListenPort is where this server says it can be reached, AnnounceIP under which address ("": the primary sees it).
	ListenPort int
	AnnounceIP string
	// ID and At are the position reached; a zero ID asks for everything.
	ID wal.ReplID
	At wal.LSN
	// Failover makes the primary hand over to this server's history: PSYNC .. FAILOVER.
	Failover bool
	// Timeout is repl-timeout. Any goroutine.
	Timeout func() time.Duration
	// Dial makes the connection; nil: TCP.
	Dial     func(address string, timeout time.Duration) (net.Conn, error)
	Follower Follower
	Logger   hclog.Logger // default: none
}

// Link is one connection to a primary, from dialling to its end. Its goroutine is started by [Start] and ends soon after Stop. All methods
// may be called from any goroutine.
type Link struct {
	o     LinkOptions
	phase atomic.Int32
	// heard is when the primary was last heard of, in Unix nanoseconds.
	heard    atomic.Int64
	received atomic.Int64 // bytes
	sent     atomic.Int64
	transfer atomic.Pointer[Transfer]

	quit chan struct{}
	once sync.Once
	done chan struct{}

	// mu protects what follows.
	mu     sync.Mutex
	conn   net.Conn // nil before there is one
	ack    Ack
	due    bool // ack is to be sent
	beat   bool // as long as this server is busy with a snapshot the primary hears an empty line each second
	signal chan struct{}
}

// Ack is what a replica tells its primary: how far it has applied the stream, and with HasDurable how far that is durable here.
type Ack struct {
	Applied    wal.LSN
	Durable    wal.LSN
	HasDurable bool
}

// PeerError says that the link failed for a reason that stands in the log already.
type PeerError struct{ Reason string }

// Error is the reason.
func (e *PeerError) Error() string { return e.Reason }

// errStopped ends a link that was told to stop.
var errStopped = errors.New("repl: the link was stopped")

// errTimeout says that the primary was not heard of for repl-timeout.
var errTimeout = errors.New("repl: timeout")

// pollEvery is how often a silent link looks at the clock.
const pollEvery = 500 * time.Millisecond

// Start begins a link.
func Start(o LinkOptions) *Link {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Dial == nil {
		o.Dial = func(address string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", address, timeout)
		}
	}
	l := &Link{o: o, quit: make(chan struct{}), done: make(chan struct{}), signal: make(chan struct{}, 1)}
	l.phase.Store(int32(PhaseConnecting))
	l.heard.Store(time.Now().UnixNano())
	go l.run()
	return l
}

// Stop ends the link without waiting for it.
func (l *Link) Stop() {
	l.once.Do(func() { close(l.quit) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // ends a read or write that waits
	}
}

// Done is closed when the link's goroutine has ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Phase says how far the link has come.
func (l *Link) Phase() Phase { return Phase(l.phase.Load()) }

// Heard is when the primary was last heard of.
func (l *Link) Heard() time.Time { return time.Unix(0, l.heard.Load()) }

// Traffic is how many bytes came and went.
func (l *Link) Traffic() (received, sent int64) { return l.received.Load(), l.sent.Load() }

// Transfer is the snapshot under way, or nil.
func (l *Link) Transfer() *Transfer { return l.transfer.Load() }

// Addresses are the two ends of the connection; empty before there is one.
func (l *Link) Addresses() (remote, local string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return "", ""
	}
	return l.conn.RemoteAddr().String(), l.conn.LocalAddr().String()
}

// Acknowledge tells the primary how far this server is. It never waits: of several that could not be sent yet the last counts.
func (l *Link) Acknowledge(a Ack) {
	l.mu.Lock()
	l.ack, l.due = a, true
	l.mu.Unlock()
	l.wake()
}

func (l *Link) wake() {
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

func (l *Link) stopped() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

func (l *Link) run() {
	defer close(l.done)
	err := l.follow()
	l.mu.Lock()
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.mu.Unlock()
	if l.stopped() {
		err = errStopped
	}
	l.o.Follower.Ended(l, err)
}

// follow is the whole life of a link.
func (l *Link) follow() error {
	address := net.JoinHostPort(l.o.Host, strconv.Itoa(l.o.Port))
	conn, err := l.o.Dial(address, l.o.Timeout())
	if err != nil {
		return l.fail("Error condition on socket for SYNC: %s", reason(err))
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true) // Go's default; said because acknowledgements are small
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	if l.stopped() {
		return errStopped
	}
	l.info("Non blocking connect for SYNC fired the event.")
	in := newInput(l, conn)
	resumed, t, err := l.handshake(in)
	if err != nil {
		return err
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		l.write(stop)
	}()
	defer func() {
		close(stop)
		_ = conn.Close() // the writer may be waiting in it
		<-ended
	}()
	if resumed {
		if err := l.o.Follower.Resume(t.ID); err != nil {
			return err
		}
	} else if err := l.replace(in, t); err != nil {
		return err
	}
	l.phase.Store(int32(PhaseConnected))
	return l.stream(in)
}

// replace hands the follower a snapshot.
func (l *Link) replace(in *input, t *Transfer) error {
	l.phase.Store(int32(PhaseTransfer))
	if err := t.begin(l, in); err != nil {
		return err
	}
	l.transfer.Store(t)
	defer l.transfer.Store(nil)
	return l.o.Follower.Replace(t)
}

// chunkSize is the most that is read from the stream at once, in bytes.
const chunkSize = 64 << 10

// stream hands on what comes until the link ends.
func (l *Link) stream(in *input) error {
	buf := make([]byte, chunkSize)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			p := append([]byte(nil), buf[:n]...)
			if err := l.o.Follower.Feed(p); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, errTimeout):
			l.warn("MASTER timeout: no data nor PING received...")
			return err
		default:
			return err
		}
	}
}

// Beat says whether the primary is to hear an empty line each second, because this server is busy with a snapshot.
func (l *Link) Beat(on bool) {
	l.mu.Lock()
	l.beat = on
	l.mu.Unlock()
}

// write sends acknowledgements and signs of life until stop is closed.
func (l *Link) write(stop chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		beat := false
		select {
		case <-stop:
			return
		case <-l.signal:
		case <-tick.C:
			beat = true
		}
		l.mu.Lock()
		ack, due := l.ack, l.due
		beat = beat && l.beat
		l.due = false
		l.mu.Unlock()
		var p []byte
		switch {
		case due:
			p = ack.append(nil)
		case beat:
			p = []byte("\n")
		default:
			continue
		}
		if l.send(p) != nil {
			return // the reading side sees the end too
		}
	}
}

// append makes the command.
func (a Ack) append(dst []byte) []byte {
	if !a.HasDurable {
		return appendWords(dst, "REPLCONF", "ACK", strconv.FormatUint(uint64(a.Applied), 10))
	}
	return appendWords(dst, "REPLCONF", "ACK", strconv.FormatUint(uint64(a.Applied), 10), "FACK", strconv.FormatUint(uint64(a.Durable), 10))
}

// send writes p, for at most repl-timeout.
func (l *Link) send(p []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.o.Timeout()))
	n, err := l.conn.Write(p)
	l.sent.Add(int64(n))
	return err
}

func (l *Link) info(format string, args ...any) { l.o.Logger.Info(fmt.Sprintf(format, args...)) }
func (l *Link) warn(format string, args ...any) { l.o.Logger.Warn(fmt.Sprintf(format, args...)) }

// fail logs why the link ends, unless it was told to, and makes an error of it.
func (l *Link) fail(format string, args ...any) error {
	if l.stopped() {
		return errStopped
	}
	e := &PeerError{fmt.Sprintf(format, args...)}
	l.o.Logger.Warn(e.Reason)
	return e
}
