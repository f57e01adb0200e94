package conformance

import (
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// MIGRATE moves values of all types between our server and stock ones, with their lifetimes, and each side takes what the
// other sends.
func TestMigrate(t *testing.T) {
	ours := testbed.Subject(t)
	for _, c := range []struct{ from, to string }{
		{ours, testbed.Peer(t, "valkey-server")}, {ours, testbed.Peer(t, "redict-server")}, {ours, ours},
		{testbed.Peer(t, "valkey-server"), ours}, {testbed.Peer(t, "redict-server"), ours}, {testbed.Peer(t, "redis-server"), ours},
	} {
		t.Run(label(t, c.from)+" to "+label(t, c.to), func(t *testing.T) {
			t.Parallel()
			args := []string{"--enable-debug-command", "yes"}
			from := testbed.Start(t, testbed.Options{Binary: c.from, Args: args})
			to := testbed.Start(t, testbed.Options{Binary: c.to, Args: append(args, "--requirepass", "secret")})
			migrate(t, from.Dial(t), to.Dial(t), to.Port)
		})
	}
}

func migrate(t *testing.T, from, to *testbed.Client, port int) {
	call := func(line string, args ...string) testbed.Reply {
		t.Helper()
		return from.Call(t, append(strings.Fields(line), args...)...)
	}
	call("SET string", strings.Repeat("s", 100_000))
	call("SET int 12345 PX 100000000")
	call("RPUSH list a b 3")
	call("SADD intset 1 2 3")
	call("SADD set a b", strings.Repeat("m", 100))
	call("HSET hash f v g 2")
	call("ZADD zset 1 a 2.5 b -inf c")
	call("XADD stream 1-1 f v")
	call("XGROUP CREATE stream g 0")
	call("XREADGROUP GROUP g c STREAMS stream >")
	for i := range 2000 {
		n := strconv.Itoa(i)
		call("RPUSH longlist", "element "+n)
		call("HSET largehash", "field "+n, n)
		call("ZADD largezset", n, "member "+n)
	}
	keys := []string{"string", "int", "list", "intset", "set", "hash", "zset", "stream", "longlist", "largehash", "largezset"}
	want := call("DEBUG DIGEST-VALUE", keys...).String()
	expiry := call("PEXPIRETIME int").Int

	target := []string{"MIGRATE", "127.0.0.1", strconv.Itoa(port)}
	do := func(line string, keys ...string) string {
		t.Helper()
		r, err := from.Do(append(append(target, strings.Fields(line)...), keys...)...)
		if err != nil {
			t.Fatal(err)
		}
		return r.Str
	}
	if got := do("int 3 120000"); !strings.HasPrefix(got, "ERR Target instance replied with error: NOAUTH") {
		t.Errorf("without the password: %q", got)
	}
	if got := do("int 3 120000 AUTH2 default secret"); got != "OK" {
		t.Fatalf("one key: %q", got)
	}
	all := append([]string{"", "3", "120000", "AUTH", "secret", "REPLACE", "KEYS"}, append(keys, "nokey")...)
	if got := do("", all...); got != "OK" {
		t.Fatalf("all keys: %q", got)
	}
	if n := call("DBSIZE").Int; n != 0 {
		t.Errorf("%d keys are left behind", n)
	}
	to.Call(t, "AUTH", "secret")
	to.Call(t, "SELECT", "3")
	if got := to.Call(t, append([]string{"DEBUG", "DIGEST-VALUE"}, keys...)...).String(); got != want {
		t.Errorf("digests\n%s\nwant\n%s", got, want)
	}
	if got := to.Call(t, "PEXPIRETIME", "int").Int; got < expiry-1000 || got > expiry+60_000 {
		t.Errorf("expires at %d, want about %d", got, expiry)
	}
	call("SET int x")
	if got := do("int 3 120000"); got != "ERR Target instance replied with error: BUSYKEY Target key name already exists." {
		t.Errorf("a key that is there: %q", got)
	}
	if got := call("GET int").Str; got != "x" {
		t.Errorf("what the target refused is %q", got)
	}
}
