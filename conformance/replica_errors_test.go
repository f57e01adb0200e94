package conformance

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// The log tells what error a replica was about to get, in the words that Redis has for it: texts that it keeps ready stand there as they go
// out, others without their ERR. Input that is no command ends a replica in the same way.
func TestReplicaErrorLines(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--repl-diskless-sync-delay", "0"}})
		admin := s.Dial(t)
		for _, c := range []struct{ raw, text, after string }{
			{"SHUTDOWN bogus\r\n", "-ERR syntax error", "shutdown"},
			{"REPLCONF bogus x\r\n", "Unrecognized REPLCONF option: bogus", "replconf"},
			{"RESET\r\n", "can only reset normal client connections", "reset"},
			{"GET k\r\n", "Replica can't interact with the keyspace", "get"},
			{"*1\r\n$x\r\n", "Protocol error: invalid bulk length", "sync"},
		} {
			before := len(s.LogText())
			replica := s.Dial(t)
			ok(t, replica.Send("SYNC"))
			waitFor(t, "the replica", func() bool { return infoInt(t, admin, "replication", "connected_slaves") == 1 })
			_, err := replica.Conn.Write([]byte(c.raw))
			ok(t, err)
			log := func() string { return s.LogText()[before:] }
			waitForText(t, log, "== CRITICAL == This master is sending an error to its replica: '"+c.text+"' after processing the command '"+c.after+"'")
			if !strings.Contains(log(), "Replica generated a reply to command '"+c.after+"', disconnecting it: id=") {
				t.Errorf("%s: %q: %s", binary, c.raw, log())
			}
			waitFor(t, "the replica's end", func() bool { return infoInt(t, admin, "replication", "connected_slaves") == 0 })
			if got, closed := replica.ReadAll(5 * time.Second); !closed || bytes.Contains(got, []byte("-ERR")) {
				t.Errorf("%s: after %q the connection is closed: %v", binary, c.raw, closed)
			}
		}
	}
}

// DEBUG REPLICATE gives replicas a command that the primary did not execute. Ours refuses it while there is an append-only file, which
// would get it too.
func TestDebugReplicate(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"}})
		admin, replica := s.Dial(t), s.Dial(t)
		ok(t, replica.Send("SYNC"))
		waitFor(t, "the replica", func() bool { return strings.Contains(admin.Call(t, "INFO", "replication").Str, "state=online") })
		if r := admin.Call(t, "DEBUG", "REPLICATE", "SET", "k", "v"); r.Str != "OK" {
			t.Errorf("%s: %+v", binary, r)
		}
		admin.Call(t, "SET", "last", "1")
		got, _ := replica.ReadAll(time.Second)
		if !bytes.Contains(got, []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")) || !bytes.HasSuffix(got, []byte("$4\r\nlast\r\n$1\r\n1\r\n")) {
			t.Errorf("%s: the replica got %q", binary, got)
		}
		if r := admin.Call(t, "EXISTS", "k"); r.Int != 0 {
			t.Errorf("%s executed it", binary)
		}
	}
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--enable-debug-command", "yes"}})
	c := s.Dial(t)
	if r, err := c.Do("DEBUG", "REPLICATE", "SET", "k", "v"); err != nil || r.Err() == nil {
		t.Errorf("with an append-only file: %+v", r)
	}
}
