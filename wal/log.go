package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"frankenredis/wal/disk"
)

// Log is the write-ahead log of one server: it takes what the executor commits, turn by turn, and says when replies may
// leave. Methods are the executor's alone unless they say otherwise.
//
// These goroutines belong to it. The writer, locked to its thread, writes what the executor could not write itself,
// syncs under `always`, switches increments and repairs after I/O errors. The syncer runs the background sync, one at a
// time. The keeper keeps the watermark file and a spare increment ready. A ringer for each commit ring commits to it.
//
// Invariants, under mu:
//
//	kept.lsn <= wrote.lsn <= tape.end        what may have to be written again is on the tape
//	synced.lsn <= wrote.lsn                  a sync covers only what was written before it began
//	synced.lsn <= kept.lsn                   and they are equal unless the policy is, or was, no
//	filed <= synced.lsn                      and less only if a gap in what is durable lies between (I8)
//	durable = max(filed, ringed)             and the ring holds everything from filed to ringed (I1, I15)
type Log struct {
	o  Options
	at Position // of this start; LSN: where it began. Under mu, but for the executor, which alone changes it with Rename

	end LSN // executor only: end of what was committed

	// Published; any goroutine. released never falls, written does when a sync fails.
	written  atomic.Uint64
	durable  atomic.Uint64
	filed    atomic.Uint64 // the increments are durable up to here; durable may be ahead of it, in the ring
	released atomic.Uint64
	keptLSN  atomic.Uint64
	failure  atomic.Pointer[WriteError]
	// Bytes of all files but cur, and of the last base.
	sealedSize, baseSize atomic.Int64

	// renames is held while the history gets another name. Whoever closes the log waits for that, for a log that follows may write the same files.
	renames sync.Mutex
	// installing is held while a base takes its place, see Install.
	installing sync.Mutex

	exec *scribe // executor only, under mu
	live liveOptions

	bell    *bell            // rung for the writer
	syncReq chan syncRequest // sent and, at the end, closed by the writer
	wg      sync.WaitGroup

	// mu protects what follows. It is held for copies and arithmetic, and by the executor for an inline write.
	mu     sync.Mutex
	policy Policy
	tape   tape
	cur    *increment // its content belongs to the writer while writing is set, else to whoever holds mu
	wrote  mark
	synced mark
	kept   mark // of the tape's first byte
	db     int  // the stream's database at tape.end

	resting   bool      // the writer waits for the bell,
	alarm     time.Time // at the latest until then
	gathering gathering
	writing   bool // the writer is at work in cur, without mu,
	borrowed  bool // or whoever commits to a ring is
	syncing   bool // a background sync is under way
	closing   bool
	finalSync bool
	gap       LSN // bytes before here may be missing on the disk although they were written; 0: none

	// When the oldest byte was committed that the sync under way covers, and the oldest that none covers; zero: none.
	syncSince, dirtySince time.Time
	credit                int // writes in a row that were fast

	failing bool
	fatal   bool // and it will not be overcome
	retryAt time.Time
	backoff time.Duration

	pendingSwitch *switchRequest
	ahead         *ahead      // who waits for the syncs before one; nil: nobody
	settling      *settlement // of one whose names are yet to be made durable; syncing is set, too

	// The commit rings (ringer.go).
	ringers     []*ringer
	front       *ringer // commits; nil: none is ready
	commit      CommitMode
	chain       ringChain
	numbered    uint64    // the last number that a frame was given; ahead of chain.seq if that frame failed, or is under way
	ringed      LSN       // durable in a ring up to here
	ringedDB    int       // the stream's database there
	unringed    LSN       // something before here no ring has: it is safe where the increments are covered
	skip        LSN       // what lies before is too much for a frame: the writer makes it durable
	ringTight   bool      // what the increment does not have durably takes much of a ring (ringer.tight), or it is full: the increment is to be synced now
	ringShort   bool      // an eighth of a ring is left: a sync does not take its time
	coverTight  bool      // what is not covered takes as much: it is to be covered now
	behindSince time.Time // since when the increment lacks something that the ring has; zero: not known to
	uncovered   bool      // the start found a large increment whose cover was not there in time; never changes
	behindDue   bool      // the writer rests with an alarm for what the increment lacks

	stats struct {
		syncs, delayed, heals, inline, queued int64
		ringed, ringFailures, ringMoves       int64
		tried                                 int64
		lastSync                              time.Duration
	}
	lateSync bool // the sync that is due waits for the one before it; counted already

	lastTS   int64 // second of the last "#TS:" line
	closeErr error // of the writer's last work

	man    manifests
	keeper keeper
}

// inlineCredit is how many writes in a row must have been fast before the executor writes itself again.
const inlineCredit = 16

const (
	// slowWrite is how long a write may take before the executor leaves writing to the writer for a while: a write into
	// the page cache takes microseconds, unless the kernel makes it wait for the disk.
	slowWrite = time.Millisecond
	// inlineLimit bounds the bytes that the executor writes itself in one commit.
	inlineLimit = 256 << 10
	// syncDelay is how long `everysec` lets bytes lie unsynced. A little less than the second promised, for the writer
	// needs a moment to wake up.
	syncDelay = 950 * time.Millisecond
)

// Open goes on where recovery says. It first makes the new epoch durable, so that no position is used twice even if it
// gets no further (I6), and it syncs what it found, so that Durable is true from the beginning (I8).
func Open(o Options, s Start) (*Log, error) {
	o.setDefaults()
	if s.Manifest == nil {
		return nil, errors.New("wal: no manifest to go on with")
	}
	d, err := ReadDirectory(o.FS, o.Dir, o.Name)
	var damaged *ManifestError
	if err != nil && !errors.As(err, &damaged) { // one that is damaged the caller knows better, and it is made anew
		return nil, fmt.Errorf("wal: open %s: %w", o.Dir, err)
	}
	l := newLog(o, s.Position)
	if l.bell, err = newBell(); err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	if err := l.hireRingers(); err != nil {
		l.discard()
		return nil, fmt.Errorf("wal: %w", err)
	}
	if err := l.open(d, s); err != nil {
		l.discard()
		return nil, fmt.Errorf("wal: open %s: %w", o.Dir, err)
	}
	l.start()
	return l, nil
}

func newLog(o Options, at Position) *Log {
	l := &Log{
		o: o, at: at, end: at.LSN, policy: o.Policy, db: -1, credit: inlineCredit,
		syncReq: make(chan syncRequest, 1),
	}
	l.commit = o.Commit
	l.live.set(&l.o)
	l.live.at.Store(&at)
	l.exec = newScribe(&l.o, &l.live, &l.lastTS)
	l.tape.reset(at.LSN)
	return l
}

// open does the disk's part of Open, in the order that the promises ask for.
func (l *Log) open(d *Directory, s Start) error {
	if l.o.Annotate {
		epoch := Epoch{Epoch: l.at.Epoch, ID: l.at.ID, ID2: s.ID2, End2: s.End2, BootID: l.o.BootID}
		if err := WriteEpoch(l.o.FS, l.o.Dir, l.o.Name, epoch); err != nil {
			return err
		}
	}
	if d.Mending {
		if err := d.finishMending(l.o.FS, l.o.Dir, l.o.Name); err != nil {
			return err
		}
	}
	l.man.init(&l.o, l.at, s, d)
	if s.Facts != nil && s.Facts.Cut != "" {
		// A start that cut it again may have been killed then: what a power loss brings back another server would run twice.
		if _, err := syncAt(l.o.FS, filepath.Join(l.o.Dir, s.Facts.Cut)); err != nil {
			return err
		}
	}
	if l.man.stale(d) && len(d.ManifestBytes) > 0 {
		// Somebody else made these files. What they hold is about to be called durable.
		for _, ref := range s.Manifest.files() {
			if _, err := syncAt(l.o.FS, l.path(ref)); err != nil && ref.Type != HistoryFile {
				return err
			}
		}
	}
	if s.Manifest.Last() == nil || s.Fresh {
		if err := l.openFresh(s); err != nil {
			return err
		}
	} else {
		if err := l.openLast(s); err != nil {
			return err
		}
		if l.man.stale(d) {
			if _, err := l.man.persist(l.man.manifest.Clone(), maps.Clone(l.man.files)); err != nil {
				return err
			}
		}
	}
	l.man.sweep()
	base, sealed := l.man.size()
	l.baseSize.Store(base)
	l.sealedSize.Store(base + sealed)
	l.db = beginDB(s.DB)
	m := l.cur.sealable(l.db)
	l.wrote, l.synced, l.kept = m, m, m
	l.o.Cover.Grown(l.cur.path, m.pos, m.lsn)
	for _, a := range []*atomic.Uint64{&l.written, &l.filed, &l.durable, &l.released, &l.keptLSN} {
		a.Store(uint64(m.lsn))
	}
	// A ring of before counts until the watermark is this start's, and may have the only second copy of the end (I1).
	l.awaitCover(m.lsn)
	l.uncovered = m.pos > l.o.coverSoon && l.o.Cover.Covered() < m.lsn
	return l.keeper.open(l)
}

// openLast goes on in the last increment.
func (l *Log) openLast(s Start) error {
	ref := *s.Manifest.Last()
	path := l.path(ref)
	f, err := l.o.FS.OpenAppend(path)
	if err != nil {
		return err
	}
	c := &increment{f: f, path: path, ref: ref, lsn: s.Position.LSN}
	l.cur = c
	if c.pos, err = f.Size(); err != nil {
		return err
	}
	c.facts = l.man.files[ref.Name]
	if err := c.resume(s.Tail); err != nil {
		return fmt.Errorf("%s: %w", ref.Name, err)
	}
	c.opening = l.o.Annotate && c.since.Len() > 0
	if c.pos == 0 && s.DB > 0 {
		// Not even what selects the stream's database was written yet, and a replica's stream goes on without naming it.
		c.prologue, c.facts.DB = true, s.DB
	}
	// After a mere kill of the process the last bytes may be in the page cache only. They were read back and will be served:
	// they must not be called durable before they are.
	if !s.synced {
		if err := rewriteUnsynced(l.o.FS, l.o.Dir, l.o.Name, c, s.Facts != nil); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return l.o.FS.SyncDir(l.o.Dir)
}

// rewriteUnsynced writes what the watermark does not cover once more, the same bytes in the same place. The process before
// may have died behind a sync that failed: then its bytes are in the page cache, readable and marked clean, and no sync
// would ever bring them to the disk (I8). A log of ours whose watermark is lost is rewritten whole; one that another server wrote is
// trusted, as that server does.
func rewriteUnsynced(fsys disk.FS, dir, name string, c *increment, ours bool) error {
	wm, err := ReadWatermark(fsys, dir, name)
	if errors.Is(err, fs.ErrNotExist) && !ours {
		return nil
	}
	at := int64(0)
	if err == nil && wm.Seq == c.ref.Seq { // one that cannot be read covers nothing
		at = wm.Pos
	}
	buf := make([]byte, max(0, min(windowSize, c.pos-at)))
	for at < c.pos {
		p := buf[:min(int64(len(buf)), c.pos-at)]
		if n, err := c.f.ReadAt(p, at); n < len(p) {
			return err
		}
		if _, err := c.f.WriteAt(p, at); err != nil {
			return err
		}
		at += int64(len(p))
	}
	return nil
}

// openFresh begins a new increment behind those there are.
func (l *Log) openFresh(s Start) error {
	m, files := l.man.manifest.Clone(), maps.Clone(l.man.files)
	if last := m.Last(); last != nil {
		// Recovery cut it to what is whole; nothing is ever appended to it again.
		size, err := syncAt(l.o.FS, filepath.Join(l.o.Dir, last.Name))
		if err != nil {
			return err
		}
		if ff, ok := files[last.Name]; ok {
			ff.Sealed, ff.End, ff.Size, ff.HasSum = true, s.Position.LSN, size, false
			if t := s.Tail; t != nil && t.known && t.Size == size && t.file.Len() == size {
				ff.Sum, ff.HasSum = t.file.Sum(), true
			}
			files[last.Name] = ff
		}
	}
	ref, err := m.addIncr(l.o.Name)
	if err != nil {
		return err
	}
	c, err := createIncrement(l.o.FS, l.o.Dir, ref, s.Position.LSN, beginDB(s.DB), nil)
	if err != nil {
		return err
	}
	l.cur = c
	files[ref.Name] = c.facts
	_, err = l.man.persist(m, files)
	return err
}

// beginDB is the stream's database where a log is opened; -1: it selects one first.
func beginDB(db int) int {
	if db > 0 {
		return db
	}
	return -1
}

// syncAt makes a file's content durable through a descriptor of its own.
func syncAt(fs disk.FS, path string) (size int64, err error) {
	f, err := fs.OpenReadWrite(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return f.Size()
}

func (l *Log) start() {
	l.wg.Add(3 + len(l.ringers))
	for _, r := range l.ringers {
		go r.run()
	}
	go l.runWriter()
	go l.runSyncer()
	go l.keeper.run()
}

// discard closes what a failed Open had opened.
func (l *Log) discard() {
	if l.cur != nil {
		_ = l.cur.f.Close()
	}
	l.keeper.close()
	l.closeBells()
}

// hireRingers makes a ringer for each folder that is to have a ring.
func (l *Log) hireRingers() error {
	dirs := []string{l.o.Dir, l.o.RingDir}
	if l.o.RingDir == "" || !l.o.Annotate {
		dirs = dirs[:1]
	}
	for _, dir := range dirs {
		b, err := newBell()
		if err != nil {
			return err
		}
		r := &ringer{l: l, dir: dir, bell: b, s: newScribe(&l.o, &l.live, &l.lastTS)}
		r.follow, r.tried = r.followJob, r.finishTry
		l.ringers = append(l.ringers, r)
	}
	return nil
}

func (l *Log) closeBells() {
	l.bell.close()
	for _, r := range l.ringers {
		r.bell.close()
	}
}

// Close writes and, if finalSync, syncs everything that was committed and ends the log. It waits, as nothing else of a
// Log does: it is for shutdown. After a clean end the watermark says so. The error says what could not be written.
func (l *Log) Close(finalSync bool) error {
	l.renames.Lock()
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		l.renames.Unlock()
		return ErrClosed
	}
	l.closing, l.finalSync = true, finalSync
	l.unlockAndWake()
	l.renames.Unlock()
	l.wg.Wait()
	l.closeBells()
	return l.closeErr
}

// End is the end of what was committed.
func (l *Log) End() LSN { return l.end }

// Released is the position up to which replies may leave: what the policy promises holds for everything before it.
// Any goroutine.
func (l *Log) Released() LSN { return LSN(l.released.Load()) }

// Written is the position up to which the operating system has the stream, in an increment or the ring: it survives the end of the process. It
// falls back when a sync failed, because then nothing is known of what was written since the last one. Any goroutine.
func (l *Log) Written() LSN { return LSN(l.written.Load()) }

// Durable is the position up to which the stream survives a crash of the machine (I8). Any goroutine.
func (l *Log) Durable() LSN { return LSN(l.durable.Load()) }

// Filed is the position up to which the increments themselves are durable: no further than Durable. Any goroutine.
func (l *Log) Filed() LSN { return LSN(l.filed.Load()) }

// Full says that the bytes held in memory reached their limit: the caller stops reading from clients until it is false
// again. Wake is called when that may be.
func (l *Log) Full() bool { return int64(l.end-LSN(l.keptLSN.Load())) >= l.live.pendingLimit.Load() }

// Err is nil, or a *WriteError while nothing can be written: writes are to be refused until it is nil again. With
// ErrFatal in its chain the server must log it and exit. Any goroutine.
func (l *Log) Err() error {
	if e := l.failure.Load(); e != nil {
		return e
	}
	return nil
}

// Position is where the stream ends, with the id and epoch of this start.
func (l *Log) Position() Position { return Position{l.at.ID, l.at.Epoch, l.end} }

// SetPolicy changes when bytes become durable. Replies that were let go stay let go.
func (l *Log) SetPolicy(p Policy) {
	l.mu.Lock()
	l.policy = p
	l.publish()
	l.unlockAndWake()
}

// SetCommit changes Options.Commit.
func (l *Log) SetCommit(m CommitMode) {
	l.mu.Lock()
	l.commit = m
	l.publish()
	l.unlockAndWake()
}

// SetTimestamps changes Options.Timestamps. The executor only.
func (l *Log) SetTimestamps(on bool) { l.live.timestamps.Store(on) }

// SetKeepHistory changes Options.KeepHistory and Options.KeepGenerations; what they no longer keep is deleted soon. The executor only.
func (l *Log) SetKeepHistory(all bool, generations int) {
	l.live.keepHistory.Store(all)
	l.live.keepGenerations.Store(int64(generations))
	l.keeper.nudge()
}

// SetPendingLimit changes Options.PendingLimit. The executor only.
func (l *Log) SetPendingLimit(bytes int64) { l.live.pendingLimit.Store(max(bytes, leastPendingLimit)) }
