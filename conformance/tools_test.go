package conformance

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// The programs that come with Redis work with the server and its files as they do with their own.

// Mass insertion: redis-cli --pipe counts every reply and finds no error.
func TestRedisCLIPipe(t *testing.T) {
	cli := testbed.Peer(t, "redis-cli")
	commands := 100_000
	if long() {
		commands = 1_000_000
	}
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	var in bytes.Buffer
	for i := range commands {
		in.Write(testbed.AppendCommand(nil, "SET", "key:"+strconv.Itoa(i), "value:"+strconv.Itoa(i)))
	}
	cmd := exec.Command(cli, "-p", strconv.Itoa(s.Port), "--pipe")
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("errors: 0, replies: %d", commands)) {
		t.Fatalf("%v\n%s", err, out)
	}
	c := s.Dial(t)
	if n := c.Call(t, "DBSIZE").Int; n != int64(commands) {
		t.Errorf("%d keys after %d SETs", n, commands)
	}
	last := strconv.Itoa(commands - 1)
	if v := c.Call(t, "GET", "key:"+last).Str; v != "value:"+last {
		t.Errorf("the last value is %q", v)
	}
}

// redis-cli's inline mode, scripts on stdin, scans and exit codes.
func TestRedisCLI(t *testing.T) {
	cli := testbed.Peer(t, "redis-cli")
	s := testbed.Start(t, testbed.Options{})
	run := func(stdin string, args ...string) (string, int) {
		cmd := exec.Command(cli, append([]string{"-p", strconv.Itoa(s.Port)}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	for _, c := range []struct {
		stdin string
		args  []string
		out   string
		code  int
	}{
		{"", []string{"ping"}, "PONG\n", 0},
		{"set k v\nget k\nincr k\n", nil, "OK\nv\nERR value is not an integer or out of range\n\n", 0},
		{"value from stdin", []string{"-x", "set", "k"}, "OK\n", 0},
		{"", []string{"get", "k"}, "value from stdin\n", 0},
		{"", []string{"-e", "incr", "k"}, "ERR value is not an integer or out of range\n", 1},
		{"", []string{"-n", "3", "set", "in3", "x"}, "OK\n", 0},
		{"", []string{"-n", "3", "--scan"}, "in3\n", 0},
		{"", []string{"-3", "get", "nokey"}, "\n", 0},
		{"", []string{"-r", "3", "incr", "n"}, "1\n2\n3\n", 0},
		{"multi\nincr n\nexec\n", nil, "OK\nQUEUED\n4\n", 0},
	} {
		if out, code := run(c.stdin, c.args...); out != c.out || code != c.code {
			t.Errorf("redis-cli %q: %q, exit status %d; want %q, %d", c.args, out, code, c.out, c.code)
		}
	}
	if out, code := run("", "--bigkeys"); code != 0 || !strings.Contains(out, "strings with") {
		t.Errorf("redis-cli --bigkeys: exit status %d\n%s", code, out)
	}
}

// A short run of the load generator, with and without a pipeline, over TCP: every request is answered, none with an error.
func TestRedisBenchmark(t *testing.T) {
	bench := testbed.Peer(t, "redis-benchmark")
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	for _, pipeline := range []string{"1", "16"} {
		out, err := exec.Command(bench, "-p", strconv.Itoa(s.Port), "-t", "ping,set,get,incr,mset", "-n", "20000", "-c", "50", "-r", "1000",
			"-d", "100", "-P", pipeline, "--csv").CombinedOutput()
		text := string(out)
		if err != nil || strings.Contains(text, "rror") {
			t.Fatalf("pipeline %s: %v\n%s", pipeline, err, text)
		}
		for _, name := range []string{`"PING_INLINE"`, `"PING_MBULK"`, `"SET"`, `"GET"`, `"INCR"`, `"MSET (10 keys)"`} {
			if !strings.Contains(text, name) {
				t.Errorf("pipeline %s: no line for %s in\n%s", pipeline, name, text)
			}
		}
	}
	c := s.Dial(t)
	if n := c.Call(t, "GET", "counter:__rand_int__").Kind; n != testbed.Null {
		t.Errorf("a key name that redis-benchmark should have filled in reached the server")
	}
	if n := c.Call(t, "DBSIZE").Int; n == 0 {
		t.Error("no key after the benchmark")
	}
}

// The checker that ships with Redis finds nothing wrong in our directory: after an orderly stop, and after kill -9.
func TestRedisCheckAOF(t *testing.T) {
	check := testbed.Peer(t, "redis-check-aof")
	if name := identify(t, testbed.Subject(t)).Name; name == "redict" || name == "valkey" {
		t.Logf("%s writes newer RDB bases than redis-check-aof 7.0 reads: not asked", name)
		return
	}
	for _, kill := range []bool{false, true} {
		s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
		c := s.Dial(t)
		for i := range 300 {
			c.Call(t, "SET", strconv.Itoa(i), strings.Repeat("v", i))
			c.Call(t, "MULTI")
			c.Call(t, "INCR", "n")
			c.Call(t, "SELECT", strconv.Itoa(i%3))
			c.Call(t, "EXEC")
		}
		if kill {
			s.Kill()
		} else {
			stop(t, s)
		}
		manifest := filepath.Join(s.Dir, "appendonlydir", "appendonly.aof.manifest")
		out, err := exec.Command(check, manifest).CombinedOutput()
		if err != nil || !regexp.MustCompile(`(?i)all aof files and manifest are valid`).Match(out) {
			t.Errorf("killed %v: %v\n%s", kill, err, out)
		}
	}
}
