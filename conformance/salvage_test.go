package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// A log that is damaged below what was durable is refused; with --salvage what comes before the damage is served, nothing can be written or
// saved, nobody may follow, and the files stay as they are.
func TestSalvage(t *testing.T) {
	args := []string{"--appendonly", "yes", "--save", "", "--fr-ledger-limit", "0", "--fr-sidecars", "no"}
	s := testbed.Start(t, testbed.Options{Args: args})
	c := s.Dial(t)
	const keys = 5000
	for i := range keys {
		ok(t, c.Send("SET", "k"+strconv.Itoa(i), "value-"+strconv.Itoa(i)))
	}
	for range keys {
		_, err := c.Receive()
		ok(t, err)
	}
	if _, err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.Dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	log, err := os.ReadFile(path)
	ok(t, err)
	at := bytes.Index(log, []byte("value-4000"))
	log[at] ^= 1
	ok(t, os.WriteFile(path, log, 0o644))
	before := tree(t, s.Dir)
	if s.Restart() == nil {
		t.Fatal("the damaged log was loaded")
	}
	s.SetArgs(append(args, "--salvage")...)
	ok(t, s.Restart())
	c = s.Dial(t)
	n := int(c.Call(t, "DBSIZE").Int)
	if n == 0 || n > 4000 {
		t.Errorf("%d keys are served", n)
	}
	for i := range n {
		if got := c.Call(t, "GET", "k"+strconv.Itoa(i)).Str; got != "value-"+strconv.Itoa(i) {
			t.Fatalf("k%d is %q", i, got)
		}
	}
	for _, refused := range [][]string{{"SET", "k", "v"}, {"SAVE"}, {"BGSAVE"}, {"BGREWRITEAOF"}, {"REPLICAOF", "127.0.0.1", "1"},
		{"CONFIG", "SET", "appendonly", "no"}, {"PSYNC", "?", "-1"}, {"EVAL", "return redis.call('SET', 'k', 'v')", "0"}, {"FLUSHALL"}} {
		if r, err := c.Do(refused...); err != nil || r.Err() == nil {
			t.Errorf("%v: %v, %v", refused, r, err)
		}
	}
	f := infoFields(c.Call(t, "INFO", "everything").Str)
	if f["fr_salvaged_file"] != path || f["fr_salvaged_lost_bytes"] == "0" || f["fr_salvaged_proven"] != "1" {
		t.Errorf("%s, %s bytes lost", f["fr_salvaged_file"], f["fr_salvaged_lost_bytes"])
	}
	if _, err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	after := tree(t, s.Dir)
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s changed", name)
		}
	}
	for name := range after {
		if _, there := before[name]; !there {
			t.Errorf("%s was made", name)
		}
	}
	if text, _ := os.ReadFile(s.Log); !strings.Contains(string(text), "Salvage: the log up to byte") {
		t.Error("the log does not say what was salvaged")
	}
}

// tree reads all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	ok(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		p, err := os.ReadFile(path)
		files[path] = string(p)
		return err
	}))
	return files
}
