package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// saveState is what is known of snapshots taken.
type saveState struct {
	last      time.Time // of the last successful one, or of the start
	count     int64     // of those that SAVE, BGSAVE and save points began (rdb_saves)
	failed    bool      // the last background save
	tried     time.Time
	took      int64 // seconds; of the last background save, -1: none yet
	scheduled bool
	size      int64 // of the snapshot on disk in bytes, 0: there is none, as far as is known
	keys      int64 // of the RDB file loaded last
	expired   int64 // of it, found expired and not loaded
}

// saveCommand is SAVE: the snapshot is written while everything waits.
func (s *server) saveCommand() error {
	if s.busy(saveJob) {
		return engine.ReplyError("ERR Background save already in progress")
	}
	s.saves.count++
	s.cover()
	if err := s.save(); err != nil {
		return engine.ReplyError("ERR")
	}
	return nil
}

// cover waits until the log holds everything that a snapshot taken now would show, as durably as its policy promises (I2). A
// log that fails is not waited for: then a snapshot is how the data can still be brought to safety.
func (s *server) cover() {
	for s.log != nil && s.log.Released() < s.log.End() && s.log.Err() == nil {
		time.Sleep(100 * time.Microsecond)
	}
}

// save writes the data set to dbfilename; an error leaves the old file in charge (I12, I21: see snapshot.WriteFile).
func (s *server) save() error {
	if s.eng.Loading() {
		return errors.New("the data set is still being loaded: half of it must not take the place of the whole")
	}
	if s.salvaging() {
		s.logger.Warn("Can't save: " + errSalvaging.Error())
		return errSalvaging
	}
	changes := s.eng.DirtyCount()
	began := time.Now()
	frozen := s.ks.Freeze()
	s.load.freezeUsec = time.Since(began).Microseconds()
	meta := s.snapshotMeta()
	meta.Replication = s.replicated()
	size, err := snapshot.WriteFile(snapshot.SaveOptions{FS: s.fs, Dir: s.dir, Name: s.cfg.String("dbfilename"),
		SyncEvery: s.syncEvery("rdb-save-incremental-fsync"), Aside: s.load.aside}, frozen, meta)
	frozen.Close()
	if err != nil {
		s.recordFailedSave("snapshot", "dbfilename", err)
		s.logger.Warn(saveFailure(err, s.dir))
		return err
	}
	s.covers.wrote(s.dataPath(s.cfg.String("dbfilename")))
	s.load.aside = ""
	s.eng.Saved(changes)
	s.saves.failed = false
	s.saves.last, s.saves.size = time.Now(), size
	s.logger.Info("DB saved on disk")
	return nil
}

// saveFailure is the line of the log about a save that failed, in Redis's words where it has some.
func saveFailure(err error, dir string) string {
	var failed *snapshot.SaveError
	if !errors.As(err, &failed) {
		return "Error saving the data set: " + err.Error()
	}
	temp, final, reason := filepath.Base(failed.Temp), filepath.Base(failed.Final), config.ErrnoText(failed.Err)
	switch failed.Step {
	case snapshot.SaveOpen:
		return fmt.Sprintf("Failed opening the temp RDB file %s (in server root dir %s) for saving: %s", temp, dir, reason)
	case snapshot.SaveRename:
		return fmt.Sprintf("Error moving temp DB file %s on the final destination %s (in server root dir %s): %s", temp, final, dir, reason)
	case snapshot.SaveSyncDir:
		return "Failed to fsync directory while saving DB: " + reason
	case snapshot.SaveSync:
		return "Write error while saving DB to the disk(fsync): " + reason
	default:
		return "Write error while saving DB to the disk(rdbSaveRio): " + reason
	}
}

func (s *server) snapshotMeta() snapshot.Meta {
	m := snapshot.Meta{
		Created: time.Now(), UsedMemory: s.ks.UsedBytes(),
		NoCompress: !s.cfg.Bool("rdbcompression"), NoChecksum: !s.cfg.Bool("rdbchecksum") && s.cfg.Enum("fr-mode") != "hardened",
		Oldest: s.cfg.Bool("fr-rdb-oldest-version"),
	}
	m.Functions = s.eng.LibraryCodes()
	switch s.cfg.Enum("maxmemory-policy") {
	case "allkeys-lru", "volatile-lru":
		m.Access = snapshot.AccessIdle
	case "allkeys-lfu", "volatile-lfu":
		m.Access = snapshot.AccessFreq
	}
	return m
}

// reload is DEBUG RELOAD: the data set goes through a file and comes back, while everything waits.
func (s *server) reload(r engine.Reload) error {
	if s.eng.Loading() {
		return errors.New("the data set is still being loaded")
	}
	if r.Save {
		s.cover()
		if err := s.save(); err != nil {
			return err
		}
	}
	if r.Flush {
		s.eng.Flushed()
		for i := range s.ks.Len() {
			s.ks.DB(i).Flush(false)
		}
	}
	if err := s.eng.LoadLibraries(nil, r.Flush, false); err != nil {
		return err
	}
	// What is loaded is no change: nothing expires meanwhile and nothing is streamed.
	s.eng.SetLoading(true)
	defer s.eng.SetLoading(false)
	if err := s.loadFile(s.dataPath(s.cfg.String("dbfilename")), r.Merge); err != nil {
		if twice := (*duplicateKey)(nil); errors.As(err, &twice) {
			// Half the file is in the data set now. Redis ends as well: the log brings back what was.
			s.logger.Warn(fmt.Sprintf("RDB has duplicated key '%s' in DB %d", twice.key, twice.db))
			s.crash(engine.CrashPanic, "Duplicated key found in RDB file")
		}
		s.logger.Warn("Error loading the RDB dump: " + err.Error())
		return err
	}
	s.logger.Info("DB reloaded by DEBUG RELOAD")
	return nil
}

// loadFile inserts all keys of an RDB file; those that have expired meanwhile are left out, as Redis does on a primary.
func (s *server) loadFile(path string, merge bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rd := snapshot.NewReader(f, snapshot.Options{Databases: s.ks.Len(), SkipChecksum: s.skipChecksum()})
	defer rd.Close()
	var b snapshot.Batch
	var kept, expired int64
	libraries, told := 0, false
	for {
		err := rd.Next(&b)
		if err != nil && err != io.EOF {
			return err
		}
		if !told {
			told = true
			for _, line := range recovery.DescribeAux(rd.Info(), time.Now()) {
				s.logger.Info(line)
			}
		}
		// They stand before the keys: one that is there already ends it all before a key is touched.
		codes := rd.Info().Functions
		if lerr := s.eng.LoadLibraries(codes[libraries:], false, merge); lerr != nil {
			return lerr
		}
		libraries = len(codes)
		now := int64(s.eng.Now())
		live := slices.DeleteFunc(b.Items, func(it snapshot.Item) bool {
			over := it.ExpireMs != snapshot.NoExpiry && it.ExpireMs < now
			if it.Begins() && over {
				expired++
			} else if it.Begins() {
				kept++
			}
			return over
		})
		if ierr := s.insert(live, merge); ierr != nil {
			return ierr
		}
		if err == io.EOF {
			s.saves.keys, s.saves.expired = kept, expired
			s.logger.Info(recovery.DescribeLoaded(kept, expired))
			return nil
		}
	}
}

// emptied follows FLUSHALL: with save points the file is emptied at once, as in Redis, so that a crash does not bring
// the old data back.
func (s *server) emptied() {
	s.killJob(saveJob)
	if len(s.cfg.SavePoints()) > 0 && !s.eng.Loading() {
		_ = s.save() // it says in the log and the ledger what is wrong; the changes still count as unsaved
	}
}

// rewriteConfig is CONFIG REWRITE; all writes what stands at its default, too.
func (s *server) rewriteConfig(all bool) error {
	if err := s.cfg.WriteBack(s.fs, config.RewriteOptions{Users: s.userLines(), All: all}); err != nil {
		if s.cfg.File() != "" {
			s.logger.Warn("CONFIG REWRITE failed: " + err.Error())
		}
		return engine.ReplyError(err.Error())
	}
	for _, path := range []string{s.cfg.File(), config.OwnFile(s.cfg.File())} {
		s.covers.wrote(path)
	}
	s.logger.Info("CONFIG REWRITE executed with success.")
	return nil
}

// shutdown ends the server in order: the data set saved where that is asked for or save points say so, the log synced
// and closed, and the executor told to stop. With an error nothing has happened and the server goes on.
func (s *server) shutdown(r engine.ShutdownRequest) error {
	if s.eng.Stopping() {
		return nil // asked for once more in the same turn
	}
	if s.closing.on {
		return engine.ErrShutdownWaits
	}
	s.logger.Info("User requested shutdown...")
	s.notify("STOPPING=1\n")
	if s.eng.Loading() {
		// What is on disk is whole; half a data set in memory must not replace it.
		r.Save, r.NoSave = false, true
	}
	if s.salvaging() || s.sentinel != nil {
		r.Save, r.NoSave = false, true
	}
	if s.awaitReplicas(r) {
		return engine.ErrShutdownWaits
	}
	return s.finishShutdown(r)
}

// finishShutdown is the rest of shutdown, when replicas have been waited for.
func (s *server) finishShutdown(r engine.ShutdownRequest) error {
	s.tellReplicas()
	if s.logHeld != nil {
		if !r.Force {
			s.logger.Warn("Writing initial AOF, can't exit.")
			s.logger.Warn("Errors trying to shut down the server. Check the logs for more information.")
			return errors.New("the append-only file is being made")
		}
		s.logger.Warn("Writing initial AOF. Exit anyway.")
	}
	s.killDebuggees()
	if s.busy(saveJob) {
		s.logger.Warn("There is a background save. Giving it up!")
		s.killJob(saveJob)
	}
	if s.busy(rewriteJob) {
		s.logger.Warn("There is a rewrite of the append-only file. Giving it up!")
		s.killJob(rewriteJob)
	}
	if r.Save || (!r.NoSave && len(s.cfg.SavePoints()) > 0) {
		s.logger.Info("Saving the final RDB snapshot before exiting.")
		s.notify("STATUS=Saving the final RDB snapshot\n")
		s.cover()
		if err := s.save(); err != nil && !r.Force {
			s.logger.Warn("Error trying to save the DB, can't exit.")
			s.logger.Warn("Errors trying to shut down the server. Check the logs for more information.")
			return err
		}
	}
	if s.eng.Loading() {
		close(s.load.quit)
	}
	if s.log != nil {
		s.logger.Info("Calling fsync() on the AOF file.")
		if err := s.log.Close(true); err != nil {
			// What is not durable is told; the files are as whole as the disk allowed.
			s.logger.Warn("Fail to fsync the AOF file: " + err.Error())
			s.exit = 1
		}
	}
	if s.pidFile != "" {
		s.logger.Info("Removing the pid file.")
		os.Remove(s.pidFile)
	}
	if s.cfg.String("unixsocket") != "" {
		s.logger.Info("Removing the unix socket file.")
	}
	s.reactor.CloseListeners()
	name := "FrankenRedis"
	if s.sentinel != nil {
		name = "Sentinel"
	}
	s.logger.Warn(name + " is now ready to exit, bye bye...")
	s.eng.Stop()
	return nil
}
