package wire

import (
	"errors"
	"time"

	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

var (
	// errAgain says that the other side takes no more bytes now; the transport calls conn.writable when it does.
	errAgain = errors.New("wire: not writable now")
	// errPaced is the same for a client that has had its share of this turn: it takes more, in the next one.
	errPaced = errors.New("wire: enough for this turn")
)

// carrier is the transport's side of a connection.
type carrier interface {
	// send writes as much of p as goes without waiting; errAgain or errPaced when not all went.
	send(p []byte) (int, error)
	// hangUp ends the connection; the conn is already detached.
	hangUp()
	// notifyWritable asks for, or ends asking for, a call of conn.writable when the other side takes bytes again.
	notifyWritable(on bool) error
	session.Talker
	// part makes a descriptor for whoever goes on with the connection, and does not look at it any more; it is then hung up.
	part() (fd int, err error)
	// LendOutput and ReturnOutput are session.Lender's.
	LendOutput() func(p []byte) ([]byte, error)
	ReturnOutput()
}

// chunk is output waiting for the log or for the socket.
type chunk struct {
	buf  []byte
	sent int
	lsn  wal.LSN // end of the effect stream when it was made
	own  bool    // it acknowledges a write of this client
}

// conn is one client's bytes in and out. Executor only.
type conn struct {
	carrier
	eng   *engine.Engine
	front *front
	sess  session.Session
	in    resp.Reader

	held      []chunk
	heldBytes int       // memory in held
	counted   int       // of these, what front.logHeld counts
	softSince time.Time // since when the soft output limit is exceeded
	blocked   bool      // the socket takes nothing: wait for writable
	paced     bool      // blocked, but only until the next turn
	asked     bool      // the carrier was asked for writable
	deaf      bool      // the other side sends no more: only what the log still holds back is waited for
	over      bool      // over the output limit: to be closed at the next release
	dead      bool
	scheduled bool      // on front.dirty
	inWait    bool      // on front.waiting
	isLeft    bool      // on front.leftover
	keeps     bool      // the query buffer between reads; counted in front.inputs
	untaken   int64     // commands executed since all output had left; counted in hardened mode
	base      []byte    // the buffer kept between turns, while a larger one stands in for it
	usual     int       // about how much a turn's reply takes, in bytes
	peak      int       // largest reply of a turn, for CLIENT LIST rbp
	peakSince time.Time // forgotten then
}

// replyKeep bounds the reply buffer a connection keeps between turns, in bytes (Redis: PROTO_REPLY_CHUNK_BYTES), and
// replyStart is what it begins with, and falls back to when the client rests.
const (
	replyKeep  = 16 << 10
	replyStart = 1 << 10
)

// chunkBytes is what a chunk costs besides its buffer. Output limits go by memory, as in Redis: a small reply in a large
// buffer is not small.
const chunkBytes = 64

// fewArgs is the number of arguments up to which a command's parsing takes no time worth telling from its execution.
const fewArgs = 32

// run parses and executes what is buffered, within the client's budget. more: complete input is left over.
func (c *conn) run() (more bool) {
	for n := 0; ; n++ {
		if c.dead || c.sess.Executing || c.sess.CloseAfterReply || c.sess.Wait != nil || c.sess.Postponed != nil {
			return false
		}
		if n == engine.MaxCommandsPerClient || len(c.sess.W.Buf) >= engine.MaxReplyPerClient {
			return c.in.Buffered() > 0
		}
		lim := c.front.resp
		lim.Unauthenticated = c.eng.AuthNeeded(&c.sess)
		argv, err := c.in.Next(&lim)
		if err == resp.ErrQueryLimit {
			c.queryTooLong()
			return false
		}
		if err != nil {
			c.protocolError(err)
			return false
		}
		if argv == nil {
			break
		}
		if n == 0 && c.usual > replyKeep {
			c.Room(c.usual)
		}
		if most := c.front.maxPipeline; most > 0 {
			if c.untaken++; c.untaken > most {
				c.eng.DoorRefusals().Pipeline.Add(&c.sess, "a longer pipeline without reading replies")
				c.refuse("fr-max-pipeline")
				return false
			}
		}
		mark := len(c.sess.W.Buf)
		if n > 0 && len(argv) <= fewArgs {
			c.eng.ExecNext(&c.sess, argv)
		} else {
			c.eng.Exec(&c.sess, argv)
		}
		if made := len(c.sess.W.Buf) - mark; made > replyKeep {
			c.Overflowing(made)
		}
	}
	if c.keeps || c.front.keepsInput() {
		c.keeps = true
		c.in.Keep()
	} else {
		c.in.Release()
	}
	return false
}

// checkQueryLimit ends a client that fills the server's memory with input that is not executed now: because it is blocked or
// paused, or because it queues for EXEC.
func (c *conn) checkQueryLimit() {
	if c.dead {
		return
	}
	held := int64(c.in.Buffered() + c.sess.QueueBytes + queuedBytes*len(c.sess.Queue))
	limit := c.front.queryLimit
	if c.eng.AuthNeeded(&c.sess) {
		limit = min(limit, strangersLimit)
	}
	if limit > 0 && held > limit {
		c.queryTooLong()
	}
}

const (
	// queuedBytes is what a queued command costs besides its arguments.
	queuedBytes = 64
	// strangersLimit is the query limit of those who have not authenticated, as in Redis.
	strangersLimit = 1 << 20
)

func (c *conn) queryTooLong() {
	c.eng.Stats().QueryLimitCloses++
	c.eng.Logger().Warn("Closing client that reached max query buffer length: " + c.describe())
	c.end()
}

// writable is called by the carrier when the other side takes bytes again.
func (c *conn) writable() {
	c.blocked, c.paced = false, false
	c.schedule()
}

// schedule puts the connection on the list of those looked at in this turn's release.
func (c *conn) schedule() {
	if !c.scheduled && !c.dead {
		c.scheduled = true
		c.front.dirty = append(c.front.dirty, c)
	}
}

func (c *conn) protocolError(err error) {
	var pe *resp.ProtocolError
	text := err.Error()
	if errors.As(err, &pe) {
		text = pe.Text
	}
	st := c.eng.Stats()
	st.ProtocolErrors++
	st.ProtocolError = text + ", from " + c.describe()
	c.eng.Logger().Debug("Protocol error (" + text + ") from client: " + c.describe())
	if err == resp.ErrCountOver {
		c.eng.DoorRefusals().Arguments.Add(&c.sess, "a command with more arguments")
	}
	mark := len(c.sess.W.Buf)
	c.eng.ReplyError(&c.sess, engine.ReplyError("ERR Protocol error: "+text))
	if c.sess.IsReplica() {
		c.eng.EndReplica(&c.sess, mark)
		return
	}
	if c.sess.Muted() {
		c.sess.W.Buf = c.sess.W.Buf[:mark]
	}
	c.sess.CloseAfterReply = true
}

// inputEnded is called when the other side sends no more. It may still read: an answer that only waits for the log is sent
// when the log lets it go, so that a client which writes, half-closes and reads gets what it would get from a server
// whose replies never wait. Whatever else is under way ends here, as in Redis.
func (c *conn) inputEnded() {
	if c.dead {
		return
	}
	answered := len(c.held) > 0 || len(c.sess.W.Buf) > 0
	if c.paced {
		c.blocked, c.paced = false, false
	}
	if !answered || c.blocked || c.sess.Wait != nil || c.sess.Postponed != nil {
		c.end()
		return
	}
	c.deaf, c.sess.CloseAfterReply = true, true
	c.schedule()
}

// refuse ends a client that is over a bound of hardened mode.
func (c *conn) refuse(bound string) {
	c.eng.Logger().Warn("Closing client over " + bound + ": " + c.describe())
	c.end()
}

// checkMemory ends a client that takes more memory than hardened mode allows one.
func (c *conn) checkMemory() {
	if most := c.front.maxMemory; most > 0 && !c.dead && int64(c.sess.Counted) > most {
		c.eng.DoorRefusals().Memory.Add(&c.sess, "a client with more memory")
		c.refuse("fr-max-client-memory")
	}
}

func (c *conn) describe() string { return "addr=" + c.sess.Addr + " laddr=" + c.sess.LocalAddr }

// release sends what may leave. end is the stream end all of this turn's replies were made at. failing: the log takes
// no writes, and what acknowledges none may leave uncovered.
func (c *conn) release(end, released wal.LSN, failing bool) {
	if c.dead || c.sess.Executing { // executing: in a turn within its command, which is not answered yet
		return
	}
	if c.over {
		c.end()
		return
	}
	w := &c.sess.W
	if len(w.Buf) > 0 {
		if len(w.Buf) > c.peak {
			if c.peak > 0 {
				c.eng.Stats().ReplyExpands++
			}
			c.peak = len(w.Buf)
		}
		c.usual = max(len(w.Buf), c.usual-c.usual/4)
		free := end <= released || (failing && !c.sess.Wrote)
		if free && len(c.held) == 0 {
			c.eng.Stats().Writes++
			n, err := c.send(w.Buf)
			c.countOutput(n)
			switch {
			case err == nil:
				c.keepBuffer()
			case err == errAgain || err == errPaced:
				c.blocked, c.paced = true, err == errPaced
				c.hold(n, 0)
			default:
				c.end()
				return
			}
		} else if free {
			c.hold(0, 0) // behind what the socket does not take yet; the log is not waited for
		} else {
			c.hold(0, end)
		}
		c.sess.Wrote = false
	}
	if len(c.held) > 0 && !c.blocked {
		c.flush(released, failing)
	}
	if c.dead {
		return
	}
	unsent := c.sess.Unsent() > 0
	if unsent && !c.blocked && c.sess.Replica.More != nil {
		c.sess.Replica.More()
	}
	switch {
	case c.deaf && c.blocked:
		c.end()
	case len(c.held) > 0:
		c.checkOutputLimit()
	case c.sess.CloseAfterReply:
		c.end()
	case unsent:
		c.checkOutputLimit()
	default:
		c.untaken = 0
	}
}

// hold turns the reply buffer into a chunk, of which sent bytes have left already.
func (c *conn) hold(sent int, lsn wal.LSN) {
	w := &c.sess.W
	if n := len(c.held); n > 0 {
		// Join small replies, so that a slow reader with a long pipeline costs no chunk each; but only where the earlier
		// one waits as long anyway.
		last := &c.held[n-1]
		if lsn <= last.lsn && last.own == c.sess.Wrote && len(last.buf)+len(w.Buf) <= cap(last.buf) {
			last.buf = append(last.buf, w.Buf...)
			w.Buf = w.Buf[:0]
			return
		}
	}
	if cap(w.Buf) > replyKeep && len(w.Buf) < cap(w.Buf)/2 {
		// It may wait for long, and counts with all its room.
		small := append([]byte(nil), w.Buf[sent:]...)
		c.front.giveBuffer(w.Buf)
		w.Buf, sent = small, 0
	}
	c.held = append(c.held, chunk{buf: w.Buf, sent: sent, lsn: lsn, own: c.sess.Wrote})
	c.heldBytes += cap(w.Buf) + chunkBytes
	w.Buf = c.takeBase()
}

// countOutput counts n bytes that were sent.
func (c *conn) countOutput(n int) {
	if c.sess.IsReplica() {
		c.eng.Stats().NetReplOutput += uint64(n)
	} else {
		c.eng.Stats().NetOutput += uint64(n)
	}
}

// flush sends held chunks in order as far as they may leave and the socket takes them.
func (c *conn) flush(released wal.LSN, failing bool) {
	i := 0
	for ; i < len(c.held); i++ {
		k := &c.held[i]
		if k.lsn > released && !(failing && !k.own) {
			break
		}
		n, err := c.send(k.buf[k.sent:])
		k.sent += n
		c.countOutput(n)
		if n > 0 {
			c.sess.LastCommand = c.eng.Wall() // a client that takes its replies slowly is not idle
		}
		if err == errAgain || err == errPaced {
			c.blocked, c.paced = true, err == errPaced
			break
		}
		if err != nil {
			c.end()
			return
		}
		c.heldBytes -= cap(k.buf) + chunkBytes
		c.front.giveBuffer(k.buf)
		k.buf = nil
	}
	switch left := len(c.held) - i; {
	case left > fewChunks:
		c.held = c.held[i:] // copying a long list down each time would cost the square of its length
	case left == 0 && cap(c.held) > fewChunks:
		c.held = nil
	default:
		copy(c.held, c.held[i:])
		clear(c.held[left:])
		c.held = c.held[:left]
	}
}

// fewChunks is the length up to which a list of chunks is kept and moved rather than let go.
const fewChunks = 64

// keepBuffer empties the reply buffer, giving back one that grew large.
func (c *conn) keepBuffer() {
	w := &c.sess.W
	if cap(w.Buf) > replyKeep && !c.eng.Debug().KeepReplyBuffers {
		c.eng.Stats().ReplyShrinks++
		c.front.giveBuffer(w.Buf)
		if w.Buf = c.takeBase(); cap(w.Buf) < replyKeep {
			w.Buf = make([]byte, 0, replyKeep) // kept until the client rests
		}
		return
	}
	w.Buf = w.Buf[:0]
}

// Room implements session.Conn.
func (c *conn) Room(n int) {
	w := &c.sess.W
	had := len(w.Buf)
	if cap(w.Buf)-had >= n || c.dead {
		return
	}
	want := max(had+n, 2*cap(w.Buf), min(c.usual, bigSizes[len(bigSizes)-1]))
	var b []byte
	if want <= replyKeep {
		b = make([]byte, 0, want)
	} else {
		b = c.front.big.take(want)
	}
	b = append(b, w.Buf...)
	if cap(w.Buf) <= replyKeep && c.base == nil {
		c.base = w.Buf[:0]
	} else {
		c.front.giveBuffer(w.Buf)
	}
	w.Buf = b
}

// takeBase returns the buffer that was put by for a larger one, or one from the pool.
func (c *conn) takeBase() []byte {
	if b := c.base; b != nil {
		c.base = nil
		return b
	}
	return c.front.takeBuffer()
}

// position is what the oldest output waits for; 0 if there is none.
func (c *conn) position() wal.LSN {
	if len(c.held) == 0 {
		return 0
	}
	return c.held[0].lsn
}

// waiting says whether output is held for the log.
func (c *conn) waiting() bool { return len(c.held) > 0 && !c.blocked }

func (c *conn) checkOutputLimit() {
	l := c.outputLimit()
	n := int64(c.heldBytes) + c.sess.Unsent()
	hard := l.Hard > 0 && n > l.Hard
	soft := false
	if l.Soft > 0 && n > l.Soft {
		now := c.eng.Wall()
		if c.softSince.IsZero() {
			c.softSince = now
		} else if now.Sub(c.softSince) > l.SoftSeconds {
			soft = true
		}
	} else {
		c.softSince = time.Time{}
	}
	if hard || soft {
		c.overLimit()
		c.end()
	}
}

func (c *conn) outputLimit() *OutputLimit {
	if c.sess.IsReplica() {
		return &c.front.replica
	}
	if c.sess.Subs.Any() {
		return &c.front.subscribed
	}
	return &c.front.output
}

func (c *conn) overLimit() {
	c.eng.Stats().OutputLimitCloses++
	c.eng.Logger().Warn("Client " + c.describe() + " scheduled to be closed ASAP for overcoming of output buffer limits.")
}

// checkPushed bounds what messages pile up within a turn. The client is closed at the next release, for the messages come
// while lists of subscribers are gone through.
func (c *conn) checkPushed() {
	made := len(c.sess.W.Buf) + len(c.sess.Pushes)
	if limit := c.outputLimit().Hard; made > replyKeep && limit > 0 && (c.sess.Subs.Any() || c.sess.Monitor || c.sess.IsReplica() || c.sess.Invalidated) && int64(c.heldBytes+made-replyKeep) > limit && !c.over {
		c.overLimit()
		c.over, c.sess.CloseAfterReply = true, true
	}
}

// Overflowing implements session.Conn. As in Redis the hard limit holds for a reply that the socket might take, too; what fits the reply
// buffer does not count. The client is closed at the next release.
func (c *conn) Overflowing(replyBytes int) bool {
	if limit := c.outputLimit().Hard; limit > 0 && int64(c.heldBytes+replyBytes-replyKeep) > limit && !c.over && !c.dead && !c.sess.Muted() {
		c.overLimit()
		c.over, c.sess.CloseAfterReply = true, true
	}
	return c.over
}

// end closes the connection and forgets the client.
func (c *conn) end() {
	if c.dead {
		return
	}
	c.dead = true
	c.eng.Detach(&c.sess)
	c.held, c.heldBytes = nil, 0
	c.front.count(c)
	c.sess.W.Buf, c.base = nil, nil
	c.in.Reset()
	c.letGo()
	c.hangUp()
}

// tend is called about once a second: it enforces what depends on time, and gives back memory that nobody uses.
func (c *conn) tend(now time.Time) {
	if len(c.held) > 0 || c.sess.Unsent() > 0 {
		c.checkOutputLimit()
	}
	if c.dead {
		return
	}
	idle := now.Sub(c.sess.LastCommand)
	if c.keeps && idle > restAfter && c.in.Idle() {
		c.in.Release()
		c.letGo()
	}
	c.eng.CountClient(&c.sess)
	if limit := c.front.timeout; limit > 0 && idle > limit && c.sess.Wait == nil && c.sess.Postponed == nil && !c.sess.Subs.Any() && !c.sess.Monitor && !c.sess.IsReplica() {
		c.eng.Logger().Debug("Closing idle client")
		c.end()
		return
	}
	if c.peakSince.IsZero() {
		c.peakSince = now
	}
	d := c.eng.Debug()
	if d.ReplyPeakReset >= 0 && now.Sub(c.peakSince) > d.ReplyPeakReset {
		c.peak, c.peakSince = len(c.sess.W.Buf), now
	}
	if idle > restAfter && !c.sess.Multi && len(c.sess.Queue) == 0 {
		c.sess.TrimQueue()
	}
	if w := &c.sess.W; !d.KeepReplyBuffers && idle > restAfter && len(w.Buf) == 0 && cap(w.Buf) > 2*replyStart {
		c.front.giveBuffer(w.Buf)
		w.Buf = make([]byte, 0, replyStart)
		c.usual = 0
	}
}

// letGo counts that the client keeps no query buffer any more.
func (c *conn) letGo() {
	if c.keeps {
		c.keeps = false
		c.front.inputs--
	}
}

// restAfter is how long a client must have been silent for its buffers to shrink.
const restAfter = 2 * time.Second

// Close implements session.Conn.
func (c *conn) Close(afterReply bool) {
	if afterReply {
		c.sess.CloseAfterReply = true
		c.schedule()
		return
	}
	c.end()
}

// Resumed implements session.Conn.
func (c *conn) Resumed() {
	c.schedule()
	c.checkPushed()
}

// Usage implements session.Conn.
func (c *conn) Usage() session.Usage {
	held, unparsed, all := c.in.Held(), c.in.Unparsed(), c.in.Buffered()
	return session.Usage{
		QueryBytes: unparsed, ParsedBytes: all - unparsed, DoneBytes: held - all, QueryFree: max(c.in.Size()-held, 0), QueryPromised: c.in.Promised(),
		ArgvBytes: c.in.ArgumentBytes(c.sess.Executing),
		ReplyCap:  cap(c.sess.W.Buf) + cap(c.base), ReplyPeak: c.peak, ReplyLen: len(c.sess.W.Buf),
		HeldChunks: len(c.held), HeldBytes: c.heldBytes,
	}
}
