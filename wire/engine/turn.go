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
// to its thread.
func (e *Engine) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if e.hold != nil {
			e.hold.cancel()
		}
	}()
	more := false
	e.turnEnd = e.mono()
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
			return err
		}
		e.readClock()
		at := e.monoAt
		if limit == 0 {
			e.phase(PhasePoll, at-began)
		}
		more = e.turn(at)
	}
	return nil
}

// turn runs everything between two polls, from the monotonic instant at on. Reading the clock is a fair part of a turn that runs a command or
// two, so it is read behind a phase only when there was something to do in it; what little the others take counts with the next.
func (e *Engine) turn(at int64) (more bool) {
	e.stats.Cycles++
	began := at
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
	if e.commitTurn(!more && e.hold == nil && served <= int64(busyServe)) {
		at = e.mark(PhaseCommit, at)
	}
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
	if e.stats.Commands != commands {
		budget = min(max(time.Duration(served), lazyFreeLeast), lazyFreeBudget)
	}
	e.freeing = e.ks.LazyFree(budget)
	if chores {
		at = e.mark(PhaseTimers, at)
		e.turnEnd = at
	}
	e.stats.CycleNanos += uint64(at - began)
	e.turns.record(at - began)
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
	// system call. It costs two system calls a turn and is counted only while the latency monitor is on (latency-monitor-threshold).
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
	e.turn(e.monoAt)
	return nil
}
