package script

import (
	"math"
	"strings"

	"frankenredis/kv/double"
	"frankenredis/wire/script/bit"
	"frankenredis/wire/script/cjson"
	"frankenredis/wire/script/cmsgpack"
	"frankenredis/wire/script/lua"
	"frankenredis/wire/script/structs"
)

// openGlobals gives a new state what scripts find, with or without what Redis deprecates.
func (i *Interpreter) openGlobals(deprecated bool) {
	l := i.l
	l.Register(l.Globals(), map[string]lua.Function{"__redis__err__handler": func(l *lua.State) int {
		l.Push(placeError(l, l.Arg(1)))
		return 1
	}})
	api := i.openRedis()
	l.Register(api, map[string]lua.Function{
		"breakpoint":         i.breakpoint,
		"debug":              i.showValues,
		"replicate_commands": func(l *lua.State) int { l.Push(lua.Bool(true)); return 1 },
	})
	i.openCommon(deprecated, api)
}

// openCommon gives a new state what scripts and functions find alike, and api as redis.
func (i *Interpreter) openCommon(deprecated bool, api *lua.Table) {
	l := i.l
	if deprecated {
		l.RegisterDeprecated()
	}
	globals := l.Globals()
	globals.SetField("redis", api.Value())
	globals.SetField("bit", bit.Open(l).Value())
	globals.SetField("cjson", cjson.Open(l).Value())
	globals.SetField("cmsgpack", cmsgpack.Open(l).Value())
	globals.SetField("struct", structs.Open(l).Value())
	l.Register(globals, map[string]lua.Function{"pcall": pcall})
	i.nothingElse(globals)
	protect(globals, make(map[*lua.Table]bool))
	if strings := l.StringMetatable(); strings != nil {
		protect(strings, make(map[*lua.Table]bool))
	}
}

// nothingElse makes it an error to ask for what is not in a table.
func (i *Interpreter) nothingElse(t *lua.Table) {
	meta := i.l.NewTable(0, 1)
	i.l.Register(meta, map[string]lua.Function{"__index": missingGlobal})
	t.SetMetatable(meta)
}

// protect makes a table and all within it read-only.
func protect(t *lua.Table, seen map[*lua.Table]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	t.SetReadOnly(true)
	if m := t.Metatable(); m != nil {
		protect(m, seen)
	}
	for k, v, ok := t.Next(lua.Nil); ok && !k.IsNil(); k, v, ok = t.Next(k) {
		if inner := v.Table(); inner != nil {
			protect(inner, seen)
		}
	}
}

func missingGlobal(l *lua.State) int {
	name, _ := l.ToString(l.Arg(2))
	l.Errorf("Script attempted to access nonexistent global variable '%s'", name)
	return 0
}

// pcall is Lua's, but of an error that is a table with a text in the field err it returns the text. Of other tables it returns what
// is there instead of the text behind them, as Redis does.
func pcall(l *lua.State) int {
	fn := l.CheckAny(1)
	args := make([]lua.Value, 0, 8)
	for n := 2; n <= l.ArgCount(); n++ {
		args = append(args, l.Arg(n))
	}
	results, err := l.Call(fn, nil, args...)
	if err != nil {
		failure, ok := err.(*lua.Error)
		if !ok || failure.Fatal != nil {
			panic(err) // not to be caught by scripts
		}
		l.Push(lua.Bool(false))
		t := failure.Value.Table()
		if t == nil {
			l.Push(failure.Value)
			return 2
		}
		v := t.GetField(fieldErr)
		if _, text := l.ToString(v); text {
			l.Push(v)
			return 2
		}
		l.Push(failure.Value)
		l.Push(v)
		return 3
	}
	results = append(make([]lua.Value, 0, len(results)), results...) // they lie where is pushed
	if !l.Need(len(results) + 1) {
		l.Errorf("too many results to unpack")
	}
	l.Push(lua.Bool(true))
	for _, v := range results {
		l.Push(v)
	}
	return len(results) + 1
}

// openRedis makes the table redis, with what functions find in it.
func (i *Interpreter) openRedis() *lua.Table {
	l := i.l
	t := l.NewTable(0, 32)
	l.Register(t, map[string]lua.Function{
		"call":          func(l *lua.State) int { return i.call(l, true) },
		"pcall":         func(l *lua.State) int { return i.call(l, false) },
		"log":           i.log,
		"setresp":       i.setProto,
		"set_repl":      i.setEffects,
		"acl_check_cmd": i.checkCommand,
		"error_reply":   i.errorReply,
		"status_reply":  i.statusReply,
		"sha1hex":       i.sha1hex,
	})
	i.setConstants(t, map[string]int{"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3,
		"REPL_NONE": 0, "REPL_AOF": 1, "REPL_SLAVE": 2, "REPL_REPLICA": 2, "REPL_ALL": 3})
	return t
}

// setConstants adds numbers and the server's version.
func (i *Interpreter) setConstants(t *lua.Table, numbers map[string]int) {
	for name, n := range numbers {
		t.SetField(name, lua.Int(n))
	}
	t.SetField("REDIS_VERSION_NUM", lua.Int(i.version.Number))
	t.SetField("REDIS_VERSION", i.l.NewString(i.version.Text))
}

// The refusals of what takes an argument vector.
const (
	errNoArgs  = "Please specify at least one argument for this redis lib call"
	errArgType = "Lua redis lib command arguments must be strings or integers"
)

// vector reads the arguments as a command's; what is wrong with them, if anything.
func (i *Interpreter) vector(l *lua.State) (argv [][]byte, wrong string) {
	n := l.ArgCount()
	if n == 0 {
		return nil, errNoArgs
	}
	arg, places := i.arg[:0], i.places[:0]
	for j := 1; j <= n; j++ {
		v := l.Arg(j)
		if text, ok := v.Text(); ok {
			arg = append(arg, text...)
		} else if f, ok := v.Number(); ok {
			if math.IsNaN(f) && math.Signbit(f) {
				arg = append(arg, '-')
			}
			if f == 0 {
				f = 0 // whole numbers go through an integer in Redis, which has no zero below zero
			}
			arg = double.Append(arg, f)
		} else {
			return nil, errArgType
		}
		places = append(places, len(arg))
	}
	argv = i.argv[:0]
	at := 0
	for _, end := range places {
		argv = append(argv, arg[at:end:end])
		at = end
	}
	i.arg, i.places, i.argv = arg, places, argv
	if cap(i.arg) > maxScratch {
		i.arg = nil
	}
	if cap(i.argv) > maxScratch/32 {
		i.argv, i.places = nil, nil
	}
	return argv, ""
}

// maxScratch bounds the scratch kept between calls, in bytes.
const maxScratch = 64 << 10

// call is redis.call and redis.pcall: an error reply is raised by the one and returned by the other.
func (i *Interpreter) call(l *lua.State, raising bool) int {
	argv, wrong := i.vector(l)
	var v lua.Value
	failed := true
	if wrong != "" {
		v = i.newError(wrong).Value()
	} else {
		if i.debug != nil && i.debug.Stepping() {
			i.debug.Command(argv)
		}
		if reply, err := i.host.Call(argv); err != nil {
			t := i.newError(refusal(err))
			t.SetField(fieldCounted, lua.Bool(true))
			v = t.Value()
		} else {
			r := reader{i: i, l: l, p: reply}
			failed = len(reply) > 0 && reply[0] == '-'
			if len(reply) > 0 {
				v = r.value()
				if i.debug != nil && i.debug.Stepping() {
					i.debug.Reply(reply)
				}
			}
		}
	}
	if failed && raising {
		l.Throw(v)
	}
	l.Push(v)
	return 1
}

// refusal is what Redis makes of a command that was refused: a text without the general code, or a reply to a client.
func refusal(err error) string {
	text, plain := strings.CutPrefix(err.Error(), "ERR ")
	if !plain {
		text = "-" + text + "\r\n"
	}
	return text
}

func (i *Interpreter) checkCommand(l *lua.State) int {
	argv, wrong := i.vector(l)
	if wrong != "" {
		return i.raise(l, wrong)
	}
	if !i.host.Knows(argv) {
		return i.raise(l, "Invalid command passed to redis.acl_check_cmd()")
	}
	l.Push(lua.Bool(i.host.Allowed(argv)))
	return 1
}

func (i *Interpreter) log(l *lua.State) int {
	n := l.ArgCount()
	if n < 2 {
		return i.raise(l, "redis.log() requires two arguments or more.")
	}
	level, ok := l.ToNumber(l.Arg(1))
	if !ok {
		return i.raise(l, "First argument must be a number (log level).")
	}
	if !(level >= 0 && level < 4) {
		return i.raise(l, "Invalid log level.")
	}
	line := ""
	for j := 2; j <= n; j++ {
		if text, ok := l.ToString(l.Arg(j)); ok {
			if j > 2 {
				line += " "
			}
			line += text
		}
	}
	i.host.Log(int(level), line)
	return 0
}

func (i *Interpreter) setProto(l *lua.State) int {
	if l.ArgCount() != 1 {
		return i.raise(l, "redis.setresp() requires one argument.")
	}
	v, _ := l.ToNumber(l.Arg(1))
	if version := int(truncate(v)); version == 2 || version == 3 {
		i.host.SetProto(version)
		return 0
	}
	return i.raise(l, "RESP version must be 2 or 3.")
}

func (i *Interpreter) setEffects(l *lua.State) int {
	if l.ArgCount() != 1 {
		return i.raise(l, "redis.set_repl() requires one argument.")
	}
	v, _ := l.ToNumber(l.Arg(1))
	to := truncate(v)
	if to&^3 != 0 {
		return i.raise(l, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	i.host.SetEffects(uint8(to))
	return 0
}

func (i *Interpreter) errorReply(l *lua.State) int {
	text, ok := l.Arg(1).Text()
	if !ok || l.ArgCount() != 1 {
		l.Push(i.newError("wrong number or type of arguments").Value())
		return 1
	}
	if text == "" || text[0] != '-' {
		text = "-" + text
	}
	l.Push(i.newError(text).Value())
	return 1
}

func (i *Interpreter) statusReply(l *lua.State) int {
	v := l.Arg(1)
	if _, ok := v.Text(); !ok || l.ArgCount() != 1 {
		l.Push(i.newError("wrong number or type of arguments").Value())
		return 1
	}
	t := l.NewTable(0, 1)
	t.SetField("ok", v)
	l.Push(t.Value())
	return 1
}

func (i *Interpreter) sha1hex(l *lua.State) int {
	if l.ArgCount() != 1 {
		return i.raise(l, "wrong number of arguments")
	}
	text, _ := l.ToString(l.Arg(1))
	l.Push(l.NewString(SHA([]byte(text))))
	return 1
}
