package wal

import (
	"errors"
	"maps"
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

// changeOver does what Switch asked for. Everything up to its position is written, nothing behind it; no sync is under
// way. Commits go onto the tape meanwhile and their replies wait.
//
// The order: N is sealed and durable; N+1 exists empty and durable under its name; the manifest naming it is durable;
// only then N+1 gets its first byte, and N never gets another (a stock server refuses a log in which any but the last
// increment is torn).
func (w *writer) changeOver() {
	l := w.l
	l.mu.Lock()
	req := l.pendingSwitch
	l.syncSince, l.dirtySince = l.dirtySince, time.Time{}
	if l.tape.end > l.wrote.lsn {
		l.dirtySince = time.Now()
	}
	l.mu.Unlock()
	began := time.Now()
	err := w.closeLine()
	m := l.cur.sealable(req.at.db)
	if err == nil {
		if serr := l.cur.f.Sync(); serr != nil {
			err = &WriteError{Op: "fsync", Path: l.cur.path, Cause: serr}
		}
	}
	l.mu.Lock()
	if err != nil {
		l.fail(err) // which tells done
		l.rested()
		return
	}
	l.wrote = m
	l.syncDone(m, time.Since(began))
	l.mu.Unlock()

	l.man.mu.Lock()
	next, named, err := w.nextIncrement(m)
	l.man.mu.Unlock()
	l.mu.Lock()
	if named {
		l.o.Record(Event{Kind: Switched, Path: l.cur.path, Pos: m.pos, LSN: m.lsn, Sum: m.sum, HasSum: m.hasSum})
		l.adopt(next, mark{lsn: m.lsn, db: m.db})
		if err != nil {
			l.fail(&WriteError{Op: "open", Path: l.cur.path, Cause: err})
		}
	}
	if l.pendingSwitch != nil { // fail has told it else
		l.pendingSwitch = nil
		defer req.done(err)
	}
	l.rested()
	l.keeper.nudge()
}

// adopt goes on in next, of which everything up to m is durable. Under mu.
func (l *Log) adopt(next *increment, m mark) {
	old := l.cur
	l.cur = next
	l.wrote, l.synced, l.kept = m, m, m
	l.forget(m)
	l.publish()
	l.sealedSize.Add(old.facts.Size)
	l.o.Cover.Sealed(old.path, old.facts)
	l.o.Cover.Grown(next.path, m.pos, m.lsn)
	// Its content is safe, or given up; either way a failing close says nothing that matters any more.
	_ = old.f.Close()
}

// nextIncrement seals cur at m and names its successor in the manifest. Under manifests.mu.
func (w *writer) nextIncrement(m mark) (next *increment, named bool, err error) {
	l := w.l
	man, files := l.man.manifest.Clone(), maps.Clone(l.man.files)
	ref, err := man.addIncr(l.o.Name)
	if err != nil {
		return nil, false, err
	}
	next, err = createIncrement(l.o.FS, l.o.Dir, ref, m.lsn, m.db, l.keeper.takeSpare())
	if err != nil {
		return nil, false, err
	}
	l.seal(files, m)
	files[ref.Name] = next.facts
	named, err = l.man.persist(man, files)
	if !named {
		next.drop(l.o.FS)
	}
	return next, named, err
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
