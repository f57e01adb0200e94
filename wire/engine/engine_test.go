package engine_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/kv/dict"
	"frankenredis/wal"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// memoryLog keeps the stream; everything is released at once.
type memoryLog struct {
	stream  []byte
	commits int
}

func (l *memoryLog) CommitIdle(p []byte, db int) func() {
	l.Commit(p, db)
	return nil
}

func (l *memoryLog) Commit(p []byte, _ int) { l.stream = append(l.stream, p...); l.commits++ }
func (l *memoryLog) End() wal.LSN           { return wal.LSN(len(l.stream)) }
func (l *memoryLog) Released() wal.LSN      { return l.End() }
func (l *memoryLog) Durable() wal.LSN       { return l.End() }
func (l *memoryLog) Full() bool             { return false }
func (l *memoryLog) Err() error             { return nil }

// idlePoller never sleeps.
type idlePoller struct{}

func (idlePoller) Poll(time.Duration) error { return nil }
func (idlePoller) Wake()                    {}

// noConn is a connection nobody listens to.
type noConn struct{}

func (noConn) Close(bool)           {}
func (noConn) Resumed()             {}
func (noConn) Room(int)             {}
func (noConn) Overflowing(int) bool { return false }
func (noConn) Usage() session.Usage { return session.Usage{} }

// bench is an engine driven by hand, without sockets.
type bench struct {
	t   testing.TB
	eng *engine.Engine
	log *memoryLog
	now time.Time
	s   *session.Session
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, log: &memoryLog{}, now: time.UnixMilli(1_700_000_000_000)}
	ks := kv.New(kv.Options{Databases: 16, RandomSeed: 7, HashSeed: dict.Seed{1, 2, 3}})
	t.Cleanup(ks.Close)
	b.eng = engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: config.Defaults(), Poller: idlePoller{},
		Clock: func() time.Time { return b.now }, Seed: 7})
	b.eng.SetLog(b.log)
	b.s = b.client()
	return b
}

func (b *bench) client() *session.Session {
	s := &session.Session{Conn: noConn{}}
	b.eng.Attach(s)
	return s
}

// do runs one command line (words split at spaces) and returns its reply.
func (b *bench) do(s *session.Session, line string) string {
	words := strings.Fields(line)
	argv := make([][]byte, len(words))
	for i, w := range words {
		argv[i] = []byte(w)
	}
	s.W.Buf = s.W.Buf[:0]
	b.eng.Exec(s, argv)
	return string(s.W.Buf)
}

func (b *bench) turn() {
	if err := b.eng.Turn(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(line, reply string) {
	b.t.Helper()
	if got := b.do(b.s, line); got != reply {
		b.t.Fatalf("%s: %q, want %q", line, got, reply)
	}
}

// stream returns what was streamed as command lines.
func (b *bench) stream() string {
	b.turn()
	return b.streamText()
}

// streamText is stream without a turn.
func (b *bench) streamText() string {
	var out []string
	rest := b.log.stream
	for len(rest) > 0 {
		lines := bytes.SplitN(rest, []byte("\r\n"), 2)
		n := int(lines[0][1] - '0')
		rest = lines[1]
		var words []string
		for range n {
			parts := bytes.SplitN(rest, []byte("\r\n"), 3)
			words = append(words, string(parts[1]))
			rest = parts[2]
		}
		out = append(out, strings.Join(words, " "))
	}
	b.log.stream = nil
	return strings.Join(out, "; ")
}

// I5: one effect stands alone, several of one unit stand in MULTI .. EXEC, whatever caused them.
func TestUnits(t *testing.T) {
	b := newBench(t)
	b.want("SET a 1", "+OK\r\n")
	b.want("GET a", "$1\r\n1\r\n")
	if got := b.stream(); got != "SELECT 0; SET a 1" {
		t.Errorf("one write: %s", got)
	}
	b.do(b.s, "MULTI")
	b.do(b.s, "SET a 2")
	b.do(b.s, "GET a")
	b.want("EXEC", "*2\r\n+OK\r\n$1\r\n2\r\n")
	if got := b.stream(); got != "SET a 2" {
		t.Errorf("a transaction with one effect: %s", got)
	}
	b.do(b.s, "MULTI")
	b.do(b.s, "SET a 3")
	b.do(b.s, "SELECT 4")
	b.do(b.s, "INCR n")
	b.want("EXEC", "*3\r\n+OK\r\n+OK\r\n:1\r\n")
	if got := b.stream(); got != "MULTI; SET a 3; SELECT 4; INCR n; EXEC" {
		t.Errorf("a transaction over two databases: %s", got)
	}
}

// I20: expiry is an event: a lazy one stands before the command that met it, in one unit with its effect.
func TestExpiryIsAnEvent(t *testing.T) {
	b := newBench(t)
	b.do(b.s, "SET k v PX 100")
	if got := b.stream(); got != "SELECT 0; SET k v PXAT 1700000000100" {
		t.Errorf("relative time: %s", got)
	}
	b.now = b.now.Add(time.Second)
	b.turn()
	b.want("GET k", "$-1\r\n")
	if got := b.stream(); got != "DEL k" {
		t.Errorf("lazy expiry: %s", got)
	}
	b.do(b.s, "SET k v PX 100")
	b.stream()
	b.now = b.now.Add(time.Second)
	b.turn()
	b.want("APPEND k w", ":1\r\n")
	if got := b.stream(); got != "MULTI; DEL k; APPEND k w; EXEC" {
		t.Errorf("expiry met by a write: %s", got)
	}
}

// I20: while the log is replayed nothing expires by the clock, and nothing is streamed.
func TestReplayDoesNotExpire(t *testing.T) {
	b := newBench(t)
	b.eng.SetLoading(true)
	b.do(b.s, "SELECT 0")
	loader := b.s
	for _, line := range []string{"SET k v PXAT 1", "PEXPIREAT k 2"} {
		words := strings.Fields(line)
		argv := make([][]byte, len(words))
		for i, w := range words {
			argv[i] = []byte(w)
		}
		if err := b.eng.Apply(loader, argv); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.eng.Keyspace().DB(0).Len(); n != 1 {
		t.Fatalf("%d keys after replay, want the expired one still there", n)
	}
	if n := b.eng.Stats().Commands; n != 1 { // the SELECT
		t.Fatalf("%d commands counted, those of the log too", n)
	}
	b.eng.SetLoading(false)
	if got := b.stream(); got != "" {
		t.Errorf("replay streamed: %s", got)
	}
	b.want("EXISTS k", ":0\r\n")
	if got := b.stream(); got != "SELECT 0; DEL k" {
		t.Errorf("expiry after replay: %s", got)
	}
}

func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name, before, other string
		aborted             bool
	}{
		{"untouched", "SET k 1", "SET other 1", false},
		{"changed", "SET k 1", "SET k 1", true},
		{"deleted", "SET k 1", "DEL k", true},
		{"created", "PING", "SET k 1", true},
		{"expired by hand", "SET k 1", "PEXPIRE k -1", true},
		{"flushed", "SET k 1", "FLUSHALL", true},
		{"flushed, was not there", "PING", "FLUSHALL", false},
		{"swapped away", "SET k 1", "SWAPDB 0 1", true},
		{"time limit set", "SET k 1", "EXPIRE k 100", true},
		{"read only", "SET k 1", "GET k", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			other := b.client()
			b.do(other, c.before)
			b.do(b.s, "WATCH k")
			b.do(other, c.other)
			b.do(b.s, "MULTI")
			b.do(b.s, "PING")
			want := "*1\r\n+PONG\r\n"
			if c.aborted {
				want = "*-1\r\n"
			}
			b.want("EXEC", want)
		})
	}
}

func TestRefusedWhileQueueing(t *testing.T) {
	b := newBench(t)
	b.do(b.s, "MULTI")
	b.want("NOSUCH a b", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n")
	b.want("SET a", "-ERR wrong number of arguments for 'set' command\r\n")
	b.want("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	b.want("EXEC", "-ERR EXEC without MULTI\r\n")
	b.want("DISCARD", "-ERR DISCARD without MULTI\r\n")
	b.want("CLIENT nosuch", "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.\r\n")
}

func TestReplyModes(t *testing.T) {
	b := newBench(t)
	b.want("CLIENT REPLY SKIP", "")
	b.want("SET a 1", "")
	b.want("GET a", "$1\r\n1\r\n")
	b.want("CLIENT REPLY OFF", "")
	b.want("SET a 2", "")
	b.want("CLIENT REPLY ON", "+OK\r\n")
	b.want("GET a", "$1\r\n2\r\n")
}

func TestPauseHoldsWritesBack(t *testing.T) {
	b := newBench(t)
	b.want("CLIENT PAUSE 1000 WRITE", "+OK\r\n")
	b.want("GET k", "$-1\r\n")
	b.want("SET k v", "")
	b.turn()
	if string(b.s.W.Buf) != "" {
		t.Fatalf("ran during the pause: %q", b.s.W.Buf)
	}
	b.now = b.now.Add(1100 * time.Millisecond)
	b.turn()
	b.turn()
	if got := string(b.s.W.Buf); got != "+OK\r\n" {
		t.Fatalf("after the pause: %q", got)
	}
}

// The same state, input, clock and seed give the same run: replies and stream.
func TestDeterministic(t *testing.T) {
	run := func() string {
		b := newBench(t)
		var out strings.Builder
		for i := range 300 {
			line := []string{"SET k%d v", "INCR n%d", "RANDOMKEY", "SCAN 0", "PEXPIRE k%d 5", "DEL n%d", "KEYS *"}[i%7]
			line = strings.ReplaceAll(line, "%d", string(rune('a'+i%23)))
			out.WriteString(b.do(b.s, line))
			b.now = b.now.Add(time.Millisecond)
			b.turn()
		}
		return out.String() + b.stream()
	}
	if a, b := run(), run(); a != b {
		t.Error("two runs differ")
	}
}
