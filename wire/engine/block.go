package engine

import (
	"slices"
	"time"

	"frankenredis/wire/session"
)

// block leaves a client waiting. Its input stays unread until the wait has ended.
func (e *Engine) block(s *session.Session, w *session.Wait) {
	w.Since = e.wall
	w.Muted = s.Muted()
	s.Wait = w
	e.waiting = append(e.waiting, s)
	e.stats.Blocked++
}

func (e *Engine) dropWait(s *session.Session) {
	if s.Wait.Keys != nil {
		e.dropKeyWait(s)
		return
	}
	s.Wait = nil
	if i := slices.Index(e.waiting, s); i >= 0 {
		e.waiting = slices.Delete(e.waiting, i, i+1)
	}
}

// Unblock ends a client's wait by CLIENT UNBLOCK; it returns false when the client does not wait or may not be unblocked.
func (e *Engine) Unblock(s *session.Session, withError bool) bool {
	if s.Wait == nil || !s.Wait.Unblockable {
		return false
	}
	if withError {
		e.finishWait(s, func(w *session.Wait) {
			e.replyError(s, ErrUnblocked)
			if spec, ok := w.Spec.(*Spec); ok {
				spec.stats.Failed++
			}
		})
	} else {
		e.finishWait(s, func(w *session.Wait) { w.Resume(true) })
	}
	return true
}

func (e *Engine) finishWait(s *session.Session, answer func(*session.Wait)) {
	w := s.Wait
	e.dropWait(s)
	mark, began := len(s.W.Buf), e.mono()
	answer(w)
	e.SampleLatency("command-unblocking", time.Duration(e.mono()-began))
	if w.Muted {
		s.W.Buf = s.W.Buf[:mark]
	}
	if s.IsReplica() && len(s.W.Buf) > mark {
		e.EndReplica(s, mark)
		return
	}
	if w.Keys != nil { // not counted when it blocked
		spec := w.Spec.(*Spec)
		spec.stats.Calls++
		e.stats.Commands++
		e.slower(s, spec, sentArgv(w), nil, w.Nanos)
		e.measure(spec, w.Nanos)
	}
	s.Conn.Resumed()
}

// sentArgv is the waiting command as the client sent it.
func sentArgv(w *session.Wait) [][]byte {
	if w.Sent != nil {
		return w.Sent
	}
	return w.Argv
}

// waitsOver says whether a blocked client could go on now.
func (e *Engine) waitsOver() bool {
	for _, s := range e.waiting {
		if s.Wait.Ready() {
			return true
		}
	}
	return false
}

// endWaits lets blocked clients go on whose condition holds or whose time is up, in the order in which they blocked.
func (e *Engine) endWaits() {
	for i := 0; i < len(e.waiting); {
		s := e.waiting[i]
		w := s.Wait
		switch {
		case w.Ready():
			e.finishWait(s, func(w *session.Wait) { w.Resume(false) })
		case !w.Deadline.IsZero() && !time.Now().Before(w.Deadline):
			e.finishWait(s, func(w *session.Wait) { w.Resume(true) })
		default:
			i++
		}
	}
	e.endKeyWaits()
}

// BlockedCount is the number of clients waiting.
func (e *Engine) BlockedCount() int { return len(e.waiting) + e.blocked.count }

// Pause is CLIENT PAUSE: until the given time, writing commands (or with all, every command) of clients wait, and no key
// expires: the data set and the stream stand still. A pause under way is only ever prolonged, and never weakened, as in
// Redis.
func (e *Engine) Pause(until time.Time, all bool) {
	if e.pauseUntil.Before(until) {
		e.pauseUntil = until
	}
	e.pauseAll = e.pauseAll || all
	e.followExpireMode()
}

// Unpause is CLIENT UNPAUSE.
func (e *Engine) Unpause() {
	e.pauseUntil, e.pauseAll = time.Time{}, false
	e.followExpireMode()
}

// endPause ends a pause whose time is up.
func (e *Engine) endPause() {
	if !e.pauseUntil.IsZero() && !e.wall.Before(e.pauseUntil) {
		e.Unpause()
	}
}

// Paused says whether a pause is under way, and whether it holds back reads too.
func (e *Engine) Paused() (on, all bool) {
	return e.wall.Before(e.pauseUntil), e.pauseAll
}

// paused says whether this command must wait for the end of a pause.
func (e *Engine) paused(s *session.Session, spec *Spec, argv [][]byte) bool {
	if e.hold != nil {
		return true
	}
	if s.Primary {
		return false // see CanApply
	}
	e.endPause()
	if e.pauseUntil.IsZero() {
		return false
	}
	if e.pauseAll {
		return true // CLIENT UNPAUSE too: as in Redis only time ends such a pause
	}
	f := spec.flagsOf(argv) // of a command that would only be queued as well: no client learns more than it would from Redis
	if f&Control != 0 && s.Multi && spec.Name == "exec" {
		for i := range s.Queue {
			f |= s.Queue[i].Spec.(*Spec).flagsOf(s.Queue[i].Argv) & (Write | MayReplicate)
		}
	}
	return f&(Write|MayReplicate) != 0
}

func (e *Engine) postpone(s *session.Session, argv [][]byte) {
	s.Postponed = copyArgv(argv)
	e.postponed = append(e.postponed, s)
}

func (e *Engine) dropPostponed(s *session.Session) {
	s.Postponed = nil
	if i := slices.Index(e.postponed, s); i >= 0 {
		e.postponed = slices.Delete(e.postponed, i, i+1)
	}
}

// resumePostponed runs the commands a pause held back, once it is over.
func (e *Engine) resumePostponed() bool {
	if len(e.postponed) == 0 || e.Stopping() || e.hold != nil {
		return false
	}
	if on, _ := e.Paused(); on {
		return false
	}
	list := e.postponed
	e.postponed = nil
	for _, s := range list {
		if s.Closed {
			continue
		}
		argv := s.Postponed
		s.Postponed = nil
		e.Exec(s, argv)
		s.Conn.Resumed()
	}
	return true
}
