package conformance

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/testbed"
)

// FAILOVER gives the role away and back between ours and redict's, and between two of ours with logs: what was written is on both sides, at
// the same position, without a second full sync.
func TestFailover(t *testing.T) {
	written := func(c *testbed.Client, value string) func() bool {
		return func() bool {
			reply, err := c.Do("SET", "k", value)
			return err == nil && reply.Str == "OK"
		}
	}
	for name, args := range map[string][]string{
		"redict-server": {"--repl-diskless-sync-delay", "0"},
		"":              {"--repl-diskless-sync-delay", "0", "--appendonly", "yes"},
	} {
		t.Run("with "+name, func(t *testing.T) {
			t.Parallel()
			binary := testbed.Subject(t)
			if name != "" {
				binary = testbed.Peer(t, name)
			}
			p := testbed.Start(t, testbed.Options{Args: append(args, "--enable-debug-command", "yes")})
			r := testbed.Start(t, testbed.Options{Binary: binary, Args: replicaArgs(p, args...)})
			a, b := p.Dial(t), r.Dial(t)
			a.Call(t, "SET", "k", "1")
			a.Call(t, "INCR", "n") // an effect asked for a second time would show
			inStep(t, a, b)
			waitFor(t, "the primary to hear of it", func() bool {
				return strings.Contains(infoFields(a.Call(t, "INFO", "replication").Str)["slave0"], "state=online")
			})
			if got := a.Call(t, "FAILOVER", "TO", "127.0.0.1", strconv.Itoa(r.Port), "TIMEOUT", "120000").Str; got != "OK" {
				t.Fatal(got)
			}
			waitFor(t, "the replica to take over", written(b, "2"))
			inStep(t, b, a)
			if got := a.Call(t, "GET", "k").Str; got != "2" {
				t.Errorf("the former primary has %q", got)
			}
			b.Call(t, "FAILOVER")
			waitFor(t, "the role to come back", written(a, "3"))
			inStep(t, a, b)
			for _, c := range []*testbed.Client{a, b} {
				if got := infoFields(c.Call(t, "INFO", "replication").Str)["master_failover_state"]; got != "no-failover" {
					t.Error(got)
				}
			}
			if first, second := infoInt(t, a, "stats", "sync_full"), infoInt(t, b, "stats", "sync_full"); first != 1 || second != 0 {
				t.Errorf("%d and %d full syncs\n%s", first, second, p.LogText()+r.LogText())
			}
		})
	}
}

// A failover that does not come about, for the target hangs, leaves a primary that is written to: it ends by its timeout or by ABORT, before and
// after this server has begun to follow the target. Both servers say the same meanwhile.
func TestFailoverAborted(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		p := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--repl-diskless-sync-delay", "0"}})
		r := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: replicaArgs(p)})
		c, port := p.Dial(t), strconv.Itoa(r.Port)
		waitFor(t, "the replica", func() bool {
			return strings.Contains(infoFields(c.Call(t, "INFO", "replication").Str)["slave0"], "state=online")
		})
		want := func(want string, words ...string) {
			t.Helper()
			if reply, err := c.Do(words...); err != nil || reply.Str != want {
				t.Errorf("%s: %s: %q, %v, wanted %q", binary, words, reply.Str, err, want)
			}
		}
		state := func() string { return infoFields(c.Call(t, "INFO", "replication").Str)["master_failover_state"] }
		want("ERR FAILOVER with force option requires both a timeout and target HOST and IP.", "FAILOVER", "FORCE")
		want("ERR FAILOVER target HOST and PORT is not a replica.", "FAILOVER", "TO", "127.0.0.1", "1")
		ok(t, r.Pause())
		want("OK", "SET", "k", "1")

		steps := []struct {
			want  string
			words []string
		}{
			{"OK", []string{"FAILOVER", "TO", "127.0.0.1", port, "TIMEOUT", "200"}},
			{"ERR FAILOVER already in progress.", []string{"FAILOVER"}},
			{"ERR REPLICAOF not allowed while failing over.", []string{"REPLICAOF", "NO", "ONE"}},
			{"OK", []string{"SET", "k", "2"}}, // when the time is over
		}
		var together []byte
		for _, step := range steps {
			together = testbed.AppendCommand(together, step.words...)
		}
		ok(t, c.SendRaw(together))
		for _, step := range steps {
			if reply, err := c.Receive(); err != nil || reply.Str != step.want {
				t.Errorf("%s: %s: %q, %v, wanted %q", binary, step.words, reply.Str, err, step.want)
			}
		}
		waitForText(t, p.LogText, "FAILOVER to 127.0.0.1:"+port+" aborted: Replica never caught up before timeout")

		want("OK", "FAILOVER")
		if got := state(); got != "waiting-for-sync" {
			t.Errorf("%s: %s", binary, got)
		}
		want("OK", "FAILOVER", "ABORT")
		waitForText(t, p.LogText, "FAILOVER to any replica aborted: Failover manually aborted")
		want("OK", "SET", "k", "3")

		want("OK", "FAILOVER", "TO", "127.0.0.1", port, "TIMEOUT", "100", "FORCE")
		waitFor(t, "the hand-over", func() bool { return state() == "failover-in-progress" })
		want("OK", "FAILOVER", "ABORT")
		want("ERR No failover in progress.", "FAILOVER", "ABORT")
		want("OK", "SET", "k", "4")
		if got := c.Call(t, "ROLE").Elems[0].Str; got != "master" {
			t.Errorf("%s: %s", binary, got)
		}
		if err := r.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// A primary without replicas refuses, and says what is wrong with the words. Recorded from redict, to which they are held here, too.
func TestFailoverWords(t *testing.T) {
	cases := map[string]string{
		"FAILOVER":                               "ERR FAILOVER requires connected replicas.",
		"FAILOVER ABORT":                         "ERR No failover in progress.",
		"FAILOVER ABORT FORCE":                   "ERR syntax error",
		"FAILOVER FORCE":                         "ERR FAILOVER requires connected replicas.",
		"FAILOVER FORCE FORCE":                   "ERR syntax error",
		"FAILOVER TO x":                          "ERR syntax error",
		"FAILOVER TO 127.0.0.1 x":                "ERR value is not an integer or out of range",
		"FAILOVER TO 127.0.0.1 1":                "ERR FAILOVER requires connected replicas.",
		"FAILOVER TO 127.0.0.1 1 TO 127.0.0.1 1": "ERR syntax error",
		"FAILOVER TIMEOUT":                       "ERR syntax error",
		"FAILOVER TIMEOUT x":                     "ERR value is not an integer or out of range",
		"FAILOVER TIMEOUT 0":                     "ERR FAILOVER timeout must be greater than 0",
		"FAILOVER TIMEOUT -1":                    "ERR FAILOVER timeout must be greater than 0",
		"FAILOVER TIMEOUT 5 TIMEOUT 6":           "ERR syntax error",
		"FAILOVER other":                         "ERR syntax error",
		"PSYNC 0123 1 FAILOVER":                  "ERR PSYNC FAILOVER can't be sent to a master.",
	}
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		c := testbed.Start(t, testbed.Options{Binary: binary}).Dial(t)
		for words, want := range cases {
			if reply, err := c.Do(strings.Fields(words)...); err != nil || reply.Str != want {
				t.Errorf("%s: %s: %q, %v, wanted %q", binary, words, reply.Str, err, want)
			}
		}
	}
}
