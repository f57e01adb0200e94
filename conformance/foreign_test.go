package conformance

import (
	"cmp"
	"context"
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

// Client libraries of other languages, unmodified, get from the subject what they get from redict. They are not fetched unasked.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	dir := clientsDir()
	python := filepath.Join(dir, "debian", "root", "usr", "lib", "python3", "dist-packages")
	node := filepath.Join(dir, "node_modules")
	for _, client := range []struct{ name, needs, program, script, env string }{
		{"ioredis", filepath.Join(node, "ioredis"), "node", "ioredis.js", "NODE_PATH=" + node},
		{"node-redis", filepath.Join(node, "redis"), "node", "node-redis.js", "NODE_PATH=" + node},
		{"bullmq", filepath.Join(node, "bullmq"), "node", "bullmq.js", "NODE_PATH=" + node},
		{"rate-limiter-flexible", filepath.Join(node, "rate-limiter-flexible"), "node", "rate-limiter-flexible.js", "NODE_PATH=" + node},
		{"rq", filepath.Join(python, "rq"), "python3", "python-rq.py", "PYTHONPATH=" + python},
		{"redis-py", filepath.Join(python, "redis"), "python3", "redis-py.py", "PYTHONPATH=" + python},
	} {
		t.Run(client.name, func(t *testing.T) {
			needsClient(t, client.needs, client.program)
			run := func(binary string) []string {
				s := testbed.Start(t, testbed.Options{Binary: binary})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, client.program, filepath.Join("clients", client.script), strconv.Itoa(s.Port))
				cmd.Env = append(os.Environ(), client.env)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%.2000s", err, out)
				}
				return strings.Split(strings.TrimSpace(string(out)), "\n")
			}
			got, want := run(testbed.Subject(t)), run(testbed.Peer(t, "redict-server"))
			if len(want) < 10 {
				t.Fatalf("the script ends early: %q", want)
			}
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Errorf("line %d:\n%.600s\nwant\n%.600s", i+1, at(got, i), at(want, i))
				}
			}
		})
	}
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
