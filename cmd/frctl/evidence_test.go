package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/recovery/ledger"
)

// makeLedger makes a data directory with a ledger of a few records and returns it with the open segment.
func makeLedger(t *testing.T) (dir, segment string) {
	t.Helper()
	dir = t.TempDir()
	l := ledger.Start(ledger.Options{Dir: filepath.Join(dir, "ledger"), Mode: "strict"})
	l.Record(ledger.Entry{Rule: ledger.TornEnd, Decision: ledger.Cut, Artifact: "a.aof", Pos: 7, Bytes: 9, From: 1, To: 2, Input: ledger.Digest(nil), Replay: "frctl check a.aof"})
	l.Record(ledger.Entry{Rule: ledger.Corrupt, Decision: ledger.Refuse, Artifact: "b.aof", Detail: "<bytes>"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "ledger", "ledger.00000001.jsonl")
}

func TestEvidenceFilters(t *testing.T) {
	dir, _ := makeLedger(t)
	for _, c := range []struct {
		args string
		want []string // reasons
	}{
		{"show", []string{"ledger-opened", "torn-end", "corrupt"}},
		{"show --decision cut", []string{"torn-end"}},
		{"show --rule 15", []string{"corrupt"}},
		{"show --reason corrupt --rule 11", nil},
		{"show --artifact a.aof", []string{"torn-end"}},
		{"show --seq 2", []string{"torn-end", "corrupt"}},
		{"show --since 1h", []string{"ledger-opened", "torn-end", "corrupt"}},
		{"show --since 2999-01-01T00:00:00Z", nil},
		{"tail -n 1", []string{"corrupt"}},
		{"tail -n 5 --decision cut", []string{"torn-end"}},
		{"tail -n 0", nil},
	} {
		for _, path := range []string{dir, filepath.Join(dir, "ledger")} {
			out, status := frctl(append(append([]string{"evidence"}, strings.Fields(c.args)...), "--json", path)...)
			var got []string
			for line := range strings.Lines(out) {
				var r ledger.Record
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("%s: %q: %v", c.args, line, err)
				}
				got = append(got, r.Reason)
			}
			if status != 0 || strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("%s: status %d, %q, want %q", c.args, status, got, c.want)
			}
		}
	}
	if out, status := frctl("evidence", "show", "--decision", "nonsense", dir); status != 0 || !strings.Contains(out, "none of the records 1 to 3") {
		t.Errorf("nothing asked for is there: status %d\n%s", status, out)
	}
	out, status := frctl("evidence", "show", "--long", dir)
	for _, want := range []string{"rule 11  cut         torn-end (persistence tampering)  a.aof  byte 7  size 9  LSN 1 to 2\n", "input   sha256:", "replay  frctl check a.aof", "b.aof  <bytes>"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q in\n%s", status, want, out)
		}
	}
}

func TestEvidenceVerify(t *testing.T) {
	dir, segment := makeLedger(t)
	out, status := frctl("evidence", "verify", dir)
	_, hash, _ := strings.Cut(strings.TrimSpace(out), "last hash ")
	if status != 0 || !strings.HasPrefix(out, "1 segments, ") || !strings.Contains(out, "records 1 to 3") || len(hash) != 64 {
		t.Fatalf("status %d\n%s", status, out)
	}
	if out, status := frctl("evidence", "verify", "--json", "--expect", hash, dir); status != 0 || !strings.Contains(out, `"last_seq":3`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if out, status := frctl("evidence", "verify", "--expect", strings.Repeat("0", 64), dir); status != 3 {
		t.Errorf("unknown hash: status %d\n%s", status, out)
	}
	edit(t, segment, func(p []byte) []byte { return p[:len(p)-9] })
	if out, status := frctl("evidence", "verify", dir); status != 2 || !strings.Contains(out, ": torn at byte ") {
		t.Errorf("torn: status %d\n%s", status, out)
	}
	edit(t, segment, func(p []byte) []byte { return bytes.Replace(p, []byte("ledger-opened"), []byte("ledger-Opened"), 1) })
	if out, status := frctl("evidence", "verify", dir); status != 3 || !strings.Contains(out, ": damaged at byte 0, record 1, ") {
		t.Errorf("damaged: status %d\n%s", status, out)
	}
	for _, args := range [][]string{{"verify", t.TempDir()}, {"show"}, {"show", "--since", "soon", dir}, {"tail", "-n", "-1", dir}} {
		if out, status := frctl(append([]string{"evidence"}, args...)...); status != 4 {
			t.Errorf("%q: status %d\n%s", args, status, out)
		}
	}
}
