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

// repair is what overcomes an I/O error: a new increment, written and synced, and the manifest that names it, ready but
// not in force.
type repair struct {
	from     mark // the spoiled increment ends here
	to       LSN  // the new one holds the stream up to here
	db       int  // the stream's database there
	next     *increment
	manifest *prepared
	named    bool // the manifest may be in force
}

// mend overcomes an I/O error. Everything that is not known to be durable is still on the tape; it goes into a new
// increment, because the old one can never be trusted again behind its last good sync.
//
// The order (I4, I12): the new increment is written, synced and named on the disk, though not in the manifest; its
// manifest is ready as a temporary file beside its companion, which says where the old one is to be cut; then the old one
// is cut there, else a stock server would apply the range twice; then the manifest is renamed into force. A process
// that dies between cut and rename has lost nothing: ReadDirectory recognises the state and goes on with the new manifest.
func (w *writer) mend() {
	l := w.l
	l.man.mu.Lock()
	rep, err := w.tryRepair()
	l.man.mu.Unlock()

	l.mu.Lock()
	if err != nil {
		l.stillFailing(err)
	} else {
		if rep.from.lsn < l.gap {
			l.gap = 0 // closed: the range is in the new increment
		}
		old, m := l.cur, rep.next.sealable(rep.db)
		l.adopt(rep.next, m)
		l.o.Cover.Sealed(old.path, old.facts)
		l.o.Cover.Grown(rep.next.path, m.pos, m.lsn)
		l.healed(rep.to)
	}
	l.rested()
	l.keeper.nudge()
}

// tryRepair makes one attempt, or goes on with the one before if that came so far that only it has everything. Under
// manifests.mu.
func (w *writer) tryRepair() (*repair, error) {
	l, rep := w.l, w.repair
	var err error
	switch {
	case rep == nil:
		rep, err = w.prepareRepair()
	case rep.named:
		// The manifest was renamed but the folder did not sync, so nobody knows which one a crash would leave. Syncing once
		// more would prove nothing; the same manifest is made anew.
		var again *prepared
		if again, err = l.man.prepare(rep.manifest.m, rep.manifest.files, l.cur.ref.Name); err == nil {
			rep.manifest = again
		}
	}
	if err != nil {
		return nil, err
	}
	cut, err := cutFile(l.o.FS, l.path(l.cur.ref), rep.from.pos)
	if err != nil && !cut && w.repair == nil {
		l.man.drop(rep.manifest)
		rep.next.drop(l.o.FS) // everything is as it was
		return nil, err
	}
	w.repair, l.man.repairing = rep, true
	if err == nil {
		rep.named, err = l.man.commit(rep.manifest)
	}
	if err == nil {
		w.repair, l.man.repairing = nil, false
	}
	return rep, err
}

// prepareRepair writes the new increment and makes its manifest ready.
func (w *writer) prepareRepair() (*repair, error) {
	l := w.l
	l.mu.Lock()
	rep := &repair{from: l.kept, to: l.tape.end, db: l.db}
	if l.gap == l.kept.lsn && l.synced.lsn < l.kept.lsn {
		rep.from = l.synced
	}
	l.mu.Unlock()
	if rep.from.lsn < l.kept.lsn {
		if err := l.readBack(rep.from, nil); err != nil {
			l.o.Logger.Error("A failed fsync may have lost part of the AOF; until the next rewrite it cannot be loaded after a crash of the machine",
				"path", l.cur.path, "from", uint64(rep.from.lsn), "to", uint64(l.kept.lsn), "error", err)
			rep.from = l.kept
		}
	}
	if l.synced.lsn < rep.from.lsn {
		// Policy no: what stays in the old increment was never synced, and it is about to be sealed.
		if _, err := syncAt(l.o.FS, l.path(l.cur.ref)); err != nil {
			l.mu.Lock()
			l.gap = max(l.gap, rep.from.lsn)
			l.mu.Unlock()
			return nil, &WriteError{Op: "fsync", Path: l.path(l.cur.ref), Cause: err}
		}
	}
	l.man.dropReady() // it has the name that the new increment is about to get
	m, files := l.man.manifest.Clone(), maps.Clone(l.man.files)
	ref, err := m.addIncr(l.o.Name)
	if err != nil {
		return nil, err
	}
	// No spare: it may have failed with the rest.
	rep.next, err = createIncrement(l.o.FS, l.o.Dir, ref, rep.from.lsn, rep.from.db, nil)
	if err != nil {
		return nil, err
	}
	if err = w.fillRepair(rep); err == nil {
		l.seal(files, rep.from)
		files[ref.Name] = rep.next.facts
		rep.manifest, err = l.man.prepare(m, files, l.cur.ref.Name)
	}
	if err != nil {
		rep.next.drop(l.o.FS)
		return nil, err
	}
	return rep, nil
}

// fillRepair writes and syncs the new increment.
func (w *writer) fillRepair(rep *repair) error {
	l := w.l
	if rep.from.lsn < l.kept.lsn {
		err := l.readBack(rep.from, func(p []byte) error { return w.s.put(rep.next, p, rep.next.since.Len() >= lineEvery, l.Filed()) })
		if err != nil {
			return err
		}
	}
	if err := l.putRange(w.s, rep.next, rep.to, true); err != nil {
		return err
	}
	if err := w.s.put(rep.next, nil, true, l.Filed()); err != nil {
		return err
	}
	if err := rep.next.f.Sync(); err != nil {
		return &WriteError{Op: "fsync", Path: rep.next.path, Cause: err}
	}
	return nil
}

// readBack gives visit, unless it is nil, the stream from from to kept as it can be read back from the spoiled increment:
// what policy no forgot and no sync covered is not on the tape, but mostly still in the page cache. It counts only if its
// digests prove it.
func (l *Log) readBack(from mark, visit func(p []byte) error) error {
	size, err := l.cur.f.Size()
	if err != nil {
		return err
	}
	r := NewReader(l.cur.f, size, ReaderOptions{Path: l.cur.path, Start: l.cur.facts.Start, Prologue: l.cur.facts.DB > 0, Verify: true})
	for {
		f, err := r.Next()
		if err != nil {
			return fmt.Errorf("nothing proves the bytes up to LSN %d: %w", l.kept.lsn, err)
		}
		if f.Kind == CommandFrame && f.LSN >= from.lsn && f.LSN < l.kept.lsn && visit != nil {
			if err := visit(f.Raw); err != nil {
				return err
			}
		}
		if r.lsn < l.kept.lsn {
			continue
		}
		r.hash()
		if f.Kind == LineFrame || !l.o.Annotate || l.cur.lsn == r.lsn && l.cur.since.Sum() == r.since.Sum() {
			return nil
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
	l.o.Record(Event{Kind: Healed, Path: l.cur.path, LSN: to})
	l.failure.Store(nil)
	l.publish()
	l.o.Logger.Warn("AOF write error looks solved. The server can write again.", "path", l.cur.path, "lsn", uint64(to))
}

// elsewhere says that commits become durable on another device meanwhile. Under mu.
func (l *Log) elsewhere() bool { return l.ringOn() && l.front.dir != l.o.Dir }

// stillFailing takes note that an attempt failed. Under mu.
func (l *Log) stillFailing(err error) {
	if l.policy == Always && !l.o.Hardened && !l.elsewhere() {
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
