package conformance

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// What scripts may do depends on the state of the server: on a replica with and without its primary, while another script runs too
// long, while too few replicas are there. The subject and redict answer the same.
func TestScriptStates(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`(Redict|Redis|redict|redis) `)
	for _, state := range []struct {
		name string
		run  func(t *testing.T, binary string) []string
	}{{"replica", scriptsOnReplica}, {"busy", scriptsWhileBusy}, {"busy function", functionsWhileBusy}, {"too few replicas", scriptsWithoutReplicas}, {"figures", scriptFigures}} {
		t.Run(state.name, func(t *testing.T) {
			got, want := state.run(t, testbed.Subject(t)), state.run(t, testbed.Peer(t, "redict-server"))
			for i := range max(len(got), len(want)) {
				if g, w := own.ReplaceAllString(at(got, i), ""), own.ReplaceAllString(at(want, i), ""); g != w {
					t.Errorf("%s\nwant %s", g, w)
				}
			}
			if len(want) < 5 {
				t.Errorf("%d replies", len(want))
			}
		})
	}
}

// scriptCalls are calls of scripts and functions of every kind; declaredFunctions is loaded before.
var scriptCalls = [][]string{
	{"EVAL", "return 1", "0"},
	{"EVAL", "return redis.call('GET', 'k')", "0"},
	{"EVAL", "return redis.call('SET', 'k', 1)", "0"},
	{"EVAL", "return redis.pcall('SET', 'k', 1)", "0"},
	{"EVAL", "return redis.call('PUBLISH', 'c', 'm')", "0"},
	{"EVAL", "#!lua\nreturn redis.call('GET', 'k')", "0"},
	{"EVAL", "#!lua flags=no-writes\nreturn redis.call('GET', 'k')", "0"},
	{"EVAL", "#!lua flags=no-writes,allow-stale\nreturn redis.call('GET', 'k')", "0"},
	{"EVAL", "#!lua flags=allow-stale\nreturn redis.call('SET', 'k', 1)", "0"},
	{"EVAL", "#!lua flags=no-writes,allow-stale\nreturn redis.call('ECHO', 'k')", "0"},
	{"EVAL_RO", "return redis.call('GET', 'k')", "0"},
	{"EVAL_RO", "#!lua flags=no-writes,allow-stale\nreturn 1", "0"},
	{"EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"},
	{"SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"},
	{"SCRIPT", "LOAD", "return 1"},
	{"FCALL", "writes", "1", "k"},
	{"FCALL", "reads", "1", "k"},
	{"FCALL_RO", "reads", "1", "k"},
	{"FCALL_RO", "writes", "1", "k"},
	{"FCALL", "stale", "1", "k"},
	{"FUNCTION", "LOAD", "#!lua name=more\nredis.register_function('more', function() return 1 end)"},
	{"FUNCTION", "DELETE", "declared"},
	{"FUNCTION", "FLUSH"},
	{"SCRIPT", "KILL"},
	{"FUNCTION", "KILL"},
}

const declaredFunctions = "#!lua name=declared\nredis.register_function('writes', function(k) return redis.call('SET', k[1], 1) end)\n" +
	"redis.register_function{function_name='reads', callback=function(k) return redis.call('GET', k[1]) end, flags={'no-writes'}}\n" +
	"redis.register_function{function_name='stale', callback=function(k) return redis.call('ECHO', k[1]) end, flags={'no-writes', 'allow-stale'}}"

func replies(t *testing.T, c *testbed.Client, where string, calls [][]string) (seen []string) {
	t.Helper()
	for _, args := range calls {
		r, err := c.Do(args...)
		ok(t, err)
		seen = append(seen, where+": "+strings.Join(args, " ")+": "+testbed.Format(r))
	}
	return seen
}

func scriptsOnReplica(t *testing.T, binary string) (seen []string) {
	primary := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--repl-diskless-sync-delay", "0"}})
	replica := testbed.Start(t, testbed.Options{Binary: binary})
	pc, rc := primary.Dial(t), replica.Dial(t)
	pc.Call(t, "SET", "k", "v")
	pc.Call(t, "FUNCTION", "LOAD", declaredFunctions)
	rc.Call(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(primary.Port))
	waitForText(t, func() string { return infoFields(rc.Call(t, "INFO", "replication").Str)["master_link_status"] }, "up")
	waitForText(t, func() string { return rc.Call(t, "GET", "k").Str }, "v")
	seen = replies(t, rc, "replica", scriptCalls)
	rc.Call(t, "CONFIG", "SET", "replica-read-only", "no")
	seen = append(seen, replies(t, rc, "writable replica", scriptCalls[:4])...)
	rc.Call(t, "CONFIG", "SET", "replica-read-only", "yes")
	rc.Call(t, "CONFIG", "SET", "replica-serve-stale-data", "no")
	seen = append(seen, replies(t, rc, "no stale data, primary there", scriptCalls[:3])...)
	primary.Kill()
	waitForText(t, func() string { return infoFields(rc.Call(t, "INFO", "replication").Str)["master_link_status"] }, "down")
	seen = append(seen, replies(t, rc, "stale replica", scriptCalls)...)
	rc.Call(t, "REPLICAOF", "NO", "ONE")
	return append(seen, replies(t, rc, "promoted", scriptCalls[:4])...)
}

// whileBusy runs begin until the server says BUSY, asks, and ends it.
func whileBusy(t *testing.T, binary string, begin []string, ends string) (seen []string) {
	s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--busy-reply-threshold", "10"}})
	c, other, queued := s.Dial(t), s.Dial(t), s.Dial(t)
	c.Call(t, "SCRIPT", "LOAD", "return 1")
	c.Call(t, "FUNCTION", "LOAD", "#!lua name=loops\nredis.register_function('loop', function() while true do end end)\n"+
		"redis.register_function('writing', function(k) redis.call('INCR', k[1]) for i = 1, 1e9 do end end)")
	queued.Call(t, "MULTI")
	if err := c.Send(begin...); err != nil {
		t.Fatal(err)
	}
	waitForText(t, func() string {
		r, err := other.Do("PING")
		ok(t, err)
		return strings.Fields(r.Str)[0]
	}, "BUSY")
	say := func(who string, c *testbed.Client, args ...string) testbed.Reply {
		t.Helper()
		r, err := c.Do(args...)
		ok(t, err)
		seen = append(seen, who+" "+strings.Join(args, " ")+": "+testbed.Format(r))
		return r
	}
	for _, args := range [][]string{{"GET", "k"}, {"NOSUCH"}, {"GET"}, {"EVAL", "return 1", "0"}, {"FCALL", "loop", "0"}, {"SCRIPT", "EXISTS", "x"}, {"SCRIPT", "FLUSH"}, {"FUNCTION", "LIST"},
		{"INFO"}, {"CONFIG", "GET", "port"}, {"SHUTDOWN"}, {"SHUTDOWN", "SAVE"}, {"HELLO", "9"}, {"AUTH", "x"}, {"RESET"}, {"MULTI"}, {"EXEC"}, {"DISCARD"}, {"WATCH", "k"}, {"UNWATCH"}, {"SUBSCRIBE", "c"},
		{"PUBLISH", "c", "m"}, {"CLIENT", "GETNAME"}, {"SELECT", "1"}, {"ECHO", "x"}, {"COMMAND", "COUNT"}, {"DEBUG", "SLEEP", "0"}, {"REPLICAOF", "NO", "ONE"}, {"SAVE"}} {
		say("other", other, args...)
	}
	say("in MULTI", queued, "SET", "queued", "1")
	say("in MULTI", queued, "EXEC")
	stats := say("other", other, "FUNCTION", "STATS")
	if n := len(seen); len(stats.Elems) > 0 {
		seen[n-1] = regexp.MustCompile(`"duration_ms"\n?.*\(integer\) \d+`).ReplaceAllString(strings.ReplaceAll(seen[n-1], "\n", " "), "duration")
		seen[n-1] = regexp.MustCompile(`\(integer\) \d+`).ReplaceAllString(seen[n-1], "n")
	}
	kinds := []string{"SCRIPT", "FUNCTION"}
	if ends == "FUNCTION" {
		slices.Reverse(kinds)
	}
	say("other", other, kinds[1], "KILL")
	if r := say("other", other, kinds[0], "KILL"); r.Err() != nil {
		// It has written: only SHUTDOWN NOSAVE ends it, and nothing that it did is lost by that which was not going to be.
		_ = other.Send("SHUTDOWN", "NOSAVE")
		_, err := other.Receive()
		seen = append(seen, "after SHUTDOWN NOSAVE the connection is closed: "+strconv.FormatBool(err != nil))
		return seen
	}
	r, err := c.Receive()
	ok(t, err)
	seen = append(seen, "the script: "+testbed.Format(r))
	say("other", other, "GET", "k")
	say("in MULTI", queued, "EXEC")
	return seen
}

func scriptsWhileBusy(t *testing.T, binary string) []string {
	return slices.Concat(whileBusy(t, binary, []string{"EVAL", "while true do end", "0"}, "SCRIPT"),
		whileBusy(t, binary, []string{"EVAL_RO", "while true do end", "0"}, "SCRIPT"),
		whileBusy(t, binary, []string{"EVAL", "redis.call('SET', KEYS[1], 1) while true do end", "1", "k"}, "SCRIPT"))
}

func functionsWhileBusy(t *testing.T, binary string) []string {
	return slices.Concat(whileBusy(t, binary, []string{"FCALL", "loop", "0"}, "FUNCTION"), whileBusy(t, binary, []string{"FCALL", "writing", "1", "k"}, "FUNCTION"))
}

func scriptsWithoutReplicas(t *testing.T, binary string) []string {
	s := testbed.Start(t, testbed.Options{Binary: binary})
	c := s.Dial(t)
	c.Call(t, "SET", "k", "v")
	c.Call(t, "FUNCTION", "LOAD", declaredFunctions)
	c.Call(t, "CONFIG", "SET", "min-replicas-to-write", "1")
	return replies(t, c, "no replica", scriptCalls)
}

// scriptFigures are the fields of INFO and FUNCTION STATS that do not depend on how memory is laid out, and whether others grow.
func scriptFigures(t *testing.T, binary string) (seen []string) {
	s := testbed.Start(t, testbed.Options{Binary: binary})
	c := s.Dial(t)
	note := func(when string) map[string]string {
		info := infoFields(c.Call(t, "INFO", "memory").Str)
		for _, name := range []string{"number_of_cached_scripts", "number_of_functions", "number_of_libraries"} {
			seen = append(seen, when+" "+name+":"+info[name])
		}
		for _, name := range []string{"used_memory_vm_eval", "used_memory_scripts_eval", "used_memory_vm_functions", "used_memory_vm_total", "used_memory_functions", "used_memory_scripts", "used_memory_lua"} {
			if _, err := strconv.Atoi(info[name]); err != nil {
				t.Errorf("%s %s:%s", when, name, info[name])
			}
		}
		return info
	}
	number := func(info map[string]string, name string) int {
		n, _ := strconv.Atoi(info[name])
		return n
	}
	grows := func(before, after map[string]string, names ...string) {
		for _, name := range names {
			seen = append(seen, name+" grows: "+strconv.FormatBool(number(after, name) > number(before, name)))
		}
	}
	empty := note("at first")
	for i := range 50 {
		c.Call(t, "EVAL", "return "+strconv.Itoa(i)+strings.Repeat(" ", 1000), "0")
	}
	c.Call(t, "SCRIPT", "LOAD", "return 0")
	full := note("with scripts")
	grows(empty, full, "used_memory_scripts_eval", "used_memory_scripts", "used_memory_functions")
	c.Call(t, "FUNCTION", "LOAD", declaredFunctions)
	functions := note("with functions")
	grows(full, functions, "used_memory_functions", "used_memory_scripts", "used_memory_scripts_eval")
	c.Call(t, "SCRIPT", "FLUSH", "SYNC")
	c.Call(t, "FUNCTION", "FLUSH", "SYNC")
	flushed := note("flushed")
	grows(flushed, full, "used_memory_scripts_eval", "used_memory_scripts")
	grows(flushed, functions, "used_memory_functions")
	// 7.2.4 forgets no script unasked; redict would forget the oldest of more than 500, as later versions do.
	for i := range 400 {
		c.Call(t, "EVAL", "return "+strconv.Itoa(i), "0")
	}
	note("after many")
	return append(seen, replies(t, c, "after many", [][]string{{"EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"}, {"EVALSHA", strings.Repeat("f", 40), "0"}})...)
}
