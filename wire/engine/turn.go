package engine

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Phase names a part of a turn, in order.
type Phase int

// The phases of a turn.
const (
	PhasePoll Phase = iota
	PhasePosted
	PhaseServe // read, parse, execute, propagate
	PhaseCommit
	PhaseRelease
	PhaseTimers
	PhaseCount // the number of phases
)

var phaseNames = [PhaseCount]string{"poll", "posted", "serve", "commit", "release", "timers"}

// String returns the phase's name as INFO shows it.
func (p Phase) String() string { return phaseNames[p] }

// PhaseStats says how long one phase took, in nanoseconds.
type PhaseStats struct {
	Total int64 // since start
	Max   int64 // longest single one
}

// Budgets of a turn, so that no client and no chore starves another.
const (
	// MaxCommandsPerClient is the number of commands one client may run in a turn; what is left waits for the next.
	MaxCommandsPerClient = 1024
	// MaxBytesPerClient bounds what is read from one client in a turn.
	MaxBytesPerClient = 256 << 10
	// MaxReplyPerClient is the size of replies behind which a client's further commands wait for the next turn, when these
	// have been sent or count against the output buffer limit.
	MaxReplyPerClient = 128 << 10
	// busyServe is how long a turn serves clients before the next one counts as something to do already: then commands are run while the
	// commit is under way.
	busyServe = time.Millisecond
	// lazyFreeBudget bounds the background freeing done in a turn that ran no command; one that did gives freeing as much time as the
	// commands took, within this budget and lazyFreeLeast.
	lazyFreeBudget = 300 * time.Microsecond
	lazyFreeLeast  = 50 * time.Microsecond
	// lazyFreeRest is how long the executor sleeps between turns that only free. A thread that never sleeps is put aside by the system
	// for milliseconds once others want its core, and the clients its replies wake wait behind it.
	lazyFreeRest = 100 * time.Microsecond
)

// Run is the executor: it returns after Stop, or with the error of a poller that cannot go on. It locks its goroutine
// to its thread. A second goroutine may be the executor for a while (relief.go); it has ended when Run returns.
func (e *Engine) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e.turnEnd = e.mono()
	e.relief.tids[0].Store(int64(unix.Gettid()))
	e.relief.serve(true)
	e.relief.end()
	if e.hold != nil {
		e.hold.cancel()
	}
	return e.relief.err
}

// work is the executor's loop; relieving: it begins within the turn that another goroutine left. Not kept: somebody else is the executor.
func (e *Engine) work(relieving bool) (kept bool, err error) {
	more := false
	if relieving {
		e.turns.own = 0 // that was the other thread's
		e.relief.parted.at = e.mark(PhaseCommit, e.relief.parted.at)
		more = e.endTurn(e.relief.parted)
	}
	for !e.stopping.Load() {
		limit := time.Duration(0)
		began := e.turnEnd
		if !more {
			limit = e.sleepLimit(began)
		}
		if limit != 0 {
			e.sleeping.Store(true)
			if e.dueNow() || e.logMoved() || e.stopping.Load() {
				limit = 0
			}
		}
		err := e.poller.Poll(limit)
		e.sleeping.Store(false)
		if err != nil {
			return true, err
		}
		e.readClock()
		if limit == 0 {
			e.phase(PhasePoll, e.monoAt-began)
		}
		t, finish := e.beginTurn(true)
		if finish != nil {
			if e.relief.parted = t; !e.relief.lend(finish) {
				return false, nil
			}
			t.at = e.mark(PhaseCommit, t.at)
		}
		more = e.endTurn(t)
	}
	return true, nil
}

// turn is everything between two polls. Reading the clock is a fair part of one that runs a command or two, so it is read behind a phase only
// when there was something to do in it; what little the others take counts with the next.
type turn struct {
	began    int64  // monotonic instant
	at       int64  // when its last phase ended
	served   int64  // nanoseconds that clients were served
	commands uint64 // run before
	more     bool   // the next turn must not sleep
}

// beginTurn is a turn up to its commit. What that leaves to be finished, if the caller lends itself to it, is to be called before endTurn.
func (e *Engine) beginTurn(lends bool) (t turn, finish func()) {
	at := e.monoAt
	e.stats.Cycles++
	began, more := at, false
	e.turns.begin(e.cfg.Live.LatencyThreshold > 0)
	e.endPause()
	e.endHold()
	e.followExpireMode()
	if e.hold == nil && e.runPosts() {
		at = e.mark(PhasePosted, at)
	}
	served, commands := at, e.stats.Commands
	for _, t := range e.transports {
		if t.Serve() {
			more = true
		}
	}
	if e.resumePostponed() {
		more = true
	}
	e.serveBlocked() // what posts and timers changed
	if e.hold == nil && len(e.tracking.prefixes) > 0 {
		e.broadcast()
	}
	at = e.mark(PhaseServe, at)
	served = at - served
	if len(e.stream) > 0 || e.wantAcks {
		idle := lends && e.cfg.Live.AppendFsync == "always" && !more && e.hold == nil && served <= int64(busyServe)
		if finish = e.commitTurn(idle && e.relief.stands()); finish == nil {
			at = e.mark(PhaseCommit, at)
		}
	}
	return turn{began, at, served, commands, more}, finish
}

// endTurn is a turn behind its commit.
func (e *Engine) endTurn(t turn) (more bool) {
	at, more := t.at, t.more
	if e.hold == nil {
		e.endWaits()
	}
	e.seenReleased, e.seenFailing = e.Released(), e.LogFailing()
	for _, t := range e.transports {
		if t.Release(e.seenReleased) {
			more = true
		}
	}
	at = e.mark(PhaseRelease, at)
	e.turnEnd = at
	if e.hold != nil {
		return more
	}
	e.evictClients()
	pushed := e.hub.Delivered() + e.tracking.sent
	chores := e.runTimers(at) || e.evictor.running || e.tracking.clients > 0 || len(e.stream) > 0 || e.ks.Freeing()
	if e.evictOn() {
		more = true
	}
	if e.tracking.clients > 0 {
		e.broadcast()
		more = e.limitTracking() || more
	}
	if e.hub.Delivered()+e.tracking.sent != pushed {
		more = true // messages that wait for the next release
	}
	if len(e.blocked.ready) > 0 {
		more = true
	}
	if len(e.stream) > 0 {
		e.commit() // expiry and eviction made events
	}
	budget := lazyFreeBudget
	if e.stats.Commands != t.commands {
		budget = min(max(time.Duration(t.served), lazyFreeLeast), lazyFreeBudget)
	}
	e.freeing = e.ks.LazyFree(budget)
	if chores {
		at = e.mark(PhaseTimers, at)
		e.turnEnd = at
	}
	e.stats.CycleNanos += uint64(at - t.began)
	e.turns.record(at - t.began)
	return more
}

// dueNow says whether there is something to be done besides input, output and timers.
func (e *Engine) dueNow() bool {
	if e.hold != nil {
		return e.hold.over.Load()
	}
	return e.hasPosts() || e.waitsOver()
}

// logMoved says whether the log has released something since the last release of replies. Its Wake may have come while the
// executor was awake, and was lost then.
func (e *Engine) logMoved() bool {
	return e.Released() != e.seenReleased || e.LogFailing() != e.seenFailing
}

func (e *Engine) mark(p Phase, since int64) int64 {
	now := e.mono()
	e.phase(p, now-since)
	return now
}

func (e *Engine) phase(p Phase, d int64) {
	ps := &e.phases[p]
	ps.Total += d
	if d > ps.Max {
		ps.Max = d
	}
}

// Phases returns the time spent in a phase.
func (e *Engine) Phases(p Phase) PhaseStats { return e.phases[p] }

// TurnStats says how long turns took, the sleep before them not counted: what a client that asks in a turn's first moment waits at the
// most. A turn within another one (Turn) counts by itself, and its time in the other's.
type TurnStats struct {
	Histogram
	Max int64 // longest single one, in nanoseconds
	// MaxOwn is the most processor time that one took, in nanoseconds: what Max has beyond it the executor spent waiting, for a core or in a
	// system call. One that two threads shared (relief.go) does not count. It costs two system calls a turn and is counted only while the latency monitor is on (latency-monitor-threshold).
	MaxOwn int64
	own    int64 // processor time of the thread when the turn began; 0: not counted
}

// begin is called when a turn begins; own: its processor time is to be counted.
func (t *TurnStats) begin(own bool) {
	t.own = 0
	if own {
		t.own = threadNanos()
	}
}

// record is called when a turn is over.
func (t *TurnStats) record(nanos int64) {
	if t.own != 0 {
		t.MaxOwn = max(t.MaxOwn, threadNanos()-t.own)
	}
	t.Record(nanos)
	if nanos > t.Max {
		t.Max = nanos
	}
}

// threadNanos is the processor time of the calling thread, which is the executor's own.
func threadNanos() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return t.Nano()
}

// Turns returns the lengths of the turns since start or since ForgetPhases. Executor only.
func (e *Engine) Turns() *TurnStats { return &e.turns }

// ForgetPhases sets the times of all phases and turns back. Executor only.
func (e *Engine) ForgetPhases() {
	e.phases = [PhaseCount]PhaseStats{}
	e.turns = TurnStats{}
	e.turns.prepare()
}

// Stop ends Run after the turn under way. Any goroutine.
func (e *Engine) Stop() {
	e.stopping.Store(true)
	e.Wake()
}

// Stopping says that Stop was called. Transports execute nothing from then on: what is executed behind a final save or the
// closing of the log would be acknowledged and lost.
func (e *Engine) Stopping() bool { return e.stopping.Load() }

// Turn runs one turn without sleeping: for commands that must serve others while they work. Executor only.
func (e *Engine) Turn() error {
	if err := e.poller.Poll(0); err != nil {
		return err
	}
	e.readClock()
	t, _ := e.beginTurn(false)
	e.endTurn(t)
	return nil
}
