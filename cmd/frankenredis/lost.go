package main

import (
	"golang.org/x/sys/unix"

	"frankenredis/heal"
	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// lost is what is known of the place of the log's last increment. Somebody may remove or move it, or its folder, below the running server: every
// write to it still succeeds, and the next start finds nothing. What has no name any more is written anew from memory, and writes are refused
// until that is durable; what only has another name is told, for it is where somebody put it. All but watch belongs to the executor.
type lost struct {
	watch nameWatch
	path  string // last seen without its file
	times int    // in a row
	state lostState
}

type lostState uint8

const (
	unseen lostState = iota // nobody has looked yet
	inPlace
	moved   // the file has another name, which was told
	removed // it has none, and is being written anew
)

func (s lostState) String() string { return [...]string{"unknown", "ok", "moved", "removed"}[s] }

// A file is missed when it was not there twice, a second apart: a rewrite that has just removed it for a newer one is not yet known.
const missedAfter = 2

// nameWatch looks whether the file that a log writes to still has its name. For one goroutine at a time.
type nameWatch struct {
	log  *wal.Log // whose file it is: another log's may get the same name
	path string
	fd   int // of the file itself, whatever its name; opened for no access
	held bool
}

// look says whether the file that was first seen at path is not there any more, and if so, whether it has any name left. A file that was never
// seen has none.
func (w *nameWatch) look(log *wal.Log, path string) (gone, nameless bool) {
	if w.log != log || w.path != path {
		w.close()
		w.log, w.path = log, path
	}
	if !w.held {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		w.fd, w.held = fd, err == nil
		missing := err == unix.ENOENT || err == unix.ENOTDIR
		return missing, missing
	}
	var at, file unix.Stat_t
	switch err := unix.Stat(path, &at); {
	case err != nil && err != unix.ENOENT && err != unix.ENOTDIR:
		return false, false // nobody knows
	case unix.Fstat(w.fd, &file) != nil || err == nil && at.Dev == file.Dev && at.Ino == file.Ino:
		return false, false
	}
	return true, file.Nlink == 0
}

func (w *nameWatch) close() {
	if w.held {
		unix.Close(w.fd)
	}
	w.held = false
}

// judgePlace takes in what a look at a log's increment has shown.
func (s *server) judgePlace(log *wal.Log, path string, gone, nameless bool) {
	l := &s.lost
	if log == nil || s.log != log || s.eng.Stopping() || log.Path() != path {
		return // it was of another increment
	}
	if !gone {
		if l.state == moved {
			s.logger.Info("The append-only file is in its place: " + path)
		}
		l.times, l.state = 0, inPlace
		return
	}
	if l.path != path {
		l.path, l.times = path, 0
	}
	if l.times++; l.times < missedAfter {
		return
	}
	switch {
	case nameless:
		if l.state != removed {
			text := path + " has been removed while it was written to. It is made anew from memory, and writes are refused until that is done."
			s.logger.Warn(text)
			s.record(ledger.Entry{Rule: ledger.LogFailed, Decision: ledger.Change, Artifact: path, Kind: "increment", Detail: text})
		}
		l.state = removed
		s.remakeLog()
	case l.state != moved:
		l.state = moved
		text := path + " has been moved away or covered by another file system while it was written to. The server goes on writing to it, but a start and the next rewrite look for it there. " +
			"Bring it back, or let it be written anew here: CONFIG SET appendonly no, then yes."
		s.logger.Warn(text)
		s.record(ledger.Entry{Rule: ledger.LogFailed, Decision: ledger.Note, Artifact: path, Kind: "increment", Detail: text})
	}
}

// remakeLog ends the log whose files are gone and begins another one with a base of what is in memory. What fails is tried again.
func (s *server) remakeLog() {
	if s.eng.InTransaction() || s.busy(saveJob) {
		return // the next look comes back to it
	}
	s.eng.Commit()
	s.endLog("its file has been removed")
	s.unlockFolder() // the lock went with the folder, or is taken again
	if err := s.beginLog(); err != nil {
		s.rewrites.scheduled = true
	}
}

// foundPlace is told that a new log is there.
func (s *server) foundPlace() {
	if s.lost.state == removed {
		s.covers.tell((*heal.Keeper).Sweep) // of what went with the folder nobody asks again
	}
	s.lost.state, s.lost.times = unseen, 0
}

// denyForLost refuses writes while the log's file is gone.
func (s *server) denyForLost() error {
	if s.lost.state != removed {
		return nil
	}
	return engine.ReplyError("MISCONF Errors writing to the AOF file: No such file or directory")
}
