package conformance

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// runServer runs a server binary that is expected to end by itself, and returns all it printed and its exit status.
func runServer(t *testing.T, binary, dir, stdin string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Errorf("%s %q: %v, %v\n%s", binary, args, err, ctx.Err(), buf.String())
	}
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	return buf.String(), code
}

func TestVersionAndHelp(t *testing.T) {
	binary := testbed.Subject(t)
	for _, arg := range []string{"--version", "-v"} {
		out, code := runServer(t, binary, t.TempDir(), "", arg)
		want := regexp.MustCompile(`^[A-Za-z]+ server v=\d+\.\d+\.\d+ sha=[0-9a-f]{8}:[01] malloc=\S+ bits=64 build=\S+\n$`)
		if code != 0 || !want.MatchString(out) {
			t.Errorf("%s: exit status %d, %q", arg, code, out)
		}
		if !isStock(t, binary) && !strings.HasPrefix(out, "Redis server v=7.2.4 ") {
			t.Errorf("%s: %q does not name the version that clients go by", arg, out)
		}
	}
	for _, arg := range []string{"--help", "-h"} {
		var stderr bytes.Buffer
		cmd := exec.Command(binary, arg)
		cmd.Stderr = &stderr
		stdout, _ := cmd.Output()
		if cmd.ProcessState.ExitCode() != 1 || len(stdout) != 0 || !strings.Contains(stderr.String(), "Usage:") {
			t.Errorf("%s: exit status %d, stdout %q, stderr %q", arg, cmd.ProcessState.ExitCode(), stdout, stderr.String())
		}
	}
}

// serverName is what differs between two servers' words for the same error (ledger: identity).
var serverName = regexp.MustCompile(`\((Redis|Redict|Valkey) \d+\.\d+\.\d+\)`)

// configErrors are configuration files that no server starts with.
var configErrors = []string{
	"nosuch 1",
	"nosuch",
	"port abc",
	"port 99999",
	"port -1",
	"port",
	"port 7000 7001",
	`port ""`,
	`port "7000`,
	`port '7000`,
	`requirepass "a"b`,
	"timeout -1",
	"timeout 1.5",
	"timeout 99999999999",
	"maxmemory 1x",
	"maxmemory abc",
	"maxmemory -1",
	"maxmemory",
	"appendonly maybe",
	"appendonly",
	"appendfsync sometimes",
	"appendfsync",
	"appendfilename a/b",
	"appendfilename \"\"",
	"appenddirname a/b",
	"appenddirname \"\"",
	"dbfilename a/b",
	"save 1",
	"save a b",
	"save 1 -1",
	"save 0 1",
	"save 100 1 200",
	"databases 0",
	"databases -1",
	"maxclients 0",
	"loglevel chatty",
	"maxmemory-policy nosuch",
	"client-output-buffer-limit normal 1",
	"client-output-buffer-limit nosuch 1 2 3",
	"client-output-buffer-limit normal a b c",
	"rename-command",
	"rename-command GET",
	"rename-command nosuch x",
	"rename-command GET SET",
	"include /nosuch/file",
	"include",
	"dir /nosuch/directory",
	"logfile /nosuch/directory/log",
	"unixsocketperm 999",
	"unixsocketperm 8",
	"notify-keyspace-events ?",
	"oom-score-adj-values 1 2",
	"list-max-listpack-size abc",
	"proto-max-bulk-len 1kb",
	"hash-max-listpack-entries -1",
	"slave-read-only maybe",
	"tcp-keepalive -1",
	"hz abc",
	"daemonize",
	"user",
	"port 7000\ntimeout 10\n\n# a comment\nnosuch 1",
	"timeout 1\n  nosuch    1   2",
	"nosuch \"a b\" 'c'",
}

// A configuration that is refused is refused in Redis's words: the block on stderr with line number, line and reason, exit status 1.
func TestConfigErrors(t *testing.T) {
	subject, real := testbed.Subject(t), testbed.Peer(t, "redict-server")
	older := isStock(t, subject) && allowed(t, "older-words")
	slots := make(chan struct{}, 4)
	var wg sync.WaitGroup
	compare := func(dir, stdin string, args ...string) {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer func() { <-slots; wg.Done() }()
			compareRefusal(t, subject, real, dir, older, stdin, args...)
		}()
	}
	for _, text := range configErrors {
		dir := t.TempDir()
		file := filepath.Join(dir, "test.conf")
		ok(t, os.WriteFile(file, []byte(text+"\n"), 0o644))
		compare(dir, "", file)
		compare(dir, text+"\n", "-")
	}
	for _, args := range [][]string{
		{"--port", "abc"}, {"--nosuch", "1"}, {"--nosuch"}, {"--port"}, {"--port", "1", "2"}, {"--save", "a"}, {"--save", "1"},
		{"--maxmemory", "1x"}, {"/nosuch/file.conf"}, {"nosuch.conf", "--port", "1"}, {"--appendfsync", "sometimes"}, {"--appendonly"},
		{"--port 7000 --nosuch 1"}, {"--include", "/nosuch/file"}, {"--timeout", "-1"}, {"--port", "7000", "--port", "abc"},
		{"--dir", "/nosuch"}, {"--loglevel", "a b"},
	} {
		compare(t.TempDir(), "", args...)
	}
	wg.Wait()
}

// compareRefusal starts both servers, which both must refuse, and compares what they print. Of an older stock server only the
// refusal is asked.
func compareRefusal(t *testing.T, subject, real, dir string, older bool, stdin string, args ...string) {
	t.Helper()
	got, gotCode := runServer(t, subject, dir, stdin, args...)
	want, wantCode := runServer(t, real, dir, stdin, args...)
	if wantCode == 0 {
		t.Errorf("%q with %q: the real server takes this", args, stdin)
		return
	}
	got, want = refusal(got), refusal(want)
	if gotCode != wantCode || !older && got != want {
		t.Errorf("%q with %q: exit status %d\n%s\nwanted %d\n%s", args, stdin, gotCode, got, wantCode, want)
	}
}

// refusal strips what may differ: the log lines before it, and the server's name.
func refusal(out string) string {
	var keep []string
	for _, line := range strings.Split(out, "\n") {
		if logLine.MatchString(line) {
			// Only the message of a fatal error is compared; other lines are notices.
			if _, message, _ := strings.Cut(line, " # "); strings.HasPrefix(message, "Fatal") || strings.HasPrefix(message, "Can't") {
				keep = append(keep, message)
			}
			continue
		}
		keep = append(keep, serverName.ReplaceAllString(line, "(NAME VERSION)"))
	}
	return strings.Join(keep, "\n")
}

// A start takes its settings from a file, from the command line, which wins, and from stdin.
func TestConfigSources(t *testing.T) {
	dir := testbed.TempDir(t)
	ok(t, os.WriteFile(filepath.Join(dir, "more.conf"), []byte("timeout 77\ntcp-keepalive 78\n"), 0o644))
	file := filepath.Join(dir, "main.conf")
	ok(t, os.WriteFile(file, []byte("# a comment\n\n  MaxClients 123  "+
		"\nhz 55\nsave 100 1\nsave 200 2\nrequirepass \"a\\x20b\"\nrename-command FLUSHALL \"\"\nrename-command DBSIZE HOWMANY\n"+
		"client-output-buffer-limit pubsub 1mb 2mb 3\n"+
		"include "+filepath.Join(dir, "more*.conf")+"\n"), 0o644))
	for name, c := range map[string]struct {
		args  []string
		stdin string
	}{
		"file":  {[]string{file, "--hz", "66", "--slowlog-max-len", "9"}, ""},
		"stdin": {[]string{"-"}, readFile(t, file) + "hz 66\nslowlog-max-len 9\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startWith(t, dir, c.stdin, c.args...)
			cl := s.Dial(t)
			if r, err := cl.Do("PING"); err != nil || !strings.HasPrefix(r.Str, "NOAUTH") {
				t.Errorf("PING without the password: %v, %v", r, err)
			}
			cl.Call(t, "AUTH", "a b")
			for name, want := range map[string]string{
				"maxclients": "123", "timeout": "77", "tcp-keepalive": "78", "hz": "66", "slowlog-max-len": "9", "save": "100 1 200 2",
				"client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2097152 3",
			} {
				if got := cl.Call(t, "CONFIG", "GET", name).Elems; len(got) != 2 || got[1].Str != want {
					t.Errorf("CONFIG GET %s: %v; want %q", name, got, want)
				}
			}
			if r, err := cl.Do("FLUSHALL"); err != nil || !strings.HasPrefix(r.Str, "ERR unknown command") {
				t.Errorf("a command renamed to nothing: %v, %v", r, err)
			}
			if n := cl.Call(t, "HOWMANY").Int; n != 0 {
				t.Errorf("a renamed command: %d", n)
			}
		})
	}
}

// startWith starts the subject with the given arguments in front of the testbed's own (port, bind, dir).
func startWith(t *testing.T, dir, stdin string, args ...string) *testbed.Server {
	t.Helper()
	script := filepath.Join(dir, "start.sh")
	quoted := []string{}
	for _, a := range append([]string{testbed.Subject(t)}, args...) {
		quoted = append(quoted, strconv.Quote(a))
	}
	text := "#!/bin/sh\nexec " + strings.Join(quoted, " ") + ` "$@"`
	if stdin != "" {
		ok(t, os.WriteFile(filepath.Join(dir, "stdin"), []byte(stdin), 0o644))
		text += " < " + strconv.Quote(filepath.Join(dir, "stdin"))
	}
	testbed.WriteProgram(t, script, []byte(text+"\n"))
	s, err := testbed.Launch(testbed.Options{Binary: script, Dir: dir, Plain: true})
	if s != nil {
		t.Cleanup(s.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	ok(t, err)
	return string(b)
}
