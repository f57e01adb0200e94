package conformance

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// Keys that nobody asks for go by themselves, as deletions in the log (I20); the memory comes back.
func TestActiveExpiry(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	const n = 20_000
	var out []byte
	for i := range n {
		out = testbed.AppendCommand(out, "SET", fmt.Sprintf("short:%d", i), strings.Repeat("v", 100), "PX", strconv.Itoa(1+i%500))
	}
	out = testbed.AppendCommand(out, "SET", "long", "v", "EX", "100000")
	ok(t, c.SendRaw(out))
	for range n + 1 {
		if r, err := c.Receive(); err != nil || r.Str != "OK" {
			t.Fatal(r, err)
		}
	}
	waitFor(t, "all keys but one to expire", func() bool { return c.Call(t, "DBSIZE").Int == 1 })
	if got := infoInt(t, c, "stats", "expired_keys"); got != n {
		t.Errorf("expired_keys:%d, want %d", got, n)
	}
	stop(t, s)
	dels := 0
	files, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*.incr.aof"))
	ok(t, err)
	for _, f := range files {
		text := readFile(t, f)
		dels += strings.Count(text, "\r\n$3\r\nDEL\r\n") + strings.Count(text, "\r\n$6\r\nUNLINK\r\n")
	}
	if dels != n {
		t.Errorf("%d deletions in the log, want %d", dels, n)
	}
	ok(t, s.Restart())
	if got := s.Dial(t).Call(t, "KEYS", "*"); len(got.Elems) != 1 || got.Elems[0].Str != "long" {
		t.Errorf("after the restart there are %d keys", len(got.Elems))
	}
}

// A lifetime that ends while the server is down has ended when it is back; others go on towards the same moment.
func TestExpiryWhileDown(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	c.Call(t, "SET", "short", "v", "PX", "200")
	c.Call(t, "SET", "long", "v", "EX", "1000")
	at := c.Call(t, "PEXPIRETIME", "long").Int
	end := time.UnixMilli(c.Call(t, "PEXPIRETIME", "short").Int)
	s.Kill()
	time.Sleep(time.Until(end) + 50*time.Millisecond)
	ok(t, s.Restart())
	c = s.Dial(t)
	if r := c.Call(t, "GET", "short"); r.Kind != testbed.Null {
		t.Errorf("a key that expired while the server was down is there: %v", r)
	}
	if got := c.Call(t, "PEXPIRETIME", "long").Int; got != at {
		t.Errorf("the lifetime moved from %d to %d", at, got)
	}
	waitFor(t, "the expired key to go", func() bool { return c.Call(t, "DBSIZE").Int == 1 })
}

// The log holds absolute times whatever the command said, so that a replay does not move them.
func TestLogHoldsAbsoluteTimes(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	for _, cmd := range []string{
		"SET k v EX 1000", "SET k v PX 1000000", "SETEX k 1000 v", "PSETEX k 1000000 v", "EXPIRE k 1000", "PEXPIRE k 1000000", "GETEX k EX 1000",
	} {
		c.Call(t, strings.Fields(cmd)...)
	}
	stop(t, s)
	text := readFile(t, filepath.Join(s.Dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	for _, relative := range []string{"\r\nEX\r\n", "\r\nPX\r\n", "\r\nSETEX\r\n", "\r\nPSETEX\r\n", "\r\nEXPIRE\r\n", "\r\nPEXPIRE\r\n", "\r\nGETEX\r\n"} {
		if strings.Contains(strings.ToUpper(text), relative) {
			t.Errorf("%q is in the log:\n%.2000q", relative, text)
		}
	}
	if n := strings.Count(text, "\r\nPXAT\r\n") + strings.Count(text, "\r\nPEXPIREAT\r\n"); n != 7 {
		t.Errorf("%d absolute times in the log, want 7:\n%.2000q", n, text)
	}
}

// RANDOMKEY is fair: over many draws each key comes about as often (chi-square).
func TestRandomKeyIsFair(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	c := s.Dial(t)
	const keys, draws = 100, 20_000
	for i := range keys {
		c.Call(t, "SET", strconv.Itoa(i), "v")
	}
	var out []byte
	for range draws {
		out = testbed.AppendCommand(out, "RANDOMKEY")
	}
	ok(t, c.SendRaw(out))
	count := map[string]int{}
	for range draws {
		r, err := c.Receive()
		ok(t, err)
		count[r.Str]++
	}
	chi, expected := 0.0, float64(draws)/keys
	for i := range keys {
		d := float64(count[strconv.Itoa(i)]) - expected
		chi += d * d / expected
	}
	// 99 degrees of freedom: 200 is far beyond chance (p < 1e-8). Redis's own draw from table buckets stays under its own bound.
	limit := 200.0
	if isStock(t, testbed.Subject(t)) {
		limit = 5000
	}
	if len(count) != keys || chi > limit {
		t.Errorf("%d of %d keys drawn, chi-square %.0f, at most %.0f is fair", len(count), keys, chi, limit)
	}
}
