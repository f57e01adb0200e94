package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/testbed"
)

var logLine = regexp.MustCompile(`^\d+:[XCSM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.\-*#] `)

// SIGTERM and SIGINT end the server in order: the log says so in the words that process managers look for, the exit status is 0,
// connected clients are closed, and every write is there at the next start.
func TestOrderlyShutdown(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*testing.T, *testbed.Server)
		log  []string
	}{
		{"SIGTERM", func(t *testing.T, s *testbed.Server) { ok(t, s.Signal(syscall.SIGTERM)) },
			[]string{":signal-handler (", ") Received SIGTERM scheduling shutdown...", "User requested shutdown...", "is now ready to exit, bye bye..."}},
		{"SIGINT", func(t *testing.T, s *testbed.Server) { ok(t, s.Signal(syscall.SIGINT)) },
			[]string{":signal-handler (", ") Received SIGINT scheduling shutdown...", "User requested shutdown...", "is now ready to exit, bye bye..."}},
		{"SHUTDOWN", func(t *testing.T, s *testbed.Server) { ok(t, s.Dial(t).Send("SHUTDOWN")) },
			[]string{"User requested shutdown...", "is now ready to exit, bye bye..."}},
		{"SHUTDOWN NOSAVE", func(t *testing.T, s *testbed.Server) { ok(t, s.Dial(t).Send("SHUTDOWN", "NOSAVE")) },
			[]string{"is now ready to exit, bye bye..."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--pidfile", "server.pid"}})
			idle, client := s.Dial(t), s.Dial(t)
			idle.Call(t, "PING")
			client.Call(t, "SET", "k", "v")
			pid := strconv.Itoa(s.PID())
			if b, err := os.ReadFile(filepath.Join(s.Dir, "server.pid")); err != nil || strings.TrimSpace(string(b)) != pid {
				t.Errorf("pidfile: %q, %v; want %s", b, err, pid)
			}
			c.end(t, s)
			if code, err := s.WaitExit(); err != nil || code != 0 {
				t.Errorf("exit status %d, %v", code, err)
			}
			if _, err := idle.Do("PING"); err == nil {
				t.Error("an idle client is not closed")
			}
			if _, err := os.Stat(filepath.Join(s.Dir, "server.pid")); err == nil {
				t.Error("the pidfile is still there")
			}
			log := s.LogText()
			rest := log
			for _, want := range c.log {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("no %q (in this order) in the log:\n%s", want, log)
					break
				}
				rest = after
			}
			ok(t, s.Restart())
			if v := s.Dial(t).Call(t, "GET", "k").Str; v != "v" {
				t.Errorf("after the restart the value is %q", v)
			}
		})
	}
}

// With save points an orderly end saves an RDB file, with "" none.
func TestShutdownSaves(t *testing.T) {
	for _, save := range []string{"3600 1", ""} {
		s := testbed.Start(t, testbed.Options{Args: []string{"--save", save}})
		c := s.Dial(t)
		c.Call(t, "SET", "k", "v")
		c.Call(t, "SET", "t", "v", "PXAT", "33177117420000")
		stop(t, s)
		ok(t, s.Restart())
		c = s.Dial(t)
		want := "(nil)"
		if save != "" {
			want = `"v"`
		}
		if got := testbed.Format(c.Call(t, "GET", "k")); got != want {
			t.Errorf("save %q: the value is %s, want %s", save, got, want)
		}
		if at := c.Call(t, "PEXPIRETIME", "t").Int; save != "" && at != 33177117420000 {
			t.Errorf("save %q: the lifetime is %d", save, at)
		}
	}
}

// What the log holds: the lines that test beds wait for, each in Redis's format, and nothing of the language underneath.
func TestLogLines(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	s.Dial(t).Call(t, "SET", "k", "v")
	stop(t, s)
	log := s.LogText()
	for _, want := range []string{"Server initialized", "Ready to accept connections", " PID: " /* see the banner below */} {
		if want == " PID: " {
			continue
		}
		if n := strings.Count(log, want); n != 1 {
			t.Errorf("%q is in the log %d times:\n%s", want, n, log)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		if !logLine.MatchString(line) && !strings.Contains(line, ":signal-handler (") {
			t.Errorf("a log line in another format: %q", line)
		}
	}
	s = testbed.Start(t, testbed.Options{Args: []string{"--always-show-logo", "yes"}})
	if want := fmt.Sprintf(" PID: %d", s.PID()); !strings.Contains(s.LogText(), want) {
		t.Errorf("no %q in the banner:\n%s", want, s.LogText())
	}
}

// With a logfile nothing goes to stdout; lines are appended; the file may be moved away and comes again.
func TestLogFile(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--logfile", "server.log"}})
	path := filepath.Join(s.Dir, "server.log")
	first, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(first), "Ready to accept connections") {
		t.Errorf("logfile: %v\n%s", err, first)
	}
	ok(t, os.Rename(path, path+".1"))
	stop(t, s)
	second, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(second), "bye bye") || strings.Contains(string(second), "Ready to accept") {
		t.Errorf("after the logfile was moved: %v\n%s", err, second)
	}
	if out := s.LogText(); strings.Contains(out, "bye bye") {
		t.Errorf("the log goes to stdout too:\n%s", out)
	}
}

// Signals that must not disturb.
func TestHarmlessSignals(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	c := s.Dial(t)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGCONT, syscall.SIGWINCH} {
		ok(t, s.Signal(sig))
		if r := c.Call(t, "PING").Str; r != "PONG" {
			t.Errorf("after %v: %q", sig, r)
		}
	}
	// A stopped server goes on where it was.
	ok(t, s.Signal(syscall.SIGSTOP))
	ok(t, c.Send("SET", "k", "v"))
	ok(t, s.Signal(syscall.SIGCONT))
	if r, err := c.Receive(); err != nil || r.Str != "OK" {
		t.Errorf("after SIGSTOP and SIGCONT: %v, %v", r, err)
	}
}

// A taken port is said in the log and ends the start.
func TestPortInUse(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	out, code := runServer(t, testbed.Subject(t), t.TempDir(), "", "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1")
	if code != 1 || !strings.Contains(out, fmt.Sprintf("Failed listening on port %d (tcp), aborting.", s.Port)) &&
		!strings.Contains(out, fmt.Sprintf("Failed listening on port %d (TCP), aborting.", s.Port)) {
		t.Errorf("exit status %d\n%s", code, out)
	}
}

// So is the port of the cluster's bus, and that it has no address.
func TestBusPortInUse(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	port := strconv.Itoa(s.Port)
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		dir := t.TempDir()
		out, code := runServer(t, binary, dir, "", "--cluster-enabled", "yes", "--port", "0", "--unixsocket", "s", "--bind", "", "--cluster-port", port)
		if want := "# No bind address is configured, but it is required for the Cluster bus.\n"; code != 1 || !strings.HasSuffix(out, want) {
			t.Errorf("%s: exit status %d\n%s", binary, code, out)
		}
		out, code = runServer(t, binary, dir, "", "--cluster-enabled", "yes", "--port", strconv.Itoa(testbed.FreePort("127.0.0.1")), "--bind", "127.0.0.1", "--cluster-port", port)
		for _, want := range []string{
			"# Warning: Could not create server TCP listening socket 127.0.0.1:" + port + ": bind: Address already in use\n",
			"# Failed listening on port " + port + " (cluster), aborting.\n",
		} {
			if code != 1 || !strings.Contains(out, want) {
				t.Errorf("%s: exit status %d\n%s", binary, code, out)
			}
		}
	}
}

// Without an address there is nothing to serve.
func TestNowhereToListen(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		for _, args := range [][]string{{"--bind", "", "--port", "7777"}, {"--port", "0"}} {
			out, code := runServer(t, binary, t.TempDir(), "", args...)
			if code != 1 || !strings.Contains(out, "Configured to not listen anywhere, exiting.") {
				t.Errorf("%s %q: exit status %d\n%s", binary, args, code, out)
			}
		}
	}
}

// SHUTDOWN's errors.
func TestShutdownErrors(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	c := s.Dial(t)
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"SHUTDOWN", "ABORT"}, "ERR No shutdown in progress."},
		{[]string{"SHUTDOWN", "bogus"}, "ERR syntax error"},
		{[]string{"SHUTDOWN", "SAVE", "NOSAVE"}, "ERR syntax error"},
		{[]string{"SHUTDOWN", "ABORT", "NOW"}, "ERR syntax error"},
	} {
		if r, err := c.Do(x.args...); err != nil || r.Str != x.want {
			t.Errorf("%q: %q, %v; want %q", x.args, r.Str, err, x.want)
		}
	}
}
