package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/recovery/ledger"
)

// Names of temporary files that a server which died may have left in the data directory: ours of a background save, which is locked as long
// as somebody writes it; Redis's own of a save in the foreground and of a full sync, where only the process id in the name tells.
var (
	lockedTemp = regexp.MustCompile(`^temp-\d+-\d+\.rdb$`)
	pidTemp    = regexp.MustCompile(`^temp-(?:\d+\.)?(\d+)\.rdb$`)
)

// A temporary file that somebody wrote to so recently is left alone: other servers may work in the same folder.
const (
	freshLocked = time.Second
	freshByPid  = time.Minute
)

// lockTemp marks a temporary file as being written. Failing to is no reason not to save.
func (s *server) lockTemp(name string) io.Closer {
	lock, err := s.fs.Lock(filepath.Join(s.dir, name))
	if err != nil {
		return io.NopCloser(nil)
	}
	return lock
}

// removeStale removes what saves that were cut short left behind: on a full disk it is what keeps the next one from succeeding. The data set
// has been recovered by now (I19), and no file that anything names is called so. The loading goroutine.
func (s *server) removeStale() {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return
	}
	removed := false
	for _, name := range names {
		path := filepath.Join(s.dir, name)
		info, err := s.fs.Stat(path)
		if err != nil || info.IsDir() || !s.isStale(name, path, time.Since(info.ModTime())) {
			continue
		}
		if err := s.fs.Remove(path); err != nil {
			s.logger.Warn("Can't remove the stale temporary file " + name + ": " + err.Error())
			continue
		}
		removed = true
		s.logger.Info(fmt.Sprintf("Removed the stale temporary file %s of %d bytes", name, info.Size()))
		s.record(ledger.Entry{Rule: ledger.Changed, Decision: ledger.Change, Artifact: path, Kind: "temporary", Bytes: info.Size(), Detail: "a save that was cut short left it"})
	}
	if removed {
		_ = s.fs.SyncDir(s.dir) // a crash may bring it back, to be removed again
	}
}

func (s *server) isStale(name, path string, age time.Duration) bool {
	if lockedTemp.MatchString(name) && age > freshLocked {
		lock, err := s.fs.Lock(path)
		if err != nil {
			return false
		}
		_ = lock.Close()
		return true
	}
	m := pidTemp.FindStringSubmatch(name)
	if m == nil || age < freshByPid {
		return false
	}
	pid, err := strconv.Atoi(m[1])
	return err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
