package command_test

import (
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

// memoryLog keeps the stream of effects; everything is durable at once.
type memoryLog struct{ stream []byte }

func (l *memoryLog) CommitIdle(p []byte, db int) func() {
	l.Commit(p, db)
	return nil
}
func (l *memoryLog) Commit(p []byte, _ int) { l.stream = append(l.stream, p...) }
func (l *memoryLog) End() wal.LSN           { return wal.LSN(len(l.stream)) }
func (l *memoryLog) Released() wal.LSN      { return l.End() }
func (l *memoryLog) Durable() wal.LSN       { return l.End() }
func (l *memoryLog) Full() bool             { return false }
func (l *memoryLog) Err() error             { return nil }

// idlePoller never sleeps: the test takes the turns.
type idlePoller struct{}

func (idlePoller) Poll(time.Duration) error { return nil }
func (idlePoller) Wake()                    {}

// deafConn is a connection that notes only that it was closed.
type deafConn struct{ closed bool }

func (c *deafConn) Close(bool)         { c.closed = true }
func (*deafConn) Resumed()             {}
func (*deafConn) Room(int)             {}
func (*deafConn) Overflowing(int) bool { return false }
func (*deafConn) Usage() session.Usage { return session.Usage{} }

// bed is an executor without sockets, driven by hand.
type bed struct {
	t   testing.TB
	eng *engine.Engine
	log *memoryLog // nil unless asked for

	clients []*session.Session
}

// newBed makes a bed with the given configuration ("name value" lines). clock nil means the real one.
func newBed(t testing.TB, conf string, logged bool, clock func() time.Time) *bed {
	t.Helper()
	cfg, err := config.LoadText(conf, config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ks := kv.New(kv.Options{Databases: int(cfg.Int("databases")), RandomSeed: 7, HashSeed: dict.Seed{1, 2, 3}})
	t.Cleanup(ks.Close)
	b := &bed{t: t}
	b.eng = engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: cfg, Poller: idlePoller{},
		Clock: clock, Seed: 7})
	b.eng.SetHooks(engine.Hooks{
		Save:          func() error { return nil },
		LastSave:      func() int64 { return b.eng.Wall().Unix() },
		Shutdown:      func(engine.ShutdownRequest) error { return nil },
		AbortShutdown: func() error { return engine.ReplyError("ERR No shutdown in progress.") },
		RewriteConfig: func(bool) error { return nil },
	})
	followConfig(b.eng, cfg)
	if logged {
		b.log = &memoryLog{}
		b.eng.SetLog(b.log)
	}
	return b
}

// followConfig does for an executor alone what the server's composition root does when parameters change.
func followConfig(e *engine.Engine, cfg *config.Store) {
	policy := func() error {
		lfu := strings.HasSuffix(cfg.Enum("maxmemory-policy"), "-lfu")
		e.Keyspace().SetPolicy(lfu, int(cfg.Int("lfu-log-factor")), int(cfg.Int("lfu-decay-time")))
		return nil
	}
	cfg.OnApply("maxmemory-policy", policy, "lfu-log-factor", "lfu-decay-time")
	_ = policy()
}

// client returns the i-th client, connecting it when it is new.
func (b *bed) client(i int) *session.Session {
	for len(b.clients) <= i {
		s := &session.Session{Conn: &deafConn{}, Addr: "127.0.0.1:1", LocalAddr: "127.0.0.1:2"}
		b.eng.Attach(s)
		b.clients = append(b.clients, s)
	}
	return b.clients[i]
}

// do runs one command of the i-th client and returns its reply as it stands on the wire.
func (b *bed) do(i int, args ...string) string {
	s := b.client(i)
	s.W.Buf = s.W.Buf[:0]
	argv := make([][]byte, len(args))
	for j, a := range args {
		argv[j] = []byte(a)
	}
	b.eng.Exec(s, argv)
	for (s.Wait != nil || s.Postponed != nil) && len(s.W.Buf) == 0 {
		time.Sleep(time.Millisecond)
		b.turn()
	}
	return string(s.W.Buf)
}

// turn ends the executor's turn: effects are committed, timers run.
func (b *bed) turn() {
	if err := b.eng.Turn(); err != nil {
		b.t.Fatal(err)
	}
}
