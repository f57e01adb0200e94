package script

import (
	"testing"

	"frankenredis/wire/resp"
)

// The replies are those of a redis-server 7.0 and a redict 7.3 that run with lua-enable-deprecated-api.
func TestDeprecatedFunctions(t *testing.T) {
	for _, c := range []struct{ body, reply string }{
		{"return type(getfenv) .. type(setfenv) .. type(newproxy)", "functionfunctionfunction"},
		{"local function f() return x end setfenv(f, {x = 'inner'}) return f()", "inner"},
		{"local function f() end return tostring(setfenv(f, {}) == f)", "true"},
		{"local t = {y = 'here'} setfenv(1, t) return y", "here"},
		{"return tostring(getfenv() == _G) .. tostring(getfenv(type) == _G) .. tostring(getfenv(0) == _G)", "truetruetrue"},
		{"local t = {} local function f() end setfenv(f, t) return tostring(getfenv(f) == t)", "true"},
		{"local t = {} local function g() setfenv(2, t) end local ty, ts = type, tostring g() return 'still ' .. ty(ts)", "still function"},
		{"local _, e = pcall(setfenv, type, {}) return e", "'setfenv' cannot change environment of given object"},
		{"local _, e = pcall(setfenv, 1) return e", "bad argument #2 to '?' (table expected, got no value)"},
		{"local _, e = pcall(getfenv, -1) return e", "bad argument #1 to '?' (level must be non-negative)"},
		{"local _, e = pcall(getfenv, 50) return e", "bad argument #1 to '?' (invalid level)"},
		{"local _, e = pcall(setfenv, 'a', {}) return e", "bad argument #1 to '?' (number expected, got string)"},
		{"local function g() return getfenv(2) end local function f() return g() end local _, e = pcall(f) return e", "user_script:1: no function environment for tail call at level 2"},
		{"return type(newproxy()) .. tostring(getmetatable(newproxy())) .. type(getmetatable(newproxy(true)))", "userdatanil" + "table"},
		{"local p = newproxy(true) getmetatable(p).__len = function() return 7 end return tostring(#p) .. tostring(#newproxy(p))", "77"},
		{"local _, e = pcall(newproxy, 1) return e", "bad argument #1 to '?' (boolean or proxy expected)"},
		{"local _, e = pcall(newproxy, newproxy()) return e", "bad argument #1 to '?' (boolean or proxy expected)"},
	} {
		i := New(&echo{proto: 2}, Version{}, true)
		s, err := i.Load([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		w := resp.Writer{Proto: 2}
		if _, err := i.Run(s, nil, nil, &w); err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		var want resp.Writer
		want.Proto = 2
		want.BulkString(c.reply)
		if string(w.Buf) != string(want.Buf) {
			t.Errorf("%s: %q, not %q", c.body, w.Buf, want.Buf)
		}
	}
}

// The host's environment is all scripts': none may take it from the others.
func TestSetfenvLeavesTheHostsGlobals(t *testing.T) {
	i := New(&echo{proto: 2}, Version{}, true)
	s, err := i.Load([]byte("return setfenv(0, {})"))
	if err != nil {
		t.Fatal(err)
	}
	before := i.l.Globals()
	if _, err := i.Run(s, nil, nil, &resp.Writer{Proto: 2}); err == nil || i.l.Globals() != before {
		t.Errorf("setfenv(0, {}): %v", err)
	}
}
