package engine_test

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// lendingLog is a log whose commits are all left to the executor's thread where that can be.
type lendingLog struct {
	memoryLog // the executor's
	left      int
	released  atomic.Uint64
	waits     chan chan struct{} // takes what each finish waits for; nil: they do not wait
}

func (l *lendingLog) Commit(p []byte, db int) {
	l.memoryLog.Commit(p, db)
	l.released.Store(uint64(l.End()))
}

func (l *lendingLog) CommitIdle(p []byte, db int) func() {
	l.memoryLog.Commit(p, db)
	l.left++
	end := uint64(l.End())
	return func() {
		if l.waits != nil {
			gate := make(chan struct{})
			l.waits <- gate
			<-gate
		}
		l.released.Store(max(end, l.released.Load()))
	}
}

func (l *lendingLog) Released() wal.LSN { return wal.LSN(l.released.Load()) }

// lending is an executor over such a log that runs.
type lending struct {
	*bench
	log   *lendingLog
	ended chan error
	polls atomic.Int64
}

// countedPolls is a poller that counts.
type countedPolls struct {
	engine.Poller
	n *atomic.Int64
}

func (p countedPolls) Poll(limit time.Duration) error {
	p.n.Add(1)
	return p.Poller.Poll(limit)
}

func newLending(t *testing.T, waits chan chan struct{}) *lending {
	r, err := wire.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	ks := kv.New(kv.Options{Databases: 1})
	t.Cleanup(ks.Close)
	cfg := config.Defaults()
	if err := cfg.Set([]config.Pair{{Name: "appendfsync", Value: "always"}}, config.Access{}); err != nil {
		t.Fatal(err)
	}
	l := &lending{bench: &bench{t: t}, log: &lendingLog{waits: waits}, ended: make(chan error, 1)}
	l.eng = engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: cfg, Poller: countedPolls{r, &l.polls}})
	l.eng.SetLog(l.log)
	l.s = l.client()
	r.Bind(l.eng)
	return l
}

func (l *lending) run() { go func() { l.ended <- l.eng.Run() }() }

// ask runs f on the executor and returns its thread.
func (l *lending) ask(f func()) (tid int) {
	done := make(chan struct{})
	l.eng.Post(func() {
		f()
		tid = unix.Gettid()
		close(done)
	})
	<-done
	return tid
}

// untilLent writes until a commit is left to the executor's thread, and returns what that waits for.
func (l *lending) untilLent() (gate chan struct{}) { return l.untilLentAfter(func() {}) }

// untilLentAfter is untilLent; the executor calls f in the turn whose commit that is.
func (l *lending) untilLentAfter(f func()) (gate chan struct{}) {
	for i := 0; ; i++ {
		l.ask(func() {
			f()
			l.do(l.s, "SET k "+strconv.Itoa(i))
		})
		select {
		case gate = <-l.log.waits:
			return gate
		case <-time.After(time.Millisecond): // nobody stood by yet
		}
	}
}

// A wait that takes long is relieved wherever it comes among short ones, which do not set the alarm while somebody looks by itself.
func TestReliefAmongShortWaits(t *testing.T) {
	l := newLending(t, make(chan chan struct{}))
	var long atomic.Bool
	gates, ended := make(chan chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for gate := range l.log.waits {
			if long.CompareAndSwap(true, false) {
				gates <- gate
			} else {
				close(gate)
			}
		}
	}()
	l.run()
	set := func() { l.ask(func() { l.do(l.s, "SET k v") }) }
	for round := range 60 {
		for i := range rand.IntN(12) {
			set()
			if i%3 == 0 {
				time.Sleep(time.Duration(rand.Int64N(int64(2 * wal.FastCommit))))
			}
		}
		long.Store(true)
		var gate chan struct{}
		for gate == nil {
			set()
			select {
			case gate = <-gates:
			case <-time.After(time.Millisecond): // nobody stood by
			}
		}
		asked := make(chan struct{})
		go func() {
			l.ask(func() {})
			close(asked)
		}()
		select {
		case <-asked:
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: nobody took over", round)
		}
		close(gate)
	}
	if n := l.eng.Reliefs(); n < 60 {
		t.Errorf("%d reliefs of 60", n)
	}
	l.eng.Stop()
	if err := <-l.ended; err != nil {
		t.Error(err)
	}
	close(l.log.waits)
	<-ended
}

// Where the executor's thread waits for the device, another one goes on as the executor, and the first takes its turn again when that waits. What
// waits is not released, and nothing else is left to a thread that nobody could relieve.
func TestRelief(t *testing.T) {
	l := newLending(t, make(chan chan struct{}))
	l.run()
	first := l.ask(func() {})
	var second int
	for round := range 4 {
		gate := l.untilLent()
		var left int
		var end wal.LSN
		tid := l.ask(func() { left, end = l.log.left, l.log.End() })
		switch {
		case round == 0:
			second = tid
			fallthrough
		case round%2 == 0:
			if tid == first || tid != second {
				t.Fatalf("round %d: the executor is thread %d, first was %d, then %d", round, tid, first, second)
			}
		case tid != first:
			t.Fatalf("round %d: the executor is thread %d, not %d", round, tid, first)
		}
		if l.log.Released() >= end {
			t.Error("released while the commit waits")
		}
		l.ask(func() { l.do(l.s, "SET other v") })
		if l.ask(func() { left = l.log.left - left }); left != 0 {
			t.Error("a commit was left to the only thread there is")
		}
		close(gate)
	}
	if n := l.eng.Reliefs(); n != 4 {
		t.Errorf("%d reliefs", n)
	}
	l.eng.Stop()
	if err := <-l.ended; err != nil {
		t.Error(err)
	}
}

// Commits that do not wait long stay with the thread that has them.
func TestNoReliefForFastCommits(t *testing.T) {
	l := newLending(t, nil)
	l.run()
	first := l.ask(func() {})
	for i, left := 0, 0; left < 1000; i++ {
		l.ask(func() {
			l.do(l.s, "SET k "+strconv.Itoa(i))
			left = l.log.left
		})
	}
	if reliefs, tid := l.eng.Reliefs(), l.ask(func() {}); reliefs == 0 && tid != first || reliefs > 100 { // a busy machine may have one or two
		t.Errorf("%d reliefs, thread %d, first %d", reliefs, tid, first)
	}
	l.eng.Stop()
	if err := <-l.ended; err != nil {
		t.Error(err)
	}
}

// The executor ends on whatever thread it is: Run returns when both goroutines have ended, and not before.
func TestReliefEnds(t *testing.T) {
	for _, reliefs := range []int{1, 2} { // it ends on the second thread while the first waits, and the other way round
		l := newLending(t, make(chan chan struct{}))
		returned, ended := make(chan struct{}), make(chan struct{})
		l.eng.SetRelief(func(run func()) {
			defer close(returned)
			run()
		})
		l.eng.OnEnd(func() { close(ended) })
		l.run()
		gate := l.untilLent()
		if reliefs == 2 {
			l.ask(func() {})
			close(gate)
			gate = l.untilLent()
		}
		l.ask(func() { l.eng.Stop() })
		<-ended
		select {
		case err := <-l.ended:
			t.Fatalf("%d reliefs: Run returned while a thread waits: %v", reliefs, err)
		case <-time.After(20 * time.Millisecond):
		}
		close(gate)
		if err := <-l.ended; err != nil {
			t.Error(err)
		}
		select {
		case <-returned:
		default:
			t.Errorf("%d reliefs: Run returned before the second goroutine had", reliefs)
		}
		if n := l.eng.Reliefs(); n != int64(reliefs) {
			t.Errorf("%d reliefs, want %d", n, reliefs)
		}
	}
}

// releases is a transport that notes behind which poll replies were released last.
type releases struct {
	polls, last *atomic.Int64
}

func (releases) Serve() bool            { return false }
func (r releases) Release(wal.LSN) bool { r.last.Store(r.polls.Load()); return false }
func (releases) Close()                 {}

// Whoever takes over goes on within the turn: it polls only behind its end.
func TestReliefEndsTurn(t *testing.T) {
	l := newLending(t, make(chan chan struct{}))
	var last atomic.Int64
	l.eng.AddTransport(releases{&l.polls, &last})
	l.run()
	for round := range 3 {
		var poll int64
		gate := l.untilLentAfter(func() { poll = l.polls.Load() })
		for until := time.Now().Add(10 * time.Second); last.Load() != poll; runtime.Gosched() {
			if last.Load() > poll || time.Now().After(until) {
				t.Fatalf("round %d: the turn behind poll %d has not ended; poll %d is over", round, poll, last.Load())
			}
		}
		close(gate)
	}
	l.eng.Stop()
	if err := <-l.ended; err != nil {
		t.Error(err)
	}
}
