package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// What exporters, clients and operators read about the server: INFO's fields, the parameters of CONFIG, the table of COMMAND. The judges
// are three servers around 7.2.4; what all of them agree on, 7.2.4 had.

var judges = []string{"redis-server", "redict-server", "valkey-server"}

// INFO names every field that the judges agree on.
func TestInfoFields(t *testing.T) {
	fields := func(binary string) map[string]string {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--appendonly", "yes"}})
		c := s.Dial(t)
		c.Call(t, "SET", "k", "v")
		c.Do("INCR", "k") // an error, for errorstats
		return infoFields(c.Call(t, "INFO", "everything").Str)
	}
	ours := fields(testbed.Subject(t))
	agreed := map[string]int{}
	for _, judge := range judges {
		for name := range fields(testbed.Peer(t, judge)) {
			agreed[name]++
		}
	}
	for name, n := range agreed {
		if _, ok := ours[name]; n == len(judges) && !ok && !exempt(t, missingFields, name) {
			t.Errorf("INFO lacks %s", name)
		}
	}
}

// missingFields are the fields of INFO that we lack, by entry of the drift ledger.
var missingFields = []exemption{
	{"measured", `cmdstat_|latency_percentiles_usec_`}, // of the commands that the server's readiness probe needed
}

// CONFIG GET * names every parameter that the judges agree on, with their default. Each can be set to its own value, unless it is
// immutable there, too.
func TestConfigParameters(t *testing.T) {
	type parameter struct{ value, set string }
	read := func(binary string) map[string]parameter {
		s := testbed.Start(t, testbed.Options{Binary: binary, Plain: true})
		c := s.Dial(t)
		all := map[string]parameter{}
		pairs := c.Call(t, "CONFIG", "GET", "*").Elems
		for i := 0; i+1 < len(pairs); i += 2 {
			name, value := pairs[i].Str, pairs[i+1].Str
			r, err := c.Do("CONFIG", "SET", name, value)
			ok(t, err)
			all[name] = parameter{value, r.Str}
		}
		return all
	}
	ours := read(testbed.Subject(t))
	var theirs []map[string]parameter
	for _, judge := range judges {
		theirs = append(theirs, read(testbed.Peer(t, judge)))
	}
	for name, first := range theirs[0] {
		same := true
		for _, other := range theirs[1:] {
			same = same && other[name] == first
		}
		if !same {
			continue
		}
		got, found := ours[name]
		switch {
		case !found:
			t.Errorf("CONFIG GET * lacks %s (default %q)", name, first.value)
		case exempt(t, otherValues, name):
		case got.value != first.value:
			t.Errorf("CONFIG GET %s: %q, want %q", name, got.value, first.value)
		case got.set != first.set:
			t.Errorf("CONFIG SET %s %s: %q, want %q", name, got.value, got.set, first.set)
		}
	}
}

// otherValues are the parameters whose values are not compared, by entry of the drift ledger.
var otherValues = []exemption{
	{"identity", `(port|bind|dir|logfile|pidfile)$`},
	{"build-defaults", `(proc-title-template|dbfilename|locale-collate)$`},
}

// Every command of ours has the arity, flags, keys and categories that one of the judges gives it.
func TestCommandTable(t *testing.T) {
	table := func(binary string, names []string) map[string]string {
		s := testbed.Start(t, testbed.Options{Binary: binary})
		c := s.Dial(t)
		if names == nil {
			for _, e := range c.Call(t, "COMMAND", "LIST").Elems {
				names = append(names, e.Str)
			}
		}
		all := map[string]string{}
		for i, e := range c.Call(t, append([]string{"COMMAND", "INFO"}, names...)...).Elems {
			if len(e.Elems) < 7 {
				continue // unknown here
			}
			for _, part := range e.Elems[1:7] { // arity, flags, first, last, step, categories
				text := strings.Split(testbed.Format(part), "\n")
				slices.Sort(text)
				for _, line := range text {
					all[names[i]] += regexp.MustCompile(`^ *\d+\) `).ReplaceAllString(line, "") + " "
				}
				words := strings.Fields(all[names[i]])
				slices.Sort(words)
				all[names[i]] = strings.Join(words, " ")
			}
		}
		return all
	}
	ours := table(testbed.Subject(t), nil)
	if len(ours) == 0 {
		t.Fatal("COMMAND LIST is empty")
	}
	var names []string
	for name := range ours {
		names = append(names, name)
	}
	theirs := map[string][]string{}
	for _, judge := range judges {
		for name, facts := range table(testbed.Peer(t, judge), names) {
			theirs[name] = append(theirs[name], facts)
		}
	}
	for name, facts := range ours {
		if known := theirs[name]; len(known) > 0 && !slices.Contains(known, facts) {
			t.Errorf("COMMAND INFO %s:\n%s\nwant one of\n%s", name, facts, strings.Join(known, "\n"))
		}
	}
}

// HELP of every container of subcommands has the lines that redict's has, in their order; what they say below is our own (ledger:
// help-text).
func TestHelpLines(t *testing.T) {
	all := func(binary string) map[string]string {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--cluster-enabled", "yes", "--enable-debug-command", "yes"}})
		c := s.Dial(t)
		texts := map[string]string{}
		for _, row := range c.Call(t, "COMMAND").Elems {
			if len(row.Elems) < 10 || len(row.Elems[9].Elems) == 0 {
				continue
			}
			name := row.Elems[0].Str
			r, err := c.Do(name, "HELP")
			ok(t, err)
			for _, line := range r.Elems {
				if !strings.HasPrefix(line.Str, "    ") {
					texts[name] += line.Str + "\n"
				}
			}
		}
		return texts
	}
	wantAsRedict(t, all)
}

// wantAsRedict asks this server and redict, and compares what each name of redict's has.
func wantAsRedict(t *testing.T, ask func(binary string) map[string]string) {
	t.Helper()
	ours, theirs := ask(testbed.Subject(t)), ask(testbed.Peer(t, "redict-server"))
	if len(theirs) < 10 {
		t.Fatalf("redict has %d", len(theirs))
	}
	for name, want := range theirs {
		if got := ours[name]; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// CONFIG REWRITE brings what was set into the file and keeps the rest of it; the next start finds it.
func TestConfigRewrite(t *testing.T) {
	dir := testbed.TempDir(t)
	file := filepath.Join(dir, "server.conf")
	ok(t, os.WriteFile(file, []byte("# the operator's comment\ntimeout 10\n\nsave 100 1\nsave 200 2\nhz 20\n"), 0o644))
	s := startWith(t, dir, "", file)
	c := s.Dial(t)
	for _, set := range [][]string{{"timeout", "33"}, {"maxmemory", "100mb"}, {"save", ""}, {"requirepass", "p w"},
		{"client-output-buffer-limit", "pubsub 1mb 512kb 9"}, {"hz", "10"}} {
		c.Call(t, "CONFIG", "SET", set[0], set[1])
	}
	c.Call(t, "CONFIG", "REWRITE")
	text := readFile(t, file)
	if !strings.HasPrefix(text, "# the operator's comment\n") || strings.Contains(text, "timeout 10") {
		t.Errorf("the file after CONFIG REWRITE:\n%s", text)
	}
	stop(t, s)
	ok(t, s.Restart())
	c = s.Dial(t)
	c.Call(t, "AUTH", "p w")
	for name, want := range map[string]string{"timeout": "33", "maxmemory": "104857600", "save": "", "requirepass": "p w", "hz": "10",
		"client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 524288 9"} {
		if got := c.Call(t, "CONFIG", "GET", name).Elems; len(got) != 2 || got[1].Str != want {
			t.Errorf("after the restart CONFIG GET %s: %v; want %q", name, got, want)
		}
	}
}

// CONFIG RESETSTAT sets back the counters that redict sets back, and no others.
func TestResetStat(t *testing.T) {
	after := func(binary string) (before, after map[string]string) {
		s := testbed.Start(t, testbed.Options{Binary: binary, Plain: true})
		c := s.Dial(t)
		for _, args := range [][]string{{"SET", "k", "v"}, {"GET", "k"}, {"GET", "none"}, {"AUTH", "a", "b"}, {"NOPE"}, {"SET", "e", "v", "PX", "1"},
			{"RPUSH", "l", "a"}, {"UNLINK", "l"}, {"SAVE"}, {"EVAL", "return 1", "0"}, {"DEBUG", "SLEEP", "0.3"}} {
			_, err := c.Do(args...)
			ok(t, err)
		}
		waitFor(t, "the key's end", func() bool { return infoInt(t, c, "stats", "expired_keys") > 0 })
		before = infoFields(c.Call(t, "INFO", "everything").Str)
		// In one turn: what is measured a few times a second is not measured in between.
		ok(t, c.SendRaw(testbed.AppendCommand(testbed.AppendCommand(nil, "CONFIG", "RESETSTAT"), "INFO", "everything")))
		r, err := c.Receive()
		ok(t, errors.Join(err, r.Err()))
		r, err = c.Receive()
		ok(t, errors.Join(err, r.Err()))
		return before, infoFields(r.Str)
	}
	before, ours := after(testbed.Subject(t))
	theirBefore, theirs := after(testbed.Peer(t, "redict-server"))
	zero := func(s string) bool { return s == "0" || s == "0.00" }
	for name, value := range theirs {
		got, there := ours[name]
		if !there || zero(before[name]) || zero(theirBefore[name]) {
			continue
		}
		if zero(value) != zero(got) {
			t.Errorf("%s is %s after RESETSTAT and was %s, redict's is %s and was %s", name, got, before[name], value, theirBefore[name])
		}
	}
	for name := range before {
		_, left := ours[name]
		if _, there := theirs[name]; !left && there {
			t.Errorf("%s is gone after RESETSTAT", name)
		}
	}
}

// Each command's failures are counted with it and not with the transaction or the script around it, unless that fails, too: counters and
// errors are redict's.
func TestFailedCalls(t *testing.T) {
	count := func(binary string) map[string]string {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--enable-debug-command", "yes"}})
		c := s.Dial(t)
		c.Call(t, "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('raises', function(k) return redis.call('INCR', k[1]) end)")
		c.Call(t, "SET", "k", "v")
		c.Call(t, "CONFIG", "RESETSTAT")
		call, pcall := "return redis.call('INCR', KEYS[1])", "redis.pcall('INCR', KEYS[1]) return 1"
		for _, args := range [][]string{{"INCR", "k"}, {"MULTI"}, {"INCR", "k"}, {"EXEC"}, {"MULTI"}, {"NOSUCH"}, {"EXEC"}, {"EXEC"}, {"EVAL", call, "1", "k"},
			{"EVAL", pcall, "1", "k"}, {"EVAL", "return redis.error_reply('own')", "0"}, {"EVAL", "return redis.call('nosuch')", "0"}, {"EVAL", "return redis.call('GET')", "0"},
			{"EVAL", "return redis.pcall('GET')", "0"}, {"EVAL", "no script", "0"}, {"FCALL", "raises", "1", "k"}, {"MULTI"}, {"EVAL", call, "1", "k"}, {"EVAL", pcall, "1", "k"}, {"LPUSH", "k", "1"},
			{"EXEC"}, {"DEBUG", "ERROR", "MADE up"}, {"GET"}, {"WATCH", "k"}, {"SET", "k", "w"}, {"MULTI"}, {"PING"}, {"EXEC"}} {
			_, err := c.Do(args...)
			ok(t, err)
		}
		blocked := s.Dial(t)
		id := strconv.FormatInt(blocked.Call(t, "CLIENT", "ID").Int, 10)
		for how, reply := range map[string]string{"ERROR": "UNBLOCKED client unblocked via CLIENT UNBLOCK", "TIMEOUT": ""} {
			ok(t, blocked.Send("BLPOP", "nothing", "0"))
			waitForText(t, func() string { return c.Call(t, "CLIENT", "LIST", "ID", id).Str }, "cmd=blpop")
			waitFor(t, "the client to be unblocked", func() bool { return c.Call(t, "CLIENT", "UNBLOCK", id, how).Int == 1 })
			if r, err := blocked.Receive(); err != nil || r.Str != reply {
				t.Errorf("%s: %v, %v", how, r, err)
			}
		}
		figures := map[string]string{}
		for name, value := range infoFields(c.Call(t, "INFO", "everything").Str) {
			if name == "cmdstat_client|list" || name == "cmdstat_client|unblock" {
				continue // it was asked for until it was so
			}
			if strings.HasPrefix(name, "cmdstat_") {
				figures[name] = regexp.MustCompile(`usec[^,]*,`).ReplaceAllString(value, "")
			} else if strings.HasPrefix(name, "errorstat_") || name == "total_error_replies" {
				figures[name] = value
			}
		}
		return figures
	}
	wantAsRedict(t, count)
}
