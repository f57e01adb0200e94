package lua_test

import (
	"os/exec"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/wire/script/lua"
)

var benchmarks = []struct{ name, source string }{
	{"loop", "local s = 0 for i = 1, 1e7 do s = s + i % 7 * 2 end return s"},
	{"while", "local i, s = 0, 0 while i < 5e6 do i = i + 1 if i % 3 == 0 then s = s + i end end return s"},
	{"fib", "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(30)"},
	{"array", "local t = {} for i = 1, 2e6 do t[i] = i end local s = 0 for i = 1, #t do s = s + t[i] end return s"},
	{"fields", "local p = {x = 1, y = 2} for i = 1, 5e6 do p.x = p.x + p.y end return p.x"},
	{"hash", "local t = {} for i = 1, 2e5 do t['k' .. i] = i end local s = 0 for k, v in pairs(t) do s = s + v end return s"},
	{"method", "local o = {n = 0} function o:inc() self.n = self.n + 1 end for i = 1, 3e6 do o:inc() end return o.n"},
	{"closure", "local function add(a) return function(b) return a + b end end local s = 0 for i = 1, 1e6 do s = add(i)(s) end return s"},
	{"concat", "local t = {} for i = 1, 3e5 do t[#t + 1] = 'item' .. i end return #table.concat(t, ',')"},
	{"string", "local n = 0 for i = 1, 3e5 do local s = string.format('%d:%s', i, 'v') n = n + #s:sub(1, 3) + (s:find(':', 1, true)) end return n"},
	{"gsub", "local s = string.rep('hello world ', 1e4) local n = 0 for i = 1, 5 do n = n + select(2, s:gsub('%w+', '<%0>')) end return n"},
	{"sort", "local t = {} for i = 1, 1e5 do t[i] = (i * 7919) % 100003 end table.sort(t) return t[1]"},
	{"fill", "for n = 1, 1000 do local t = {} for i = 1, 1000 do t[i] = i end end"},
	{"pcall", "local n = 0 for i = 1, 1e6 do if pcall(math.floor, i) then n = n + 1 end end return n"},
}

func BenchmarkPrograms(b *testing.B) {
	for _, p := range benchmarks {
		b.Run(p.name, func(b *testing.B) {
			l := lua.New(lua.Options{})
			fn, err := l.Load(p.source, "@bench", nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Call(fn.Value(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOriginal is lua5.1 on the same programs, with the start of a process.
func BenchmarkOriginal(b *testing.B) {
	judge := testbed.Peer(b, "lua5.1")
	for _, p := range benchmarks {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				if out, err := exec.Command(judge, "-e", p.source).CombinedOutput(); err != nil {
					b.Fatal(err, string(out))
				}
			}
		})
	}
}

// BenchmarkCall is a small script called again and again, as by EVALSHA.
func BenchmarkCall(b *testing.B) {
	l := lua.New(lua.Options{})
	fn, err := l.Load("local a, b = ... return a + b", "@bench", nil)
	if err != nil {
		b.Fatal(err)
	}
	v := fn.Value()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Call(v, nil, lua.Number(1), lua.Number(2)); err != nil {
			b.Fatal(err)
		}
	}
}
