package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// logOptions are the write-ahead log's, from the parameters.
func (s *server) logOptions() wal.Options {
	policy, err := wal.ParsePolicy(s.cfg.Enum("appendfsync"))
	if err != nil {
		panic(err) // the parameter's own words
	}
	var cover wal.Cover
	if s.covers != nil {
		cover = s.covers
	}
	var thread func()
	if cpus := s.cfg.String("bio_cpulist"); cpus != "" {
		thread = func() { s.pin("bio_cpulist", cpus) }
	}
	return wal.Options{
		Cover: cover, Thread: thread,
		FS: s.fs, Dir: s.dataPath(s.cfg.String("appenddirname")), Name: s.cfg.String("appendfilename"), Policy: policy,
		Annotate: s.cfg.Bool("fr-log-annotations"), Timestamps: s.cfg.Bool("aof-timestamp-enabled"), KeepHistory: s.cfg.Bool("aof-disable-auto-gc"),
		KeepGenerations: int(s.cfg.Int("fr-aof-keep-generations")),
		Hardened:        s.cfg.Enum("fr-mode") == "hardened", PendingLimit: s.cfg.Live.LogPendingLimit,
		Commit: s.commitMode(), RingSize: s.cfg.Bytes("fr-wal-ring-size"), RingDir: s.ringDir(),
		Logger: s.logger, Wake: s.eng.Wake, Record: s.recordLog,
		Took: s.logTook,
	}
}

func (s *server) commitMode() wal.CommitMode {
	if s.cfg.Enum("fr-wal-commit") == "ring" {
		return wal.CommitRing
	}
	return wal.CommitDirect
}

// ringDir is the folder of the second commit ring; "": there is none.
func (s *server) ringDir() string {
	dir := s.cfg.String("fr-wal-dir")
	if dir == "" || filepath.IsAbs(dir) {
		return dir
	}
	return s.dataPath(dir)
}

// logTook is told by the log how long it took for something; what the latency monitor would keep is handed to the executor.
func (s *server) logTook(step wal.Step, took time.Duration) {
	if least := s.latencyFrom.Load(); least <= 0 || took.Milliseconds() < least {
		return
	}
	s.eng.Post(func() {
		switch step {
		case wal.StepSync:
			s.eng.SampleLatency("aof-fsync-always", took)
			return
		case wal.StepRename:
			s.eng.SampleLatency("aof-rename", took)
			return
		case wal.StepWriteUnderSync:
			s.eng.SampleLatency("aof-write-pending-fsync", took)
		default:
			if s.jobs.now != nil {
				s.eng.SampleLatency("aof-write-active-child", took) // Redis's name for a job that runs meanwhile
			} else {
				s.eng.SampleLatency("aof-write-alone", took)
			}
		}
		s.eng.SampleLatency("aof-write", took)
	})
}

// coveringLog is the log that other goroutines ask how far it covers the stream; nil while nothing keeps the stream, so that all of it
// counts as covered.
func (s *server) coveringLog() engine.Log {
	if s.log == nil {
		return nil
	}
	return s.log
}

// followPolicy follows a change of appendfsync.
func (s *server) followPolicy() error {
	if s.log != nil {
		s.log.SetPolicy(s.logOptions().Policy)
	}
	return nil
}

// followLogOptions follows changes of how the log is written.
func (s *server) followLogOptions() error {
	if s.log != nil {
		s.log.SetCommit(s.commitMode())
		s.log.SetTimestamps(s.cfg.Bool("aof-timestamp-enabled"))
		s.log.SetKeepHistory(s.cfg.Bool("aof-disable-auto-gc"), int(s.cfg.Int("fr-aof-keep-generations")))
		s.log.SetPendingLimit(s.cfg.Bytes("fr-log-pending-limit"))
	}
	return nil
}

// followAppendonly follows a change of appendonly. Off is immediate; on begins with a base of the present state, which a background job
// makes, and the client is not kept waiting for it.
func (s *server) followAppendonly() error {
	if s.load.result != nil && s.load.result.Salvaged != nil {
		return errSalvaging
	}
	if s.cfg.Bool("appendonly") {
		if s.log != nil || s.logHeld != nil || s.eng.Loading() {
			return nil
		}
		if s.busy(0) || s.eng.InTransaction() {
			s.rewrites.scheduled = true
			s.logger.Info("AOF was enabled but there is already another background operation. " +
				"An AOF background was scheduled to start when possible.")
			return nil
		}
		if err := s.beginLog(); err != nil {
			return errors.New("Unable to turn on AOF. Check server logs.")
		}
		return nil
	}
	// Not before the whole CONFIG SET has been decided: another of its parameters may yet fail, and a log that was given up
	// cannot be taken up again.
	s.eng.Post(s.dropLog)
	return nil
}

// dropLog ends the log, unless appendonly is on again by now.
func (s *server) dropLog() {
	if s.cfg.Bool("appendonly") {
		return
	}
	s.lost.state = unseen
	s.endLog("appendonly no")
}

// endLog ends the log for the reason why; the data set stays.
func (s *server) endLog(why string) {
	s.rewrites.scheduled = false
	if s.busy(rewriteJob) {
		s.logger.Info(fmt.Sprintf("Killing running AOF rewrite child: %d", os.Getpid()))
		s.killJob(rewriteJob)
	}
	if s.log == nil {
		return
	}
	log := s.log
	s.log = nil
	s.eng.SetLog(nil)
	s.load.result.Position.LSN = log.End()
	if s.replicas.backlog != nil && !s.eng.Following() {
		// The log ends in order and keeps its history's name; what follows is another, or a start from the log would use positions twice (I6).
		res := s.load.result
		res.ID2, res.End2, res.Position.ID = res.Position.ID, log.End(), wal.NewReplID()
		s.dropReplicas(false)
	}
	if s.eng.Following() || s.replicas.backlog != nil {
		s.eng.SetLog(&bareStream{end: log.End()})
	}
	s.record(ledger.Entry{Rule: ledger.LogDropped, Decision: ledger.Note, Artifact: s.logOptions().Dir, Kind: "directory", To: uint64(log.End()), Detail: why})
	if err := log.Close(true); err != nil {
		s.logger.Warn("Closing the append-only file: " + err.Error())
	}
	last := log.Path()
	if _, err := os.Lstat(last); errors.Is(err, fs.ErrNotExist) {
		s.covers.Removed(last) // somebody else did that; a new log may give its name to another file, and replies would wait for the cover of this one
	}
}

// watchLog ends the server when the log says that it must not go on (appendfsync always, and no place to write to).
func (s *server) watchLog() {
	if s.log == nil {
		return
	}
	if err := s.log.Err(); errors.Is(err, wal.ErrFatal) {
		s.logger.Warn(err.Error())
		s.exit = 1
		s.eng.Stop()
	}
}

// position is the replication id and offset the stream stands at.
func (s *server) position() (id string, offset wal.LSN) {
	if s.load.result == nil {
		return strings.Repeat("0", 40), 0
	}
	return s.load.result.Position.ID.String(), s.eng.StreamEnd()
}

// secondPosition is the history before: its id, and the first offset that is not of it; -1 if there is none.
func (s *server) secondPosition() (id string, offset int64) {
	if r := s.load.result; r != nil && !r.ID2.IsZero() {
		return r.ID2.String(), int64(r.End2) + 1
	}
	return strings.Repeat("0", 40), -1
}

// logBuffer is how many bytes wait in memory to be written.
func (s *server) logBuffer() int64 {
	if s.log == nil {
		return 0
	}
	return s.log.Status().PendingBytes
}

func (s *server) infoLog(w *engine.InfoWriter) {
	r := &s.rewrites
	awaited := r.scheduled && s.cfg.Bool("appendonly") // it begins behind another job
	w.Field("aof_enabled", bit(s.log != nil || s.logHeld != nil || awaited))
	w.Field("aof_rewrite_in_progress", bit(s.busy(rewriteJob)))
	w.Field("aof_rewrite_scheduled", bit(r.scheduled))
	w.Field("aof_last_rewrite_time_sec", r.took)
	w.Field("aof_current_rewrite_time_sec", s.jobSeconds(rewriteJob))
	w.Field("aof_last_bgrewrite_status", status(r.failed))
	w.Field("aof_rewrites", r.count)
	w.Field("aof_rewrites_consecutive_failures", r.failures)
	var st wal.Status
	if s.log != nil {
		st = s.log.Status()
	}
	w.Field("aof_last_write_status", status(s.log != nil && !st.WriteOK || s.lost.state == removed))
	w.Field("aof_last_cow_size", s.jobs.lastCopied[rewriteJob])
	w.Field("module_fork_in_progress", 0)
	w.Field("module_fork_last_cow_size", 0)
	if s.log == nil {
		return
	}
	w.Field("aof_current_size", st.Size)
	w.Field("aof_base_size", st.BaseSize)
	w.Field("aof_pending_rewrite", bit(r.scheduled))
	w.Field("aof_buffer_length", st.PendingBytes)
	w.Field("aof_pending_bio_fsync", bit(st.Syncing))
	w.Field("aof_delayed_fsync", max(st.DelayedSyncs-s.load.delayedBefore, 0))
}

// infoLogOwn shows where the log stands, in our own fields.
func (s *server) infoLogOwn(w *engine.InfoWriter) {
	if s.load.result != nil {
		w.Field("fr_recovery_source", s.load.result.Source)
		w.Field("fr_recovery_seconds", s.load.result.Duration.Seconds())
	}
	if s.log == nil && s.lost.state != removed {
		return
	}
	w.Field("fr_log_place", s.lost.state)
	if s.log == nil {
		return
	}
	st := s.log.Status()
	w.Field("fr_log_policy", st.Policy)
	w.Field("fr_log_epoch", s.load.result.Position.Epoch)
	w.Field("fr_log_end_lsn", uint64(s.log.End()))
	w.Field("fr_log_written_lsn", uint64(s.log.Written()))
	w.Field("fr_log_durable_lsn", uint64(s.log.Durable()))
	w.Field("fr_log_bytes_at_risk", st.UnsyncedBytes)
	w.Field("fr_log_ms_at_risk", st.RiskMillis)
	w.Field("fr_log_increment", st.Seq)
	w.Field("fr_log_filed_lsn", uint64(s.log.Filed()))
	ring := st.Ring
	if ring == "" {
		ring = "none"
	}
	w.Field("fr_log_ring", ring)
	w.Field("fr_log_cover", s.coverOf(st.Covered))
	if st.Covered != wal.MaxLSN {
		w.Field("fr_log_covered_lsn", uint64(st.Covered))
	}
	w.Field("fr_log_ring_commits", st.RingCommits)
	w.Field("fr_log_ring_commits_inline", st.RingInline)
	w.Field("fr_log_ring_bytes", st.RingBytes)
	w.Field("fr_log_ring_failures", st.RingFailures)
	w.Field("fr_log_ring_moves", st.RingMoves)
	w.Field("fr_log_syncs", st.Syncs)
	w.Field("fr_log_last_sync_usec", st.LastSync.Microseconds())
	w.Field("fr_log_heals", st.Heals)
	w.Field("fr_log_commits_inline", st.Inline)
	w.Field("fr_log_commits_queued", st.Queued)
	w.Field("fr_log_held_bytes", st.HeldBytes)
	if st.Gap != 0 {
		w.Field("fr_log_gap_before_lsn", uint64(st.Gap))
	}
	if st.WriteReason != "" {
		w.Field("fr_log_failing_because", st.WriteReason)
	}
}
