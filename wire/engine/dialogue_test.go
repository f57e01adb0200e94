package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// talker is a connection whose client says nothing; rest is what happens while the executor sleeps.
type talker struct {
	noConn
	rest func()
}

func (*talker) Say([]byte, time.Duration) error       { return nil }
func (*talker) Hear([]byte, func() bool) (int, error) { return 0, errors.New("gone") }
func (t *talker) Rest(time.Duration)                  { t.rest() }
func (b *bench) talkerClient(rest func()) *session.Session {
	b.eng.Commands().Add(&engine.Spec{Name: "talk", Arity: 1, Handler: func(c *engine.Call) error {
		_, err := c.Dialogue()
		if err == nil {
			c.W.OK()
		}
		return err
	}})
	s := &session.Session{Conn: &talker{rest: rest}}
	b.eng.Attach(s)
	return s
}

// doubtfulLog is a movingLog that may fail, and knows in which database each commit left the stream.
type doubtfulLog struct {
	movingLog
	err error
	dbs []int
}

func (l *doubtfulLog) Err() error { return l.err }
func (l *doubtfulLog) CommitIdle(p []byte, db int) func() {
	l.Commit(p, db)
	return nil
}
func (l *doubtfulLog) Commit(p []byte, db int) {
	l.dbs = append(l.dbs, db)
	l.movingLog.Commit(p, db)
}

const uncovered = "-ERR The debugger can't begin before what was executed is in the append-only file\r\n"

// I2: a dialogue begins when the log has released what was executed before, also where the log waits for what the executor was posted; and when
// the log fails it does not begin.
func TestDialogueWaits(t *testing.T) {
	b := newBench(t)
	log := &doubtfulLog{}
	b.eng.SetLog(log)
	posted, rests := 0, 0
	b.eng.SetStandstill(func() {
		if posted > 0 {
			log.released.Store(uint64(log.End()))
		}
	})
	s := b.talkerClient(func() {
		if rests++; rests == 3 {
			posted++
			b.eng.Post(func() { t.Error("what was posted runs within a command") })
		}
	})
	b.do(s, "SET a 1")
	if got := b.do(s, "talk"); got != "+OK\r\n" || rests != 3 {
		t.Errorf("%q after %d rests", got, rests)
	}
	if got := log.Released(); got != log.End() || got == 0 {
		t.Errorf("released up to %d of %d", got, log.End())
	}
	if got := b.do(s, "talk"); got != "+OK\r\n" || rests != 3 {
		t.Errorf("with nothing to wait for: %q after %d rests", got, rests)
	}

	posted, rests = 0, -1000
	b.do(s, "SET a 2")
	log.err = errors.New("a full disk")
	if got := b.do(s, "talk"); got != uncovered || rests != -1000 {
		t.Errorf("while the log fails: %q after %d rests", got, rests+1000)
	}
	log.err = nil
	b.eng.Interrupt(true)
	if got := b.do(s, "talk"); got != uncovered {
		t.Errorf("when the server is to end: %q", got)
	}
}

// I5, I7: a dialogue within a transaction commits what was executed before, in the database in which that left the stream, and nothing of the
// transaction.
func TestDialogueInTransaction(t *testing.T) {
	b := newBench(t)
	log := &doubtfulLog{}
	b.eng.SetLog(log)
	before := wal.LSN(0)
	s := b.talkerClient(func() {
		before = log.End()
		log.released.Store(uint64(before))
	})
	b.do(s, "SET a 1")
	for _, line := range []string{"MULTI", "SELECT 4", "SET b 2", "talk", "SET c 3"} {
		b.do(s, line)
	}
	if got := b.do(s, "EXEC"); got != "*4\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n" {
		t.Fatalf("%q", got)
	}
	b.log.stream = log.stream[:before]
	if got := b.streamText(); got != "SELECT 0; SET a 1" {
		t.Errorf("before the dialogue: %s", got)
	}
	b.turn()
	b.log.stream = log.stream[before:]
	if got := b.streamText(); got != "MULTI; SELECT 4; SET b 2; SET c 3; EXEC" {
		t.Errorf("behind it: %s", got)
	}
	if !slices.Equal(log.dbs, []int{0, 4}) {
		t.Errorf("the commits left the stream in databases %v", log.dbs)
	}
}
