package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wire/engine"
)

// job is a frozen view on its way to the disk: a background save or a rewrite of the log. One runs at a time, because clients of
// Redis know one child process. It is made and ended on the executor; what write does runs on a background thread.
type job struct {
	kind    jobKind
	began   time.Time
	frozen  *kv.Frozen // nil: it is yet to be run
	changes int64      // since the last save, at the freeze
	total   int64      // keys
	size    int64      // bytes that write has written, once done is closed
	delay   int64      // rdb-key-save-delay, which a job keeps that has been asked for
	keys    atomic.Int64
	stop    atomic.Bool
	done    <-chan struct{} // nil: it is yet to be run
	err     error           // write's, once done is closed
	ended   bool            // finish was called
	finish  func(j *job, err error)
}

type jobKind uint8

const (
	saveJob jobKind = iota + 1
	rewriteJob
)

// errStopped ends a job whose result nobody wants any more.
var errStopped = errors.New("given up")

// startJob freezes the working set and lets write bring it to the disk in the background; finish is then called on the executor,
// with write's error. write asks meta.Progress and meta.Pace, which end it when the job is stopped.
func (s *server) startJob(kind jobKind, write func(j *job, meta snapshot.Meta) error, finish func(j *job, err error)) *job {
	j := s.newJob(kind, finish)
	s.runJob(j, write)
	return j
}

// newJob is a job that has yet to freeze the working set (runJob); until then no other begins.
func (s *server) newJob(kind jobKind, finish func(j *job, err error)) *job {
	j := &job{kind: kind, began: time.Now(), finish: finish, delay: s.cfg.Int("rdb-key-save-delay")}
	for i := range s.ks.Len() {
		j.total += int64(s.ks.DB(i).Len())
	}
	s.jobs.now = j
	return j
}

// runJob is what startJob does with a job of newJob's.
func (s *server) runJob(j *job, write func(j *job, meta snapshot.Meta) error) {
	kind := j.kind
	j.began, j.changes = time.Now(), s.eng.DirtyCount()
	j.frozen = s.ks.Freeze()
	s.load.freezeUsec = time.Since(j.began).Microseconds()
	j.total = 0
	for i := range j.frozen.Len() {
		j.total += int64(j.frozen.DB(i).Len())
	}
	meta := s.snapshotMeta()
	if kind == saveJob {
		meta.Replication = s.replicated()
	}
	meta.Progress = func(keys int64) error {
		j.keys.Store(keys)
		return j.stopped()
	}
	meta.Yield = engine.Yielder()
	if j.delay != 0 {
		pause := pacer(j.delay, j.stopped)
		meta.Pace = func() error {
			j.keys.Add(1) // Progress would be told too seldom
			return pause()
		}
	}
	parameter := "bgsave_cpulist"
	if kind == rewriteJob {
		parameter = "aof_rewrite_cpulist"
	}
	cpus := s.cfg.String(parameter)
	j.done = engine.Background(func() {
		s.pin(parameter, cpus)
		j.err = write(j, meta)
		s.eng.Post(func() { s.endJob(j) })
	})
}

// pacer makes work slow, for test beds (rdb-key-save-delay, key-load-delay): what it returns is called behind each key. delay is in
// microseconds; below zero so many keys share one. A sleep that lasted longer than it was to counts for the keys behind it.
func pacer(delay int64, stopped func() error) func() error {
	n := int64(0)
	every, sleep := int64(1), time.Duration(delay)*time.Microsecond
	if delay < 0 {
		every, sleep = -delay, time.Microsecond
	}
	const slice = 5 * time.Millisecond
	owed := time.Duration(0)
	return func() error {
		if n++; n%every != 0 {
			return nil
		}
		for owed += sleep; owed > 0; {
			if err := stopped(); err != nil {
				return err
			}
			began := time.Now()
			time.Sleep(min(owed, slice))
			owed -= time.Since(began)
		}
		return nil
	}
}

// copied is how many bytes were copied because pages changed that the view shows.
func (j *job) copied() int64 {
	if j.frozen == nil {
		return 0
	}
	return j.frozen.CopiedBytes()
}

func (j *job) stopped() error {
	if j.stop.Load() {
		return errStopped
	}
	return nil
}

// endJob is called on the executor when write has returned, or will not be called.
func (s *server) endJob(j *job) {
	if j.ended {
		return
	}
	j.ended = true
	s.jobs.lastCopied[j.kind] = j.copied()
	if j.frozen != nil {
		j.frozen.Close()
	}
	s.jobs.now = nil
	j.finish(j, j.err)
}

// killJob gives up the running job, if it is of the kind, and waits until it has cleaned up behind it: that is soon. One that has done its
// work meanwhile ends as if nothing had been.
func (s *server) killJob(kind jobKind) {
	j := s.jobs.now
	if j == nil || j.kind != kind {
		return
	}
	j.stop.Store(true)
	if j.done == nil {
		j.err = errStopped
	} else {
		<-j.done
	}
	s.endJob(j) // what it posted comes to nothing
}

// busy says whether a job of the kind runs; 0: of any.
func (s *server) busy(kind jobKind) bool {
	return s.jobs.now != nil && (kind == 0 || s.jobs.now.kind == kind)
}

// awaitCover waits until log holds, as durably as its policy promises, everything up to where it ended at the freeze (I2). A log that
// fails is not waited for: then a snapshot is how the data can still be brought to safety.
func (j *job) awaitCover(log engine.Log) func() error {
	if log == nil {
		return nil
	}
	end := log.End()
	return func() error {
		for log.Released() < end && log.Err() == nil {
			if err := j.stopped(); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return j.stopped()
	}
}

// throttle bounds what a background job writes, in bytes a second; 0: it does not.
type throttle struct {
	w     io.Writer
	rate  int64
	j     *job
	began time.Time
	n     int64
}

func (t *throttle) Write(p []byte) (int, error) {
	if err := t.j.stopped(); err != nil {
		return 0, err
	}
	n, err := t.w.Write(p)
	if t.rate <= 0 || err != nil {
		return n, err
	}
	if t.began.IsZero() {
		t.began = time.Now()
	}
	t.n += int64(n)
	const slice = 20 * time.Millisecond
	for due := t.began.Add(time.Duration(float64(t.n) / float64(t.rate) * float64(time.Second))); ; {
		left := time.Until(due)
		if left <= 0 {
			return n, nil
		}
		if err := t.j.stopped(); err != nil {
			return n, err
		}
		time.Sleep(min(left, slice))
	}
}

// jobTemp is a name for the temporary file of a background job.
func jobTemp() string { return fmt.Sprintf("temp-%d-%d.rdb", os.Getpid(), jobNumber.Add(1)) }

var jobNumber atomic.Int64

// jobs is what is known of background jobs.
type jobs struct {
	now        *job
	lastCopied [rewriteJob + 1]int64
}

// jobSeconds is how long the running job of the kind has been at work; -1: there is none.
func (s *server) jobSeconds(kind jobKind) int64 {
	if !s.busy(kind) {
		return -1
	}
	return int64(time.Since(s.jobs.now.began) / time.Second)
}

// infoJob shows the running job as Redis shows its child: what it copied of pages that changed meanwhile, and how far it is.
func (s *server) infoJob(w *engine.InfoWriter) {
	copied, done, total, share := int64(0), int64(0), int64(0), 0.0
	if j := s.jobs.now; j != nil {
		copied, done, total = j.copied(), j.keys.Load(), j.total
		if total > 0 {
			share = 100 * float64(done) / float64(total)
		}
	}
	w.Field("current_cow_peak", copied)
	w.Field("current_cow_size", copied)
	w.Field("current_cow_size_age", 0)
	w.Fieldf("current_fork_perc", "%.2f", share)
	w.Field("current_save_keys_processed", done)
	w.Field("current_save_keys_total", total)
}
