package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// What a person puts in the place of a covered file while the server is down is taken as it is: the server works by it, records that it did,
// covers it anew, and never changes it back. change makes the change in a directory that the server has left, and returns the files that
// must stay as they are now; check looks at the server that was started on it.
func testPutThere(t *testing.T, args []string, fill func(t *testing.T, s *testbed.Server), change func(t *testing.T, dir string) []string,
	check func(t *testing.T, c *testbed.Client)) {
	frctl := buildFrctl(t)
	for _, mode := range []string{"strict", "hardened"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := testbed.TempDir(t)
			conf := filepath.Join(dir, "redis.conf")
			ok(t, os.WriteFile(conf, []byte("maxclients 500\n"), 0o644))
			s := testbed.Start(t, testbed.Options{Dir: dir, Wrap: []string{"sh", "-c", `exec "$0" ` + conf + ` "$@"`},
				Args: append([]string{"--fr-mode", mode, "--auto-aof-rewrite-percentage", "0"}, args...)})
			fill(t, s)
			c := s.Dial(t)
			waitForText(t, func() string { return c.Call(t, "INFO", "sidecars").Str }, "fr_sidecars_waiting:0")
			c.Close()
			stop(t, s)
			if states, code := verify(t, frctl, dir); code != 0 {
				t.Fatalf("before: %v", states)
			}
			files := change(t, dir)
			want := map[string]string{}
			for _, name := range files {
				want[name] = readFile(t, filepath.Join(dir, name))
			}
			if out, _ := exec.Command(frctl, "verify", dir).CombinedOutput(); strings.Count(string(out), "clean") == strings.Count(string(out), "\n") {
				t.Fatalf("the change is not seen:\n%s", out)
			}
			ok(t, s.Restart())
			c = s.Dial(t)
			check(t, c)
			status := func() string { return c.Call(t, "INFO", "sidecars").Str }
			for _, scrub := range []string{"START", "REPAIR"} {
				waitForText(t, status, "fr_sidecars_waiting:0")
				c.Call(t, "FR.SCRUB", scrub)
				waitForText(t, status, "fr_sidecars_scrubbing:0")
			}
			waitForText(t, func() string { return ledgerText(t, dir) }, "file-replaced")
			for name, text := range want {
				if got := readFile(t, filepath.Join(dir, name)); !strings.HasPrefix(got, text) {
					t.Errorf("%s is not what was put there", name)
				}
			}
			c.Close()
			stop(t, s)
			if states, code := verify(t, frctl, dir); code != 0 {
				t.Errorf("afterwards: %v", states)
			}
		})
	}
}

func ledgerText(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "ledger", "ledger.*.jsonl"))
	ok(t, err)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(readFile(t, name))
	}
	return b.String()
}

func TestSnapshotPutThere(t *testing.T) {
	older := ""
	testPutThere(t, []string{"--save", "3600 1"}, func(t *testing.T, s *testbed.Server) {
		c := s.Dial(t)
		defer c.Close()
		c.Call(t, "SET", "k", "older")
		c.Call(t, "SAVE")
		older = readFile(t, filepath.Join(s.Dir, "dump.rdb"))
		c.Call(t, "SET", "k", "newer")
		c.Call(t, "SAVE")
	}, func(t *testing.T, dir string) []string {
		ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte(older), 0o644))
		return []string{"dump.rdb"} // until the save at the end of the next life replaces it
	}, func(t *testing.T, c *testbed.Client) {
		if got := c.Call(t, "GET", "k").Str; got != "older" {
			t.Errorf("k is %q", got)
		}
	})
}

func TestConfigurationPutThere(t *testing.T) {
	testPutThere(t, []string{"--appendonly", "yes"}, func(t *testing.T, s *testbed.Server) {
		c := s.Dial(t)
		defer c.Close()
		c.Call(t, "SET", "k", "v")
		c.Call(t, "CONFIG", "SET", "maxmemory-samples", "7")
		c.Call(t, "CONFIG", "REWRITE")
	}, func(t *testing.T, dir string) []string {
		conf := filepath.Join(dir, "redis.conf")
		ok(t, os.WriteFile(conf, []byte(strings.Replace(readFile(t, conf), "maxmemory-samples 7", "maxmemory-samples 9", 1)), 0o644))
		return []string{"redis.conf"}
	}, func(t *testing.T, c *testbed.Client) {
		if got := c.Call(t, "CONFIG", "GET", "maxmemory-samples").Elems[1].Str; got != "9" {
			t.Errorf("maxmemory-samples is %s", got)
		}
	})
}

// The append-only folder comes back from a backup, and the sidecars beside it stay as they were.
func TestLogPutThere(t *testing.T) {
	backup := ""
	testPutThere(t, []string{"--appendonly", "yes"}, func(t *testing.T, s *testbed.Server) {
		c := s.Dial(t)
		c.Call(t, "SET", "k", "older")
		c.Close()
		stop(t, s)
		backup = filepath.Join(t.TempDir(), "backup")
		ok(t, os.CopyFS(backup, os.DirFS(filepath.Join(s.Dir, "appendonlydir"))))
		ok(t, s.Restart())
		c = s.Dial(t)
		defer c.Close()
		c.Call(t, "SET", "k", "newer")
	}, func(t *testing.T, dir string) []string {
		folder := filepath.Join(dir, "appendonlydir")
		ok(t, os.RemoveAll(folder))
		ok(t, os.CopyFS(folder, os.DirFS(backup)))
		var names []string
		files, err := filepath.Glob(filepath.Join(folder, "*.aof"))
		ok(t, err)
		for _, f := range files {
			names = append(names, "appendonlydir/"+filepath.Base(f))
		}
		return names
	}, func(t *testing.T, c *testbed.Client) {
		if got := c.Call(t, "GET", "k").Str; got != "older" {
			t.Errorf("k is %q", got)
		}
	})
}
