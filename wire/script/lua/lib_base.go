package lua

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

func openLibraries(l *State) {
	globals := l.Globals()
	globals.SetField("_G", globals.Value())
	globals.SetField("_VERSION", l.g.text("Lua 5.1"))
	l.g.next = l.NewFunction(baseNext)
	l.g.inext = l.NewFunction(baseInext)
	globals.SetField("next", l.g.next.Value())
	l.Register(globals, map[string]Function{
		"assert":         baseAssert,
		"collectgarbage": baseCollect,
		"error":          baseError,
		"gcinfo":         func(l *State) int { return l.pushNumber(float64(l.Memory() >> 10)) },
		"getmetatable":   baseGetMetatable,
		"ipairs":         baseIpairs,
		"load":           baseLoad,
		"loadstring":     baseLoadString,
		"pairs":          basePairs,
		"pcall":          basePcall,
		"rawequal":       func(l *State) int { return l.pushBool(l.CheckAny(1).Equal(l.CheckAny(2))) },
		"rawget":         baseRawGet,
		"rawset":         baseRawSet,
		"select":         baseSelect,
		"setmetatable":   baseSetMetatable,
		"tonumber":       baseToNumber,
		"tostring":       baseToString,
		"type":           func(l *State) int { l.Push(l.g.text(l.CheckAny(1).Kind().String())); return 1 },
		"unpack":         baseUnpack,
		"xpcall":         baseXpcall,
	})
	openCoroutine(l)
	openTable(l)
	openString(l)
	openMath(l)
	openOS(l)
}

func baseAssert(l *State) int {
	if l.CheckAny(1).IsTrue() {
		return l.ArgCount()
	}
	l.Errorf("%s", l.OptString(2, "assertion failed!"))
	return 0
}

func baseCollect(l *State) int {
	what := l.OptString(1, "collect")
	l.OptInt(2, 0)
	switch what {
	case "collect":
		l.g.reclaim(0)
		return l.pushNumber(0)
	case "step":
		l.g.reclaim(0)
		return l.pushBool(true)
	case "count":
		return l.pushNumber(float64(l.Memory()) / 1024)
	case "stop", "restart":
		return l.pushNumber(0)
	case "setpause", "setstepmul":
		return l.pushNumber(200) // the collector is Go's; it has no such setting
	}
	l.ArgError(1, "invalid option '"+what+"'")
	return 0
}

func baseError(l *State) int {
	level := l.OptInt(2, 1)
	v := l.Arg(1)
	if text, ok := v.toText(); ok && level > 0 {
		v = l.NewString(l.Where(level) + text)
	}
	l.Throw(v)
	return 0
}

// metaField is a field of the metatable of v.
func (l *State) metaField(v Value, name string) Value {
	if meta := l.g.metatable(v); meta != nil {
		return meta.GetField(name)
	}
	return Nil
}

func baseGetMetatable(l *State) int {
	v := l.CheckAny(1)
	meta := l.g.metatable(v)
	if meta == nil {
		l.Push(Nil)
	} else if guard := meta.GetField("__metatable"); guard.ref != nil {
		l.Push(guard)
	} else {
		l.Push(meta.Value())
	}
	return 1
}

func baseSetMetatable(l *State) int {
	t := l.CheckTable(1)
	meta := l.Arg(2).Table()
	if meta == nil && (l.Arg(2).ref != nil || l.ArgCount() < 2) {
		l.ArgError(2, "nil or table expected")
	}
	if l.metaField(t.Value(), "__metatable").ref != nil {
		l.Errorf("cannot change a protected metatable")
	}
	l.checkWritable(t)
	t.meta = meta
	l.Push(t.Value())
	return 1
}

func basePairs(l *State) int {
	t := l.CheckTable(1)
	l.Push(l.g.next.Value())
	l.Push(t.Value())
	l.Push(Nil)
	return 3
}

func baseNext(l *State) int {
	t := l.CheckTable(1)
	key, val, ok := t.Next(l.Arg(2))
	if !ok {
		l.runError("invalid key to 'next'")
	}
	l.Push(key)
	if key.ref == nil {
		return 1
	}
	l.Push(val)
	return 2
}

func baseIpairs(l *State) int {
	t := l.CheckTable(1)
	l.Push(l.g.inext.Value())
	l.Push(t.Value())
	l.Push(Number(0))
	return 3
}

func baseInext(l *State) int {
	i := l.CheckInt(2) + 1
	v := l.CheckTable(1).GetInt(i)
	if v.ref == nil {
		return 0
	}
	l.Push(Int(i))
	l.Push(v)
	return 2
}

// loaded pushes what load returns.
func (l *State) loaded(source, chunk string) int {
	fn, err := l.Load(source, chunk, nil)
	if err != nil {
		failure := err.(*Error)
		if failure.Fatal != nil {
			panic(failure)
		}
		l.Push(Nil)
		l.Push(failure.Value)
		return 2
	}
	l.Push(fn.Value())
	return 1
}

func baseLoadString(l *State) int {
	source := l.CheckString(1)
	return l.loaded(source, l.OptString(2, source))
}

func baseLoad(l *State) int {
	chunk := l.OptString(2, "=(load)")
	reader := l.CheckFunction(1).Value()
	source := builder{g: l.g}
	for {
		at := l.top
		l.Push(reader)
		if err := l.try(at, 1, l.handler); err != nil {
			if err.Fatal != nil {
				panic(err)
			}
			l.Push(Nil)
			l.Push(err.Value)
			return 2
		}
		l.top--
		piece := l.stack[l.top]
		if piece.ref == nil {
			break
		}
		text, ok := piece.toText()
		if !ok {
			l.Push(Nil)
			l.Push(l.g.text(l.Where(1) + "reader function must return a string"))
			return 2
		}
		if text == "" {
			break
		}
		source.add(text)
	}
	return l.loaded(source.text.String(), chunk)
}

// protected finishes pcall and xpcall: the call's results lie from at on.
func (l *State) protected(at int, err *Error) int {
	if err != nil {
		if err.Fatal != nil {
			panic(err)
		}
		l.Push(Bool(false))
		l.Push(err.Value)
		return 2
	}
	n := l.top - at
	l.insert(at, Bool(true))
	return n + 1
}

func basePcall(l *State) int {
	l.CheckAny(1)
	at := l.ci.base
	return l.protected(at, l.try(at, multiple, nil))
}

func baseXpcall(l *State) int {
	l.CheckAny(2)
	l.setTop(2)
	h := l.Arg(2)
	at := l.top
	l.Push(l.Arg(1))
	return l.protected(at, l.try(at, multiple, func(l *State, v Value) Value {
		if h.Kind() != KindFunction {
			panic(&Error{Value: l.g.text("error in error handling")})
		}
		l.need(2)
		l.Push(h)
		l.Push(v)
		l.call(l.top-2, 1)
		l.top--
		return l.stack[l.top]
	}))
}

func baseRawGet(l *State) int {
	t := l.CheckTable(1)
	l.Push(t.Get(l.CheckAny(2)))
	return 1
}

func baseRawSet(l *State) int {
	t := l.CheckTable(1)
	key, val := l.CheckAny(2), l.CheckAny(3)
	l.checkWritable(t)
	l.checkKey(key)
	t.put(key, val)
	l.Push(t.Value())
	return 1
}

func baseSelect(l *State) int {
	n := l.ArgCount()
	if text, ok := l.Arg(1).Text(); ok && strings.HasPrefix(text, "#") {
		return l.pushNumber(float64(n - 1))
	}
	i := l.CheckInt(1)
	if i < 0 {
		i += n
	} else if i > n {
		i = n
	}
	if i < 1 {
		l.ArgError(1, "index out of range")
	}
	return n - i
}

func baseToNumber(l *State) int {
	base := l.OptInt(2, 10)
	if base == 10 {
		if n, ok := l.CheckAny(1).toNumber(); ok {
			return l.pushNumber(n)
		}
		l.Push(Nil)
		return 1
	}
	text := l.CheckString(1)
	if base < 2 || base > 36 {
		l.ArgError(2, "base out of range")
	}
	if n, ok := parseBase(text, base); ok {
		return l.pushNumber(n)
	}
	l.Push(Nil)
	return 1
}

// parseBase reads as C's strtoul does: a minus wraps around, too large is the largest.
func parseBase(s string, base int) (float64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = trimSpace(s)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	var n uint64
	over := false
	for _, c := range []byte(s) {
		d := digitValue(c)
		if d >= base {
			return 0, false
		}
		hi, lo := bits.Mul64(n, uint64(base))
		n = lo + uint64(d)
		over = over || hi != 0 || n < lo
	}
	if over {
		return math.MaxUint64, s != ""
	}
	if negative {
		n = -n
	}
	return float64(n), s != ""
}

// digitValue is what a digit counts in a base up to 36; what is none counts more.
func digitValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case isAlpha(c):
		return int(c|0x20-'a') + 10
	}
	return 36
}

// Describe returns what tostring does: the text of a string or number, what __tostring returns, or kind and address.
func (l *State) Describe(v Value) Value {
	if h := l.metaField(v, "__tostring"); h.ref != nil {
		return l.callHandler(h, v, Nil)
	}
	switch v.Kind() {
	case KindString:
		return v
	case KindNumber:
		return l.NewString(FormatNumber(v.num))
	case KindBool:
		return l.g.text(strconv.FormatBool(v.IsTrue()))
	case KindNil:
		return l.g.text("nil")
	}
	return l.NewString(v.describe())
}

func baseToString(l *State) int {
	l.Push(l.Describe(l.CheckAny(1)))
	return 1
}

func baseUnpack(l *State) int {
	t := l.CheckTable(1)
	from := l.OptInt(2, 1)
	to := 0
	if l.Arg(3).ref == nil {
		to = t.Len()
	} else {
		to = l.CheckInt(3)
	}
	if from > to {
		return 0
	}
	n := to - from + 1
	if !l.Need(n) {
		l.Errorf("too many results to unpack")
	}
	for i := range n {
		l.Push(t.GetInt(from + i))
	}
	return n
}
