package conformance

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// DEBUG RELOAD tells what it loaded as a start does.
func TestDebugReloadTells(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--enable-debug-command", "yes"}})
		c := s.Dial(t)
		for _, key := range []string{"a", "b", "c"} {
			c.Call(t, "SET", key, "v")
		}
		c.Call(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
		c.Call(t, "PEXPIRE", "c", "1")
		time.Sleep(5 * time.Millisecond)
		if r := c.Call(t, "DEBUG", "RELOAD"); r.Str != "OK" {
			t.Errorf("%s: %+v", binary, r)
		}
		for _, line := range []string{"* Loading RDB produced by version ", "* RDB age ", "* Done loading RDB, keys loaded: 2, keys expired: 1.", "* DB reloaded by DEBUG RELOAD"} {
			if !strings.Contains(s.LogText(), line) {
				t.Errorf("%s: no line %q", binary, line)
			}
		}
		info := infoFields(c.Call(t, "INFO", "persistence").Str)
		if loaded, expired := info["rdb_last_load_keys_loaded"], info["rdb_last_load_keys_expired"]; loaded != "2" || expired != "1" {
			t.Errorf("%s: INFO says %s loaded, %s expired", binary, loaded, expired)
		}
	}
}

// DEBUG ends the server in the ways test beds need: with a report, and a status that says how.
func TestDebugCrashes(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal // 0: exit status 1
		args   []string
		wants  []string
	}{
		{"SEGFAULT", syscall.SIGSEGV, nil, []string{"crashed by signal: 11\n", "------ INFO OUTPUT ------\n"}},
		{"PANIC", syscall.SIGABRT, nil, []string{"!!! Software Failure. Press left mouse button to continue\n", "Guru Meditation: DEBUG PANIC called at Unix time "}},
		{"ASSERT", syscall.SIGABRT, nil, []string{"=== ASSERTION FAILED", "'1 == 2' is not true\n"}},
		{"OOM", syscall.SIGABRT, nil, []string{"aborting for OUT OF MEMORY. Allocating 9223372036854775807 bytes!"}},
		{"PANIC", 0, []string{"--use-exit-on-panic", "yes"}, []string{"Guru Meditation: "}},
	} {
		t.Run(c.name+strings.Join(c.args, " "), func(t *testing.T) {
			s := testbed.Start(t, testbed.Options{Args: append([]string{"--enable-debug-command", "yes"}, c.args...)})
			if r, err := s.Dial(t).Do("DEBUG", c.name); err == nil {
				t.Errorf("a reply: %+v", r)
			}
			code, err := s.WaitExit()
			if err != nil || (c.signal != 0) != (code == -1) || (c.signal == 0 && code != 1) {
				t.Errorf("exit status %d, %v; wanted signal %d", code, err, c.signal)
			}
			log := s.LogText()
			_, report, found := strings.Cut(log, "=== REDIS BUG REPORT START: Cut & paste starting from here ===\n")
			report, _, ended := strings.Cut(report, "=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n")
			for _, want := range append(c.wants, "------ STACK TRACE ------\n") {
				if !found || !ended || !strings.Contains(report, want) {
					t.Errorf("no %q between the markers:\n%s", want, log)
				}
			}
			if c.name == "OOM" && !strings.Contains(log, "Out Of Memory allocating 9223372036854775807 bytes!\n") {
				t.Error("the log does not say what was asked for")
			}
		})
	}
}

// What RELOAD NOFLUSH finds twice ends the server, with a line that names it: half the file is in the data set by then.
func TestDebugReloadTwice(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--enable-debug-command", "yes"}})
		c := s.Dial(t)
		c.Call(t, "SELECT", "3")
		c.Call(t, "SET", "twice", "v")
		if r := c.Call(t, "DEBUG", "RELOAD", "NOFLUSH", "MERGE"); r.Str != "OK" {
			t.Errorf("%s: MERGE: %+v", binary, r)
		}
		if r, err := c.Do("DEBUG", "RELOAD", "NOFLUSH"); err == nil {
			t.Errorf("%s: a reply: %+v", binary, r)
		}
		if code, err := s.WaitExit(); err != nil || code != -1 {
			t.Errorf("%s: exit status %d, %v", binary, code, err)
		}
		for _, want := range []string{"# RDB has duplicated key 'twice' in DB 3\n", "Guru Meditation: Duplicated key found in RDB file "} {
			if log := s.LogText(); !strings.Contains(log, want) {
				t.Errorf("%s: no %q in the log:\n%s", binary, want, log)
			}
		}
	}
}

// reconnect waits until the server that takes this one's place answers, with the data set loaded.
func reconnect(t *testing.T, s *testbed.Server, runID string) *testbed.Client {
	t.Helper()
	var c *testbed.Client
	waitFor(t, "the new server's answer", func() bool {
		var err error
		if c, err = s.DialErr(); err != nil {
			return false
		}
		if r, err := c.Do("INFO", "everything"); err == nil {
			if f := infoFields(r.Str); f["run_id"] != runID && f["loading"] == "0" {
				return true
			}
		}
		c.Close()
		return false
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// RESTART and CRASH-AND-RECOVER start the program anew in the same process; everything acknowledged is there again (I4). Only the
// first saves the configuration and what the log does not hold.
func TestDebugRestart(t *testing.T) {
	for _, c := range []struct {
		command  string
		graceful bool
	}{{"RESTART", true}, {"CRASH-AND-RECOVER", false}} {
		for _, aof := range []string{"yes", "no"} {
			t.Run(c.command+" "+aof, func(t *testing.T) {
				s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--appendonly", aof}})
				conn := s.Dial(t)
				if aof == "no" {
					conn.Call(t, "CONFIG", "SET", "save", "3600 1")
				}
				conn.Call(t, "SET", "k", "v")
				conn.Call(t, "INCRBY", "n", "77")
				digest := conn.Call(t, "DEBUG", "DIGEST").Str
				before := infoFields(conn.Call(t, "INFO", "everything").Str)
				if r, err := conn.Do("DEBUG", c.command, "20"); err == nil {
					t.Errorf("a reply: %+v", r)
				}
				conn = reconnect(t, s, before["run_id"])
				after := infoFields(conn.Call(t, "INFO", "everything").Str)
				if after["process_id"] != before["process_id"] {
					t.Errorf("process %s became %s", before["process_id"], after["process_id"])
				}
				want := digest
				if aof == "no" && !c.graceful {
					want = strings.Repeat("0", 40)
				}
				if got := conn.Call(t, "DEBUG", "DIGEST").Str; got != want {
					t.Errorf("digest %s, want %s", got, want)
				}
				if aof == "yes" && (after["master_replid"] == before["master_replid"]) != c.graceful {
					t.Errorf("replication id %s, before %s", after["master_replid"], before["master_replid"])
				}
			})
		}
	}
}

// LOADAOF brings back what the log holds and drops what it does not, again and again, and writes go on behind it; a real server
// loads the files that this leaves.
func TestDebugLoadAOF(t *testing.T) {
	for _, policy := range []string{"always", "everysec", "no"} {
		t.Run(policy, func(t *testing.T) {
			s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--appendonly", "yes", "--appendfsync", policy}})
			c := s.Dial(t)
			replid := infoFields(c.Call(t, "INFO", "replication").Str)["master_replid"]
			for i := range 5 {
				c.Call(t, "INCR", "n")
				c.Call(t, "SADD", "l", strconv.Itoa(i))
				c.Call(t, "SETBIT", "bits", strconv.Itoa(1000*i), "1")
				c.Call(t, "BITFIELD", "grown", "OVERFLOW", "FAIL", "SET", "u8", strconv.Itoa(800*i), "256")
				digest := c.Call(t, "DEBUG", "DIGEST").Str
				c.Call(t, "DEBUG", "POPULATE", "10") // not in the log
				if r := c.Call(t, "DEBUG", "LOADAOF"); r.Str != "OK" {
					t.Fatalf("LOADAOF: %+v\n%s", r, s.LogTail(20))
				}
				if got := c.Call(t, "DEBUG", "DIGEST").Str; got != digest {
					t.Errorf("round %d: digest %s, want %s", i, got, digest)
				}
			}
			f := infoFields(c.Call(t, "INFO", "everything").Str)
			if f["master_replid"] != replid || f["rdb_changes_since_last_save"] != "0" || f["loading"] != "0" {
				t.Errorf("replid %s (was %s), %s changes, loading %s", f["master_replid"], replid, f["rdb_changes_since_last_save"], f["loading"])
			}
			c.Call(t, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 'called' end)")
			c.Call(t, "BGREWRITEAOF") // libraries of a base are loaded in another way than those of an increment
			logged(t, c)
			c.Call(t, "DEBUG", "LOADAOF")
			c.Call(t, "DEBUG", "CHANGE-REPL-ID")
			if r := c.Call(t, "FCALL", "f", "0"); r.Str != "called" {
				t.Errorf("a function of the base: %+v", r)
			}
			if got := infoFields(c.Call(t, "INFO", "replication").Str); got["master_replid"] == replid || strings.Trim(got["master_replid2"], "0") != "" {
				t.Errorf("CHANGE-REPL-ID: %s, second %s", got["master_replid"], got["master_replid2"])
			}
			c.Call(t, "INCR", "n")
			digest := c.Call(t, "DEBUG", "DIGEST").Str
			stop(t, s)
			ok(t, s.Restart())
			if got := s.Dial(t).Call(t, "DEBUG", "DIGEST").Str; got != digest {
				t.Errorf("after a restart: digest %s, want %s", got, digest)
			}
		})
	}
}

// REPLYBUFFER decides how long the largest reply is remembered, and whether a large buffer outlives the time it was needed.
func TestDebugReplyBuffer(t *testing.T) {
	t.Parallel()
	const size, most = 9000, 16 << 10
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes"}})
	c, other := s.Dial(t), s.Dial(t)
	id := strconv.FormatInt(other.Call(t, "CLIENT", "ID").Int, 10)
	field := func(name string) int {
		_, rest, _ := strings.Cut(c.Call(t, "CLIENT", "LIST", "ID", id).Str, " "+name+"=")
		text, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(text)
		ok(t, err)
		return n
	}
	c.Call(t, "DEBUG", "REPLYBUFFER", "PEAK-RESET-TIME", "NEVER")
	c.Call(t, "DEBUG", "REPLYBUFFER", "RESIZING", "0")
	c.Call(t, "SET", "k", strings.Repeat("x", 4*size))
	other.Call(t, "GETRANGE", "k", "0", strconv.Itoa(size-1))
	if got := field("rbp"); got < size || got > most {
		t.Errorf("the peak is %d", got)
	}
	other.Call(t, "GET", "k")
	time.Sleep(3500 * time.Millisecond) // a client that rests for two seconds would get a small one
	if got := field("rbs"); got != most {
		t.Errorf("the buffer shrank to %d", got)
	}
	c.Call(t, "DEBUG", "REPLYBUFFER", "RESIZING", "1")
	waitFor(t, "the buffer to shrink", func() bool { return field("rbs") < most })
	c.Call(t, "DEBUG", "REPLYBUFFER", "PEAK-RESET-TIME", "1")
	waitFor(t, "the peak to be forgotten", func() bool { return field("rbp") < size })
}
