package conformance

import (
	"os"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

const functionLibrary = "#!lua name=kept\nredis.register_function('keep', function(k, a) return redis.call('SET', k[1], a[1]) end)\n" +
	"redis.register_function{function_name='look', callback=function(k) return redis.call('GET', k[1]) end, flags={'no-writes'}}"

// checkFunctions calls what functionLibrary registers.
func checkFunctions(t *testing.T, c *testbed.Client, where string) {
	t.Helper()
	if r := c.Call(t, "FCALL_RO", "look", "1", "k"); r.Str != "v" {
		t.Errorf("%s: the function returns %v", where, r)
	}
	if r := c.Call(t, "FUNCTION", "LIST", "LIBRARYNAME", "gone"); len(r.Elems) != 0 {
		t.Errorf("%s: a deleted library is back: %v", where, r)
	}
}

// Libraries come back from the log, from bases of both kinds and from a snapshot, and a stock server finds them there as we find its.
func TestFunctionsAreKept(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--enable-debug-command", "yes"}})
	c := s.Dial(t)
	c.Call(t, "FUNCTION", "LOAD", functionLibrary)
	c.Call(t, "FUNCTION", "LOAD", "#!lua name=gone\nredis.register_function('go', function() end)")
	c.Call(t, "FUNCTION", "DELETE", "gone")
	c.Call(t, "FCALL", "keep", "1", "k", "v")
	restart := func(where string) {
		t.Helper()
		s.Kill()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		c = s.Dial(t)
		checkFunctions(t, c, where)
	}
	restart("the log")
	for _, preamble := range []string{"no", "yes"} {
		c.Call(t, "CONFIG", "SET", "aof-use-rdb-preamble", preamble)
		c.Call(t, "BGREWRITEAOF")
		waitForRewrite(t, c)
		restart("a base, preamble " + preamble)
	}
	c.Call(t, "DEBUG", "RELOAD")
	checkFunctions(t, c, "DEBUG RELOAD")
	payload := c.Call(t, "FUNCTION", "DUMP").Str
	c.Call(t, "SAVE")

	redict := testbed.Peer(t, "redict-server")
	other := testbed.Start(t, testbed.Options{Binary: redict, Args: []string{"--dbfilename", "dump.rdb"}})
	oc := other.Dial(t)
	oc.Call(t, "SET", "k", "v")
	dump := oc.Call(t, "FUNCTION", "RESTORE", payload)
	checkFunctions(t, oc, "FUNCTION RESTORE there: "+dump.Str)
	back := oc.Call(t, "FUNCTION", "DUMP").Str
	if r := c.Call(t, "FUNCTION", "RESTORE", back, "FLUSH"); r.Err() != nil {
		t.Fatal(r)
	}
	checkFunctions(t, c, "FUNCTION RESTORE here")
	// A stock server takes its libraries from our snapshot.
	if err := os.CopyFS(other.Dir, os.DirFS(s.Dir)); err != nil {
		t.Fatal(err)
	}
	other.Kill()
	if err := other.Restart(); err != nil {
		t.Fatal(err)
	}
	checkFunctions(t, other.Dial(t), "our snapshot in redict")
}

// A function that takes long makes the server busy with the words for functions, and FUNCTION KILL ends it.
func TestFunctionKill(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--busy-reply-threshold", "10"}})
	c, other := s.Dial(t), s.Dial(t)
	c.Call(t, "FUNCTION", "LOAD", "#!lua name=loops\nredis.register_function('loop', function() while true do end end)")
	if err := c.Send("FCALL", "loop", "0"); err != nil {
		t.Fatal(err)
	}
	const busy = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
	say := func(args ...string) string {
		r, err := other.Do(args...)
		if err != nil {
			t.Fatal(err)
		}
		return r.Str
	}
	waitForText(t, func() string { return say("GET", "k") }, busy)
	if r := say("SCRIPT", "KILL"); r != busy {
		t.Errorf("SCRIPT KILL: %s", r)
	}
	if r := testbed.Format(other.Call(t, "FUNCTION", "STATS")); !strings.Contains(r, `"loop"`) {
		t.Errorf("FUNCTION STATS: %s", r)
	}
	if r := other.Call(t, "FUNCTION", "KILL"); r.Str != "OK" {
		t.Errorf("FUNCTION KILL: %v", r)
	}
	r, err := c.Receive()
	if err != nil || !strings.HasPrefix(r.Str, "ERR Script killed by user with SCRIPT KILL...") {
		t.Errorf("the function ended with %v, %v", r, err)
	}
	if r := other.Call(t, "GET", "k"); r.Err() != nil {
		t.Errorf("after it: %v", r)
	}
	for _, line := range []string{" milliseconds. You can try killing the script using the FUNCTION KILL command. Script name is: loop.",
		" * Lua script killed by user with SCRIPT KILL."} {
		if !strings.Contains(s.LogText(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}
