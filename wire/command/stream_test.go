package command_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
	"frankenredis/wire/pubsub"
	"frankenredis/wire/resp"
)

// aofTail follows the increment file of a server that runs with appendfsync always: what a command causes is there when
// its reply is.
type aofTail struct {
	t    testing.TB
	file *os.File
}

func followAOF(t testing.TB, dir string) *aofTail {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(names) != 1 {
		t.Fatalf("increment files %v: %v", names, err)
	}
	f, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &aofTail{t, f}
}

// next returns what was appended since the last call.
func (a *aofTail) next() []byte {
	var b bytes.Buffer
	if _, err := b.ReadFrom(a.file); err != nil {
		a.t.Fatal(err)
	}
	return b.Bytes()
}

// commands splits a stream of effects.
func commands(t testing.TB, stream []byte) (out [][]string) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(stream))
	for {
		if _, err := r.Peek(1); err != nil {
			return out
		}
		v, err := testbed.ReadReply(r)
		if err != nil {
			t.Fatalf("%v in %q", err, stream)
		}
		var words []string
		for _, e := range v.Elems {
			words = append(words, e.Str)
		}
		out = append(out, words)
	}
}

// sameStream compares effects: all words, but for the time.
func sameStream(a, b [][]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return false
		}
		for j := range a[i] {
			if a[i][j] != b[i][j] && !sameInstant(a[i][j], b[i][j]) {
				return false
			}
		}
	}
	return true
}

func sameInstant(a, b string) bool {
	x, err1 := strconv.ParseInt(a, 10, 64)
	y, err2 := strconv.ParseInt(b, 10, 64)
	return err1 == nil && err2 == nil && x > 1e12 && x-y <= timeSlack && y-x <= timeSlack
}

// endsSoon says that an effect gave a key a time limit that is reached at once.
func endsSoon(effects [][]string) bool {
	now := time.Now().UnixMilli()
	for _, cmd := range effects {
		for _, w := range cmd {
			if at, err := strconv.ParseInt(w, 10, 64); err == nil && at > now-1000 && at < now+1000 {
				return true
			}
		}
	}
	return false
}

func lines(cmds [][]string) string {
	var b strings.Builder
	for _, c := range cmds {
		fmt.Fprintf(&b, "    %.300q\n", c)
	}
	return b.String()
}

// eventList keeps the keyspace events that are published.
type eventList []string

func (*eventList) Proto() int { return 2 }

func (l *eventList) Push(message []byte) {
	var r resp.ReplyReader
	r.Feed(message)
	v, ok, err := r.Next()
	if !ok || err != nil {
		panic(fmt.Sprintf("message %q: %v", message, err))
	}
	*l = append(*l, v.Elems[2].Str+" "+v.Elems[3].Str)
}

// keyspaceEvents listens to the keyspace events of both: ours are kept as they come, theirs are what came since the last question.
func keyspaceEvents(t *testing.T, b *bed, p *peer) (ours *eventList, theirs func() []string) {
	t.Helper()
	ours = new(eventList)
	b.eng.PubSub().Subscribe(pubsub.Patterns, new(pubsub.Subscriptions), ours, []byte("__keyspace@*"))
	listener := p.server.Dial(t)
	listener.Call(t, "PSUBSCRIBE", "__keyspace@*")
	return ours, func() (out []string) {
		if err := listener.Send("PING"); err != nil {
			t.Fatal(err)
		}
		for {
			r, err := listener.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if r.Elems[0].Str == "pong" {
				return out
			}
			out = append(out, r.Elems[2].Str+" "+r.Elems[3].Str)
		}
	}
}

// The same commands leave the same effects in the stream: where databases are selected, what stands in MULTI and EXEC, how
// relative times and results become absolute, and which keyspace events are published. Counters agree at the end.
func TestStreamAgainstRedict(t *testing.T) {
	p := startPeer(t, "redict-server", "--databases", "4", "--enable-debug-command", "yes", "--appendonly", "yes", "--appendfsync", "always",
		"--notify-keyspace-events", "KEA")
	p.do(0, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	tail := followAOF(t, p.server.Dir)
	tail.next()

	b := newBed(t, "databases 4\nnotify-keyspace-events KEA\n", true, nil)
	events, theirEvents := keyspaceEvents(t, b, p)
	// SCAN with a pattern deletes all expired keys it comes by; Redis only those that fit.
	keyspace := slices.DeleteFunc(slices.Clone(keyspaceTemplates), func(t string) bool { return strings.HasPrefix(t, "SCAN 0") })
	// Redis keeps to itself that a BITFIELD that wrote nothing made a string longer.
	bitmaps := slices.DeleteFunc(slices.Clone(bitmapTemplates), func(t string) bool { return strings.Contains(t, "FAIL") })
	g := newGenerator(*seedFlag, bitmaps, stringTemplates, expireTemplates, databaseTemplates[:4], keyspace, []string{"SCAN 0 COUNT 1000"}, transactionTemplates, transactionTemplates,
		databaseTemplates, shortTemplates, shortTemplates)
	var h history
	p.context = h.last
	shown := 0
	n := rounds(5000)
	for i := range n {
		c, args := g.IntN(3), g.command()
		if b.client(c).Multi && unfitQueued(args) {
			continue
		}
		h.add(c, args)
		theirs := p.do(c, args...)
		ours := b.do(c, args...)
		b.turn()
		ourStream, theirStream := commands(t, b.log.stream), commands(t, tail.next())
		b.log.stream = b.log.stream[:0]
		wanted := theirEvents()
		if strings.EqualFold(args[0], "SCAN") || strings.Contains(theirs, "\r\n*2\r\n$1\r\n0\r\n") { // SCAN, perhaps in EXEC: in no order
			for _, s := range [][][]string{ourStream, theirStream} {
				slices.SortFunc(s, slices.Compare)
			}
			slices.Sort(*events)
			slices.Sort(wanted)
		}
		ok := sameReply(args, ours, theirs) || known(t, args, ours, theirs)
		if !ok || !sameStream(ourStream, theirStream) || strings.Join(*events, "\n") != strings.Join(wanted, "\n") {
			t.Errorf("command %d: %.300q\nours   %.400q\ntheirs %.400q\nour effects\n%stheir effects\n%sour events %.300q\ntheir events %.300q\nafter\n%s", i, args,
				ours, theirs, lines(ourStream), lines(theirStream), *events, wanted, h.last(*historyFlag))
			if shown++; shown == *maxFlag {
				t.Fatal("and so on")
			}
		}
		*events = (*events)[:0]
		if endsSoon(ourStream) {
			time.Sleep(6 * time.Millisecond) // both servers see it expired from here on
		}
	}
	info := p.do(3, "INFO", "everything")
	st := b.eng.Stats()
	for name, got := range map[string]int64{
		"rdb_changes_since_last_save": b.eng.DirtyCount(), "keyspace_hits": int64(st.KeyspaceHits),
		"keyspace_misses": int64(st.KeyspaceMisses), "expired_keys": int64(st.ExpiredKeys), "total_error_replies": int64(st.ErrorReplies),
	} {
		_, rest, _ := strings.Cut(info, "\n"+name+":")
		want, _, _ := strings.Cut(rest, "\r")
		if want != strconv.FormatInt(got, 10) {
			t.Errorf("%s: %d, redict says %s", name, got, want)
		}
	}
	t.Logf("%d commands", n)
}
