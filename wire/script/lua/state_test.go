package lua_test

import (
	"errors"
	"strings"
	"testing"

	"frankenredis/wire/script/lua"
)

// run compiles and calls source and returns its first result as text, or the error.
func run(t testing.TB, l *lua.State, source string) (string, error) {
	t.Helper()
	fn, err := l.Load(source, "@user_script", nil)
	if err != nil {
		return "", err
	}
	results, err := l.Call(fn.Value(), nil)
	if err != nil || len(results) == 0 {
		return "", err
	}
	text, _ := l.Describe(results[0]).Text()
	return text, nil
}

// TestHook: a script that never ends is ended wherever it loops, and pcall does not catch that.
func TestHook(t *testing.T) {
	enough := errors.New("script killed")
	loops := map[string]string{
		"while":     "while true do end",
		"repeat":    "repeat local x = function() end until false",
		"for":       "for i = 1, math.huge do end",
		"recursion": "local function f() return f() end f()",
		"pcall":     "while true do pcall(function() while true do end end) end",
		"xpcall":    "xpcall(function() while true do end end, function() while true do end end)",
		"coroutine": "coroutine.wrap(function() while true do end end)()",
		"resume":    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
		"metatable": "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
		"iterator":  "for x in function() return 1 end do end",
		"pattern":   "return string.find(string.rep('a', 300), string.rep('a*', 20) .. 'b')",
		"gsub":      "return string.gsub(string.rep('a', 1e6), '.-b', '')",
		"sort":      "local t = {} for i = 1, 1e5 do t[i] = i % 7 end while true do table.sort(t) end",
		"insert":    "table.insert({}, -2^31, 1)",
		"concat":    "local t = {} t[2^31-1] = 1 return table.concat(setmetatable({}, {}), '', -2^31, 0)",
		"varargs":   "local function f(...) return f(1, ...) end return f()",
		"load":      "return load(function() return 'x ' end)",
	}
	for name, source := range loops {
		t.Run(name, func(t *testing.T) {
			calls := 0
			l := lua.New(lua.Options{MaxMemory: 64 << 20, Hook: func(*lua.State) error {
				if calls++; calls > 100 {
					return enough
				}
				return nil
			}})
			_, err := run(t, l, source)
			if name == "concat" || name == "load" {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if !errors.Is(err, enough) {
				t.Errorf("%v, want %v", err, enough)
			}
			if text, err := run(t, l, "return 'alive'"); text != "alive" {
				t.Errorf("afterwards: %q, %v", text, err)
			}
		})
	}
}

// TestMemory: what would take too much fails, and what was taken is given back.
func TestMemory(t *testing.T) {
	const limit = 8 << 20
	hungry := map[string]string{
		"rep":        "return string.rep('x', 1e9)",
		"concat":     "local s = 'x' while true do s = s .. s end",
		"table":      "local t = {} for i = 1, 1e9 do t[i] = i end",
		"hash":       "local t = {} for i = 1, 1e9 do t[i .. 'x'] = true end",
		"tables":     "local t = {} while true do t = {t} end",
		"closures":   "local f = print while true do local g = f f = function() return g end end",
		"coroutines": "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
		"buffer":     "local t = {} for i = 1, 100 do t[i] = string.rep('x', 1e5) end return table.concat(t)",
		"gsub":       "return string.rep('x', 1e5):gsub('.', string.rep('y', 1e5))",
		"format":     "local f = string.rep('%99d', 1e5) return f:format(unpack({}, 1, 7000))",
		"setlist":    "local t = {} while true do t = {t, t, t, t, t, unpack(t)} end",
	}
	for name, source := range hungry {
		t.Run(name, func(t *testing.T) {
			l := lua.New(lua.Options{MaxMemory: limit})
			before, _ := run(t, l, "collectgarbage() return collectgarbage('count')")
			_, err := run(t, l, source)
			if err == nil {
				t.Fatal("no error")
			}
			if name != "format" && err.Error() != "not enough memory" {
				t.Errorf("%v", err)
			}
			if l.Memory() > limit+limit/8 {
				t.Errorf("%d bytes", l.Memory())
			}
			if l.Recount(); l.Memory() > 128<<10 {
				t.Errorf("%d bytes when it has ended", l.Memory())
			}
			after, err := run(t, l, "collectgarbage() return collectgarbage('count')")
			if err != nil || len(after) > len(before)+1 {
				t.Errorf("%s KB, before %s: %v", after, before, err)
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	l := lua.New(lua.Options{})
	config := l.NewTable(0, 0)
	config.SetField("a", lua.Number(1))
	config.SetReadOnly(true)
	l.Globals().SetField("config", config.Value())
	const refused = "Attempt to modify a readonly table"
	for source, want := range map[string]string{
		"config.a = 2":                        "user_script:1: " + refused,
		"config.b = 2":                        "user_script:1: " + refused,
		"config[1] = 2":                       "user_script:1: " + refused,
		"rawset(config, 'a', 2)":              refused,
		"table.insert(config, 2)":             refused,
		"setmetatable(config, {})":            refused,
		"local k = 'a' config[k] = nil":       "user_script:1: " + refused,
		"for k in pairs(config) do k.x() end": "user_script:1: attempt to call field 'x' (a nil value)",
	} {
		if _, err := run(t, l, source); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
	if config.GetField("a") != lua.Number(1) {
		t.Error("changed")
	}
}

// TestHandler: the host's handler sees where the error was raised.
func TestHandler(t *testing.T) {
	l := lua.New(lua.Options{})
	fn, err := l.Load("local function f()\n error({err = 'x'}) end\n\n f()", "@user_script", nil)
	if err != nil {
		t.Fatal(err)
	}
	var at lua.Frame
	_, err = l.Call(fn.Value(), func(l *lua.State, v lua.Value) lua.Value {
		at, _ = l.Frame(1)
		return v.Table().GetField("err")
	})
	if err == nil || err.Error() != "x" || at != (lua.Frame{Source: "@user_script", Line: 2}) {
		t.Errorf("%v at %+v", err, at)
	}
}

// TestPanic: a fault of the host's own function becomes an error that scripts cannot catch.
func TestPanic(t *testing.T) {
	l := lua.New(lua.Options{})
	l.Globals().SetField("fault", l.NewFunction(func(*lua.State) int { panic("oops") }).Value())
	_, err := run(t, l, "pcall(fault)")
	if err == nil || !strings.Contains(err.Error(), "internal error: oops") {
		t.Error(err)
	}
}

func TestWeakTables(t *testing.T) {
	l := lua.New(lua.Options{})
	got, err := run(t, l, `local keep = {}
		local t = setmetatable({}, {__mode = "v"})
		t[1], t[2], t.x, t.s = {}, keep, {}, "text"
		collectgarbage()
		return tostring(t[1]) .. tostring(t[2] == keep) .. tostring(t.x) .. t.s`)
	if got != "niltrueniltext" || err != nil {
		t.Error(got, err)
	}
}

// TestRandom: the numbers a real server gives.
func TestRandom(t *testing.T) {
	l := lua.New(lua.Options{})
	got, err := run(t, l, `local r = {} for i = 1, 3 do r[#r + 1] = tostring(math.random()) end
		math.randomseed(42) r[#r + 1] = tostring(math.random()) r[#r + 1] = math.random(10) r[#r + 1] = math.random(5, 6)
		return table.concat(r, " ")`)
	if got != "0.39646477363839 0.84048536971234 0.35333609737146 0.74452500033403 4 5" || err != nil {
		t.Error(got, err)
	}
}

// TestDepth: as deep as on a real server.
func TestDepth(t *testing.T) {
	l := lua.New(lua.Options{})
	for source, want := range map[string]string{
		"local d = 0 local function f() d = d + 1 return 1 + f() end pcall(f) return d":         "16381",
		"local d = 0 local function f() d = d + 1 return pcall(f) end f() return d":             "199",
		"local n = 0 while pcall(unpack, {}, 1, n + 1) do n = n + 1 end return n > 7900":        "true",
		"local function f(n) if n == 0 then return 'end' end return f(n - 1) end return f(1e5)": "end",
		"local s = string.rep('a?', 5000) return tostring(pcall(string.find, 'x', s .. s))":     "true",
	} {
		if got, err := run(t, l, source); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", source, got, err, want)
		}
	}
}
