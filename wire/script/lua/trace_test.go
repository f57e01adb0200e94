package lua_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"frankenredis/wire/script/lua"
)

// traced runs source and returns the lines the tracer was called for.
func traced(t *testing.T, l *lua.State, source string, tracer lua.Tracer) (lines string, err error) {
	t.Helper()
	fn, err := l.LoadTraced(source, "@user_script", nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	l.SetTracer(func(l *lua.State, line int, counted bool) {
		if !counted {
			fmt.Fprint(&b, line, " ")
		}
		if tracer != nil {
			tracer(l, line, counted)
		}
	})
	_, err = l.Call(fn.Value(), nil)
	return strings.TrimSpace(b.String()), err
}

// TestTrace: the lines are those of the line hook of Lua 5.1, as sessions with a real server showed them.
func TestTrace(t *testing.T) {
	for _, c := range []struct{ name, source, lines string }{
		{"straight", "local a = 1\na = 2\nreturn a", "1 2 3"},
		{"numeric for", "for i=1,2 do\n local a = i\nend\nreturn 1", "1 2 1 2 1 4"},
		{"empty for", "for i=1,3 do end return 1", "1 1 1 1"},
		{"generic for", "for k,v in ipairs({1,2}) do\n local a = 3\nend\nreturn", "1 2 1 2 1 4"},
		{"while", "local a = 3\nwhile a < 5 do a = a + 1 end\nreturn", "1 2 2 2 3"},
		{"repeat", "local a = 2\nrepeat\n a = a - 1\nuntil a == 0", "1 3 4 3 4"},
		{"and", "local a, b = 1\nif a\n and b then\n a = 2\nend\nreturn a", "1 3 6"},
		{"nil", "local a\nlocal b\nb = 1\nwhile b == 1 do\n local c\n b = 2 end\nreturn a", "3 4 5 6 4 7"},
		{"nil in a loop", "while true do\n local c\n if not c then break end\nend", "2 3 4"},
		{"function", "local function f()\n return 1\nend\nf()\nf()", "3 4 2 5 2"},
		{"coroutine", "local co = coroutine.wrap(function(a)\n coroutine.yield(a)\n return 2\nend)\nco(1)\nco()", "1 4 1 5 2 6 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lua.New(lua.Options{})
			if got, err := traced(t, l, c.source, nil); got != c.lines || err != nil {
				t.Errorf("lines %s, %v, want %s", got, err, c.lines)
			}
			l.SetTracer(nil)
			if _, err := run(t, l, c.source); err != nil {
				t.Errorf("untraced: %v", err)
			}
		})
	}
}

// TestTraceSame: all programs of the recorded suite do under the tracer what they do without; the tracer runs code at each line.
func TestTraceSame(t *testing.T) {
	for _, source := range []string{
		"local t = {} for i = 1, 300 do t[i] = i * 2 % 7 end table.sort(t) return table.concat(t, ',')",
		"local function v(...)\n return ..., select('#', ...)\nend\nreturn table.concat({v(1, 2, 3)}, ' ')",
		"local a = {x = {y = 1}}\na.x.y = a.x.y\n + 1\nlocal s = a.x.y ..\n'b' .. #'abc'\nreturn s",
		"local ok, e = pcall(function()\n local t\n return t.x\nend)\nreturn e",
		"local ok, e = pcall(function()\n undefined.y()\nend)\nreturn e",
		"local function f(n) if n == 0 then return 'end' end return f(n - 1) end\nreturn f(50)",
		"local a, b = nil, false\nlocal c = a and 1 or b == false and 'x'\nreturn tostring(not c) .. tostring(a == b) .. tostring(1 < 2)",
	} {
		want, _ := run(t, lua.New(lua.Options{}), source)
		l := lua.New(lua.Options{})
		fn, err := l.LoadTraced(source, "@user_script", nil)
		if err != nil {
			t.Fatal(err)
		}
		l.SetTracer(func(l *lua.State, _ int, _ bool) {
			f, _ := l.Load("local t = {...} return #t, string.rep('x', 50)", "@eval", nil)
			if _, err := l.Call(f.Value(), nil, lua.Int(1), lua.Int(2)); err != nil {
				t.Error(err)
			}
		})
		results, err := l.Call(fn.Value(), nil)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if got, _ := l.Describe(results[0]).Text(); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// TestTraceLooks: the tracer sees the local variables and the names of functions, and what it raises ends the script.
func TestTraceLooks(t *testing.T) {
	l := lua.New(lua.Options{})
	var seen []string
	look := func(l *lua.State, line int, _ bool) {
		if line != 3 {
			return
		}
		for level := range 3 {
			for n := 0; ; n++ {
				name, v, ok := l.Local(level, n)
				if !ok {
					break
				}
				text, _ := l.ToString(v)
				seen = append(seen, fmt.Sprint(level, name, "=", text))
			}
			seen = append(seen, l.CalledAs(level))
		}
		l.Throw(l.NewString("enough"))
	}
	_, err := traced(t, l, "local up = 'u'\nlocal function g(a)\n local b = a .. up\n return b\nend\nlocal t = {m = g}\nreturn 1, t.m('x')", look)
	var failure *lua.Error
	if !errors.As(err, &failure) || failure.Error() != "enough" {
		t.Errorf("ended with %v", err)
	}
	const want = "0a=x m 1up=u 1g= 1t=  "
	if got := strings.Join(seen, " "); got != want {
		t.Errorf("seen %q, want %q", got, want)
	}
}

// TestTraceCounts: a script in a loop is reported by the number of its instructions, too.
func TestTraceCounts(t *testing.T) {
	l := lua.New(lua.Options{})
	counted := 0
	_, err := traced(t, l, "for i = 1, 500000 do end", func(_ *lua.State, _ int, c bool) {
		if c {
			counted++
		}
	})
	if err != nil || counted != 5 {
		t.Errorf("counted %d, %v", counted, err)
	}
}
