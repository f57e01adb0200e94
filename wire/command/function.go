package command

import (
	"errors"

	"frankenredis/snapshot"
	"frankenredis/wire/engine"
	"frankenredis/wire/glob"
	"frankenredis/wire/script"
)

// functions runs function libraries in an interpreter of their own. The executor's.
type functions struct {
	host *scripts
	libs *script.Libraries // nil: there was no library yet
}

// functionRows are the rows of FUNCTION and FCALL.
func functionRows(f *functions) []engine.Spec {
	const call = engine.NoScript | engine.Stale | engine.SkipMonitor | engine.NoMandatoryKeys | engine.MovableKeys
	row := func(name string, flags engine.Flag, key engine.KeyFlag) engine.Spec {
		return engine.Spec{Name: name, Arity: -3, Flags: call | flags, Categories: engine.CatScripting,
			Keys: []engine.KeySpec{{Flags: key, Index: 2, KeyNum: true, FirstKey: 1, Step: 1,
				Notes: "The keys a function is given need not be all it uses, nor need it use them."}},
			FlagsOf: f.flagsOf(call | flags), Handler: f.call}
	}
	all := []string{"request_policy:all_shards", "response_policy:all_succeeded"}
	const change = engine.NoScript | engine.Write
	return []engine.Spec{
		row("fcall", engine.MayReplicate, engine.KeyRW|engine.KeyAccess|engine.KeyUpdate),
		row("fcall_ro", engine.ReadOnly, engine.KeyRO|engine.KeyAccess),
		{Name: "function", Arity: -2, Sub: []engine.Spec{
			{Name: "delete", Arity: 3, Flags: change, Categories: engine.CatScripting, Tips: all, Handler: f.delete},
			{Name: "dump", Arity: 2, Flags: engine.NoScript, Categories: engine.CatScripting, Handler: f.dump},
			{Name: "flush", Arity: -2, Flags: change, Categories: engine.CatScripting, Tips: all, Handler: f.flush},
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatScripting, Handler: functionHelpCommand},
			{Name: "kill", Arity: 2, Flags: engine.NoScript | engine.AllowBusy, Categories: engine.CatScripting,
				Tips: []string{"request_policy:all_shards", "response_policy:one_succeeded"}, Handler: functionKillCommand},
			{Name: "list", Arity: -2, Flags: engine.NoScript, Categories: engine.CatScripting,
				Tips: []string{"nondeterministic_output_order"}, Handler: f.list},
			{Name: "load", Arity: -3, Flags: change | engine.DenyOOM, Categories: engine.CatScripting, Tips: all, Handler: f.load},
			{Name: "restore", Arity: -3, Flags: change | engine.DenyOOM, Categories: engine.CatScripting, Tips: all, Handler: f.restore},
			{Name: "stats", Arity: 2, Flags: engine.NoScript | engine.AllowBusy, Categories: engine.CatScripting,
				Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}, Handler: f.stats},
		}},
	}
}

// libraries returns the interpreter, made when it is needed first.
func (f *functions) libraries(e *engine.Engine) *script.Libraries {
	if f.libs == nil {
		f.host.e = e
		f.libs = script.NewLibraries(f.host, scriptVersion, e.Config().Bool("lua-enable-deprecated-api"))
		followMemoryLimit(e, f.libs.SetMaxMemory)
	}
	return f.libs
}

// flagsOf says which flags hold for a function: those it declares take the place of the command's.
func (f *functions) flagsOf(flags engine.Flag) func([][]byte) engine.Flag {
	return func(argv [][]byte) engine.Flag {
		if f.libs == nil {
			return flags
		}
		fn := f.libs.Find(argv[1])
		if fn == nil {
			return flags
		}
		return declaredFlags(flags, fn.Flags)
	}
}

func (f *functions) call(c *engine.Call) error {
	c.Announce()
	fn := f.libraries(c.E).Find(c.Args[1])
	if fn == nil {
		return engine.ReplyError("ERR Function not found")
	}
	n, err := integer(c.Args[2])
	rest := c.Args[3:]
	switch {
	case err != nil:
		return engine.ReplyError("ERR Bad number of keys provided")
	case n > int64(len(rest)):
		return engine.ReplyError("ERR Number of keys can't be greater than number of args")
	case n < 0:
		return engine.ReplyError("ERR Number of keys can't be negative")
	}
	rules := scriptRules(c, fn.Flags)
	rules.Function = fn.Name
	var counted bool
	var failure error
	if err := c.RunScript(rules, func() { counted, failure = f.libs.Call(fn, rest[:n], rest[n:], c.W) }); err != nil {
		return err
	}
	return scriptFailure(c, counted, failure)
}

func (f *functions) load(c *engine.Call) error {
	replace := false
	for _, a := range c.Args[2 : len(c.Args)-1] {
		if !is(a, "REPLACE") {
			return engine.Errorf("ERR Unknown option given: %s", shown(a))
		}
		replace = true
	}
	name, err := f.libraries(c.E).Load(c.Args[len(c.Args)-1], replace, !c.E.Loading())
	if err != nil {
		return engine.ReplyError(err.Error())
	}
	c.Dirty(1)
	c.W.BulkString(name)
	return nil
}

func (f *functions) delete(c *engine.Call) error {
	if !f.libraries(c.E).Delete(string(c.Args[2])) {
		return engine.ReplyError("ERR Library not found")
	}
	c.Dirty(1)
	c.W.OK()
	return nil
}

func (f *functions) flush(c *engine.Call) error {
	if len(c.Args) > 3 {
		return wrongSubcommand(c)
	}
	if len(c.Args) == 3 && !is(c.Args[2], "SYNC") && !is(c.Args[2], "ASYNC") {
		return engine.ReplyError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
	}
	f.libraries(c.E).Flush()
	c.Dirty(1)
	c.W.OK()
	return nil
}

func wrongSubcommand(c *engine.Call) error {
	return engine.Errorf("ERR unknown subcommand or wrong number of arguments for '%s'. Try FUNCTION HELP.", c.Args[1])
}

func (f *functions) list(c *engine.Call) error {
	var pattern []byte
	withCode := false
	for i := 2; i < len(c.Args); i++ {
		switch a := c.Args[i]; {
		case !withCode && is(a, "WITHCODE"):
			withCode = true
		case pattern == nil && is(a, "LIBRARYNAME"):
			if i++; i == len(c.Args) {
				return engine.ReplyError("ERR library name argument was not given")
			}
			pattern = c.Args[i]
		default:
			return engine.Errorf("ERR Unknown argument %s", shown(a))
		}
	}
	at, n := len(c.W.Buf), 0
	for _, lib := range f.libraries(c.E).All() {
		if pattern != nil && !glob.Match(pattern, []byte(lib.Name), true) {
			continue
		}
		n++
		listLibrary(c, lib, withCode)
	}
	c.W.ArrayAt(at, n)
	return nil
}

func listLibrary(c *engine.Call, lib *script.Library, withCode bool) {
	w := c.W
	if withCode {
		w.Map(4)
	} else {
		w.Map(3)
	}
	w.BulkString("library_name")
	w.BulkString(lib.Name)
	w.BulkString("engine")
	w.BulkString("LUA")
	w.BulkString("functions")
	w.Array(len(lib.Functions))
	for _, fn := range lib.Functions {
		w.Map(3)
		w.BulkString("name")
		w.BulkString(fn.Name)
		w.BulkString("description")
		if fn.Description != nil {
			w.BulkString(*fn.Description)
		} else {
			w.Null()
		}
		w.BulkString("flags")
		names := fn.Flags.Names()
		w.Set(len(names))
		for _, name := range names {
			w.Simple(name)
		}
	}
	if withCode {
		w.BulkString("library_code")
		w.Bulk(lib.Code)
	}
}

func (f *functions) stats(c *engine.Call) error {
	name, argv, ms, running := c.E.RunningScript()
	if running && name == "" {
		return engine.ErrBusy
	}
	w := c.W
	w.Map(2)
	w.BulkString("running_script")
	if !running {
		w.Null()
	} else {
		w.Map(3)
		w.BulkString("name")
		w.BulkString(name)
		w.BulkString("command")
		w.Array(len(argv))
		for _, a := range argv {
			w.Bulk(a)
		}
		w.BulkString("duration_ms")
		w.Int(ms)
	}
	libraries, count, _, _ := f.Counts()
	w.BulkString("engines")
	w.Map(1)
	w.BulkString("LUA")
	w.Map(2)
	w.BulkString("libraries_count")
	w.Int(int64(libraries))
	w.BulkString("functions_count")
	w.Int(int64(count))
	return nil
}

func (f *functions) dump(c *engine.Call) error {
	c.W.Bulk(snapshot.AppendFunctionDump(nil, f.Codes(c.E), c.E.Config().Bool("rdbcompression")))
	return nil
}

func (f *functions) restore(c *engine.Call) error {
	flush, replace := false, false
	if len(c.Args) > 4 {
		return wrongSubcommand(c)
	}
	if len(c.Args) == 4 {
		switch policy := c.Args[3]; {
		case is(policy, "APPEND"):
		case is(policy, "REPLACE"):
			replace = true
		case is(policy, "FLUSH"):
			flush = true
		default:
			return engine.ReplyError("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
		}
	}
	codes, err := snapshot.ParseFunctionDump(c.Args[2])
	switch {
	case errors.Is(err, snapshot.ErrDumpFooter):
		return engine.ReplyError("ERR DUMP payload version or checksum are wrong")
	case errors.Is(err, snapshot.ErrNotFunction):
		return engine.ReplyError("ERR given type is not a function")
	case err != nil:
		return engine.ReplyError("ERR Failed loading functions payload")
	}
	if err := f.libraries(c.E).Restore(codes, flush, replace); err != nil {
		return engine.ReplyError(err.Error())
	}
	c.Dirty(1)
	c.W.OK()
	return nil
}

func functionKillCommand(c *engine.Call) error {
	if err := c.E.KillScript(true); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

// Codes implements engine.Libraries.
func (f *functions) Codes(*engine.Engine) [][]byte {
	if f.libs == nil {
		return nil
	}
	all := f.libs.All()
	codes := make([][]byte, len(all))
	for i, lib := range all {
		codes[i] = lib.Code
	}
	return codes
}

// Load implements engine.Libraries.
func (f *functions) Load(e *engine.Engine, codes [][]byte, flush, replace bool) error {
	return f.libraries(e).Restore(codes, flush, replace)
}

// Counts implements engine.Libraries.
func (f *functions) Counts() (libraries, functions, bytes, memory int) {
	if f.libs == nil {
		return 0, 0, 0, 0
	}
	libraries, functions, bytes = f.libs.Counts()
	return libraries, functions, bytes, f.libs.Memory()
}

func functionHelpCommand(c *engine.Call) error {
	return help(c,
		"LOAD [REPLACE] <FUNCTION CODE>",
		"    Load a library of functions; its name stands in its first line.",
		"DELETE <LIBRARY NAME>",
		"    Remove a library and its functions.",
		"LIST [LIBRARYNAME PATTERN] [WITHCODE]",
		"    Show the libraries, or those with a matching name:",
		"    * their names and engines,",
		"    * their functions with flags and descriptions,",
		"    * with WITHCODE their texts.",
		"STATS",
		"    Show the function that runs, and how many libraries and functions there are:",
		"    * by engine.",
		"KILL",
		"    End the function that runs, unless it has written.",
		"FLUSH [ASYNC|SYNC]",
		"    Remove all libraries.",
		"    Both modes do the same; nobody waits for memory to be freed.",
		"DUMP",
		"    Serialize all libraries, for FUNCTION RESTORE.",
		"RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
		"    Load the libraries of a payload:",
		"    * FLUSH: in place of all that are there.",
		"    * APPEND: beside them; none may be there already. This is the default.",
		"    * REPLACE: beside them, in place of those with the same names.")
}
