package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"frankenredis/conformance/drift"
	"frankenredis/conformance/reference"
	"frankenredis/conformance/testbed"
	"frankenredis/wire/config"
)

// counts writes what a run of the conformance suite has covered: from the tables what is here, from the suite's log (testbed.Entry, one a
// line) what was tried.
func counts(out io.Writer, log io.Reader, ledger drift.Ledger) error {
	t, err := readLog(log)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	missing, total := missingCommands()
	parameters, pending := len(reference.Parameters()), 0
	for _, r := range config.Pending() {
		if !strings.HasPrefix(r.Name, "fr-") {
			pending++
		}
	}
	fmt.Fprintf(w, "commands    %d of %d\n", total-len(missing), total)
	fmt.Fprintf(w, "parameters  %d of %d acted on, all accepted\n", parameters-pending, parameters)
	for _, s := range t.servers {
		c := t.scripts[s]
		fmt.Fprintf(w, "scripts     %d files, %d cases with %s%s\n", len(c.files), c.cases, s, failures(c.failed))
	}
	fmt.Fprintf(w, "random      %d seeds in %d families%s\n", t.seeds, len(t.families), failures(t.seedsFailed))
	fmt.Fprintf(w, "processes   %d tests, %d skipped%s\n", t.tests, t.testsSkipped, failures(t.testsFailed))
	fmt.Fprintf(w, "drift       %d accepted differences, %d of judges, %d that cannot be compared\n",
		ledger.Count(drift.Accepted), ledger.Count(drift.Oracle), ledger.Count(drift.Incomparable))
	return w.Flush()
}

func failures(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d FAILED", n)
}

// tally is what a log holds.
type tally struct {
	servers []string // of scripts, in order of name
	scripts map[string]*scriptTally
	seeds   int // a seed counts once for each family and protocol
	tests   int

	seedsFailed, testsFailed, testsSkipped int

	families map[string]bool
}

// scriptTally is what one server was asked by scripts. A case is one block in one protocol.
type scriptTally struct {
	files         map[string]bool
	cases, failed int
}

// readLog counts the lines of a log.
func readLog(log io.Reader) (*tally, error) {
	t := &tally{scripts: map[string]*scriptTally{}, families: map[string]bool{}}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var e testbed.Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("test log, line %d: %w", n, err)
		}
		failed := 0
		if e.Outcome == testbed.Fail {
			failed = 1
		}
		switch e.Suite {
		case "script":
			if e.Outcome != testbed.Skip {
				t.script(e, failed)
			}
		case "random", "events":
			t.seeds++
			t.seedsFailed += failed
			t.families[e.Case] = true
		case "process":
			t.tests++
			t.testsFailed += failed
			if e.Outcome == testbed.Skip {
				t.testsSkipped++
			}
		default:
			return nil, fmt.Errorf("test log, line %d: no suite is called %q", n, e.Suite)
		}
	}
	for s := range t.scripts {
		t.servers = append(t.servers, s)
	}
	slices.Sort(t.servers)
	return t, lines.Err()
}

// script counts a block: its mode is "server version protocol", its case "file:line".
func (t *tally) script(e testbed.Entry, failed int) {
	server := e.Mode
	if i := strings.LastIndexByte(server, ' '); i >= 0 {
		server = server[:i]
	}
	file, _, _ := strings.Cut(e.Case, ":")
	c := t.scripts[server]
	if c == nil {
		c = &scriptTally{files: map[string]bool{}}
		t.scripts[server] = c
	}
	c.files[file] = true
	c.cases++
	c.failed += failed
}

// printCounts is the -counts flag: the log's path, and the ledger's.
func printCounts(logPath, ledgerPath string) error {
	ledger, err := drift.Load(ledgerPath)
	if err != nil {
		return err
	}
	f, err := os.Open(logPath)
	if err != nil {
		return err
	}
	defer f.Close()
	return counts(os.Stdout, f, ledger)
}
