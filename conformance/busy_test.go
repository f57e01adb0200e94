package conformance

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// The time that a script sees stands still until it takes too long. From then on it moves, so that a script which waits for a time to come
// ends; that by which its keys expire goes on standing still.
func TestTimeInBusyScript(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary})
		c := s.Dial(t)
		c.Call(t, "CONFIG", "SET", "busy-reply-threshold", "10")
		r := c.Call(t, "EVAL", `redis.call('SET', KEYS[1], 'there', 'PX', 1)
local began = redis.call('TIME')
local now
repeat now = redis.call('TIME') until now[1] ~= began[1] or now[2] - began[2] > 20000
return redis.call('GET', KEYS[1])`, "1", "k")
		if r.Str != "there" {
			t.Errorf("%s: %+v", binary, r)
		}
	}
}

// While a script runs too long others are told so, and can end it as long as it has written nothing. What it wrote is whole.
func TestBusyScript(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Binary: testbed.Subject(t)})
	runs, other := s.Dial(t), s.Dial(t)
	other.Call(t, "CONFIG", "SET", "busy-reply-threshold", "1")
	begin := func(script string) {
		t.Helper()
		if err := runs.Send("EVAL", script, "0"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the script to be slow", func() bool {
			r, err := other.Do("GET", "k")
			ok(t, err)
			return strings.HasPrefix(r.Str, "BUSY ")
		})
	}
	begin("while true do end")
	if r, err := other.Do("SCRIPT", "KILL"); err != nil || r.Str != "OK" {
		t.Fatal(r, err)
	}
	if r, err := runs.Receive(); err != nil || !strings.HasPrefix(r.Str, "ERR Script killed by user with SCRIPT KILL...") {
		t.Error(r, err)
	}
	met := false
	for try := 1; !met && try <= 6; try++ { // the script must still run when it is to be killed
		begin(fmt.Sprintf("redis.call('INCR', 'k') local i = 0 while i < %de7 do i = i + 1 end return redis.call('INCR', 'k')", 1<<try))
		r, err := other.Do("SCRIPT", "KILL")
		ok(t, err)
		met = strings.HasPrefix(r.Str, "UNKILLABLE ")
		if !met && !strings.HasPrefix(r.Str, "NOTBUSY ") {
			t.Error(r)
		}
		if r, err := runs.Receive(); err != nil || int(r.Int) != 2*try {
			t.Error(r, err)
		}
		if r := other.Call(t, "GET", "k"); r.Str != strconv.Itoa(2*try) {
			t.Error(r)
		}
	}
	if !met {
		t.Error("no script was found running")
	}
}

// A script that SHUTDOWN NOSAVE cuts short is not answered.
func TestShutdownEndsScript(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--busy-reply-threshold", "1"}})
		runs, other := s.Dial(t), s.Dial(t)
		if err := runs.Send("EVAL", "while true do end", "0"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the script to be slow", func() bool { r, err := other.Do("GET", "k"); return err == nil && strings.HasPrefix(r.Str, "BUSY ") })
		if err := other.Send("SHUTDOWN", "NOSAVE"); err != nil {
			t.Fatal(err)
		}
		if got, closed := runs.ReadAll(patience); !closed || len(got) > 0 {
			t.Errorf("%s: %q, closed: %v", binary, got, closed)
		}
		if code, err := s.WaitExit(); err != nil || code != 0 {
			t.Errorf("%s: exit status %d, %v", binary, code, err)
		}
	}
}
