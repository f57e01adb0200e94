package script

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"frankenredis/wire/resp"
	"frankenredis/wire/script/lua"
)

// Library is a set of functions that came as one text.
type Library struct {
	Name      string
	Code      []byte // with its first line; not to be changed
	Functions []*Func
}

// Func is one function that a library registered.
type Func struct {
	Name        string
	Description *string // nil: none was given
	Flags       Flags   // always Declared
	fn          *lua.Closure
}

// Libraries keeps the function libraries and runs their functions, in an interpreter of its own, one at a time. It belongs to one
// goroutine.
type Libraries struct {
	i *Interpreter
	libraries
	env        *lua.Table // the environment of all libraries: empty
	behind     *lua.Table // its metatable, whose __index is the globals, or while a library is loaded what that may see
	atLoad     *lua.Table
	loading    *Library  // nil: none is being loaded
	deadline   time.Time // of loading; zero: none
	deprecated bool
}

// libraries is what is loaded.
type libraries struct {
	byName map[string]*Library
	funcs  map[string]*Func // by lower-case name
}

// loadTimeout is how long a library may take to register its functions (Redis: LOAD_TIMEOUT_MS).
const loadTimeout = 500 * time.Millisecond

// functionBytes is what a function costs besides its library's text, in bytes.
const functionBytes = 120

// NewLibraries returns an interpreter without libraries; deprecated gives it what Redis deprecates, too.
func NewLibraries(h Host, v Version, deprecated bool) *Libraries {
	ballast()
	x := &Libraries{i: &Interpreter{host: h, version: v}, deprecated: deprecated}
	x.clear()
	x.open()
	return x
}

func (x *Libraries) clear() {
	x.byName, x.funcs = make(map[string]*Library), make(map[string]*Func)
}

// open makes the interpreter.
func (x *Libraries) open() {
	i := x.i
	i.l = lua.New(lua.Options{Hook: x.step, Every: 100000, MaxMemory: i.limit})
	i.openCommon(x.deprecated, i.openRedis())
	x.atLoad = i.l.NewTable(0, 1)
	x.atLoad.SetField("redis", i.openLoading(x.register).Value())
	i.nothingElse(x.atLoad)
	x.env, x.behind = i.l.NewTable(0, 0), i.l.NewTable(0, 1)
	x.behind.SetField("__index", i.l.Globals().Value())
	x.env.SetMetatable(x.behind)
	seen := make(map[*lua.Table]bool)
	protect(x.env, seen)
	protect(x.atLoad, seen)
}

// openLoading makes the table redis of a library that is being loaded: besides it a library sees no global then, not even Lua's own.
func (i *Interpreter) openLoading(register lua.Function) *lua.Table {
	l := i.l
	t := l.NewTable(0, 8)
	l.Register(t, map[string]lua.Function{"register_function": register, "log": i.log})
	i.setConstants(t, map[string]int{"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3})
	i.nothingElse(t)
	return t
}

func (x *Libraries) step(l *lua.State) error {
	if x.loading == nil {
		return x.i.step(l)
	}
	if !x.deadline.IsZero() && time.Now().After(x.deadline) {
		return Error("ERR FUNCTION LOAD timeout")
	}
	return nil
}

// Load compiles a library, runs it so that it registers its functions, and keeps it; with replace in place of the one of its name.
// bounded ends one that takes long. An error is of type Error, and nothing has changed.
func (x *Libraries) Load(code []byte, replace, bounded bool) (name string, err error) {
	name, skip, err := libraryHead(code)
	if err != nil {
		return "", err
	}
	old := x.byName[name]
	if old != nil && !replace {
		return "", Error("ERR Library '" + name + "' already exists")
	}
	lib, err := x.compile(name, code, skip, bounded)
	if err != nil {
		return "", err
	}
	for _, f := range lib.Functions {
		if other := x.funcs[strings.ToLower(f.Name)]; other != nil && (old == nil || !slices.Contains(old.Functions, other)) {
			return "", Error("ERR Function " + f.Name + " already exists")
		}
	}
	if old != nil {
		x.Delete(name)
	}
	x.byName[name] = lib
	for _, f := range lib.Functions {
		x.funcs[strings.ToLower(f.Name)] = f
	}
	return name, nil
}

// libraryHead reads a library's first line. skip is the number of its bytes that are no Lua.
func libraryHead(code []byte) (name string, skip int, err error) {
	if !bytes.HasPrefix(code, []byte("#!")) {
		return "", 0, Error("ERR Missing library metadata")
	}
	skip = bytes.IndexByte(code, '\n')
	if skip < 0 {
		return "", 0, Error("ERR Invalid library metadata")
	}
	words, ok := resp.SplitWords(string(code[:skip]))
	if !ok || len(words) == 0 {
		return "", 0, Error("ERR Invalid library metadata")
	}
	named := false
	for _, word := range words[1:] {
		if len(word) < 5 || !strings.EqualFold(word[:5], "name=") {
			return "", 0, Error("ERR Invalid metadata value given: " + word)
		}
		if named {
			return "", 0, Error("ERR Invalid metadata value, name argument was given multiple times")
		}
		name, named = word[5:], true
	}
	if !named {
		return "", 0, Error("ERR Library name was not given")
	}
	if !goodName(name) {
		return "", 0, Error("ERR " + badName)
	}
	if engine := words[0][2:]; !strings.EqualFold(engine, "lua") {
		return "", 0, Error("ERR Engine '" + engine + "' not found")
	}
	return name, skip, nil
}

const badName = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"

func goodName(name string) bool {
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return name != ""
}

// compile makes a library of a text, with the functions it registers.
func (x *Libraries) compile(name string, code []byte, skip int, bounded bool) (*Library, error) {
	l := x.i.l
	fn, err := l.Load(string(code[skip:]), "@user_function", x.env)
	if err != nil {
		return nil, Error("ERR Error compiling function: " + err.Error())
	}
	x.loading, x.deadline = &Library{Name: name, Code: bytes.Clone(code)}, time.Time{}
	if bounded {
		x.deadline = time.Now().Add(loadTimeout)
	}
	x.behind.SetField("__index", x.atLoad.Value())
	_, err = l.Call(fn.Value(), placeError)
	x.behind.SetField("__index", l.Globals().Value())
	lib := x.loading
	x.loading = nil
	if err != nil {
		return nil, Error("ERR Error registering functions: " + x.i.reason(err))
	}
	if len(lib.Functions) == 0 {
		return nil, Error("ERR No functions registered")
	}
	return lib, nil
}

// register is redis.register_function.
func (x *Libraries) register(l *lua.State) int {
	f := &Func{Flags: Flags{Declared: true}}
	wrong := ""
	switch n := l.ArgCount(); {
	case n < 1 || n > 2:
		wrong = "wrong number of arguments to redis.register_function"
	case n == 1:
		if t := l.Arg(1).Table(); t == nil {
			wrong = "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments)."
		} else {
			wrong = f.named(l, t)
		}
	default:
		name, ok := l.ToString(l.Arg(1))
		if fn := l.Arg(2).Closure(); !ok {
			wrong = "first argument to redis.register_function must be a string"
		} else if fn == nil {
			wrong = "second argument to redis.register_function must be a function"
		} else {
			f.Name, f.fn = name, fn
		}
	}
	if wrong == "" && !goodName(f.Name) {
		wrong = badName
	}
	if wrong == "" && slices.ContainsFunc(x.loading.Functions, func(g *Func) bool { return strings.EqualFold(f.Name, g.Name) }) {
		wrong = "Function already exists in the library"
	}
	if wrong != "" {
		return x.i.raise(l, wrong)
	}
	x.loading.Functions = append(x.loading.Functions, f)
	return 0
}

// named reads the arguments of a registration by names; what is wrong with them, if anything.
func (f *Func) named(l *lua.State, t *lua.Table) (wrong string) {
	given := false
	for k, v, ok := t.Next(lua.Nil); ok && !k.IsNil(); k, v, ok = t.Next(k) {
		key, isText := k.Text()
		if !isText {
			return "named argument key given to redis.register_function is not a string"
		}
		text, isText := l.ToString(v)
		switch strings.ToLower(key) {
		case "function_name":
			if !isText {
				return "function_name argument given to redis.register_function must be a string"
			}
			f.Name, given = text, true
		case "description":
			if !isText {
				return "description argument given to redis.register_function must be a string"
			}
			f.Description = &text
		case "callback":
			if f.fn = v.Closure(); f.fn == nil {
				return "callback argument given to redis.register_function must be a function"
			}
		case "flags":
			flags := v.Table()
			if flags == nil {
				return "flags argument to redis.register_function must be a table representing function flags"
			}
			for n := 1; !flags.GetInt(n).IsNil(); n++ {
				name, _ := flags.GetInt(n).Text()
				if !f.Flags.set(name) {
					return "unknown flag given"
				}
			}
		default:
			return "unknown argument given to redis.register_function"
		}
	}
	if !given {
		return "redis.register_function must get a function name argument"
	}
	if f.fn == nil {
		return "redis.register_function must get a callback argument"
	}
	return ""
}

// Delete forgets a library and reports whether it was there.
func (x *Libraries) Delete(name string) bool {
	lib := x.byName[name]
	if lib == nil {
		return false
	}
	for _, f := range lib.Functions {
		delete(x.funcs, strings.ToLower(f.Name))
	}
	delete(x.byName, name)
	return true
}

// Flush forgets all libraries and what their functions kept.
func (x *Libraries) Flush() {
	x.clear()
	x.open()
}

// Restore loads the libraries of a dump: all or, with an error, none. With flush those that are there go, with replace the ones of
// the same names.
func (x *Libraries) Restore(codes [][]byte, flush, replace bool) error {
	before := libraries{maps.Clone(x.byName), maps.Clone(x.funcs)}
	if flush {
		x.clear()
	}
	for _, code := range codes {
		name, _, err := libraryHead(code)
		if err == nil && !replace && x.byName[name] != nil {
			err = Error("ERR Library " + name + " already exists")
		}
		if err == nil {
			_, err = x.Load(code, replace, false)
		}
		if err != nil {
			x.libraries = before
			return err
		}
	}
	return nil
}

// All is the libraries by name.
func (x *Libraries) All() []*Library {
	all := make([]*Library, 0, len(x.byName))
	for _, name := range slices.Sorted(maps.Keys(x.byName)) {
		all = append(all, x.byName[name])
	}
	return all
}

// Find returns a function by its name in any case, or nil.
func (x *Libraries) Find(name []byte) *Func {
	if f := x.funcs[string(name)]; f != nil {
		return f
	}
	return x.funcs[strings.ToLower(string(name))]
}

// Counts are the numbers of libraries and functions, and the bytes their texts take. Memory is what the interpreter holds.
func (x *Libraries) Counts() (libraries, functions, bytes int) {
	for _, lib := range x.byName {
		bytes += len(lib.Code) + functionBytes*len(lib.Functions)
	}
	return len(x.byName), len(x.funcs), bytes
}

// SetMaxMemory is Interpreter.SetMaxMemory for functions.
func (x *Libraries) SetMaxMemory(n int) { x.i.SetMaxMemory(n) }

// Memory is an estimate of the bytes functions and their values take.
func (x *Libraries) Memory() int { return x.i.Memory() }

// Call runs a function and appends its reply to w; the rest is as in Interpreter.Run.
func (x *Libraries) Call(f *Func, keys, args [][]byte, w *resp.Writer) (counted bool, err error) {
	return x.i.run(f.fn, f.Name, "@user_function", w, x.i.list(keys), x.i.list(args))
}
