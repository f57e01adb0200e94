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

var (
	errNoTalk      = ReplyError("ERR This connection can't be used for debugging")
	errUncovered   = ReplyError("ERR The debugger can't begin before what was executed is in the append-only file")
	errInterrupted = errors.New("engine: the server is to end")
)

// Dialogue begins a dialogue with the client. What was executed before is committed and waited for: the client may be shown its effects (I2).
// Those of the calling command itself it sees as they happen; they are acknowledged by its reply, as always. It is refused while the log
// fails or takes long, and within a transaction behind anything that is not committed: a transaction is committed as a whole (I5).
func (c *Call) Dialogue() (*Dialogue, error) {
	talk, ok := c.S.Conn.(session.Talker)
	if !ok {
		return nil, errNoTalk
	}
	e := c.E
	if !e.inExec {
		e.commit()
	}
	for until := time.Now().Add(sendPatience); e.Released() < e.StreamEnd(); {
		if time.Now().After(until) || e.inExec || e.LogFailing() || e.Interrupted() {
			return nil, errUncovered
		}
		time.Sleep(100 * time.Microsecond)
	}
	return &Dialogue{e: e, talk: talk}, nil
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
