package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// sentinels starts Sentinels, one of each program, that watch a primary under the name m.
func sentinels(t *testing.T, primary *testbed.Server, programs ...string) []*testbed.Server {
	t.Helper()
	var all []*testbed.Server
	for _, binary := range programs {
		all = append(all, startSentinel(t, binary, fmt.Sprintf("sentinel monitor m 127.0.0.1 %d 2\nsentinel down-after-milliseconds m 3000\n"+
			"sentinel failover-timeout m 8000\nsentinel parallel-syncs m 2\n", primary.Port)))
	}
	return all
}

// startSentinel starts a program in Sentinel mode. The file comes first on the command line, and must stay writable: Sentinel keeps its
// state in it.
func startSentinel(t *testing.T, binary, conf string) *testbed.Server {
	t.Helper()
	dir := testbed.TempDir(t)
	ok(t, os.WriteFile(filepath.Join(dir, "sentinel.conf"), []byte(conf), 0o644))
	program := filepath.Join(dir, "sentinel.sh")
	testbed.WriteProgram(t, program, fmt.Appendf(nil, "#!/bin/sh\ncd %q\nexec %q sentinel.conf \"$@\" --sentinel\n", dir, binary))
	return testbed.Start(t, testbed.Options{Binary: program, Dir: dir, Plain: true})
}

// Under Sentinel the service goes on: it finds replicas and the other Sentinels by what the primary says and publishes, gives the role away
// on demand and after a kill, and takes a primary that comes back for a replica, with what was written there and nothing else.
func TestSentinelFailover(t *testing.T) {
	ours, redis, redict := testbed.Subject(t), testbed.Peer(t, "redis-server"), testbed.Peer(t, "redict-server")
	for name, programs := range map[string][]string{
		"redis": {redis, redis, redis}, "ours": {ours, ours, ours}, "mixed, ours first": {ours, redict, redis}, "mixed, theirs first": {redict, ours, ours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for Sentinel's clocks most of the time
			testSentinelFailover(t, programs...)
		})
	}
}

// testSentinelFailover has the first of the programs, as Sentinels, fail over on demand, and any of them after a kill.
func testSentinelFailover(t *testing.T, programs ...string) {
	args := []string{"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--appendonly", "yes", "--enable-debug-command", "yes"}
	start := func(extra ...string) *testbed.Server {
		dir := testbed.TempDir(t)
		conf := filepath.Join(dir, "redis.conf")
		ok(t, os.WriteFile(conf, nil, 0o644))
		program := filepath.Join(dir, "server.sh")
		testbed.WriteProgram(t, program, fmt.Appendf(nil, "#!/bin/sh\nexec %q %q \"$@\"\n", testbed.Subject(t), conf))
		return testbed.Start(t, testbed.Options{Binary: program, Dir: dir, Args: append(extra, args...)})
	}
	p := start()
	all := []*testbed.Server{p, start("--replicaof", "127.0.0.1 "+strconv.Itoa(p.Port)), start("--replicaof", "127.0.0.1 "+strconv.Itoa(p.Port))}
	byPort := func(port string) *testbed.Server {
		for _, s := range all {
			if strconv.Itoa(s.Port) == port {
				return s
			}
		}
		t.Fatalf("no server of ours has port %s", port)
		return nil
	}
	watch := sentinels(t, p, programs...)
	asked := make([]*testbed.Client, len(watch))
	for i, s := range watch {
		asked[i] = s.Dial(t)
	}
	known := func(c *testbed.Client) map[string]string {
		reply, fields := c.Call(t, "SENTINEL", "MASTER", "m"), map[string]string{}
		for i := 0; i+1 < len(reply.Elems); i += 2 {
			fields[reply.Elems[i].Str] = reply.Elems[i+1].Str
		}
		return fields
	}
	whole := func() bool {
		for _, c := range asked {
			if f := known(c); f["num-slaves"] != "2" || f["num-other-sentinels"] != "2" || f["flags"] != "master" {
				return false
			}
		}
		return true
	}
	waitFor(t, "the Sentinels to know all replicas and each other", whole)
	primary := func() *testbed.Server {
		return byPort(asked[0].Call(t, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m").Elems[1].Str)
	}
	// A machine that stands still for long enough makes Sentinel fail over once more, and a server whose role it changes loses its clients: so
	// who the primary is, is asked anew at each look. say asks the primary of now.
	say := func(args ...string) testbed.Reply {
		c, err := primary().DialErr()
		if err != nil {
			return testbed.Reply{}
		}
		defer c.Close()
		r, err := c.Do(args...)
		if err != nil {
			return testbed.Reply{}
		}
		return r
	}
	// moved waits until another server is the primary for everybody, and the others follow it; k is kept on the way.
	moved := func(from *testbed.Server, alive int, k string) {
		t.Helper()
		waitFor(t, "another primary whom the others follow", func() bool {
			return primary() != from && strings.Count(say("INFO", "replication").Str, "state=online") == alive-1
		})
		waitFor(t, "its value", func() bool {
			r := say("GET", "k")
			if r.Kind == testbed.Bulk && r.Str != k {
				t.Fatalf("k is %q, not %q", r.Str, k)
			}
			return r.Str == k
		})
	}
	// write sets k where so many replicas take it over.
	write := func(k string, replicas int64) {
		t.Helper()
		waitFor(t, "a write on all replicas", func() bool {
			c, err := primary().DialErr()
			if err != nil {
				return false
			}
			defer c.Close()
			r, err := c.Do("SET", "k", k)
			if err != nil || r.Str != "OK" {
				return false
			}
			r, err = c.Do("WAIT", fmt.Sprint(replicas), "10000")
			return err == nil && r.Int == replicas
		})
	}
	write("1", 2)
	waitFor(t, "the Sentinels to agree", whole)
	first := primary()
	demand := now(func() { // given up after failover-timeout, and refused while there is one, or no replica is good enough
		if primary() == first {
			_, _ = asked[0].Do("SENTINEL", "FAILOVER", "m")
		}
	})
	waitFor(t, "a failover on demand", func() bool { demand(); return primary() != first })
	moved(first, 3, "1")
	write("2", 2)
	waitFor(t, "the Sentinels to agree again", whole)

	second := primary()
	second.Kill()
	moved(second, 2, "2")
	write("3", 1)

	port := second.Port
	second.SetArgs(append([]string{"--port", strconv.Itoa(port)}, args...)...)
	ok(t, second.RestartNoWait())
	second.Port = port
	ok(t, second.WaitReady())
	digest := func(s *testbed.Server, role, offset string) (string, bool) {
		b, err := s.DialErr()
		if err != nil {
			return "", false
		}
		defer b.Close()
		info, err1 := b.Do("INFO", "replication")
		sum, err2 := b.Do("DEBUG", "DIGEST")
		value, err3 := b.Do("GET", "k")
		fields := infoFields(info.Str)
		return fields[offset] + " " + sum.Str, err1 == nil && err2 == nil && err3 == nil && fields["role"] == role && value.Str == "3"
	}
	waitFor(t, "one primary, two replicas in step and a CONFIG REWRITE by Sentinel that says so", func() bool {
		last := primary()
		want, ready := digest(last, "master", "master_repl_offset")
		for _, s := range all {
			if s == last || !ready {
				continue
			}
			got, same := digest(s, "slave", "slave_repl_offset")
			conf, err := os.ReadFile(filepath.Join(s.Dir, "redis.conf"))
			ready = same && got == want && err == nil && strings.Contains(string(conf), fmt.Sprintf("replicaof 127.0.0.1 %d", last.Port))
		}
		return ready
	})
}
