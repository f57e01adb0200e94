package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// ledgerLine is a record of the ledger as any reader of its lines would take it.
type ledgerLine struct {
	Seq                                                     uint64
	Time                                                    time.Time
	Mode, Threat, Decision, Reason, Artifact, Class, Detail string
	Prev, Hash, Input, Before, After, Replay                string
	Rule                                                    int
	Pos, Bytes                                              int64
}

// ledgerLines reads the ledger in a data directory.
func ledgerLines(t *testing.T, dir string) (out []ledgerLine) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "ledger", "ledger.*.jsonl"))
	ok(t, err)
	slices.Sort(names)
	for _, name := range names {
		for line := range strings.Lines(readFile(t, name)) {
			if !strings.HasSuffix(line, "\n") {
				break // still being written
			}
			var l ledgerLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if n := len(out); n > 0 && (l.Prev != out[n-1].Hash || l.Seq != out[n-1].Seq+1) {
				t.Fatalf("record %d does not follow on %d", l.Seq, out[n-1].Seq)
			}
			out = append(out, l)
		}
	}
	return out
}

// has finds a record that shows as the words do: rule decision class.
func hasRecord(lines []ledgerLine, want string) *ledgerLine {
	for i, l := range lines {
		if strings.TrimSpace(fmt.Sprintf("%d %s %s", l.Rule, l.Decision, l.Class)) == want {
			return &lines[i]
		}
	}
	return nil
}

// What a start finds and decides: how the process ends, what its log says last, and what the ledger has of it, in both modes.
func TestStartIsRecorded(t *testing.T) {
	set := func(k, v string) string {
		return fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(k), k, len(v), v)
	}
	const folder = "appendonlydir/appendonly.aof"
	stock := func(incr string, pairs ...string) map[string]string {
		m := map[string]string{
			folder + ".manifest":   "file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n",
			folder + ".1.base.aof": set("base", "1"), folder + ".1.incr.aof": incr,
		}
		for i := 0; i < len(pairs); i += 2 {
			if m[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
				delete(m, pairs[i])
			}
		}
		return m
	}
	for _, c := range []struct {
		name    string
		files   map[string]string
		refused bool
		log     string
		records []string
	}{
		{name: "stock 7.x directory", files: stock(set("a", "1")), log: "DB loaded from append only file",
			records: []string{"10 note foreign", "26 accept foreign", "25 new", "29 accept loaded"}},
		{name: "torn tail", files: stock(set("a", "1") + "*3\r\n$3\r\nSE"), log: "!!! Truncating the AOF appendonly.aof.1.incr.aof at offset 27 !!!",
			records: []string{"10 note torn", "11 cut torn", "28 quarantine", "28 cut", "29 accept loaded"}},
		{name: "zero tail", files: stock(set("a", "1") + strings.Repeat("\x00", 4096)), log: "!!! Truncating the AOF appendonly.aof.1.incr.aof at offset 27 !!!",
			records: []string{"10 note torn", "11 cut torn", "28 quarantine", "28 cut", "29 accept loaded"}},
		{name: "damage in the middle", files: stock(set("a", "1") + "hello\r\n" + set("b", "2")), refused: true,
			log: "Bad file format reading the append only file appendonly.aof.1.incr.aof", records: []string{"10 note corrupt", "15 refuse corrupt", "29 refuse refused"}},
		{name: "missing increment", files: stock("", folder+".1.incr.aof", ""), refused: true,
			log: "Unable to obtain the AOF file appendonly.aof.1.incr.aof length. stat: No such file or directory", records: []string{"10 note missing", "18 refuse missing", "29 refuse refused"}},
		{name: "manifest of something else", files: stock("", folder+".manifest", "[core]\n\tbare = false\n"), refused: true,
			log: "Invalid AOF manifest file format", records: []string{"10 note corrupt", "19 refuse corrupt", "29 refuse refused"}},
		{name: "manifest that leads elsewhere", files: stock("", folder+".manifest", "file ../../etc/passwd seq 1 type i\n"), refused: true,
			log: "File can't be a path, just a filename", records: []string{"10 note corrupt", "19 refuse corrupt", "29 refuse refused"}},
	} {
		for _, mode := range []string{"strict", "hardened"} {
			t.Run(c.name+" "+mode, func(t *testing.T) {
				s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "no", "--save", "", "--fr-mode", mode}})
				stop(t, s)
				ok(t, os.RemoveAll(filepath.Join(s.Dir, "ledger")))
				for name, content := range c.files {
					path := filepath.Join(s.Dir, name)
					ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
					ok(t, os.WriteFile(path, []byte(content), 0o644))
				}
				s.SetArgs("--appendonly", "yes", "--save", "", "--fr-mode", mode)
				if c.refused {
					ok(t, s.RestartNoWait())
					if code, err := s.WaitExit(); err != nil || code != 1 {
						t.Fatalf("exit status %d, %v", code, err)
					}
				} else {
					ok(t, s.Restart())
					if f := infoFields(s.Dial(t).Call(t, "INFO", "frankenredis").Str); f["fr_mode"] != mode || f["fr_ledger_status"] != "ok" {
						t.Errorf("INFO: %v", f)
					}
					stop(t, s)
				}
				if !strings.Contains(s.LogText(), c.log) {
					t.Errorf("no %q in\n%s", c.log, s.LogText())
				}
				lines := ledgerLines(t, s.Dir)
				for _, want := range c.records {
					if l := hasRecord(lines, want); l == nil {
						t.Errorf("no record %q in %+v", want, lines)
					} else if l.Mode != mode {
						t.Errorf("%q has mode %s", want, l.Mode)
					}
				}
				if l := hasRecord(lines, "29 refuse refused"); l != nil && !strings.HasPrefix(l.Detail, c.log) {
					t.Errorf("refused for %q, want %q", l.Detail, c.log)
				}
			})
		}
	}
}

// FR.EVIDENCE shows the newest records, INFO counts them, and what a killed server had recorded is there at the next start.
func TestEvidenceCommand(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	waitForText(t, func() string { return c.Call(t, "INFO", "frankenredis").Str }, "fr_ledger_waiting:0")
	var r testbed.Reply
	var lines []ledgerLine
	waitFor(t, "as many records as there are in the file", func() bool { // new ones may come at any time
		lines = ledgerLines(t, s.Dir)
		r = c.Call(t, "FR.EVIDENCE", "COUNT", "1000")
		return len(r.Elems) == len(lines) && len(lines) >= 3
	})
	last := map[string]string{}
	for i, e := 0, r.Elems[len(lines)-1].Elems; i < len(e); i += 2 {
		last[e[i].Str] = fmt.Sprint(e[i+1].Str, e[i+1].Int)
	}
	if want := lines[len(lines)-1]; last["hash"] != want.Hash+"0" || last["reason"] != want.Reason+"0" {
		t.Errorf("%v, want %+v", last, want)
	}
	if n := len(c.Call(t, "FR.EVIDENCE", "COUNT", "2").Elems); n != 2 {
		t.Errorf("COUNT 2: %d", n)
	}
	if n := len(c.Call(t, "FR.EVIDENCE", "SINCE", "99999999999999").Elems); n != 0 {
		t.Errorf("SINCE tomorrow: %d", n)
	}
	for args, want := range map[string]string{
		"COUNT 0": "ERR COUNT must be > 0", "COUNT": "ERR syntax error", "COUNT x": "ERR value is not an integer or out of range", "ALL 1": "ERR syntax error",
	} {
		if r, _ := c.Do(append([]string{"FR.EVIDENCE"}, strings.Fields(args)...)...); r.Str != want {
			t.Errorf("%s: %q, want %q", args, r.Str, want)
		}
	}
	s.Kill()
	ok(t, s.Restart())
	if got := ledgerLines(t, s.Dir); len(got) <= len(lines) || !maps.Equal(map[string]uint64{lines[2].Hash: 3}, map[string]uint64{got[2].Hash: got[2].Seq}) {
		t.Errorf("after a kill: %d records, before %d", len(got), len(lines))
	}
}

// What happens while a server runs has its record: a save that fails, a rewrite's new increment and base, the log turned off, the end.
func TestRunIsRecorded(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	c.Call(t, "SET", "k", "v")
	file := filepath.Join(s.Dir, "dump.rdb")
	ok(t, os.MkdirAll(filepath.Join(file, "full"), 0o755)) // a directory in the file's place: no save can end well
	if r, _ := c.Do("SAVE"); r.Str != "ERR" {
		t.Errorf("SAVE: %+v", r)
	}
	c.Call(t, "BGREWRITEAOF")
	waitForRewrite(t, c)
	c.Call(t, "CONFIG", "SET", "appendonly", "no")
	waitForText(t, func() string { return c.Call(t, "INFO", "persistence").Str }, "aof_enabled:0")
	stop(t, s)
	lines := ledgerLines(t, s.Dir)
	for _, want := range []string{"54 keep", "52 keep", "53 new", "56 note", "55 note"} {
		if hasRecord(lines, want) == nil {
			t.Errorf("no record %q in %+v", want, lines)
		}
	}
	if l := hasRecord(lines, "53 new"); l != nil && (!strings.HasPrefix(l.Input, "aof:") || !strings.HasSuffix(l.Artifact, ".2.base.rdb")) {
		t.Errorf("%+v", l)
	}
	if l := lines[len(lines)-1]; l.Reason != "stopped" || l.Detail != "exit status 0" {
		t.Errorf("the last record is %+v", l)
	}
}

// Hardened mode records what it bounds at its doors, and strict mode does not.
func TestHostileInputIsRecorded(t *testing.T) {
	for _, mode := range []string{"strict", "hardened"} {
		s := testbed.Start(t, testbed.Options{Args: []string{"--fr-mode", mode}})
		for range 3 {
			c := s.Dial(t)
			ok(t, c.SendRaw([]byte("*1\r\n$-5\r\n")))
			if r, err := c.Receive(); err != nil || r.Str != "ERR Protocol error: invalid bulk length" {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if mode == "hardened" {
			c := s.Dial(t)
			waitForText(t, func() string {
				c.Call(t, "PING")
				return strings.Join(reasons(ledgerLines(t, s.Dir)), " ")
			}, "protocol-error")
		}
		stop(t, s)
		l := hasRecord(ledgerLines(t, s.Dir), "70 bound")
		if (l != nil) != (mode == "hardened") || l != nil && (l.Threat != "parser abuse" || !strings.Contains(l.Detail, "invalid bulk length")) {
			t.Errorf("%s: %+v", mode, l)
		}
	}
}

func reasons(lines []ledgerLine) (out []string) {
	for _, l := range lines {
		out = append(out, l.Reason)
	}
	return out
}
