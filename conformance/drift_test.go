package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"frankenredis/conformance/drift"
	"frankenredis/conformance/generate"
	"frankenredis/conformance/script"
)

// loadLedger reads the drift ledger once.
var loadLedger = sync.OnceValues(func() (drift.Ledger, error) { return drift.Load("DRIFT.md") })

func ledger(t testing.TB) drift.Ledger {
	t.Helper()
	l, err := loadLedger()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// allowed fails the test unless the ledger has the entry for which something is not compared. It returns true, to stand in conditions.
func allowed(t testing.TB, id string) bool {
	t.Helper()
	if _, ok := ledger(t).Find(id); !ok {
		t.Errorf("DRIFT.md has no entry %q, so there is nothing to be left uncompared for it", id)
	}
	return true
}

// exemption leaves names that begin as the expression says uncompared, for an entry of the drift ledger.
type exemption struct{ id, names string }

// exempt reports whether one of the exemptions is for a name.
func exempt(t testing.TB, all []exemption, name string) bool {
	t.Helper()
	for _, e := range all {
		if regexp.MustCompile("^(" + e.names + ")").MatchString(name) {
			return allowed(t, e.id)
		}
	}
	return false
}

// What scripts leave uncompared stands in the ledger, and for the right reason: no script is silent for our own server, and one that is
// silent for a judge names an entry that speaks of this judge.
func TestDriftOfScripts(t *testing.T) {
	l := ledger(t)
	for _, file := range scriptFiles(t) {
		s, err := script.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range s.Exceptions {
			e, found := l.Find(x.ID)
			switch {
			case x.Server == subjectName:
				t.Errorf("%s:%d: what 7.2.4 says, we say: a script leaves nothing out for %s", file, x.Line, subjectName)
			case x.ID == "":
				t.Errorf("%s:%d: names no entry of DRIFT.md (write \"@not server id: reason\", \"@mask id: /re/text/\")", file, x.Line)
			case !found:
				t.Errorf("%s:%d: DRIFT.md has no entry %q", file, x.Line, x.ID)
			case e.Section == drift.Accepted:
				t.Errorf("%s:%d: %s is a difference of ours; a script's replies are 7.2.4's", file, x.Line, x.ID)
			case x.Server != "" && !slices.Contains(e.Servers, x.Server):
				t.Errorf("%s:%d: %s is not about %s", file, x.Line, x.ID, x.Server)
			}
		}
	}
}

// What the random comparison leaves out, and what it normalises, stands in the ledger.
func TestDriftOfRandom(t *testing.T) {
	for _, id := range generate.Entries() {
		allowed(t, id)
	}
	for _, n := range normalisers {
		allowed(t, n.id)
	}
}

// An entry about judges or comparisons that no test and no script names any more is to be removed.
func TestDriftIsInUse(t *testing.T) {
	var sources strings.Builder
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !(strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".txt")) {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	})
	ok(t, err)
	for _, e := range ledger(t) {
		used := strings.Contains(sources.String(), `"`+e.ID+`"`) || strings.Contains(sources.String(), " "+e.ID+": ")
		if e.Section != drift.Accepted && !used {
			t.Errorf("DRIFT.md: nothing names %s", e.ID)
		}
	}
}
