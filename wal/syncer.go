package wal

import (
	"time"

	"frankenredis/wal/disk"
)

// syncRequest is one background sync: of everything before the mark, or the end of a switch.
type syncRequest struct {
	c      *increment
	m      mark
	from   int64 // everything of c before that was synced
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
	req := syncRequest{c: l.cur, m: l.wrote, from: l.synced.pos}
	l.syncing, l.lateSync = true, false
	l.syncSince, l.dirtySince = l.dirtySince, time.Time{}
	if l.tape.end > l.wrote.lsn {
		l.dirtySince = time.Now() // came while the line was written
	}
	l.writing = false
	l.mu.Unlock()
	l.syncReq <- req // has room for one, and there is never a second
}

// writeBackFor is how long a background sync takes its time at most.
const writeBackFor = 100 * time.Millisecond

// writeBack has what is to be synced written bit by bit as long as nobody waits for it. All of it at once keeps the device busy for
// milliseconds (5 MB: 2.4 to 4.3, traced), and what the ring commits meanwhile stands behind it, with its replies.
func (l *Log) writeBack(req syncRequest) error {
	began := time.Now()
	piece := disk.PieceOf(req.m.pos - req.from)
	for at := req.from; req.m.pos-at > piece && time.Since(began) < writeBackFor && l.mayTakeTime(); at += piece {
		if able, err := disk.WriteBack(req.c.f, at, piece); !able || err != nil {
			return err
		}
		time.Sleep(disk.WriteBackRest)
	}
	return nil
}

// mayTakeTime says whether a background sync may be slow: the ring keeps what it is to make durable, has room, and nobody waits for the sync.
func (l *Log) mayTakeTime() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ringOn() && !l.ringShort && !l.failing && !l.closing && l.pendingSwitch == nil && l.skip <= l.synced.lsn && !l.wantsAhead()
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
		err := l.writeBack(req)
		began := time.Now()
		if err == nil {
			err = req.c.f.SyncData()
		}
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
