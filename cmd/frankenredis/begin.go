package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// heldLog stands for the log while that is being made (appendonly yes at run time): it takes the stream from the freeze on, into the file that
// will be the log's first increment, until the base is durable and the log can take it. As in Redis replies do not wait meanwhile: there is no log
// yet that a crash would leave.
type heldLog struct {
	*wal.Held
	id  wal.ReplID
	now *wal.Position // of the server
}

// Commit keeps bytes of another history out: they would be written under the name of the one before (I6).
func (h *heldLog) Commit(p []byte, db int) {
	if h.now.ID != h.id {
		h.Fail(errOtherHistory)
	}
	h.Held.Commit(p, db)
}

func (h *heldLog) CommitIdle(p []byte, db int) (finish func()) {
	h.Commit(p, db)
	return nil
}

var _ engine.Log = (*heldLog)(nil)

// newBeginning is where a stream begins that nobody has followed so far: an id of its own, because positions of the last one do not tell what
// happened since it ended (I6).
func (s *server) newBeginning(dir, name string) (wal.Position, error) {
	at := wal.Position{ID: wal.NewReplID(), Epoch: s.load.result.Position.Epoch, LSN: s.load.result.Position.LSN}
	if s.eng.Following() || s.replicas.backlog != nil {
		at.ID, at.LSN = s.load.result.Position.ID, s.eng.StreamEnd() // its primary's
	}
	e, err := wal.ReadEpoch(s.fs, dir, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return at, err
	}
	at.Epoch = max(at.Epoch, e.Epoch) + 1
	return at, nil
}

// beginLog turns the log on while the server runs: a rewrite without a log before it. It is put off while a sync has ended one, see endLog.
func (s *server) beginLog() error {
	if s.logsEnding > 0 {
		s.rewrites.scheduled = true
		return nil
	}
	o := s.logOptions()
	at, err := s.prepareFolder(o)
	if err != nil {
		return s.refuseRewrite(err)
	}
	s.rewrites.scheduled = false
	if !s.eng.Following() && s.replicas.backlog == nil { // whoever comes while the base is written follows the log's history
		res := s.load.result
		res.Position.ID, res.ID2, res.End2 = at.ID, wal.ReplID{}, 0
	}
	s.logHeld = &heldLog{Held: wal.NewHeld(o, at, s.eng.StreamDB()), id: at.ID, now: &s.load.result.Position}
	s.eng.SetLog(s.logHeld)
	var log *wal.Log
	s.writeBeginning(o, at, s.logHeld.Held, func(l *wal.Log) error { log = l; return nil }, func(j *job, err error) {
		s.takeUp(log, at, err)
		if errors.Is(err, errOtherHistory) {
			err = errStopped // nothing has failed
		}
		s.finishRewrite(j, err)
	})
	return nil
}

// rewriteWithoutLog is BGREWRITEAOF with the log off: the folder then holds the present state, for a start with the log on. It is put off as
// beginLog is.
func (s *server) rewriteWithoutLog() error {
	if s.logsEnding > 0 {
		s.rewrites.scheduled = true
		return nil
	}
	o := s.logOptions()
	at, err := s.prepareFolder(o)
	if err != nil {
		return s.refuseRewrite(err)
	}
	s.writeBeginning(o, at, nil, func(l *wal.Log) error { return l.Close(true) }, func(j *job, err error) {
		s.unlockFolder()
		s.finishRewrite(j, err)
	})
	return nil
}

// writeBeginning writes the base in the background and opens the log that begins with it, and with what is held meanwhile, unless that is nil.
func (s *server) writeBeginning(o wal.Options, at wal.Position, held *wal.Held, opened func(*wal.Log) error, finish func(*job, error)) {
	plan, db := s.planBase(), s.eng.StreamDB()
	temp := filepath.Join(o.Dir, wal.TempName(o.Name, rewriteTempName))
	s.startJob(rewriteJob, func(j *job, meta snapshot.Meta) error {
		if held != nil {
			defer held.Close()
		}
		base, err := plan.write(j, meta, temp, at.LSN)
		if err != nil {
			return err
		}
		log, err := wal.Begin(o, at, db, base, held)
		if err != nil {
			return cmp.Or(j.stopped(), err)
		}
		return opened(log)
	}, finish)
	s.logger.Info(fmt.Sprintf("Background append only file rewriting started by pid %d", os.Getpid()))
}

// prepareFolder makes and locks the log's folder and says where the log begins.
func (s *server) prepareFolder(o wal.Options) (wal.Position, error) {
	if err := s.fs.MkdirAll(o.Dir); err != nil {
		return wal.Position{}, err
	}
	if err := s.fs.SyncDir(filepath.Dir(o.Dir)); err != nil {
		return wal.Position{}, err
	}
	if s.load.result.Lock == nil {
		lock, err := s.fs.Lock(filepath.Join(o.Dir, recovery.LockName(o.Name)))
		if err != nil {
			return wal.Position{}, err
		}
		s.load.result.Lock = lock
	}
	return s.newBeginning(o.Dir, o.Name)
}

func (s *server) unlockFolder() {
	if l := s.load.result.Lock; l != nil {
		s.load.result.Lock = nil
		_ = l.(io.Closer).Close() // nothing depends on it
	}
}

// errOtherHistory gives up a new log: since it was begun this server was promoted, or its primary was. What is held would be written under the
// name of the history before, and a start would believe that (I6).
var errOtherHistory = errors.New("the stream belongs to another history by now")

// takeUp is told that the log is there, or why not. It has what was held up to where that was sealed, and gets the rest now.
func (s *server) takeUp(log *wal.Log, at wal.Position, err error) {
	held := s.logHeld
	s.logHeld = nil
	if err == nil && at.ID != s.load.result.Position.ID {
		err = errOtherHistory
	}
	if errors.Is(err, errOtherHistory) {
		s.logger.Info("The stream has become another history while its append-only file was made: it is begun again")
	}
	if err != nil || !s.cfg.Bool("appendonly") {
		s.eng.SetLog(nil)
		if s.eng.Following() || s.replicas.backlog != nil {
			s.eng.SetLog(&bareStream{end: held.End()})
		}
		if log != nil {
			_ = log.Close(false) // what was held is durable, and nothing was written behind it
		}
		s.load.result.Position.LSN = held.End()
		if err != nil && !errors.Is(err, errStopped) {
			s.rewrites.scheduled = true // as in Redis it is tried again
		}
		return
	}
	s.eng.Commit()
	held.Rest(log)
	s.log = log
	s.foundPlace()
	s.load.result.Position.Epoch = at.Epoch
	if !s.eng.Following() && s.replicas.backlog == nil {
		s.load.result.Position = at
		s.load.result.ID2, s.load.result.End2 = wal.ReplID{}, 0
	}
	s.eng.SetLog(log)
}
