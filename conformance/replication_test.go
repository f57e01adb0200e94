package conformance

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// Replicas of ours, stock ones and our own, hold the same data at the same position: after a full sync by file and by socket, and when
// links drop, without a second full sync.
func TestReplicasOfOurs(t *testing.T) {
	for _, c := range []struct {
		replica string
		args    []string
	}{
		{"redict-server", []string{"--repl-diskless-sync", "no"}},
		{"valkey-server", []string{"--repl-diskless-sync-delay", "0", "--appendonly", "yes", "--appendfsync", "always"}},
		{"", []string{"--repl-diskless-sync-delay", "0", "--appendonly", "yes"}},
	} {
		t.Run("to "+c.replica, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(5, 6))
			p := testbed.Start(t, testbed.Options{Args: append(c.args, "--enable-debug-command", "yes")})
			primary := p.Dial(t)
			change(t, primary, rng, 1000)
			binary := testbed.Subject(t)
			if c.replica != "" {
				binary = testbed.Peer(t, c.replica)
			}
			r := testbed.Start(t, testbed.Options{Binary: binary, Args: replicaArgs(p)})
			replica := r.Dial(t)
			change(t, primary, rng, 1000)
			inStep(t, primary, replica)
			primary.Call(t, "SET", "large", strings.Repeat("x", 6<<20)) // more than waits for the executor at once
			primary.Call(t, "SET", "waited", "for")
			if n := primary.Call(t, "WAIT", "1", "60000").Int; n != 1 {
				t.Errorf("WAIT says %d", n)
			}
			for _, drop := range []func(){
				func() { primary.Call(t, "CLIENT", "KILL", "TYPE", "replica") },
				func() { replica.Call(t, "CLIENT", "KILL", "TYPE", "master") },
			} {
				change(t, primary, rng, 300)
				drop()
				change(t, primary, rng, 300)
				inStep(t, primary, replica)
			}
			if n := infoInt(t, primary, "stats", "sync_full"); n != 1 {
				t.Errorf("%d full syncs\n%s", n, p.LogTail(30))
			}
			if strings.Contains(r.LogText(), "CRITICAL") {
				t.Errorf("commands of the stream failed\n%s", r.LogTail(30))
			}
		})
	}
}

// A replica of a replica sees the first one's positions, and when the one in the middle is promoted it goes on from there without a full
// sync: the old history is the new one's past.
func TestReplicaChain(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 9))
	top := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"}})
	middle := testbed.Start(t, testbed.Options{Args: replicaArgs(top, "--repl-diskless-sync-delay", "0", "--appendonly", "yes")})
	a, b := top.Dial(t), middle.Dial(t)
	change(t, a, rng, 500)
	inStep(t, a, b)
	var ends []*testbed.Client
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		ends = append(ends, testbed.Start(t, testbed.Options{Binary: binary, Args: replicaArgs(middle)}).Dial(t))
	}
	change(t, a, rng, 500)
	for _, end := range ends {
		inStep(t, a, end)
	}
	full := infoInt(t, b, "stats", "sync_full")
	b.Call(t, "REPLICAOF", "NO", "ONE")
	change(t, b, rng, 500)
	for _, end := range ends {
		inStep(t, b, end)
	}
	if n := infoInt(t, b, "stats", "sync_full"); n != full {
		t.Errorf("%d full syncs after the promotion\n%s", n-full, middle.LogTail(30))
	}
}

// A shutdown waits until its replicas have everything, for at most shutdown-timeout, and can be called off meanwhile.
func TestReplicaShutdownWaits(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--repl-diskless-sync-delay", "0", "--shutdown-timeout", "600"}})
	primary := p.Dial(t)
	r := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: replicaArgs(p)})
	waitFor(t, "the replica", func() bool { return strings.Contains(p.LogText(), "Synchronization with replica") })
	ok(t, r.Pause())
	primary.Call(t, "SET", "last", "word")
	stopping := p.Dial(t)
	if err := stopping.Send("SHUTDOWN"); err != nil {
		t.Fatal(err)
	}
	waitForText(t, p.LogText, "Waiting for replicas before shutting down.")
	if left := infoInt(t, primary, "server", "shutdown_in_milliseconds"); left <= 0 || left > 600_000 {
		t.Errorf("%d ms are left", left)
	}
	primary.Call(t, "SHUTDOWN", "ABORT")
	if reply, err := stopping.Receive(); err != nil || reply.Str != "ERR Errors trying to SHUTDOWN. Check logs." {
		t.Errorf("the client that asked hears %v, %v", reply, err)
	}
	primary.Call(t, "SET", "one", "more")
	if err := stopping.Send("SHUTDOWN"); err != nil {
		t.Fatal(err)
	}
	waitForText(t, p.LogText, "Shutdown manually aborted.")
	if err := r.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if code, err := p.WaitExit(); err != nil || code != 0 {
		t.Errorf("exit status %d, %v", code, err)
	}
	if got := r.Dial(t).Call(t, "GET", "one").Str; got != "more" {
		t.Errorf("the replica has %q", got)
	}
	if !strings.Contains(p.LogText(), "1 of 1 replicas are in sync when shutting down.") {
		t.Error(p.LogTail(8))
	}
}

// Full syncs by socket wait for company: until the delay is over for the first, or until enough replicas are there. What a replica
// without persistence received does not stay on its disk if it shall not.
func TestReplicasWaitForCompany(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "600",
		"--repl-diskless-sync-max-replicas", "2", "--repl-disable-tcp-nodelay", "yes"}})
	primary := p.Dial(t)
	primary.Call(t, "SET", "k", "v")
	state := func(i string) string { return infoFields(primary.Call(t, "INFO", "replication").Str)["slave"+i] }
	one := testbed.Start(t, testbed.Options{Args: replicaArgs(p, "--save", "", "--rdb-del-sync-files", "yes")})
	waitFor(t, "the first replica", func() bool { return strings.Contains(state("0"), "state=wait_bgsave") })
	waitForText(t, p.LogText, "Delay next BGSAVE for diskless SYNC")
	time.Sleep(1100 * time.Millisecond)
	if got := state("0"); !strings.Contains(got, "state=wait_bgsave") {
		t.Errorf("alone it does not wait: %s", got)
	}
	two := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: replicaArgs(p, "--save", "")})
	inStep(t, primary, one.Dial(t))
	inStep(t, primary, two.Dial(t))
	for s, want := range map[*testbed.Server]bool{one: false, two: true} {
		if _, err := os.Stat(filepath.Join(s.Dir, "dump.rdb")); (err == nil) != want {
			t.Errorf("%s: dump.rdb: %v, wanted: %v", s.Dir, err, want)
		}
	}

	three := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: replicaArgs(p)})
	waitFor(t, "the third replica", func() bool { return strings.Contains(state("2"), "state=wait_bgsave") })
	primary.Call(t, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
	inStep(t, primary, three.Dial(t))
}

// A replica whose command makes a reply is dropped, and the log says why: its stream holds effects only. What makes none leaves it be.
func TestReplicaMakesReply(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--repl-diskless-sync-delay", "0"}})
		admin := s.Dial(t)
		for i, command := range [][]string{
			{"PING"}, {"GET", "k"}, {"BOGUS"}, {"MULTI"}, {"WAIT", "0", "1"}, {"REPLCONF", "bogus", "x"},
			{"REPLCONF", "ACK", "0"}, {"SYNC"}, {"MONITOR"}, // no reply
		} {
			before := len(s.LogText())
			replica := s.Dial(t)
			ok(t, replica.Send("SYNC"))
			waitFor(t, "the replica", func() bool { return infoInt(t, admin, "replication", "connected_slaves") == 1 })
			ok(t, replica.Send(command...))
			name := strings.ToLower(command[0])
			if name == "bogus" {
				name = "<unknown>"
			}
			if i < 6 {
				waitForText(t, func() string { return s.LogText()[before:] }, "Replica generated a reply to command '"+name+"', disconnecting it: id=")
			} else {
				ok(t, replica.Send("ECHO", "last"))
				waitForText(t, func() string { return s.LogText()[before:] }, "Replica generated a reply to command 'echo', disconnecting it: id=")
				if strings.Contains(s.LogText()[before:], "to command '"+name+"'") {
					t.Errorf("%s: %q made a reply\n%s", binary, command, s.LogTail(5))
				}
			}
			waitFor(t, "the replica's end", func() bool { return infoInt(t, admin, "replication", "connected_slaves") == 0 })
			if got, closed := replica.ReadAll(patience); !closed || strings.Contains(string(got), "PONG") {
				t.Errorf("%s: after %q the connection is closed: %v", binary, command, closed)
			}
		}
		if n := infoInt(t, admin, "stats", "unexpected_error_replies"); n != 3 {
			t.Errorf("%s: unexpected_error_replies is %d", binary, n)
		}
	}
}

// A primary without a stream that becomes a replica is at position 0 until it hears from its primary.
func TestPositionWithoutStream(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary})
		c := s.Dial(t)
		c.Call(t, "REPLICAOF", "127.0.0.1", "1")
		if n := infoInt(t, c, "replication", "slave_repl_offset"); n != 0 {
			t.Errorf("%s: %d", binary, n)
		}
	}
}
