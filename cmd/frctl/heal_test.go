package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/snapshot"
)

func TestHealCommands(t *testing.T) {
	dir := t.TempDir()
	big, conf, rdb := filepath.Join(dir, "big.aof"), filepath.Join(dir, "redis.conf"), filepath.Join(dir, "dump.rdb")
	want := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	put := func(path string, p []byte) {
		t.Helper()
		if err := os.WriteFile(path, p, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	var snap, other bytes.Buffer
	if _, err := snapshot.Write(&snap, nil, snapshot.Meta{}); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Write(&other, nil, snapshot.Meta{Functions: [][]byte{[]byte("#!lua name=l\n")}}); err != nil {
		t.Fatal(err)
	}
	put(big, want)
	put(conf, []byte("port 1\n"))
	put(rdb, snap.Bytes())
	step := func(status int, says string, args ...string) {
		t.Helper()
		out, got := frctl(args...)
		if got != status || !strings.Contains(out, says) {
			t.Fatalf("%v: status %d, want %d and %q in\n%s", args, got, status, says, out)
		}
	}
	is := func(path string, p []byte) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("%s is not as it should be: %d bytes, %v", path, len(got), err)
		}
	}
	for _, c := range []string{"verify", "scrub", "repair"} {
		step(4, "not covered by a sidecar; frctl protect covers it", c, big)
		step(4, "no such file", c, big+"x")
	}
	if _, err := os.Stat(filepath.Join(dir, "heal")); err == nil {
		t.Error("what found nothing to do has left a folder")
	}
	step(0, "protected  big.aof", "protect", dir)
	step(0, "clean      redis.conf", "verify", dir)

	edit(t, big, func(p []byte) []byte { clear(p[5000:5010]); return p })
	step(2, "bytes 4096 to 8192", "verify", big)
	step(2, "not covered anew", "protect", dir) // or the damage would be the truth from here on
	step(2, `"state":"damaged"`, "verify", "--json", dir)
	step(1, "repaired", "scrub", dir)
	is(big, want)
	if info, err := os.Stat(big); err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info.Mode(), err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "heal", "quarantine", "big.aof.*.4096")); len(kept) != 1 {
		t.Error("the damaged bytes were not kept")
	}
	step(0, "clean", "verify", dir)

	for _, side := range []string{"big.aof.1.rs", "catalog.1"} {
		if err := os.Remove(filepath.Join(dir, "heal", side)); err != nil {
			t.Fatal(err)
		}
		step(2, "", "verify", dir)
		step(1, "", "scrub", dir)
		step(0, "", "verify", dir)
	}

	// What a repair that was killed has left goes with the next one that writes.
	put(big+".heal.tmp", want[:100])
	step(0, "clean", "verify", dir)
	is(big+".heal.tmp", want[:100])
	step(0, "clean", "scrub", big)
	if _, err := os.Stat(big + ".heal.tmp"); !os.IsNotExist(err) {
		t.Error("half a repair is left:", err)
	}

	// What people do is not undone.
	put(conf, []byte("port 2\n"))
	step(2, "people edit such files", "scrub", dir)
	is(conf, []byte("port 2\n"))
	step(1, "repaired", "repair", conf)
	is(conf, []byte("port 1\n"))
	put(rdb, other.Bytes())
	step(2, "another RDB file", "repair", rdb)
	step(0, "covered as it is now", "scrub", rdb)
	is(rdb, other.Bytes())
	step(0, "clean", "verify", rdb)

	longer := append(bytes.Clone(want), "more"...)
	put(big, longer)
	step(2, "extended", "scrub", big)
	is(big, longer)
	step(1, "repaired", "repair", "--cut", big)
	is(big, want)

	put(big, bytes.Repeat([]byte("x"), len(want)))
	step(3, "LOST", "verify", big)
	step(3, "beyond repair", "repair", big)
	step(0, "forgotten", "protect", "--forget", big)
	step(4, "there are 64+4", "protect", "--profile", "3+3", dir)
}

// A damaged manifest comes back from its companion, or from the twin of that, byte for byte; what stood there is kept. One that another server wrote
// is left alone.
func TestRepairManifest(t *testing.T) {
	dir := makeLog(t)
	log := filepath.Join(dir, "appendonlydir")
	manifest := filepath.Join(log, "appendonly.aof.manifest")
	was, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, companion := range []string{"", ".manifest.1.fr", ".manifest.1.twin.fr"} {
		if companion != "" {
			edit(t, filepath.Join(log, "appendonly.aof"+companion), func(p []byte) []byte { clear(p); return p })
		}
		edit(t, manifest, func(p []byte) []byte { clear(p[10:50]); return p })
		if out, status := frctl("inspect", dir); status != 3 {
			t.Fatalf("inspect: %d\n%s", status, out)
		}
		out, status := frctl("repair", manifest)
		if companion == ".manifest.1.twin.fr" {
			if status != exitUsage {
				t.Errorf("repaired without a companion: %d\n%s", status, out)
			}
			break
		}
		now, err := os.ReadFile(manifest)
		if status != exitRepaired || err != nil || !bytes.Equal(now, was) || !strings.Contains(out, "kept") {
			t.Fatalf("%q damaged: status %d, %v\n%s\n%s", companion, status, err, out, now)
		}
		if kept, _ := filepath.Glob(filepath.Join(log, "quarantine", "appendonly.aof.manifest.*")); len(kept) == 0 {
			t.Error("what stood there was not kept")
		}
	}
	dir = makeLog(t)
	manifest = filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")
	edit(t, manifest, func(p []byte) []byte { return append([]byte("# another server's\n"), p...) })
	if out, status := frctl("repair", manifest); status != exitUsage {
		t.Errorf("another server's manifest: %d\n%s", status, out)
	}
}
