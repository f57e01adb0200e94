package conformance

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// clientsDir is where conformance/clients/fetch.sh put client libraries.
func clientsDir() string { return cmp.Or(os.Getenv("FR_CLIENTS"), "/opt/clients") }

// A foreignClient is a script in conformance/clients that does what programs do with a library of another language.
type foreignClient struct{ name, needs, program, script, env string }

// nodeClient is a script that requires npm packages, the named one and those fetched with it.
func nodeClient(name, script string) foreignClient {
	node := filepath.Join(clientsDir(), "node_modules")
	return foreignClient{name, filepath.Join(node, name), "node", script, "NODE_PATH=" + node}
}

// pythonClient is a script that imports packages that Debian has.
func pythonClient(name, module, script string) foreignClient {
	python := filepath.Join(clientsDir(), "debian", "root", "usr", "lib", "python3", "dist-packages")
	return foreignClient{name, filepath.Join(python, module), "python3", script, "PYTHONPATH=" + python}
}

// lines runs the script on servers and gives what it prints.
func (c foreignClient) lines(t *testing.T, servers ...*testbed.Server) []string {
	t.Helper()
	args := []string{filepath.Join("clients", c.script)}
	for _, s := range servers {
		args = append(args, strconv.Itoa(s.Port))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = append(os.Environ(), c.env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// agrees holds what the script prints of the subject to what it prints of redict; start makes the servers that it uses, of one program.
func (c foreignClient) agrees(t *testing.T, start func(t *testing.T, binary string) []*testbed.Server) {
	needsClient(t, c.needs, c.program)
	got := c.lines(t, start(t, testbed.Subject(t))...)
	want := c.lines(t, start(t, testbed.Peer(t, "redict-server"))...)
	if len(want) < 8 {
		t.Fatalf("the script ends early: %q", want)
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("line %d:\n%.600s\nwant\n%.600s", i+1, at(got, i), at(want, i))
		}
	}
}

// Client libraries of other languages, unmodified, get from the subject what they get from redict. They are not fetched unasked.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	for _, client := range []foreignClient{
		nodeClient("ioredis", "ioredis.js"),
		nodeClient("redis", "node-redis.js"),
		nodeClient("bullmq", "bullmq.js"),
		nodeClient("bull", "bull.js"),
		nodeClient("redlock", "redlock.js"),
		nodeClient("socket.io", "socket.io.js"),
		nodeClient("rate-limiter-flexible", "rate-limiter-flexible.js"),
		pythonClient("rq", "rq", "python-rq.py"),
		pythonClient("redis-py", "redis", "redis-py.py"),
	} {
		t.Run(client.name, func(t *testing.T) {
			client.agrees(t, func(t *testing.T, binary string) []*testbed.Server {
				return []*testbed.Server{testbed.Start(t, testbed.Options{Binary: binary})}
			})
		})
	}
}

// The same of a cluster of three, with a slot that moves.
func TestForeignClusterClients(t *testing.T) {
	t.Parallel()
	for _, client := range []foreignClient{nodeClient("ioredis", "cluster.js"), pythonClient("redis-py", "redis", "redis-py-cluster.py")} {
		t.Run(client.name, func(t *testing.T) {
			client.agrees(t, func(t *testing.T, binary string) []*testbed.Server {
				return busCluster(t, []string{binary, binary, binary}, func() []string { return nil })
			})
		})
	}
}

// The same of Sentinel, with a failover.
func TestForeignSentinelClients(t *testing.T) {
	t.Parallel()
	nodeClient("ioredis", "sentinel.js").agrees(t, func(t *testing.T, binary string) []*testbed.Server {
		args := []string{"--repl-diskless-sync-delay", "0"}
		primary := testbed.Start(t, testbed.Options{Binary: binary, Args: args})
		testbed.Start(t, testbed.Options{Binary: binary, Args: append(args, "--replicaof", "127.0.0.1", strconv.Itoa(primary.Port))})
		sentinel := startSentinel(t, binary, fmt.Sprintf("sentinel monitor m 127.0.0.1 %d 1\nsentinel failover-timeout m 8000\n", primary.Port))
		c := sentinel.Dial(t)
		waitFor(t, "Sentinel to find the replica", func() bool { return len(c.Call(t, "SENTINEL", "REPLICAS", "m").Elems) == 1 })
		return []*testbed.Server{sentinel}
	})
}

func needsClient(t *testing.T, file, program string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Skipf("not compared: no %s; conformance/clients/fetch.sh gets it", file)
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("not compared: no %s", program)
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// The exporter that Debian ships finds every metric that it finds of redict.
func TestExporter(t *testing.T) {
	t.Parallel()
	exporter := filepath.Join(clientsDir(), "debian", "root", "usr", "bin", "prometheus-redis-exporter")
	needsClient(t, exporter, exporter)
	metric := regexp.MustCompile(`(?m)^redis_[a-z0-9_]+`)
	metrics := func(binary string) []string {
		s := testbed.Start(t, testbed.Options{Binary: binary})
		c := s.Dial(t)
		c.Call(t, "SET", "k", "v", "EX", "100")
		c.Call(t, "GET", "k")
		port := strconv.Itoa(testbed.FreePort("127.0.0.1"))
		cmd := exec.Command(exporter, "-redis.addr", "redis://"+s.Addr(), "-web.listen-address", "127.0.0.1:"+port)
		ok(t, cmd.Start())
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		var names []string
		waitFor(t, "the exporter", func() bool {
			resp, err := http.Get("http://127.0.0.1:" + port + "/metrics")
			if err != nil {
				return false
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			ok(t, err)
			names = metric.FindAllString(string(text), -1)
			return true
		})
		slices.Sort(names)
		return slices.Compact(names)
	}
	got, want := metrics(testbed.Subject(t)), metrics(testbed.Peer(t, "redict-server"))
	t.Logf("%d metrics, redict has %d", len(got), len(want))
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("no metric %s", name)
		}
	}
}
