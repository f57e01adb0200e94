package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// room is what is known of the room on the disk of the data directory: a warning comes before it is full, and the log keeps a reserve
// that a rewrite can use when it is. All but the atomic fields belongs to the executor; the disk is asked on goroutines of their own,
// one at a time.
type room struct {
	state    roomState
	free     int64 // bytes, when asked last; -1: not yet
	asking   bool
	reserve  *wal.Reserve // nil: there is no log
	of       *wal.Log     // whose reserve it is
	pace     float64      // bytes a second by which the log grows, smoothed; rewrites do not count
	peak     float64      // the fastest second of late
	lastSize int64
	lastAt   time.Time

	// rewriting says that the reserve was given up and a rewrite is due or under way. Writes wait for its end: they would eat up the
	// room that it was given.
	rewriting bool
	uses      int64       // times the reserve was given up
	hit       atomic.Bool // an operation on the log found the disk full
}

type roomState uint8

const (
	roomUnknown roomState = iota
	roomOK
	roomLow  // a warning was given
	roomFull // an operation failed for lack of room, and there is none yet
)

func (r roomState) String() string { return [...]string{"unknown", "ok", "low", "full"}[r] }

const (
	// A disk that will be full so soon, at the pace of the last minute, is low.
	roomHorizon = 10 * time.Minute
	// A reserve for less than this is not worth a file.
	leastReserve = 1 << 20
)

// isFull says whether an operation failed because the disk, or the user's share of it, is full.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// tendRoom is called once a second.
func (s *server) tendRoom() {
	r := &s.room
	now := time.Now()
	s.followGrowth(now)
	if s.eng.Loading() || s.eng.Stopping() || r.asking {
		return
	}
	if s.log != r.of {
		reserve := r.reserve
		r.of, r.reserve, r.rewriting = s.log, nil, false
		if s.log == nil && reserve != nil {
			s.dropReserve(reserve)
			return
		}
	}
	if s.log == nil && len(s.cfg.SavePoints()) == 0 {
		r.state, r.free = roomUnknown, -1
		return // nothing is written
	}
	s.rewriteIntoReserve()
	dir, fsys := s.dir, s.fs
	log, increment := s.log, ""
	if log != nil {
		increment = log.Path()
	}
	var reserve *wal.Reserve
	size, spare := int64(0), s.cfg.Bytes("fr-disk-warn")
	if s.log != nil {
		if r.reserve == nil {
			o := s.logOptions()
			r.reserve = wal.NewReserve(fsys, o.Dir, o.Name)
		}
		reserve, size = r.reserve, s.wantedReserve()
		if r.rewriting || r.hit.Load() || s.busy(0) {
			size = reserve.Held() // not now
		}
	}
	r.asking = true
	go func() {
		if reserve != nil && size != reserve.Held() {
			// A reserve that cannot be had is no failure: the log goes on as without.
			_ = reserve.Resize(size, spare)
		}
		free, err := fsys.Free(dir)
		gone, nameless := false, false
		if log != nil {
			gone, nameless = s.lost.watch.look(log, increment)
		}
		s.eng.Post(func() {
			r.asking = false
			s.judgePlace(log, increment, gone, nameless)
			if err == nil {
				s.judgeRoom(free)
			}
		})
	}()
}

// followGrowth measures the pace at which the log grows.
func (s *server) followGrowth(now time.Time) {
	r := &s.room
	if s.log == nil {
		r.pace, r.peak, r.lastSize = 0, 0, 0
		return
	}
	size := s.log.Status().Size
	if since := now.Sub(r.lastAt).Seconds(); size >= r.lastSize && r.lastSize > 0 && since > 0 {
		const (
			weight = 1.0 / 60
			fade   = 0.99 // the peak halves in about a minute
		)
		now := float64(size-r.lastSize) / since
		r.pace += weight * (now - r.pace)
		r.peak = max(now, fade*r.peak)
	}
	r.lastSize, r.lastAt = size, now
}

// wantedReserve is as much as the next rewrite will write, as far as that can be foreseen, and as the log needs before it can begin: a failed
// log writes anew what was not synced. It moves by steps, so that the file is not made anew all the time.
func (s *server) wantedReserve() int64 {
	base := s.baseSize()
	if limit := s.cfg.Bytes("fr-disk-reserve"); base < leastReserve || base > limit {
		return 0 // what is too small for the base would only be in the way
	}
	want := base + base/8 + 2*int64(s.room.peak) // seconds between syncs, at most
	held := s.room.reserve.Held()
	if held >= want && held-want < want/4 {
		return held
	}
	return want + want/8
}

// secondsToFull is when the disk will be full if the log goes on growing as it does; -1: nothing points to that.
func (r *room) secondsToFull() int64 {
	const slow = 1024 // bytes a second that nobody needs to be warned of
	if r.free < 0 || r.pace < slow {
		return -1
	}
	return int64(float64(r.free) / r.pace)
}

// judgeRoom takes in how much is free.
func (s *server) judgeRoom(free int64) {
	r := &s.room
	r.free = free
	need := s.cfg.Bytes("fr-disk-warn")
	if need == 0 {
		r.state = roomOK
		r.hit.Store(false)
		return
	}
	next := s.saves.size
	if s.log != nil {
		next = s.baseSize()
		if r.reserve != nil { // else the log was begun while the disk was asked
			next = max(next-r.reserve.Held(), 0)
		}
	}
	need = max(need, next)
	failing := s.log != nil && s.log.Err() != nil
	left := r.secondsToFull()
	soon := left >= 0 && left < int64(roomHorizon/time.Second)
	switch {
	case r.hit.Load() && (failing || r.rewriting || s.saves.failed && free < next):
		if r.state != roomFull {
			r.state = roomFull
			s.logger.Warn(fmt.Sprintf("The disk of %s is full: %d bytes are free. Writes are refused until there is room; nothing acknowledged is lost. "+
				"Remove something, or make the disk larger: with about %d bytes free the server goes on by itself.", s.dir, free, s.roomToGoOn(next)))
		}
	case free < need || soon:
		r.hit.Store(false)
		if r.state != roomLow {
			text := fmt.Sprintf("The disk of %s is nearly full: %d bytes are free, the next snapshot or rewrite needs %d", s.dir, free, next)
			if left >= 0 {
				text += fmt.Sprintf(", and the log fills the rest in %d seconds", left)
			}
			s.logger.Warn(text + " (fr-disk-warn)")
			s.record(ledger.Entry{Rule: ledger.RoomLow, Decision: ledger.Note, Artifact: s.dir, Kind: "directory", Bytes: free, Detail: text})
			r.state = roomLow
		}
	case free < need+need/4 && r.state == roomLow: // so that the line does not come again and again
	default:
		r.hit.Store(false)
		if r.state == roomLow || r.state == roomFull {
			s.logger.Info(fmt.Sprintf("The disk of %s has room again: %d bytes are free", s.dir, free))
			s.rewrites.failures, s.rewrites.retryAt = 0, time.Time{} // what failed for lack of room need not wait
			s.saves.tried = time.Time{}
		}
		r.state = roomOK
	}
}

// roomToGoOn is how many bytes must be free until a full disk is none: a log that failed writes once more, into a new increment, what it has not
// durably, beside the old one; a save needs its file, of next bytes.
func (s *server) roomToGoOn(next int64) int64 {
	const around = 64 << 10 // manifest, companions, watermark, and what file systems lay by for themselves
	if s.log != nil && s.log.Err() != nil {
		return int64(s.log.End()-s.log.Durable()) + around
	}
	return max(next, around)
}

// outOfRoom is told, on any goroutine and also under the log's locks, that the disk is full. The reserve is given up at once, and a rewrite
// goes into it.
func (s *server) outOfRoom() {
	s.room.hit.Store(true)
	s.eng.Post(func() {
		r := &s.room
		reserve := r.reserve
		if reserve == nil || r.asking || reserve.Held() == 0 {
			return // tendRoom comes back to it while the log fails
		}
		s.giveUpReserve(reserve)
	})
}

func (s *server) giveUpReserve(reserve *wal.Reserve) {
	r := &s.room
	r.asking = true
	go func() {
		bytes, err := reserve.Release()
		s.eng.Post(func() {
			r.asking = false
			if err != nil || bytes == 0 {
				return
			}
			r.uses++
			r.rewriting = true
			s.logger.Warn(fmt.Sprintf("The disk of %s is full: the reserve of %d bytes was given up for a rewrite of the append-only file; writes wait for its end",
				s.dir, bytes))
			s.record(ledger.Entry{Rule: ledger.RoomUsed, Decision: ledger.Change, Artifact: s.logOptions().Dir, Kind: "directory", Bytes: bytes,
				Detail: "the reserve was given up"})
		})
	}()
}

// dropReserve gives up the reserve of a log that has ended; a new log's waits for that.
func (s *server) dropReserve(reserve *wal.Reserve) {
	s.room.asking = true
	go func() {
		_, err := reserve.Release()
		s.eng.Post(func() {
			s.room.asking = false
			if err != nil {
				s.logger.Warn("Can't remove the reserve of the append-only file, which has ended: " + err.Error())
			}
		})
	}()
}

// rewriteIntoReserve begins the rewrite that the reserve was given up for, once the log can be written again.
func (s *server) rewriteIntoReserve() {
	r := &s.room
	if s.log == nil {
		return
	}
	if r.hit.Load() && !r.rewriting && r.reserve != nil && r.reserve.Held() > 0 && s.log.Err() != nil {
		s.giveUpReserve(r.reserve)
		return
	}
	if r.rewriting && s.log.Err() == nil && !s.busy(0) {
		s.rewrites.failures, s.rewrites.retryAt = 0, time.Time{}
		if s.startRewrite() != nil {
			r.rewriting = false // the log says why
		}
	}
}

// roomRewritten is told how a rewrite ended.
func (s *server) roomRewritten(err error) {
	r := &s.room
	if err == nil {
		r.rewriting = false
		r.lastSize = 0
		return
	}
	if isFull(err) && !r.rewriting {
		s.outOfRoom()
	}
	r.rewriting = false
}

// denyForRoom refuses writes while a rewrite uses the reserve.
func (s *server) denyForRoom() error {
	if !s.room.rewriting {
		return nil
	}
	return engine.ReplyError("MISCONF Errors writing to the AOF file: No space left on device")
}

func (s *server) infoRoom(w *engine.InfoWriter) {
	r := &s.room
	w.Field("fr_disk_status", r.state)
	w.Field("fr_disk_free_bytes", r.free)
	w.Field("fr_disk_seconds_to_full", r.secondsToFull())
	held := int64(0)
	if r.reserve != nil {
		held = r.reserve.Held()
	}
	w.Field("fr_disk_reserve_bytes", held)
	w.Field("fr_disk_reserve_uses", r.uses)
}
