package engine

import (
	"bytes"
	"context"
	"sync/atomic"

	"frankenredis/wire/session"
)

// A hold is how a command waits for something outside while, as in Redis, nothing else happens: MIGRATE's dialogue with another
// server must be one step for all clients, and inside a transaction one with the rest of it. The executor does not wait.
// It goes on with input and output, but each command is put off until the end of the hold, and so is what the executor does
// by itself: timers, posted functions, expiry, blocked clients. Saving or rewriting the log in the middle of a transaction
// would cut it in two.

// hold is the one under way.
type hold struct {
	s      *session.Session
	spec   *Spec
	argv   [][]byte
	muted  bool // as Wait.Muted
	finish Handler

	cancel context.CancelFunc
	over   atomic.Bool // set by the goroutine that works, as its last act

	// Of a transaction: EXEC, the commands from next on that are still to run, and the replies so far, which acknowledge what
	// is not in the stream yet.
	exec    *Spec
	queue   []session.Queued
	next    int
	replies []byte
}

// CanHold says whether Hold may be called: not from a command inside another one, unless that is EXEC, and not while the log
// is loaded.
func (c *Call) CanHold() bool {
	return !c.E.loading && c.E.script == nil && (c.E.depth == 1 || (c.E.depth == 2 && c.E.inExec))
}

// Hold lets work run on a goroutine of its own, and when it has returned, finish on the executor, in a call of its own with the
// same arguments: what it replies or returns is the answer. Until then no other command runs. The handler must have changed
// nothing and must return without a reply; the caller checks CanHold first. work must return soon after its context ends:
// the executor stops.
func (c *Call) Hold(work func(context.Context), finish Handler) {
	e, s := c.E, c.S
	ctx, cancel := context.WithCancel(context.Background())
	h := &hold{s: s, spec: c.Spec, argv: copyArgv(c.Args), muted: s.Muted(), finish: finish, cancel: cancel}
	s.Wait = &session.Wait{Since: e.wall}
	e.hold = h
	e.followExpireMode()
	go func() {
		work(ctx)
		h.over.Store(true)
		e.Wake()
	}()
}

// suspend notes where a transaction goes on behind a command that holds. Its reply began at mark.
func (h *hold) suspend(exec *Spec, queue []session.Queued, next, mark int) {
	h.exec, h.queue, h.next = exec, queue, next
	h.replies = bytes.Clone(h.s.W.Buf[mark:])
	h.s.W.Buf = h.s.W.Buf[:mark]
}

// endHold goes on behind a hold whose work is done. The client may have gone in the meantime.
func (e *Engine) endHold() {
	h := e.hold
	if h == nil || !h.over.Load() {
		return
	}
	h.cancel()
	s := h.s
	e.hold, s.Wait = nil, nil
	e.followExpireMode()
	s.Executing = true
	mark := len(s.W.Buf)
	s.W.Buf = append(s.W.Buf, h.replies...)
	if h.exec == nil {
		e.run(s, h.spec, h.argv, h.finish)
	} else {
		e.frames[0] = Call{E: e, S: s, Spec: h.exec, DB: e.ks.DB(s.DB), W: &s.W, Now: e.now}
		e.depth++
		e.inExec = true
		e.run(s, h.spec, h.argv, h.finish)
		e.runQueue(s, h.exec, h.queue, h.next, mark)
		e.depth--
	}
	switch {
	case s.Closed:
		s.W.Buf = nil
	case h.muted:
		s.W.Buf = s.W.Buf[:mark]
	}
	e.commandEnded(s)
	if e.hold != nil {
		e.hold.muted = h.muted
		return
	}
	if h.exec != nil {
		if len(e.monitors) > 0 {
			e.feedMonitors(s, [][]byte{wordExec}, nil)
		}
		h.exec.stats.Calls++
		e.stats.Commands++
	}
	e.endUnit(s)
	e.serveBlocked()
	if !s.Closed {
		s.Conn.Resumed()
	}
}
