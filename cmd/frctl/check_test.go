package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rdbOf is an RDB without a checksum around the bytes of keys.
func rdbOf(t *testing.T, keys string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "dump.rdb")
	if err := os.WriteFile(path, []byte("REDIS0011"+keys+"\xff"+strings.Repeat("\x00", 8)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	log := makeLog(t)
	torn, gap := makeLog(t), makeLog(t)
	edit(t, incr(torn), func(p []byte) []byte { return append(p, "*1"...) })
	edit(t, incr(gap), func(p []byte) []byte { p[40] ^= 1; return p })
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{log, 0, "summary    clean"},
		{torn, 2, "TORN: "},
		{gap, 2, "CORRUPT: "},
		{rdbOf(t, "\x04\x01h\x02\x01f\x01v\x01g\x01v"), 0, "1 key in 1 database"},
		{rdbOf(t, "\x04\x01h\x02\x01f\x01v\x01f\x01w"), 2, "db 0 key h at 9: an element occurs twice"},
		{rdbOf(t, "\x02\x01s\x02\x01a\x01a"), 2, "an element occurs twice"},
		{rdbOf(t, "\x0b\x01s\x05abcde"), 2, "malformed intset"},
		{filepath.Join(log, "none"), 4, "frctl: "},
	} {
		if out, status := frctl("check", c.path); status != c.status || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d, want %d and %q in\n%s", c.path, status, c.status, c.want, out)
		}
	}
	if out, _ := frctl("check", "--json", torn); !strings.Contains(out, `"state":"damaged","exit":2`) {
		t.Error(out)
	}
}
