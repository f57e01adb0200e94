package conformance

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// heldArgs make bases slow, of the 100 keys that are there, and the memory for what is held meanwhile small.
func heldArgs(delay int) []string {
	return []string{"--enable-debug-command", "yes", "--appendfsync", "always", "--fr-log-pending-limit", "1mb", "--save", "",
		"--auto-aof-rewrite-percentage", "0", "--rdb-key-save-delay", strconv.Itoa(delay)}
}

// heldFile is where the stream goes while a log is made.
func heldFile(s *testbed.Server) string {
	return filepath.Join(s.Dir, "appendonlydir", "temp-appendonly.aof.held")
}

// writeMuch writes 24 MB of new values in a pipeline of 240 commands.
func writeMuch(t *testing.T, c *testbed.Client, round int) {
	t.Helper()
	for i := range 240 {
		ok(t, c.Send("SET", "much"+strconv.Itoa(i), strconv.Itoa(round)+strings.Repeat("m", 100_000)))
	}
	for range 240 {
		if r, err := c.Receive(); err != nil || r.Str != "OK" {
			t.Fatal(r, err)
		}
	}
}

// Clients go on while a log is made that has far more to hold than memory is for it, nothing counts as durable meanwhile, and when the log is
// there a kill loses nothing (I4, I8). A kill before leaves the log of before in charge, and no litter (I12).
func TestWritersGoOnWhileLogBegins(t *testing.T) {
	t.Parallel()
	for delay := 20_000; ; delay *= 4 { // microseconds a key: on a slow machine the base must take longer to be met
		s := testbed.Start(t, testbed.Options{Args: append(heldArgs(delay), "--appendonly", "yes")})
		c := s.Dial(t)
		c.Call(t, "DEBUG", "POPULATE", "100")
		c.Call(t, "SET", "before", "logged")
		c.Call(t, "CONFIG", "SET", "appendonly", "no")
		c.Call(t, "CONFIG", "SET", "appendonly", "yes")
		writeMuch(t, c, 1)
		waits := c.Call(t, "WAITAOF", "1", "0", "1")
		info, err := os.Stat(heldFile(s))
		if infoInt(t, c, "persistence", "aof_rewrite_in_progress") == 0 {
			if delay > 1_000_000 {
				t.Fatal("the writers waited for the base")
			}
			continue
		}
		if err != nil || info.Size() < 20<<20 {
			t.Fatalf("what is held does not go to the disk: %v %v", info, err)
		}
		if len(waits.Elems) != 2 || waits.Elems[0].Int != 0 {
			t.Errorf("WAITAOF while the log is made: %v", waits)
		}
		s.Kill()
		ok(t, s.Restart())
		c = s.Dial(t)
		if got := c.Call(t, "GET", "before").Str; got != "logged" {
			t.Errorf("the log of before is lost: %q", got)
		}
		if _, err := os.Stat(heldFile(s)); !os.IsNotExist(err) {
			t.Errorf("what was held lies there: %v", err)
		}
		c.Call(t, "CONFIG", "SET", "appendonly", "no")
		c.Call(t, "DEBUG", "POPULATE", "100") // which no log has
		c.Call(t, "CONFIG", "SET", "appendonly", "yes")
		writeMuch(t, c, 2)
		if _, err := os.Stat(heldFile(s)); err != nil {
			t.Errorf("nothing is held: %v", err)
		}
		logged(t, c)
		c.Call(t, "SET", "behind", "it")
		if waits := c.Call(t, "WAITAOF", "1", "0", "0"); waits.Elems[0].Int != 1 {
			t.Errorf("WAITAOF when the log is there: %v", waits)
		}
		want := c.Call(t, "DEBUG", "DIGEST").Str
		s.Kill()
		ok(t, s.Restart())
		if got := s.Dial(t).Call(t, "DEBUG", "DIGEST").Str; got != want {
			t.Errorf("the digest is %s, it was %s", got, want)
		}
		return
	}
}

// A replica takes its primary's stream while the log behind a full sync is made, and has all of it after a kill.
func TestStreamGoesOnWhileLogBegins(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"}})
	primary := p.Dial(t)
	primary.Call(t, "DEBUG", "POPULATE", "100")
	for delay := 20_000; ; delay *= 4 {
		r := testbed.Start(t, testbed.Options{Args: replicaArgs(p, append(heldArgs(delay)[2:], "--appendonly", "yes")...)})
		c := r.Dial(t)
		inStep(t, primary, c)
		writeMuch(t, primary, delay)
		inStep(t, primary, c)
		if infoInt(t, c, "persistence", "aof_rewrite_in_progress") == 0 {
			if delay > 1_000_000 {
				t.Fatal("the stream waited for the base")
			}
			r.Kill()
			continue
		}
		logged(t, c)
		want := c.Call(t, "DEBUG", "DIGEST").Str
		p.Kill()
		r.Kill()
		ok(t, r.Restart())
		if got := r.Dial(t).Call(t, "DEBUG", "DIGEST").Str; got != want {
			t.Errorf("the digest is %s, it was %s", got, want)
		}
		return
	}
}
