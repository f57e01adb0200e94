package conformance

import (
	"path/filepath"
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
		nodes[i] = testbed.Start(t, testbed.Options{Binary: binary, Args: append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "3000",
			"--repl-diskless-sync-delay", "0"}, more()...)})
	}
	first := nodes[0].Dial(t)
	for i, bounds := range [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}} {
		c := nodes[i].Dial(t)
		c.Call(t, "CLUSTER", "ADDSLOTSRANGE", bounds[0], bounds[1])
		c.Call(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for _, n := range nodes[1:] {
		bus := n.Dial(t).Call(t, "CONFIG", "GET", "cluster-port").Elems[1].Str
		first.Call(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(n.Port), bus)
	}
	all := "cluster_known_nodes:" + strconv.Itoa(len(nodes))
	everyNode(t, nodes, "to know the others", func(c *testbed.Client) bool { return strings.Contains(c.Call(t, "CLUSTER", "INFO").Str, all) })
	everyNode(t, nodes, "to be done with handshakes", func(c *testbed.Client) bool { return !strings.Contains(c.Call(t, "CLUSTER", "NODES").Str, "handshake") })
	for i, n := range nodes[3:] {
		n.Dial(t).Call(t, "CLUSTER", "REPLICATE", nodes[i].Dial(t).Call(t, "CLUSTER", "MYID").Str)
	}
	everyNode(t, nodes, "to serve", func(c *testbed.Client) bool {
		return strings.Contains(c.Call(t, "CLUSTER", "INFO").Str, "cluster_state:ok") &&
			strings.Count(c.Call(t, "CLUSTER", "NODES").Str, "slave") == len(nodes)-3
	})
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

// everyNode waits until something holds for all nodes that run.
func everyNode(t *testing.T, nodes []*testbed.Server, what string, holds func(c *testbed.Client) bool) {
	t.Helper()
	for _, n := range nodes {
		if !n.Running() {
			continue
		}
		c := n.Dial(t)
		for deadline := time.Now().Add(60 * time.Second); !holds(c); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waiting for a node %s:\n%s\n%s", what, c.Call(t, "CLUSTER", "NODES").Str, n.LogTail(20))
			}
		}
		c.Close()
	}
}

// clusterDo sends a command to wherever the nodes send it.
func clusterDo(t *testing.T, nodes []*testbed.Server, args ...string) testbed.Reply {
	t.Helper()
	to := ""
	for range 200 {
		for _, n := range nodes {
			if !n.Running() || to != "" && n.Addr() != to {
				continue
			}
			r, err := n.Dial(t).Do(args...)
			to = ""
			switch {
			case err == nil && strings.HasPrefix(r.Str, "MOVED "):
				to = strings.Fields(r.Str)[2]
			case err == nil && !strings.HasPrefix(r.Str, "CLUSTERDOWN"):
				return r
			}
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%q finds no node", args)
	return testbed.Reply{}
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
			nodes[0].Dial(t).Call(t, "PUBLISH", "news", "here")
			if m, err := listener.Receive(); err != nil || len(m.Elems) != 3 || m.Elems[2].Str != "here" {
				t.Errorf("%v, %v", m, err)
			}
			reader := nodes[4].Dial(t)
			if r, _ := reader.Do("GET", "key:1"); !strings.HasPrefix(r.Str, "MOVED ") {
				t.Errorf("a replica answers without READONLY: %v", r)
			}

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
			})

			// An administrator hands the third shard over and back.
			for _, hand := range [][2]*testbed.Server{{nodes[2], nodes[5]}, {nodes[5], nodes[2]}} {
				from, to := hand[0].Dial(t), hand[1]
				c := to.Dial(t)
				me, primary := c.Call(t, "CLUSTER", "MYID").Str, from.Call(t, "CLUSTER", "MYID").Str
				everyNode(t, nodes, "to know the replica", func(c *testbed.Client) bool {
					r, err := c.Do("CLUSTER", "REPLICAS", primary)
					ok(t, err)
					return strings.Contains(r.String(), me)
				})
				waitFor(t, "the link", func() bool { return strings.Contains(c.Call(t, "INFO", "replication").Str, "master_link_status:up") })
				c.Call(t, "CLUSTER", "FAILOVER")
				waitFor(t, "the hand-over", func() bool { return strings.Contains(c.Call(t, "ROLE").String(), "master") })
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
		return append(a.args(anyPort(t)), "--tls-cluster", "yes", "--tls-replication", "yes")
	})
	if r := clusterDo(t, nodes, "SET", "key", "value"); r.Str != "OK" {
		t.Error(r)
	}
	c := nodes[4].Dial(t)
	c.Call(t, "CLUSTER", "FAILOVER")
	waitFor(t, "the hand-over", func() bool { return strings.Contains(c.Call(t, "ROLE").String(), "master") })
	if r := clusterDo(t, nodes, "GET", "key"); r.Str != "value" {
		t.Error(r)
	}
	bus := nodes[0].Dial(t).Call(t, "CONFIG", "GET", "cluster-port").Elems[1].Str
	port, _ := strconv.Atoi(bus)
	if _, _, err := dialTLS(t, port, a.client(t, "server")); err != nil {
		t.Errorf("the bus speaks no TLS: %v", err)
	}
}
