package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"frankenredis/snapshot"
	"frankenredis/wire/engine"
)

// retryDelay is how long save points wait after a background save that failed (Redis: CONFIG_BGSAVE_RETRY_DELAY).
const retryDelay = 5 * time.Second

// backgroundSave is BGSAVE: schedule asks for one that may wait until another job is done. It returns what the client is told.
func (s *server) backgroundSave(schedule bool) (string, error) {
	switch {
	case s.busy(saveJob):
		return "", engine.ReplyError("ERR Background save already in progress")
	case s.busy(0) || s.eng.InTransaction():
		if !schedule && !s.eng.InTransaction() {
			return "", engine.ReplyError("ERR Another child process is active (AOF?): can't BGSAVE right now. " +
				"Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
		}
		s.saves.scheduled = true
		return "Background saving scheduled", nil
	}
	if err := s.startSave(); err != nil {
		return "", engine.ReplyError("ERR")
	}
	return "Background saving started", nil
}

// startSave begins a background save. It stands to dbfilename as save does.
func (s *server) startSave() error {
	s.saves.tried = time.Now()
	if s.eng.Loading() {
		return errors.New("the data set is still being loaded")
	}
	if s.salvaging() {
		s.logger.Warn("Can't save: " + errSalvaging.Error())
		return errSalvaging
	}
	o := snapshot.SaveOptions{FS: s.fs, Dir: s.dir, Name: s.cfg.String("dbfilename"), Temp: jobTemp(), SyncEvery: s.syncEvery("rdb-save-incremental-fsync"),
		Aside: s.load.aside}
	s.saves.count++
	s.eng.Commit()
	log, rate := s.coveringLog(), s.cfg.Bytes("fr-save-max-rate")
	s.startJob(saveJob, func(j *job, meta snapshot.Meta) error {
		o.Publish = j.awaitCover(log)
		o.Through = func(w io.Writer) io.Writer { return &throttle{w: w, rate: rate, j: j} }
		defer s.lockTemp(o.Temp).Close()
		var err error
		j.size, err = snapshot.WriteFile(o, j.frozen, meta)
		if err == nil {
			s.covers.wrote(filepath.Join(o.Dir, o.Name))
		}
		return err
	}, s.finishSave)
	s.logger.Info(fmt.Sprintf("Background saving started by pid %d", os.Getpid()))
	s.notify("STATUS=Saving a snapshot in the background\n")
	return nil
}

// finishSave is told how a background save ended.
func (s *server) finishSave(j *job, err error) {
	s.saves.took = int64(time.Since(j.began) / time.Second)
	s.notify("STATUS=Ready to accept connections\n")
	switch {
	case err == nil:
		s.load.aside = ""
		s.eng.Saved(j.changes)
		s.saves.last, s.saves.size = time.Now(), j.size
		s.saves.failed = false
		s.logger.Info("DB saved on disk")
		s.logger.Info("Background saving terminated with success")
	case errors.Is(err, errStopped):
		// As in Redis whoever killed the save knows; it does not count as one that failed.
		s.logger.Warn("Background saving was given up")
	default:
		s.saves.failed = true
		if isFull(err) {
			s.outOfRoom()
		}
		s.recordFailedSave("snapshot", "dbfilename", err)
		s.logger.Warn(saveFailure(err, s.dir))
		s.logger.Warn("Background saving error")
	}
}

// denyWrites refuses writes while a rewrite needs the last room on the disk, and while background saves fail, if that is wanted and anybody
// relies on them.
func (s *server) denyWrites() error {
	if err := s.denyForRoom(); err != nil {
		return err
	}
	if err := s.denyForLost(); err != nil {
		return err
	}
	if !s.saves.failed || !s.cfg.Bool("stop-writes-on-bgsave-error") || len(s.cfg.SavePoints()) == 0 {
		return nil
	}
	return engine.ReplyError("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
		"Commands that may modify the data set are disabled, because this instance is configured to report errors during " +
		"writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). " +
		"Please check the Redis logs for details about the RDB error.")
}

// tendSaves starts what is due: what was scheduled, what save points ask for, and a rewrite of a log that has grown.
func (s *server) tendSaves() {
	if s.eng.Loading() || s.eng.Stopping() || s.salvaging() {
		return
	}
	if s.rewrites.scheduled && !s.busy(0) && !s.rewriteLimited() {
		_ = s.startRewrite() // it says in the log what is wrong
	}
	if s.busy(0) {
		return
	}
	now := time.Now()
	if s.mayTry(now) {
		for _, p := range s.cfg.SavePoints() {
			if s.eng.DirtyCount() >= p.Changes && now.Sub(s.saves.last) > time.Duration(p.Seconds)*time.Second {
				s.logger.Info(fmt.Sprintf("%d changes in %d seconds. Saving...", p.Changes, p.Seconds))
				_ = s.startSave()
				break
			}
		}
	}
	s.rewriteGrown()
	if s.saves.scheduled && !s.busy(0) && s.mayTry(now) {
		if s.startSave() == nil {
			s.saves.scheduled = false
		}
	}
}

func (s *server) mayTry(now time.Time) bool {
	return !s.saves.failed || now.Sub(s.saves.tried) > retryDelay
}

// syncEvery is the step in bytes in which a file is made durable while it is written; 0 without the parameter of that name.
func (s *server) syncEvery(parameter string) int64 {
	const step = 4 << 20
	if s.cfg.Bool(parameter) {
		return step
	}
	return 0
}
