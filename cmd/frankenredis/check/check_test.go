package check

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/snapshot"
	"frankenredis/wal/disk"
)

// run runs a tool ("redis-check-aof" or "redis-check-rdb") and returns what it printed and its exit status.
func run(answer string, argv ...string) (string, int) {
	var out bytes.Buffer
	tool := Tool{FS: disk.OS(), In: strings.NewReader(answer), Out: &out, Err: &out, Version: "v=7.2.4", NowMs: func() int64 { return 1000 },
		Log: func(text string) { fmt.Fprintln(&out, "log:", text) }}
	main := tool.AOF
	if argv[0] == "redis-check-rdb" {
		main = tool.RDB
	}
	status := main(argv)
	return out.String(), status
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	sel = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
	set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
)

// What a repair cuts off is whole in the quarantine, and nothing is cut without a yes.
func TestFix(t *testing.T) {
	for _, c := range []struct {
		answer  string
		content string
		kept    string // of the file
		status  int
	}{
		{"y\n", sel + set[:20], sel, 0},
		{"Yes", sel + "\x00\x00\x00", sel, 0},
		{"n\n", sel + set[:20], sel + set[:20], 1},
		{"", sel + set[:20], sel + set[:20], 1},
		{"y\n", sel + set, sel + set, 0},
		{"y\n", "garbage", "", 0},
	} {
		dir := t.TempDir()
		path := write(t, filepath.Join(dir, "a.aof"), c.content)
		out, status := run(c.answer, "redis-check-aof", "--fix", path)
		raw, err := os.ReadFile(path)
		if err != nil || string(raw) != c.kept || status != c.status {
			t.Errorf("%q, answer %q: status %d, %q is left, %v\n%s", c.content, c.answer, status, raw, err, out)
		}
		copies, _ := filepath.Glob(filepath.Join(dir, "quarantine", "*")) // the pattern is well formed
		if cut := c.content[len(c.kept):]; cut != "" {
			if len(copies) != 1 || !strings.Contains(out, copies[0]) {
				t.Fatalf("%q: %q\n%s", c.content, copies, out)
			}
			if raw, err := os.ReadFile(copies[0]); err != nil || string(raw) != cut {
				t.Errorf("%q: %q is kept, %v", c.content, raw, err)
			}
		} else if len(copies) > 0 {
			t.Errorf("%q: %q", c.content, copies)
		}
	}
}

// Where no copy can be made, nothing is cut.
func TestFixWithoutQuarantine(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "quarantine"), "a file in the folder's place")
	path := write(t, filepath.Join(dir, "a.aof"), sel+"x")
	out, status := run("y", "redis-check-aof", "--fix", path)
	if raw, err := os.ReadFile(path); status != 1 || err != nil || string(raw) != sel+"x" || !strings.Contains(out, "Cannot copy the last 1 bytes") {
		t.Errorf("status %d, %v, %q\n%s", status, err, raw, out)
	}
}

func TestArguments(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.aof"), "#TS:100\r\n"+sel+"#TS:200\r\n"+set)
	const usage = "Usage: redis-check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n"
	for _, c := range []struct {
		argv   []string
		want   string
		status int
	}{
		{[]string{"redis-check-aof"}, usage, 1},
		{[]string{"redis-check-aof", "--fox", path}, usage, 1},
		{[]string{"redis-check-aof", "-v"}, "redis-check-aof v=7.2.4\n", 0},
		{[]string{"redis-check-aof", ""}, "Cannot open file : No such file or directory\n", 1},
		{[]string{"redis-check-aof", "--truncate-to-timestamp", "1x", path}, "Invalid timestamp, aborting...\n", 1},
		{[]string{"redis-check-aof", "--truncate-to-timestamp", "50", path}, "Start checking Old-Style AOF\nAOF " + path + " has nothing before timestamp 50, aborting...\n", 1},
		{[]string{"redis-check-rdb"}, "Usage: redis-check-rdb <rdb-file-name>\n", 1},
		{[]string{"redis-check-rdb", "--version"}, "redis-check-rdb v=7.2.4\n", 0},
	} {
		if out, status := run("", c.argv...); out != c.want || status != c.status {
			t.Errorf("%q: status %d, %q; want %d, %q", c.argv, status, out, c.status, c.want)
		}
	}
	if out, status := run("", "redis-check-aof", "--truncate-to-timestamp", "150", path); status != 0 || !strings.Contains(out, "Successfully truncated AOF "+path+" to timestamp 150\n") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// rdb is an RDB without a checksum around the bytes of keys.
func rdb(keys string) string { return "REDIS0011" + keys + "\xff" + strings.Repeat("\x00", 8) }

func TestRDB(t *testing.T) {
	var whole bytes.Buffer
	if _, err := snapshot.Write(&whole, nil, snapshot.Meta{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, content, want string }{
		{"whole", whole.String(), "Checksum OK"},
		{"hash field twice", rdb("\x04\x01h\x02\x01f\x01v\x01f\x01w"), "-> Duplicate hash fields detected\n[additional info] While doing: read-object-value\n[additional info] Reading key 'h'\n[additional info] Reading type 4 (hash-hashtable)\n[info] 1 keys read\n"},
		{"set member twice", rdb("\x02\x01s\x02\x01a\x01a"), "-> Duplicate set members detected"},
		{"hash of none", rdb("\x04\x01h\x00"), "Unexpected EOF reading RDB file\n[additional info] While doing: read-object-value\n[additional info] Reading key 'h'"},
		{"expired", rdb("\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01k\x01v"), "[info] 1 keys read\n[info] 1 expires\n[info] 1 already expired\n"},
		{"intset", rdb("\x0b\x01s\x05abcde"), "-> Intset integrity check failed.\n"},
		{"string encoding", rdb("\x00\x01k\xc7"), "-> Unknown RDB string encoding type 7\n"},
		{"object type", rdb("\x63"), "[offset 10] Invalid object type: 99\n[additional info] While doing: read-type\n"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "dump.rdb"), c.content)
		out, status := run("", "redis-check-rdb", path)
		if good := strings.Contains(out, `\o/ RDB looks OK! \o/`); !strings.Contains(out, c.want) || good != (status == 0) {
			t.Errorf("%s: status %d, no %q in\n%s", c.name, status, c.want, out)
		}
	}
}

func TestParseLong(t *testing.T) {
	for _, c := range []struct {
		in       string
		n        int64
		rest     string
		overflow bool
	}{
		{"12\r\n", 12, "\r\n", false}, {" -7x", -7, "x", false}, {"+3", 3, "", false}, {"x", 0, "x", false}, {"- 1", 0, "- 1", false}, {"", 0, "", false},
		{"9223372036854775807", math.MaxInt64, "", false}, {"9223372036854775808", math.MaxInt64, "", true},
		{"-9223372036854775808", math.MinInt64, "", false}, {"-9223372036854775809z", math.MinInt64, "z", true}, {"1\x002", 1, "", false},
	} {
		if n, rest, overflow := parseLong([]byte(c.in)); n != c.n || string(rest) != c.rest || overflow != c.overflow {
			t.Errorf("%q: %d, %q, %v", c.in, n, rest, overflow)
		}
	}
}
