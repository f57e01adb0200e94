package conformance

import (
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/testbed"
)

// Replicas that begin together are one transfer in the log, as in Redis: it says how many are left at the end, or that the last one went
// before. While the snapshot is made for them INFO shows a background save and replicas that wait for it.
func TestTransferInLog(t *testing.T) {
	for _, c := range []struct {
		name, delay string
		drop        int
		want        string
	}{
		{"none is dropped", "1000", 0, "Diskless rdb transfer, done reading from pipe, 2 replicas still up."},
		{"one is dropped", "50000", 1, "Diskless rdb transfer, done reading from pipe, 1 replicas still up."},
		{"all are dropped", "100000000", 2, "Diskless rdb transfer, last replica dropped, killing fork child."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "600",
				"--repl-diskless-sync-max-replicas", "2", "--rdb-key-save-delay", c.delay}})
			primary := p.Dial(t)
			primary.Call(t, "DEBUG", "POPULATE", "100")
			var rs []*testbed.Server
			for range 2 {
				rs = append(rs, testbed.Start(t, testbed.Options{Args: replicaArgs(p, "--repl-diskless-load", "swapdb")}))
			}
			waitForText(t, p.LogText, "Background RDB transfer started")
			if c.drop > 0 { // else it may be over
				got := infoFields(primary.Call(t, "INFO", "replication").Str)
				if n := infoInt(t, primary, "persistence", "rdb_bgsave_in_progress"); n != 1 || !strings.Contains(got["slave0"], "state=wait_bgsave") ||
					!strings.Contains(got["slave1"], "state=wait_bgsave") {
					t.Errorf("a save in progress: %d, replicas %s and %s", n, got["slave0"], got["slave1"])
				}
			}
			for _, r := range rs[:c.drop] {
				waitForText(t, r.LogText, "Loading DB in memory") // it begins before all is there
				r.Kill()
			}
			waitForText(t, p.LogText, c.want)
			for _, r := range rs[c.drop:] {
				waitForText(t, r.LogText, "Finished with success")
			}
			waitFor(t, "the end of the save", func() bool { return infoInt(t, primary, "persistence", "rdb_bgsave_in_progress") == 0 })
			if n := strings.Count(p.LogText(), "Background RDB transfer started by pid"); n != 1 {
				t.Errorf("%d transfers began\n%s", n, p.LogTail(30))
			}
		})
	}
}

// What replicas have still to get is held once for all of them, beyond the backlog's size while one needs it, and from there another goes
// on that was away meanwhile. When nobody needs it any more it goes.
func TestReplicasShareStream(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--repl-backlog-size", "16kb",
		"--client-output-buffer-limit", "replica 0 0 0", "--repl-timeout", "1000"}})
	primary := p.Dial(t)
	var rs []*testbed.Server
	var cs []*testbed.Client
	for range 3 {
		r := testbed.Start(t, testbed.Options{Args: replicaArgs(p)})
		rs, cs = append(rs, r), append(cs, r.Dial(t))
		inStep(t, primary, cs[len(cs)-1])
	}
	for _, r := range rs[1:] {
		ok(t, r.Pause())
	}
	const values, size = 3000, 10_000 // more than two sockets hold
	write := func(n int) {
		for range n {
			primary.Call(t, "SET", "k", strings.Repeat("x", size))
		}
	}
	write(values)
	inStep(t, primary, cs[0])
	cs[0].Call(t, "CLIENT", "KILL", "TYPE", "master")
	write(10)
	inStep(t, primary, cs[0])
	if full, partial := infoInt(t, primary, "stats", "sync_full"), infoInt(t, primary, "stats", "sync_partial_ok"); full != 3 || partial != 1 {
		t.Errorf("%d full syncs and %d partial ones\n%s", full, partial, p.LogTail(20))
	}
	held, most := infoInt(t, primary, "memory", "mem_total_replication_buffers"), values*size*11/10
	if held < values*size/4 || held > most {
		t.Errorf("%d bytes are held for two replicas that lack %d each", held, values*size)
	}
	if used := infoInt(t, primary, "memory", "used_memory"); used < held || used > held+(4<<20) {
		t.Errorf("%d bytes are used, %d of them for replicas", used, held)
	}
	if got := infoInt(t, primary, "replication", "repl_backlog_histlen"); got < values*size/4 || got > held {
		t.Errorf("the backlog has %d bytes, in %d", got, held)
	}
	for i, r := range rs[1:] {
		ok(t, r.Signal(syscall.SIGCONT))
		inStep(t, primary, cs[i+1])
	}
	waitFor(t, "the acknowledgements", func() bool { // they are what lets the stream go
		write(4)
		return infoInt(t, primary, "memory", "mem_total_replication_buffers") < 64<<10
	})
	if full := infoInt(t, primary, "stats", "sync_full"); full != 3 {
		t.Errorf("%d full syncs\n%s", full, p.LogTail(20))
	}
}

// A new size of the backlog holds at once.
func TestBacklogResized(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"}})
	primary := p.Dial(t)
	r := testbed.Start(t, testbed.Options{Args: replicaArgs(p)})
	inStep(t, primary, r.Dial(t))
	for range 20 {
		primary.Call(t, "SET", "k", strings.Repeat("x", 10_000))
	}
	inStep(t, primary, r.Dial(t))
	primary.Call(t, "CONFIG", "SET", "repl-backlog-size", "16kb")
	primary.Call(t, "SET", "k", "v")
	if n := infoInt(t, primary, "replication", "repl_backlog_histlen"); n > 64<<10 {
		t.Errorf("the backlog of 16 KiB has %d bytes", n)
	}
}
