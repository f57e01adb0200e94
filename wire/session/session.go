// Package session holds what the server knows about one client: who it is, which database and protocol it chose,
// the transaction it is collecting, the keys it watches, and the reply being made for it.
//
// A Session is owned by the executor goroutine; nobody else reads or writes it. It knows neither sockets nor
// commands: the connection hangs on it through the small Conn interface.
package session

import (
	"time"

	"frankenredis/wal"
	"frankenredis/wire/acl"
	"frankenredis/wire/pubsub"
	"frankenredis/wire/resp"
)

// Conn is what a session may ask of the connection that carries it. The executor calls it.
type Conn interface {
	// Close ends the connection: at once, or when everything already replied has been sent.
	Close(afterReply bool)
	// Resumed tells the connection that the session may be served again, or has a reply that was made outside its turn.
	Resumed()
	// Room makes room for n more bytes in the session's reply.
	Room(n int)
	// Overflowing says that a reply of so many bytes is more than the client may be sent: it is going to be closed, and the reply is for
	// nobody.
	Overflowing(replyBytes int) bool
	// Usage reports buffers for CLIENT LIST, in bytes.
	Usage() Usage
}

// Lender is a Conn that has a descriptor.
type Lender interface {
	// LendOutput lets another goroutine write to the client's descriptor, until ReturnOutput; the session must send nothing meanwhile. It
	// returns what every byte must go through first, one call at a time, nil when they go as they are.
	LendOutput() func(p []byte) ([]byte, error)
	ReturnOutput()
}

// Talker is a Conn whose client can be spoken with while the executor stands still.
type Talker interface {
	// Say sends p past the session's reply, and returns when all of it is sent; an error says that the client is gone, or has taken nothing
	// for as long as patience.
	Say(p []byte, patience time.Duration) error
	// Hear waits for input and returns how many bytes of p it has filled; 0 without an error when interrupted says so, which is asked
	// whenever the poller is woken.
	Hear(p []byte, interrupted func() bool) (int, error)
	// Rest sleeps until the poller is woken, for limit at most.
	Rest(limit time.Duration)
}

// Leaver is a Conn whose client can go on with another process.
type Leaver interface {
	// Leave ends the connection here, and not for the client: fd is a descriptor for whoever goes on with it, and held what has still to be
	// sent of the turns before. With an error nothing has happened.
	Leave() (fd int, held []byte, err error)
}

// DebugMode is what SCRIPT DEBUG chose.
type DebugMode uint8

// The modes of the debugger of scripts.
const (
	NotDebugged DebugMode = iota
	DebugSync             // the server stands still
	DebugApart            // another process takes the client and a copy of the data set
	DebugHere             // this is that process
)

// Usage is the memory one connection holds, in bytes, as CLIENT LIST names it.
type Usage struct {
	QueryBytes, QueryFree int // qbuf, qbuf-free: what is not parsed yet, and room
	QueryPromised         int // what a long argument will take beyond it, of which Redis has all as soon as its header is there
	ParsedBytes           int // what is parsed of a command that is still arriving, or waits to go on
	ArgvBytes             int // argv-mem: its arguments
	DoneBytes             int // of the commands executed since the last read, the present one among them
	ReplyCap, ReplyPeak   int // rbs, rbp
	ReplyLen              int // obl: bytes in the reply buffer
	HeldChunks, HeldBytes int // oll, omem
}

// ReplyMode is what CLIENT REPLY chose.
type ReplyMode uint8

// The reply modes. SkipNext becomes Skip for exactly the next command.
const (
	ReplyOn ReplyMode = iota
	ReplyOff
	SkipNext
	Skip
)

// ReplicaState is how far a replica has come.
type ReplicaState uint8

// The states of a replica, in order.
const (
	NoReplica ReplicaState = iota // it may become one
	WaitsForSync
	ReceivesSnapshot
	WaitsForAck // it has a snapshot whose end it must find before more follows
	CatchesUp   // it gets from files what it has missed
	Online
)

// Replica is a client that gets the stream.
type Replica struct {
	Port         int
	IP           string // "": the peer's
	EOF, PSYNC2  bool   // what it can do
	RDBOnly      bool
	FunctionOnly bool
	Positionless bool // it came with SYNC: it is told no position
	State        ReplicaState
	At           wal.LSN // up to where its connection was given the stream
	Behind       int64   // bytes of the stream behind At, which it has still to get
	More         func()  // gives the connection more of these, while it holds less than StreamAhead; nil: nothing may follow yet
	Acked        wal.LSN
	Durable      wal.LSN
	Heard        time.Time
}

// StreamAhead is how many bytes of the stream lie at a replica's connection before the rest waits where it lies for all replicas.
const StreamAhead = 64 << 10

// Unsent is how many bytes of the stream a replica's connection has still to be given.
func (s *Session) Unsent() int64 {
	if !s.IsReplica() {
		return 0
	}
	return s.Replica.Behind
}

// IsReplica says that the client gets the stream, or will.
func (s *Session) IsReplica() bool { return s.Replica != nil && s.Replica.State != NoReplica }

// Queued is one command waiting for EXEC. Argv owns its bytes.
type Queued struct {
	Argv [][]byte
	Spec any // *engine.Spec, opaque here
}

// WatchedKey is one key under WATCH.
type WatchedKey struct {
	DB      int
	Key     string
	Expired bool // the key was already logically expired when WATCH saw it
}

// BlockedKey is one key a client waits for.
type BlockedKey struct {
	DB  int
	Key string
}

// Session is one client's state.
type Session struct {
	ID         int64
	Name       string
	LibName    string
	LibVersion string
	User       *acl.User // who the client is; nil is nobody in particular and may do everything
	Addr       string    // peer address as CLIENT LIST prints it
	LocalAddr  string
	FD         int
	Unix       bool // connected through a unix socket
	TLS        bool // connected over TLS
	Script     bool // no client: what a script calls runs for it
	Primary    bool // this server is a replica, and the client its primary
	// Replica is what a replica said of itself (REPLCONF), and how far it is; nil: nothing was said.
	Replica *Replica
	Conn    Conn

	DB            int
	Authenticated bool
	W             resp.Writer // the reply being made this turn; W.Proto is the protocol version

	// Transaction state (MULTI .. EXEC) and optimistic locks (WATCH).
	Multi      bool
	DirtyExec  bool // a command was refused while queueing: EXEC answers EXECABORT
	DirtyCAS   bool // a watched key changed: EXEC answers null
	Queue      []Queued
	QueueBytes int      // memory held by Queue, for CLIENT LIST multi-mem
	queueBlock []byte   // what the arguments of the last commands in Queue lie in
	queueArgs  [][]byte // the same of their vectors
	Watched    []WatchedKey

	// Subs are the channels and patterns the client is subscribed to; the engine's hub changes them.
	Subs pubsub.Subscriptions
	// Executing is set while a command of this client runs. Messages that come meanwhile are kept aside in Pushes and follow
	// its reply.
	Executing bool
	Pushes    []byte

	Reply           ReplyMode
	CloseAfterReply bool // no further command is read; the connection ends when the reply has left
	Closed          bool
	Debug           DebugMode
	NoEvict         bool
	NoTouch         bool
	ReadOnly        bool // READONLY: of a replica in a cluster, reads are served
	Asking          bool // ASKING: the next command may meet a slot that is being imported
	Tracking        Tracking
	Invalidated     bool // the client was sent an invalidation: its output is bounded as that of subscribers
	Monitor         bool // MONITOR: the client sees every command. Set by the engine

	// LastWrite is the end of the effect stream after this client's last write: what WAIT and WAITAOF wait for.
	LastWrite wal.LSN
	// Wrote says that this turn's reply acknowledges a write of this client.
	Wrote bool

	// Wait is set while the client is blocked; its input stays unread until it is nil again.
	Wait *Wait
	// Postponed is a command that CLIENT PAUSE holds back; it runs first when the pause ends.
	Postponed [][]byte

	Created     time.Time
	LastCommand time.Time
	CommandName string // full name of the last command, for CLIENT LIST
	Counted     int    // what the engine counts as this client's memory
}

// What parts of a session take besides the bytes they hold, about.
const (
	sessionBytes = 1024 // the fixed state of a connection
	queuedBytes  = 64   // a command of a transaction
	watchedBytes = 64   // a key under WATCH
	channelBytes = 64   // a subscription
	prefixBytes  = 64   // a prefix of CLIENT TRACKING
)

// Memory is what the client costs in bytes: CLIENT LIST's tot-mem, and what maxmemory-clients limits.
func (s *Session) Memory() int {
	u := s.Conn.Usage()
	n := sessionBytes + u.QueryBytes + u.ParsedBytes + u.DoneBytes + u.QueryFree + u.ReplyCap + u.HeldBytes + cap(s.Pushes) + s.QueueBytes +
		len(s.Queue)*queuedBytes + len(s.Watched)*watchedBytes
	for i := range s.Watched {
		n += len(s.Watched[i].Key)
	}
	for _, p := range s.Tracking.Prefixes {
		n += prefixBytes + len(p)
	}
	if s.Subs.Any() {
		n += channelBytes * (s.Subs.Count(pubsub.Channels) + s.Subs.Count(pubsub.Patterns) + s.Subs.Count(pubsub.Shards))
	}
	return n
}

// Wait is one blocked state: when it ends and what is answered then.
type Wait struct {
	Since    time.Time
	Deadline time.Time // zero: no time limit
	// Ready is asked at the end of each turn; true means the wait is over and Resume may answer.
	Ready func() bool
	// Resume writes the reply; timedOut says which way the wait ended.
	Resume func(timedOut bool)
	// Unblockable says whether CLIENT UNBLOCK may end it.
	Unblockable bool
	// Keys are what a command waits for that is run again when one of them changes; nil: the wait is not for keys. Argv owns
	// its bytes; Spec is an *engine.Spec, Type a kv.Type; Missing: the end of a key is awaited, too. Place is the engine's.
	Keys    []BlockedKey
	Argv    [][]byte
	Sent    [][]byte // the command as the client sent it, where Argv is another; for the slow log
	Spec    any
	Type    uint8
	Missing bool
	Place   int
	// Nanos is the time the command has taken so far, the wait aside. The engine's.
	Nanos int64
	// Muted says that CLIENT REPLY was off or skipping when the client blocked: the answer is left out. Set by the engine.
	Muted bool
	// ArgvBytes is the length of the waiting command's arguments, for CLIENT LIST. Set by the engine.
	ArgvBytes int
}

// Muted says that nothing is answered now: CLIENT REPLY OFF, or SKIP for the command under way.
func (s *Session) Muted() bool { return s.Reply == ReplyOff || s.Reply == Skip }

// Proto implements pubsub.Receiver.
func (s *Session) Proto() int { return s.W.Proto }

// Push implements pubsub.Receiver: the message leaves with the replies of this turn, behind those made so far. It does not
// interrupt the reply of a command under way, and CLIENT REPLY does not mute it.
func (s *Session) Push(message []byte) {
	if s.CloseAfterReply || s.Closed {
		return
	}
	if s.Executing {
		s.Pushes = append(s.Pushes, message...)
	} else {
		if cap(s.W.Buf)-len(s.W.Buf) < len(message) {
			s.Conn.Room(len(message))
		}
		s.W.Buf = append(s.W.Buf, message...)
	}
	s.Conn.Resumed()
}

// CommandEnded lets the messages follow that came while a command ran.
func (s *Session) CommandEnded() {
	s.Executing = false
	if len(s.Pushes) == 0 {
		return
	}
	s.W.Buf = append(s.W.Buf, s.Pushes...)
	s.Pushes = s.Pushes[:0]
	if cap(s.Pushes) > maxIdlePushes {
		s.Pushes = nil
	}
}

// maxIdlePushes bounds the buffer for messages kept between commands, in bytes.
const maxIdlePushes = 4 << 10
