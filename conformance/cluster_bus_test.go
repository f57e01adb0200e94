package conformance

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// busCluster starts a node for each binary and makes a cluster of them: the first three serve, the others copy one of these each.
func busCluster(t *testing.T, binaries []string, more func() []string) []*testbed.Server {
	t.Helper()
	nodes := make([]*testbed.Server, len(binaries))
	for i, binary := range binaries {
		nodes[i] = testbed.Start(t, testbed.Options{Binary: binary, Args: append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "4000",
			"--repl-diskless-sync-delay", "0"}, more()...)})
	}
	first := nodes[0].Dial(t)
	for i, bounds := range [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}} {
		c := nodes[i].Dial(t)
		c.Call(t, "CLUSTER", "ADDSLOTSRANGE", bounds[0], bounds[1])
		c.Call(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	everyNode(t, nodes, "to know the others by name", func(c *testbed.Client) bool {
		text := c.Call(t, "CLUSTER", "NODES").Str
		return strings.Count(text, "\n") == len(nodes) && !strings.Contains(text, "handshake")
	}, func() { // a handshake that took too long is given up
		for _, n := range nodes[1:] {
			c := n.Dial(t)
			bus := c.Call(t, "CONFIG", "GET", "cluster-port").Elems[1].Str
			c.Close()
			first.Call(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(n.Port), bus)
		}
	})
	for i, n := range nodes[3:] {
		c, primary := n.Dial(t), nodes[i].Dial(t).Call(t, "CLUSTER", "MYID").Str
		waitFor(t, "a node to know its primary", func() bool {
			r, err := c.Do("CLUSTER", "REPLICATE", primary)
			return err == nil && r.Str == "OK"
		})
	}
	everyNode(t, nodes, "to serve", func(c *testbed.Client) bool {
		return strings.Contains(c.Call(t, "CLUSTER", "INFO").Str, "cluster_state:ok") &&
			strings.Count(c.Call(t, "CLUSTER", "NODES").Str, "slave") == len(nodes)-3
	}, nil)
	for _, n := range nodes[3:] {
		c := n.Dial(t)
		waitFor(t, "the replica", func() bool { return strings.Contains(c.Call(t, "INFO", "replication").Str, "master_link_status:up") })
	}
	return nodes
}

// shardsAgree says whether in a file of nodes each replica has its primary's shard, if there are shards.
func shardsAgree(file string) bool {
	shards := map[string]string{}
	var nodes [][]string
	for line := range strings.Lines(file) {
		f := strings.Fields(line)
		if len(f) < 8 || f[0] == "vars" {
			continue
		}
		nodes = append(nodes, f)
		if _, aux, ok := strings.Cut(f[1], "shard-id="); ok {
			shards[f[0]], _, _ = strings.Cut(aux, ",")
		}
	}
	for _, f := range nodes {
		if f[3] != "-" && shards[f[0]] != shards[f[3]] {
			return false
		}
	}
	return true
}

// everyNode waits until something holds for all nodes that run. What makes it hold is done first, and again where that had no effect for long.
func everyNode(t *testing.T, nodes []*testbed.Server, what string, holds func(c *testbed.Client) bool, do func()) {
	t.Helper()
	if do == nil {
		do = func() {}
	}
	now := now(do)
	for _, n := range nodes {
		if !n.Running() {
			continue
		}
		c := n.Dial(t)
		if !eventually(func() bool { now(); return holds(c) }) {
			t.Fatalf("waiting for a node %s:\n%s\n%s", what, c.Call(t, "CLUSTER", "NODES").Str, n.LogTail(20))
		}
		c.Close()
	}
}

// askForPlace has a replica take its primary's place on demand.
func askForPlace(t *testing.T, c *testbed.Client) {
	t.Helper()
	ask := now(func() { _, _ = c.Do("CLUSTER", "FAILOVER") }) // which is given up after five seconds
	waitFor(t, "the hand-over", func() bool { ask(); return strings.Contains(c.Call(t, "ROLE").String(), "master") })
}

// clusterDo sends a command to wherever the nodes send it.
func clusterDo(t *testing.T, nodes []*testbed.Server, args ...string) testbed.Reply {
	t.Helper()
	to := ""
	var found testbed.Reply
	waitFor(t, strings.Join(args, " ")+" to find its node", func() bool {
		at := slices.IndexFunc(nodes, func(n *testbed.Server) bool { return n.Running() && (to == "" || n.Addr() == to) })
		to = ""
		if at < 0 { // sent to a node that has died: others will know better
			return false
		}
		c, err := nodes[at].DialErr()
		if err != nil {
			return false
		}
		defer c.Close()
		r, err := c.Do(args...)
		if err == nil && strings.HasPrefix(r.Str, "MOVED ") {
			to = strings.Fields(r.Str)[2]
		}
		found = r
		return err == nil && to == "" && !strings.HasPrefix(r.Str, "CLUSTERDOWN")
	})
	return found
}

// Nodes of ours and of stock servers are one cluster: they find each other, serve, replicate, carry messages; a replica takes over from a
// primary that dies, whichever of them is whose; a node that comes back at another port is found and follows; an administrator hands over.
func TestClusterBus(t *testing.T) {
	ours := testbed.Subject(t)
	for name, peer := range map[string]string{"ours": "", "redict": "redict-server", "valkey": "valkey-server", "redis": "redis-server"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := ours
			if peer != "" {
				binary = testbed.Peer(t, peer)
			}
			binaries := []string{ours, binary, ours, binary, ours, binary}
			if peer == "redis-server" {
				binaries = []string{ours, binary, binary, ours, ours, binary} // 7.0 cannot load what ours would send it
			}
			nodes := busCluster(t, binaries, func() []string { return nil })
			for i := range 60 {
				if r := clusterDo(t, nodes, "SET", "key:"+strconv.Itoa(i), strconv.Itoa(i)); r.Str != "OK" {
					t.Fatal(r)
				}
			}
			listener := nodes[5].Dial(t)
			listener.Call(t, "SUBSCRIBE", "news")
			publisher := nodes[0].Dial(t)
			listener.Patience = time.Second
			waitFor(t, "a message to come over the bus", func() bool { // it goes to whom the bus has a connection just then
				publisher.Call(t, "PUBLISH", "news", "here")
				m, err := listener.Receive()
				if err == nil && (len(m.Elems) != 3 || m.Elems[2].Str != "here") {
					t.Errorf("%v", m)
				}
				return err == nil
			})
			reader := nodes[4].Dial(t)
			waitFor(t, "a replica to send elsewhere", func() bool {
				r, err := reader.Do("GET", "key:1")
				ok(t, err)
				if r.Err() == nil {
					t.Fatalf("a replica answers without READONLY: %v", r)
				}
				return strings.HasPrefix(r.Str, "MOVED ")
			})

			// The primary of one shard dies; its replica takes over.
			dead, heir := nodes[1], nodes[4]
			witness := dead.Dial(t)
			waitFor(t, "every replica to be of its primary's shard", func() bool {
				witness.Call(t, "CLUSTER", "SAVECONFIG") // valkey does not when a replica's shard changes, and starts on no file where they differ
				return shardsAgree(readFile(t, filepath.Join(dead.Dir, "nodes.conf")))
			})
			if err := dead.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_, _ = dead.WaitExit()
			c := heir.Dial(t)
			waitFor(t, "the replica to take over", func() bool { return strings.Contains(c.Call(t, "ROLE").String(), "master") })
			for i := range 60 {
				if r := clusterDo(t, nodes, "GET", "key:"+strconv.Itoa(i)); r.Str != strconv.Itoa(i) {
					t.Fatalf("key %d: %v\n%s", i, r, heir.LogTail(30))
				}
			}
			ok(t, dead.Restart())
			id := heir.Dial(t).Call(t, "CLUSTER", "MYID").Str
			everyNode(t, nodes, "to see the old primary as a replica", func(c *testbed.Client) bool {
				r, err := c.Do("CLUSTER", "NODES")
				ok(t, err)
				text := r.Str // or LOADING
				return strings.Contains(text, "slave "+id) && !strings.Contains(text, "fail") && strings.Contains(text, ":"+strconv.Itoa(dead.Port)+"@")
			}, nil)

			// An administrator hands the third shard over and back.
			for _, hand := range [][2]*testbed.Server{{nodes[2], nodes[5]}, {nodes[5], nodes[2]}} {
				from, to := hand[0].Dial(t), hand[1]
				c := to.Dial(t)
				me, primary := c.Call(t, "CLUSTER", "MYID").Str, from.Call(t, "CLUSTER", "MYID").Str
				everyNode(t, nodes, "to know the replica", func(c *testbed.Client) bool {
					r, err := c.Do("CLUSTER", "REPLICAS", primary)
					ok(t, err)
					return strings.Contains(r.String(), me)
				}, nil)
				waitFor(t, "the link", func() bool { return strings.Contains(c.Call(t, "INFO", "replication").Str, "master_link_status:up") })
				askForPlace(t, c)
			}
			if r := clusterDo(t, nodes, "SET", "last", "word"); r.Str != "OK" {
				t.Error(r)
			}
			for i, n := range nodes {
				if binaries[i] == ours && strings.Contains(n.LogText(), "CRITICAL") {
					t.Errorf("commands of the stream failed\n%s", n.LogTail(30))
				}
			}
		})
	}
}

// With tls-cluster the bus and the replication of a cluster go by TLS, also between ours and redict.
func TestClusterBusTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, t.TempDir())
	a.issue(t, "server", time.Hour)
	ours, redict := testbed.Subject(t), testbed.Peer(t, "redict-server")
	nodes := busCluster(t, []string{ours, redict, ours, redict, ours}, func() []string {
		return append(a.args(testbed.FreePort("127.0.0.1")), "--tls-cluster", "yes", "--tls-replication", "yes")
	})
	if r := clusterDo(t, nodes, "SET", "key", "value"); r.Str != "OK" {
		t.Error(r)
	}
	askForPlace(t, nodes[4].Dial(t))
	if r := clusterDo(t, nodes, "GET", "key"); r.Str != "value" {
		t.Error(r)
	}
	bus := nodes[0].Dial(t).Call(t, "CONFIG", "GET", "cluster-port").Elems[1].Str
	port, _ := strconv.Atoi(bus)
	if _, _, err := dialTLS(t, port, a.client(t, "server")); err != nil {
		t.Errorf("the bus speaks no TLS: %v", err)
	}
}
