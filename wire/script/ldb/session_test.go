package ldb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"frankenredis/wire/script/lua"
)

// TestParse: what is a command, what waits for more, and what ends the script.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		argv string
		want parsed
	}{
		{"*1\r\n$1\r\ns\r\n", "s", whole},
		{"*2\r\n$1\r\nb\r\n$2\r\n-5\r\n", "b -5", whole},
		{"x*1\r\n$1\r\ns\r\nrest", "s", whole},
		{"", "", partial},
		{"*1", "", partial},
		{"*1\r\n", "", partial},
		{"*1\r\n$1", "", partial},
		{"*1\r\n$1\r\n", "", partial},
		{"*1\r\n$1\r\ns", "", partial},
		{"*1\r\n$1\r\ns\r", "", partial},
		{"s\r\n", "", broken},
		{"*0\r\n", "", broken},
		{"*-1\r\n", "", broken},
		{"*1025\r\n", "", broken},
		{"*99999999999999999999\r\n", "", broken},
		{"*1\r\n+s\r\n", "", broken},
		{"*1\r\n$0\r\n\r\n", "", broken},
		{"*1\r\n$1025\r\n", "", broken},
		{"*1\r\n$1\r\nss\r\n", "", broken},
	} {
		argv, got := parse([]byte(c.in))
		if got != c.want || strings.Join(argv, " ") != c.argv && got == whole {
			t.Errorf("%q: %q %d, want %q %d", c.in, argv, got, c.argv, c.want)
		}
	}
}

// peer is a client that sends what it was given, one command a read, and is gone behind the last.
type peer struct {
	commands []string
	heard    strings.Builder
	deaf     bool
}

func (p *peer) Send(b []byte) error {
	if p.deaf {
		return errors.New("gone")
	}
	p.heard.Write(b)
	return nil
}

func (p *peer) Receive(b []byte) (int, error) {
	if len(p.commands) == 0 {
		return 0, errors.New("gone")
	}
	n := copy(b, p.commands[0])
	p.commands = p.commands[1:]
	return n, nil
}

// debug runs source under a session whose clock goes a second forward each time it is read.
func debug(t *testing.T, p *peer, source string) error {
	t.Helper()
	now := time.Unix(0, 0)
	s := New(Options{Peer: p, Source: []byte(source), Limit: func() time.Duration { return time.Second },
		Now:   func() time.Time { now = now.Add(time.Second); return now },
		Raise: func(l *lua.State, text string) { l.Throw(l.NewString(text)) }})
	l := lua.New(lua.Options{})
	fn, err := l.LoadTraced(source, "@user_script", nil)
	if err != nil {
		t.Fatal(err)
	}
	l.SetTracer(s.Trace)
	_, err = l.Call(fn.Value(), nil)
	s.End()
	return err
}

// TestAlone: when the client is gone the script runs to its end, breakpoints or not, and is ended where it has none.
func TestAlone(t *testing.T) {
	breaks := "*2\r\n$1\r\nb\r\n$1\r\n2\r\n"
	if err := debug(t, &peer{commands: []string{breaks}}, "local a = 1\na = 2\nreturn a"); err != nil {
		t.Error(err)
	}
	if err := debug(t, &peer{deaf: true}, "local a = 1\na = 2\nreturn a"); err != nil {
		t.Error(err)
	}
	err := debug(t, &peer{}, "local a = 1\nwhile true do end")
	if err == nil || !strings.Contains(err.Error(), "client closing connection") {
		t.Errorf("ended with %v", err)
	}
}

// TestLate: a script in a loop without end is stopped, and its client asked.
func TestLate(t *testing.T) {
	p := &peer{commands: []string{"*1\r\n$1\r\nc\r\n", "*1\r\n$1\r\na\r\n"}}
	err := debug(t, p, "local a = 1\nwhile true do end")
	if err == nil || err.Error() != "script aborted for user request" {
		t.Errorf("ended with %v", err)
	}
	if heard := p.heard.String(); !strings.Contains(heard, "* Stopped at 2, stop reason = timeout reached, infinite loop?") {
		t.Errorf("heard %q", heard)
	}
}

// TestValues: shared tables do not take for ever.
func TestValues(t *testing.T) {
	l := lua.New(lua.Options{})
	leaf := l.NewTable(0, 0)
	leaf.SetField("x", l.NewString(strings.Repeat("y", 1000)))
	for range 8 {
		next := l.NewTable(0, 0)
		for i := range 20 {
			next.SetInt(i+1, leaf.Value())
		}
		leaf = next
	}
	if n := len(appendValue(nil, leaf.Value())); n < mostText || n > 2*mostText {
		t.Errorf("%d bytes", n)
	}
}
