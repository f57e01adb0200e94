package recovery

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"frankenredis/recovery/ledger"
)

// Each kind of decision in both modes: how the start ends, its last line, and what the ledger is told.
func TestDecisions(t *testing.T) {
	set := frame("SELECT", "0") + frame("SET", "b", "2")
	with := func(m map[string]string, pairs ...string) map[string]string {
		m = maps.Clone(m)
		for i := 0; i < len(pairs); i += 2 {
			if m[pairs[i]] = pairs[i+1]; pairs[i+1] == "-" {
				delete(m, pairs[i])
			}
		}
		return m
	}
	zeroSum := func(s string) string { return s[:len(s)-8] + strings.Repeat("\x00", 8) }
	const started, refused = "29 accept loaded", "29 refuse refused"
	for _, c := range []struct {
		name     string
		files    map[string]string
		noAOF    bool
		records  []string // rule, decision, class
		last     string   // of the log
		hardened []string // where hardened differs
		hardLast string
	}{
		{name: "stock directory", files: stock(set), records: []string{"10 note foreign", "26 accept foreign", "25 new ", started},
			last: "* DB loaded from append only file"},
		{name: "torn tail", files: stock(set + "*3\r\n$3"), records: []string{"10 note torn", "11 cut torn", "28 quarantine ", "28 cut ", started},
			last: "* DB loaded from append only file"},
		{name: "zero tail", files: stock(set + strings.Repeat("\x00", 700)), records: []string{"10 note torn", "11 cut torn", "28 cut ", started},
			last: "* DB loaded from append only file"},
		{name: "damage in the middle", files: stock(set + "hello\r\n" + set), records: []string{"10 note corrupt", "15 refuse corrupt", refused},
			last: "# Bad file format reading the append only file"},
		{name: "missing increment", files: with(stock(set), aof+".1.incr.aof", "-"), records: []string{"10 note missing", "18 refuse missing", refused},
			last: "# Unable to obtain the AOF file appendonly.aof.1.incr.aof length. stat: No such file or directory"},
		{name: "manifest of nothing known", files: with(stock(set), aof+".manifest", "file a b\n"), records: []string{"10 note corrupt", "19 refuse corrupt", refused},
			last: "# Invalid AOF manifest file format"},
		{name: "manifest that leads elsewhere", files: with(stock(set), aof+".manifest", "file ../../etc/passwd seq 1 type i\n"),
			records: []string{"10 note corrupt", "19 refuse corrupt", refused}, last: "# File can't be a path, just a filename"},
		{name: "no manifest", files: with(stock(set), aof+".manifest", "-"), records: []string{"10 note unloaded", "20 refuse unloaded", refused},
			last: "# The AOF manifest file appendonly.aof.manifest doesn't exist"},
		{name: "dump without log", files: map[string]string{"dump.rdb": rdb("a", "1")}, records: []string{"10 note unloaded", "23 set aside unloaded", "29 accept empty"},
			last: "# The append only file is on but there is none: starting empty.", hardened: []string{"23 refuse unloaded", refused},
			hardLast: "# The append only file is on but there is none, and "},
		{name: "snapshot", noAOF: true, files: map[string]string{"dump.rdb": rdb("a", "1")}, records: []string{"10 note clean", "25 new clean", started},
			last: "* DB loaded from disk"},
		{name: "snapshot without checksum", noAOF: true, files: map[string]string{"dump.rdb": zeroSum(rdb("a", "1"))}, records: []string{"10 note clean", started},
			last: "* DB loaded from disk", hardened: []string{"10 note unproven", "33 refuse unproven", refused}, hardLast: "# No checksum proves the RDB file"},
		{name: "base without checksum", files: with(stock(set), aof+".1.base.rdb", zeroSum(rdb("a", "1"))), records: []string{"10 note clean", started},
			last: "* DB loaded from append only file", hardened: []string{"10 note unproven", "33 refuse unproven", refused}, hardLast: "# No checksum proves the RDB file"},
		{name: "bytes behind a snapshot", noAOF: true, files: map[string]string{"dump.rdb": rdb("a", "1") + "x"}, records: []string{"10 note clean", started},
			last: "* DB loaded from disk", hardened: []string{"34 refuse clean", refused}, hardLast: "# 1 bytes follow behind the end of the RDB file"},
		{name: "snapshot of another version", noAOF: true, files: map[string]string{"dump.rdb": strings.Replace(rdb(), "0011", "0099", 1)},
			records: []string{"10 note corrupt", "35 refuse corrupt", refused}, last: "# Fatal error loading the DB, check server logs. Exiting."},
		{name: "snapshot changed", noAOF: true, files: map[string]string{"dump.rdb": strings.Replace(rdb("a", "1"), "\x01a", "\x01b", 1)},
			records: []string{"10 note corrupt", "16 refuse corrupt", refused}, last: "# Terminating server after rdb file reading failure."},
	} {
		for _, hardened := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", c.name, hardened), func(t *testing.T) {
				dir := t.TempDir()
				files(t, dir, c.files)
				before := tree(t, dir)
				o := runBoot(t, dir, func(o *Options) { o.AOF, o.Hardened = !c.noAOF, hardened })
				want, last := c.records, c.last
				if hardened && c.hardened != nil {
					want, last = c.hardened, c.hardLast
				}
				if !strings.HasPrefix(o.last(), last) {
					t.Errorf("log\n%s\nwant %q", o.logs.text(), last)
				}
				ev, mode := evidenceOf(t, o), map[bool]string{false: "strict", true: "hardened"}[hardened]
				if ev.Mode != mode {
					t.Errorf("mode %q", ev.Mode)
				}
				if o.err != nil && !maps.Equal(before, tree(t, dir)) {
					t.Error("refused, and files changed")
				}
				var got []string
				for _, e := range ev.Entries() {
					got = append(got, fmt.Sprintf("%d %s %s", e.Rule.Number, e.Decision, e.Class))
					if e.Decision == ledger.Cut && e.Rule == ledger.Changed && (!strings.HasPrefix(e.Input, "sha256:") || e.Before == e.After ||
						!strings.HasPrefix(e.Before, "tail:") || !strings.HasPrefix(e.After, "tail:")) {
						t.Errorf("digests of the cut: %+v", e)
					}
				}
				rest := got
				for _, w := range want {
					for len(rest) > 0 && rest[0] != w {
						rest = rest[1:]
					}
					if len(rest) == 0 {
						t.Fatalf("records %q, want %q in this order", got, want)
					}
				}
				if len(rest) != 1 {
					t.Errorf("records behind the end: %q", rest)
				}
			})
		}
	}
}

// evidenceOf is the evidence of a start, however it ended.
func evidenceOf(t *testing.T, o outcome) *Evidence {
	t.Helper()
	if r, ok := o.err.(*Refusal); ok {
		return r.Evidence
	}
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.res.Evidence
}
