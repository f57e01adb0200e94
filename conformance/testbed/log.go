package testbed

import (
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"
)

// Entry is one line of the test log: what was tried, and what came of it. Every field is in every line that has a value for it.
type Entry struct {
	Suite   string   `json:"suite"`             // script, random, process
	Case    string   `json:"case"`              // within the suite
	Seed    uint64   `json:"seed,omitempty"`    // of a random case
	Mode    string   `json:"mode,omitempty"`    // server and protocol
	Digests []string `json:"digests,omitempty"` // of the data at the end: ours, then theirs
	Millis  float64  `json:"ms"`
	Outcome string   `json:"outcome"` // pass, fail, skip
	Reason  string   `json:"reason,omitempty"`
	Replay  string   `json:"replay,omitempty"` // a command that tries this case alone
}

// The outcomes of an Entry.
const (
	Pass = "pass"
	Fail = "fail"
	Skip = "skip"
)

var testLog struct {
	mu      sync.Mutex
	tracked map[string]bool // tests that have a line or will have one
}

// Record writes a line to the file that FR_TESTLOG names, if any. A test that records its own cases gets no line besides them.
func Record(t testing.TB, e Entry) {
	t.Helper()
	testLog.mu.Lock()
	defer testLog.mu.Unlock()
	claim(t.Name())
	write(t, e)
}

// claim notes that a test is taken care of, and says whether it was already. testLog.mu is held.
func claim(name string) (already bool) {
	if testLog.tracked == nil {
		testLog.tracked = map[string]bool{}
	}
	already = testLog.tracked[name]
	testLog.tracked[name] = true
	return already
}

// write appends one line in one write, because several test processes may share the file. testLog.mu is held.
func write(t testing.TB, e Entry) {
	path := os.Getenv("FR_TESTLOG")
	if path == "" {
		return
	}
	line, err := json.Marshal(e)
	if err != nil {
		t.Errorf("test log: %v", err)
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Errorf("test log: %v", err)
		return
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Errorf("test log: %v", err)
	}
}

// track gives a test that starts a server a line when it ends, unless it records its cases itself.
func track(t testing.TB) {
	if os.Getenv("FR_TESTLOG") == "" {
		return
	}
	start := time.Now()
	t.Cleanup(func() {
		testLog.mu.Lock()
		defer testLog.mu.Unlock()
		if claim(t.Name()) {
			return
		}
		e := Entry{Suite: "process", Case: t.Name(), Millis: Millis(start), Outcome: Pass, Replay: "go test ./conformance -count=1 -run '^" + t.Name() + "$'"}
		switch {
		case t.Failed():
			e.Outcome = Fail
		case t.Skipped():
			e.Outcome = Skip
		}
		write(t, e)
	})
}

// Millis is the time since start in milliseconds, to a microsecond.
func Millis(start time.Time) float64 { return float64(time.Since(start).Microseconds()) / 1000 }
