package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"frankenredis/kv"
	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/repl"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// follower is the server's end of one link. Its methods run on the link's goroutine and reach the executor by call.
type follower struct {
	s    *server
	link *repl.Link
	feed *feed
	// asked is the history the link asked for, reached how far it got; the executor's, once the link has begun.
	asked   wal.ReplID
	began   time.Time
	reached repl.Phase

	quit chan struct{}
	once sync.Once
}

var _ repl.Follower = (*follower)(nil)

func newFollower(s *server) *follower {
	return &follower{s: s, feed: newFeed(), quit: make(chan struct{}), began: time.Now()}
}

// stop ends the link and what waits for it. Executor only.
func (f *follower) stop() {
	f.once.Do(func() { close(f.quit) })
	f.feed.close()
	f.link.Stop()
}

// wanted is nil, or errLinkGone when the link is not wanted any more. Any goroutine.
func (f *follower) wanted() error {
	select {
	case <-f.quit:
		return errLinkGone
	default:
		return nil
	}
}

// call runs do on the executor, unless the link is not wanted any more, and waits for it.
func (f *follower) call(do func() error) error { return f.callSteps(once(do)) }

// callSteps is call for work in steps, which end when the link is not wanted any more.
func (f *follower) callSteps(work step) error {
	done := make(chan error, 1)
	f.s.eng.Post(f.s.steps(func() (bool, error) {
		if f.s.replica.follower != f {
			return false, errLinkGone
		}
		return work()
	}, func(err error) { done <- err }))
	return f.outcome(done)
}

// outcome waits for what a call has come to.
func (f *follower) outcome(done chan error) error {
	select {
	case err := <-done:
		return err
	case <-f.quit:
		// The executor closes it, so what it has done for this link it has told by now: that must not be forgotten.
		select {
		case err := <-done:
			return err
		default:
			return errLinkGone
		}
	}
}

// Feed implements repl.Follower.
func (f *follower) Feed(p []byte) error {
	first, err := f.feed.put(p)
	if first {
		f.s.eng.Post(func() {}) // a turn
	}
	return err
}

// Refused implements repl.Follower.
func (f *follower) Refused() {
	_ = f.call(func() error {
		f.s.eng.Post(func() { _ = f.s.abortFailover(nil, "Failover target rejected psync request") })
		return nil
	})
}

// Ended implements repl.Follower.
func (f *follower) Ended(*repl.Link, error) {
	f.s.eng.Post(func() { f.s.linkEnded(f) })
}

// Resume implements repl.Follower.
func (f *follower) Resume(id wal.ReplID) error {
	s := f.s
	var log *wal.Log
	var at wal.LSN
	err := f.call(func() error {
		s.eng.Commit()
		log, at = s.log, s.eng.StreamEnd()
		return nil
	})
	if err != nil {
		return err
	}
	now, old := f.asked, wal.ReplID{}
	end := wal.LSN(0)
	if !id.IsZero() {
		now, old, end = id, f.asked, at
	}
	if log != nil {
		// Nothing is committed meanwhile: only the stream is, and it does not come yet.
		if err := log.Rename(now, old, end, f.wanted); err != nil {
			if errors.Is(err, errLinkGone) {
				return err
			}
			s.logger.Warn("The append-only file cannot take up the primary's history: " + err.Error())
			return err
		}
	}
	return f.call(func() error {
		res := s.load.result
		res.Position.ID = now
		if !old.IsZero() {
			res.ID2, res.End2 = old, end
			s.dropReplicas(false)
		}
		s.endFailover()
		s.beginStream()
		s.attachPrimary(f, s.replica.db)
		return nil
	})
}

// plan is how a snapshot is taken up.
type plan struct {
	direct bool // as it comes, without a file
	aside  bool // beside the data set, which it replaces when it is whole
	async  bool // and which is served meanwhile
	del    bool // the file goes when it is loaded
	guard  bool // hardened, and there are keys: an empty snapshot does not replace them

	o     recovery.Options
	dbs   []*kv.DB // of aside
	began bool     // the old data set is gone, or will not be asked for any more
	ended bool     // so is its log, if there was one; counted in server.logsEnding
}

// Replace implements repl.Follower.
func (f *follower) Replace(t *repl.Transfer) (err error) {
	s := f.s
	var p *plan
	if err := f.call(func() error { p = s.planSync(f, t); return nil }); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.eng.Post(func() { s.syncFailed(f, p) })
		}
	}()
	if p.direct {
		t.Announce("to parser")
		return f.load(t, p, t)
	}
	t.Announce("to disk")
	file, err := f.store(t, p)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		s.logger.Warn("Failed trying to load the MASTER synchronization DB from disk, check server logs.")
		return &repl.PeerError{Reason: err.Error()}
	}
	return f.load(t, p, io.NewSectionReader(file, 0, size))
}

// planSync decides how a snapshot is taken up.
func (s *server) planSync(f *follower, t *repl.Transfer) *plan {
	f.reached = repl.PhaseTransfer
	s.endFailover() // whom it asked has taken over, with a history of its own
	keys := s.keys()
	p := &plan{o: s.recoveryOptions(f.callSteps)}
	p.o.LoadFunctions = nil // load puts them in the place of ours
	p.guard = keys > 0 && s.cfg.Enum("fr-mode") == "hardened"
	switch s.cfg.Enum("repl-diskless-load") {
	case "on-empty-db":
		p.direct = keys == 0
	case "swapdb":
		p.direct, p.aside = true, true
		p.async = t.ID == s.load.result.Position.ID
	}
	p.del = s.cfg.Bool("rdb-del-sync-files") && !s.cfg.Bool("appendonly") && len(s.cfg.SavePoints()) == 0
	s.dbFile.Store(s.cfg.String("dbfilename"))
	p.o.LoadItems = func(items []snapshot.Item) error {
		return inTurns(s, f.callSteps, items, itemPiece, func(some []snapshot.Item) error { return s.insertSync(p, some) })
	}
	return p
}

// errEmptySource keeps a replica's data when its primary has lost all of its own (I22).
var errEmptySource = errors.New("hardened mode: the primary has no keys, and this server has: its data is kept. To take up the empty data set all the same, " +
	"FLUSHALL here first (REPLICAOF NO ONE before it)")

// mayReplace says whether a whole snapshot of so many keys may take the place of the data set.
func (p *plan) mayReplace(keys int64) error {
	if p.guard && keys == 0 {
		return errEmptySource
	}
	return nil
}

func refusalRule(err error) ledger.Rule {
	if errors.Is(err, errEmptySource) {
		return ledger.EmptySource
	}
	return ledger.BadSync
}

// insertSync puts keys of the snapshot where they belong.
func (s *server) insertSync(p *plan, items []snapshot.Item) error {
	if p.dbs == nil {
		return s.insert(items, false)
	}
	return s.eng.LoadAside(func() error { return s.insertInto(p.dbs, items, false) })
}

// killSaves gives up a background save: the file it would replace is the primary's now.
func (s *server) killSaves() {
	if s.busy(saveJob) {
		s.logger.Info(fmt.Sprintf("Replica is about to load the RDB file received from the master, but there is a pending RDB child running. "+
			"Killing process %d and removing its temp file to avoid any race", os.Getpid()))
		s.killJob(saveJob)
	}
}

// load takes the snapshot up: the log ends, the keys come in, and from then on this server stands where the snapshot does.
func (f *follower) load(t *repl.Transfer, p *plan, r io.Reader) error {
	s := f.s
	t.Beat(true)
	defer t.Beat(false)
	if !p.aside { // else nothing has happened until it is whole
		if err := f.endLog(p); err != nil {
			return err
		}
	}
	if err := f.call(func() error { s.beginSyncLoad(p); return nil }); err != nil {
		return err
	}
	_, size := t.Progress()
	if file, ok := r.(*io.SectionReader); ok {
		size = file.Size()
	}
	p.o.Progress = func(now recovery.Progress) { s.load.progress.Store(&now) }
	var res *recovery.Result
	var info *snapshot.Info
	var err error
	<-engine.Background(func() { res, info, err = recovery.LoadSnapshot(p.o, r, size) })
	if err == nil && p.direct {
		// The snapshot must end where the primary says it does.
		if n, rerr := io.Copy(io.Discard, t); n > 0 || rerr != nil {
			s.logger.Warn("Replication stream EOF marker is broken")
			err = errors.New("the snapshot does not end where its primary says")
		}
	}
	if err == nil && p.aside {
		err = p.mayReplace(res.Keys)
	}
	if err != nil {
		if !errors.Is(err, errLinkGone) {
			s.record(ledger.Entry{Rule: refusalRule(err), Decision: ledger.Refuse, Artifact: "the link to the primary", Kind: "snapshot", To: uint64(t.Offset), Detail: err.Error()})
			if errors.Is(err, errEmptySource) {
				s.logger.Warn("The snapshot from the primary is refused: " + err.Error())
			}
			where := "disk"
			if p.direct {
				where = "socket"
			}
			s.logger.Warn("Failed trying to load the MASTER synchronization DB from " + where + ", check server logs.")
		}
		return err
	}
	if p.aside {
		if err := f.endLog(p); err != nil {
			return err
		}
	}
	return f.call(func() error {
		if err := s.eng.LoadLibraries(res.Functions, true, true); err != nil {
			s.logger.Warn("Failed trying to load the function libraries of the MASTER synchronization DB: " + err.Error())
			s.record(ledger.Entry{Rule: ledger.BadSync, Decision: ledger.Refuse, Artifact: "the link to the primary", Kind: "snapshot", To: uint64(t.Offset), Detail: err.Error()})
			return err
		}
		s.finishSync(f, t, p, res, info)
		return nil
	})
}

// endLog ends the log before the data set is replaced: until a new base is durable the old generation is in charge (I21). Nor does another
// begin before the snapshot is taken up or given up: it would write into the same folder, of a data set that is about to go, also where somebody
// else is the primary by then.
func (f *follower) endLog(p *plan) error {
	s := f.s
	var log *wal.Log
	take := func() error {
		s.rewrites.scheduled = false
		s.killJob(rewriteJob)
		s.eng.Commit()
		if !p.ended {
			p.ended = true
			s.logsEnding++
		}
		if log = s.log; log == nil {
			return nil
		}
		if log.Released() < log.End() && log.Err() == nil {
			return errNotYet // clients still wait for what it covers
		}
		s.log = nil
		end := log.End()
		s.load.result.Position.LSN = end
		s.eng.SetLog(&bareStream{end: end})
		return nil
	}
	for {
		err := f.call(take)
		if err == nil {
			break
		}
		if !errors.Is(err, errNotYet) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	if log == nil {
		return nil
	}
	if err := log.Close(true); err != nil {
		s.logger.Warn("Closing the append-only file: " + err.Error())
	}
	return nil
}

var errNotYet = errors.New("not yet")

// beginSyncLoad makes room for the snapshot.
func (s *server) beginSyncLoad(p *plan) {
	p.began = !p.aside
	s.load.began = time.Now()
	s.load.progress.Store(&recovery.Progress{})
	if p.aside {
		p.dbs = s.ks.Beside()
		if p.async {
			s.eng.SetAsyncLoading(true)
		} else {
			s.eng.SetLoading(true)
		}
	} else {
		s.logger.Info("MASTER <-> REPLICA sync: Flushing old data")
		s.replica.resumable, s.replica.positionless = false, false
		s.eng.Flushed()
		for i := range s.ks.Len() {
			s.ks.DB(i).Flush(s.cfg.Bool("replica-lazy-flush"))
		}
		s.eng.SetLoading(true)
	}
	s.logger.Info("MASTER <-> REPLICA sync: Loading DB in memory")
}

// logEnded says that the sync is over that ended a log: another may begin.
func (s *server) logEnded(p *plan) {
	if p.ended {
		p.ended = false
		s.logsEnding--
	}
}

// endSyncLoad ends the loading state.
func (s *server) endSyncLoad(p *plan) {
	s.load.progress.Store(nil)
	s.eng.SetAsyncLoading(false)
	s.eng.SetLoading(false)
	p.dbs = nil
}

// finishSync makes the snapshot the data set.
func (s *server) finishSync(f *follower, t *repl.Transfer, p *plan, res *recovery.Result, info *snapshot.Info) {
	if p.aside {
		s.logger.Info("MASTER <-> REPLICA sync: Swapping active DB with loaded DB")
		s.eng.Adopt(p.dbs)
		s.logger.Info("MASTER <-> REPLICA sync: Discarding old DB in background")
		for _, db := range p.dbs {
			db.Flush(true)
		}
	}
	s.endSyncLoad(p)
	s.logEnded(p)
	at := s.load.result
	at.Position.ID, at.Position.LSN = t.ID, t.Offset
	at.ID2, at.End2 = wal.ReplID{}, 0
	s.saves.keys, s.saves.expired = res.Keys, 0
	s.eng.SetLog(&bareStream{end: t.Offset})
	s.dropReplicas(true)
	s.beginStream()
	db := 0
	if text, ok := info.AuxValue("repl-stream-db"); ok {
		db, _ = strconv.Atoi(text)
	}
	if p.del && !p.direct {
		s.logger.Info("Removing the RDB file obtained from the master. This replica has persistence disabled")
		_ = s.fs.Remove(filepath.Join(s.dir, s.dbFile.Load().(string))) // it is only in the way
	}
	s.record(ledger.Entry{Rule: ledger.Replaced, Decision: ledger.Accept, Artifact: s.dir, Kind: "directory", To: uint64(t.Offset),
		Detail: fmt.Sprintf("%d keys of history %s", res.Keys, t.ID)})
	s.attachPrimary(f, max(db, 0))
	s.acknowledge(t.Offset) // the primary sends the stream only when it hears that the end of the snapshot was found
	s.logger.Info("MASTER <-> REPLICA sync: Finished with success")
	s.notify("STATUS=MASTER <-> REPLICA sync: Finished with success. Ready to accept connections in read-write mode.\n")
	if s.cfg.Bool("appendonly") {
		s.logger.Info("MASTER <-> REPLICA sync: Starting AOF with a successful sync")
		s.restartLog()
	}
}

// syncFailed puts things right after a snapshot that could not be taken up.
func (s *server) syncFailed(f *follower, p *plan) {
	if p.dbs != nil {
		s.logger.Info("MASTER <-> REPLICA sync: Discarding temporary DB in background")
		for _, db := range p.dbs {
			db.Flush(true)
		}
	} else if p.began {
		// Half a snapshot is no data set. What is left is no position of the history so far either: nobody may go on from there, no replica of
		// this one, and not this server when a base says so.
		s.eng.Flushed()
		for i := range s.ks.Len() {
			s.ks.DB(i).Flush(true)
		}
		at := s.load.result
		at.Position.ID, at.ID2, at.End2 = wal.NewReplID(), wal.ReplID{}, 0
		s.dropReplicas(true)
	}
	if p.began || p.dbs != nil {
		s.endSyncLoad(p)
	}
	if p.ended {
		s.logEnded(p)
		if !p.began { // the data set is as it was, and is logged again
			s.restartLog()
		}
	}
}
