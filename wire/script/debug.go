package script

import (
	"frankenredis/wire/resp"
	"frankenredis/wire/script/ldb"
	"frankenredis/wire/script/lua"
)

// errAlone ends a debugged script that goes on without an end when its client has gone.
const errAlone = Error("ERR timeout during Lua debugging with client closing connection")

// NewDebugger begins a session in which peer steps through a script. The caller ends it.
func (i *Interpreter) NewDebugger(o ldb.Options) *ldb.Session {
	o.Raise = func(l *lua.State, text string) { i.raise(l, text) }
	return ldb.New(o)
}

// Debug is Run for a script whose text is body, under a debugger. The text is compiled anew, to be traced: what is cached is not.
func (i *Interpreter) Debug(s *Script, body []byte, d *ldb.Session, keys, args [][]byte, w *resp.Writer) (counted bool, err error) {
	_, skip, err := ParseFlags(body)
	if err != nil {
		return false, err
	}
	fn, err := i.l.LoadTraced(string(body[skip:]), "@user_script", nil)
	if err != nil {
		return false, Error("ERR Error compiling script (new function): " + err.Error())
	}
	i.debug = d
	i.l.SetTracer(d.Trace)
	defer func() {
		i.debug = nil
		i.l.SetTracer(nil)
	}()
	traced := *s
	traced.fn = fn
	return i.Run(&traced, keys, args, w)
}

// breakpoint is redis.breakpoint: whether there is a debugger.
func (i *Interpreter) breakpoint(l *lua.State) int {
	if i.debug != nil {
		i.debug.Break()
	}
	l.Push(lua.Bool(i.debug != nil))
	return 1
}

// showValues is redis.debug.
func (i *Interpreter) showValues(l *lua.State) int {
	if i.debug == nil {
		return 0
	}
	values := make([]lua.Value, l.ArgCount())
	for n := range values {
		values[n] = l.Arg(n + 1)
	}
	i.debug.Debug(values)
	return 0
}
