package engine

import (
	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// Call is one command being executed. It is valid during the handler only; the executor reuses it.
type Call struct {
	E    *Engine
	S    *session.Session
	Spec *Spec
	DB   *kv.DB       // the session's selected database
	Args [][]byte     // argv; Args[0] is the name as the client wrote it. Valid during the call only
	W    *resp.Writer // the client's reply
	Now  kv.Millis    // the command's clock; expiry uses the same

	replaced bool
	silent   bool
	force    bool
	again    [][]byte // what runs when the wait is over; nil: Args
	redacted []int    // places of secret arguments
}

// Dirty counts n changes of the data set (rdb_changes_since_last_save). A call that counted any is propagated: as it
// was received, unless Replace or NoPropagate said otherwise.
func (c *Call) Dirty(n int) { c.E.dirty += int64(n) }

// Replace makes argv what is propagated instead of the command as received. Several calls make several effects; they
// become one unit. The bytes are copied.
func (c *Call) Replace(argv ...[]byte) {
	c.replaced = true
	c.E.appendEffect(c.DB.ID(), argv)
}

// Streams says whether there is a stream for effects to go into: without one Replace need not be called.
func (c *Call) Streams() bool { return c.E.streams() }

// Also adds an effect before the command's own, in the given database.
func (c *Call) Also(db int, argv ...[]byte) { c.E.appendEffect(db, argv) }

// NoPropagate keeps the command out of the stream although it changed something.
func (c *Call) NoPropagate() { c.silent = true }

// ForcePropagate puts the command into the stream although nothing was counted as changed.
func (c *Call) ForcePropagate() { c.force = true }

// Overflowing says that the reply has become longer than client-output-buffer-limit allows: the client is going to be closed, and what makes
// the reply may end. For commands whose arguments ask for any number of elements; it costs little.
func (c *Call) Overflowing() bool {
	const most = 64 << 10 // as a rule no limit is lower
	return len(c.W.Buf) > most && c.S.Conn.Overflowing(len(c.W.Buf))
}

// ToReplicas is ForcePropagate for what replicas see and the AOF does not need (PUBLISH): without replicas nothing is
// written. With them it must be, for what they are sent and what the log holds are one stream.
func (c *Call) ToReplicas() {
	if c.E.repl != nil {
		c.force = true
	}
}

// LookupRead finds a key for reading: expiry applies, the access is recorded, hits and misses are counted, and a miss is an
// event.
func (c *Call) LookupRead(key []byte) (kv.Entry, bool) {
	var f kv.LookupFlag
	if c.S.NoTouch {
		f = kv.NoTouch
	}
	e, ok := c.look(key, f)
	if !ok {
		c.Notify('m', "keymiss", key)
	}
	return e, ok
}

// Peek is LookupRead without recording the access.
func (c *Call) Peek(key []byte) (kv.Entry, bool) {
	e, ok := c.look(key, kv.NoTouch)
	if !ok {
		c.Notify('m', "keymiss", key)
	}
	return e, ok
}

// Inspect is Peek for what is no use of a key: nobody is told that it was missed.
func (c *Call) Inspect(key []byte) (kv.Entry, bool) { return c.look(key, kv.NoTouch) }

func (c *Call) look(key []byte, f kv.LookupFlag) (kv.Entry, bool) {
	e, ok := c.DB.Lookup(key, f)
	if ok {
		c.E.stats.KeyspaceHits++
	} else {
		c.E.stats.KeyspaceMisses++
	}
	return e, ok
}

// LookupWrite finds a key for writing: expiry applies, nothing is counted.
func (c *Call) LookupWrite(key []byte) (kv.Entry, bool) { return c.DB.Lookup(key, kv.Write) }

// ReadString is LookupRead for a string; a missing key is not an error, another type is.
func (c *Call) ReadString(key []byte) (e kv.Entry, found bool, err error) {
	e, found = c.LookupRead(key)
	if found && e.Type() != kv.String {
		return e, false, ErrWrongType
	}
	return e, found, nil
}

// WriteString is LookupWrite for a string.
func (c *Call) WriteString(key []byte) (e kv.Entry, found bool, err error) {
	e, found = c.LookupWrite(key)
	if found && e.Type() != kv.String {
		return e, false, ErrWrongType
	}
	return e, found, nil
}

// Notify publishes a keyspace event of the given class ('g', '$', 'x', ...) about a key.
func (c *Call) Notify(class byte, event string, key []byte) { c.E.Notify(class, event, c.DB.ID(), key) }

// Block leaves the client blocked until w ends it. The handler must not have replied. Inside MULTI nothing may block:
// the caller checks c.CanBlock first.
func (c *Call) Block(w *session.Wait) {
	w.ArgvBytes = argvLen(c.Args)
	c.E.block(c.S, w)
}

// CanBlock says whether the client may be blocked: not inside a transaction or a script.
func (c *Call) CanBlock() bool { return !c.E.inExec && c.E.script == nil && !c.S.Primary }

// Failed counts a call that fails by an error which another command has been counted for.
func (c *Call) Failed() {
	c.Spec.stats.Failed++
	c.E.blamed = c.E.stats.ErrorReplies
}

// StreamEnd is the end of the effect stream including this turn's effects so far.
func (c *Call) StreamEnd() wal.LSN { return c.E.StreamEnd() }
