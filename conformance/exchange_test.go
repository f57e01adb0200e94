package conformance

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// A data directory written here is loaded by stock servers, and theirs here, with every value and every lifetime the same: after an
// orderly stop and after kill -9, over several starts.

var exchangePeers = []string{"redis-server", "valkey-server", "redict-server"}

// tooNew reports whether a stock server writes a newer RDB version than another stock server reads. Ours never does, either way.
func tooNew(t *testing.T, from, to string) bool {
	version := map[string]int{"redis": 10, "valkey": 11, "redict": 12}
	f, r := identify(t, from).Name, identify(t, to).Name
	if f == subjectName || r == subjectName || version[f] <= version[r] {
		return false
	}
	t.Logf("%s writes RDB %d, %s reads up to %d: not asked", f, version[f], r, version[r])
	return true
}

func TestStockServersLoadOurDirectory(t *testing.T) {
	for _, end := range []string{"stopped", "killed"} {
		for _, peer := range exchangePeers {
			t.Run(end+"/"+peer, func(t *testing.T) {
				handOver(t, testbed.Subject(t), testbed.Peer(t, peer), end == "killed")
			})
		}
	}
}

func TestWeLoadTheirDirectory(t *testing.T) {
	for _, end := range []string{"stopped", "killed"} {
		for _, peer := range exchangePeers {
			t.Run(end+"/"+peer, func(t *testing.T) {
				handOver(t, testbed.Peer(t, peer), testbed.Subject(t), end == "killed")
			})
		}
	}
}

func TestWeLoadOurDirectory(t *testing.T) {
	for _, end := range []string{"stopped", "killed"} {
		t.Run(end, func(t *testing.T) { handOver(t, testbed.Subject(t), testbed.Subject(t), end == "killed") })
	}
}

// A directory may go back and forth: what a stock server has appended or rewritten is loaded here again.
func TestDirectoryGoesBackAndForth(t *testing.T) {
	dir := testbed.TempDir(t)
	ours, theirs := testbed.Subject(t), testbed.Peer(t, "redis-server")
	if tooNew(t, ours, theirs) {
		return
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var want map[string]entry
	for turn, binary := range []string{ours, theirs, ours, theirs, ours} {
		s := startExchange(t, binary, dir)
		c := s.Dial(t)
		if turn > 0 {
			compareData(t, fmt.Sprintf("turn %d", turn), want, dump(t, c))
		}
		fill(t, c, rnd, 200)
		if turn == 1 { // a rewrite leaves a base and an increment of theirs
			c.Call(t, "BGREWRITEAOF")
			waitForRewrite(t, c)
			fill(t, c, rnd, 200)
		}
		want = dump(t, c)
		stop(t, s)
	}
}

// handOver lets one server write a directory, over two of its own lives, and another load it.
func handOver(t *testing.T, from, to string, kill bool) {
	if tooNew(t, from, to) {
		return
	}
	dir := testbed.TempDir(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	s := startExchange(t, from, dir)
	c := s.Dial(t)
	fill(t, c, rnd, 500)
	stop(t, s)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	c = s.Dial(t)
	fill(t, c, rnd, 500)
	want := dump(t, c)
	if kill {
		s.Kill()
	} else {
		stop(t, s)
	}
	s = startExchange(t, to, dir)
	got := dump(t, s.Dial(t))
	compareData(t, filepath.Base(to)+" after "+filepath.Base(from), want, got)
	stop(t, s)
}

func startExchange(t *testing.T, binary, dir string) *testbed.Server {
	t.Helper()
	return testbed.Start(t, testbed.Options{Binary: binary, Dir: dir, Args: []string{"--appendonly", "yes"}})
}

func stop(t *testing.T, s *testbed.Server) {
	t.Helper()
	if code, err := s.Stop(); err != nil || code != 0 {
		t.Fatalf("stop: exit status %d, %v", code, err)
	}
}

// fill makes n changes of every kind that strings know, in several databases. Lifetimes are far away, so that both sides hold the
// same keys however long the test takes.
func fill(t *testing.T, c *testbed.Client, rnd *rand.Rand, n int) {
	t.Helper()
	const far = 33177117420000 // the year 3021, in ms
	// Errors of the command's own making are part of the mix.
	expected := regexp.MustCompile("not an integer|not a valid float|no such key|overflow|objects are the same")
	call := func(args ...string) {
		t.Helper()
		r, err := c.Do(args...)
		if err == nil && r.Err() != nil && !expected.MatchString(r.Str) {
			err = r.Err()
		}
		if err != nil {
			t.Fatalf("%.100q: %v", args, err)
		}
	}
	key := func() string { return exchangeKey(rnd) }
	for range n {
		at := strconv.FormatInt(far+rnd.Int64N(1e12), 10)
		switch rnd.IntN(26) {
		case 0:
			call("SELECT", strconv.Itoa(rnd.IntN(4)))
		case 1, 2, 3:
			call("SET", key(), exchangeValue(rnd))
		case 4:
			call("SET", key(), exchangeValue(rnd), "PXAT", at)
		case 5:
			call("SET", key(), exchangeValue(rnd), "EX", strconv.Itoa(1000000+rnd.IntN(1000000)))
		case 6:
			call("PEXPIREAT", key(), at)
		case 7:
			call("EXPIRE", key(), strconv.Itoa(1000000+rnd.IntN(1000000)))
		case 8:
			call("PERSIST", key())
		case 9:
			call("INCRBY", key(), strconv.FormatInt(rnd.Int64()-rnd.Int64(), 10))
		case 10:
			call("APPEND", key(), exchangeValue(rnd))
		case 11:
			call("SETRANGE", key(), strconv.Itoa(rnd.IntN(1000)), exchangeValue(rnd))
		case 12:
			call("DEL", key(), key())
		case 13:
			call("RENAME", key(), key())
		case 14:
			call("COPY", key(), key(), "DB", strconv.Itoa(rnd.IntN(4)), "REPLACE")
		case 15:
			call("MOVE", key(), strconv.Itoa(rnd.IntN(4)))
		case 16:
			call("GETEX", key(), "PXAT", at)
		case 17:
			call("GETDEL", key())
		case 18:
			call("MSET", key(), exchangeValue(rnd), key(), exchangeValue(rnd))
		case 19:
			call("MULTI")
			call("SET", key(), exchangeValue(rnd))
			call("SELECT", strconv.Itoa(rnd.IntN(4)))
			call("INCR", key())
			call("GET", key())
			call("PEXPIREAT", key(), at)
			call("EXEC")
		case 20:
			call("SETNX", key(), exchangeValue(rnd))
		case 21:
			call("GETSET", key(), exchangeValue(rnd))
		case 22:
			call("SET", key(), exchangeValue(rnd), "KEEPTTL")
		case 23:
			call("INCRBYFLOAT", key(), strconv.FormatFloat(rnd.NormFloat64(), 'f', 6, 64))
		case 24:
			if rnd.IntN(30) == 0 {
				call("SWAPDB", strconv.Itoa(rnd.IntN(4)), strconv.Itoa(rnd.IntN(4)))
			}
		case 25:
			switch rnd.IntN(100) {
			case 0:
				call("FLUSHDB")
			case 1:
				call("SET", key(), strings.Repeat("0123456789abcdef", 20000)) // 320 kB, compressible
			}
			call("SET", key(), "gone", "PXAT", "1")
		}
	}
}

// exchangeKey is one of 200 keys: plain ones, binary ones, long ones, the empty one.
func exchangeKey(rnd *rand.Rand) string {
	n := rnd.IntN(200)
	switch n % 10 {
	case 7:
		return string([]byte{0, byte(n), 0xff, '\r', '\n'})
	case 8:
		return strings.Repeat("long", 200) + strconv.Itoa(n)
	case 9:
		if n == 9 {
			return ""
		}
	}
	return "key:" + strconv.Itoa(n)
}

// exchangeValue draws from the kinds that are stored differently: integers at their borders, short, long, binary, repetitive.
func exchangeValue(rnd *rand.Rand) string {
	ints := []string{"0", "-1", "127", "128", "-129", "32767", "32768", "2147483647", "-2147483649", "9223372036854775807",
		"-9223372036854775808", "9223372036854775808", "007", "+1", "1.0", "-0", ""}
	switch rnd.IntN(6) {
	case 0:
		return ints[rnd.IntN(len(ints))]
	case 1:
		return strconv.FormatInt(rnd.Int64(), 10)
	case 2:
		return strings.Repeat("r", rnd.IntN(500))
	case 3:
		b := make([]byte, rnd.IntN(300))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return string(b)
	case 4:
		return strings.Repeat(strconv.Itoa(rnd.IntN(1000)), rnd.IntN(3000))
	}
	return "v" + strconv.Itoa(rnd.IntN(1e6))
}

// entry is one key as a client sees it.
type entry struct {
	value string
	at    string // PEXPIRETIME
}

// dump reads a whole server: database and key to value and expiry.
func dump(t *testing.T, c *testbed.Client) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	for db := range 16 {
		c.Call(t, "SELECT", strconv.Itoa(db))
		found := 0
		for _, k := range c.Call(t, "KEYS", "*").Elems {
			e := entry{value: c.Call(t, "GET", k.Str).Str, at: c.Call(t, "PEXPIRETIME", k.Str).String()}
			all[fmt.Sprintf("db%d %s", db, testbed.Quote(k.Str))] = e
			found++
		}
		if size := int(c.Call(t, "DBSIZE").Int); found > size { // keys that have expired but are not removed yet make it more
			t.Errorf("db %d: DBSIZE says %d, KEYS finds %d", db, size, found)
		}
	}
	c.Call(t, "SELECT", "0")
	return all
}

func compareData(t *testing.T, what string, want, got map[string]entry) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: nothing was written", what)
	}
	wrong := 0
	report := func(format string, args ...any) {
		if wrong++; wrong <= 10 {
			t.Errorf("%s: "+format, append([]any{what}, args...)...)
		}
	}
	for k, w := range want {
		g, ok := got[k]
		switch {
		case !ok:
			report("%.100s is missing", k)
		case g.value != w.value:
			report("%.100s is %s, was %s", k, short(g.value), short(w.value))
		case g.at != w.at:
			report("%.100s expires at %s, was %s", k, g.at, w.at)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			report("%.100s was not there before", k)
		}
	}
	if wrong > 10 {
		t.Errorf("%s: %d differences in %d keys", what, wrong, len(want))
	}
}
