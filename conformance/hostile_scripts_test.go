package conformance

import (
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// Scripts made to hang the server, to fill its memory or to overflow its stacks: each costs its own client an error, by itself or by
// SCRIPT KILL, and nobody else the server. endless says that the script ends by being killed only.
var hostileScripts = []struct {
	name, body string
	endless    bool
}{
	{"loop", "while true do end", true},
	{"loop that catches", "while true do pcall(function() while true do end end) end", true},
	{"loop in a coroutine", "coroutine.wrap(function() while true do end end)()", true},
	{"loop in a metamethod", "return setmetatable({}, {__index = function(t, k) while true do end end}).x", true},
	{"loop in an error handler", "xpcall(function() error('x') end, function() while true do end end)", true},
	{"loop of tail calls", "local function f() return f() end return f()", true},
	{"loop of calls that fail", "while true do redis.pcall('NOSUCH') end", true},
	{"loop of reads", "while true do redis.call('GET', 'k') end", true},
	{"pattern that explodes", "return string.find(string.rep('a', 300), string.rep('a*', 30) .. 'b')", true},
	{"gsub that explodes", "return string.gsub(string.rep('a', 5000), string.rep('.-', 20) .. 'b', '')", true},
	{"sort without end", "local t = {} for i = 1, 1e5 do t[i] = i % 7 end while true do table.sort(t) end", true},
	{"insert at the far end", "table.insert({}, -2^31, 1)", true},
	{"concatenation without end", "return table.concat(setmetatable({}, {}), '', -2^31, 0)", false},
	{"string that doubles", "local s = 'x' while true do s = s .. s end", false},
	{"string repeated", "return #string.rep('x', 2^33)", false},
	{"string of nothing, repeated", "return #string.rep('', 2^31 - 1)", false},
	{"many strings", "local t = {} local i = 0 while true do i = i + 1 t[i] = 'some text ' .. i end", false},
	{"many tables", "local t = {} while true do t = {t} end", false},
	{"many closures", "local f = type while true do local g = f f = function() return g end end", false},
	{"many coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", false},
	{"table that grows", "local t = {} local i = 0 while true do i = i + 1 t[i] = i end", false},
	{"table of fields", "local t = {} local i = 0 while true do i = i + 1 t['k' .. i] = i end", false},
	{"buffer", "local t = {} for i = 1, 2000 do t[i] = string.rep('x', 1e5) end return #table.concat(t)", false},
	{"gsub that grows", "return #string.rep('x', 1e5):gsub('.', string.rep('y', 1e5))", false},
	{"format that grows", "local f = string.rep('%99d', 1e6) return #f:format(unpack({}, 1, 7000))", false},
	{"cjson that grows", "local s = string.rep('\\0', 2e6) local t = {} for i = 1, 200 do t[i] = s end return #cjson.encode(t)", false},
	{"cmsgpack that grows", "local s = string.rep('x', 2e6) local t = {} for i = 1, 200 do t[i] = s end return #cmsgpack.pack(t)", false},
	{"struct that grows", "return #struct.pack(string.rep('c2000000000', 4), 'x', 'x', 'x', 'x')", false},
	{"recursion", "local function f() return 1 + f() end return f()", false},
	{"recursion that catches", "local function f() pcall(f) error('x') end f()", false},
	{"recursion by metamethods", "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end return t.x", false},
	{"recursion by gsub", "local function f(s) return s:gsub('.', f) end return f('x')", false},
	{"recursion by coroutines", "local function f() return coroutine.wrap(f)() end return f()", false},
	{"recursion by sort", "local function f(a, b) table.sort({1, 2, 3}, f) end table.sort({1, 2, 3}, f)", false},
	{"recursion by load", "local function f() return loadstring('return ...')(f)() end return f()", true},
	{"chain of __index", "local t = {} for i = 1, 1000 do t = setmetatable({}, {__index = t}) end return t.x", false},
	{"pattern that is deep", "return string.find(string.rep('a', 1e5), string.rep('a?', 1e5) .. 'b')", false},
	{"source that is deep", "return loadstring('return ' .. string.rep('(', 1e5))()", false},
	{"source that is large", "return loadstring('return ' .. string.rep('1 + ', 5e6) .. '1')()", false},
	{"reply that is deep", "local t = {} for i = 1, 1e5 do t = {t} end return t", false},
	{"reply in itself", "local t = {} t[1] = t return t", false},
	{"JSON that is deep", "return cjson.decode(string.rep('[', 1e6))", false},
	{"pack that is deep", "local t = {} for i = 1, 1e5 do t = {t} end return #cmsgpack.pack(t)", false},
	{"pack of lies", "return cmsgpack.unpack('\\221\\255\\255\\255\\255')", false},
	{"unpack of much", "return unpack({}, 1, 1e7)", false},
	{"arguments of much", "return redis.call('DEL', unpack({}, 1, 1e7))", false},
}

func TestHostileScripts(t *testing.T) {
	t.Parallel()
	const limit = 64 << 20
	s := testbed.Start(t, testbed.Options{Args: []string{"--fr-script-memory-limit", "64mb", "--busy-reply-threshold", "100"}})
	other := s.Dial(t)
	for _, h := range hostileScripts {
		c := s.Dial(t)
		if err := c.Send("EVAL", h.body, "0"); err != nil {
			t.Fatal(err)
		}
		killed := make(chan bool)
		done := make(chan struct{})
		go func() {
			defer close(killed)
			for {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
				}
				if r, err := other.Do("PING"); err != nil || r.Str != "PONG" && !strings.HasPrefix(r.Str, "BUSY ") {
					t.Errorf("%s: meanwhile another client gets %v, %v", h.name, r, err)
					return
				} else if h.endless && r.Str != "PONG" {
					if r, err := other.Do("SCRIPT", "KILL"); err == nil && r.Str == "OK" {
						killed <- true
						return
					}
				}
			}
		}()
		r, err := c.Receive()
		close(done)
		wasKilled := <-killed
		if err != nil {
			t.Fatalf("%s: %v\n%s", h.name, err, s.LogText())
		}
		ended := strings.HasPrefix(r.Str, "ERR Script killed by user with SCRIPT KILL...")
		if h.endless != (wasKilled && ended) || ended != h.endless {
			t.Errorf("%s: killed %v, reply %.200s", h.name, wasKilled, testbed.Format(r))
		}
		if r := c.Call(t, "EVAL", "return 'fine'", "0"); r.Str != "fine" {
			t.Errorf("after %s: %v", h.name, r)
		}
	}
	peak, err := testbed.Peak(s.PID())
	ok(t, err)
	t.Logf("resident at most: %d MB", peak>>20)
	if peak > 10*limit {
		t.Errorf("%d MB were resident, with a limit of %d MB for scripts", peak>>20, limit>>20)
	}
	memory := infoFields(other.Call(t, "INFO", "memory").Str)
	if n := memory["used_memory_vm_eval"]; len(n) > 7 {
		t.Errorf("used_memory_vm_eval is %s when all is over", n)
	}
}
