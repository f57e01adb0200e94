package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/heal"
	"frankenredis/wal/disk"
)

// A text that differs from its sidecar although nobody has written to the file since is damaged, however well it reads; what is written to later may
// be an edit, and what it was stays in the quarantine.
func TestUntouchedText(t *testing.T) {
	for _, c := range []struct {
		what string
		made time.Duration // how the sidecar's time lies to the change
		link bool          // the file is reached by a link
		want string
	}{
		{"changed before", time.Hour, false, "nobody has written to it"},
		{"changed since", -time.Hour, false, ""},
		{"behind a link", time.Hour, true, ""},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "nodes.conf")
		real := path
		if c.link {
			real = filepath.Join(dir, "real.conf")
			if err := os.Symlink(real, path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(real, []byte("slots 0-5460\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := heal.Open(heal.Options{FS: disk.OS(), Root: dir, Now: func() time.Time { return time.Now().Add(c.made) }}, true)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		if _, err := st.Protect("nodes.conf"); err != nil {
			t.Fatal(err)
		}
		s := &server{dir: dir, fs: disk.OS(), logger: newLogger(&logSink{})}
		covers := &covers{s: s}
		if got, err := covers.changed(st, path); got != nil || err != nil {
			t.Errorf("%s: as it was: %+v, %v", c.what, got, err)
		}
		if err := os.WriteFile(real, []byte("slots 0-5461\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := covers.changed(st, path)
		if err != nil || got == nil {
			t.Fatalf("%s: %v, %v", c.what, got, err)
		}
		if (c.want == "") != (got.why == "") || !strings.Contains(got.why, c.want) || string(got.was) != "slots 0-5460\n" {
			t.Errorf("%s: %q, it was %q", c.what, got.why, got.was)
		}
		if edited := covers.edited(st, path); edited != (c.want == "") {
			t.Errorf("%s: edited: %v", c.what, edited)
		}
		kept, _ := filepath.Glob(filepath.Join(dir, heal.Folder, "quarantine", "nodes.conf.1.0"))
		if len(kept) == 1 != (c.want == "") {
			t.Errorf("%s: kept: %v", c.what, kept)
		}
	}
}
