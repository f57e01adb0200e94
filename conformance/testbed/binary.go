package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
)

// DefaultSubject is the program that Subject returns when FR_SERVER is not set. A TestMain sets it.
var DefaultSubject string

// Subject is the server under test.
func Subject(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("FR_SERVER"); p != "" {
		if !strings.Contains(p, "/") {
			found, err := exec.LookPath(p)
			if err != nil {
				t.Fatalf("FR_SERVER: %v", err)
			}
			return found
		}
		abs, err := filepath.Abs(p)
		if err != nil {
			t.Fatal(err)
		}
		return abs
	}
	if DefaultSubject == "" {
		t.Fatal("FR_SERVER is not set")
	}
	return DefaultSubject
}

// LookPeer finds a program that conformance/peers.sh provides: in FR_PEERS/bin, /opt/peers/bin, .peers/bin of the checkout, else
// in PATH.
func LookPeer(name string) (string, bool) {
	var dirs []string
	if d := os.Getenv("FR_PEERS"); d != "" {
		dirs = append(dirs, filepath.Join(d, "bin"))
	} else {
		dirs = append(dirs, "/opt/peers/bin")
		if wd, err := os.Getwd(); err == nil {
			for ; wd != "/" && wd != "."; wd = filepath.Dir(wd) {
				dirs = append(dirs, filepath.Join(wd, ".peers", "bin"))
			}
		}
	}
	for _, d := range dirs {
		if p, err := exec.LookPath(filepath.Join(d, name)); err == nil {
			return p, true
		}
	}
	p, err := exec.LookPath(name)
	return p, err == nil
}

var missing struct {
	sync.Mutex
	what map[string]bool
}

// Peer is LookPeer for a test: with CI=true a missing program fails it, otherwise the test is skipped and the program listed by
// Missing.
func Peer(t testing.TB, name string) string {
	t.Helper()
	p, ok := LookPeer(name)
	if ok {
		return p
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not here, and CI=true: run conformance/peers.sh", name)
	}
	missing.Lock()
	if missing.what == nil {
		missing.what = map[string]bool{}
	}
	missing.what[name] = true
	missing.Unlock()
	t.Skipf("NOT COMPARED with %s: it is not here; conformance/peers.sh fetches it", name)
	return ""
}

// Missing lists the programs that Peer did not find.
func Missing() []string {
	missing.Lock()
	defer missing.Unlock()
	var names []string
	for n := range missing.what {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
