package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// rewrites is what is known of rewrites of the log.
type rewrites struct {
	scheduled bool
	count     int64
	failures  int // in a row
	failed    bool
	took      int64 // seconds; of the last
	size      int64 // bytes of the base that the last wrote
	// After limitFailures in a row an automatic or scheduled rewrite waits longer and longer.
	retryAt time.Time
	delay   time.Duration
}

const (
	limitFailures   = 3 // Redis: AOF_REWRITE_LIMITE_THRESHOLD
	longestDelay    = 60 * time.Minute
	rewriteTempName = "rewrite"
)

// backgroundRewrite is BGREWRITEAOF.
func (s *server) backgroundRewrite() (string, error) {
	switch {
	case s.busy(rewriteJob):
		return "", engine.ReplyError("ERR Background append only file rewriting already in progress")
	case s.busy(0) || s.eng.InTransaction():
		s.rewrites.scheduled = true
		s.rewrites.failures = 0 // who asks does not want to wait for an earlier failure's delay
		return "Background append only file rewriting scheduled", nil
	}
	if err := s.startRewrite(); err != nil {
		return "", engine.ReplyError("ERR Can't execute an AOF background rewriting. Please check the server logs for more information.")
	}
	return "Background append only file rewriting started", nil
}

// startRewrite begins a rewrite: what the log needs to change to a new increment is made ready, and then, a moment later, the log changes to
// it at the position of the freeze, and the view is written as the base that stands for everything before (I10).
func (s *server) startRewrite() error {
	s.rewrites.scheduled = false
	log := s.log
	switch {
	case s.salvaging():
		return s.refuseRewrite(errSalvaging)
	case log == nil && s.cfg.Bool("appendonly"):
		return s.beginLog()
	case log == nil:
		return s.rewriteWithoutLog()
	}
	if err := log.Err(); err != nil {
		return s.refuseRewrite(err)
	}
	j, plan := s.newJob(rewriteJob, s.finishRewrite), s.planBase()
	log.PrepareSwitch(func() { s.eng.Post(func() { s.runRewrite(j, log, plan) }) })
	s.logger.Info(fmt.Sprintf("Background append only file rewriting started by pid %d", os.Getpid()))
	return nil
}

// runRewrite is the rest of startRewrite, when the log is ready, unless it was given up meanwhile.
func (s *server) runRewrite(j *job, log *wal.Log, plan basePlan) {
	if j.ended {
		return
	}
	s.eng.Commit()
	switched := make(chan error, 1)
	at, err := log.Switch(func(err error) { switched <- err })
	if err != nil {
		j.err = err
		s.endJob(j)
		return
	}
	s.runJob(j, func(j *job, meta snapshot.Meta) error {
		if err := <-switched; err != nil {
			return err
		}
		s.logger.Info(fmt.Sprintf("Creating AOF incr file %s on background rewrite", log.Name()))
		base, err := plan.write(j, meta, log.TempName(rewriteTempName), at)
		if err != nil {
			return err
		}
		if err := log.Install(base); err != nil {
			return cmp.Or(j.stopped(), err)
		}
		return nil
	})
}

func (s *server) refuseRewrite(err error) error {
	s.logger.Warn("Can't rewrite the append-only file: " + err.Error())
	s.rewriteFailed()
	return err
}

// basePlan says how a base is written; it is made on the executor.
type basePlan struct {
	s         *server
	commands  bool
	syncEvery int64
	rate      int64
}

func (s *server) planBase() basePlan {
	return basePlan{s: s, commands: !s.cfg.Bool("aof-use-rdb-preamble"), syncEvery: s.syncEvery("aof-rewrite-incremental-fsync"), rate: s.cfg.Bytes("fr-save-max-rate")}
}

// write makes the base of j's view in a file of that path.
func (p basePlan) write(j *job, meta snapshot.Meta, path string, at wal.LSN) (wal.NewBase, error) {
	var d wal.Digest
	meta.AOFBase = true
	o := snapshot.SaveOptions{FS: p.s.fs, Dir: filepath.Dir(path), Temp: filepath.Base(path), SyncEvery: p.syncEvery,
		Through: func(w io.Writer) io.Writer {
			return io.MultiWriter(&throttle{w: w, rate: p.rate, j: j}, &d)
		}}
	if err := snapshot.WriteTemp(o, j.frozen, meta, p.commands); err != nil {
		return wal.NewBase{}, err
	}
	p.s.logger.Info("Successfully created the temporary AOF base file " + filepath.Base(path))
	j.size = d.Len()
	return wal.NewBase{Path: path, At: at, AOF: p.commands, Sum: d.Sum(), Size: d.Len(), HasSum: true, Stop: j.stop.Load}, nil
}

// finishRewrite is told how a rewrite ended.
func (s *server) finishRewrite(j *job, err error) {
	r := &s.rewrites
	r.took = int64(time.Since(j.began) / time.Second)
	s.roomRewritten(err)
	switch {
	case err == nil:
		r.count++
		r.failures, r.failed, r.delay, r.size = 0, false, 0, j.size
		s.logger.Info("Background AOF rewrite terminated with success")
		s.logger.Info("Background AOF rewrite finished successfully")
	case errors.Is(err, errStopped):
		s.logger.Warn("Background AOF rewrite was given up")
	default:
		r.failed = true
		s.recordFailedSave("base", "appenddirname", err)
		s.logger.Warn("Background AOF rewrite terminated with error: " + err.Error())
		s.rewriteFailed()
	}
}

func (s *server) rewriteFailed() {
	r := &s.rewrites
	r.failed = true
	if r.failures++; r.failures < limitFailures {
		return
	}
	r.delay = min(max(2*r.delay, time.Minute), longestDelay)
	r.retryAt = time.Now().Add(r.delay)
	s.logger.Warn(fmt.Sprintf("Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes", int(r.delay.Minutes())))
}

func (s *server) rewriteLimited() bool {
	r := &s.rewrites
	return r.failures >= limitFailures && time.Now().Before(r.retryAt)
}

// rewriteGrown begins a rewrite when the log has grown by auto-aof-rewrite-percentage since the last.
func (s *server) rewriteGrown() {
	percent := s.cfg.Int("auto-aof-rewrite-percentage")
	if s.log == nil || percent == 0 || s.busy(0) || s.rewriteLimited() {
		return
	}
	st := s.log.Status()
	if st.Size <= s.cfg.Bytes("auto-aof-rewrite-min-size") {
		return
	}
	if growth := st.Size*100/max(st.BaseSize, 1) - 100; growth >= percent {
		s.logger.Info(fmt.Sprintf("Starting automatic rewriting of AOF on %d%% growth", growth))
		_ = s.startRewrite() // it says in the log what is wrong
	}
}
