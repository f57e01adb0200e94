package wal

import (
	"errors"
	"runtime"
	"time"
)

// task is what the writer decided to do next.
type task int

const (
	rest task = iota
	writeBatch
	syncInFront // always: the writer syncs itself, replies wait for it
	syncBehind  // everysec: the syncer does it, writing goes on
	changeOver  // to the next increment
	mend        // open a new increment because of an I/O error
	finish
)

// runWriter is the writer goroutine, from start to Close.
func (l *Log) runWriter() {
	defer l.wg.Done()
	defer close(l.syncReq)
	defer l.ownThread()() // it spends its time in system calls: its own thread wakes up soonest
	w := &writer{l: l, s: newScribe(&l.o, &l.live, &l.lastTS)}
	for {
		l.mu.Lock()
		l.gathering.on = false
		now := time.Now()
		t, wait := l.decide(now)
		l.writing, l.resting, l.alarm = l.borrowed || t != rest, t == rest, now.Add(wait)
		l.mu.Unlock()
		if t == rest {
			l.bell.wait(wait)
			continue
		}
		w.do(t)
		if t == finish {
			return
		}
	}
}

// ownThread locks the calling goroutine to its thread and shows that to Options.Thread. What it returns is for the goroutine's end: a thread
// that was shown is not given back, as nobody knows what became of it.
func (l *Log) ownThread() (release func()) {
	runtime.LockOSThread()
	if l.o.Thread == nil {
		return runtime.UnlockOSThread
	}
	l.o.Thread()
	return func() {}
}

// decide says what the writer does next, or for how long at most it may rest. Under mu.
func (l *Log) decide(now time.Time) (task, time.Duration) {
	const idle = time.Hour
	if l.borrowed {
		return rest, idle // the ringer signals
	}
	if l.failing {
		return l.decideFailing(now)
	}
	if l.ringOn() {
		return l.decideBehind(now)
	}
	target := l.target()
	switch {
	case l.wrote.lsn < target:
		if l.policy == Always && l.syncing {
			break // never two syncs at once: the background sync of a policy before is still under way
		}
		if wait := l.gather(now); wait > 0 {
			l.gathering.on = true
			return rest, wait
		}
		return writeBatch, 0
	case l.pendingSwitch != nil && !l.syncing:
		return l.decideSwitch()
	case l.closing && !l.syncing:
		return finish, 0
	case l.policy == Always && l.synced.lsn < l.wrote.lsn && !l.syncing:
		return syncInFront, 0
	case l.wantsAhead() && !l.syncing:
		return syncBehind, 0
	case l.policy == EverySec && l.synced.lsn < l.wrote.lsn && !l.dirtySince.IsZero():
		due := l.dirtySince.Add(l.o.syncDelay)
		if int64(l.wrote.lsn-l.synced.lsn) >= l.live.pendingLimit.Load()/4 {
			due = now // keep what must be held in memory small
		}
		if wait := due.Sub(now); wait > 0 {
			return rest, wait
		}
		if !l.syncing {
			return syncBehind, 0
		}
		if !l.lateSync {
			l.lateSync = true
			l.stats.delayed++
		}
	}
	return rest, idle
}

// decideBehind is decide while the ring takes the commits. The ringer writes to the increment too; the writer does when that was not
// possible, a little later and in larger pieces, and it has the increment synced.
func (l *Log) decideBehind(now time.Time) (task, time.Duration) {
	const idle = time.Hour
	target := l.target()
	l.behindDue = false
	if lacks := min(target, l.ringed); l.wrote.lsn < lacks {
		if l.behindSince.IsZero() {
			l.behindSince = now
		}
		wait := l.behindSince.Add(behindDelay).Sub(now)
		if wait <= 0 || l.ringTight || lacks-l.wrote.lsn >= behindBytes {
			return writeBatch, 0
		}
		l.behindDue = true
		if l.pendingSwitch == nil && !l.closing {
			return rest, wait
		}
	} else {
		l.behindSince = time.Time{}
	}
	lacks := l.wrote.lsn < min(target, l.ringed)
	switch {
	case l.wrote.lsn < target && l.closing, lacks && (l.pendingSwitch != nil || l.skip > l.wrote.lsn && !l.syncing):
		return writeBatch, 0
	case l.wrote.lsn < target && l.skip > l.wrote.lsn && !l.syncing:
		if !l.holds() || l.o.Cover.Covered() >= l.ringed {
			return writeBatch, 0
		}
		// A ring stands in for the end of the increment only as long as it has all of that end.
		return l.decideCover()
	case l.wrote.lsn < target && l.pendingSwitch != nil:
		if !l.holds() {
			return writeBatch, 0
		}
		return rest, idle // the ringer takes it first, and signals
	case l.syncing: // the syncer signals
	case l.pendingSwitch != nil:
		return l.decideSwitch()
	case l.closing:
		return finish, 0
	case l.synced.lsn < l.skip && l.synced.lsn < l.wrote.lsn:
		return syncInFront, 0
	case l.synced.lsn < l.wrote.lsn:
		due := l.dirtySince.Add(l.o.syncDelay)
		if l.ringTight || l.wantsAhead() || int64(l.wrote.lsn-l.synced.lsn) >= l.live.pendingLimit.Load()/4 {
			due = now
		}
		if wait := due.Sub(now); wait > 0 {
			return rest, wait
		}
		return syncBehind, 0
	}
	return rest, idle
}

// decideSwitch is decide for a switch whose increment has everything. It is covered before the next one is named: a ring stands in for the
// end of the last increment only (I1).
func (l *Log) decideSwitch() (task, time.Duration) {
	if !l.holds() || l.o.Cover.Covered() >= l.pendingSwitch.at.lsn {
		return changeOver, 0
	}
	return l.decideCover()
}

// decideCover is decide where everything that was written is to be covered before the writer goes on.
func (l *Log) decideCover() (task, time.Duration) {
	if l.synced.lsn < l.wrote.lsn {
		return syncInFront, 0
	}
	l.o.Cover.Hurry()
	return rest, time.Hour // CoverMoved signals
}

// decideFailing is decide while an I/O error waits to be overcome.
func (l *Log) decideFailing(now time.Time) (task, time.Duration) {
	switch {
	case l.syncing:
		return rest, time.Hour // its outcome says where to cut; the syncer signals
	case l.closing:
		return finish, 0
	case l.fatal:
		return rest, time.Hour
	}
	if wait := l.retryAt.Sub(now); wait > 0 {
		return rest, wait
	}
	return mend, 0
}

// target is up to where cur may be written: a pending switch is a border.
func (l *Log) target() LSN {
	if l.pendingSwitch != nil {
		return l.pendingSwitch.at.lsn
	}
	return l.tape.end
}

// writer is what belongs to the writer goroutine alone.
type writer struct {
	l *Log
	s *scribe
	// repair is one that was cut short when it could not be given up any more; nil: none.
	repair *repair
}

// do runs one task. writing is set; do clears it.
func (w *writer) do(t task) {
	switch t {
	case writeBatch:
		w.write()
	case syncInFront:
		w.syncRest()
	case syncBehind:
		w.handOver()
	case changeOver:
		w.changeOver()
	case mend:
		w.mend()
	case finish:
		w.finish()
	}
}

// write takes everything that was committed, up to the target, into the file. Under always it is synced too: one sync
// for all commits that came while the one before was under way.
func (w *writer) write() {
	l := w.l
	l.mu.Lock()
	to, db := l.target(), l.db
	if l.pendingSwitch != nil {
		db = l.pendingSwitch.at.db
	}
	always := l.policy == Always && (!l.ringOn() || l.skip > l.wrote.lsn)
	if l.ringOn() && l.wrote.lsn < l.ringed && l.ringed < to && !l.closing {
		to, db, always = l.ringed, l.ringedDB, false // what lies behind goes to the ring first: else no ring had it
	}
	l.behindSince = time.Time{}
	if always {
		l.syncSince, l.dirtySince = l.dirtySince, time.Time{}
	}
	l.mu.Unlock()
	began := time.Now()
	// Under always each group ends with a line: after a power failure it alone tells a group whose pages all arrived from
	// one with a hole, and only the former was acknowledged (I1, I3).
	err := l.putRange(w.s, l.cur, to, always)
	if err == nil && always {
		l.o.Took(StepWrite, time.Since(began))
		w.sync(db)
		return
	}
	took := time.Since(began)
	l.mu.Lock()
	l.rate(took)
	l.o.Took(l.writeStep(), took)
	switch {
	case err != nil:
		l.fail(err)
	case !l.failing: // else a background sync failed meanwhile, and what was written here will be again
		l.advance(db)
	}
	l.rested()
}

// rested ends a task: the lock is released and everybody told.
func (l *Log) rested() {
	l.writing = false
	l.unlockAndWake()
	l.o.Wake()
}

// putRange writes, with s, the tape up to position to at the end of c, with a line behind it if closeRange or if one is due.
func (l *Log) putRange(s *scribe, c *increment, to LSN, closeRange bool) error {
	durable := l.Filed()
	for c.lsn < to {
		l.mu.Lock()
		p := l.tape.piece(c.lsn, to)
		l.mu.Unlock()
		last := c.lsn+LSN(len(p)) == to
		if err := s.put(c, p, last && (closeRange || c.since.Len()+int64(len(p)) >= lineEvery), durable); err != nil {
			return err
		}
	}
	return nil
}

// closeLine writes a line if stream bytes came behind the last one.
func (w *writer) closeLine() error {
	return w.s.put(w.l.cur, nil, true, w.l.Filed())
}

// syncRest makes durable what was written under another policy.
func (w *writer) syncRest() {
	l := w.l
	l.mu.Lock()
	db := l.wrote.db
	l.syncSince, l.dirtySince = l.dirtySince, time.Time{}
	if l.tape.end > l.wrote.lsn {
		l.dirtySince = time.Now()
	}
	l.mu.Unlock()
	if err := w.closeLine(); err != nil {
		l.mu.Lock()
		l.fail(err)
		l.rested()
		return
	}
	w.sync(db)
}

// sync syncs cur up to its end, where db is the stream's database, and publishes it.
func (w *writer) sync(db int) {
	l := w.l
	m := l.cur.sealable(db)
	began := time.Now()
	err := l.cur.f.SyncData()
	took := time.Since(began)
	l.o.Took(StepSync, took)
	l.mu.Lock()
	if err != nil {
		l.fail(&WriteError{Op: "fsync", Path: l.cur.path, Cause: err})
	} else {
		l.wrote = m
		l.syncDone(m, took)
	}
	l.rested()
	l.keeper.nudge()
}

// syncDone takes note that everything up to m is durable. Under mu.
func (l *Log) syncDone(m mark, took time.Duration) {
	if l.ringOn() {
		l.ringShort = l.front.full
		l.ringTight = l.front.full // until there is room, all that it has is to be synced and covered
	} else {
		l.gathering.synced(m.lsn-l.synced.lsn, l.tape.end, took)
	}
	l.synced = m
	l.o.Cover.Grown(l.cur.path, m.pos, m.lsn)
	if l.holds() && (l.coverTight || l.ringed < m.lsn && (l.front == nil || !l.front.busy)) {
		l.o.Cover.Hurry() // room in the ring, or replies, wait for it
	}
	l.syncSince = time.Time{}
	if m.lsn >= l.kept.lsn {
		l.forget(m)
		l.tape.trim()
	}
	if l.failing {
		l.wrote = l.kept
	}
	l.stats.syncs++
	l.stats.lastSync = took
	l.tellAhead()
	l.publish()
}

// finish is the writer's last work: everything out, a line behind it, a sync if wanted. The executor waits in Close and
// no sync is under way, so nobody else is here.
func (w *writer) finish() {
	l := w.l
	err := w.finalWrite()
	if cerr := l.cur.f.Close(); err == nil {
		err = cerr
	}
	l.mu.Lock()
	l.closeErr = err
	clean := err == nil && l.finalSync && l.gap == 0
	req := l.pendingSwitch
	l.pendingSwitch = nil
	l.giveUpAhead()
	l.mu.Unlock()
	if req != nil {
		req.done(ErrClosed)
	}
	l.keeper.stop(clean)
}

func (w *writer) finalWrite() error {
	l := w.l
	if l.failing {
		w.mend() // the last chance
		if err := l.Err(); err != nil {
			return err
		}
	}
	to, db := l.tape.end, l.db
	if err := l.putRange(w.s, l.cur, to, true); err != nil {
		return err
	}
	if err := w.closeLine(); err != nil {
		return err
	}
	m := l.cur.sealable(db)
	var err error
	if l.finalSync {
		err = l.cur.f.Sync()
	}
	if err == nil && l.finalSync {
		l.o.Cover.Grown(l.cur.path, m.pos, m.lsn)
		l.awaitCover(m.lsn)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.fail(&WriteError{Op: "fsync", Path: l.cur.path, Cause: err})
		return err
	}
	l.wrote = m
	if l.finalSync {
		l.syncDone(m, 0)
	}
	l.publish()
	return nil
}

// finalCover is how long Open and Close wait at most until the end of the log is covered: some hundreds of megabytes at a start.
const finalCover = time.Second

// awaitCover waits until everything up to lsn, which is durable, is covered: after a clean stop no ring stands in for the end (I1).
func (l *Log) awaitCover(lsn LSN) {
	l.mu.Lock()
	waits := l.ringWanted()
	l.mu.Unlock()
	if !waits {
		return
	}
	for until := time.Now().Add(finalCover); l.o.Cover.Covered() < lsn && time.Now().Before(until); {
		l.o.Cover.Hurry()
		time.Sleep(time.Millisecond)
	}
}

// fail takes note of an I/O error. From here on nothing is written to cur, and nothing it holds behind synced counts:
// an fsync error is final for the file, and behind a short write a torn unit may lie. Under mu.
func (l *Log) fail(err error) {
	var we *WriteError
	if !errors.As(err, &we) {
		we = &WriteError{Op: "write", Path: l.cur.path, Cause: err}
	}
	if we.Op == "fsync" && l.kept.lsn > l.synced.lsn {
		// Policy no forgot bytes that no sync had covered; now nobody knows whether the disk has them. Durable stays where
		// it is until a new base covers them (I8).
		l.gap = max(l.gap, l.kept.lsn)
	}
	l.wrote = l.kept // what lies behind will be written again, elsewhere
	if !l.syncSince.IsZero() {
		l.dirtySince, l.syncSince = l.syncSince, time.Time{}
	}
	l.o.Logger.Error(we.event(), "op", we.Op, "path", we.Path, "error", we.Cause, "durable", uint64(l.durable.Load()))
	if !l.failing {
		l.failing, l.backoff, l.retryAt = true, 0, time.Time{}
		l.failure.Store(we)
		l.o.Record(Event{Kind: Failed, Path: we.Path, Pos: l.synced.pos, LSN: LSN(l.durable.Load()), Err: we})
	}
	l.publish()
	l.giveUpAhead()
	if req := l.pendingSwitch; req != nil {
		l.pendingSwitch = nil
		go req.done(we) // not under mu
	}
}
