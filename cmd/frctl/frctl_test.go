package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/snapshot"
	"frankenredis/wal"
)

// frctl runs the tool and returns what it printed and its exit status.
func frctl(args ...string) (out string, status int) {
	var stdout, stderr bytes.Buffer
	status = run(args, &stdout, &stderr)
	return stdout.String() + stderr.String(), status
}

// frame is a command as the log holds it.
func frame(args ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(args))
	for _, a := range args {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(a), a)
	}
	return s
}

// makeLog makes a data directory with a log of a few units and returns it.
func makeLog(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l, err := wal.Create(wal.Options{Dir: filepath.Join(dir, "appendonlydir"), Name: "appendonly.aof", Annotate: true, Policy: wal.Always},
		wal.Position{ID: wal.NewReplID(), Epoch: 1},
		wal.Base{Write: func(w io.Writer) error {
			_, err := snapshot.Write(w, nil, snapshot.Meta{AOFBase: true})
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	l.Commit([]byte(frame("SELECT", "0")+frame("SET", "a", "1")), 0)
	l.Commit([]byte(frame("MULTI")+frame("SET", "b", "\x00\"quoted\"")+frame("SELECT", "3")+frame("SET", "c", strings.Repeat("v", 100))+frame("EXEC")), 3)
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	return dir
}

func incr(dir string) string { return filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof") }

// edit changes a file.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(raw), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestInspectClean(t *testing.T) {
	dir := makeLog(t)
	for _, path := range []string{dir, filepath.Join(dir, "appendonlydir"), filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")} {
		out, status := frctl("inspect", path)
		if status != 0 {
			t.Fatalf("%s: status %d\n%s", path, status, out)
		}
		for _, want := range []string{"manifest   88 bytes, base appendonly.aof.1.base.rdb, 1 increment", "companion  generation 1", "epoch      1, id ",
			"watermark  durable up to LSN 265, increment 1 byte", "clean stop", "RDB version 11 of 7.2.4", "0 keys in 0 databases",
			"LSN 0 to 265, 7 commands, ", "proven up to byte", "summary    clean"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", path, want, out)
			}
		}
	}
}

func TestInspectCommands(t *testing.T) {
	dir := makeLog(t)
	out, status := frctl("inspect", "--commands", "--width", "10", dir)
	if status != 0 {
		t.Fatal(out)
	}
	for _, want := range []string{
		"  byte 0          LSN 0          db 0  \"SELECT\" \"0\"\n",
		`db 0  "SET" "a" "1"`, `db 0  | "MULTI"`, `db 0  | "SET" "b" "\x00\"quoted\""`, `db 3  | "SELECT" "3"`,
		`db 3  | "SET" "c" "vvvvvvvvvv... (100 bytes)"`, `db 3  | "EXEC"`, "#     covers ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = frctl("inspect", "--commands", "--limit", "1", dir)
	if strings.Count(out, "  byte ") != 1 {
		t.Errorf("--limit 1:\n%s", out)
	}
	out, _ = frctl("inspect", "--commands", "--from", "23", "--to", "50", dir)
	if !strings.Contains(out, `"SET" "a"`) || strings.Contains(out, "MULTI") || strings.Contains(out, "SELECT") {
		t.Errorf("--from --to:\n%s", out)
	}
}

func TestInspectJSON(t *testing.T) {
	dir := makeLog(t)
	out, status := frctl("inspect", "--commands", "--json", dir)
	if status != 0 {
		t.Fatal(out)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(out) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kind := e["kind"].(string)
		kinds[kind]++
		args, _ := e["args"].([]any)
		if len(args) == 3 && args[1] == "b" && args[2] != "\x00\"quoted\"" || len(args) == 3 && args[1] == "c" && len(args[2].(string)) != 100 {
			t.Errorf("%s", line)
		}
	}
	for kind, n := range map[string]int{"directory": 1, "manifest": 1, "companion": 1, "epoch": 1, "watermark": 1, "base": 1, "increment": 1, "summary": 1, "command": 7} {
		if kinds[kind] != n {
			t.Errorf("%d of kind %s, want %d", kinds[kind], kind, n)
		}
	}
	if kinds["line"] < 1 {
		t.Error("no line")
	}
}

func TestInspectDamage(t *testing.T) {
	appendTo := func(text string) func([]byte) []byte { return func(p []byte) []byte { return append(p, text...) } }
	flip := func(at int) func([]byte) []byte { return func(p []byte) []byte { p[at] ^= 1; return p } }
	for _, c := range []struct {
		name   string
		file   string
		change func([]byte) []byte
		status int
		want   string
	}{
		{"torn", ".1.incr.aof", appendTo("*3\r\n$3\r\nSE"), 2, "TORN: "},
		{"changed", ".1.incr.aof", flip(40), 3, "CORRUPT: "},
		{"base changed", ".1.base.rdb", flip(22), 3, "wrong snapshot checksum"},
		{"base cut", ".1.base.rdb", func(p []byte) []byte { return p[:30] }, 3, "ends too early"},
		{"manifest changed", ".manifest", flip(0), 3, "Invalid AOF manifest file format"},
		{"manifest rewritten", ".manifest", func(p []byte) []byte { return []byte(strings.Replace(string(p), "seq 1 type i", "seq 2 type i", 1)) }, 2, "none describes this manifest"},
		{"companion changed", ".manifest.1.fr", flip(60), 2, "wrong checksum"},
		{"watermark lost", ".watermark.fr", func([]byte) []byte { return []byte("x") }, 2, "watermark  DAMAGED"},
		{"epoch lost", ".epoch.fr", func([]byte) []byte { return []byte("x") }, 2, "epoch      DAMAGED"},
	} {
		dir := makeLog(t)
		edit(t, filepath.Join(dir, "appendonlydir", "appendonly.aof"+c.file), c.change)
		for _, flags := range [][]string{nil, {"--commands"}, {"--json", "--commands"}} {
			out, status := frctl(append([]string{"inspect", dir}, flags...)...)
			if status != c.status || flags == nil && !strings.Contains(out, c.want) {
				t.Errorf("%s %v: status %d, want %d and %q\n%s", c.name, flags, status, c.status, c.want, out)
			}
		}
	}
	dir := makeLog(t)
	if err := os.Remove(incr(dir)); err != nil {
		t.Fatal(err)
	}
	if out, status := frctl("inspect", dir); status != 3 || !strings.Contains(out, "MISSING") {
		t.Errorf("missing: %d\n%s", status, out)
	}
}

func TestInspectSingleFiles(t *testing.T) {
	dir := makeLog(t)
	out, status := frctl("inspect", "--commands", incr(dir))
	if status != 0 || !strings.Contains(out, `"SET" "a" "1"`) || !strings.Contains(out, "7 commands") {
		t.Errorf("%d\n%s", status, out)
	}
	var rdb bytes.Buffer
	if _, err := snapshot.Write(&rdb, nil, snapshot.Meta{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "dump.rdb")
	if err := os.WriteFile(path, rdb.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, status = frctl("inspect", path); status != 0 || !strings.Contains(out, "RDB version 11 of 7.2.4") {
		t.Errorf("%d\n%s", status, out)
	}
	old := filepath.Join(dir, "appendonly.aof")
	if err := os.WriteFile(old, append(rdb.Bytes(), frame("SET", "tail", "1")...), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, status = frctl("inspect", "--commands", old); status != 0 || !strings.Contains(out, `"SET" "tail" "1"`) {
		t.Errorf("%d\n%s", status, out)
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"inspect"}, {"inspect", "a", "b"}, {"inspect", filepath.Join(dir, "none")}, {"inspect", dir}, {"inspect", "--nope", dir},
		{"inspect", "--from", "5", "--to", "4", dir}, {"nonsense"}, {"version", "x"}} {
		if out, status := frctl(args...); status != 4 || !strings.HasPrefix(out, "frctl: ") {
			t.Errorf("%v: %d\n%s", args, status, out)
		}
	}
	for _, args := range [][]string{{}, {"--help"}, {"inspect", "--help"}, {"version"}, {"completion", "bash"}, {"completion", "zsh"}} {
		if out, status := frctl(args...); status != 0 || out == "" {
			t.Errorf("%v: %d\n%s", args, status, out)
		}
	}
	if out, _ := frctl("inspect", "--help"); !strings.Contains(out, "Exit status: 0 clean") || !strings.Contains(out, "frctl inspect dump.rdb") {
		t.Error(out)
	}
	// Several logs in one folder.
	for _, name := range []string{"a.manifest", "b.manifest"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("file x seq 1 type i\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, status := frctl("inspect", dir); status != 4 || !strings.Contains(out, "choose one with --name") {
		t.Errorf("%d\n%s", status, out)
	}
	if out, status := frctl("inspect", "--name", "a", dir); status != 3 {
		t.Errorf("%d\n%s", status, out)
	}
}

// A wrong command line is answered with the right one.
func TestUsageNamed(t *testing.T) {
	for args, want := range map[string]string{
		"check":            "; usage: frctl check DIR|MANIFEST|FILE",
		"check a b":        "; usage: frctl check DIR|MANIFEST|FILE",
		"convert --bogus":  "; usage: frctl convert --to 9|10|11 IN OUT",
		"evidence nothing": "; frctl evidence --help lists",
		"nothing":          "; frctl --help lists",
	} {
		if out, status := frctl(strings.Fields(args)...); status != exitUsage || !strings.Contains(out, want) {
			t.Errorf("%s: status %d\n%s", args, status, out)
		}
	}
}
