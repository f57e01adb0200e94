package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

const (
	clusterMe    = "875cdc3232aa00dff9752711ba01207b0d1d7af3"
	clusterOther = "b2a38db0bfc1ae6510717f0d856c96ea840b864a"
)

// startNode starts a node of a cluster that finds nodes in its nodes.conf.
func startNode(t *testing.T, nodes string) *testbed.Server {
	t.Helper()
	dir := testbed.TempDir(t)
	ok(t, os.WriteFile(filepath.Join(dir, "nodes.conf"), []byte(nodes), 0o644))
	return testbed.Start(t, testbed.Options{Dir: dir, Args: []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "60000"}})
}

// A node that knows another from nodes.conf sends clients there, asks them to ask there for slots that are moving, and takes what is
// coming from those who ask. The replies are Redis's: the test holds for redict.
func TestClusterRedirects(t *testing.T) {
	t.Parallel()
	// b is in slot 3300, which moves away; foo in 12182, which is coming; x in 16287, which is the other's.
	nodes := clusterMe + " 127.0.0.1:7001@17001,,tls-port=0,shard-id=cd8e6db555ee70d1041d43ceba42da63bbdf7bbd myself,master - 0 0 5 connected " +
		"0-8000 [3300->-" + clusterOther + "] [12182-<-" + clusterOther + "]\n" +
		clusterOther + " 127.0.0.1:7002@17002,host,tls-port=0,shard-id=7066ffb33fdec6470e925b5d643e8ebb22aa0276 master - 0 0 1 connected 8001-16383\n" +
		"vars currentEpoch 5 lastVoteEpoch 0\n"
	s := startNode(t, nodes)
	c := s.Dial(t)
	waitForText(t, func() string { return c.Call(t, "CLUSTER", "INFO").Str }, "cluster_state:ok")
	for _, step := range []struct{ send, want string }{
		{"CLUSTER MYID", clusterMe},
		{"FAILOVER", "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead."},
		{"GET x", "MOVED 16287 127.0.0.1:7002"},
		{"GET b", "ASK 3300 127.0.0.1:7002"}, // not here any more
		{"SET {a}1 v", "MOVED 15495 127.0.0.1:7002"},
		{"GET foo", "MOVED 12182 127.0.0.1:7002"},
		{"ASKING", "OK"},
		{"SET foo v", "OK"},
		{"GET foo", "MOVED 12182 127.0.0.1:7002"}, // ASKING is for one command
		{"ASKING", "OK"},
		{"MGET foo {foo}2", "TRYAGAIN Multiple keys request during rehashing of slot"},
		{"ASKING", "OK"},
		{"GET foo", "v"},
		{"CLUSTER COUNTKEYSINSLOT 12182", "1"},
		{"EVAL return(redis.call('GET','x')) 0", "ERR Script attempted to access a non local key in a cluster node"},
		{"CLUSTER SETSLOT 3300 STABLE", "OK"},
		{"SET b 1", "OK"},
		{"CLUSTER SETSLOT 3300 MIGRATING " + clusterOther, "OK"},
		{"GET b", "1"},
		{"MGET b {b}2", "TRYAGAIN Multiple keys request during rehashing of slot"},
		{"CLUSTER SETSLOT 3300 NODE " + clusterOther, "ERR Can't assign hashslot 3300 to a different node while I still hold keys for this hash slot."},
		{"DEL b", "1"},
		{"CLUSTER SETSLOT 3300 NODE " + clusterOther, "OK"},
		{"GET b", "MOVED 3300 127.0.0.1:7002"},
		{"CLUSTER SETSLOT 12182 NODE " + clusterMe, "OK"}, // with an epoch above the other's
		{"GET foo", "v"},
		{"MULTI", "OK"},
		{"GET foo", "QUEUED"},
		{"GET x", "MOVED 16287 127.0.0.1:7002"},
		{"EXEC", "EXECABORT Transaction discarded because of previous errors."},
		{"CONFIG SET cluster-preferred-endpoint-type hostname", "OK"},
		{"GET x", "MOVED 16287 host:7002"},
		{"CONFIG SET cluster-preferred-endpoint-type unknown-endpoint", "OK"},
		{"GET x", "MOVED 16287 :7002"},
	} {
		r, err := c.Do(strings.Fields(step.send)...)
		ok(t, err)
		if got := r.Str; got != step.want && fmt.Sprint(r.Int) != step.want && (!strings.HasPrefix(step.want, "ERR Script") || !strings.HasPrefix(got, step.want)) {
			t.Errorf("%s: %s, want %s", step.send, got, step.want)
		}
	}
	ok(t, func() error { _, err := c.Do("CLUSTER", "SAVECONFIG"); return err }())
	text := readFile(t, filepath.Join(s.Dir, "nodes.conf"))
	for _, want := range []string{"myself,master - 0 0 5 connected 0-3299 3301-8000 12182", "8001-12181 12183-16383", "vars currentEpoch 5 "} {
		if !strings.Contains(text, want) {
			t.Errorf("nodes.conf has no %q:\n%s", want, text)
		}
	}
}

// A primary that gives its last slot away becomes a replica of who has it now; an address that is no longer announced is not told any more; a
// script hears what is wrong with keys on the move. The replies are Redis's: the test holds for redict.
func TestClusterLastSlot(t *testing.T) {
	t.Parallel()
	nodes := clusterMe + " 127.0.0.1:7001@17001,,tls-port=0,shard-id=cd8e6db555ee70d1041d43ceba42da63bbdf7bbd myself,master - 0 0 5 connected " +
		"3300 [12182-<-" + clusterOther + "]\n" +
		clusterOther + " 127.0.0.1:7002@17002,host,tls-port=0,shard-id=7066ffb33fdec6470e925b5d643e8ebb22aa0276 master - 0 0 1 connected 0-3299 3301-16383\n" +
		"vars currentEpoch 5 lastVoteEpoch 0\n"
	s := startNode(t, nodes)
	c := s.Dial(t)
	waitForText(t, func() string { return c.Call(t, "CLUSTER", "INFO").Str }, "cluster_state:ok")
	if r := c.Call(t, "CLUSTER", "GETKEYSINSLOT", "3300", "99999999999"); len(r.Elems) != 0 {
		t.Errorf("no keys, and GETKEYSINSLOT finds %v", r)
	}
	c.Call(t, "ASKING")
	r, err := c.Do("EVAL", "return redis.call('MGET', KEYS[1], '{foo}2')", "1", "foo")
	ok(t, err)
	if want := "ERR Unable to execute command 'mget' in script because undeclared keys were accessed during rehashing of the slot"; !strings.HasPrefix(r.Str, want) {
		t.Errorf("%s, want %s", r.Str, want)
	}
	c.Call(t, "CONFIG", "SET", "cluster-announce-ip", "10.0.0.1")
	if text := c.Call(t, "CLUSTER", "NODES").Str; !strings.Contains(text, " 10.0.0.1:") {
		t.Errorf("announced: %s", text)
	}
	c.Call(t, "CONFIG", "SET", "cluster-announce-ip", "")
	if text := c.Call(t, "CLUSTER", "NODES").Str; strings.Contains(text, " 10.0.0.1:") {
		t.Errorf("no longer announced: %s", text)
	}
	c.Call(t, "CLUSTER", "SETSLOT", "3300", "NODE", clusterOther)
	if text := c.Call(t, "CLUSTER", "NODES").Str; !strings.Contains(text, "myself,slave "+clusterOther) {
		t.Errorf("without slots: %s", text)
	}
	r, err = c.Do("CLUSTER", "SETSLOT", "3300", "NODE", clusterOther)
	ok(t, err)
	if want := "ERR Please use SETSLOT only with masters."; r.Str != want { // clients look for it: a source that lost its last slot is a replica by then
		t.Errorf("%s, want %s", r.Str, want)
	}
}

// A replica that never had a link to its primary since it started does not know how old its data is, and does not ask for the place of
// one that fails.
func TestClusterUnknownAge(t *testing.T) {
	t.Parallel()
	const shard = "shard-id=7066ffb33fdec6470e925b5d643e8ebb22aa0276"
	nodes := clusterMe + " 127.0.0.1:7001@17001,,tls-port=0," + shard + " myself,slave " + clusterOther + " 0 0 1 connected\n" +
		clusterOther + " 127.0.0.1:1@1,,tls-port=0," + shard + " master,fail - 0 0 1 disconnected 0-16383\n" +
		"vars currentEpoch 1 lastVoteEpoch 0\n"
	s := startNode(t, nodes)
	waitForText(t, s.LogText, "Disconnected from master for longer than allowed. Please check the 'cluster-replica-validity-factor'")
	if strings.Contains(s.LogText(), "Start of election") {
		t.Error(s.LogTail(20))
	}
}

// A node keeps who it is and what it serves over a crash, finds the keys of a slot again, and without its file takes on the slots it
// has keys of. A file that is none stops the start.
func TestClusterRestart(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--cluster-enabled", "yes", "--appendonly", "yes"}})
	c := s.Dial(t)
	id := c.Call(t, "CLUSTER", "MYID").Str
	c.Call(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	waitFor(t, "the node to serve", func() bool { r, err := c.Do("SET", "b", "1"); return err == nil && r.Str == "OK" })
	c.Call(t, "SET", "{b}2", "2")
	c.Call(t, "WAITAOF", "1", "0", "60000")
	s.Kill()
	ok(t, s.Restart())
	c = s.Dial(t)
	if got := c.Call(t, "CLUSTER", "MYID").Str; got != id {
		t.Errorf("the node calls itself %s, it was %s", got, id)
	}
	if n := c.Call(t, "CLUSTER", "COUNTKEYSINSLOT", "3300").Int; n != 2 {
		t.Errorf("%d keys in slot 3300", n)
	}
	if text := c.Call(t, "CLUSTER", "INFO").Str; !strings.Contains(text, "cluster_slots_assigned:16384") {
		t.Errorf("after the restart: %s", text)
	}
	stop(t, s)
	file := filepath.Join(s.Dir, "nodes.conf")
	ok(t, os.Remove(file))
	ok(t, s.Restart())
	c = s.Dial(t)
	if text := c.Call(t, "CLUSTER", "NODES").Str; !strings.Contains(text, " connected 3300\n") || strings.Contains(text, id) {
		t.Errorf("without nodes.conf: %s", text)
	}
	stop(t, s)
	ok(t, os.WriteFile(file, []byte("garbage\n"), 0o644))
	if err := s.Restart(); err == nil {
		t.Error("it starts with a nodes.conf that is none")
	}
	if log := s.LogText(); !strings.Contains(log, "Unrecoverable error: corrupted cluster config file") {
		t.Errorf("log: %.500s", log)
	}
}

// A nodes.conf that redict takes for damaged ends a start in its words, and what redict takes for harmless does not.
func TestClusterFileDamage(t *testing.T) {
	t.Parallel()
	me := clusterMe + " 127.0.0.1:7001@17001,,tls-port=0,shard-id=cd8e6db555ee70d1041d43ceba42da63bbdf7bbd myself,master - 0 0 5 connected 0-8000\n"
	other := clusterOther + " 127.0.0.1:7002@17002,host,tls-port=0,shard-id=7066ffb33fdec6470e925b5d643e8ebb22aa0276 master - 0 0 1 connected 8001-16383\n"
	vars := "vars currentEpoch 5 lastVoteEpoch 0\n"
	last := regexp.MustCompile(`(?s)# (Unrecoverable error: .*?)\n?"\.\n`) // redict's line ends where the file's line does
	start := func(binary, text string) (refused, log string) {
		dir := testbed.TempDir(t)
		ok(t, os.WriteFile(filepath.Join(dir, "nodes.conf"), []byte(text), 0o644))
		s, err := testbed.Launch(testbed.Options{Binary: binary, Dir: dir, Args: []string{"--cluster-enabled", "yes", "--appendonly", "no", "--save", ""}})
		defer s.Kill()
		if err == nil {
			return "", s.LogText()
		}
		code, err := s.WaitExit()
		ok(t, err)
		found := last.FindAllStringSubmatch(s.LogText(), -1)
		if len(found) != 1 {
			t.Fatalf("%s with %q: exit status %d, %s", filepath.Base(binary), text, code, s.LogTail(800))
		}
		return fmt.Sprintf("exit status %d: %s", code, found[0][1]), s.LogText()
	}
	refused := 0
	for _, text := range []string{
		me + other + vars,
		me + other + strings.TrimSuffix(vars, "\n"),
		"\n" + me + "\n" + vars,
		"\n",
		other + vars,
		me + vars + "garbage\n",
		"# a comment\n" + me,
		me[:60],
		me + other + vars[:len(vars)-8],
		me + strings.Replace(vars, " 0", "", 1),
		me + strings.Replace(vars, "lastVoteEpoch", "later", 1),
		strings.Replace(me, clusterMe, clusterMe[:39], 1),
		strings.Replace(me, clusterMe, strings.ToUpper(clusterMe), 1),
		strings.Replace(me, ":7001@17001", "", 1),
		strings.Replace(me, "tls-port=0", "tls-port", 1),
		strings.Replace(me, "tls-port=0", "later=0", 1),
		strings.Replace(me, "shard-id=cd", "shard-id=CD", 1),
		strings.Replace(me, "0-8000", "0-16384", 1),
		strings.Replace(me, "master -", "slave x", 1),
		strings.Replace(me, " connected 0-8000", "", 1),
		me + strings.Replace(other, "8001-", "7000-", 1) + vars,
	} {
		got, log := start(testbed.Subject(t), text)
		want, real := start(testbed.Peer(t, "redict-server"), text)
		if want != "" {
			refused++
		}
		if got != want {
			t.Errorf("nodes.conf %q: %q, want %q", text, got, want)
		}
		const skipped = "Skipping unknown cluster config variable 'later'"
		if strings.Contains(log, skipped) != strings.Contains(real, skipped) {
			t.Errorf("nodes.conf %q: the log of an unknown variable: %s", text, log)
		}
	}
	if refused < 10 {
		t.Errorf("redict refused %d", refused)
	}
}

// A second process with the same nodes.conf would take itself for the same node: it does not start. The lock follows the file when
// it is rewritten, and goes with its owner.
func TestClusterNodesLock(t *testing.T) {
	t.Parallel()
	dir := testbed.TempDir(t)
	options := testbed.Options{Binary: testbed.Subject(t), Dir: dir, Args: []string{"--cluster-enabled", "yes", "--appendonly", "no", "--save", ""}}
	first := testbed.Start(t, options)
	c := first.Dial(t)
	for _, args := range [][]string{{"PING"}, {"CLUSTER", "ADDSLOTS", "1", "2", "3"}, {"CLUSTER", "BUMPEPOCH"}} {
		c.Call(t, args...)
		second, err := testbed.Launch(options)
		if err == nil {
			second.Kill()
			t.Fatalf("a second node starts after %q", args)
		}
		if !strings.Contains(err.Error(), "Sorry, the cluster configuration file nodes.conf is already used by a different Redis Cluster node.") {
			t.Fatal(err)
		}
	}
	first.Kill()
	third := testbed.Start(t, options)
	if nodes := third.Dial(t).Call(t, "CLUSTER", "NODES").Str; !strings.Contains(nodes, " connected 1-3") {
		t.Errorf("nodes.conf was lost: %q", nodes)
	}
}
