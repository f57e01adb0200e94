package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// mixedData makes keys of every type, small and large, and returns the digest.
func mixedData(t *testing.T, c *testbed.Client) string {
	t.Helper()
	c.Call(t, "DEBUG", "POPULATE", "2000", "key", "40")
	for i := range 400 {
		n := strconv.Itoa(i)
		c.Call(t, "RPUSH", "list", strings.Repeat("e"+n, 20))
		c.Call(t, "HSET", "hash", "f"+n, strings.Repeat("v", i))
		c.Call(t, "SADD", "set", "m"+n)
		c.Call(t, "ZADD", "zset", n+".25", "m"+n)
		c.Call(t, "XADD", "stream", n+"-1", "f", n)
		c.Call(t, "SADD", "ints", n)
	}
	c.Call(t, "RPUSH", "small", "a", "1")
	c.Call(t, "XGROUP", "CREATE", "stream", "g", "0")
	c.Call(t, "XREADGROUP", "GROUP", "g", "c", "COUNT", "5", "STREAMS", "stream", ">")
	c.Call(t, "XGROUP", "CREATECONSUMER", "stream", "g", "idle")
	c.Call(t, "XADD", "emptied", "7-7", "f", "v")
	c.Call(t, "XDEL", "emptied", "7-7")
	c.Call(t, "SET", "volatile", "v", "EX", "10000")
	return c.Call(t, "DEBUG", "DIGEST").Str
}

// spoil changes everything that mixedData made.
func spoil(t *testing.T, c *testbed.Client, i int) {
	t.Helper()
	n := strconv.Itoa(i)
	c.Call(t, "SET", "key:"+n, "changed")
	c.Call(t, "LPUSH", "list", n)
	c.Call(t, "HDEL", "hash", "f"+n)
	c.Call(t, "SPOP", "set")
	c.Call(t, "ZINCRBY", "zset", "3", "m"+n)
	c.Call(t, "XADD", "stream", "*", "f", n)
	c.Call(t, "DEL", "small", "volatile")
}

func saving(t *testing.T, c *testbed.Client) bool {
	return infoInt(t, c, "persistence", "rdb_bgsave_in_progress") == 1
}

// A background save holds the data set as it was when it began, whatever is written meanwhile, and a stock server loads it.
func TestBackgroundSaveIsOneMoment(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes"}})
	c := s.Dial(t)
	digest := ""
	for n, delay := 0, 200; n < 10; delay *= 4 { // on a slow machine the save must take longer to be met
		c.Call(t, "FLUSHALL")
		digest = mixedData(t, c)
		c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", strconv.Itoa(delay))
		if got := c.Call(t, "BGSAVE").Str; got != "Background saving started" {
			t.Fatal(got)
		}
		for n = 0; saving(t, c) && n < 400; n++ {
			spoil(t, c, n)
		}
		waitFor(t, "the save", func() bool { return !saving(t, c) })
		if n < 10 && delay > 10_000 {
			t.Fatalf("only %d rounds of changes while the save ran", n)
		}
	}
	if infoInt(t, c, "persistence", "rdb_changes_since_last_save") == 0 {
		t.Error("changes behind the freeze count as saved")
	}
	judge := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: []string{"--enable-debug-command", "yes"}})
	if _, err := judge.Stop(); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(filepath.Join(s.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(judge.Dir, "dump.rdb"), p, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := judge.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := judge.Dial(t).Call(t, "DEBUG", "DIGEST").Str; got != digest {
		t.Errorf("the snapshot's digest is %s, at the freeze it was %s", got, digest)
	}
}

// One job runs at a time, and each command says what Redis says.
func TestBackgroundReplies(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--appendonly", "yes", "--rdb-key-save-delay", "200000"}})
	c := s.Dial(t)
	c.Call(t, "DEBUG", "POPULATE", "50")
	for _, step := range []struct {
		do, want string
	}{
		{"BGREWRITEAOF", "Background append only file rewriting started"},
		{"BGREWRITEAOF", "ERR Background append only file rewriting already in progress"},
		{"BGSAVE", "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."},
		{"BGSAVE nonsense", "ERR syntax error"},
		{"BGSAVE SCHEDULE", "Background saving scheduled"},
		{"CONFIG SET rdb-key-save-delay 0", "OK"}, // a running job keeps its own
	} {
		r, err := c.Do(strings.Fields(step.do)...)
		if err != nil || r.Str != step.want {
			t.Errorf("%s: %q, %v", step.do, r.Str, err)
		}
	}
	if infoInt(t, c, "persistence", "current_save_keys_total") != 50 {
		t.Error("INFO does not tell how many keys there are to save")
	}
	waitForRewrite(t, c)
	waitFor(t, "the scheduled save", func() bool { return infoInt(t, c, "persistence", "rdb_saves") == 1 && !saving(t, c) })
	c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", "1000000")
	for _, step := range []struct {
		do, want string
	}{
		{"BGSAVE", "Background saving started"},
		{"BGSAVE", "ERR Background save already in progress"},
		{"BGSAVE SCHEDULE", "ERR Background save already in progress"},
		{"SAVE", "ERR Background save already in progress"},
		{"BGREWRITEAOF", "Background append only file rewriting scheduled"},
		{"MULTI", "OK"},
		{"BGREWRITEAOF", "QUEUED"},
	} {
		r, err := c.Do(strings.Fields(step.do)...)
		if err != nil || r.Str != step.want {
			t.Errorf("%s: %q, %v", step.do, r.Str, err)
		}
	}
	if r := c.Call(t, "EXEC"); len(r.Elems) != 1 || r.Elems[0].Str != "Background append only file rewriting scheduled" {
		t.Errorf("EXEC: %v", r)
	}
	// A running save, which takes 50 seconds, delays neither the end of the server nor is anything left of it.
	start := time.Now()
	if code, err := s.Stop(); code != 0 || err != nil || time.Since(start) > 30*time.Second {
		t.Errorf("exit status %d, %v, after %v", code, err, time.Since(start))
	}
	if temp, _ := filepath.Glob(filepath.Join(s.Dir, "temp-*")); len(temp) > 0 {
		t.Errorf("left behind: %v", temp)
	}
}

// A background save that fails refuses writes until one succeeds, leaves the old file and no temporary one (I21).
func TestFailedSave(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--save", "3600 1", "--enable-protected-configs", "yes"}})
	c := s.Dial(t)
	c.Call(t, "SET", "k", "v")
	blocker := filepath.Join(s.Dir, "blocked.rdb", "full")
	if err := os.MkdirAll(blocker, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Call(t, "CONFIG", "SET", "dbfilename", "blocked.rdb")
	last := c.Call(t, "LASTSAVE").Str
	c.Call(t, "BGSAVE")
	waitFor(t, "the failure", func() bool { return !saving(t, c) })
	for _, do := range [][]string{{"SET", "k", "w"}, {"PING"}} {
		if r, err := c.Do(do...); err != nil || !strings.HasPrefix(r.Str, "MISCONF Redis is configured to save RDB snapshots, but it's currently unable") {
			t.Errorf("%v: %v, %v", do, r, err)
		}
	}
	if got := c.Call(t, "GET", "k").Str; got != "v" {
		t.Errorf("GET: %q", got)
	}
	if temp, _ := filepath.Glob(filepath.Join(s.Dir, "temp-*")); len(temp) > 0 || c.Call(t, "LASTSAVE").Str != last {
		t.Errorf("left behind: %v; LASTSAVE moved: %v", temp, c.Call(t, "LASTSAVE").Str != last)
	}
	c.Call(t, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	c.Call(t, "SET", "k", "x")
	c.Call(t, "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes", "dbfilename", "dump.rdb")
	c.Call(t, "BGSAVE")
	waitFor(t, "the save", func() bool { return !saving(t, c) })
	c.Call(t, "SET", "k", "y")
}

// FLUSHALL with save points writes the empty data set, which leaves no change unsaved and is not counted as a save; SAVE and BGSAVE count
// when they begin.
func TestCountedSaves(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--enable-debug-command", "yes", "--save", "3600 1", "--appendonly", "yes"}})
		c := s.Dial(t)
		for _, step := range []struct {
			do             string
			saves, changes int
		}{
			{"SET k v", 0, 1},
			{"FLUSHALL", 0, 0},
			{`EVAL "redis.call('set','a','1') redis.call('flushall') redis.call('set','b','1')" 0`, 0, 1},
			{"SAVE", 1, 0},
			{"DEBUG RELOAD", 1, 0},
			{"CONFIG SET rdb-key-save-delay 10000000", 1, 0},
			{"SET k v", 1, 1},
			{"BGSAVE", 2, 1},
			{"FLUSHALL", 2, 0},
			{`CONFIG SET save ""`, 2, 0},
			{"SET k v", 2, 1},
			{"FLUSHALL", 2, 2},
		} {
			args, err := testbed.SplitArgs(step.do)
			ok(t, err)
			c.Call(t, args...)
			saves, changes := infoInt(t, c, "persistence", "rdb_saves"), infoInt(t, c, "persistence", "rdb_changes_since_last_save")
			if saves != step.saves || changes != step.changes {
				t.Errorf("%s: after %s %d saves, %d changes", binary, step.do, saves, changes)
			}
		}
	}
}

// Save points and the growth of the log start jobs by themselves; FLUSHALL gives a save up.
func TestJobsByThemselves(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--save", "1 5", "--appendonly", "yes", "--auto-aof-rewrite-min-size", "64kb"}})
	c := s.Dial(t)
	for i := range 5 {
		c.Call(t, "SET", "k"+strconv.Itoa(i), "v")
	}
	waitFor(t, "a save by a save point", func() bool { return infoInt(t, c, "persistence", "rdb_saves") > 0 })
	for infoInt(t, c, "persistence", "aof_rewrites") == 0 {
		c.Call(t, "SET", "k", strings.Repeat("v", 10_000))
	}
	waitForRewrite(t, c)
	c.Call(t, "CONFIG", "SET", "save", "3600 1000000") // no save by itself from here on
	waitFor(t, "no job", func() bool { return !saving(t, c) })
	c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", "10000000")
	c.Call(t, "BGSAVE")
	c.Call(t, "FLUSHALL")
	if saving(t, c) {
		t.Error("the save goes on after FLUSHALL")
	}
	if p, err := os.ReadFile(filepath.Join(s.Dir, "dump.rdb")); err != nil || len(p) > 200 {
		t.Errorf("the snapshot has %d bytes after FLUSHALL, %v", len(p), err)
	}
}

// appendonly goes on and off while the server runs; what was written meanwhile is in the log, also after a kill (I4). An older log in the
// folder stays in charge until the new base is durable, and then goes (I21).
func TestAppendonlyAtRunTime(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		t.Run(preamble, func(t *testing.T) {
			t.Parallel()
			s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--save", "", "--aof-use-rdb-preamble", preamble}})
			c := s.Dial(t)
			mixedData(t, c)
			c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", "-8")
			for round := range 3 {
				c.Call(t, "CONFIG", "SET", "appendonly", "yes")
				if infoInt(t, c, "persistence", "aof_enabled") != 1 {
					t.Fatal("it is not on")
				}
				n := 0
				for ; infoInt(t, c, "persistence", "aof_rewrite_in_progress") == 1; n++ {
					spoil(t, c, n)
				}
				c.Call(t, "SET", "last", strconv.Itoa(round))
				want := c.Call(t, "DEBUG", "DIGEST").Str
				s.SetArgs("--enable-debug-command", "yes", "--save", "", "--appendonly", "yes", "--aof-use-rdb-preamble", preamble)
				s.Kill()
				if err := s.Restart(); err != nil {
					t.Fatal(err)
				}
				c = s.Dial(t)
				if got := c.Call(t, "DEBUG", "DIGEST").Str; got != want {
					t.Fatalf("round %d: digest %s after the kill, %s before, %d rounds of changes meanwhile", round, got, want, n)
				}
				c.Call(t, "CONFIG", "SET", "appendonly", "no")
				c.Call(t, "SET", "without", fmt.Sprint("log ", round))
				c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", "-8")
			}
			names, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*.aof.[0-9]*"))
			if err != nil || len(slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".fr") })) > 2 {
				t.Errorf("old files stay: %v, %v", names, err)
			}
		})
	}
}

// fr-save-max-rate slows a save down, which can be given up all the same.
func TestSaveRate(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--save", "", "--fr-save-max-rate", "1kb", "--rdbcompression", "no"}})
	c := s.Dial(t)
	c.Call(t, "DEBUG", "POPULATE", "20000", "key", "100")
	c.Call(t, "BGSAVE")
	// Without a bound these two megabytes would be written at once.
	for range 50 {
		c.Call(t, "WAIT", "1", "10")
	}
	if !saving(t, c) {
		t.Error("the save has ended: nothing slowed it down")
	}
	c.Call(t, "FLUSHALL")
	if temp, _ := filepath.Glob(filepath.Join(s.Dir, "*.rdb")); saving(t, c) || len(temp) > 0 {
		t.Errorf("given up, and these are there: %v", temp)
	}
}

// aof-disable-auto-gc keeps what a rewrite replaced, as history, until it is off again.
func TestKeepHistory(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--save", ""}})
	c := s.Dial(t)
	c.Call(t, "SET", "k", "v")
	c.Call(t, "CONFIG", "SET", "aof-disable-auto-gc", "yes")
	c.Call(t, "BGREWRITEAOF")
	waitForRewrite(t, c)
	history := func() int {
		p, err := os.ReadFile(filepath.Join(s.Dir, "appendonlydir", "appendonly.aof.manifest"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(p), " type h")
	}
	old := filepath.Join(s.Dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	if _, err := os.Stat(old); err != nil || history() != 2 {
		t.Errorf("%v; %d files are history, want 2", err, history())
	}
	c.Call(t, "CONFIG", "SET", "aof-disable-auto-gc", "no")
	waitFor(t, "the history to go, and the old increment", func() bool {
		_, err := os.Stat(old)
		return history() == 0 && os.IsNotExist(err)
	})
}

// fr-aof-keep-generations keeps so many of the generations that rewrites replaced, the newest ones.
func TestKeepGenerations(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--save", "", "--fr-aof-keep-generations", "2"}})
	c := s.Dial(t)
	for range 4 { // generations of base 1 to 5, each with increments
		c.Call(t, "INCR", "k")
		c.Call(t, "BGREWRITEAOF")
		waitForRewrite(t, c)
	}
	there := func() string {
		names, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*.base.rdb"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range names {
			names[i] = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(names[i]), "appendonly.aof."), ".base.rdb")
		}
		return strings.Join(names, " ")
	}
	waitFor(t, "bases 3, 4 and 5 to be left", func() bool { return there() == "3 4 5" })
	c.Call(t, "CONFIG", "SET", "fr-aof-keep-generations", "0")
	waitFor(t, "base 5 to be left", func() bool { return there() == "5" })
}

// Who connects while little is loaded waits for the answer, as with Redis, and never sees LOADING.
func TestNoLoadingForLittle(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--save", "3600 1"}})
	s.Dial(t).Call(t, "DEBUG", "POPULATE", "1000")
	s.Dial(t).Call(t, "SAVE")
	s.Kill()
	s.SetArgs("--key-load-delay", "300")
	if err := s.RestartNoWait(); err != nil {
		t.Fatal(err)
	}
	var c *testbed.Client
	waitFor(t, "the port", func() bool {
		var err error
		c, err = s.DialErr()
		return err == nil
	})
	defer c.Close()
	if r, err := c.Do("DBSIZE"); err != nil || r.Int != 1000 {
		t.Errorf("the first answer is %v, %v", r, err)
	}
}

// An append-only file that waits for another job to end counts as on; turned off, its first rewrite is given up at once.
func TestAppendonlyAwaited(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--rdb-key-save-delay", "100000000"}})
	c := p.Dial(t)
	c.Call(t, "SET", "k", "v")
	c.Call(t, "BGSAVE")
	c.Call(t, "CONFIG", "SET", "appendonly", "yes")
	for field, want := range map[string]int{"aof_enabled": 1, "aof_rewrite_scheduled": 1, "aof_rewrite_in_progress": 0} {
		if n := infoInt(t, c, "persistence", field); n != want {
			t.Errorf("%s is %d", field, n)
		}
	}
	c.Call(t, "CONFIG", "SET", "appendonly", "no")
	c.Call(t, "FLUSHALL") // ends the save
	c.Call(t, "SET", "k", "v")
	c.Call(t, "CONFIG", "SET", "appendonly", "yes")
	waitFor(t, "the rewrite", func() bool { return infoInt(t, c, "persistence", "aof_rewrite_in_progress") == 1 })
	c.Call(t, "CONFIG", "SET", "appendonly", "no")
	waitForText(t, p.LogText, "Killing running AOF rewrite child")
	for _, field := range []string{"aof_enabled", "aof_rewrite_scheduled", "aof_rewrite_in_progress"} {
		waitFor(t, field, func() bool { return infoInt(t, c, "persistence", field) == 0 })
	}
}
