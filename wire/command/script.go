package command

import (
	"frankenredis/wire/engine"
	"frankenredis/wire/script"
	"frankenredis/wire/script/ldb"
	"frankenredis/wire/session"
)

// scriptCommands run scripts; each server has an interpreter of its own.
// The second result keeps the function libraries.
func scriptCommands() ([]engine.Spec, engine.Libraries) {
	r := &scripts{}
	f := &functions{host: &scripts{}}
	const eval = engine.NoScript | engine.Stale | engine.SkipMonitor | engine.NoMandatoryKeys | engine.MovableKeys
	row := func(name string, flags engine.Flag, key engine.KeyFlag, noted bool, handler engine.Handler) engine.Spec {
		s := engine.Spec{Name: name, Arity: -3, Flags: eval | flags, Categories: engine.CatScripting,
			Keys:    []engine.KeySpec{{Flags: key, Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			FlagsOf: r.flagsOf(eval|flags, noted), Handler: handler}
		if noted {
			s.Keys[0].Notes = "The keys a script is given need not be all it uses, nor need it use them."
		}
		return s
	}
	const reads, writes = engine.KeyRO | engine.KeyAccess, engine.KeyRW | engine.KeyAccess | engine.KeyUpdate
	rows := []engine.Spec{
		row("eval", engine.MayReplicate, writes, true, r.eval),
		row("eval_ro", engine.ReadOnly, reads, true, r.eval),
		row("evalsha", engine.MayReplicate, writes, false, r.evalsha),
		row("evalsha_ro", engine.ReadOnly, reads, false, r.evalsha),
		{Name: "script", Arity: -2, Sub: []engine.Spec{
			{Name: "debug", Arity: 3, Flags: engine.NoScript, Categories: engine.CatScripting, Handler: scriptDebugCommand},
			{Name: "exists", Arity: -3, Flags: engine.NoScript, Categories: engine.CatScripting,
				Tips: []string{"request_policy:all_shards", "response_policy:agg_logical_and"}, Handler: r.exists},
			{Name: "flush", Arity: -2, Flags: engine.NoScript, Categories: engine.CatScripting,
				Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"}, Handler: r.flush},
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatScripting, Handler: scriptHelpCommand},
			{Name: "kill", Arity: 2, Flags: engine.NoScript | engine.AllowBusy, Categories: engine.CatScripting,
				Tips: []string{"request_policy:all_shards", "response_policy:one_succeeded"}, Handler: scriptKillCommand},
			{Name: "load", Arity: 3, Flags: engine.NoScript | engine.Stale, Categories: engine.CatScripting,
				Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"}, Handler: r.load},
		}},
	}
	return append(rows, functionRows(f)...), f
}

const errNoScript = engine.ReplyError("NOSCRIPT No matching script. Please use EVAL.")

// scripts is the interpreter with what it reaches of the server: it is the script.Host. The executor's.
type scripts struct {
	in *script.Interpreter // nil: no script was run yet
	e  *engine.Engine
}

// scriptVersion is what scripts are told of the server.
var scriptVersion = script.Version{Text: engine.RedisVersion, Number: 0x00070204}

// interpreter returns the interpreter, made when it is needed first.
func (r *scripts) interpreter(e *engine.Engine) *script.Interpreter {
	if r.in == nil {
		r.e = e
		r.in = script.New(r, scriptVersion, e.Config().Bool("lua-enable-deprecated-api"))
		followMemoryLimit(e, r.in.SetMaxMemory)
	}
	return r.in
}

// followMemoryLimit sets fr-script-memory-limit now and whenever it changes.
func followMemoryLimit(e *engine.Engine, set func(bytes int)) {
	const name = "fr-script-memory-limit"
	follow := func() error {
		set(int(e.Config().Bytes(name)))
		return nil
	}
	e.Config().OnApply(name, follow)
	_ = follow()
}

// flagsOf says which flags hold for a script: those it declares take the place of the command's.
func (r *scripts) flagsOf(flags engine.Flag, text bool) func([][]byte) engine.Flag {
	return func(argv [][]byte) engine.Flag {
		var declared script.Flags
		if text {
			f, _, err := script.ParseFlags(argv[1])
			if err != nil {
				return flags
			}
			declared = f
		} else if r.in != nil {
			if s := r.in.Find(argv[1]); s != nil {
				declared = s.Flags
			}
		}
		if !declared.Declared {
			return flags
		}
		return declaredFlags(flags, declared)
	}
}

// declaredFlags are a command's flags for a script that declared its own.
func declaredFlags(flags engine.Flag, declared script.Flags) engine.Flag {
	f := flags &^ (engine.Stale | engine.DenyOOM | engine.Write | engine.MayReplicate)
	if !declared.AllowOOM && !declared.NoWrites {
		f |= engine.DenyOOM
	}
	if !declared.NoWrites {
		f |= engine.Write
	}
	if declared.AllowStale {
		f |= engine.Stale
	}
	return f
}

func (r *scripts) eval(c *engine.Call) error {
	c.Announce()
	switch c.S.Debug {
	case session.DebugSync:
		return r.debugSync(c)
	case session.DebugApart:
		return c.DebugApart()
	case session.DebugHere:
		return r.debugHere(c)
	}
	return r.evalText(c, nil)
}

// evalText is EVAL, under a debugger if there is one.
func (r *scripts) evalText(c *engine.Call, d *ldb.Session) error {
	keys, args, err := scriptArgs(c)
	if err != nil {
		return err
	}
	s, err := r.interpreter(c.E).Load(c.Args[1])
	if err != nil {
		return engine.ReplyError(err.Error())
	}
	return r.run(c, s, keys, args, d)
}

func (r *scripts) evalsha(c *engine.Call) error {
	c.Announce()
	if len(c.Args[1]) != script.NameSize {
		return errNoScript // whatever else is wrong
	}
	if c.S.Debug != session.NotDebugged {
		return engine.ReplyError("ERR Please use EVAL instead of EVALSHA for debugging")
	}
	keys, args, err := scriptArgs(c)
	if err != nil {
		return err
	}
	s := r.interpreter(c.E).Find(c.Args[1])
	if s == nil {
		return errNoScript
	}
	return r.run(c, s, keys, args, nil)
}

// scriptArgs divides the arguments into keys and others.
func scriptArgs(c *engine.Call) (keys, args [][]byte, err error) {
	n, err := integer(c.Args[2])
	rest := c.Args[3:]
	switch {
	case err != nil:
		return nil, nil, err
	case n > int64(len(rest)):
		return nil, nil, engine.ReplyError("ERR Number of keys can't be greater than number of args")
	case n < 0:
		return nil, nil, engine.ReplyError("ERR Number of keys can't be negative")
	}
	return rest[:n], rest[n:], nil
}

func (r *scripts) run(c *engine.Call, s *script.Script, keys, args [][]byte, d *ldb.Session) error {
	var counted bool
	var failure error
	rules := scriptRules(c, s.Flags)
	rules.SHA = s.SHA
	run := func() { counted, failure = r.in.Run(s, keys, args, c.W) }
	if d != nil {
		run = func() { counted, failure = r.in.Debug(s, c.Args[1], d, keys, args, c.W) }
	}
	if err := c.RunScript(rules, run); err != nil {
		return err
	}
	r.count()
	return scriptFailure(c, counted, failure)
}

// scriptRules are what holds for a script of these flags that the command runs.
func scriptRules(c *engine.Call, f script.Flags) engine.ScriptRules {
	return engine.ScriptRules{Declared: f.Declared, NoWrites: f.NoWrites, AllowOOM: f.AllowOOM, AllowStale: f.AllowStale,
		ReadOnly: c.Spec.Flags&engine.ReadOnly != 0, NoCluster: f.NoCluster, CrossSlots: f.AllowCrossSlotKeys}
}

// scriptFailure replies the error that a script ended with, if any; one that was counted is not counted again.
func scriptFailure(c *engine.Call, counted bool, failure error) error {
	switch {
	case failure == nil:
		return nil
	case counted:
		c.Failed()
		c.W.Error(failure.Error())
		return nil
	}
	return engine.ReplyError(failure.Error())
}

// count keeps the figures of INFO.
func (r *scripts) count() {
	st := r.e.ScriptStats()
	st.Cached, st.CachedBytes = r.in.Cached()
	st.Memory = r.in.Memory()
}

func (r *scripts) load(c *engine.Call) error {
	s, err := r.interpreter(c.E).Keep(c.Args[2])
	if err != nil {
		return engine.ReplyError(err.Error())
	}
	r.count()
	c.W.BulkString(s.SHA)
	return nil
}

func (r *scripts) exists(c *engine.Call) error {
	in := r.interpreter(c.E)
	c.W.Array(len(c.Args) - 2)
	for _, sha := range c.Args[2:] {
		n := int64(0)
		if in.Find(sha) != nil {
			n = 1
		}
		c.W.Int(n)
	}
	return nil
}

func (r *scripts) flush(c *engine.Call) error {
	if len(c.Args) > 3 || (len(c.Args) == 3 && !is(c.Args[2], "SYNC") && !is(c.Args[2], "ASYNC")) {
		return engine.ReplyError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
	}
	r.interpreter(c.E).Flush()
	r.count()
	c.W.OK()
	return nil
}

func scriptKillCommand(c *engine.Call) error {
	if err := c.E.KillScript(false); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func scriptHelpCommand(c *engine.Call) error {
	return help(c,
		"DEBUG (YES|SYNC|NO)",
		"    Have the scripts of this connection debugged: on a copy of the data set (YES), on itself while all others wait (SYNC), or not.",
		"EXISTS <sha1> [<sha1> ...]",
		"    Tell for each SHA-1 whether a script of that name is loaded.",
		"FLUSH [ASYNC|SYNC]",
		"    Forget all scripts that were loaded.",
		"    Both modes do the same; nobody waits for memory to be freed.",
		"KILL",
		"    End the script that runs, unless it has written.",
		"LOAD <script>",
		"    Load a script without running it; the reply is its SHA-1.")
}

// Call implements script.Host.
func (r *scripts) Call(argv [][]byte) ([]byte, error) { return r.e.ScriptCall(argv) }

// Knows implements script.Host.
func (r *scripts) Knows(argv [][]byte) bool { return r.e.ScriptKnows(argv) }

// Allowed implements script.Host.
func (r *scripts) Allowed(argv [][]byte) bool { return r.e.ScriptPermits(argv) }

// Proto implements script.Host.
func (r *scripts) Proto() int { return r.e.ScriptProto() }

// SetProto implements script.Host.
func (r *scripts) SetProto(version int) { r.e.SetScriptProto(version) }

// SetEffects implements script.Host.
func (r *scripts) SetEffects(to uint8) { r.e.SetScriptEffects(engine.Effects(to)) }

// Log implements script.Host.
func (r *scripts) Log(level int, line string) {
	switch log := r.e.Logger(); level {
	case 0:
		log.Trace(line)
	case 1:
		log.Debug(line)
	case 2:
		log.Info(line)
	default:
		log.Warn(line)
	}
}

// Step implements script.Host.
func (r *scripts) Step() error { return r.e.ScriptStep() }
