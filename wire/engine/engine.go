package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire/acl"
	"frankenredis/wire/cluster"
	"frankenredis/wire/config"
	"frankenredis/wire/pubsub"
	"frankenredis/wire/session"
)

// Log is what the executor needs of the write-ahead log; *wal.Log has it. All methods but Released, Durable and Err
// are the executor's alone.
type Log interface {
	Commit(p []byte, db int)
	// CommitIdle is Commit by an executor that has nothing else to do. Not nil: finish is to be called once, on the executor's thread; another
	// goroutine may be the executor meanwhile.
	CommitIdle(p []byte, db int) (finish func())
	End() wal.LSN
	Released() wal.LSN
	Durable() wal.LSN
	Full() bool
	Err() error
}

// Replication is what the executor needs to know of replicas; package repl implements it. Nil means none.
type Replication interface {
	// Acked counts the replicas that confirmed the stream up to lsn: received, or with fsynced, durable there.
	Acked(lsn wal.LSN, fsynced bool) int
	// Good counts the replicas that confirmed anything within the last lag seconds.
	Good(lag int64) int
	// Online says whether there is any that gets the stream.
	Online() bool
}

// Poller lets the executor sleep. Wake may be called from any goroutine and ends a Poll that is under way or the next
// one; it is called only while the executor said that it sleeps.
type Poller interface {
	// Poll waits until there is input, Wake was called, or the time limit has passed. Negative: no limit; zero: do not wait.
	Poll(limit time.Duration) error
	Wake()
}

// Transport brings bytes in and takes replies out. The executor calls it.
type Transport interface {
	// Serve reads, parses and hands complete commands to Engine.Exec, within the turn's budgets. more means that input is
	// left over: the next turn must not sleep.
	Serve() (more bool)
	// Release sends what the log covers: replies made at a stream end <= released, in order per connection. more is as Serve's:
	// a client that was unblocked may have sent more.
	Release(released wal.LSN) (more bool)
	// Close ends all connections.
	Close()
}

// Options configure an Engine.
type Options struct {
	Keyspace *kv.Keyspace
	Table    *Table
	Config   *config.Store
	Logger   hclog.Logger
	Poller   Poller
	// Clock is the wall clock; nil means time.Now. Tests hand in their own.
	Clock func() time.Time
	// Sentinel: the engine serves a Sentinel's commands.
	Sentinel bool
	// Seed of the generator behind RANDOMKEY and the like; the same seed and input give the same run.
	Seed uint64
}

// SentinelMode is the mode of a Sentinel.
const SentinelMode = "sentinel"

// RedisVersion is the version clients choose features by.
const RedisVersion = "7.2.4"

// Engine is the executor. Unless a method says otherwise, only the executor goroutine may call it.
type Engine struct {
	ks     *kv.Keyspace
	table  *Table
	cfg    *config.Store
	logger hclog.Logger
	poller Poller
	clock  func() time.Time

	sentinel    bool           // there is no data, but servers to watch
	cluster     *cluster.State // nil: the server is on its own
	bus         *cluster.Bus
	saveCluster func() error

	log        Log
	repl       Replication
	transports []Transport

	// Clocks. real: the wall clock is the system's, and moves within a turn. wall is the turn's wall time; started is the monotonic base of mono.
	real    bool
	started time.Time
	wall    time.Time // wall clock when monoAt was read
	monoAt  int64     // nanoseconds since started
	read    time.Time // wall clock when it was last read itself
	readAt  int64     // monotonic clock then
	turnEnd int64     // monotonic clock when the last turn ended
	now     kv.Millis

	// The stream (propagate.go).
	stream    []byte // this turn's effects, whole units only
	streamDB  int    // database selected in the stream; -1: none yet
	unit      []byte // the unit being made
	unitCount int
	unitFrom  int // the database selected in the stream before the unit
	numBuf    []byte

	dirty   int64 // changes since the last save
	inExec  bool
	queueAt int64   // when the command before ended, which is when this one begins: in EXEC, and in a pipeline; 0: not known
	endedAt int64   // when the command last executed ended; 0: it was refused or queued
	full    bool    // memory was over maxmemory when the command began, and nothing could be evicted
	script  *script // nil: none is running
	muted   bool    // what the script calls is not propagated
	// idleScript is kept for the next one.
	idleScript  *script
	scriptStats ScriptStats
	depth       int
	blamed      uint64  // errors that were replied when a command last ended: they were that command's own, not of the EXEC or script around it
	frames      [4]Call // EXEC, a script, what it calls, and room
	loading     bool
	// passiveExpire: keys expire only when looked at.
	passiveExpire bool
	expireMode    kv.ExpireMode // what the keyspace was told last
	unitOwn       bool          // the unit being made holds more than keys that expired

	sessions map[int64]*session.Session
	nextID   int64
	watched  map[watchKey][]*session.Session
	waiting  []*session.Session
	blocked  keyWaits

	// What the last release of replies saw of the log: Released and LogFailing.
	seenReleased wal.LSN
	seenFailing  bool

	following    following
	tap          func(p []byte) // is shown what is committed; nil: nobody
	wantAcks     bool           // somebody waits for what replicas confirm
	streamErrors int64          // commands of the primary's stream that failed

	hold       *hold // nil: none
	pauseUntil time.Time
	pauseAll   bool
	postponed  []*session.Session
	hub        *pubsub.Hub
	slow       SlowLog
	latency    Latency
	tracking   tracker
	monitors   []*session.Session
	// monitorLine is scratch for what they are sent.
	monitorLine []byte
	eventName   []byte // the channel of a keyspace event being made
	denyWrites  func() error
	standstill  func()
	users       *acl.Users
	denials     acl.Log
	door        *Door // nil in strict mode
	refusals    DoorRefusals
	// attackLogged is when a cross-protocol client was last logged.
	attackLogged time.Time
	hooks        Hooks
	debug        Debug
	timers       timerHeap
	trimmer      trimmer
	phases       [PhaseCount]PhaseStats
	turns        TurnStats
	relief       relief
	ended        func() // see OnEnd
	stats        Counters
	onReset      []func() // called by ResetStats
	evictor      evictor
	clientBytes  int64 // memory of all clients, as last counted
	clientsOver  bool  // after all that could be evicted were
	freeing      bool  // the last turn left memory to LazyFree
	errorCounts  map[string]uint64
	info         infoRegistry
	rng          uint64

	// stopping ends Run after the turn; any goroutine may set it through Stop.
	stopping atomic.Bool
	// interrupted ends waiting for a client in a dialogue; any goroutine may set it through Interrupt.
	interrupted atomic.Bool
	// sleeping is true while the executor is in, or about to enter, a Poll that waits.
	sleeping atomic.Bool
	// inbox holds functions posted by other goroutines; mu protects it.
	mu    sync.Mutex
	inbox []func()
	posts []func() // the executor's half of the double buffer
}

// New returns an engine over an empty or loaded keyspace.
func New(o Options) *Engine {
	e := &Engine{
		ks: o.Keyspace, table: o.Table, cfg: o.Config, logger: o.Logger, poller: o.Poller, clock: o.Clock,
		started: time.Now(), readAt: -int64(time.Second), streamDB: -1, sentinel: o.Sentinel, sessions: make(map[int64]*session.Session),
		watched: make(map[watchKey][]*session.Session), errorCounts: make(map[string]uint64), rng: o.Seed | 1,
		debug: Debug{ReplyPeakReset: DefaultReplyPeakReset}, hub: pubsub.New(), users: acl.NewUsers(o.Table.catalog),
	}
	if e.clock == nil {
		e.clock, e.real = time.Now, true
	}
	if e.logger == nil {
		e.logger = hclog.NewNullLogger()
	}
	e.relief.e = e
	e.readClock()
	e.turns.prepare()
	e.ks.Hooks.Expired = e.keyExpired
	e.ks.Hooks.Changed = e.keyChanged
	e.ks.Hooks.Flushed = e.dbFlushed
	e.blocked.byKey, e.blocked.isReady = make(map[watchKey][]*session.Session), make(map[watchKey]struct{})
	e.followLimits()
	e.followMemory()
	e.followEvents()
	e.followUsers()
	e.followDoor()
	e.trimmer.begin(e)
	return e
}

// Keyspace returns the working set.
func (e *Engine) Keyspace() *kv.Keyspace { return e.ks }

// Config returns the parameters.
func (e *Engine) Config() *config.Store { return e.cfg }

// Commands returns the command table.
func (e *Engine) Commands() *Table { return e.table }

// Logger returns the server's log.
func (e *Engine) Logger() hclog.Logger { return e.logger }

// Log returns the write-ahead log, or nil when appendonly is off.
func (e *Engine) Log() Log { return e.log }

// SetLog attaches the log, or with nil takes it away: from the next command on effects are streamed to the new one. What
// was executed in whole units before still goes to the old one; a unit under way is dropped, for half of it is none (I5).
func (e *Engine) SetLog(l Log) {
	e.unit, e.unitCount, e.unitOwn = e.unit[:0], 0, false
	if e.log != nil {
		e.commit()
	}
	e.log, e.streamDB = l, -1
}

// SetReplication attaches the replicas' view.
func (e *Engine) SetReplication(r Replication) { e.repl = r }

// Replication returns the replicas' view, or nil.
func (e *Engine) Replication() Replication { return e.repl }

// AddTransport attaches a source of clients.
func (e *Engine) AddTransport(t Transport) { e.transports = append(e.transports, t) }

// PubSub is where clients subscribe and messages are published.
func (e *Engine) PubSub() *pubsub.Hub { return e.hub }

// SetDenyWrites installs a check asked before each write and PING: the error it returns refuses the command (MISCONF).
func (e *Engine) SetDenyWrites(f func() error) { e.denyWrites = f }

// Loading says whether a data set is being loaded.
func (e *Engine) Loading() bool { return e.loading }

// SetLoading starts or ends the loading state: most commands are refused, expiry rests.
func (e *Engine) SetLoading(on bool) {
	e.loading = on
	e.followExpireMode()
}

// followExpireMode tells the keyspace what becomes of expired keys now. Where their removal must not happen, or could not
// be logged, they are out of sight only: removing a key is an event in the stream (I20).
func (e *Engine) followExpireMode() {
	mode := kv.ExpireDelete
	switch {
	case e.loading:
		mode = kv.ExpireIgnore
	case e.following.on:
		mode = kv.ExpireHide
	case e.hold != nil || !e.pauseUntil.IsZero() || (e.log != nil && e.log.Err() != nil):
		mode = kv.ExpireHide
	}
	if mode != e.expireMode {
		e.expireMode = mode
		e.ks.SetExpireMode(mode)
	}
}

// DirtyCount is the number of changes since the last save.
func (e *Engine) DirtyCount() int64 { return e.dirty }

// Saved subtracts the changes a save that began at count included.
func (e *Engine) Saved(count int64) { e.dirty -= count }

// Now is the clock of the command being run, in Unix milliseconds.
func (e *Engine) Now() kv.Millis { return e.now }

// Wall is the wall clock of the command being run.
func (e *Engine) Wall() time.Time { return e.wall }

// TimeOfDay is what TIME tells: the clock of the command being run, and in a script that others have been served beside that of the last
// time they were, so that a script which waits for a time to come ends.
func (e *Engine) TimeOfDay() time.Time {
	if sc := e.script; sc != nil && sc.wall.After(e.wall) {
		return sc.wall
	}
	return e.wall
}

// Uptime is the time since the engine was made.
func (e *Engine) Uptime() time.Duration { return time.Since(e.started) }

// Random returns the next number of the seeded generator (splitmix64).
func (e *Engine) Random() uint64 {
	e.rng += 0x9e3779b97f4a7c15
	z := e.rng
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// readClock reads the clocks, once a turn: the monotonic one, and the wall clock when it was last read a millisecond ago or longer. In between
// that follows from the former.
func (e *Engine) readClock() {
	e.monoAt = e.mono()
	if d := e.monoAt - e.readAt; e.real && d < int64(time.Millisecond) {
		e.wall = e.read.Add(time.Duration(d))
	} else {
		e.wall = e.clock()
		e.read, e.readAt = e.wall, e.monoAt
	}
	e.setNow(e.wall)
}

// advanceClock moves the turn's clock to the monotonic instant at, so that a long turn does not answer with a stale time.
// A clock handed in by a test stands still within a turn: how long the machine took must not show.
func (e *Engine) advanceClock(at int64) {
	if d := at - e.monoAt; e.real && d >= int64(time.Millisecond) {
		e.wall = e.wall.Add(time.Duration(d))
		e.monoAt = at
		e.setNow(e.wall)
	}
}

func (e *Engine) setNow(t time.Time) {
	if ms := kv.Millis(t.UnixMilli()); ms != e.now {
		e.now = ms
		e.ks.SetNow(ms)
	}
}

// mono is the monotonic clock in nanoseconds.
func (e *Engine) mono() int64 { return int64(time.Since(e.started)) }

// Attach registers a new client and gives it its id.
func (e *Engine) Attach(s *session.Session) {
	e.nextID++
	s.ID = e.nextID
	s.W.Proto = 2
	e.Anonymous(s)
	s.Created, s.LastCommand = e.wall, e.wall
	s.CommandName = "NULL"
	e.sessions[s.ID] = s
	e.stats.ConnectionsReceived++
}

// Detach forgets a client whose connection has ended.
func (e *Engine) Detach(s *session.Session) {
	if s.Closed {
		return
	}
	s.Closed = true
	e.clientBytes -= int64(s.Counted)
	s.Counted = 0
	e.Unwatch(s)
	s.TrimQueue() // not emptied: EXEC may be running it
	s.ResetTransaction()
	e.silence(s)
	if s.Wait != nil {
		e.dropWait(s)
	}
	if s.Postponed != nil {
		e.dropPostponed(s)
	}
	delete(e.sessions, s.ID)
}

// silence has a client hear of nothing any more that others do.
func (e *Engine) silence(s *session.Session) {
	e.hub.LeaveAll(&s.Subs)
	e.Unmonitor(s)
	e.Untrack(s)
}

// Sessions calls f for each client in order of id.
func (e *Engine) Sessions(f func(*session.Session)) {
	ids := make([]int64, 0, len(e.sessions))
	for id := range e.sessions {
		ids = append(ids, id)
	}
	sortInt64(ids)
	for _, id := range ids {
		if s := e.sessions[id]; s != nil {
			f(s)
		}
	}
}

// SessionByID returns a client, or nil.
func (e *Engine) SessionByID(id int64) *session.Session { return e.sessions[id] }

// SessionCount is the number of connected clients.
func (e *Engine) SessionCount() int { return len(e.sessions) }
