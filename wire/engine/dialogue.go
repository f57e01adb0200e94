package engine

import (
	"errors"
	"time"

	"frankenredis/wire/session"
)

// A dialogue is how a command speaks with its client while it runs, past the client's replies and without the executor: nothing else
// happens until it is over. Only the debugger of scripts has one, in the mode in which Redis stands still as well; the threads of the log go on.

// Dialogue is one. Its methods wait for the client, and fail when it is gone or the server is to end.
type Dialogue struct {
	e    *Engine
	talk session.Talker
}

// sendPatience is how long a client in a dialogue may take nothing of what it is sent, as in Redis.
const sendPatience = 5 * time.Second

// standstillTick is how often at least Standstill is called while the executor waits for the log.
const standstillTick = 100 * time.Millisecond

var (
	errNoTalk      = ReplyError("ERR This connection can't be used for debugging")
	errUncovered   = ReplyError("ERR The debugger can't begin before what was executed is in the append-only file")
	errInterrupted = errors.New("engine: the server is to end")
)

// Dialogue begins a dialogue with the client. What was executed before is committed and waited for: the client may be shown its effects (I2).
// Those of the calling command itself, and of the transaction it is in, it sees as they happen; they are acknowledged by the reply, as always.
// It is refused while the log fails.
func (c *Call) Dialogue() (*Dialogue, error) {
	talk, ok := c.S.Conn.(session.Talker)
	if !ok {
		return nil, errNoTalk
	}
	c.E.commit()
	if err := c.E.awaitLog(talk.Rest); err != nil {
		return nil, err
	}
	return &Dialogue{e: c.E, talk: talk}, nil
}

// SetStandstill has f called while the executor waits within a command for the log, whenever something was posted and now and then: it
// does what the log needs of the executor's posts and timers, which rest, and must not execute anything.
func (e *Engine) SetStandstill(f func()) { e.standstill = f }

// awaitLog waits until the log has released all that was committed. rest sleeps until the poller is woken, for as long at most as it is told.
func (e *Engine) awaitLog(rest func(limit time.Duration)) error {
	end := e.StreamEnd()
	defer e.sleeping.Store(false)
	for seen := -1; e.Released() < end; {
		// In this order: what happens behind the look ends the rest.
		e.sleeping.Store(true)
		if n := e.postCount(); n != seen {
			e.sleeping.Store(false) // what is done here needs nobody woken
			if seen = n; e.standstill != nil {
				e.standstill()
			}
			continue
		}
		if e.Released() >= end {
			return nil
		}
		if e.log.Err() != nil || e.Interrupted() {
			return errUncovered
		}
		rest(standstillTick)
		seen = -1
	}
	return nil
}

// Send sends p.
func (d *Dialogue) Send(p []byte) error { return d.talk.Say(p, sendPatience) }

// Receive waits for input. It takes none that came before the dialogue began.
func (d *Dialogue) Receive(p []byte) (int, error) {
	n, err := d.talk.Hear(p, d.e.Interrupted)
	if err == nil && n == 0 {
		err = errInterrupted
	}
	return n, err
}

// Interrupt says whether the server is about to be told to end, by a signal: then nobody is waited for in a dialogue. Any goroutine.
func (e *Engine) Interrupt(on bool) {
	e.interrupted.Store(on)
	if on {
		e.poller.Wake()
	}
}

// Interrupted says whether Interrupt was called. Any goroutine.
func (e *Engine) Interrupted() bool { return e.interrupted.Load() }
