package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// Beyond values and lifetimes: what else of a data directory another server must find again.

// readsOld reports whether a stock server does not read what 7.2 saves: RDB 11.
func readsOld(t *testing.T, binary string) bool { return identify(t, binary).Name == "redis" }

// Access times and frequencies go through an RDB file both ways, under the policies that store them.
func TestExchangeAccess(t *testing.T) {
	for _, policy := range []struct{ name, word, old string }{{"allkeys-lru", "IDLETIME", "12345"}, {"volatile-lfu", "FREQ", "77"}} {
		for _, peer := range exchangePeers {
			for _, way := range []string{"from", "to"} {
				t.Run(policy.name+"/"+way+" "+peer, func(t *testing.T) {
					writer, reader := testbed.Subject(t), testbed.Peer(t, peer)
					if way == "from" {
						writer, reader = reader, writer
					}
					if way == "to" && readsOld(t, reader) {
						return
					}
					dir := testbed.TempDir(t)
					args := []string{"--maxmemory-policy", policy.name, "--lfu-decay-time", "0"} // no minute may pass in between
					seen := func(c *testbed.Client) string {
						out := ""
						for _, key := range []string{"old", "busy", "new"} {
							out += fmt.Sprintf("%s %d, ", key, c.Call(t, "OBJECT", policy.word, key).Int)
						}
						return out
					}
					s := testbed.Start(t, testbed.Options{Binary: writer, Dir: dir, Args: args})
					c := s.Dial(t)
					c.Call(t, "SET", "busy", "value")
					for range 200 {
						c.Call(t, "GET", "busy")
					}
					c.Call(t, "RESTORE", "old", "0", c.Call(t, "DUMP", "busy").Str, policy.word, policy.old)
					c.Call(t, "SET", "new", "value")
					before := seen(c)
					if !strings.Contains(before, "old "+policy.old+",") {
						t.Errorf("before: %s", before)
					}
					c.Call(t, "SAVE")
					s.Kill()
					s = testbed.Start(t, testbed.Options{Binary: reader, Dir: dir, Args: args})
					after := seen(s.Dial(t))
					if policy.word == "IDLETIME" { // the clock goes on
						before, after = "old 1234", after[:len("old 1234")]
					}
					if after != before {
						t.Errorf("before: %s\nafter:  %s", before, after)
					}
				})
			}
		}
	}
}

// A directory keeps its meaning whatever its files are called, with and without Redis's time stamps, and with bases of either kind: there
// and back again.
func TestExchangeNames(t *testing.T) {
	for i, name := range []string{"my file.aof", `x"y.aof`, "#h.aof"} {
		for j, peer := range exchangePeers {
			for _, way := range []string{"from", "to"} {
				// Every value of both switches meets every name and every peer.
				yes := func(n int) string { return []string{"no", "yes"}[n%2] }
				stamps, preamble := yes(i+j), yes(i/2+j)
				t.Run(fmt.Sprintf("%s/%s %s/%s %s", name, way, peer, stamps, preamble), func(t *testing.T) {
					first, second := testbed.Subject(t), testbed.Peer(t, peer)
					if way == "from" {
						first, second = second, first
					}
					if tooNew(t, first, second) || tooNew(t, second, first) {
						return
					}
					dir := testbed.TempDir(t)
					args := []string{"--appendonly", "yes", "--appendfilename", name, "--appenddirname", "my dir",
						"--aof-timestamp-enabled", stamps, "--aof-use-rdb-preamble", preamble}
					want := map[string]entry{}
					for turn, binary := range []string{first, second, first} {
						s := testbed.Start(t, testbed.Options{Binary: binary, Dir: dir, Args: args})
						c := s.Dial(t)
						if turn > 0 {
							compareData(t, fmt.Sprintf("turn %d", turn), want, dump(t, c))
						}
						c.Call(t, "SET", "key "+strconv.Itoa(turn), "value")
						c.Call(t, "INCR", "turns")
						c.Call(t, "SET", "late", "v", "PXAT", "33177117420000")
						want = dump(t, c)
						stop(t, s)
					}
					files, err := os.ReadDir(filepath.Join(dir, "my dir"))
					ok(t, err)
					names := []string{}
					stamped := false
					for _, f := range files {
						names = append(names, f.Name())
						if strings.HasSuffix(f.Name(), ".incr.aof") {
							stamped = stamped || strings.Contains(readFile(t, filepath.Join(dir, "my dir", f.Name())), "#TS:")
						}
					}
					base := name + ".1.base." + map[string]string{"yes": "rdb", "no": "aof"}[preamble]
					if !slices.Contains(names, base) || !slices.Contains(names, name+".manifest") {
						t.Errorf("no %q or no manifest among %q", base, names)
					}
					if stamped != (stamps == "yes") {
						t.Errorf("aof-timestamp-enabled %s, but stamps found: %v", stamps, stamped)
					}
				})
			}
		}
	}
}

// A single file from before Redis 7 becomes the base of a directory, with the same manifest that a stock server writes, which then
// loads it.
func TestExchangeSingleFile(t *testing.T) {
	old := "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
	manifests := map[string]string{}
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		dir := testbed.TempDir(t)
		ok(t, os.WriteFile(filepath.Join(dir, "appendonly.aof"), []byte(old), 0o644))
		s := startExchange(t, binary, dir)
		c := s.Dial(t)
		c.Call(t, "SELECT", "3")
		if v := c.Call(t, "GET", "k").Str; v != "v" {
			t.Errorf("%s: the value is %q", filepath.Base(binary), v)
		}
		c.Call(t, "SET", "n", "1")
		stop(t, s)
		if _, err := os.Stat(filepath.Join(dir, "appendonly.aof")); err == nil {
			t.Errorf("%s: the old file is still in its place", filepath.Base(binary))
		}
		manifests[binary] = readFile(t, filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"))
		s = startExchange(t, testbed.Peer(t, "redis-server"), dir)
		c = s.Dial(t)
		c.Call(t, "SELECT", "3")
		if k, n := c.Call(t, "GET", "k").Str, c.Call(t, "GET", "n").Str; k != "v" || n != "1" {
			t.Errorf("%s: a stock server finds %q and %q", filepath.Base(binary), k, n)
		}
		stop(t, s)
	}
	if ours, theirs := manifests[testbed.Subject(t)], manifests[testbed.Peer(t, "redict-server")]; ours != theirs {
		t.Errorf("manifest:\n%s\nwant:\n%s", ours, theirs)
	}
}

// Functions that a stock server saved outlive our own saves, in a snapshot and in the base of a log.
func TestExchangeKeepsFunctions(t *testing.T) {
	for _, peer := range exchangePeers {
		for _, logged := range []string{"no", "yes"} {
			t.Run(peer+"/"+logged, func(t *testing.T) {
				theirs := testbed.Peer(t, peer)
				back := theirs
				if readsOld(t, back) {
					back = testbed.Peer(t, "valkey-server")
				}
				dir := testbed.TempDir(t)
				start := func(binary string) (*testbed.Server, *testbed.Client) {
					s := testbed.Start(t, testbed.Options{Binary: binary, Dir: dir, Args: []string{"--appendonly", logged}})
					return s, s.Dial(t)
				}
				s, c := start(theirs)
				c.Call(t, "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 42 end)")
				if logged == "yes" {
					c.Call(t, "BGREWRITEAOF")
					waitForRewrite(t, c)
				}
				c.Call(t, "SAVE")
				stop(t, s)
				s, c = start(testbed.Subject(t))
				c.Call(t, "SET", "k", "v")
				c.Call(t, "SAVE")
				stop(t, s)
				s, c = start(back)
				if n, v := c.Call(t, "FCALL", "f", "0").Int, c.Call(t, "GET", "k").Str; n != 42 || v != "v" {
					t.Errorf("the function answers %d, the key %q", n, v)
				}
				stop(t, s)
			})
		}
	}
}
