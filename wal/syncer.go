package wal

import "time"

// syncRequest is one background sync: of everything before the mark, or the end of a switch.
type syncRequest struct {
	c      *increment
	m      mark
	settle *settlement
}

// handOver begins the background sync of everything written so far. A line goes before it: what a sync made durable is
// then proven by its line after any crash.
func (w *writer) handOver() {
	l := w.l
	err := w.closeLine()
	l.mu.Lock()
	if err != nil {
		l.fail(err)
		l.rested()
		return
	}
	l.wrote = l.cur.sealable(l.wrote.db)
	req := syncRequest{c: l.cur, m: l.wrote}
	l.syncing, l.lateSync = true, false
	l.syncSince, l.dirtySince = l.dirtySince, time.Time{}
	if l.tape.end > l.wrote.lsn {
		l.dirtySince = time.Now() // came while the line was written
	}
	l.writing = false
	l.mu.Unlock()
	l.syncReq <- req // has room for one, and there is never a second
}

// runSyncer is the syncer goroutine: it runs background syncs until the writer ends.
func (l *Log) runSyncer() {
	defer l.wg.Done()
	if l.o.Thread != nil {
		defer l.ownThread()()
	}
	for req := range l.syncReq {
		if req.settle != nil {
			l.settle(req.settle)
			continue
		}
		began := time.Now()
		err := req.c.f.SyncData()
		took := time.Since(began)
		l.mu.Lock()
		l.syncing = false
		if err != nil {
			l.fail(&WriteError{Op: "fsync", Path: req.c.path, Cause: err})
		} else {
			l.syncDone(req.m, took)
		}
		l.unlockAndWake()
		l.o.Wake()
		l.keeper.nudge()
	}
}
