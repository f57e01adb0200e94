package conformance

import (
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// patience bounds the wait for what must come. It is no measure of anything: a machine may be slow, Sentinel rests for half a minute when its
// clock has jumped. It is counted in pauses between looks, so that time in which the whole machine stood still is not part of it.
const patience = 3 * time.Minute

// eventually looks until the condition holds, and says whether it does.
func eventually(condition func() bool) bool {
	pause := time.Millisecond
	for waited := time.Duration(0); waited < patience; waited += pause {
		if condition() {
			return true
		}
		time.Sleep(pause)
		pause = min(2*pause, 20*time.Millisecond)
	}
	return condition()
}

// waitFor waits until the condition holds.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !eventually(condition) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// waitForText waits until a text has the words.
func waitForText(t testing.TB, text func() string, want string) {
	t.Helper()
	if !eventually(func() bool { return strings.Contains(text(), want) }) {
		t.Fatalf("no %q in\n%s", want, text())
	}
}

// awaitInfo waits until an INFO field has reached a number.
func awaitInfo(t testing.TB, c *testbed.Client, section, field string, n int) {
	t.Helper()
	if !eventually(func() bool { return infoInt(t, c, section, field) >= n }) {
		t.Fatalf("%s has not reached %d", field, n)
	}
}

// waitForRewrite waits until no rewrite of the log is under way or due.
func waitForRewrite(t testing.TB, c *testbed.Client) {
	t.Helper()
	waitFor(t, "the rewrite's end", func() bool {
		return infoInt(t, c, "persistence", "aof_rewrite_in_progress")+infoInt(t, c, "persistence", "aof_rewrite_scheduled") == 0
	})
}

// waitForClients waits until so many clients are connected: those that have gone, as the one that found the server ready, are noticed late.
func waitForClients(t testing.TB, c *testbed.Client, n int) {
	t.Helper()
	waitFor(t, "the clients that have gone to be noticed", func() bool { return infoInt(t, c, "clients", "connected_clients") == n })
}

// now returns what does something the first time it is called, and again each ten seconds, for what is given up by who should do it when
// the machine is slow: longer than a cluster or Sentinel tries anything here.
func now(do func()) func() {
	var last time.Time
	return func() {
		if time.Since(last) > 10*time.Second {
			do()
			last = time.Now()
		}
	}
}

// A replica whose connection has just ended confirms nothing.
func TestWaitWithoutReplica(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1"}})
	primary := p.Dial(t)
	r := testbed.Start(t, testbed.Options{Args: replicaArgs(p)})
	waitFor(t, "the replica", func() bool { return primary.Call(t, "WAIT", "1", "10").Int == 1 })
	ok(t, r.Pause())
	primary.Call(t, "CLIENT", "KILL", "TYPE", "replica")
	if n := primary.Call(t, "WAIT", "1", "1").Int; n != 0 {
		t.Errorf("%d replicas confirm, and there is none", n)
	}
	if got, err := primary.Do("SET", "k", "v"); err != nil || got.Str != "NOREPLICAS Not enough good replicas to write." {
		t.Errorf("SET without a replica: %v, %v", got, err)
	}
}

// A replica that was sent its snapshot, and has yet to load it, confirms nothing: INFO calls it online where the snapshot is a file.
func TestWaitWhileReplicaLoads(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		p := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--repl-diskless-sync", "no", "--enable-debug-command", "yes"}})
		primary := p.Dial(t)
		r := testbed.Start(t, testbed.Options{Args: replicaArgs(p)})
		inStep(t, primary, r.Dial(t))
		primary.Call(t, "SET", "k", "v")
		r.Kill()
		testbed.Start(t, testbed.Options{Args: replicaArgs(p, "--key-load-delay", "1000000000")})
		shown := ""
		waitFor(t, "the snapshot to be sent", func() bool {
			shown = infoFields(primary.Call(t, "INFO", "replication").Str)["slave0"]
			return strings.Contains(shown, "state=online,offset=0,")
		})
		if n := primary.Call(t, "WAIT", "1", "1").Int; n != 0 {
			t.Errorf("%s: %d replicas confirm what none has loaded", binary, n)
		}
	}
}
