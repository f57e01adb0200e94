package script

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"frankenredis/wire/resp"
)

// echo is a Host whose commands reply with what is set.
type echo struct {
	reply string
	err   error
	proto int
	step  error
}

func (e *echo) Call([][]byte) ([]byte, error) { return []byte(e.reply), e.err }
func (e *echo) Knows([][]byte) bool           { return true }
func (e *echo) Allowed([][]byte) bool         { return true }
func (e *echo) Proto() int                    { return e.proto }
func (e *echo) SetProto(v int)                { e.proto = v }
func (e *echo) SetEffects(uint8)              {}
func (e *echo) Log(int, string)               {}
func (e *echo) Step() error                   { return e.step }

func run(t *testing.T, h *echo, body string, proto int) string {
	t.Helper()
	i := New(h, Version{Text: "7.2.4", Number: 0x70204}, false)
	s, err := i.Load([]byte(body))
	if err != nil {
		return "-" + err.Error()
	}
	w := resp.Writer{Proto: proto}
	if _, err := i.Run(s, [][]byte{[]byte("k")}, nil, &w); err != nil {
		return "-" + err.Error()
	}
	return string(w.Buf)
}

// Every kind of reply comes out of a script as it went in.
func TestRepliesComeThrough(t *testing.T) {
	for _, reply := range []string{":7\r\n", "$1\r\na\r\n", "+OK\r\n", "*2\r\n:1\r\n*1\r\n$0\r\n\r\n", "%1\r\n$1\r\na\r\n:1\r\n", "~1\r\n$1\r\na\r\n",
		"#t\r\n", "#f\r\n", ",1.5\r\n", "(123\r\n", "=5\r\ntxt:a\r\n", "_\r\n"} {
		h := &echo{reply: reply, proto: 3}
		if got := run(t, h, "return redis.call('x')", 3); got != reply {
			t.Errorf("%q became %q", reply, got)
		}
	}
}

// A script that is ended cannot go on, and says where it was.
func TestStepEndsScript(t *testing.T) {
	h := &echo{step: errors.New("ERR enough")}
	body := "pcall(function()\nwhile true do end end)"
	want := "-ERR enough script: " + SHA([]byte(body)) + ", on @user_script:2."
	if got := run(t, h, body, 2); got != want {
		t.Errorf("%q", got)
	}
}

// What a script loaded is found by its name in any case until it is flushed.
func TestCache(t *testing.T) {
	i := New(&echo{}, Version{}, false)
	s, err := i.Load([]byte("return 5"))
	if err != nil {
		t.Fatal(err)
	}
	if i.Find([]byte("4CA238F611C9D0AE4E9A75A5DBAC22AEDC379801")) != s || s.SHA != SHA([]byte("return 5")) {
		t.Error(s.SHA)
	}
	if n, bytes := i.Cached(); n != 1 || bytes == 0 {
		t.Error(n, bytes)
	}
	i.Flush()
	if i.Find([]byte(s.SHA)) != nil {
		t.Error("still there")
	}
}

// Scripts that nobody asked to keep are forgotten, oldest first, when the cache takes more than its share of the limit, and not before.
func TestCacheIsBounded(t *testing.T) {
	i := New(&echo{}, Version{}, false)
	i.SetMaxMemory(1 << 20)
	body := func(n int) []byte { return fmt.Appendf(nil, "return %d -- %s", n, strings.Repeat("x", 1000)) }
	kept, err := i.Keep(body(0))
	if err != nil {
		t.Fatal(err)
	}
	const share = 1 << 20 / compiledShare
	for n := 1; n < 1000; n++ {
		if _, err := i.Load(body(n)); err != nil {
			t.Fatal(err)
		}
		scripts, bytes := i.Cached()
		if bytes > share+2000 {
			t.Fatalf("%d scripts take %d bytes", scripts, bytes)
		}
		if bytes < share-2000 && scripts != n+1 {
			t.Fatalf("%d scripts of %d are left in %d bytes", scripts, n+1, bytes)
		}
	}
	if i.Find([]byte(kept.SHA)) == nil {
		t.Error("one that was to be kept is gone")
	}
	if i.Find([]byte(SHA(body(1)))) != nil || i.Find([]byte(SHA(body(999)))) == nil {
		t.Error("not the oldest are gone")
	}
}
