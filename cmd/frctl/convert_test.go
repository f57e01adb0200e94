package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/snapshot"
)

func TestConvertCommand(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string, raw []byte) {
		t.Helper()
		if err := os.WriteFile(path(name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var plain, library bytes.Buffer
	if _, err := snapshot.Write(&plain, nil, snapshot.Meta{}); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Write(&library, nil, snapshot.Meta{Functions: [][]byte{[]byte("#!lua name=l\n")}}); err != nil {
		t.Fatal(err)
	}
	put("plain", plain.Bytes())
	put("library", library.Bytes())
	put("preamble", append(bytes.Clone(plain.Bytes()), "*1\r\n$4\r\nPING\r\n"...))
	put("cut", plain.Bytes()[:50])
	put("other", []byte("nothing of the kind"))
	for _, c := range []struct {
		args   string
		status int
		out    string // "": not written, else its first bytes
		says   string
	}{
		{"--to 9 plain out", 0, "REDIS0009", "converted  "},
		{"--to 11 plain out", 0, "REDIS0011", "RDB version 11"},
		{"--to 10 library out", 0, "REDIS0010", "0 keys"},
		{"--to 9 library out", 2, "", "NOT WRITTEN: something would be lost"},
		{"--to 9 --lossy library out", 0, "REDIS0009", "loss       function libraries"},
		{"--to 9 --lossy --json library out", 0, "REDIS0009", `{"kind":"loss","what":"function libraries"}`},
		{"--to 10 preamble out", 2, "", "14 bytes behind the snapshot's end at "},
		{"--to 10 --lossy preamble out", 0, "REDIS0010", "1 lost"},
		{"--to 10 cut out", 3, "", "snapshot ends too early"},
		{"--to 10 other out", 3, "", "not an RDB file"},
		{"--to 8 plain out", 4, "", "versions 9 to 11 can be written"},
		{"plain out", 4, "", `required flag(s) "to" not set`},
		{"--to 9 missing out", 4, "", "no such file"},
		{"--to 9 plain nowhere/out", 4, "", "no such file"},
	} {
		os.Remove(path("out"))
		args := []string{"convert"}
		for i, a := range strings.Fields(c.args) {
			if _, err := os.Stat(path(a)); err == nil || i > 0 && strings.HasSuffix(a, "out") || a == "missing" {
				a = path(a)
			}
			args = append(args, a)
		}
		said, status := frctl(args...)
		out, _ := os.ReadFile(path("out"))
		if status != c.status || !strings.Contains(said, c.says) || !bytes.HasPrefix(out, []byte(c.out)) || (c.out == "") != (out == nil) {
			t.Errorf("%s: status %d, want %d; out %.9q\n%s", c.args, status, c.status, out, said)
		}
		if strings.Contains(c.args, "--json") {
			for line := range strings.Lines(said) {
				if !json.Valid([]byte(line)) {
					t.Errorf("%s: no JSON: %s", c.args, line)
				}
			}
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 5 {
		t.Errorf("something is left over: %v", files)
	}
	// A file may be replaced by itself.
	if said, status := frctl("convert", "--to", "9", path("plain"), path("plain")); status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
	if out, _ := os.ReadFile(path("plain")); !bytes.HasPrefix(out, []byte("REDIS0009")) {
		t.Errorf("%.9q", out)
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_700_000_000, 0)
	p := newProgress(&out, 4<<20)
	p.show(1, 1)
	if p.w != nil || out.Len() > 0 {
		t.Errorf("%q on what is no terminal", out.String())
	}
	p.w, p.now, p.began, p.last = &out, func() time.Time { return now }, now, now
	p.show(1, 1)
	now = now.Add(time.Second)
	p.show(1<<20, 5000)
	p.show(2<<20, 6000)
	p.clear()
	if want := "\r\x1b[K 25% of 4 MiB, 5000 keys, 1 MiB/s, 3s left\r\x1b[K"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
