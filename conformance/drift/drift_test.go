package drift

import (
	"os"
	"strings"
	"testing"
)

const ledgerFile = "../DRIFT.md"

// The ledger in the repository keeps its own rules.
func TestLedger(t *testing.T) {
	l, err := Load(ledgerFile)
	if err != nil {
		t.Fatal(err)
	}
	for s := Accepted; s <= Incomparable; s++ {
		if l.Count(s) == 0 {
			t.Errorf("section %d is empty", s)
		}
	}
	if e, ok := l.Find("no-fork"); !ok || e.Kind != "process" || e.Section != Accepted {
		t.Errorf("%+v, %v", e, ok)
	}
	if e, ok := l.Find("redict-types"); !ok || len(e.Servers) != 2 || e.Section != Oracle {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := l.Find("nosuch"); ok {
		t.Error("found an entry that is not there")
	}
}

// Each rule, broken once.
func TestRules(t *testing.T) {
	good, err := os.ReadFile(ledgerFile)
	if err != nil {
		t.Fatal(err)
	}
	const row = "| no-fork | process | "
	for name, c := range map[string]struct{ old, with, complaint string }{
		"a data command's reply":  {row, "| get-nil | reply | `GET` says 7 | we like it | 0.1 | none |\n" + row, "GET belongs to"},
		"a reply of no command":   {row, "| some | reply | something | we like it | 0.1 | none |\n" + row, "which command"},
		"a reply of no such one":  {row, "| some | reply | `NOSUCH` | we like it | 0.1 | none |\n" + row, "NOSUCH belongs to"},
		"a kind of no kind":       {row, "| no-fork | whim | ", "no kind is called whim"},
		"no id":                   {row, "| No Fork | process | ", "is no id"},
		"the same id twice":       {"| allocator | info |", "| no-fork | info |", "twice"},
		"a cell missing":          {row, "| a | info | b | c | d |\n" + row, "5 cells"},
		"an empty cell":           {row, "| a | info |  | c | d | e |\n" + row, "empty cell"},
		"a judge nobody knows":    {"| redict-types | redict, valkey |", "| redict-types | keydb |", "keydb"},
		"other columns":           {"| id | judges |", "| id | server |", "columns"},
		"a table before sections": {"## Accepted differences\n", "| a | b | c |\n\n## Accepted differences\n", "no section"},
		"a section missing":       {"## What two servers", "What two servers", "2 sections"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(good), c.old, c.with, 1)
			if broken == string(good) {
				t.Fatal("the ledger has changed: nothing was broken")
			}
			if _, problems := parse(broken); !strings.Contains(strings.Join(problems, "\n"), c.complaint) {
				t.Errorf("complaints %q, want one about %q", problems, c.complaint)
			}
		})
	}
}
