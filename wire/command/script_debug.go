package command

import (
	"time"

	"frankenredis/wire/engine"
	"frankenredis/wire/script/ldb"
	"frankenredis/wire/session"
)

// scriptDebugCommand chooses how the scripts of the connection are debugged.
func scriptDebugCommand(c *engine.Call) error {
	s := c.S
	if len(s.W.Buf) > 0 || s.Conn.Usage().HeldBytes > 0 {
		return engine.ReplyError("ERR SCRIPT DEBUG must be called outside a pipeline")
	}
	switch {
	case is(c.Args[2], "NO"):
		s.Debug = session.NotDebugged
	case is(c.Args[2], "YES"):
		s.Debug = session.DebugApart
	case is(c.Args[2], "SYNC"):
		s.Debug = session.DebugSync
	default:
		return engine.ReplyError("ERR Use SCRIPT DEBUG YES/SYNC/NO")
	}
	c.W.OK()
	return nil
}

// debugSync is EVAL under the debugger, on the data set, while the server stands still. The connection ends with the session.
func (r *scripts) debugSync(c *engine.Call) error {
	talk, err := c.Dialogue()
	if err != nil {
		return err
	}
	log := c.E.Logger()
	log.Info("Redis synchronous debugging eval session started")
	err = r.debug(c, talk)
	log.Info("Redis synchronous debugging eval session ended")
	c.S.CloseAfterReply = true
	return err
}

// debugHere is EVAL under the debugger in a process of its own, which ends with it.
func (r *scripts) debugHere(c *engine.Call) error {
	talk, err := c.Dialogue()
	if err != nil {
		return err
	}
	return r.debug(c, talk)
}

// debug is EVAL while the client steps through the script.
func (r *scripts) debug(c *engine.Call, client ldb.Peer) error {
	d := r.interpreter(c.E).NewDebugger(ldb.Options{Peer: client, Source: c.Args[1], Now: time.Now, Ended: c.E.Interrupted, Limit: func() time.Duration {
		if ms := c.E.Config().Int("busy-reply-threshold"); ms > 0 {
			return time.Duration(ms) * time.Millisecond
		}
		return 5 * time.Second
	}})
	err := r.evalText(c, d)
	d.End()
	return err
}
