package conformance

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// normaliser says when two replies are the same although their bytes are not, for commands where that is in the nature of things.
type normaliser struct {
	id       string // entry of the drift ledger
	commands string // as the reference writes them, with blanks between
	same     func(ours, theirs testbed.Reply) bool
}

var normalisers = []normaliser{
	{"clock", "ttl pttl expiretime pexpiretime time lastsave", nearInTime},
	{"shared-integers", "object|idletime object|refcount", sameShape},
	{"clock", "xpending xinfo|stream xinfo|consumers xinfo|groups", sameButIdle},
	{"order", "keys smembers sinter sunion sdiff hkeys hvals pubsub|channels pubsub|shardchannels", sameInAnyOrder},
	{"order", "hgetall", func(a, b testbed.Reply) bool { return sameInAnyOrder(pairs(a), pairs(b)) }},
	{"order", "sort sort_ro", sameUnlessNUL},
	{"random-pick", "randomkey srandmember hrandfield zrandmember", sameShape},
	{"cursor", "scan sscan", func(a, b testbed.Reply) bool { return sameScan(a, b, false) }},
	{"cursor", "hscan zscan", func(a, b testbed.Reply) bool { return sameScan(a, b, true) }},
	{"identity", "hello client|id", sameIdentity},
	{"script-words", "eval eval_ro evalsha evalsha_ro", sameButWords},
}

// normalisedBy returns what compares a command's replies when their bytes differ, or nil.
func normalisedBy(args []string) func(ours, theirs testbed.Reply) bool {
	if len(args) == 0 {
		return nil
	}
	name := strings.ToLower(args[0])
	sub := name
	if len(args) > 1 {
		sub += "|" + strings.ToLower(args[1])
	}
	for _, n := range normalisers {
		for _, c := range strings.Fields(n.commands) {
			if c == name || c == sub {
				return n.same
			}
		}
	}
	return nil
}

// scriptWords are what servers call themselves, and their commands, in errors of scripts.
var scriptWords = strings.NewReplacer("Redict ", "", "Redis ", "", "Lua ", "", "redict lib ", "", "redis lib ", "", "redict.", "", "redis.", "", "server.", "",
	"Command arg", "command arg", " Please use EVAL.", "")

// sameButWords compares errors but for such words.
func sameButWords(a, b testbed.Reply) bool {
	return a.Kind == testbed.Error && b.Kind == testbed.Error && scriptWords.Replace(a.Str) == scriptWords.Replace(b.Str)
}

// comparison compares the replies of one connection's commands in order: it knows what is queued, so that EXEC's reply can be
// compared element by element.
type comparison struct {
	multi  bool
	queued [][]string
}

// same compares the bytes of two replies to a command.
func (c *comparison) same(args []string, ours, theirs []byte) bool {
	name := strings.ToLower(args[0])
	queue := c.queued
	switch {
	case string(theirs) == "+QUEUED\r\n":
		c.queued = append(c.queued, args)
	case name == "multi" && string(theirs) == "+OK\r\n":
		c.multi, c.queued = true, nil
	case c.multi && (name == "exec" && !bytes.HasPrefix(theirs, []byte("-ERR wrong number")) || name == "discard" && theirs[0] == '+' || name == "reset" && theirs[0] == '+'):
		c.multi, c.queued = false, nil
	}
	if bytes.Equal(ours, theirs) {
		return true
	}
	same := normalisedBy(args)
	if name != "exec" && same == nil {
		return false
	}
	a, err1 := testbed.ParseRaw(ours)
	b, err2 := testbed.ParseRaw(theirs)
	if err1 != nil || err2 != nil {
		return false
	}
	if name != "exec" {
		return same(a, b)
	}
	if a.Kind != testbed.Array || b.Kind != testbed.Array || len(a.Elems) != len(b.Elems) || len(a.Elems) != len(queue) {
		return false
	}
	for i := range queue {
		if !equal(a.Elems[i], b.Elems[i]) {
			if same := normalisedBy(queue[i]); same == nil || !same(a.Elems[i], b.Elems[i]) {
				return false
			}
		}
	}
	return true
}

// equal compares two replies whole.
func equal(a, b testbed.Reply) bool {
	return a.Kind == b.Kind && a.Str == b.Str && a.Int == b.Int && slices.EqualFunc(a.Elems, b.Elems, equal)
}

// timeSlack is how far apart two numbers may be that depend on the clock, in the unit of either.
const timeSlack = 5000

// nearInTime compares times, whether integers or digits. What stands for "none" is small and must be equal.
func nearInTime(a, b testbed.Reply) bool {
	if a.Kind != b.Kind || len(a.Elems) != len(b.Elems) {
		return false
	}
	x, y := a.Int, b.Int
	if a.Kind == testbed.Bulk {
		var err1, err2 error
		x, err1 = strconv.ParseInt(a.Str, 10, 64)
		y, err2 = strconv.ParseInt(b.Str, 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		if x < 1e6 && y < 1e6 { // TIME's microseconds
			return true
		}
	} else if a.Str != b.Str {
		return false
	}
	if x != y && (x <= 5 || y <= 5 || max(x, y)-min(x, y) > timeSlack) {
		return false
	}
	return slices.EqualFunc(a.Elems, b.Elems, nearInTime)
}

// idleFields are the fields of streams' consumers that depend on the clock.
var idleFields = []string{"idle", "inactive", "seen-time", "active-time"}

// sameButIdle compares replies about streams' consumers but for the times in them: the fields above, and of the elements that describe a pending
// entry the one before the last.
func sameButIdle(a, b testbed.Reply) bool {
	if a.Kind != b.Kind || a.Str != b.Str || a.Int != b.Int || len(a.Elems) != len(b.Elems) {
		return false
	}
	n := len(a.Elems) // an id, a consumer's name unless that is known, the time, and how often
	pending := (n == 3 || n == 4) && a.Elems[0].Kind == testbed.Bulk && a.Elems[n-2].Kind == testbed.Integer && a.Elems[n-1].Kind == testbed.Integer
	for i := range a.Elems {
		timed := i > 0 && slices.Contains(idleFields, a.Elems[i-1].Str) || pending && i == n-2
		if timed && a.Elems[i].Kind == testbed.Integer && b.Elems[i].Kind == testbed.Integer {
			continue
		}
		if !sameButIdle(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}

// sameUnlessNUL compares sorted elements; those with NUL bytes may be equal to others.
func sameUnlessNUL(a, b testbed.Reply) bool {
	nul := func(e testbed.Reply) bool { return strings.Contains(e.Str, "\x00") }
	return slices.ContainsFunc(a.Elems, nul) && sameInAnyOrder(a, b)
}

// sameInAnyOrder compares two collections without regard to order.
func sameInAnyOrder(a, b testbed.Reply) bool {
	if a.Kind != b.Kind || len(a.Elems) != len(b.Elems) || a.Str != b.Str {
		return false
	}
	return slices.Equal(sortedElements(a), sortedElements(b))
}

func sortedElements(r testbed.Reply) []string {
	texts := make([]string, len(r.Elems))
	for i, e := range r.Elems {
		texts[i] = string(e.Kind) + testbed.Format(e)
	}
	slices.Sort(texts)
	return texts
}

// pairs makes pairs of a flat list, in which key and value alternate.
func pairs(r testbed.Reply) testbed.Reply {
	if len(r.Elems)%2 != 0 {
		return r
	}
	out := testbed.Reply{Kind: r.Kind, Str: r.Str}
	for i := 0; i < len(r.Elems); i += 2 {
		out.Elems = append(out.Elems, testbed.Reply{Kind: testbed.Array, Elems: r.Elems[i : i+2]})
	}
	return out
}

// sameShape compares kinds and lengths; errors are compared whole.
func sameShape(a, b testbed.Reply) bool {
	if a.Kind == testbed.Error {
		return equal(a, b)
	}
	return a.Kind == b.Kind && slices.EqualFunc(a.Elems, b.Elems, sameShape)
}

// sameScan compares one step of an iteration: the elements when both have come to the end at once.
func sameScan(a, b testbed.Reply, inPairs bool) bool {
	if a.Kind != testbed.Array || b.Kind != testbed.Array || len(a.Elems) != 2 || len(b.Elems) != 2 {
		return false
	}
	x, y := a.Elems[1], b.Elems[1]
	if a.Elems[0].Str != "0" || b.Elems[0].Str != "0" {
		return a.Elems[0].Kind == b.Elems[0].Kind && x.Kind == y.Kind
	}
	if inPairs {
		x, y = pairs(x), pairs(y)
	}
	return sameInAnyOrder(x, y)
}

// sameIdentity compares what servers say of themselves: all but names, versions and ids.
func sameIdentity(a, b testbed.Reply) bool {
	if a.Kind == testbed.Integer {
		return b.Kind == testbed.Integer
	}
	if a.Kind != b.Kind || a.Str != b.Str || len(a.Elems) != len(b.Elems) {
		return false
	}
	for i := range a.Elems {
		if i > 0 && slices.Contains([]string{"server", "version", "id"}, a.Elems[i-1].Str) {
			if a.Elems[i].Kind != b.Elems[i].Kind {
				return false
			}
		} else if !equal(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}

// Each normaliser forgives what it is for, and nothing else.
func TestNormalisers(t *testing.T) {
	for _, c := range []struct {
		command, ours, theirs string
		same                  bool
	}{
		{"GET k", "$1\r\na\r\n", "$1\r\na\r\n", true},
		{"GET k", "$1\r\na\r\n", "$1\r\nb\r\n", false},
		{"GET k", "$-1\r\n", "*-1\r\n", false}, // two nulls that are not one
		{"GET k", "$-1\r\n", "_\r\n", false},
		{"TTL k", ":1000\r\n", ":999\r\n", true},
		{"TTL k", ":100000\r\n", ":1\r\n", false},
		{"TTL k", ":-1\r\n", ":-2\r\n", false},
		{"TTL k", ":1\r\n", ":-1\r\n", false},
		{"TIME", "*2\r\n$10\r\n1700000000\r\n$1\r\n5\r\n", "*2\r\n$10\r\n1700000001\r\n$6\r\n999999\r\n", true},
		{"TIME", "*2\r\n$10\r\n1700000000\r\n$1\r\n5\r\n", "*2\r\n$10\r\n1600000000\r\n$1\r\n5\r\n", false},
		{"KEYS *", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", true},
		{"KEYS *", "*2\r\n$1\r\na\r\n$1\r\na\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", false},
		{"MGET a b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", false},
		{"HGETALL h", "*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", "*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n", true},
		{"HGETALL h", "*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", "*4\r\n+b\r\n+1\r\n+a\r\n+2\r\n", false},
		{"RANDOMKEY", "$1\r\na\r\n", "$1\r\nb\r\n", true},
		{"RANDOMKEY", "$1\r\na\r\n", "$-1\r\n", false},
		{"SRANDMEMBER e 1 2", "-ERR a\r\n", "-ERR b\r\n", false},
		{"SCAN 0", "*2\r\n$1\r\n0\r\n*2\r\n+a\r\n+b\r\n", "*2\r\n$1\r\n0\r\n*2\r\n+b\r\n+a\r\n", true},
		{"SCAN 0", "*2\r\n$1\r\n0\r\n*2\r\n+a\r\n+b\r\n", "*2\r\n$1\r\n0\r\n*1\r\n+b\r\n", false},
		{"SCAN 0", "*2\r\n$1\r\n8\r\n*2\r\n+a\r\n+b\r\n", "*2\r\n$1\r\n0\r\n*1\r\n+b\r\n", true},
		{"CLIENT ID", ":5\r\n", ":9\r\n", true},
		{"CLIENT ID", ":5\r\n", "-ERR\r\n", false},
		{"HELLO", "*4\r\n+version\r\n+1\r\n+proto\r\n:2\r\n", "*4\r\n+version\r\n+2\r\n+proto\r\n:2\r\n", true},
		{"HELLO", "*4\r\n+version\r\n+1\r\n+proto\r\n:2\r\n", "*4\r\n+version\r\n+1\r\n+proto\r\n:3\r\n", false},
		{"XPENDING x g - + 10", "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:5\r\n:1\r\n", "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:99\r\n:1\r\n", true},
		{"XPENDING x g - + 10", "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:5\r\n:1\r\n", "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:5\r\n:2\r\n", false},
	} {
		args := strings.Fields(c.command)
		if got := new(comparison).same(args, []byte(c.ours), []byte(c.theirs)); got != c.same {
			t.Errorf("%s: %q and %q: same is %v", c.command, c.ours, c.theirs, got)
		}
	}
}

// The elements of EXEC's reply are compared as the replies of what was queued.
func TestNormalisersInExec(t *testing.T) {
	for _, c := range []struct {
		ours, theirs string
		same         bool
	}{
		{"*2\r\n:100\r\n:100\r\n", "*2\r\n:99\r\n:100\r\n", true},
		{"*2\r\n:100\r\n:100\r\n", "*2\r\n:100\r\n:99\r\n", false},
		{"*2\r\n:100\r\n:100\r\n", "*1\r\n:100\r\n", false},
		{"*-1\r\n", "*2\r\n:100\r\n:100\r\n", false},
	} {
		cmp := new(comparison)
		okay, queued := []byte("+OK\r\n"), []byte("+QUEUED\r\n")
		if !cmp.same([]string{"MULTI"}, okay, okay) || !cmp.same([]string{"TTL", "k"}, queued, queued) || !cmp.same([]string{"STRLEN", "k"}, queued, queued) {
			t.Fatal("equal replies are not the same")
		}
		if got := cmp.same([]string{"EXEC"}, []byte(c.ours), []byte(c.theirs)); got != c.same {
			t.Errorf("%q and %q: same is %v", c.ours, c.theirs, got)
		}
	}
}
