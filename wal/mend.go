package wal

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"frankenredis/wal/disk"
)

// How long to wait between attempts to overcome an I/O error.
const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = time.Second // as often as Redis tries
)

// mend overcomes an I/O error. Everything that is not known to be durable is still on the tape; it goes into a new
// increment, because the old one can never be trusted again behind its last good sync.
//
// The order (I4, I12): the new increment is written, synced and named on the disk, though not in the manifest; its
// manifest is ready as a temporary file beside its companion, which says where the old one is to be cut; then the old one
// is cut there, else a stock server would apply the range twice; then the manifest is renamed into force. A process
// that dies between cut and rename has lost nothing: ReadDirectory recognises the state and goes on with the new manifest.
func (w *writer) mend() {
	l := w.l
	l.mu.Lock()
	from, to, db := l.kept, l.tape.end, l.db
	if l.gap > 0 && l.gap == l.kept.lsn && l.synced.lsn < l.kept.lsn {
		from = l.synced
	}
	l.mu.Unlock()
	if from.lsn < l.kept.lsn {
		if err := l.readBack(from, nil); err != nil {
			l.o.Logger.Error("A failed fsync may have lost part of the AOF; until the next rewrite it cannot be loaded after a crash of the machine",
				"path", l.cur.f.Name(), "from", uint64(from.lsn), "to", uint64(l.kept.lsn), "error", err)
			from = l.kept
		}
	}

	l.man.mu.Lock()
	next, named, err := w.rewriteRange(from, to)
	l.man.mu.Unlock()

	l.mu.Lock()
	switch {
	case named && err == nil:
		if from.lsn < l.gap {
			l.gap = 0 // closed: the range is in next
		}
		l.adopt(next, next.sealable(db))
		l.healed(to)
	case named:
		// Which manifest a crash would leave is unknown. The next attempt makes yet another increment, and this one, which
		// may be named, ends where it began.
		l.adopt(next, mark{lsn: from.lsn, db: from.db})
		fallthrough
	default:
		l.stillFailing(err)
	}
	l.rested()
	l.keeper.nudge()
}

// rewriteRange puts the tape from from to to into a new increment. Under manifests.mu.
func (w *writer) rewriteRange(from mark, to LSN) (next *increment, named bool, err error) {
	l := w.l
	if l.synced.lsn < from.lsn {
		// Policy no: what stays in the old increment was never synced, and it is about to be sealed.
		if _, err := syncAt(l.o.FS, l.path(l.cur.ref)); err != nil {
			l.mu.Lock()
			l.gap = max(l.gap, from.lsn)
			l.mu.Unlock()
			return nil, false, &WriteError{Op: "fsync", Path: l.path(l.cur.ref), Cause: err}
		}
	}
	man, files := l.man.manifest.Clone(), maps.Clone(l.man.files)
	ref, err := man.addIncr(l.o.Name)
	if err != nil {
		return nil, false, err
	}
	// No spare: it may have failed with the rest.
	next, err = createIncrement(l.o.FS, l.o.Dir, ref, from.lsn, from.db, nil)
	if err != nil {
		return nil, false, err
	}
	if from.lsn < l.kept.lsn {
		err = l.readBack(from, func(p []byte) error { return w.s.put(next, p, next.since.Len() >= lineEvery, l.Durable()) })
	}
	if err == nil {
		err = w.putRange(next, to, true)
	}
	if err == nil {
		err = w.s.put(next, nil, true, l.Durable())
	}
	if err == nil {
		err = next.f.Sync()
	}
	if err != nil {
		next.drop(l.o.FS)
		return nil, false, err
	}
	l.seal(files, from)
	files[ref.Name] = next.facts
	cut := false
	named, err = l.man.persist(man, files, l.cur.ref.Name, func() (err error) {
		cut, err = cutFile(l.o.FS, l.path(l.cur.ref), from.pos)
		return err
	})
	if !named && !cut {
		next.drop(l.o.FS)
	} else if !named {
		// The old increment is cut in the page cache at least: what lay behind is in the new one only, and the temporary
		// manifest leads there.
		_ = next.f.Close()
	}
	return next, named, err
}

// readBack gives visit, unless it is nil, the stream from from to kept as it can be read back from the spoiled increment:
// what policy no forgot and no sync covered is not on the tape, but mostly still in the page cache. It counts only if our
// lines prove it.
func (l *Log) readBack(from mark, visit func(p []byte) error) error {
	size, err := l.cur.f.Size()
	if err != nil {
		return err
	}
	r := NewReader(l.cur.f, size, ReaderOptions{Path: l.cur.f.Name(), Start: l.cur.facts.Start, Prologue: l.cur.facts.DB > 0, Verify: true})
	for {
		f, err := r.Next()
		switch {
		case err != nil && r.lsn < l.kept.lsn:
			return err
		case err != nil || r.lsn >= l.kept.lsn && f.Kind == LineFrame:
			if t := r.Tail(); l.o.Annotate && (t.Lines == 0 || t.Last.LSN < l.kept.lsn) {
				return fmt.Errorf("%s: nothing proves the bytes behind LSN %d", l.cur.f.Name(), t.Last.LSN)
			}
			return nil
		case visit != nil && f.Kind == CommandFrame && f.LSN >= from.lsn && f.LSN < l.kept.lsn:
			if err := visit(f.Raw); err != nil {
				return err
			}
		}
	}
}

// cutFile ends a file at size, durably. It uses a descriptor of its own: one that has reported an error is of no use.
// cut says whether the file may be cut, whatever err is.
func cutFile(fs disk.FS, path string, size int64) (cut bool, err error) {
	f, err := fs.OpenReadWrite(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return true, err
	}
	return true, f.Sync()
}

// healed takes note that everything up to to is durable again. Under mu.
func (l *Log) healed(to LSN) {
	l.failing = false
	l.syncSince, l.dirtySince = time.Time{}, time.Time{}
	if l.tape.end > to {
		l.dirtySince = time.Now()
	}
	l.stats.heals++
	l.failure.Store(nil)
	l.publish()
	l.o.Logger.Warn("AOF write error looks solved. The server can write again.", "path", l.cur.f.Name(), "lsn", uint64(to))
}

// stillFailing takes note that an attempt failed. Under mu.
func (l *Log) stillFailing(err error) {
	if l.policy == Always && !l.o.Hardened {
		// Clients were promised more than can be kept: the server must not go on (as Redis: it logs the line and exits).
		first := *l.failure.Load()
		first.Fatal = true
		l.fatal = true
		l.failure.Store(&first)
		return
	}
	l.backoff = min(max(2*l.backoff, firstBackoff), lastBackoff)
	l.retryAt = time.Now().Add(l.backoff)
	var we *WriteError
	if !errors.As(err, &we) {
		we = &WriteError{Op: "open", Path: l.o.Dir, Cause: err}
	}
	l.o.Logger.Debug(we.event(), "op", we.Op, "path", we.Path, "error", we.Cause)
}
