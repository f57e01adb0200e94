package recovery

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// What redis-server 7.0.15 does with directories of its own, whole and damaged: the data set and the last line it logs,
// and where we refuse more.
func TestStockDirectories(t *testing.T) {
	set := frame("SELECT", "0") + frame("SET", "b", "2")
	two := manifest + "file appendonly.aof.2.incr.aof seq 2 type i\n"
	with := func(m map[string]string, pairs ...string) map[string]string {
		m = maps.Clone(m)
		for i := 0; i < len(pairs); i += 2 {
			if m[pairs[i]] = pairs[i+1]; pairs[i+1] == "-" {
				delete(m, pairs[i])
			}
		}
		return m
	}
	const unexpected = "# Unexpected end of file reading the append only file appendonly.aof.1.incr.aof. You can: 1) Make a backup"
	const badFormat = "# Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
	for _, c := range []struct {
		name    string
		files   map[string]string
		refuse  bool // aof-load-truncated no
		data    string
		last    string // prefix of the last line
		line    string // in the log
		changed string // a file that is different or new afterwards, with its content
	}{
		{name: "nothing", data: "", last: ""},
		{name: "whole", files: stock(set), data: "0/a=1 0/b=2", last: "* DB loaded from append only file: 0.",
			line: "* DB loaded from incr file appendonly.aof.1.incr.aof: 0."},
		{name: "databases", files: stock(set + frame("SELECT", "3") + frame("SET", "c", "3")), data: "0/a=1 0/b=2 3/c=3"},
		{name: "every file begins in database 0", files: with(stock(frame("SELECT", "3")+frame("SET", "c", "3")), aof+".manifest", two,
			aof+".2.incr.aof", frame("SET", "d", "4")), data: "0/a=1 0/d=4 3/c=3"},
		{name: "transaction", files: stock(frame("MULTI") + set + frame("set", "c", "3") + frame("exec")), data: "0/a=1 0/b=2 0/c=3"},
		{name: "annotations", files: stock("#TS:1700000000\r\n" + set + "#anything\n"), data: "0/a=1 0/b=2"},
		{name: "torn", files: stock(set + frame("SET", "c", "3")[:10]), data: "0/a=1 0/b=2", last: "* DB loaded from append only file",
			line:    "# !!! Truncating the AOF appendonly.aof.1.incr.aof at offset 50 !!!\n# AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled\n",
			changed: set},
		{name: "torn in a value", files: stock(set + frame("SET", "c", "33333333")[:28]), data: "0/a=1 0/b=2", changed: set},
		{name: "torn, not allowed", files: stock(set + frame("SET", "c", "3")[:10]), refuse: true, last: unexpected},
		{name: "transaction without end", files: stock(set + frame("MULTI") + frame("SET", "c", "3")), data: "0/a=1 0/b=2", changed: set,
			line: "# Revert incomplete MULTI/EXEC transaction in AOF file appendonly.aof.1.incr.aof\n# !!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!"},
		{name: "transaction without end, not allowed", files: stock(set + frame("MULTI") + frame("SET", "c", "3")), refuse: true, last: unexpected},
		{name: "transaction torn inside", files: stock(set + frame("MULTI") + frame("SET", "c", "3")[:9]), data: "0/a=1 0/b=2", changed: set},
		{name: "zeros at the end", files: stock(set + strings.Repeat("\x00", 5000)), data: "0/a=1 0/b=2", changed: set},
		{name: "no command", files: stock(set + "hello\r\n" + set), last: badFormat},
		{name: "no command at the end", files: stock(set + "hello\r\n"), last: badFormat},
		{name: "a length that swallows the rest", files: stock(strings.Replace(set, "$1\r\n2", "$900\r\n2", 1) + set + set + set), last: unexpected},
		{name: "unknown command", files: stock(set + frame("FOO", "x")), last: "# Unknown command 'FOO' reading the append only file appendonly.aof.1.incr.aof"},
		{name: "command that fails", files: stock(set + frame("FAIL", "x")), last: "# Can't load the append only file appendonly.aof.1.incr.aof: byte 50: command \"FAIL\": told to fail"},
		{name: "database out of range", files: stock(frame("SELECT", "16") + set), last: badFormat},
		{name: "first of two torn", files: with(stock(set[:40]), aof+".manifest", two, aof+".2.incr.aof", set), last: "# Fatal error: the truncated file is not the last file"},
		{name: "second of two empty", files: with(stock(set), aof+".manifest", two, aof+".2.incr.aof", ""), data: "0/a=1 0/b=2"},
		{name: "increment gone", files: with(stock(set), aof+".1.incr.aof", "-"), last: "# Unable to obtain the AOF file appendonly.aof.1.incr.aof length. stat: No such file or directory"},
		{name: "base gone", files: with(stock(set), aof+".1.base.rdb", "-"), last: "# Unable to obtain the AOF file appendonly.aof.1.base.rdb length. stat: No such file or directory"},
		{name: "base cut", files: with(stock(set), aof+".1.base.rdb", rdb("a", "1")[:50]), last: "# Terminating server after rdb file reading failure.",
			line: "# Short read or OOM loading DB. Unrecoverable error, aborting now.\n# Internal error in RDB reading offset"},
		{name: "base changed", files: with(stock(set), aof+".1.base.rdb", strings.Replace(rdb("a", "1"), "\x01a", "\x01x", 1)), last: "# Terminating server after rdb file reading failure.", line: "RDB CRC error"},
		{name: "base empty", files: with(stock(set), aof+".1.base.rdb", ""), last: "# Bad file format reading the append only file appendonly.aof.1.base.rdb"},
		{name: "base is no RDB", files: with(stock(set), aof+".1.base.rdb", set), last: "# Bad file format reading the append only file appendonly.aof.1.base.rdb"},
		{name: "base of an unknown version", files: with(stock(set), aof+".1.base.rdb", strings.Replace(rdb(), "0011", "0099", 1)), last: "# Error reading the RDB base file of the AOF file appendonly.aof.1.base.rdb, AOF loading aborted", line: "Can't handle RDB format version"},
		{name: "base of commands", files: with(stock(set), aof+".manifest", strings.Replace(manifest, "base.rdb", "base.aof", 1), aof+".1.base.rdb", "-", aof+".1.base.aof", frame("SET", "q", "1")), data: "0/b=2 0/q=1"},
		{name: "base of commands, empty", files: with(stock(set), aof+".manifest", strings.Replace(manifest, "base.rdb", "base.aof", 1), aof+".1.base.rdb", "-", aof+".1.base.aof", ""), data: "0/b=2"},
		{name: "no base", files: with(stock(set), aof+".manifest", manifest[strings.Index(manifest, "\n")+1:]), data: "0/b=2"},
		{name: "manifest empty", files: with(stock(set), aof+".manifest", ""), last: "# Found an empty AOF manifest", line: "# \n*** FATAL AOF MANIFEST FILE ERROR ***\n"},
		{name: "manifest with a bad line", files: with(stock(set), aof+".manifest", manifest+"file a b\n"), last: "# Invalid AOF manifest file format", line: "# Reading the manifest file, at line 3\n# >>> 'file a b'\n"},
		{name: "manifest cut", files: with(stock(set), aof+".manifest", manifest[:len(manifest)-3]), last: "# The AOF manifest file contains too long line"},
		{name: "manifest gone", files: with(stock(set), aof+".manifest", "-"), last: "# The AOF manifest file appendonly.aof.manifest doesn't exist, but"},
		{name: "manifest gone, nothing in the files", files: with(stock(""), aof+".manifest", "-", aof+".1.base.rdb", rdb()), data: ""},
		{name: "old style", files: map[string]string{"appendonly.aof": set}, data: "0/b=2", line: "* Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory (appendonlydir).\n"},
		{name: "old style with preamble", files: map[string]string{"appendonly.aof": rdb("p", "1") + set}, data: "0/b=2 0/p=1", line: "* Reading RDB preamble from AOF file...\n"},
		{name: "old style torn", files: map[string]string{"appendonly.aof": rdb("p", "1") + set + "*1"}, data: "0/b=2 0/p=1"},
		{name: "old style half moved", files: map[string]string{"appendonly.aof": set, aof + ".manifest": "file appendonly.aof seq 1 type b\n"}, data: "0/b=2", line: "Successfully migrated"},
		{name: "old style already moved", files: map[string]string{aof: set, "appendonly.aof": "other", aof + ".manifest": "file appendonly.aof seq 1 type b\n"}, data: "0/b=2"},
		{name: "old style beside a log", files: with(stock(set), "appendonly.aof", "other"), data: "0/a=1 0/b=2"},
		{name: "old style, and a log without manifest", files: with(stock(set), aof+".manifest", "-", "appendonly.aof", set), last: "# The AOF manifest file appendonly.aof.manifest doesn't exist, but"},
		{name: "manifest without the increment", files: with(stock(set), aof+".manifest", manifest[:strings.Index(manifest, "\n")+1]), last: "# The AOF manifest file appendonly.aof.manifest does not name appendonly.aof.1.incr.aof"},
		{name: "old style damaged", files: map[string]string{"appendonly.aof": "hello"}, last: "# Bad file format reading the append only file appendonly.aof:"},
		{name: "dump only", files: map[string]string{"dump.rdb": rdb("d", "1")}, data: "", last: "# The append only file is on but there is none: starting empty."},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			files(t, dir, c.files)
			before := tree(t, dir)
			o := runBoot(t, dir, func(o *Options) { o.LoadTruncated = !c.refuse })
			after := tree(t, dir)
			if refused := c.data == "" && strings.HasPrefix(c.last, "#") && c.name != "dump only"; refused {
				var r *Refusal
				if !errors.As(o.err, &r) || "# "+r.Reason != o.last() || r.Evidence.Outcome != "refused" || len(r.Evidence.Actions) > 0 {
					t.Fatalf("%v\n%s", o.err, o.logs.text())
				}
				if !maps.Equal(before, after) {
					t.Errorf("files changed")
				}
			} else {
				if o.err != nil {
					t.Fatalf("%v\n%s", o.err, o.logs.text())
				}
				if got := o.store.String(); got != c.data {
					t.Errorf("data %q, want %q\n%s", got, c.data, o.logs.text())
				}
			}
			if !strings.HasPrefix(o.last(), c.last) || !strings.Contains(o.logs.text(), c.line) {
				t.Errorf("log:\n%s\nwant last %q and %q", o.logs.text(), c.last, c.line)
			}
			if c.changed != "" && after[aof+".1.incr.aof"] != c.changed {
				t.Errorf("increment %q, want %q", after[aof+".1.incr.aof"], c.changed)
			}
			checkAgain(t, dir, o, !c.refuse)
		})
	}
}

// checkAgain: a second run ends as the first did (I18), and what was cut is in the quarantine.
func checkAgain(t *testing.T, dir string, first outcome, truncated bool) {
	t.Helper()
	after := tree(t, dir)
	again := runBoot(t, dir, func(o *Options) { o.LoadTruncated = truncated })
	if (again.err == nil) != (first.err == nil) || again.store.String() != first.store.String() {
		t.Errorf("again: %v %q, first %v %q", again.err, again.store, first.err, first.store)
	}
	if !maps.Equal(after, tree(t, dir)) {
		t.Errorf("the second run changed files")
	}
	if first.res == nil {
		return
	}
	for _, a := range first.res.Evidence.Actions {
		if a.What == "quarantine" && int64(len(after[strings.TrimPrefix(a.To, dir+"/")])) != a.Bytes {
			t.Errorf("%+v: not there", a)
		}
		if a.Error != "" {
			t.Errorf("%+v", a)
		}
	}
	if len(again.res.Evidence.Actions) > 0 {
		t.Errorf("the second run did %+v", again.res.Evidence.Actions)
	}
}

func TestStockResult(t *testing.T) {
	dir := t.TempDir()
	set := frame("SET", "b", "2")
	files(t, dir, stock(set))
	o := runBoot(t, dir, nil)
	r := o.res
	if r.Source != AOF || r.Keys != 1 || r.Commands != 1 || r.Log.Manifest == nil || r.Log.Manifest.IncrSeq != 1 || r.Log.Facts != nil {
		t.Errorf("%+v", r)
	}
	if !r.Log.Fresh || r.Position.Epoch != 1 || r.Position.ID.IsZero() || !r.ID2.IsZero() || r.Position != r.Log.Position ||
		r.Position.LSN != wal.LSN(len(set)) || r.Log.Tail == nil || r.Log.Tail.Size != int64(len(set)) {
		t.Errorf("%+v", r)
	}
	o = runBoot(t, dir, func(o *Options) { o.Annotate = false })
	if o.res.Log.Fresh {
		t.Error("without lines of ours the increment goes on, as with Redis")
	}
}

func TestLockIsHeld(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, stock(frame("SET", "b", "2")))
	s := newStore()
	res, err := Boot(Options{Dir: dir, AOF: true, LoadItems: s.loadItems, Apply: s.apply})
	if err != nil {
		t.Fatal(err)
	}
	if o := runBoot(t, dir, nil); o.err == nil || !strings.Contains(o.last(), "Another server uses the append-only files") {
		t.Errorf("%v %s", o.err, o.last())
	}
	if err := res.Lock.Close(); err != nil {
		t.Fatal(err)
	}
	if o := runBoot(t, dir, nil); o.err != nil {
		t.Error(o.err)
	}
}

func TestProgress(t *testing.T) {
	dir := t.TempDir()
	var incr strings.Builder
	for range 3000 {
		incr.WriteString(frame("SET", "k", strings.Repeat("v", 100)))
	}
	files(t, dir, stock(incr.String()))
	var seen []Progress
	o := runBoot(t, dir, func(o *Options) { o.Progress = func(p Progress) { seen = append(seen, p) } })
	if o.err != nil || len(seen) < 3 {
		t.Fatal(o.err, len(seen))
	}
	total := int64(incr.Len() + len(rdb("a", "1")))
	last := seen[len(seen)-1]
	if last != (Progress{File: "appendonly.aof.1.incr.aof", Loaded: total, Total: total, Keys: 1, Commands: 3000}) {
		t.Errorf("%+v, total %d", last, total)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i].Loaded < seen[i-1].Loaded {
			t.Errorf("progress went back: %+v", seen[i-1:i+1])
		}
	}
}

// An RDB file that was not loaded is not overwritten: the first save is told to keep it.
func TestDumpIsSetAside(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, map[string]string{"dump.rdb": rdb("d", "1")})
	o := runBoot(t, dir, func(o *Options) { o.Now = func() time.Time { return time.Unix(1_700_000_000, 0) } })
	if o.err != nil || o.res.Source != Nothing || o.res.Aside != "dump.rdb.aside-20231114T221320Z" || o.res.Log.Manifest != nil {
		t.Fatalf("%v %+v", o.err, o.res)
	}
	if _, err := snapshot.WriteFile(snapshot.SaveOptions{FS: disk.OS(), Dir: dir, Name: "dump.rdb", Aside: o.res.Aside}, nil, snapshot.Meta{}); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir)[o.res.Aside]; got != rdb("d", "1") {
		t.Errorf("%q", got)
	}
}

// What redis-server leaves after a kill and after a stop is loaded, and nothing on disk is changed.
func TestRealRedis(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	dir := t.TempDir()
	sock := filepath.Join(t.TempDir(), "s")
	for life := range 2 {
		cmd := exec.Command(path, "--port", "0", "--unixsocket", sock, "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: sock, Protocol: 2, DisableIdentity: true})
		ctx := t.Context()
		for deadline := time.Now().Add(2 * time.Minute); client.Ping(ctx).Err() != nil && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
		}
		pipe := client.TxPipeline()
		for i := range 100 {
			pipe.Set(ctx, fmt.Sprintf("k%d-%d", life, i), i, 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Error(err)
		}
		if life == 0 {
			if err := client.BgRewriteAOF(ctx).Err(); err != nil {
				t.Error(err)
			}
			for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if info, _ := client.Info(ctx, "persistence").Result(); strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrites:1") {
					break
				}
			}
			client.Set(ctx, "behind", "1", 0)
			cmd.Process.Kill()
		} else {
			cmd.Process.Signal(os.Interrupt)
		}
		cmd.Wait()
		client.Close()
		before := tree(t, dir)
		o := runBoot(t, dir, func(o *Options) { o.Annotate = false })
		if o.err != nil || len(o.store.keys) != (life+1)*100+1 || o.store.keys["0/behind"] != "1" || o.store.keys["0/k0-99"] != "99" {
			t.Fatalf("life %d: %v, %d keys\n%s", life, o.err, len(o.store.keys), o.logs.text())
		}
		if !maps.Equal(before, tree(t, dir)) {
			t.Errorf("life %d: files changed", life)
		}
	}
}
