package command_test

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/drift"
	"frankenredis/wire/resp"
)

var (
	seedFlag    = flag.Uint64("seed", 1, "first seed of the random comparisons with other servers")
	historyFlag = flag.Int("history", 12, "commands a random comparison shows before a difference")
	maxFlag     = flag.Int("differences", 20, "differences a random comparison shows before it gives up")
)

// rounds is how many random commands a comparison makes: a fraction unless FR_LONG asks for the long forms.
func rounds(n int) int {
	if os.Getenv("FR_LONG") != "" {
		return 50 * n
	}
	return n
}

// parseReply parses one whole reply.
func parseReply(raw string) (resp.Value, bool) {
	var r resp.ReplyReader
	r.Feed([]byte(raw))
	v, ok, err := r.Next()
	return v, ok && err == nil
}

// unordered commands may answer in any order.
var unordered = map[string]bool{"KEYS": true, "SCAN": true, "COMMAND": true, "EXEC": true}

// sameReply compares two replies byte for byte, but for what differs in time and order.
func sameReply(args []string, a, b string) bool {
	if a == b {
		return true
	}
	x, ok1 := parseReply(a)
	y, ok2 := parseReply(b)
	return ok1 && ok2 && sameValue(&x, &y, unordered[strings.ToUpper(args[0])])
}

// timeSlack is how far apart numbers may be that depend on the clock, in the unit of either.
const timeSlack = 5000

func sameValue(x, y *resp.Value, anyOrder bool) bool {
	if x.Kind != y.Kind || x.Null != y.Null || len(x.Elems) != len(y.Elems) {
		return false
	}
	if x.Kind == resp.IntKind && x.Int != y.Int {
		d := x.Int - y.Int
		return x.Int > 5 && y.Int > 5 && d <= timeSlack && d >= -timeSlack
	}
	if x.Str != y.Str || x.Bool != y.Bool {
		return false
	}
	if anyOrder && allBulk(x) && allBulk(y) {
		for _, v := range []*resp.Value{x, y} {
			sort.Slice(v.Elems, func(i, j int) bool { return v.Elems[i].Str < v.Elems[j].Str })
		}
	}
	for i := range x.Elems {
		if !sameValue(&x.Elems[i], &y.Elems[i], anyOrder) {
			return false
		}
	}
	return true
}

func allBulk(v *resp.Value) bool {
	for i := range v.Elems {
		if v.Elems[i].Kind != resp.BulkKind || v.Elems[i].Null {
			return false
		}
	}
	return true
}

// history prints the last commands of a run, for a difference to be understood.
type history []string

func (h *history) add(client int, args []string) {
	*h = append(*h, fmt.Sprintf("%d> %.200q", client, args))
	if len(*h) > 400 {
		*h = append((*h)[:0], (*h)[200:]...)
	}
}

// mentioning returns the lines that name one of the arguments.
func (h history) last(n int) string { return strings.Join(h[max(0, len(h)-n):], "\n") }

func TestRandomAgainstRedict(t *testing.T) {
	groups := map[string][][]string{
		"strings":      {stringTemplates, expireTemplates, keyspaceTemplates[:4]},
		"bitmaps":      {bitmapTemplates, keyspaceTemplates[:2]},
		"debug":        {debugTemplates},
		"lcs":          {lcsTemplates},
		"keyspace":     {stringTemplates[:3], keyspaceTemplates, expireTemplates, databaseTemplates},
		"transactions": {transactionTemplates, transactionTemplates, stringTemplates, keyspaceTemplates, expireTemplates, databaseTemplates},
		"connection":   {connectionTemplates, serverTemplates, transactionTemplates[:4]},
	}
	for name, templates := range groups {
		t.Run(name, func(t *testing.T) {
			p := startPeer(t, "redict-server", "--databases", "4", "--enable-debug-command", "yes")
			p.do(0, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
			compareRandom(t, p, newGenerator(*seedFlag, templates...), rounds(6000))
		})
	}
}

func compareRandom(t *testing.T, p *peer, g *generator, n int) {
	b := newBed(t, "databases 4\nenable-debug-command yes\n", false, nil)
	var h history
	shown := 0
	start := time.Now()
	for i := range n {
		c := g.IntN(3)
		args := g.command()
		if len(args) > 1 && args[0] == "HELLO" {
			c = 2
		}
		if b.client(c).Multi && unfitQueued(args) {
			continue
		}
		h.add(c, args)
		p.context = h.last
		theirs := p.do(c, args...)
		ours := b.do(c, args...)
		if !sameReply(args, ours, theirs) && !known(t, args, ours, theirs) {
			t.Errorf("command %d: %.300q\nours   %.400q\ntheirs %.400q\nafter\n%s", i, args, ours, theirs, h.last(*historyFlag))
			if shown++; shown == *maxFlag {
				t.Fatal("and so on")
			}
		}
	}
	t.Logf("%d commands in %v", n, time.Since(start).Round(time.Millisecond))
}

// known says that a difference is not ours to remove, because the drift ledger has an entry for it.
func known(t *testing.T, args []string, ours, theirs string) bool {
	t.Helper()
	id := ""
	switch strings.ToUpper(args[0]) {
	case "TIME", "LASTSAVE":
		if strings.Count(ours, "\r\n") == strings.Count(theirs, "\r\n") {
			id = "clock"
		}
	case "OBJECT":
		if strings.EqualFold(args[1], "REFCOUNT") && ours == ":2147483647\r\n" && theirs == ":1\r\n" {
			id = "shared-integers"
		}
	case "HELLO":
		if strings.HasPrefix(ours, "*14\r\n") && strings.HasPrefix(theirs, "*14\r\n") ||
			strings.HasPrefix(ours, "%7\r\n") && strings.HasPrefix(theirs, "%7\r\n") {
			id = "identity"
		}
	case "COMMAND": // the number of commands
		if len(args) <= 2 || len(args) == 5 && strings.EqualFold(args[3], "ACLCAT") {
			id = "command-table"
		}
	}
	if id == "" {
		return false
	}
	l, err := drift.Load("../../conformance/DRIFT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, found := l.Find(id)
	return found
}

// unfitQueued says that a command is not to be compared inside MULTI: the queue of a real server holds references to
// values, and its AUTH that fails there gives no reply at all, which leaves its EXEC one short.
func unfitQueued(args []string) bool {
	switch strings.ToUpper(args[0]) {
	case "OBJECT":
		return len(args) > 1 && strings.EqualFold(args[1], "REFCOUNT")
	case "AUTH", "HELLO", "COMMAND", "TIME":
		return true
	}
	return false
}
