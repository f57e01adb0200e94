package engine

import (
	"fmt"
	"time"

	"frankenredis/wire/acl"
	"frankenredis/wire/session"
)

// A script is one unit with all it calls: others see nothing of it before it ends, and its effects are logged together (I5). Its
// clock stands still. The commands it calls run for a client of their own, which selects the caller's database, talks RESP2 until
// the script asks for RESP3, and cannot be blocked.
//
// A script that takes longer than busy-reply-threshold makes the server busy: from then on others are answered in turns within
// the script's, but only commands with the flag AllowBusy run.

// The errors of scripts that the engine gives.
const (
	ErrBusy = ReplyError("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")

	errBusyFunction = ReplyError("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.")

	errNotBusy    = ReplyError("NOTBUSY No scripts in execution right now.")
	errUnkillable = ReplyError("UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the " +
		"script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.")
	errScriptUnknown  = ReplyError("ERR Unknown Redis command called from script")
	errScriptArity    = ReplyError("ERR Wrong number of args calling Redis command from script")
	errScriptDenied   = ReplyError("ERR This Redis command is not allowed from script")
	errScriptReadOnly = ReplyError("ERR Write commands are not allowed from read-only scripts.")
	errScriptRO       = ReplyError("ERR Can not execute a script with write flag using *_ro command.")
	errScriptStale    = ReplyError("MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on the script.")
	errScriptReplica  = ReplyError("READONLY Can not run script with write flag on readonly replica.")
	errScriptOOM      = ReplyError("OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'")

	errScriptStaleCall = ReplyError("ERR Can not execute the command on a stale replica")

	// ErrScriptKilled ends a script after SCRIPT KILL, and with the same words a function after FUNCTION KILL.
	ErrScriptKilled = ReplyError("ERR Script killed by user with SCRIPT KILL...")
)

// ScriptRules are what holds for a run of a script: what it declared, and how it was called.
type ScriptRules struct {
	Function string // the name of the function that is called; "": a script is run
	SHA      string // of the script that is run
	Declared bool   // it has a shebang; without one nothing is refused beforehand
	NoWrites bool
	AllowOOM bool
	// AllowStale scripts run on a replica that is cut off, too.
	AllowStale bool
	// NoCluster scripts do not run on a node of a cluster; CrossSlots ones may use keys of several slots.
	NoCluster, CrossSlots bool
	ReadOnly              bool // called by a command that only reads (EVAL_RO)
}

// Effects says where what a script's commands do is propagated to, as redis.set_repl counts it.
type Effects uint8

// The destinations. They share one stream, so that what is meant for replicas alone is logged too when there are any.
const (
	EffectsAOF Effects = 1 << iota
	EffectsReplicas
	EffectsAll = EffectsAOF | EffectsReplicas
)

// script is the one being run.
type script struct {
	s        session.Session // the client its commands run for
	caller   *session.Session
	readOnly bool
	allowOOM bool
	wrote    bool // a write command was called: it cannot be killed any more
	killed   bool
	effects  Effects
	began    int64 // monotonic
	function string
	sha      string   // of the script; "": it is a function
	argv     [][]byte // of the calling command
	busy     bool     // it has taken long: others are told so
	nested   bool     // a turn within its own is under way
	// wall is the wall clock of the last such turn; zero: there was none.
	wall time.Time
	// slot is the one its keys must be in (noSlot: it has not used any), unless crossSlots.
	slot       int
	crossSlots bool
}

// noConn is the connection of a script's client: there is none.
type noConn struct{}

func (noConn) Close(bool)           {}
func (noConn) Resumed()             {}
func (noConn) Room(int)             {}
func (noConn) Overflowing(int) bool { return false }
func (noConn) Usage() session.Usage { return session.Usage{} }

// RunScript calls run, during which ScriptCall and the other methods for scripts may be used. The calling command is not
// propagated: what the script calls is. The error is a refusal, and run was not called.
func (c *Call) RunScript(rules ScriptRules, run func()) error {
	e := c.E
	if e.script != nil || e.depth >= len(e.frames) {
		return errScriptDenied
	}
	c.silent = true
	if rules.Declared {
		if rules.NoCluster && e.cluster != nil {
			return errScriptNoCluster
		}
		if err := e.checkScript(rules); err != nil {
			return err
		}
	} else if e.stale() {
		return ErrMasterDown
	}
	sc := e.idleScript
	if sc == nil {
		sc = &script{}
	}
	e.idleScript = nil
	buf := sc.s.W.Buf[:0]
	if cap(buf) > maxIdleUnit {
		buf = nil
	}
	*sc = script{caller: c.S, function: rules.Function, sha: rules.SHA, argv: c.Args, readOnly: rules.ReadOnly || rules.NoWrites, allowOOM: rules.Declared && (rules.AllowOOM || rules.NoWrites),
		effects: EffectsAll, began: e.mono()}
	s := &sc.s
	s.Conn, s.Script, s.Authenticated, s.User = noConn{}, true, true, c.S.User
	s.DB, s.NoTouch, s.Created = c.S.DB, c.S.NoTouch, e.wall
	s.W.Buf, s.W.Proto = buf, 2
	if e.cluster != nil {
		sc.crossSlots = !rules.Declared || rules.CrossSlots
		sc.slot, _ = e.route(c.S.Asking, c.Spec, c.Args, nil) // it was let in: there is no error
	}
	e.script = sc
	defer func() {
		sc.argv = nil
		e.script, e.idleScript = nil, sc
		e.muted = false
	}()
	run()
	return nil
}

// checkScript refuses a script for what it declared.
func (e *Engine) checkScript(rules ScriptRules) error {
	if !rules.AllowStale && e.stale() {
		return errScriptStale
	}
	if !rules.NoWrites && !e.following.applying {
		if e.readOnlyReplica() {
			return errScriptReplica
		}
		if err := e.refuseWrites(); err != nil {
			return err
		}
		if rules.ReadOnly {
			return errScriptRO
		}
	}
	if !rules.AllowOOM && !rules.NoWrites && e.full {
		return errScriptOOM
	}
	return nil
}

// ScriptCall runs a command for the script under way. The reply is valid until the next one; an error says that the command was
// refused, and is counted.
func (e *Engine) ScriptCall(argv [][]byte) ([]byte, error) {
	sc := e.script
	s := &sc.s
	s.W.Buf = s.W.Buf[:0]
	spec, err := e.scriptSpec(argv)
	if err == nil {
		err = e.checkScriptCall(sc, spec, argv)
	}
	if err == nil && e.cluster != nil {
		err = e.routeScript(sc, spec, argv)
	}
	if err != nil {
		if spec != nil {
			spec.stats.Rejected++
		}
		e.countError(replyText(err))
		return nil, err
	}
	if spec.Flags&Write != 0 {
		sc.wrote = true
	}
	s.Executing = true
	e.call(s, spec, argv)
	s.Executing, s.Pushes = false, nil
	return s.W.Buf, nil
}

// scriptSpec is resolve in the words of scripts.
func (e *Engine) scriptSpec(argv [][]byte) (*Spec, error) {
	spec := e.table.Lookup(argv[0])
	if spec != nil && spec.subs != nil && len(argv) > 1 {
		spec = spec.Subcommand(argv[1])
	}
	if spec == nil {
		return nil, errScriptUnknown
	}
	if n := len(argv); (spec.Arity > 0 && n != spec.Arity) || n < -spec.Arity || spec.Handler == nil {
		return spec, errScriptArity
	}
	return spec, nil
}

func (e *Engine) checkScriptCall(sc *script, spec *Spec, argv [][]byte) error {
	f := spec.Flags
	if f&NoScript != 0 && (!e.debug.AllowInScripts || f&Control != 0) {
		return errScriptDenied
	}
	if e.depth >= len(e.frames) {
		return errScriptDenied
	}
	if err := e.checkScriptAccess(sc, spec, argv); err != nil {
		return err
	}
	if sc.readOnly && f&(Write|MayReplicate) != 0 {
		return errScriptReadOnly
	}
	if sc.wrote {
		return nil // it must not be cut short for what the server has come to
	}
	if f&Write != 0 && !sc.caller.Primary {
		if e.readOnlyReplica() {
			return ErrReadOnly
		}
		if err := e.refuseWrites(); err != nil {
			return err
		}
		if !e.loading && e.tooFewReplicas() {
			return ErrNoReplicas
		}
	}
	if f&DenyOOM != 0 && !sc.allowOOM && e.full {
		return ErrOOM
	}
	if f&Stale == 0 && e.stale() {
		return errScriptStaleCall
	}
	return nil
}

// ScriptKnows says whether argv names a command.
func (e *Engine) ScriptKnows(argv [][]byte) bool {
	_, err := e.scriptSpec(argv)
	return err != errScriptUnknown
}

// ScriptPermits says whether the caller's user may run a command that ScriptKnows.
func (e *Engine) ScriptPermits(argv [][]byte) bool {
	spec, _ := e.scriptSpec(argv)
	u := e.script.caller.User
	if u.Unlimited() {
		return true
	}
	d, _ := e.Permits(u, spec, argv)
	return d == acl.Allowed
}

// SetScriptProto sets the protocol version of replies to the script, 2 or 3.
func (e *Engine) SetScriptProto(version int) { e.script.s.W.Proto = version }

// ScriptProto is the protocol version of replies to the script.
func (e *Engine) ScriptProto() int { return e.script.s.W.Proto }

// SetScriptEffects says where the effects of what the script calls from here on go.
func (e *Engine) SetScriptEffects(to Effects) {
	e.script.effects = to
	e.muted = to&EffectsAOF == 0 && (to == 0 || e.repl == nil)
}

// KillScript ends the script under way, if that leaves nothing half done: FUNCTION KILL a function, SCRIPT KILL any other.
func (e *Engine) KillScript(function bool) error {
	switch {
	case e.script == nil || !e.script.nested:
		return errNotBusy
	case e.script.wrote:
		return errUnkillable
	case function != (e.script.function != ""):
		return e.BusyError()
	}
	e.script.killed = true
	return nil
}

// BusyError is what others are told while a script takes long.
func (e *Engine) BusyError() error {
	if e.script != nil && e.script.function != "" {
		return errBusyFunction
	}
	return ErrBusy
}

// RunningScript says what runs while the server is busy: the function's name, "" for a script, the calling command and for how
// many milliseconds.
func (e *Engine) RunningScript() (function string, argv [][]byte, ms int64, running bool) {
	if !e.Busy() {
		return "", nil, 0, false
	}
	sc := e.script
	return sc.function, sc.argv, (e.mono() - sc.began) / int64(time.Millisecond), true
}

// Busy says that a script has taken so long that others are refused.
func (e *Engine) Busy() bool { return e.script != nil && e.script.nested }

// ScriptStep is to be called now and then while a script runs. When it has taken long, others are served a little; the error says
// that the script is to end.
func (e *Engine) ScriptStep() error {
	sc := e.script
	if sc == nil || e.loading {
		return nil
	}
	limit := e.cfg.Int("busy-reply-threshold")
	if !sc.busy {
		if limit <= 0 || time.Duration(e.mono()-sc.began) < time.Duration(limit)*time.Millisecond {
			return nil
		}
		sc.busy = true
		kill, name := "SCRIPT", sc.sha
		if sc.function != "" {
			kill, name = "FUNCTION", sc.function
		}
		e.logger.Warn(fmt.Sprintf("Slow script detected: still in execution after %d milliseconds. You can try killing the script using the %s KILL command. "+
			"Script name is: %s.", time.Duration(e.mono()-sc.began).Milliseconds(), kill, name))
	}
	e.nestedTurn()
	switch {
	case e.Stopping():
		sc.caller.Conn.Close(false) // it ends without an answer, as the process does
		return ErrScriptKilled
	case sc.killed:
		e.logger.Info("Lua script killed by user with SCRIPT KILL.")
		return ErrScriptKilled
	}
	return nil
}

// nestedTurn serves other clients in the middle of a command. The clock by which keys expire stands, and nothing is committed: the
// unit under way is not whole.
func (e *Engine) nestedTurn() {
	if err := e.poller.Poll(0); err != nil {
		return // the outer turn will see it again
	}
	e.script.nested, e.script.wall = true, e.clock()
	for _, t := range e.transports {
		t.Serve()
	}
	for _, t := range e.transports {
		t.Release(e.Released())
	}
	e.script.nested = false
}

// ScriptStats are what INFO shows of scripts. The family of commands that runs them keeps them.
type ScriptStats struct {
	Cached      int
	CachedBytes int // of their texts and what is kept beside them
	Memory      int // of the interpreter
}

// ScriptStats returns the figures.
func (e *Engine) ScriptStats() *ScriptStats { return &e.scriptStats }
