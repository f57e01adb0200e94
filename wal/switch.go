package wal

import (
	"errors"
	"path/filepath"
	"time"

	"frankenredis/wal/disk"
)

// ErrSwitching is what Switch returns while another switch is under way.
var ErrSwitching = errors.New("the log is changing to its next increment already")

// switchRequest is a switch that the writer has still to do.
type switchRequest struct {
	at   mark // its lsn and db: where the increment ends
	done func(error)
}

// Switch ends the increment at End, where the next one begins, at a turn's end: what is committed from now on goes into
// the next. It returns that position at once; the rest is the writer's. done is called once, on another goroutine, when the
// manifest that names the new increment is durable, or with the error that prevented it: then the old increment goes
// on as if nothing had been (I21). With an error as Switch's own result done is not called.
//
// A rewrite freezes the keyspace in the same breath, writes it as a base at that position, and calls Install.
func (l *Log) Switch(done func(error)) (LSN, error) {
	l.mu.Lock()
	defer l.unlockAndWake()
	switch {
	case l.closing:
		return 0, ErrClosed
	case l.failing:
		return 0, l.failure.Load()
	case l.pendingSwitch != nil:
		return 0, ErrSwitching
	}
	l.pendingSwitch = &switchRequest{at: mark{lsn: l.end, db: l.db}, done: done}
	return l.end, nil
}

// PrepareSwitch makes what the next Switch needs and what does not depend on its position, and syncs what is written, so that the replies
// behind the Switch wait for little. done is called once, on another goroutine, when that is over, whatever came of it: what is missing the
// switch makes itself. Any goroutine.
func (l *Log) PrepareSwitch(done func()) {
	l.mu.Lock()
	closing := l.closing
	if !closing {
		l.keeper.ask(done) // which is there until the log has closed
	}
	l.mu.Unlock()
	if closing {
		go done()
	}
}

// ahead is who waits for what is written before a switch to be durable.
type ahead struct {
	to   LSN
	done []func()
}

// syncAhead has what is written synced now, and then tells.
func (l *Log) syncAhead(done []func()) {
	l.mu.Lock()
	if l.ahead == nil {
		l.ahead = &ahead{}
	}
	l.ahead.to = l.tape.end
	l.ahead.done = append(l.ahead.done, done...)
	if l.closing || l.failing {
		l.giveUpAhead()
	}
	l.tellAhead()
	l.unlockAndWake()
}

// wantsAhead says that a sync is due ahead of a switch. Under mu.
func (l *Log) wantsAhead() bool { return l.ahead != nil && l.synced.lsn < min(l.ahead.to, l.wrote.lsn) }

// tellAhead tells who waits in ahead, if what they wait for is durable. Under mu.
func (l *Log) tellAhead() {
	if a := l.ahead; a != nil && l.synced.lsn >= a.to {
		l.giveUpAhead()
	}
}

// giveUpAhead tells who waits in ahead that there is nothing more to wait for. Under mu.
func (l *Log) giveUpAhead() {
	a := l.ahead
	if a == nil {
		return
	}
	l.ahead = nil
	go func() { // not under mu
		for _, done := range a.done {
			done()
		}
	}()
}

// changeOver does what Switch asked for. Everything up to its position is written, nothing behind it; no sync is under
// way. Commits go onto the tape meanwhile and their replies wait, so most of it is done before (PrepareSwitch).
//
// The order: N+1 exists empty and durable under its name, its manifest lies ready, and a companion without content; then N is sealed and
// durable, and so is the companion, which says where; then the manifest takes its name, and N+1 gets its first byte, and N never gets another
// (a stock server refuses a log in which any but the last increment is torn); then the folder is synced. What N+1 gets before is not
// durable before, so that a power loss may bring back the manifest that ends with N: under always N+1 gets nothing before.
func (w *writer) changeOver() {
	l := w.l
	l.mu.Lock()
	req := l.pendingSwitch
	l.syncSince, l.dirtySince = l.dirtySince, time.Time{}
	if l.tape.end > l.wrote.lsn {
		l.dirtySince = time.Now()
	}
	l.mu.Unlock()
	err := w.closeLine()
	m := l.cur.sealable(req.at.db)
	// Held until the manifest has its name: what lies ready has the names that another that is made ready, or another manifest, would take.
	l.man.mu.Lock()
	r := l.man.takeReady()
	var rerr error
	if r == nil && err == nil {
		r, rerr = l.makeReady()
	}
	began := time.Now()
	if err == nil {
		rerr, err = w.sealAt(r, rerr, m)
	}
	took := time.Since(began)
	if r != nil && (err != nil || rerr != nil) {
		r.drop(&l.man)
	}
	if err != nil {
		l.man.mu.Unlock()
		l.mu.Lock()
		l.fail(err) // which tells done
		l.rested()
		return
	}
	l.mu.Lock()
	l.wrote = m
	l.syncDone(m, took)
	l.mu.Unlock()

	named := false
	if err = rerr; err == nil {
		if named, err = l.man.takeName(r.manifest); !named {
			r.drop(&l.man)
		}
	}
	l.man.mu.Unlock()
	l.mu.Lock()
	l.pendingSwitch = nil
	if !named {
		defer req.done(err)
		l.rested()
		l.keeper.nudge()
		return
	}
	s := &settlement{manifest: r.manifest, old: l.cur, next: r.next, m: m, err: err, done: req.done}
	if l.policy == Always || err != nil {
		l.mu.Unlock()
		l.settle(s)
		l.mu.Lock()
		l.rested()
		return
	}
	s.adopt(l)
	l.settling, l.syncing = s, true
	l.rested()
	l.syncReq <- syncRequest{settle: s} // has room for one, and there is never a second
}

// sealAt makes cur durable up to m, its end for ever, and fills the companion that says so: rerr, or its error, says that there is none.
func (w *writer) sealAt(r *readySwitch, rerr error, m mark) (_, err error) {
	l := w.l
	sync := func() error {
		if err := l.cur.f.Sync(); err != nil {
			return &WriteError{Op: "fsync", Path: l.cur.path, Cause: err}
		}
		return nil
	}
	if rerr != nil {
		return rerr, sync()
	}
	r.next.begin(m.lsn, m.db)
	l.seal(r.manifest.files, m)
	r.manifest.files[r.next.ref.Name] = r.next.facts
	return l.man.fill(r.manifest, sync)
}

// settlement is what is left of a switch when the manifest has its name.
type settlement struct {
	manifest  *prepared
	old, next *increment
	m         mark  // the end of old
	err       error // of the renaming, which was done all the same
	adopted   bool  // the log goes on in next already
	done      func(error)
}

// adopt goes on in next. Under Log.mu.
func (s *settlement) adopt(l *Log) {
	l.adopt(s.next, mark{lsn: s.m.lsn, db: s.m.db})
	s.adopted = true
}

// settle ends a switch: it makes the names durable and tells who waits. Nobody syncs and nobody switches until it is over.
func (l *Log) settle(s *settlement) {
	err := s.err
	if err == nil {
		l.man.mu.Lock()
		err = l.man.settle(s.manifest)
		l.man.mu.Unlock()
	}
	l.mu.Lock()
	if !s.adopted {
		s.adopt(l)
	}
	l.syncing, l.settling = false, nil
	l.o.Record(Event{Kind: Switched, Path: s.old.path, Pos: s.m.pos, LSN: s.m.lsn, Sum: s.m.sum, HasSum: s.m.hasSum})
	l.o.Cover.Sealed(s.old.path, s.old.facts)
	l.o.Cover.Grown(s.next.path, 0, s.m.lsn)
	if err != nil {
		l.fail(&WriteError{Op: "open", Path: s.next.path, Cause: err})
	}
	l.publish()
	l.unlockAndWake()
	l.o.Wake()
	l.keeper.nudge()
	s.done(err)
}

// adopt goes on in next, of which everything up to m is durable. Under mu.
func (l *Log) adopt(next *increment, m mark) {
	old := l.cur
	l.cur = next
	l.wrote, l.synced, l.kept = m, m, m
	l.forget(m)
	l.publish()
	l.sealedSize.Add(old.facts.Size)
	// Its content is safe, or given up; either way a failing close says nothing that matters any more.
	_ = old.f.Close()
}

// seal notes that cur ends at m for ever.
func (l *Log) seal(files map[string]FileFacts, m mark) {
	ff := &l.cur.facts
	ff.Sealed, ff.End, ff.Size, ff.Sum, ff.HasSum = true, m.lsn, m.pos, m.sum, m.hasSum
	files[l.cur.ref.Name] = *ff
}

// drop takes back a file that no manifest names.
func (c *increment) drop(fs disk.FS) {
	_ = c.f.Close()
	_ = fs.Remove(c.path) // left behind it would be replaced when its name is used again
}

// path is where a file of the log lies.
func (l *Log) path(ref FileRef) string { return filepath.Join(l.o.Dir, ref.Name) }
