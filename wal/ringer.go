package wal

import (
	"io"
	"path/filepath"
	"time"

	"frankenredis/wal/disk"
)

// CommitMode says where a commit under `always` becomes durable.
type CommitMode int

// The modes.
const (
	CommitDirect CommitMode = iota // in the increment itself
	CommitRing                     // in the commit ring; the increment follows
)

// String is the word that the parameter has for it.
func (m CommitMode) String() string {
	if m == CommitRing {
		return "ring"
	}
	return "direct"
}

const (
	// ringStall is after what time without an end of its sync the ring's device is taken to stand still: then another ring takes over.
	ringStall = 250 * time.Millisecond
	// ringRetry is how long to wait before a ring is made anew that failed, ringRetryMost when that failed again and again.
	ringRetry     = time.Second
	ringRetryMost = time.Minute
	// behindDelay is how long bytes that the ring has may wait for being written to the increment, in which they then lie beside others.
	behindDelay = 10 * time.Millisecond
	// behindBytes are written at once.
	behindBytes = 64 << 10
)

// ringer is the goroutine that commits to one ring. Of two, the front one does. Commits are chained over both. Where it can, the executor
// commits in its place (ring_try.go).
type ringer struct {
	l    *Log
	dir  string
	bell *bell
	lock io.Closer // of a folder that is not the log's own; nil: not held

	// The goroutine's own, or whoever's calls finishTry while trying is set.
	file   *ringFile // nil: there is none; changed only while ready is not set, or under Log.mu
	job    ringJob   // the commit under way
	buf    []byte    // its frame, and a descriptor before it
	s      *scribe   // for the increment, while it is borrowed
	follow func()    // r.followJob,
	tried  func()    // and r.finishTry, made once

	// Under Log.mu.
	ready   bool          // it can commit
	resting bool          // it waits for the bell
	busy    bool          // a commit is under way in it,
	trying  bool          // by a thread of the executor's,
	missed  bool          // and the ringer looked for work meanwhile
	credit  int           // commits in a row that were fast
	since   time.Time     // since when
	retryAt time.Time     // when to make a new ring,
	retry   time.Duration // and how long to wait if that fails too
	full    bool          // there was no room when
	fullAt  LSN           // so much was reusable
	after   LSN           // and not before the increments are durable up to here: acknowledged frames lie in the one that failed
}

// ringChain is where the next frame follows: the last one that is durable. Under Log.mu.
type ringChain struct {
	seq  uint64
	prev Sum
	end  LSN // of the last frame's range
}

// ringJob is one frame, with a descriptor before it if skip is not 0.
type ringJob struct {
	off      int64 // of the first
	skip     LSN   // the descriptor covers [chain.end, skip)
	frame    ringFrame
	chain    ringChain
	describe bool
}

// ringOn says that commits become durable in a ring now. A full one holds them where what the increment alone has would not do; else the
// increment takes them meanwhile. Under mu.
func (l *Log) ringOn() bool {
	return l.front != nil && (!l.front.full || l.holds()) && l.policy == Always && l.commit == CommitRing && l.gap == 0 && l.settling == nil
}

// ringWanted says that rings are to be made ready. Under mu.
func (l *Log) ringWanted() bool {
	return l.policy == Always && l.commit == CommitRing && l.o.Annotate
}

// reusable is up to where ring space may be used again: durable in the increments, and covered (I15). Under mu.
func (l *Log) reusable() LSN { return min(LSN(l.filed.Load()), l.o.Cover.Covered()) }

// holds says that replies wait until what only the increment has is covered. Where a start found a large one whose cover was not made in time
// (finalCover), they do not before it has caught up with that: until then there is no ring, and being durable is enough. Under mu.
func (l *Log) holds() bool {
	return l.ringWanted() && !l.closing && (!l.uncovered || l.o.Cover.Covered() >= l.at.LSN)
}

// coverSoon is how many bytes of an increment are covered so soon after a start that replies can wait for it, also if all of it has to be read.
const coverSoon = 64 << 20

// secured is up to where the stream survives a crash and damage within the budget (I1): a ring has everything twice, and of an increment
// there is a second copy, or parity, where it is covered. Under mu.
func (l *Log) secured() LSN {
	to := l.reusable()
	if l.unringed <= to {
		to = max(to, l.ringed)
	}
	return to
}

// CoverMoved says that what Cover.Covered returns has moved. Any goroutine.
func (l *Log) CoverMoved() {
	l.mu.Lock()
	l.publish()
	l.unlockAndWake()
	l.o.Wake()
}

// ringFrom is where the next frame begins: what the increments have durably needs none. Under mu.
func (l *Log) ringFrom() LSN { return max(l.ringed, l.synced.lsn) }

func (r *ringer) run() {
	l := r.l
	defer l.wg.Done()
	defer l.ownThread()() // as the writer
	for {
		l.mu.Lock()
		if l.front == r {
			l.gathering.on = false
		}
		r.resting = false
		job, wait := r.decide(time.Now())
		r.resting = job == ringRest
		l.mu.Unlock()
		switch job {
		case ringRest:
			r.bell.wait(wait)
		case ringMake:
			r.makeReady()
		case ringCommit:
			r.commit()
		case ringQuit:
			if r.file != nil {
				r.file.close()
			}
			if r.lock != nil {
				_ = r.lock.Close()
			}
			return
		}
	}
}

type ringTask int

const (
	ringRest ringTask = iota
	ringMake
	ringCommit
	ringQuit
)

// decide says what to do next, or for how long at most to rest. Under mu.
func (r *ringer) decide(now time.Time) (ringTask, time.Duration) {
	const idle = time.Hour
	l := r.l
	switch {
	case r.trying:
		r.missed = true
		return ringRest, idle // finishTry signals
	case l.closing:
		return ringQuit, 0
	case !l.ringWanted():
		return ringRest, idle
	case !r.ready:
		if l.reusable() < max(r.after, l.at.LSN) { // what the ring there is has may be the only second copy
			return ringRest, ringRetry
		}
		if wait := r.retryAt.Sub(now); wait > 0 {
			return ringRest, wait
		}
		return ringMake, 0
	case l.front != r:
		if l.front == nil || l.front.busy && now.Sub(l.front.since) >= ringStall {
			r.takeOver()
			break
		}
		return ringRest, ringStall
	}
	if l.gap > 0 || l.skip > l.synced.lsn || l.ringFrom() < l.tape.first || l.ringFrom() >= l.tape.end {
		return ringRest, idle
	}
	if r.full {
		if l.reusable() == r.fullAt {
			return ringRest, behindDelay // the writer takes the commits meanwhile, and so makes room
		}
		r.full = false
	}
	if wait := l.gather(now); wait > 0 {
		l.gathering.on = true
		return ringRest, wait
	}
	return ringCommit, 0
}

// takeOver makes r the front. Under mu.
func (r *ringer) takeOver() {
	l := r.l
	if l.front != nil {
		from := l.front.dir
		l.wg.Go(func() { // not under mu, and before nobody's commit: the log that it goes to may lie on that device
			l.o.Logger.Warn("The device of the commit ring does not answer: commits go to the other", "from", from, "to", r.dir)
		})
		l.o.Record(Event{Kind: RingMoved, Path: r.file.path, LSN: l.ringFrom()})
		l.stats.ringMoves++
	}
	l.front = r
	l.gathering = gathering{}
}

// makeReady opens the ring, or makes it.
func (r *ringer) makeReady() {
	l := r.l
	var err error
	if r.file == nil {
		if err = r.takeFolder(); err == nil && r.after == 0 {
			r.file, err = openRing(l.o.FS, r.dir, l.o.Name, l.o.RingSize/2/ringBlock*ringBlock)
		}
		if r.file == nil && r.lock != nil {
			r.file, err = createRing(l.o.FS, r.dir, l.o.Name, l.o.RingSize/2/ringBlock*ringBlock)
		}
	}
	l.mu.Lock()
	if err != nil {
		if r.retry == 0 {
			l.o.Logger.Warn("Can't make the commit ring: commits wait for the increment", "path", r.dir, "error", err)
		}
		r.retry = min(max(2*r.retry, ringRetry), ringRetryMost)
		r.retryAt = time.Now().Add(r.retry)
	} else {
		r.ready, r.retry = true, 0
		if l.front == nil {
			l.front = r
		}
	}
	l.unlockAndWake()
	l.o.Wake()
}

// takeFolder keeps other servers out of a ring's folder. The log's own is locked by whoever opened the log.
func (r *ringer) takeFolder() error {
	fsys := r.l.o.FS
	if r.lock != nil {
		return nil
	}
	if r.dir == r.l.o.Dir {
		r.lock = io.NopCloser(nil)
		return nil
	}
	err := makeFolder(fsys, r.dir)
	if err == nil {
		r.lock, err = fsys.Lock(filepath.Join(r.dir, RingName(r.l.o.Name)+".lock"))
	}
	return err
}

// makeFolder makes a folder and those above it that are missing, each durable in the one above it. Those that are there are made durable too: whoever
// made them may have died before, or the sync may have failed.
func makeFolder(fsys disk.FS, dir string) error {
	above := filepath.Dir(dir)
	if above == dir {
		return nil // the root
	}
	if err := makeFolder(fsys, above); err != nil {
		return err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(above)
}

// commit takes everything that was committed, as far as it fits in one frame, into the ring. What does not goes to the increment.
func (r *ringer) commit() {
	if p, ok := r.begin(); ok {
		r.ended(r.file.write(p, r.job.off, r.job.frame.LSN, r.follow))
	}
}

// begin plans and makes the next frame; not ok: there is none to be written.
func (r *ringer) begin() (p []byte, ok bool) {
	l := r.l
	l.mu.Lock()
	if r.job, ok = r.plan(); !ok {
		r.busy, r.trying = false, false
		l.unlockAndWake() // the writer makes room, or takes it
		return nil, false
	}
	r.busy, r.since = true, time.Now()
	l.mu.Unlock()
	if p, ok = r.compose(&r.job); !ok { // the increment had it before
		l.mu.Lock()
		r.busy, r.trying = false, false
		l.unlockAndWake()
	}
	return p, ok
}

// ended takes note of how the commit under way ended.
func (r *ringer) ended(err error) {
	l := r.l
	took := time.Since(r.since)
	l.o.Took(StepSync, took)
	l.mu.Lock()
	own := r.trying
	r.busy, r.trying = false, false
	r.rate(took)
	if err != nil {
		r.failed(err)
		l.unlockAndWake()
	} else {
		if own {
			l.stats.tried++
		}
		r.committed(&r.job, took)
	}
	l.o.Wake()
}

// followJob writes to the increment what the frame has, so that it is there before the reply, and what it lacks before that. While a sync
// is under way, by the executor's thread also one of another file, a write may take as long as that, and a switch or a repair is the writer's:
// then it is left to the writer, and later.
func (r *ringer) followJob() {
	l, f := r.l, &r.job.frame
	l.mu.Lock()
	if l.writing || l.syncing || l.failing || l.closing || l.pendingSwitch != nil || l.wrote.lsn >= f.LSN || f.LSN-l.wrote.lsn > ringPayload ||
		r.trying && (l.credit < inlineCredit || !r.file.alone()) {
		l.mu.Unlock()
		return
	}
	l.writing, l.borrowed = true, true
	l.mu.Unlock()
	began := time.Now()
	err := l.putRange(r.s, l.cur, f.LSN, false)
	took := time.Since(began)
	l.o.Took(StepWrite, took)
	l.mu.Lock()
	l.writing, l.borrowed = false, false
	l.rate(took)
	switch {
	case err != nil:
		l.fail(err)
	case !l.failing: // else a sync failed meanwhile, and what was written here will be again
		l.advance(f.DB)
	}
	now := time.Now()
	t, wait := l.decide(now)
	wake := l.resting && (t != rest || now.Add(wait).Before(l.alarm))
	if wake {
		l.resting = false
	}
	l.mu.Unlock()
	if wake {
		l.bell.ring()
	}
}

// plan lays out the next frame; not ok: the writer is to sync first. Under mu.
func (r *ringer) plan() (job ringJob, ok bool) {
	l := r.l
	from := l.ringFrom()
	if from >= l.tape.end {
		return job, false // since it was decided others made all of it durable
	}
	if most := min(ringPayload, r.file.half-ringHead-ringBlock); l.tape.end-from > LSN(most) {
		l.skip = l.tape.end
		return job, false
	}
	if job.chain = l.chain; job.chain.seq != l.numbered {
		job.chain.seq = l.numbered + 1 // left out: the number before this frame's is nobody's (ringScan.checkLink)
	}
	job.describe = l.chain.seq > 0 && l.chain.end < from
	job.frame = ringFrame{Log: l.man.uuid, Position: l.at, Start: from, Filed: LSN(l.filed.Load()), FiledSeq: l.cur.ref.Seq,
		FiledPos: l.synced.pos, DB: l.db, Millis: max(l.o.Now().UnixMilli(), 0)}
	job.frame.LSN = l.tape.end
	size := ringSize(job.frame.payload())
	if job.describe {
		size += ringBlock
	}
	r.file.free(l.reusable())
	if job.off, ok = r.file.place(size); ok {
		l.numbered = job.chain.seq + 1
		if job.describe {
			l.numbered++
		}
	}
	r.full, r.fullAt = !ok, l.reusable()
	used := r.file.usedFrom(0)
	l.ringTight = !ok || r.tight(LSN(l.filed.Load()))
	l.ringShort = !ok || 8*used > 7*r.file.half
	if l.coverTight = !ok || r.tight(l.reusable()); l.coverTight {
		l.o.Cover.Hurry()
	}
	return job, ok
}

// ringMuch is how many bytes of the log are made durable and covered in a time that a half of a ring is enough for.
const ringMuch = 2 << 20

// tight says whether what lies behind position from takes so much of the ring that it is to be made durable, or covered, now: more than half of it, or
// three quarters where that is not many bytes of the log. The frames of a single client fill half a ring with 200 kB of them in a fifth of a second,
// and its commits are slow meanwhile. Under mu.
func (r *ringer) tight(from LSN) bool {
	used := r.file.usedFrom(from)
	return 4*used > 3*r.file.half || 2*used > r.file.half && r.l.tape.end-from >= ringMuch
}

// compose makes the frames. The tape may be dropped meanwhile, when a sync of the increment ends.
func (r *ringer) compose(job *ringJob) (p []byte, ok bool) {
	l, f := r.l, &job.frame
	n, at := f.payload(), 0
	size := int(ringSize(n))
	if job.describe {
		at = ringBlock
	}
	if cap(r.buf) < at+size {
		r.buf = disk.Aligned(2 * (at + size))
	}
	p = r.buf[:at+size]
	payload := p[at+ringHead:][:n]
	for lsn := f.Start; lsn < f.LSN; {
		l.mu.Lock()
		if lsn < l.tape.first {
			l.mu.Unlock()
			return nil, false
		}
		lsn += LSN(copy(payload[lsn-f.Start:], l.tape.piece(lsn, f.LSN)))
		l.mu.Unlock()
	}
	if job.describe {
		d := *f
		d.Skip, d.Start, d.LSN = true, job.chain.end, f.Start
		r.link(job, &d, p[:ringBlock], job.off)
	}
	r.link(job, f, p[at:], job.off+int64(at))
	return p, true
}

// link seals a frame as the next of the chain.
func (r *ringer) link(job *ringJob, f *ringFrame, p []byte, off int64) {
	job.chain.seq++
	f.Seq, f.Prev, f.Off = job.chain.seq, job.chain.prev, off
	f.seal(p)
	job.chain.prev, job.chain.end = f.Sum, f.LSN
}

// committed takes note that a frame is durable. Under mu, which it releases.
func (r *ringer) committed(job *ringJob, took time.Duration) {
	l := r.l
	if l.front == r {
		l.gathering.synced(job.frame.LSN-job.frame.Start, l.tape.end, took)
	}
	if job.chain.seq > l.chain.seq { // else another ring took over meanwhile
		l.chain = job.chain
	}
	if job.frame.Start > l.ringed {
		if l.unringed = job.frame.Start; l.holds() && l.reusable() < l.unringed {
			l.o.Cover.Hurry() // the replies wait
		}
	}
	if job.frame.LSN > l.ringed {
		l.ringed, l.ringedDB = job.frame.LSN, job.frame.DB
	}
	l.stats.ringed++
	l.stats.lastSync = took
	l.publish()
	wake := l.resting && (l.wrote.lsn < job.frame.LSN && !l.behindDue || l.ringTight && !l.syncing || l.tape.end-l.wrote.lsn >= behindBytes)
	if wake {
		l.resting = false
	}
	l.mu.Unlock()
	if wake {
		l.bell.ring()
	}
}

// failed takes note of an I/O error: it is final for this ring. What it holds that was acknowledged is durable and stays until the
// increments have it; what was under way goes to the other ring, or to the increment. Under mu.
func (r *ringer) failed(err error) {
	l := r.l
	l.o.Logger.Error("Fail to write the commit ring", "path", r.file.path, "error", err, "durable", l.durable.Load())
	l.o.Record(Event{Kind: RingFailed, Path: r.file.path, LSN: LSN(l.durable.Load()), Err: err})
	l.stats.ringFailures++
	r.file.close()
	r.file, r.ready, r.retryAt, r.after = nil, false, time.Now().Add(ringRetry), max(l.ringed, 1)
	if l.front == r {
		l.front = nil
		for _, other := range l.ringers {
			if other.ready {
				l.front = other
			}
		}
		l.gathering = gathering{}
	}
	l.publish()
}
