package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// gate is one way for something wrong to come before the suite.
type gate struct {
	name string
	lie  string   // what the server lies about; "" for a truthful one
	run  string   // the tests that must see it
	env  []string // added to the environment
	// doctor changes a copy of this folder, which the tests then run in.
	doctor func(dir string) error
	// want is what the output says. A gate that opens all the same is one that must pass.
	want  string
	opens bool
	slow  bool // with FR_LONG only
}

var gates = []gate{
	{name: "a wrong reply to a script", lie: "reply", run: `^TestScripts$/^subject$/^string$/^get$`, want: "+ \"\""},
	{name: "a wrong script", run: `^TestScripts$/^subject$/^string$/^get$`, want: "- \"doctored\"",
		doctor: rewrite("testdata/string/get.txt", "(nil)\n", "\"doctored\"\n")},
	{name: "a wrong reply at random", lie: "reply", run: `^TestRandom$/^string$/^resp2$`, want: "replies differ"},
	{name: "a wrong digest", lie: "digest", run: `^TestRandom$/^string$/^resp3$`, want: "digests differ"},
	{name: "a wrong row", lie: "row", run: `^TestCommandTable$`, want: "COMMAND INFO set:"},
	{name: "a field of INFO missing", lie: "field", run: `^TestInfoFields$`, want: "INFO lacks total_commands_processed"},
	{name: "a wrong default", lie: "parameter", run: `^TestConfigParameters$`, want: "maxmemory-policy"},
	{name: "a protocol error in other words", lie: "error", run: `^TestHostileInput$`, want: "protocol error", slow: true},
	{name: "a log that is not kept", lie: "forget", run: `^TestKill$/^always$`, want: "was acknowledged, the server came back with 0"},
	{name: "a history that is not kept", lie: "forget", run: `^TestLinearizable$/^everysec$`, want: "no order of calls explains"},
	{name: "a stream that is not kept", lie: "forget", run: `^TestSurvivingPrefix$/^everysec$`, want: "(0: lost)"},
	{name: "a missing peer in CI", run: `^TestScripts$/^redict-server$`, want: "CI=true",
		env: []string{"CI=true", "FR_PEERS=/nosuch", "PATH=/nosuch"}},
	{name: "a missing peer elsewhere", run: `^TestScripts$/^redict-server$`, want: "NOT COMPARED with redict-server", opens: true,
		env: []string{"CI=", "FR_PEERS=/nosuch", "PATH=/nosuch"}},
	{name: "the ledger as it is", run: `^TestDrift`, want: "ok", opens: true, doctor: func(string) error { return nil }},
	{name: "a difference without an entry", run: `^TestDriftOfScripts$`, want: `no entry "redict-types"`,
		doctor: rewrite("DRIFT.md", "| redict-types |", "| redict-types-renamed |")},
	{name: "a script silent without an entry", run: `^TestDriftOfScripts$`, want: "names no entry",
		doctor: rewrite("testdata/keyspace/scan.txt", "@not redict redict-types: ", "@not redict ")},
	{name: "a script silent for us", run: `^TestDriftOfScripts$`, want: "what 7.2.4 says, we say",
		doctor: rewrite("testdata/keyspace/scan.txt", "@not redict ", "@not frankenredis ")},
	{name: "a normaliser without an entry", run: `^TestDriftOfRandom$`, want: `no entry "cursor"`,
		doctor: rewrite("DRIFT.md", "| cursor |", "| cursor-renamed |")},
	{name: "an entry nobody needs", run: `^TestDriftIsInUse$`, want: "nothing names un-needed",
		doctor: rewrite("DRIFT.md", "| clock |", "| un-needed | a | b |\n| clock |")},
	{name: "an entry for a data command", run: `^TestDriftOfScripts$`, want: "GET belongs to",
		doctor: rewrite("DRIFT.md", "| allocator | info | ", "| allocator | reply | `GET`: ")},
}

// Each gate is broken once on purpose, to see it shut: this test program is run again on one wrong thing at a time. Every gate that
// shuts on a lie opens for the same server telling the truth, so that what shuts it is the lie.
func TestGates(t *testing.T) {
	subject := testbed.Subject(t)
	if isStock(t, subject) {
		t.Skip("the gates are shown to our own server: others differ from redict without a lie")
	}
	testbed.Peer(t, "redict-server") // what the lies are seen by
	all, truths := gates, map[string]bool{}
	for _, g := range gates {
		if g.lie != "" && !truths[g.run] {
			truths[g.run] = true
			truth := "none"
			if _, found := argumentLies[g.lie]; found {
				truth = "keep"
			}
			all = append(all, gate{name: "the truth about " + g.name, lie: truth, run: g.run, want: "ok", opens: true, slow: g.slow})
		}
	}
	for _, g := range all {
		if g.slow && !long() {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			out, code := g.try(t, subject)
			if (code == 0) != g.opens || !strings.Contains(out, g.want) {
				t.Errorf("exit status %d, wanted to say %q:\n%s", code, g.want, tail(out, 3000))
			}
			if strings.Contains(out, "no tests to run") {
				t.Errorf("there is no test %s", g.run)
			}
		})
	}
}

// try runs the test program as the gate says.
func (g *gate) try(t *testing.T, subject string) (out string, code int) {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	dir, err := os.Getwd()
	ok(t, err)
	scratch := testbed.TempDir(t)
	if g.doctor != nil {
		work := filepath.Join(scratch, "conformance")
		ok(t, os.CopyFS(work, os.DirFS(dir)))
		ok(t, g.doctor(work))
		dir = work
	}
	server := subject
	if g.lie != "" {
		server = filepath.Join(scratch, "liar.sh")
		text := fmt.Sprintf("#!/bin/sh\nFR_LIE=%s FR_TRUTH='%s' exec '%s' \"$@\"\n", g.lie, subject, self)
		testbed.WriteProgram(t, server, []byte(text))
	}
	cmd := exec.Command(self, "-test.run", g.run, "-test.timeout", "10m", "-seeds", "3")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"FR_SERVER=" + server, "FR_TESTLOG=", "FR_LONG="}, g.env...)...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() == 0 {
		text = append(text, "ok\n"...)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// rewrite replaces text in a file of the copy.
func rewrite(file, old, with string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), old) {
			return fmt.Errorf("%s does not say %q any more: the gate breaks nothing", file, old)
		}
		return os.WriteFile(path, []byte(strings.Replace(string(text), old, with, 1)), 0o644)
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
