package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"frankenredis/wire/session"
)

func sortInt64(v []int64) { slices.Sort(v) }

// ExecNext is Exec for a command that stood whole in the client's input behind the one just executed: its time begins where
// that one's ended, which saves a look at the clock.
func (e *Engine) ExecNext(s *session.Session, argv [][]byte) {
	e.queueAt = e.endedAt
	e.Exec(s, argv)
	e.queueAt = 0 // it may have been refused
}

// Exec runs one command of a client, or queues it, or refuses it; the reply is appended to s.W. argv is valid during
// the call only.
func (e *Engine) Exec(s *session.Session, argv [][]byte) {
	e.endedAt = 0
	s.LastCommand = e.wall
	if e.evictClients(); s.Closed {
		return
	}
	if s.Reply == session.SkipNext {
		s.Reply = session.Skip
	}
	mark, muted, replica := len(s.W.Buf), s.Muted(), s.IsReplica()
	s.Executing = true
	e.dispatch(s, argv)
	switch {
	case s.Closed:
		e.tracking.dropPending() // nor is there a reply any more
		return
	case s.Postponed != nil:
		if s.Reply == session.Skip {
			s.Reply = session.SkipNext // the same command comes again
		}
		e.commandEnded(s)
		return
	case muted && s.Reply != session.ReplyOn:
		s.W.Buf = s.W.Buf[:mark]
	case replica && len(s.W.Buf) > mark:
		e.EndReplica(s, mark)
		return
	}
	if s.Reply == session.Skip {
		s.Reply = session.ReplyOn
	}
	if s.Tracking.Caching && !s.Multi && !strings.HasPrefix(s.CommandName, "client|") {
		s.Tracking.Caching = false
	}
	if s.Asking && !s.Multi && s.CommandName != "asking" {
		s.Asking = false
	}
	e.commandEnded(s)
}

func (e *Engine) dispatch(s *session.Session, argv [][]byte) {
	spec, err := e.resolve(argv)
	s.CommandName = "NULL" // CLIENT LIST's cmd: what was last looked up, also when it is refused
	if spec != nil {
		s.CommandName = spec.full
	}
	if err != nil {
		if spec == nil && crossProtocol(argv[0]) {
			e.endCrossProtocol(s)
			return
		}
		e.reject(s, spec, err)
		return
	}
	if err := e.check(s, spec, argv); err != nil {
		e.reject(s, spec, err)
		return
	}
	if e.paused(s, spec, argv) {
		e.postpone(s, argv)
		return
	}
	if s.Multi && spec.Flags&Control == 0 {
		e.enqueue(s, spec, argv)
		s.W.Simple("QUEUED")
		return
	}
	e.call(s, spec, argv)
	if e.Busy() {
		return // in the middle of a script's unit
	}
	e.endUnit(s)
	if len(e.blocked.ready) > 0 {
		e.serveBlocked()
	}
}

// callMuted is call for a command of a transaction: whether it is answered is decided one by one, as in Redis.
func (e *Engine) callMuted(s *session.Session, spec *Spec, argv [][]byte) {
	mark, muted, closing := len(s.W.Buf), s.Muted(), s.CloseAfterReply
	e.call(s, spec, argv)
	if s.Closed {
		return // nor is there a reply any more
	}
	if closing || (muted && s.Muted()) {
		s.W.Buf = s.W.Buf[:mark]
	}
}

// crossProtocol says whether a word is how an HTTP request shows: a page in somebody's browser that was made to talk to the
// server must not have the rest of its request executed.
func crossProtocol(word []byte) bool {
	var buf [8]byte
	low, ok := lower(buf[:], word)
	return ok && (string(low) == "post" || string(low) == "host:")
}

// endCrossProtocol drops such a client without a word, and says so at most once a minute.
func (e *Engine) endCrossProtocol(s *session.Session) {
	if e.attackLogged.IsZero() || e.wall.Sub(e.attackLogged) > time.Minute {
		e.attackLogged = e.wall
		e.logger.Warn("Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. " +
			"This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. " +
			"Connection from " + s.Addr + " aborted.")
	}
	s.Conn.Close(false)
}

// resolve finds the row for argv and checks the number of arguments.
func (e *Engine) resolve(argv [][]byte) (*Spec, error) {
	spec := e.table.Lookup(argv[0])
	if spec == nil {
		return nil, &unknownError{argv}
	}
	if spec.subs != nil && len(argv) > 1 {
		sub := spec.Subcommand(argv[1])
		if sub == nil {
			return nil, Errorf("ERR unknown subcommand '%s'. Try %s HELP.", clip(argv[1], 128), strings.ToUpper(string(argv[0])))
		}
		spec = sub
	}
	if n := len(argv); (spec.Arity > 0 && n != spec.Arity) || n < -spec.Arity || spec.Handler == nil {
		return spec, ErrArity(spec.full)
	}
	return spec, nil
}

// check applies what Redis checks before a command runs, in Redis's order.
func (e *Engine) check(s *session.Session, spec *Spec, argv [][]byte) error {
	f := spec.flagsOf(argv)
	if f&Protected != 0 {
		if err := e.allowProtected(s, spec); err != nil {
			return err
		}
	}
	if f&NoAuth == 0 && e.AuthNeeded(s) {
		return ErrNoAuth
	}
	if s.Multi && f&NoMulti != 0 {
		return ErrNoMulti
	}
	if !s.User.Unlimited() {
		if err := e.checkAccess(s, spec, argv); err != nil {
			return err
		}
	}
	if e.door != nil {
		if err := e.checkDoor(s, spec, argv); err != nil {
			return err
		}
	}
	if e.cluster != nil && !s.Primary {
		if err := e.redirect(s, spec, argv); err != nil {
			return err
		}
	}
	if f&Control != 0 && s.Multi && len(s.Queue) > 0 && spec.Name == "exec" {
		// EXEC is refused for what its commands would do, as one unit.
		for i := range s.Queue {
			f |= s.Queue[i].Spec.(*Spec).flagsOf(s.Queue[i].Argv) & (Write | DenyOOM | ReadOnly | MayReplicate)
		}
	}
	if !e.Busy() {
		e.full = !e.makeRoom()
	}
	if e.full && f&DenyOOM != 0 {
		return ErrOOM
	}
	if (f&Write != 0 || spec.Name == "ping") && !s.Primary {
		if err := e.refuseWrites(); err != nil {
			return err
		}
	}
	if f&Write != 0 && !s.Primary && !e.loading && e.tooFewReplicas() {
		return ErrNoReplicas
	}
	if f&Write != 0 && !s.Primary && e.readOnlyReplica() {
		return ErrReadOnly
	}
	if f&Subscribed == 0 && s.W.Proto != 3 && s.Subs.Any() {
		return Errorf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", spec.full)
	}
	if f&Stale == 0 && e.stale() {
		return ErrMasterDown
	}
	if e.loading && f&Loading == 0 || e.following.async && f&NoAsyncLoading != 0 {
		return ErrLoading
	}
	if e.Busy() && f&AllowBusy == 0 {
		return e.BusyError()
	}
	if (s.Monitor || s.IsReplica()) && f&(Write|ReadOnly|MayReplicate) != 0 {
		return ErrMonitorKeyspace
	}
	return nil
}

// refuseWrites returns the MISCONF error while the log cannot take writes.
func (e *Engine) refuseWrites() error {
	if e.log != nil && !e.loading {
		if err := e.log.Err(); err != nil {
			reason := err.Error()
			var worded interface{ Reason() string } // in C's words, as Redis replies
			if errors.As(err, &worded) {
				reason = worded.Reason()
			}
			return ReplyError("MISCONF Errors writing to the AOF file: " + reason)
		}
	}
	if e.denyWrites != nil {
		return e.denyWrites()
	}
	return nil
}

// IsLocal says whether a client came over a unix socket or the loopback interface.
func (e *Engine) IsLocal(s *session.Session) bool {
	return s.Unix || strings.HasPrefix(s.Addr, "127.") || strings.HasPrefix(s.Addr, "[::1]")
}

func (e *Engine) allowProtected(s *session.Session, spec *Spec) error {
	parent := spec.full
	if i := strings.IndexByte(parent, '|'); i >= 0 {
		parent = parent[:i]
	}
	switch e.cfg.Enum("enable-" + parent + "-command") {
	case "yes":
		return nil
	case "local":
		if e.IsLocal(s) {
			return nil
		}
	}
	return Errorf("ERR %s command not allowed. If the enable-%s-command option is set to \"local\", you can run it from a "+
		"local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
		strings.ToUpper(parent), parent)
}

// call runs a command with its clock, counters and effects.
func (e *Engine) call(s *session.Session, spec *Spec, argv [][]byte) {
	e.run(s, spec, argv, spec.Handler)
}

// run is call with another handler.
func (e *Engine) run(s *session.Session, spec *Spec, argv [][]byte, handler Handler) {
	start := e.queueAt
	if start == 0 {
		start = e.mono()
	}
	e.queueAt = 0
	if e.depth == 0 {
		e.advanceClock(start)
	}
	c := &e.frames[e.depth]
	*c = Call{E: e, S: s, Spec: spec, DB: e.ks.DB(s.DB), Args: argv, W: &s.W, Now: e.now}
	e.depth++
	dirty := e.dirty
	failed := e.stats.ErrorReplies
	mark := len(s.W.Buf)
	if err := handler(c); err != nil {
		s.W.Buf = s.W.Buf[:mark]
		e.replyError(s, err)
	}
	e.depth--
	// A save lowers the count.
	if (e.dirty > dirty || c.force) && !c.replaced && !c.silent {
		// The database the command began in: SELECT inside a command propagates nothing.
		e.appendEffect(c.DB.ID(), argv)
	}
	if e.following.on && spec.Flags&Write != 0 && !e.following.applying && !e.loading {
		e.rememberExpiries(s, spec, argv)
	}
	if e.tracking.clients > 0 && spec.Flags&ReadOnly != 0 && !e.loading {
		e.tracking.remember(e.frames[0].S, spec, argv)
	}
	end := e.mono()
	if e.depth == 0 {
		e.endedAt = end
	} else if e.inExec && e.depth == 1 {
		e.queueAt = end
	}
	nanos := end - start
	spec.stats.Nanos += uint64(nanos)
	if e.hold != nil {
		return // counted when it ends
	}
	if len(e.monitors) > 0 && spec.Flags&(Admin|SkipMonitor) == 0 && e.blocked.rerun == nil && !e.loading {
		e.feedMonitors(s, argv, c.redacted)
	}
	if w := e.blocked.rerun; w != nil {
		nanos += w.Nanos
		argv = sentArgv(w)
	}
	if w := s.Wait; w != nil && w.Keys != nil {
		w.Nanos = nanos
		return // counted when it is answered
	}
	if !e.loading {
		event := "command"
		if spec.Flags&Fast != 0 {
			event = "fast-command"
		}
		e.SampleLatency(event, time.Duration(nanos))
		e.slower(s, spec, argv, c.redacted, nanos)
		if s.Wait == nil {
			e.measure(spec, nanos)
		}
	}
	spec.stats.Calls++
	if e.stats.ErrorReplies > max(failed, e.blamed) { // CONFIG RESETSTAT lowers it
		spec.stats.Failed++
	}
	e.blamed = e.stats.ErrorReplies
	e.stats.Commands++
}

// reject answers a command that is not run, and spoils the transaction it was meant for.
func (e *Engine) reject(s *session.Session, spec *Spec, err error) {
	if spec != nil {
		spec.stats.Rejected++
	}
	if spec != nil && spec.Name == "exec" {
		text := replyText(err)
		e.abortTransaction(s)
		if _, ok := err.(redirection); ok {
			e.replyError(s, err)
			return
		}
		e.replyError(s, ReplyError("EXECABORT Transaction discarded because of: "+strings.TrimPrefix(text, "ERR ")))
		return
	}
	if s.Multi {
		s.DirtyExec = true
	}
	e.replyError(s, err)
}

// ReplyError appends an error to a client's reply and counts it in errorstats.
func (e *Engine) ReplyError(s *session.Session, err error) { e.replyError(s, err) }

func (e *Engine) replyError(s *session.Session, err error) {
	text := replyText(err)
	if strings.ContainsAny(text, "\r\n") {
		text = strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	}
	e.countError(text)
	s.W.Error(text)
}

// countError counts an error in errorstats.
func (e *Engine) countError(text string) {
	e.stats.ErrorReplies++
	code, _, _ := strings.Cut(text, " ")
	// Bounded as in Redis: a client that makes up error codes must not fill the memory.
	if len(e.errorCounts) < 128 || e.errorCounts[code] > 0 {
		e.errorCounts[code]++
	}
}

// unknownError says that there is no such command.
type unknownError struct{ argv [][]byte }

// Is makes it ErrUnknown.
func (e *unknownError) Is(target error) bool { return target == ErrUnknown }

// Error is what the client sees.
func (e *unknownError) Error() string {
	var args strings.Builder
	for _, a := range e.argv[1:] {
		if args.Len() >= 128 {
			break
		}
		args.WriteByte('\'')
		args.WriteString(clip(a, 128-args.Len()+1))
		args.WriteString("' ")
	}
	return fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", clip(e.argv[0], 128), args.String())
}

// clip prints at most n bytes up to the first NUL, as C's %.*s does.
func clip(b []byte, n int) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) > n {
		b = b[:n]
	}
	return string(b)
}
