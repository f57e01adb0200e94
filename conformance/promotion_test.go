package conformance

import (
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// I6: a replica is promoted while its log is still being made behind a full sync. What it does from then on belongs to its own history also for
// the log: whoever has more of the old primary's history than this server does not go on here after a crash.
func TestPromotedWhileLogBegins(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"}})
	primary := p.Dial(t)
	primary.Call(t, "DEBUG", "POPULATE", "100")
	r := testbed.Start(t, testbed.Options{Args: replicaArgs(p, "--appendonly", "yes", "--rdb-key-save-delay", "10000")})
	c := r.Dial(t)
	inStep(t, primary, c)
	old := infoFields(primary.Call(t, "INFO", "replication").Str)["master_replid"]
	c.Call(t, "REPLICAOF", "NO", "ONE")
	if infoInt(t, c, "persistence", "aof_rewrite_in_progress") == 0 {
		t.Fatal("the log was there already")
	}
	c.Call(t, "SET", "own", "value")
	logged(t, c)
	c.Call(t, "SET", "own", "value")
	c.Call(t, "WAITAOF", "1", "0", "0")
	end := infoInt(t, c, "replication", "master_repl_offset")
	r.SetArgs("--appendonly", "yes")
	r.Kill()
	ok(t, r.Restart())
	c = r.Dial(t)
	if got := c.Call(t, "GET", "own").Str; got != "value" {
		t.Errorf("it has lost its own write: %q", got)
	}
	if reply := c.Call(t, "PSYNC", old, strconv.Itoa(end)).Str; !strings.HasPrefix(reply, "FULLRESYNC") {
		t.Errorf("who is at %d of the old history: %q", end, reply)
	}
}
