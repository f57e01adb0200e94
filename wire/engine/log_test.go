package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// CONFIG SET appendonly no in the middle of a turn: what whole units had written before goes to the log, the rest of the
// turn does not, and nobody asks a log that is gone.
func TestLogTakenAwayMidTurn(t *testing.T) {
	b := newBench(t)
	b.want("SET a 1", "+OK\r\n")
	b.eng.SetLog(nil)
	b.want("SET b 2", "+OK\r\n")
	if got := b.stream(); got != "SELECT 0; SET a 1" {
		t.Errorf("logged: %s", got)
	}
}

// I5: when the log goes in the middle of a transaction, no half of it is logged.
func TestLogTakenAwayInsideTransaction(t *testing.T) {
	b := newBench(t)
	cfg := b.eng.Config()
	cfg.OnApply("timeout", func() error {
		b.eng.SetLog(nil)
		return nil
	})
	for _, line := range []string{"MULTI", "SET a 1", "CONFIG SET timeout 7", "SET b 2"} {
		b.do(b.s, line)
	}
	b.want("EXEC", "*3\r\n+OK\r\n+OK\r\n+OK\r\n")
	if got := b.stream(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

// movingLog releases what was committed when the test says so.
type movingLog struct {
	memoryLog
	released atomic.Uint64
}

func (l *movingLog) Released() wal.LSN { return wal.LSN(l.released.Load()) }

// releaseRecorder is a transport that notes what it was told, and lets something happen right behind it.
type releaseRecorder struct {
	saw   []wal.LSN
	after func()
}

func (*releaseRecorder) Serve() bool { return false }
func (r *releaseRecorder) Release(to wal.LSN) bool {
	r.saw = append(r.saw, to)
	r.after()
	return false
}
func (*releaseRecorder) Close() {}

// limitRecorder is a poller that notes how long it was allowed to sleep.
type limitRecorder struct {
	limits []time.Duration
	stop   func()
}

func (p *limitRecorder) Poll(limit time.Duration) error {
	if p.limits = append(p.limits, limit); len(p.limits) == 4 {
		p.stop()
	}
	return nil
}
func (*limitRecorder) Wake() {}

// The log releases replies, and wakes the executor, while this is still awake: it must not sleep on them.
func TestReleaseWhileAwakeIsNotSleptOn(t *testing.T) {
	ks := kv.New(kv.Options{Databases: 1})
	defer ks.Close()
	poller := &limitRecorder{}
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: config.Defaults(), Poller: poller})
	log := &movingLog{}
	e.SetLog(log)
	poller.stop = e.Stop
	turns := 0
	transport := &releaseRecorder{after: func() {
		if turns++; turns == 2 {
			log.released.Store(77) // a sync ends just now
			e.Wake()
		}
	}}
	e.AddTransport(transport)
	e.Every(func() time.Duration { return time.Hour }, func() {})
	if err := e.Run(); err != nil {
		t.Fatal(err)
	}
	if len(poller.limits) != 4 || poller.limits[1] == 0 || poller.limits[2] != 0 || poller.limits[3] == 0 {
		t.Errorf("allowed to sleep %v: want the third poll, and only that, not to wait", poller.limits)
	}
	if n := len(transport.saw); n < 3 || transport.saw[1] != 0 || transport.saw[2] != 77 {
		t.Errorf("released %v", transport.saw)
	}
}

// I20: while the log takes nothing, the removal of a key could not be logged: expired keys are out of sight, no more.
func TestNothingExpiresWhileTheLogFails(t *testing.T) {
	b := newBench(t)
	failing := &failingLog{memoryLog: b.log}
	b.eng.SetLog(failing)
	b.want("SET k v PX 100", "+OK\r\n")
	b.stream()
	failing.err = errDisk
	b.now = b.now.Add(time.Second)
	b.turn()
	b.want("GET k", "$-1\r\n")
	b.eng.Keyspace().ExpireCycle(time.Second)
	if got := b.stream(); got != "" {
		t.Errorf("streamed to a failing log: %s", got)
	}
	failing.err = nil
	b.turn()
	b.want("GET k", "$-1\r\n")
	if got := b.stream(); !strings.HasSuffix(got, "DEL k") {
		t.Errorf("after the log had healed: %s", got)
	}
}

type failingLog struct {
	*memoryLog
	err error
}

func (l *failingLog) Err() error { return l.err }

const errDisk = engine.ReplyError("disk")

// A huge command goes into the stream as it is, whatever comes before and behind it in the turn.
func TestHugeCommandsAreStreamed(t *testing.T) {
	b := newBench(t)
	huge := strings.Repeat("x", 3<<20)
	var want []string
	for _, line := range []string{"SET a " + huge, "SET b 1", "SET c " + huge, "SET d 2", "", "SET e " + huge, "SET f 3", "", "SET g 4"} {
		if line == "" {
			b.turn()
			continue
		}
		b.want(line, "+OK\r\n")
		want = append(want, line)
	}
	if got := b.stream(); got != "SELECT 0; "+strings.Join(want, "; ") {
		t.Errorf("%d bytes are logged, not what was run", len(got))
	}
}
