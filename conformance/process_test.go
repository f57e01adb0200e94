package conformance

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// What the process shows the system around it: the service manager, the kernel, whoever reads the log after a crash.

// systemd hears of loading, readiness and the end, in this order.
func TestSystemdNotification(t *testing.T) {
	path := filepath.Join(testbed.TempDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ok(t, err)
	defer conn.Close()
	for _, mode := range []string{"systemd", "auto"} {
		s := testbed.Start(t, testbed.Options{Env: []string{"NOTIFY_SOCKET=" + path}, Args: []string{"--supervised", mode, "--daemonize", "yes"}})
		if got := infoFields(s.Dial(t).Call(t, "INFO", "server").Str)["process_supervised"]; got != "systemd" {
			t.Errorf("%s: process_supervised is %q", mode, got)
		}
		stop(t, s)
		var heard strings.Builder
		ok(t, conn.SetReadDeadline(time.Now().Add(patience)))
		for b := make([]byte, 4096); !strings.Contains(heard.String(), "STOPPING=1\n"); {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("%s: %v after\n%s", mode, err, heard.String())
			}
			heard.Write(b[:n])
		}
		rest := heard.String()
		for _, want := range []string{"STATUS=Redis is loading...\n", "STATUS=Ready to accept connections\n", "READY=1\n", "STOPPING=1\n"} {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: no %q in this order in\n%s", mode, want, heard.String())
			}
			rest = after
		}
	}
}

// Nobody supervises a process whose environment does not say so, whatever the configuration hopes.
func TestNotSupervised(t *testing.T) {
	for _, mode := range []string{"systemd", "upstart", "auto", "no"} {
		s := testbed.Start(t, testbed.Options{Env: []string{"NOTIFY_SOCKET=", "UPSTART_JOB="}, Args: []string{"--supervised", mode}})
		if got := infoFields(s.Dial(t).Call(t, "INFO", "server").Str)["process_supervised"]; got != "no" {
			t.Errorf("%s: process_supervised is %q", mode, got)
		}
		stop(t, s)
	}
}

// Nor does a systemd that cannot be told: the server says so in Redis's words, and goes into the background if it is to.
func TestSupervisorNotThere(t *testing.T) {
	stamp := regexp.MustCompile(`^\d+:\w \d+ \w+ \d+ [\d:.]+ `)
	for _, c := range []struct{ mode, env string }{
		{"systemd", "NOTIFY_SOCKET=/nonexistent/notify"}, {"auto", "NOTIFY_SOCKET=/nonexistent/notify"}, {"systemd", "NOTIFY_SOCKET=relative"},
		{"upstart", "OTHER=x"},
	} {
		var said [2]string
		for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
			s := testbed.Start(t, testbed.Options{Binary: binary, Env: []string{c.env}, Args: []string{"--supervised", c.mode}})
			first := regexp.MustCompile(`(?m)^.*(systemd|upstart) supervision .*$`).FindString(s.LogText())
			said[i] = fmt.Sprintf("%s; %s", stamp.ReplaceAllString(first, ""), infoFields(s.Dial(t).Call(t, "INFO", "server").Str)["process_supervised"])
			stop(t, s)
		}
		if said[0] != said[1] {
			t.Errorf("%v: %q, want %q", c, said[0], said[1])
		}
	}
	dir := t.TempDir()
	args := []string{"--port", "0", "--dir", dir, "--pidfile", filepath.Join(dir, "pid"), "--unixsocket", filepath.Join(dir, "s"), "--supervised", "systemd", "--daemonize", "yes"}
	cmd := exec.Command(testbed.Subject(t), args...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=/nonexistent/notify")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "# systemd supervision error: sd_notify: -2") {
		t.Fatalf("%v:\n%s", err, out)
	}
	var proc string
	waitFor(t, "the server in the background", func() bool {
		c, err := testbed.Dial("unix", filepath.Join(dir, "s"))
		if err != nil {
			return false
		}
		defer c.Close()
		info, err := c.Do("INFO", "server")
		if err != nil {
			return false
		}
		proc = "/proc/" + infoFields(info.Str)["process_id"]
		_, _ = c.Do("SHUTDOWN", "NOSAVE")
		return true
	})
	waitFor(t, "its end", func() bool { _, err := os.Stat(proc); return os.IsNotExist(err) })
}

// A signal that means a crash leaves a report between the markers and ends the process by itself; without crash-log-enabled it ends
// the same way and leaves none.
func TestCrashReport(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS} {
		for _, enabled := range []string{"yes", "no"} {
			t.Run(fmt.Sprint(sig, " ", enabled), func(t *testing.T) {
				s := testbed.Start(t, testbed.Options{})
				s.Dial(t).Call(t, "CONFIG", "SET", "crash-log-enabled", enabled)
				ok(t, s.Signal(sig))
				if code, err := s.WaitExit(); err != nil || code != -1 {
					t.Errorf("exit status %d, %v; wanted the signal", code, err)
				}
				log := s.LogText()
				_, report, found := strings.Cut(log, "=== REDIS BUG REPORT START: Cut & paste starting from here ===\n")
				report, _, ended := strings.Cut(report, "=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n")
				if enabled == "no" {
					if found || ended {
						t.Errorf("a report that nobody wanted:\n%s", log)
					}
					return
				}
				for _, want := range []string{fmt.Sprintf("crashed by signal: %d\n", sig), "------ STACK TRACE ------\n", "------ INFO OUTPUT ------\n", "redis_version:"} {
					if !found || !ended || !strings.Contains(report, want) {
						t.Errorf("no %q between the markers:\n%s", want, log)
					}
				}
			})
		}
	}
}

// A SIGINT whose shutdown failed does not count: the next one tries again, and does not end the process at once.
func TestInterruptAfterFailedShutdown(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--save", "3600 1"}})
	c := s.Dial(t)
	c.Call(t, "SET", "k", "v")
	// A directory in the file's place: no save can end well.
	file := filepath.Join(s.Dir, "dump.rdb")
	ok(t, os.MkdirAll(filepath.Join(file, "full"), 0o755))
	for range 2 {
		before := len(s.LogText())
		ok(t, s.Signal(syscall.SIGINT))
		waitForText(t, func() string { return s.LogText()[before:] }, "Errors trying to shut down the server. Check the logs for more information.")
		if log := s.LogText()[before:]; !strings.Contains(log, "Error trying to save the DB, can't exit.") {
			t.Errorf("the log does not say what failed:\n%s", log)
		}
		if r := c.Call(t, "PING").Str; r != "PONG" {
			t.Errorf("PING: %q", r)
		}
	}
	ok(t, os.RemoveAll(file))
	ok(t, s.Signal(syscall.SIGINT))
	if code, err := s.WaitExit(); err != nil || code != 0 {
		t.Errorf("exit status %d, %v", code, err)
	}
	ok(t, s.Restart())
	if v := s.Dial(t).Call(t, "GET", "k").Str; v != "v" {
		t.Errorf("after the restart the value is %q", v)
	}
}

// The kernel's view follows oom-score-adj, at the start and at run time; a score that may not be set takes the change back.
func TestOOMScore(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--oom-score-adj", "yes", "--oom-score-adj-values", "7 20 30"}})
		c := s.Dial(t)
		score := func() int {
			n, err := strconv.Atoi(strings.TrimSpace(readFile(t, fmt.Sprintf("/proc/%d/oom_score_adj", s.PID()))))
			ok(t, err)
			return n
		}
		base, err := strconv.Atoi(strings.TrimSpace(readFile(t, "/proc/self/oom_score_adj")))
		ok(t, err)
		if got := score(); got != base+7 {
			t.Errorf("at the start: %d, not %d", got, base+7)
		}
		for _, step := range []struct {
			args []string
			want int
		}{
			{[]string{"oom-score-adj-values", "15 20 30"}, base + 15},
			{[]string{"oom-score-adj", "absolute", "oom-score-adj-values", "400 500 600"}, 400},
			{[]string{"oom-score-adj", "no"}, base},
			{[]string{"oom-score-adj-values", "9 20 30"}, base},
			{[]string{"oom-score-adj", "relative"}, base + 9},
		} {
			if r, err := c.Do(append([]string{"CONFIG", "SET"}, step.args...)...); err != nil || r.Str != "OK" {
				t.Errorf("CONFIG SET %q: %v, %v", step.args, r, err)
			}
			if got := score(); got != step.want {
				t.Errorf("after CONFIG SET %q: %d, not %d", step.args, got, step.want)
			}
		}
		for _, step := range []struct {
			args []string
			want int
		}{{[]string{"127.0.0.1", "1"}, base + 20}, {[]string{"NO", "ONE"}, base + 9}} {
			c.Call(t, append([]string{"REPLICAOF"}, step.args...)...)
			if got := score(); got != step.want {
				t.Errorf("after REPLICAOF %q: %d, not %d", step.args, got, step.want)
			}
		}
		if got := c.Call(t, "CONFIG", "GET", "oom-score-adj").Elems; len(got) != 2 || got[1].Str != "yes" {
			t.Errorf("relative shows as %v", got)
		}
		stop(t, s)
	}
}

// INFO lists the ways in as they are now, and the title follows them; a refused address or port is said in Redis's words and in the log,
// and takes all of a CONFIG SET back.
func TestListeners(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer taken.Close()
	takenPort := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--unixsocket", "in.sock"}})
		c := s.Dial(t)
		listeners := func() []string {
			var out []string
			for _, line := range strings.Split(c.Call(t, "INFO", "server").Str, "\r\n") {
				if strings.HasPrefix(line, "listener") {
					out = append(out, line)
				}
			}
			return out
		}
		port := strconv.Itoa(s.Port)
		if got, want := listeners(), []string{"listener0:name=tcp,bind=127.0.0.1,port=" + port, "listener1:name=unix,bind=in.sock"}; !slices.Equal(got, want) {
			t.Errorf("listeners %q, want %q", got, want)
		}
		for _, refused := range []struct {
			args []string
			want string
		}{
			{[]string{"hz", "33", "port", takenPort}, "(possibly related to argument 'port') - Unable to listen on this port. Check server logs."},
			{[]string{"hz", "33", "bind", "127.0.0.1 192.0.2.1"}, "(possibly related to argument 'bind') - Failed to bind to specified addresses."},
		} {
			if r, err := c.Do(append([]string{"CONFIG", "SET"}, refused.args...)...); err != nil || !strings.HasSuffix(r.Str, refused.want) {
				t.Errorf("CONFIG SET %q: %v, %v", refused.args, r, err)
			}
			name := refused.args[2]
			for _, want := range []string{"Warning: Could not create server TCP listening socket ", "Possibly related to new " + name + " setting. Restoring previous settings."} {
				if !strings.Contains(s.LogText(), want) {
					t.Errorf("CONFIG SET %q: no %q in the log", refused.args, want)
				}
			}
		}
		if hz := c.Call(t, "CONFIG", "GET", "hz").Elems; hz[1].Str != "10" {
			t.Errorf("hz after a refusal: %s", hz[1].Str)
		}
		c.Call(t, "CONFIG", "SET", "bind", "127.0.0.1 -::1")
		if got, want := listeners(), []string{"listener0:name=tcp,bind=127.0.0.1,bind=-::1,port=" + port, "listener1:name=unix,bind=in.sock"}; !slices.Equal(got, want) {
			t.Errorf("listeners %q, want %q", got, want)
		}
		c.Call(t, "CONFIG", "SET", "bind", "*")
		if title := readFile(t, fmt.Sprintf("/proc/%d/cmdline", s.PID())); !strings.Contains(title, "*:"+port) {
			t.Errorf("the title does not follow: %q", title)
		}
		stop(t, s)
	}
}

// The process shows its title and nothing of its arguments behind it, also where the title is the longer of the two.
func TestTitle(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		long := strings.Repeat("x", 300)
		for template, want := range map[string]string{
			"{title} {listen-addr} {server-mode}": "127.0.0.1:PORT", "{port}": "PORT", long + " {listen-addr}": long[:255],
		} {
			s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--proc-title-template", template}})
			title, _, _ := strings.Cut(readFile(t, fmt.Sprintf("/proc/%d/cmdline", s.PID())), "\x00")
			title = strings.TrimRight(title, " ")
			if i := strings.Index(title, " "); strings.HasPrefix(template, "{title}") {
				title = title[i+1:] // behind the program's name
			}
			if want := strings.ReplaceAll(want, "PORT", strconv.Itoa(s.Port)); title != want {
				t.Errorf("%s: template %.40q gives the title %q, want %q", binary, template, title, want)
			}
			stop(t, s)
		}
	}
}

// A forced rewrite writes every parameter, and a restart brings every value back.
func TestForcedRewrite(t *testing.T) {
	dir := testbed.TempDir(t)
	file := filepath.Join(dir, "redis.conf")
	ok(t, os.WriteFile(file, []byte("# mine\nsave 5 5\nenable-debug-command yes\nappendfilename \"a b.aof\"\n"), 0o644))
	all := func(c *testbed.Client) map[string]string {
		values := map[string]string{}
		pairs := c.Call(t, "CONFIG", "GET", "*").Elems
		for i := 0; i+1 < len(pairs); i += 2 {
			if name := pairs[i].Str; name != "port" && name != "dir" && name != "bind" { // from the command line
				values[name] = pairs[i+1].Str
			}
		}
		return values
	}
	s := startWith(t, dir, "", file)
	c := s.Dial(t)
	c.Call(t, "CONFIG", "SET", "maxmemory", "104857601", "client-output-buffer-limit", "pubsub 1 2 3", "notify-keyspace-events", "KEA",
		"fr-log-pending-limit", "12345678")
	before := all(c)
	c.Call(t, "DEBUG", "CONFIG-REWRITE-FORCE-ALL")
	text := readFile(t, file)
	for _, want := range []string{"# mine\n", "save 5 5\n", "\nhz 10\n", "\nmaxmemory 104857601\n", "\ntimeout 0\n", "\nkey-load-delay 0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the rewritten file:\n%s", want, text)
		}
	}
	stop(t, s)
	s = startWith(t, dir, "", file)
	after := all(s.Dial(t))
	for name, value := range before {
		if after[name] != value {
			t.Errorf("%s: %q before, %q after", name, value, after[name])
		}
	}
	stop(t, s)

	s = testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes"}})
	if r, err := s.Dial(t).Do("DEBUG", "CONFIG-REWRITE-FORCE-ALL"); err != nil || !strings.HasPrefix(r.Str, "ERR CONFIG-REWRITE-FORCE-ALL failed: ") {
		t.Errorf("without a file: %v, %v", r, err)
	}
}

// With many clients and dynamic-hz the timers run faster than configured, without it they do not.
func TestDynamicHz(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--hz", "1"}})
	c := s.Dial(t)
	const clients = 450 // two doublings: at most 200 a tick
	for range clients {
		s.Dial(t)
	}
	hz := func() (now, configured string) {
		f := infoFields(c.Call(t, "INFO", "server").Str)
		return f["hz"], f["configured_hz"]
	}
	waitForText(t, func() string { now, configured := hz(); return now + "/" + configured }, "4/1")
	c.Call(t, "CONFIG", "SET", "dynamic-hz", "no")
	waitForText(t, func() string { now, configured := hz(); return now + "/" + configured }, "1/1")
}

// INFO's fields stand in Redis's order, section by section: people read it, and some tools by position.
func TestInfoOrder(t *testing.T) {
	read := func(binary string) map[string][]string {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--appendonly", "yes"}})
		sections, title := map[string][]string{}, ""
		for _, line := range strings.Split(s.Dial(t).Call(t, "INFO", "default").Str, "\r\n") {
			if name, _, isField := strings.Cut(line, ":"); isField {
				sections[title] = append(sections[title], name)
			} else if line != "" {
				title = line
			}
		}
		return sections
	}
	ours, theirs := read(testbed.Subject(t)), read(testbed.Peer(t, "redict-server"))
	both := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return !slices.Contains(other, name) || name == "redis_version" })
	}
	for title, fields := range theirs {
		if got, want := both(ours[title], fields), both(fields, ours[title]); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", title, got, want)
		}
	}
}

// A refused authentication counts, and the time in commands is part of the time of the turns.
func TestInfoMeasures(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--requirepass", "secret", "--enable-debug-command", "yes"}})
	c := s.Dial(t)
	for _, args := range [][]string{{"AUTH", "wrong"}, {"AUTH", "nobody", "secret"}, {"HELLO", "3", "AUTH", "default", "wrong"}} {
		if r, err := c.Do(args...); err != nil || !strings.HasPrefix(r.Str, "WRONGPASS") {
			t.Errorf("%q: %v, %v", args, r, err)
		}
	}
	c.Call(t, "AUTH", "secret")
	c.Call(t, "DEBUG", "SLEEP", "0.02")
	f := infoFields(c.Call(t, "INFO", "stats").Str)
	if f["acl_access_denied_auth"] != "3" {
		t.Errorf("acl_access_denied_auth: %q", f["acl_access_denied_auth"])
	}
	commands, err1 := strconv.Atoi(f["eventloop_duration_cmd_sum"])
	turns, err2 := strconv.Atoi(f["eventloop_duration_sum"])
	if err1 != nil || err2 != nil || commands < 20000 || turns < commands-commands/10 {
		t.Errorf("commands took %d us (%v), turns %d us (%v)", commands, err1, turns, err2)
	}
	c.Call(t, "CONFIG", "RESETSTAT")
	if f := infoFields(c.Call(t, "INFO", "stats").Str); f["acl_access_denied_auth"] != "3" { // Redis keeps them, too
		t.Errorf("after RESETSTAT: %q", f["acl_access_denied_auth"])
	}
}
