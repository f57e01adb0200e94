package lua_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
	"frankenredis/wire/script/lua"
	"frankenredis/wire/script/scripttest"
)

// newPrinter returns a State with the functions print and write, which scripts of Redis do not have.
func newPrinter(o lua.Options) (*lua.State, *bytes.Buffer) {
	l := lua.New(o)
	var out bytes.Buffer
	print := func(between, end string) lua.Value {
		return l.NewFunction(func(l *lua.State) int {
			for i := 1; i <= l.ArgCount(); i++ {
				if i > 1 {
					out.WriteString(between)
				}
				text, _ := l.Describe(l.Arg(i)).Text()
				if end == "\n" {
					text, _, _ = strings.Cut(text, "\x00") // print in C writes what ends with a NUL
				}
				out.WriteString(text)
			}
			out.WriteString(end)
			return 0
		}).Value()
	}
	l.Globals().SetField("print", print("\t", "\n"))
	l.Globals().SetField("write", print("", ""))
	return l, &out
}

// TestPrograms runs testdata/*.lua, whose output PUC Lua 5.1 has written into the .out files. With lua5.1 installed it
// is asked again.
func TestPrograms(t *testing.T) {
	programs, err := filepath.Glob("testdata/*.lua")
	if err != nil || len(programs) == 0 {
		t.Fatal("no programs:", err)
	}
	judge, here := testbed.LookPeer("lua5.1")
	for _, path := range programs {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			recorded := strings.TrimSuffix(path, ".lua") + ".out"
			if here {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, judge, name)
				cmd.Dir = "testdata"
				want, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("lua5.1: %v\n%s", err, want)
				}
				if *scripttest.Update {
					if err := os.WriteFile(recorded, want, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				old, _ := os.ReadFile(recorded)
				compare(t, "recorded", string(old), string(want))
			}
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(recorded)
			if err != nil {
				t.Fatal(err)
			}
			l, out := newPrinter(lua.Options{})
			fn, err := l.Load(string(source), "@"+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Call(fn.Value(), nil); err != nil {
				t.Errorf("%v", err)
			}
			compare(t, "printed", out.String(), string(want))
		})
	}
}

func compare(t *testing.T, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	failures := 0
	for i := 0; i < max(len(g), len(w)) && failures < 12; i++ {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s line %d: %q, want %q", what, i+1, a, b)
			failures++
		}
	}
}
