package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// debugReasons are what DEBUG's ways to crash say of themselves.
var debugReasons = [...]string{
	engine.CrashPanic:       "DEBUG PANIC called",
	engine.CrashAssert:      "'1 == 2' is not true",
	engine.CrashOutOfMemory: fmt.Sprintf("Redis aborting for OUT OF MEMORY. Allocating %d bytes!", math.MaxInt64),
}

// crash ends the process on purpose, with a report as after any crash.
func (s *server) crash(k engine.CrashKind, why string) {
	sig := unix.SIGABRT
	what := ""
	switch k {
	case engine.CrashSegfault:
		sig = unix.SIGSEGV
		what = fmt.Sprintf("Redis %s crashed by signal: %d", engine.RedisVersion, int(sig))
	case engine.CrashAssert:
		what = "=== ASSERTION FAILED ===\n==> " + why
	case engine.CrashOutOfMemory:
		s.logger.Warn(fmt.Sprintf("Out Of Memory allocating %d bytes!", math.MaxInt64))
		fallthrough
	default:
		what = fmt.Sprintf("------------------------------------------------\n!!! Software Failure. Press left mouse button to continue\n"+
			"Guru Meditation: %s at Unix time %d", why, time.Now().Unix())
	}
	if s.cfg.Bool("crash-log-enabled") {
		var state strings.Builder
		s.describeState(&state)
		s.report(what, state.String())
	} else {
		s.logger.Warn(what[strings.LastIndexByte(what, '\n')+1:])
	}
	if sig == unix.SIGABRT && s.cfg.Bool("use-exit-on-panic") {
		os.Exit(1)
	}
	dieBy(sig)
}

// restart begins the program anew in this process: with graceful as after a shutdown and a CONFIG REWRITE, else as after a
// crash. It returns only when that cannot be.
func (s *server) restart(graceful bool, after time.Duration) error {
	refuse := func(why string) error {
		s.logger.Warn("Can't restart: " + why)
		return errors.New(why)
	}
	exe, err := os.Executable()
	if err != nil {
		return refuse(err.Error())
	}
	if s.onceOnly != "" {
		return refuse(s.onceOnly)
	}
	if unix.Access(exe, unix.X_OK) != nil {
		return refuse("this process has no permissions to execute " + exe)
	}
	if graceful {
		if s.cfg.File() != "" {
			if err := s.rewriteConfig(false); err != nil {
				return refuse("configuration rewrite process failed: " + err.Error())
			}
		}
		if err := s.shutdown(engine.ShutdownRequest{Now: true}); err != nil {
			return refuse("error preparing for shutdown")
		}
	}
	time.Sleep(after)
	s.killDebuggees()
	s.closeRecords(nil)
	err = s.startOver(s.begin)
	// Nothing can be taken back any more.
	s.logger.Warn("Can't restart: " + err.Error())
	os.Exit(1)
	return err
}

// startOver begins the process anew, in the directory in which it was started. It returns an error or not at all.
func (s *server) startOver(begin string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Chdir(begin); err != nil {
		s.logger.Warn("The directory of the first start cannot be entered: " + err.Error())
	}
	env := os.Environ()
	if s.cfg.Bool("daemonize") {
		env = append(env, daemonEnv+"=1") // it is one already
	}
	return unix.Exec(exe, os.Args, env)
}

// loadLog is DEBUG LOADAOF: the data set is emptied and comes back from the log, by the way it comes back at a start: the log
// is closed, recovered and opened again. If it cannot be, the server must not go on, for it has lost its data.
func (s *server) loadLog() error {
	if s.log == nil {
		return errors.New("there is no log")
	}
	s.eng.Flushed()
	for i := range s.ks.Len() {
		s.ks.DB(i).Flush(false)
	}
	here := func(work step) error {
		for {
			if more, err := work(); !more || err != nil {
				return err
			}
		}
	}
	if err := s.reopenLog(s.recoveryOptions(here), func(*recovery.Result) {}); err != nil {
		return err
	}
	s.eng.Saved(s.eng.DirtyCount())
	s.logger.Info("Append Only File loaded by DEBUG LOADAOF")
	return nil
}

// changeReplicationID is DEBUG CHANGE-REPL-ID. A log carries the id, so it is closed and opened again under the new one.
func (s *server) changeReplicationID() error {
	rename := func(r *recovery.Result) {
		r.Position.ID, r.ID2, r.End2 = wal.NewReplID(), wal.ReplID{}, 0
		r.Log.Position.ID, r.Log.ID2, r.Log.End2 = r.Position.ID, r.ID2, r.End2
	}
	if s.log == nil {
		rename(s.load.result)
	} else {
		o := s.recoveryOptions(nil)
		o.LoadItems = func([]snapshot.Item) error { return nil } // the data is here
		o.Apply = func([]recovery.Command) error { return nil }
		o.LoadFunctions = nil
		if err := s.reopenLog(o, rename); err != nil {
			return err
		}
	}
	s.logger.Info("Changing replication IDs after receiving DEBUG change-repl-id")
	return nil
}

// reopenLog closes the log and opens it again as a start does, changed by change, while everything waits. An error ends
// the server: then there is no log, and perhaps no data.
func (s *server) reopenLog(o recovery.Options, change func(*recovery.Result)) (err error) {
	defer func() {
		if err != nil {
			s.logger.Warn("The append-only file cannot be taken up again: " + err.Error())
			s.exit = 1
			s.eng.Stop()
		}
	}()
	old := s.log
	s.log = nil
	s.eng.SetLog(nil)
	if err := old.Close(true); err != nil {
		return err
	}
	if err := s.load.result.Lock.Close(); err != nil {
		return err
	}
	s.eng.SetLoading(true)
	defer s.eng.SetLoading(false)
	result, err := recovery.Boot(o)
	if err != nil {
		s.recordRefusal(err)
		return err
	}
	s.recordStart(result.Evidence)
	change(result)
	log, err := result.OpenLog(s.logOptions(), s.cfg.Bool("aof-use-rdb-preamble"), s.ks.UsedBytes())
	if err != nil {
		return err
	}
	s.load.result, s.log = result, log
	s.load.progress.Store(nil)
	s.eng.SetLog(log)
	return nil
}
