package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// sentinelQuestions are asked of a Sentinel that watches m at %d; their replies depend on no clock.
const sentinelQuestions = `
SENTINEL
SENTINEL foo
SENTINEL MASTERS x
SENTINEL MASTER x
SENTINEL REPLICAS x
SENTINEL SLAVES m
SENTINEL SENTINELS m
SENTINEL CKQUORUM x
SENTINEL CKQUORUM m
SENTINEL FAILOVER x
SENTINEL FAILOVER m
SENTINEL GET-MASTER-ADDR-BY-NAME x
SENTINEL GET-MASTER-ADDR-BY-NAME m
SENTINEL RESET nothing*
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 %d 0 *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 %d x *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 7 *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 %d 5 abcabcabcabcabcabcabcabcabcabcabcabcabcabc
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 %d 5 bbcabcabcabcabcabcabcabcabcabcabcabcabcabc
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 %d 4 bbcabcabcabcabcabcabcabcabcabcabcabcabcabc
SENTINEL MONITOR z 127.0.0.1 1 0
SENTINEL MONITOR z 127.0.0.1 1 x
SENTINEL MONITOR z 127.0.0.1 x 1
SENTINEL MONITOR z 127.0.0.1 99999 1
SENTINEL MONITOR z nohost 1 1
SENTINEL MONITOR z ::1 1 1
SENTINEL GET-MASTER-ADDR-BY-NAME z
ROLE
SENTINEL REMOVE z
SENTINEL REMOVE z
SENTINEL MONITOR m 127.0.0.1 1 1
SENTINEL SET x quorum 1
SENTINEL SET m quorum
SENTINEL SET m quorum 0
SENTINEL SET m down-after-milliseconds 0
SENTINEL SET m down-after-milliseconds 31000 failover-timeout 170000 parallel-syncs 3
SENTINEL SET m failover-timeout x
SENTINEL SET m parallel-syncs -1
SENTINEL SET m notification-script /bin/true
SENTINEL SET m client-reconfig-script /bin/true
SENTINEL SET m auth-pass pw
SENTINEL SET m auth-user us
SENTINEL SET m master-reboot-down-after-period 5
SENTINEL SET m master-reboot-down-after-period -5
SENTINEL SET m rename-command a
SENTINEL SET m rename-command '' a
SENTINEL SET m rename-command a ''
SENTINEL SET m quorum +1
SENTINEL SET m quorum 01
SENTINEL SET m failover-timeout +1
SENTINEL SET m master-reboot-down-after-period -0
SENTINEL CONFIG SET announce-port +5
SENTINEL CONFIG SET announce-port 05
SENTINEL DEBUG info-period +10000
SENTINEL SET m foo bar
SENTINEL SET m quorum 1 foo
SENTINEL CONFIG
SENTINEL CONFIG foo bar
SENTINEL CONFIG GET *
SENTINEL CONFIG GET announce-ip announce* sentinel-user
SENTINEL CONFIG SET a
SENTINEL CONFIG SET a b
SENTINEL CONFIG SET resolve-hostnames x
SENTINEL CONFIG SET announce-port 99999
SENTINEL CONFIG SET loglevel x
SENTINEL CONFIG SET loglevel notice loglevel notice
SENTINEL CONFIG SET loglevel notice announce-port
SENTINEL CONFIG SET announce-ip 1.1.1.1 announce-port 5 sentinel-user a sentinel-pass b
SENTINEL CONFIG GET *
SENTINEL DEBUG x
SENTINEL DEBUG info-period 0
SENTINEL DEBUG info-period 10000 ping-period
SENTINEL DEBUG info-period 10000 ping-period 1000
SENTINEL DEBUG
SENTINEL SIMULATE-FAILURE help
SENTINEL SIMULATE-FAILURE x
SENTINEL SIMULATE-FAILURE crash-after-election x
SENTINEL INFO-CACHE
SENTINEL INFO-CACHE x
SENTINEL PENDING-SCRIPTS
SENTINEL FLUSHCONFIG
SENTINEL MYID x
PUBLISH a b
PUBLISH __sentinel__:hello b
COMMAND COUNT
COMMAND GETKEYS get a
COMMAND INFO get
COMMAND INFO publish
COMMAND INFO role
COMMAND INFO shutdown
ACL CAT
ACL SETUSER bob on >p +ping
ACL DRYRUN bob info
ACL DELUSER bob
CLIENT NO-TOUCH on
CLIENT TRACKING on
CONFIG GET port
SET a b
QUIT
SELECT 0
MULTI
INFO sentinel
SUBSCRIBE +sdown
PING
PUBLISH a b
UNSUBSCRIBE
`

// A Sentinel of ours answers, word for word, as Redis's does.
func TestSentinelCommands(t *testing.T) {
	p := testbed.Start(t, testbed.Options{Binary: testbed.Subject(t)})
	conf := fmt.Sprintf("sentinel monitor m 127.0.0.1 %d 2\n", p.Port)
	ours := startSentinel(t, testbed.Subject(t), conf).Dial(t)
	theirs := startSentinel(t, testbed.Peer(t, "redict-server"), conf).Dial(t)
	for line := range strings.Lines(strings.ReplaceAll(sentinelQuestions, "%d", fmt.Sprint(p.Port))) {
		argv := strings.Fields(line)
		if len(argv) == 0 {
			continue
		}
		for i, a := range argv {
			if a == "''" {
				argv[i] = ""
			}
		}
		got, err1 := ours.Do(argv...)
		want, err2 := theirs.Do(argv...)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %v, %v", argv, err1, err2)
		}
		if argv[0] == "ROLE" { // Redis names the primaries in the order of a table whose seed is random
			for _, r := range []testbed.Reply{got, want} {
				names := r.Elems[1].Elems
				slices.SortFunc(names, func(a, b testbed.Reply) int { return strings.Compare(a.Str, b.Str) })
			}
		}
		if got.String() != want.String() {
			t.Errorf("%s\n got %s\nwant %s", argv, got, want)
		}
	}
}

// A script is found by its path alone, also one relative to the working directory, has two words for arguments, writes where the Sentinel
// does, and its beginning and end are in a log that has everything.
func TestSentinelScripts(t *testing.T) {
	p := testbed.Start(t, testbed.Options{Binary: testbed.Subject(t)})
	numbers := regexp.MustCompile(`(127\.0\.0\.1|script-child) \d+`)
	var outs [2][]string
	for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := startSentinel(t, binary, fmt.Sprintf("loglevel debug\nsentinel deny-scripts-reconfig no\nsentinel monitor m 127.0.0.1 %d 2\n", p.Port))
		testbed.WriteProgram(t, filepath.Join(s.Dir, "tell"), []byte("#!/bin/sh\necho told $0 $# $1 \"$2\"\n"))
		testbed.WriteProgram(t, filepath.Join(s.Dir, "fail"), []byte("#!/bin/sh\nexit 2\n"))
		c := s.Dial(t)
		for n, path := range []string{"tell", "./fail"} {
			c.Call(t, "SENTINEL", "SET", "m", "notification-script", path)
			c.Call(t, "SENTINEL", "SET", "m", "notification-script", "")
			waitFor(t, "the script's end", func() bool { return strings.Count(s.LogText(), "-script-child ") > n })
		}
		waitForText(t, s.LogText, "-script-error")
		events := regexp.MustCompile(`(?m)([+-]script-|^told ).*`).FindAllString(s.LogText(), -1)
		for _, e := range events {
			outs[i] = append(outs[i], numbers.ReplaceAllString(e, "$1 N"))
		}
		slices.Sort(outs[i]) // when a script begins, and what it writes meanwhile, is a matter of ticks
	}
	if !slices.Equal(outs[0], outs[1]) || len(outs[0]) != 6 {
		t.Errorf("got  %q\nwant %q", outs[0], outs[1])
	}
}

// What cannot be saved is answered with an error, in Redis's words, and told in the log.
func TestSentinelUnsaved(t *testing.T) {
	var outs [2]string
	for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := startSentinel(t, binary, "sentinel monitor m 127.0.0.1 1 2\n")
		conf := filepath.Join(s.Dir, "sentinel.conf")
		ok(t, os.Remove(conf))
		ok(t, os.Mkdir(conf, 0o755))
		c := s.Dial(t)
		for _, line := range []string{"FLUSHCONFIG", "SET m quorum 1", "CONFIG SET announce-port 7", "MONITOR q 127.0.0.1 1 1", "REMOVE q", "RESET m"} {
			reply, err := c.Do(append([]string{"SENTINEL"}, strings.Fields(line)...)...)
			ok(t, err)
			outs[i] += fmt.Sprintf("%s: %s\n", line, reply)
		}
		waitForText(t, s.LogText, "# WARNING: Sentinel was not able to save the new configuration on disk!!!: Is a directory\n")
	}
	if outs[0] != outs[1] {
		t.Errorf("got\n%s\nwant\n%s", outs[0], outs[1])
	}
}

// A configuration that no Sentinel can begin with is refused in Redis's words, with the same exit status.
func TestSentinelRefusals(t *testing.T) {
	const m, id = "sentinel monitor m 127.0.0.1 27700 2\n", "0123456789012345678901234567890123456789"
	version := regexp.MustCompile(`\(Red(is|ict) [0-9.]+\)`)
	stamp := regexp.MustCompile(`(?m)^[0-9]+:[CX] \d+ \w+ \d+ [0-9:.]+ `)
	for _, conf := range []string{
		"sentinel foo", "sentinel monitor m 127.0.0.1 27700", "sentinel monitor m 127.0.0.1 27700 0", "sentinel monitor m 127.0.0.1 99999 1",
		m + m, "sentinel down-after-milliseconds m 1", m + "sentinel down-after-milliseconds m 0", m + "sentinel failover-timeout m -1",
		m + "sentinel parallel-syncs x x", m + "sentinel notification-script m /nonexist", m + "sentinel client-reconfig-script m /nonexist",
		m + "sentinel auth-pass x y", "sentinel myid abc", m + "sentinel known-replica m 127.0.0.1 99999",
		m + "sentinel rename-command m a b\nsentinel rename-command m a c", "sentinel announce-ip", "sentinel deny-scripts-reconfig x",
		"sentinel resolve-hostnames x", "sentinel announce-hostnames x", m + "sentinel master-reboot-down-after-period m -1",
		m + "sentinel known-replica m 127.0.0.1 1\nsentinel known-replica m 127.0.0.1 1",
		m + "sentinel known-sentinel m 127.0.0.1 1 " + id + "\nsentinel known-sentinel m 127.0.0.1 2 " + id,
	} {
		var outs [2]string
		for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
			dir := t.TempDir()
			ok(t, os.WriteFile(filepath.Join(dir, "s.conf"), []byte("port 0\n"+conf+"\n"), 0o644))
			out, code := runServer(t, binary, dir, "", "s.conf", "--sentinel")
			_, out, found := strings.Cut(version.ReplaceAllString(out, "(version)"), "*** FATAL")
			outs[i] = fmt.Sprint(code, found, stamp.ReplaceAllString(out, ""))
		}
		if outs[0] != outs[1] {
			t.Errorf("%q\n got %s\nwant %s", conf, outs[0], outs[1])
		}
	}
	for _, args := range [][]string{{"--sentinel"}, {"--sentinel", "s.conf"}, {"/nonexist/s.conf", "--sentinel"}} {
		var outs [2]string
		for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
			out, code := runServer(t, binary, t.TempDir(), "", args...)
			lines := strings.Split(strings.TrimSpace(stamp.ReplaceAllString(out, "")), "\n")
			outs[i] = fmt.Sprint(code, lines[len(lines)-1])
		}
		if outs[0] != outs[1] {
			t.Errorf("%q\n got %s\nwant %s", args, outs[0], outs[1])
		}
	}
}
