package wal

import (
	"time"

	"frankenredis/wal/disk"
)

// Commit takes the whole units of one turn; they follow what came before. db is the stream's database behind them; a
// Log's first commit must begin with a SELECT. p is not kept. It never waits for a sync or for another write:
//
// Under everysec and no the bytes go into the page cache at once, by the executor itself, as long as nothing stands in
// the way; then Released covers them when Commit returns. Otherwise, and always under always, the log's goroutines take them.
func (l *Log) Commit(p []byte, db int) { l.take(p, db, false) }

// CommitIdle is Commit for an executor that has nothing else to do. Where its own thread can do the commit soonest, under always, it returns
// finish, and the thread is to call that at once. It waits for the device, as long as that takes; the caller need not be the executor
// meanwhile, so another goroutine may take its place. When it returns, Released covers the commit, as a rule: behind an error, or where the ring has
// no room, the log's goroutines have it to do. Nil: they have it from the beginning.
func (l *Log) CommitIdle(p []byte, db int) (finish func()) { return l.take(p, db, true) }

// take is Commit; idle: CommitIdle.
func (l *Log) take(p []byte, db int, idle bool) (finish func()) {
	if len(p) == 0 {
		return nil
	}
	l.mu.Lock()
	l.tape.append(p)
	l.end += LSN(len(p))
	l.db = db
	first := l.dirtySince.IsZero()
	if l.mayInline(len(p)) {
		began := time.Now()
		if first {
			l.dirtySince = began
		}
		l.writeInline(p, began)
		l.stats.inline++
		if first || l.failing {
			l.unlockAndWake() // the writer sets its alarm for the sync, or mends
		} else {
			l.mu.Unlock()
		}
		return nil
	}
	if first {
		l.dirtySince = time.Now()
	}
	l.stats.queued++
	if !l.ringOn() || first && !l.failing {
		l.unlockAndWake() // the writer has it to do, or at least to set its alarm
		return nil
	}
	// The ringer alone, if not even that: it lies between the commit and the reply.
	r := l.front
	if idle && r.mayTry() {
		r.try()
		l.mu.Unlock()
		return r.tried
	}
	resting := r.resting && !(l.gathering.on && l.gathers())
	r.resting = r.resting && !resting
	l.mu.Unlock()
	if resting {
		r.bell.ring()
	}
	return nil
}

// unlockAndWake releases mu and gets the writer and the ringers to look for work. Those at work look again before they rest.
func (l *Log) unlockAndWake() {
	var wake [4]*bell
	n := 0
	gathers := l.gathering.on && l.gathers() // then whoever is in front has its time limit near, and what it waits for is not complete
	if l.resting && !(gathers && !l.ringOn()) {
		l.resting = false
		wake[n] = l.bell
		n++
	}
	for _, r := range l.ringers {
		if r.resting && !(gathers && r == l.front) && l.ringWanted() || r.resting && l.closing {
			r.resting = false
			wake[n] = r.bell
			n++
		}
	}
	l.mu.Unlock()
	for _, b := range wake[:n] {
		b.ring()
	}
}

// mayInline says whether the executor may write n bytes itself: nobody else is writing, all before it was written, and
// no sync is under way, of this file or another, that the write could get stuck behind.
func (l *Log) mayInline(n int) bool {
	return l.policy != Always && !l.writing && !l.syncing && !l.failing && l.pendingSwitch == nil &&
		l.wrote.lsn+LSN(n) == l.tape.end && l.credit >= inlineCredit && n <= inlineLimit && !disk.Syncing()
}

// writeInline writes p, the last bytes of the tape, under mu.
func (l *Log) writeInline(p []byte, began time.Time) {
	c := l.cur
	closeRange := c.since.Len()+int64(len(p)) >= lineEvery
	err := l.exec.put(c, p, closeRange, l.Filed())
	took := time.Since(began)
	l.rate(took)
	l.o.Took(StepWrite, took)
	if err != nil {
		l.fail(err)
		return
	}
	l.advance(l.db)
}

// rate remembers whether writes are fast.
func (l *Log) rate(took time.Duration) {
	if took >= slowWrite {
		l.credit = 0
	} else if l.credit < inlineCredit {
		l.credit++
	}
}

// advance takes note that cur holds everything up to its end, which lies between two commits.
func (l *Log) advance(db int) {
	l.wrote = l.cur.here(db)
	if l.policy == No {
		l.forget(l.wrote)
	}
	l.publish()
}

// forget lets go of the tape before m.
func (l *Log) forget(m mark) {
	l.kept = m
	l.tape.drop(m.lsn)
	l.keptLSN.Store(uint64(m.lsn))
}

// publish computes what the outside sees. Under mu.
func (l *Log) publish() {
	l.written.Store(uint64(max(l.wrote.lsn, l.ringed)))
	if l.gap == 0 {
		l.filed.Store(uint64(l.synced.lsn))
	}
	durable := max(l.Filed(), l.ringed)
	l.durable.Store(uint64(durable))
	released := l.wrote.lsn
	if l.policy == Always {
		released = durable
		if l.holds() {
			released = l.secured()
		}
	}
	if uint64(released) > l.released.Load() {
		l.released.Store(uint64(released))
	}
}
