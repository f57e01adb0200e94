package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/snapshot"
	"frankenredis/wal"
)

// copyFolder copies a data directory as it is now.
func copyFolder(t *testing.T, from string) (to string) {
	t.Helper()
	to = t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// ringAhead is a data directory as a kill leaves it: the ring has writes that the increment lacks, and the increment a torn end.
func ringAhead(t *testing.T) (dir string, keys int) {
	t.Helper()
	live := t.TempDir()
	l, err := wal.Create(wal.Options{Dir: filepath.Join(live, "appendonlydir"), Annotate: true, Policy: wal.Always, Commit: wal.CommitRing, RingSize: 1 << 20},
		wal.Position{ID: wal.NewReplID(), Epoch: 1},
		wal.Base{Write: func(w io.Writer) error {
			_, err := snapshot.Write(w, nil, snapshot.Meta{AOFBase: true, Version: 10})
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(true)
	for l.Status().Ring == "" {
		time.Sleep(time.Millisecond)
	}
	l.Commit([]byte(frame("SELECT", "0")), 0)
	for keys = 0; keys < 20; keys++ {
		l.Commit([]byte(frame("SET", fmt.Sprintf("key:%d", keys), "value")), 0)
		for l.Released() < l.End() {
			time.Sleep(10 * time.Microsecond)
		}
	}
	dir = copyFolder(t, live)
	edit(t, incr(dir), func(p []byte) []byte { return p[:len(p)-50] }) // not all had arrived
	if out, _ := frctl("inspect", dir); !strings.Contains(out, "increment lacks") {
		t.Fatal(out)
	}
	return dir, keys
}

// I1: what was acknowledged is in the increments after finalize, where a stock server finds it.
func TestFinalize(t *testing.T) {
	dir, keys := ringAhead(t)
	out, status := frctl("finalize", dir)
	if status != 0 || !strings.Contains(out, "quarantine") || !strings.Contains(out, "append ") || !strings.Contains(out, fmt.Sprintf("%d commands", keys)) {
		t.Fatalf("status %d\n%s", status, out)
	}
	text, err := os.ReadFile(incr(dir))
	if err != nil || strings.Count(string(text), "SET\r\n") != keys || !strings.HasSuffix(string(text), "\r\n") {
		t.Errorf("%d of %d commands, %v: ...%.100q", strings.Count(string(text), "SET\r\n"), keys, err, text[max(0, len(text)-100):])
	}
	again, status := frctl("finalize", dir)
	if status != 0 || strings.Contains(again, "append") || strings.Contains(again, "truncate") {
		t.Errorf("again: status %d\n%s", status, again)
	}
	if out, status := frctl("check", dir); status != 0 {
		t.Errorf("check: status %d\n%s", status, out)
	}
}

// Over damage nothing is changed.
func TestFinalizeRefuses(t *testing.T) {
	dir := makeLog(t)
	edit(t, incr(dir), func(p []byte) []byte { p[40] ^= 1; return p })
	before, _ := os.ReadFile(incr(dir))
	out, status := frctl("finalize", dir)
	after, _ := os.ReadFile(incr(dir))
	if status != exitCorrupt || !strings.Contains(out, "refused") || string(before) != string(after) {
		t.Errorf("status %d\n%s", status, out)
	}
	if _, status := frctl("finalize", filepath.Join(dir, "none")); status != exitUsage {
		t.Errorf("status %d without a folder", status)
	}
}
