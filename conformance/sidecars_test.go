package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// uncovered are the files a server writes that have no sidecar, by pattern below its directory, and why. Whatever else appears there is
// a file without cover, and fails TestEveryFileIsCovered.
var uncovered = map[string]string{
	"heal/*":                       "sidecars and their catalog hold copies of themselves",
	"heal/quarantine/*":            "damaged bytes, kept as they were found",
	"ledger/ledger.lock":           "empty",
	"appendonlydir/*.lock.fr":      "empty",
	"appendonlydir/*.epoch.fr":     "three copies in one file",
	"appendonlydir/*.watermark.fr": "three copies in one file",
	"appendonlydir/temp-*":         "not yet part of anything",
	"appendonlydir/quarantine/*":   "bytes cut off, kept as they were found",
	"*.log":                        "words for people",
	"log":                          "words for people",
	"*.pid":                        "of the running process",
	"temp-*.rdb":                   "not yet part of anything",
	"appendonlydir/*.ring.fr":      "written twice, two mebibytes apart",
	"appendonlydir/*.ring.*.fr":    "written twice, two mebibytes apart",
	"nodes.conf.lock":              "empty",
	"second/*.ring.fr":             "written twice, two mebibytes apart",
	"second/*.ring.*.fr":           "written twice, two mebibytes apart",
	"second/*.lock":                "empty",
	"stdout":                       "words for people",
}

// buildFrctl builds the operator's tool.
func buildFrctl(t *testing.T) string {
	t.Helper()
	frctl := filepath.Join(t.TempDir(), "frctl")
	if out, err := exec.Command("go", "build", "-o", frctl, "frankenredis/cmd/frctl").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/frctl: %v\n%s", err, out)
	}
	return frctl
}

// verify runs frctl verify --json over a folder and returns the state of each covered file, and the exit status.
func verify(t *testing.T, frctl, dir string) (states map[string]string, status int) {
	t.Helper()
	out, err := exec.Command(frctl, "verify", "--json", dir).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	states = map[string]string{}
	for line := range strings.Lines(string(out)) {
		var e struct {
			Name, State string
			Size, Found int64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if states[e.Name] = e.State; e.State == "clean" && e.Found > e.Size {
			states[e.Name] = fmt.Sprintf("clean as far as it is covered, %d of %d bytes", e.Size, e.Found)
		}
	}
	return states, status
}

// coveredServer is a server that writes everything a server can write.
func coveredServer(t *testing.T, mode string, args ...string) *testbed.Server {
	t.Helper()
	dir := testbed.TempDir(t)
	conf := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(conf, []byte("maxclients 500\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	acl := filepath.Join(dir, "users.acl")
	if err := os.WriteFile(acl, []byte("user default on nopass ~* &* +@all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return testbed.Start(t, testbed.Options{Dir: dir, Wrap: []string{"sh", "-c", `exec "$0" ` + conf + ` "$@"`}, Args: append([]string{"--appendonly", "yes", "--save", "3600 1", "--aclfile", acl,
		"--cluster-enabled", "yes", "--fr-mode", mode, "--auto-aof-rewrite-percentage", "0", "--enable-debug-command", "yes"}, args...)})
}

// fillCovered has every kind of file written.
func fillCovered(t *testing.T, s *testbed.Server) *testbed.Client {
	t.Helper()
	c := s.Dial(t)
	c.Call(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	waitForText(t, func() string { return c.Call(t, "CLUSTER", "INFO").Str }, "cluster_state:ok")
	for i := range 300 {
		c.Call(t, "SET", fmt.Sprintf("key:%d", i), strings.Repeat("v", 100))
	}
	c.Call(t, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	c.Call(t, "BGREWRITEAOF")
	awaitInfo(t, c, "persistence", "aof_rewrites", 1)
	for i := range 300 {
		c.Call(t, "SET", fmt.Sprintf("more:%d", i), strings.Repeat("w", 100))
	}
	c.Call(t, "SAVE")
	c.Call(t, "ACL", "SAVE")
	c.Call(t, "CONFIG", "SET", "fr-scrub-rate", "0")
	c.Call(t, "CONFIG", "REWRITE")
	return c
}

// Whatever a server writes into its directory has a sidecar, or stands in the list above with a reason; a new kind of file fails this. So it
// is with a commit ring and a second one, which takes over here.
func TestEveryFileIsCovered(t *testing.T) {
	frctl := buildFrctl(t)
	t.Run("everysec", func(t *testing.T) {
		t.Parallel()
		testEveryFileIsCovered(t, frctl)
	})
	t.Run("rings", func(t *testing.T) {
		t.Parallel()
		dir := testEveryFileIsCovered(t, frctl, "--appendfsync", "always", "--fr-wal-commit", "ring", "--fr-wal-dir", "second")
		for _, pattern := range []string{"appendonlydir/*.ring*.fr", "second/*.ring*.fr"} {
			if names, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(names) == 0 {
				t.Errorf("no %s: %v", pattern, err)
			}
		}
	})
}

func testEveryFileIsCovered(t *testing.T, frctl string, args ...string) (dir string) {
	s := coveredServer(t, "strict", args...)
	c := fillCovered(t, s)
	waitForText(t, func() string { return c.Call(t, "INFO", "sidecars").Str }, "fr_sidecars_waiting:0")
	c.Close()
	stop(t, s)
	states, status := verify(t, frctl, s.Dir)
	if status != 0 {
		t.Errorf("frctl verify: exit status %d: %v", status, states)
	}
	seen := 0
	err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.Dir, path)
		if err != nil {
			return err
		}
		if state, ok := states[name]; ok {
			seen++
			if state != "clean" {
				t.Errorf("%s is %s", name, state)
			}
			return nil
		}
		for pattern := range uncovered {
			if match, err := filepath.Match(pattern, name); err != nil || match {
				return err
			}
		}
		t.Errorf("%s has no sidecar, and no reason to have none", name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dump.rdb", "redis.conf", "users.acl", "nodes.conf", "appendonlydir/appendonly.aof.manifest",
		"appendonlydir/appendonly.aof.2.base.rdb", "appendonlydir/appendonly.aof.2.incr.aof", "ledger/ledger.00000001.jsonl"} {
		if states[name] != "clean" {
			t.Errorf("%s: %q among %v", name, states[name], states)
		}
	}
	if seen < 9 {
		t.Errorf("only %d files are covered: %v", seen, states)
	}
	return s.Dir
}

// A running server finds damage in its files, tells of it, and brings the bytes back on request: sealed files and the one it appends to.
// What it serves does not change. A config that a person edits, and an older dump put back, are covered anew and stay as they are; a
// sidecar that is removed comes back; damage beyond the budget is named and nothing is touched.
func TestScrubOnline(t *testing.T) {
	t.Parallel()
	frctl := buildFrctl(t)
	s := coveredServer(t, "strict")
	c := fillCovered(t, s)
	status := func() string { return c.Call(t, "INFO", "sidecars").Str }
	idle := func() {
		t.Helper()
		waitForText(t, status, "fr_sidecars_waiting:0")
		waitForText(t, status, "fr_sidecars_scrubbing:0")
	}
	waitForText(t, status, "fr_sidecars_growing:2")
	waitForText(t, func() string { return c.Call(t, "INFO", "frankenredis").Str }, "fr_log_bytes_at_risk:0")
	waitForText(t, status, "fr_sidecars_bytes_behind:0")
	idle()
	digest := c.Call(t, "DEBUG", "DIGEST").Str
	path := func(name string) string { return filepath.Join(s.Dir, name) }
	log, base, dump := path("appendonlydir/appendonly.aof.2.incr.aof"), path("appendonlydir/appendonly.aof.2.base.rdb"), path("dump.rdb")
	was := map[string]string{}
	hurt := func(file string, at, n int) {
		t.Helper()
		p, err := os.ReadFile(file)
		ok(t, err)
		was[file] = string(p)
		for i := range n {
			p[at+i] ^= 0x55
		}
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		ok(t, err)
		_, err = f.WriteAt(p, 0)
		ok(t, err)
		ok(t, f.Close())
	}
	same := func() {
		t.Helper()
		for file, want := range was {
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("%s is not what it was: %v", file, err)
			}
		}
		clear(was)
	}
	hurt(log, 10_000, 1)
	hurt(base, 100, 600)
	hurt(dump, 50, 5)
	c.Call(t, "FR.SCRUB", "START")
	waitForText(t, status, "fr_sidecars_damaged_files:3")
	// What stands in the damaged bytes is told: in the log, in the ledger, and to who asks.
	waitForText(t, func() string { return s.LogText() }, log+": the increment's damaged bytes concern LSN ")
	waitForText(t, func() string { return s.LogText() }, base+": the base's damaged bytes concern the state at LSN ")
	waitForText(t, func() string { return s.LogText() }, dump+": the snapshot's damaged bytes concern keys db0 \"")
	waitForText(t, func() string { return fmt.Sprint(c.Call(t, "FR.SCRUB", "STATUS")) }, "more:")
	if out, err := exec.Command(frctl, "scrub", s.Dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "stream   LSN ") ||
		!strings.Contains(string(out), "keys     db0 \"more:") {
		t.Errorf("frctl scrub, which asks the server: %v\n%s", err, out)
	}
	if out, err := exec.Command(frctl, "repair", s.Dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "3 repaired") {
		t.Errorf("frctl repair, which asks the server: %v\n%s", err, out)
	}
	waitForText(t, status, "fr_sidecars_damaged_files:0")
	same()
	if now := c.Call(t, "DEBUG", "DIGEST").Str; now != digest {
		t.Errorf("the data changed: %s, %s", digest, now)
	}
	for _, want := range []string{"37 change damaged", "36 note damaged", "44 note"} {
		waitForText(t, func() string {
			if hasRecord(ledgerLines(t, s.Dir), want) != nil {
				return "yes"
			}
			return "no"
		}, "yes")
	}

	// What people put there stays.
	edited := path("redis.conf")
	p, err := os.ReadFile(edited)
	ok(t, err)
	ok(t, os.WriteFile(edited, append(p, "# edited by a person\n"...), 0o644))
	older, err := os.ReadFile(dump)
	ok(t, err)
	c.Call(t, "SET", "another", "value")
	c.Call(t, "SAVE")
	idle()
	ok(t, os.WriteFile(dump, older, 0o644))
	before := infoFields(status())["fr_sidecars_files_replaced"]
	c.Call(t, "FR.SCRUB", "REPAIR")
	waitForText(t, status, "fr_sidecars_files_replaced:2")
	idle()
	if before != "0" {
		t.Errorf("%s files were replaced before", before)
	}
	if got, _ := os.ReadFile(dump); string(got) != string(older) {
		t.Error("the older dump was changed back")
	}
	if got, _ := os.ReadFile(edited); !strings.HasSuffix(string(got), "# edited by a person\n") {
		t.Error("the edited configuration was changed back")
	}
	waitForText(t, func() string {
		p, _ := os.ReadFile(path("ledger/ledger.00000001.jsonl"))
		return fmt.Sprint(strings.Count(string(p), "file-replaced"))
	}, "2")

	// Sidecars come back.
	sidecars, err := filepath.Glob(path("heal/*.rs"))
	ok(t, err)
	for _, file := range sidecars {
		ok(t, os.Remove(file))
	}
	c.Call(t, "FR.SCRUB", "START")
	waitForText(t, status, fmt.Sprintf("fr_sidecars_sidecars_made_anew:%d", len(sidecars)))
	idle()
	if states, code := verify(t, frctl, s.Dir); code != 0 {
		t.Errorf("%v", states)
	}

	// Beyond the budget: nothing is touched, and the report says what is lost.
	hurt(dump, 50, 5)
	broken, err := os.ReadFile(dump)
	ok(t, err)
	sidecars, err = filepath.Glob(path("heal/dump.rdb.*.rs"))
	ok(t, err)
	for _, file := range sidecars {
		ok(t, os.Truncate(file, 0))
	}
	c.Call(t, "FR.SCRUB", "REPAIR", dump)
	waitForText(t, status, "fr_sidecars_files_beyond_repair:1")
	if !strings.Contains(s.LogText(), dump+" is damaged beyond what its sidecar can repair") {
		t.Errorf("the log does not say so:\n%s", s.LogTail(5))
	}
	waitForText(t, func() string { return s.LogText() }, dump+": the snapshot's damaged bytes concern keys db0? \"")
	if got, err := os.ReadFile(dump); err != nil || string(got) != string(broken) {
		t.Errorf("what is beyond repair was changed: %v", err)
	}
	c.Close()
	s.Kill()
}
