package wal

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// Held takes the stream while the base is being made that a log begins with (appendonly yes at run time, or a full sync behind which a log
// begins): it writes the first increment of that log, under a temporary name, beside the base. [Begin] seals it, gives it its name, and the
// manifest that has the base has it, too. So memory holds no more than Options.PendingLimit however long the base takes, nothing is written twice, and the
// stream has to wait only where the disk does not keep up with it.
//
// No file of a log names it before: until then a crash leaves a temporary file, which the next start removes, and the generation before is in
// charge (I21). So nothing of it is durable yet and replies do not wait for it, as in Redis: Released is the end, Durable where it began (I8).
// An error of the disk ends the attempt, not the stream: what follows is counted and not kept, and Begin returns the error.
//
// Commit, CommitIdle and Fail are the executor's, and so is Rest once Begin has returned; Close is for the goroutine that calls Begin, the rest for any.
type Held struct {
	o      Options
	at     Position
	live   liveOptions
	lastTS int64

	waiting atomic.Int64 // bytes in memory
	end     atomic.Uint64
	full    atomic.Bool   // somebody was told that it is
	done    chan struct{} // closed by the spiller, when the file is as it stays, or gone

	c *increment // the spiller's until done

	mu     sync.Mutex
	more   sync.Cond   // there is work for the spiller, or an end to it
	db     int         // the stream's database at the end of queue
	queue  [][]byte    // what the file is to get, whole units each
	free   [][]byte    // chunks to use again
	rest   []heldPiece // what came after sealing
	sealed bool        // queue is the last that the file gets
	closed bool
	err    error // the attempt has failed
}

type heldPiece struct {
	p  []byte
	db int
}

const (
	heldChunk  = 4 * lineEvery // bytes of the stream that are written at once, unless a commit is larger
	heldChunks = 8             // chunks that are kept for use again
	heldSync   = 32 << 20      // bytes behind which the file is synced, so that sealing it waits for little
)

// NewHeld begins to hold the stream at that position, where its database is db (Start.DB). It touches no disk: the file is made by a
// goroutine, which Close ends.
func NewHeld(o Options, at Position, db int) *Held {
	o.setDefaults()
	db = beginDB(db)
	h := &Held{o: o, at: at, db: db, done: make(chan struct{})}
	h.more.L = &h.mu
	h.live.set(&h.o)
	h.live.at.Store(&h.at)
	h.end.Store(uint64(at.LSN))
	h.c = &increment{path: filepath.Join(o.Dir, TempName(o.Name, heldSuffix)), hasFile: true, facts: FileFacts{UUID: NewUUID()}}
	h.c.begin(at.LSN, db)
	go h.run()
	return h
}

// heldSuffix is what the file is called while it is held: two are never held at once.
const heldSuffix = "held"

// Commit takes the whole units of one turn, as Log.Commit does. It waits for nothing.
func (h *Held) Commit(p []byte, db int) {
	if len(p) == 0 {
		return
	}
	h.mu.Lock()
	h.end.Add(uint64(len(p)))
	switch {
	case h.err != nil:
	case h.sealed:
		h.rest = append(h.rest, heldPiece{append([]byte(nil), p...), db})
		h.waiting.Add(int64(len(p)))
	default:
		last := len(h.queue) - 1
		if last < 0 || len(h.queue[last])+len(p) > cap(h.queue[last]) {
			h.queue = append(h.queue, h.chunk(len(p)))
			last++
		}
		h.queue[last] = append(h.queue[last], p...)
		h.db = db
		h.waiting.Add(int64(len(p)))
		h.more.Signal()
	}
	h.mu.Unlock()
}

// CommitIdle is Commit: there is nothing to finish.
func (h *Held) CommitIdle(p []byte, db int) (finish func()) {
	h.Commit(p, db)
	return nil
}

// chunk is an empty chunk with room for n bytes. Under mu.
func (h *Held) chunk(n int) []byte {
	if k := len(h.free) - 1; k >= 0 && n <= heldChunk {
		p := h.free[k]
		h.free = h.free[:k]
		return p
	}
	return make([]byte, 0, max(n, heldChunk))
}

// End is the end of what was committed.
func (h *Held) End() LSN { return LSN(h.end.Load()) }

// Released is End: there is no log yet for which a reply could wait.
func (h *Held) Released() LSN { return h.End() }

// Durable is where the stream was begun to be held: no manifest has any of it (I8).
func (h *Held) Durable() LSN { return h.at.LSN }

// Full says that the bytes held in memory reached their limit: the disk is slower than the clients.
func (h *Held) Full() bool {
	if h.waiting.Load() < h.o.PendingLimit {
		return false
	}
	h.full.Store(true)
	return h.waiting.Load() >= h.o.PendingLimit // or the spiller came before
}

// Err is nil: writes are never refused.
func (h *Held) Err() error { return nil }

// Fail gives the attempt up for that reason: what is committed from now on does not belong to this log. Begin returns the reason, unless
// the file was sealed before.
func (h *Held) Fail(err error) {
	h.mu.Lock()
	if !h.sealed {
		h.fail(err)
	}
	h.mu.Unlock()
}

// fail ends the attempt. Under mu.
func (h *Held) fail(err error) {
	if h.err == nil {
		h.err = err
	}
	h.queue, h.free, h.rest = nil, nil, nil
	h.waiting.Store(0)
	h.more.Signal()
	h.wake()
}

// wake tells who was told that the log is full that it may not be.
func (h *Held) wake() {
	if h.waiting.Load() < h.o.PendingLimit && h.full.Swap(false) {
		h.o.Wake()
	}
}

// Rest hands the log what was committed after the file was sealed.
func (h *Held) Rest(l *Log) {
	h.mu.Lock()
	rest := h.rest
	h.rest = nil
	h.mu.Unlock()
	for _, piece := range rest {
		l.Commit(piece.p, piece.db)
	}
}

// Close waits until nothing is written any more; of a file that was not sealed nothing is left. After Begin it changes nothing.
func (h *Held) Close() {
	h.mu.Lock()
	h.closed = true
	h.more.Signal()
	h.mu.Unlock()
	<-h.done
}

var errHeldClosed = errors.New("closed")

// sealInto ends the file where the stream stands, makes it durable and gives it its name, as the first increment of the log that starts there:
// Open syncs the folder before a manifest has it. What is committed from now on waits for Rest.
func (h *Held) sealInto(s *Start) error {
	h.mu.Lock()
	h.sealed = true
	h.more.Signal()
	h.mu.Unlock()
	<-h.done
	h.mu.Lock()
	err, db := h.err, h.db
	h.mu.Unlock()
	if err != nil {
		return err
	}
	ref, err := s.Manifest.addIncr(h.o.Name)
	if err == nil {
		path := filepath.Join(h.o.Dir, ref.Name)
		h.o.freeName(path)
		if err = h.o.FS.Rename(h.c.path, path); err != nil {
			err = &WriteError{Op: "open", Path: path, Cause: err}
		}
	}
	if err != nil {
		_ = h.o.FS.Remove(h.c.path) // what stays is swept away at the next start
		return err
	}
	c := h.c
	s.Facts.Files[ref.Name] = c.facts
	s.Position.LSN, s.DB = c.lsn, db
	s.Tail = &Tail{Kind: TailClean, Size: c.pos, Start: h.at.LSN, LSN: c.lsn, known: true, since: c.since, file: c.file}
	s.synced = true
	return nil
}

// run is the spiller: it alone writes the file.
func (h *Held) run() {
	defer close(h.done)
	if h.o.Thread != nil {
		runtime.LockOSThread() // and ends with it
		h.o.Thread()
	}
	err := h.spill()
	h.mu.Lock()
	if err != nil {
		h.fail(err)
	}
	h.mu.Unlock()
	if h.c.f == nil {
		return
	}
	_ = h.c.f.Close() // its content is durable, or given up
	if err != nil {
		_ = h.o.FS.Remove(h.c.path) // what stays is swept away at the next start
	}
}

// spill writes what is committed until the file is sealed and durable.
func (h *Held) spill() error {
	f, err := createEmpty(h.o.FS, h.c.path)
	if err != nil {
		return &WriteError{Op: "open", Path: h.c.path, Cause: err}
	}
	h.c.f = f
	s := newScribe(&h.o, &h.live, &h.lastTS)
	var work [][]byte
	unsynced := 0
	for {
		var end bool
		if work, end, err = h.next(work); err != nil {
			return err
		}
		for _, p := range work {
			if err := s.put(h.c, p, h.c.since.Len()+int64(len(p)) >= lineEvery, h.at.LSN); err != nil {
				return err
			}
			if unsynced += len(p); unsynced >= heldSync {
				if err := f.SyncData(); err != nil {
					return &WriteError{Op: "fsync", Path: h.c.path, Cause: err}
				}
				unsynced = 0
			}
			h.waiting.Add(-int64(len(p)))
			h.wake()
		}
		if !end {
			continue
		}
		if err := s.put(h.c, nil, true, h.at.LSN); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return &WriteError{Op: "fsync", Path: h.c.path, Cause: err}
		}
		return nil
	}
}

// next waits for what is to be written; end says that nothing follows. written are chunks that may be used again.
func (h *Held) next(written [][]byte) (work [][]byte, end bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range written {
		if cap(p) == heldChunk && len(h.free) < heldChunks {
			h.free = append(h.free, p[:0])
		}
	}
	for len(h.queue) == 0 && !h.sealed && !h.closed && h.err == nil {
		h.more.Wait()
	}
	switch {
	case h.err != nil:
		return nil, false, h.err
	case h.closed && !h.sealed:
		return nil, false, errHeldClosed
	}
	work, h.queue = h.queue, nil
	return work, h.sealed, nil
}
