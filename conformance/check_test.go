package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// checkTool is one program that answers as redis-check-aof or redis-check-rdb.
type checkTool struct {
	path string // its file
	libs string // for LD_LIBRARY_PATH
}

// run runs a tool in a folder and returns what it printed and its exit status.
func (c checkTool) run(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(c.path, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+c.libs)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return fmt.Sprintf("%sexit status %d\n", out, cmd.ProcessState.ExitCode())
}

// checkTools are our tool of a kind ("aof", "rdb") and redict's, whose answers are those of 7.2.
func checkTools(t *testing.T, kind string) (ours, theirs checkTool) {
	t.Helper()
	link := filepath.Join(t.TempDir(), "redis-check-"+kind)
	subject, err := filepath.Abs(testbed.Subject(t))
	ok(t, err)
	ok(t, os.Symlink(subject, link))
	root := filepath.Join(filepath.Dir(filepath.Dir(testbed.Peer(t, "redict-server"))), "redict")
	theirs = checkTool{filepath.Join(root, "usr/bin/redict-check-"+kind), filepath.Join(root, "usr/lib/x86_64-linux-gnu") + ":" + filepath.Join(root, "lib/x86_64-linux-gnu")}
	if _, err := os.Stat(theirs.path); err != nil {
		t.Skipf("no redict-check-%s beside redict-server: %v", kind, err)
	}
	return checkTool{path: link}, theirs
}

var checkMasks = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^\d+:C \d+ \w+ \d+ [\d:.]+ `), "PID:C TIME "},
	{regexp.MustCompile(`rdb\.c:\d+`), "rdb.c:0"},                                 // DRIFT.md: check-rdb-line
	{regexp.MustCompile(`The last \d+ bytes are kept in \S*quarantine\S+\n`), ""}, // DRIFT.md: check-fix
	{regexp.MustCompile(`redict-check`), "redis-check"},
	{regexp.MustCompile(`\S+/redis-check-`), "redis-check-"},
}

func maskCheck(out string) string {
	for _, m := range checkMasks {
		out = m.re.ReplaceAllString(out, m.with)
	}
	return out
}

// sameCheck runs both tools on equal folders of files and compares what they print and what they leave of the files.
func sameCheck(t *testing.T, kind, stdin string, files map[string]string, args ...string) {
	t.Helper()
	ours, theirs := checkTools(t, kind)
	var printed, left [2]string
	for i, tool := range []checkTool{ours, theirs} {
		dir := t.TempDir()
		for name, content := range files {
			ok(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		}
		printed[i] = maskCheck(tool.run(t, dir, stdin, args...))
		for name := range files {
			if content := readFile(t, filepath.Join(dir, name)); content != files[name] {
				left[i] += fmt.Sprintf("%s changed to %q\n", name, content)
			}
		}
	}
	if printed[0] != printed[1] {
		t.Errorf("redis-check-%s %q prints\n%s\nwant\n%s", kind, args, printed[0], printed[1])
	}
	if left[0] != left[1] {
		t.Errorf("redis-check-%s %q leaves\n%s\nwant\n%s", kind, args, left[0], left[1])
	}
}

func checkFrame(args ...string) string { return string(testbed.AppendCommand(nil, args...)) }

// Started as redis-check-aof the server answers as the tool does, on files of every kind of damage.
func TestCheckAOFDamage(t *testing.T) {
	if isStock(t, testbed.Subject(t)) {
		return
	}
	sel, set, multi, exec := checkFrame("SELECT", "0"), checkFrame("SET", "a", "1"), checkFrame("MULTI"), checkFrame("EXEC")
	for name, content := range map[string]string{
		"whole": sel + set, "empty": "", "cut value": sel + set[:len(set)-3], "cut header": sel + set[:1], "cut number": sel + set[:10],
		"cut CR": sel + set[:len(set)-1], "bad first": "xyz" + set, "bad": sel + "xyz" + set, "zeros": sel + set + strings.Repeat("\x00", 4096),
		"no EXEC": sel + multi + set, "MULTI twice": sel + multi + multi + exec, "EXEC alone": sel + exec, "cut EXEC": sel + multi + set + exec[:9],
		"unit": sel + multi + set + exec, "bad in unit": sel + multi + set + "x", "comments": "#a\n" + sel + "#TS:5\r\n" + multi + "#b\r\n" + set + exec + "#c",
		"long comment": sel + "#" + strings.Repeat("x", 2000) + "\r\n" + set, "count": sel + "*x\r\n" + set, "no count": sel + "*0\r\n" + set,
		"negative": sel + "*-1\r\n", "huge count": sel + "*99999999999999999999\r\n" + set, "many": sel + "*2000000\r\n" + set[4:], "LF": sel + "*3\n" + set[4:],
		"length": sel + "*1\r\n$-1\r\n", "huge length": sel + "*1\r\n$9223372036854775807\r\nabc", "long value": sel + "*1\r\n$600000000\r\nabc",
		"prefix": sel + "*1\r\n:3\r\nabc\r\n", "no CR LF": sel + "*1\r\n$3\r\nabcXY", "high bytes": sel + "*2\xff\xfe\r\n", "NUL": sel + "*1\r\n$7\r\nmulti\x00x\r\n",
		"signature only": "REDIS", "cut RDB": "REDIS0011\xfe", "newline": sel + set + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"a.aof": content}
			sameCheck(t, "aof", "", files, "a.aof")
			sameCheck(t, "aof", "y\n", files, "--fix", "a.aof")
		})
	}
}

// Manifests, and the files they name.
func TestCheckAOFManifest(t *testing.T) {
	if isStock(t, testbed.Subject(t)) {
		return
	}
	const base, incr1, incr2 = "file b seq 1 type b\n", "file i1 seq 1 type i\n", "file i2 seq 2 type i\n"
	whole := checkFrame("SELECT", "0") + checkFrame("SET", "a", "1")
	cut := whole[:len(whole)-3]
	for name, files := range map[string]map[string]string{
		"whole":         {"m": base + incr1 + incr2, "b": whole, "i1": whole, "i2": whole},
		"cut base":      {"m": base + incr1, "b": cut, "i1": whole},
		"cut in middle": {"m": base + incr1 + incr2, "b": whole, "i1": cut, "i2": whole},
		"cut last":      {"m": base + incr1 + incr2, "b": whole, "i1": whole, "i2": cut},
		"empty files":   {"m": base + incr1 + incr2, "b": "", "i1": "", "i2": ""},
		"no base":       {"m": incr1, "i1": whole},
		"only base":     {"m": base, "b": whole},
		"base missing":  {"m": base + incr1, "i1": whole},
		"incr missing":  {"m": base + incr1 + incr2, "b": whole, "i2": whole},
		"history":       {"m": base + "file h seq 1 type h\n" + incr1, "b": whole, "i1": whole},
		"twice":         {"m": base + base, "b": whole},
		"order":         {"m": incr2 + incr1, "i1": whole, "i2": whole},
		"path":          {"m": "file ../b seq 1 type b\n"},
		"type":          {"m": "file b seq 1 type q\n"},
		"blank line":    {"m": base + "\n"},
		"no newline":    {"m": base + incr1[:len(incr1)-1]},
		"long comment":  {"m": "#" + strings.Repeat("x", 2000) + "\n" + base, "b": whole},
		"no manifest":   {"m": "nothing of the kind\n"},
		"none":          {},
		"times":         {"m": base + incr1 + incr2, "b": "#TS:100\r\n" + whole, "i1": whole + "#TS:200\r\n" + whole, "i2": whole + "#TS:300\r\n" + whole + "#TS:400\r\n" + whole},
		"bad time":      {"m": base, "b": whole + "#TS:1x\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			sameCheck(t, "aof", "", files, "m")
			sameCheck(t, "aof", "y\n", files, "--fix", "m")
			for _, at := range []string{"50", "150", "250", "350", "500"} {
				if !strings.Contains(name, "time") && at != "250" {
					continue
				}
				sameCheck(t, "aof", "", files, "--truncate-to-timestamp", at, "m")
			}
		})
	}
}

// An RDB that a stock server wrote: whole, cut and changed at many places, and as an AOF's preamble. Bytes inside compressed and packed
// values are not changed, and nothing ends inside a stream: how such damage is worded differs (DRIFT.md, check-rdb-line).
func TestCheckRDBDamage(t *testing.T) {
	if isStock(t, testbed.Subject(t)) {
		return
	}
	s := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "valkey-server"), Args: []string{"--rdbcompression", "no"}})
	c := s.Dial(t)
	for _, command := range []string{"SET s hello", "SET n 12345", "SET e x EX 1000000", "RPUSH l a b c", "SADD set a b", "SADD ints 1 2", "ZADD z 1 a", "HSET h f v", "XADD x 1-1 f v",
		"XGROUP CREATE x g 0", "SELECT 3", "SET k3 v"} {
		c.Call(t, strings.Fields(command)...)
	}
	c.Call(t, "SADD", "table", strings.Repeat("m", 70), "a")
	c.Call(t, "ZADD", "ztable", "1.5", strings.Repeat("m", 70), "2", "a")
	c.Call(t, "SAVE")
	withStream := readFile(t, filepath.Join(s.Dir, "dump.rdb"))
	c.Call(t, "SELECT", "0")
	c.Call(t, "DEL", "x")
	c.Call(t, "SAVE")
	whole := readFile(t, filepath.Join(s.Dir, "dump.rdb"))
	check := func(name, content string) {
		t.Helper()
		sameCheck(t, "rdb", "", map[string]string{name: content}, name)
		if t.Failed() {
			t.Fatalf("%s: %q", name, content)
		}
	}
	check("stream", withStream)
	check("whole", whole)
	check("trailing", whole+"more")
	check("checksum", whole[:len(whole)-1]+string(whole[len(whole)-1]^1))
	check("no checksum", whole[:len(whole)-8]+strings.Repeat("\x00", 8))
	check("signature", "S"+whole[1:])
	check("version", "REDIS0099"+whole[9:])
	step := 23
	if long() {
		step = 1
	}
	for n := 0; n < len(whole); n += step {
		check(fmt.Sprint("cut to ", n), whole[:n])
	}
	if i := bytes.LastIndexByte([]byte(whole), 0xfe); i > 0 {
		check("object type", whole[:i]+"\x63"+whole[i+1:])
	}
	set := checkFrame("SET", "a", "1")
	for _, content := range []string{whole, whole + set, whole + set[:9], whole[:100]} {
		sameCheck(t, "aof", "y\n", map[string]string{"a.aof": content}, "--fix", "a.aof")
		sameCheck(t, "aof", "", map[string]string{"m": "file b seq 1 type b\nfile i seq 1 type i\n", "b": content, "i": set}, "m")
	}
}
