package engine_test

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/kv"
	"frankenredis/wire"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// The executor wakes up soon although all background workers are busy: that is what GOMAXPROCS beyond the cores and the
// workers' niceness are for (see the package comment). The bound leaves room for a noisy machine; with GOMAXPROCS at the
// number of cores every wake-up takes 20 ms.
func TestWakeUpWithBusyWorkers(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	engine.SetThreads()
	defer runtime.GOMAXPROCS(before)
	r, err := wire.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	ks := kv.New(kv.Options{Databases: 1})
	defer ks.Close()
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: config.Defaults(), Poller: r})
	r.Bind(e)
	ended := make(chan error, 1)
	go func() { ended <- e.Run() }()

	const rounds = 300
	alone := wakeups(e, rounds)
	var stop atomic.Bool
	var workers []<-chan struct{}
	for range engine.BackgroundWorkers {
		workers = append(workers, engine.Background(func() {
			// The kernel's own measure: 20 less the niceness.
			if n, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid()); n != 1 || err != nil {
				t.Errorf("a worker's priority is %d, %v; want 1, which is niceness 19", n, err)
			}
			if attr, err := unix.SchedGetAttr(0, 0); err != nil || attr.Runtime != 0 && attr.Runtime > 100_000 {
				t.Errorf("a worker's time slice is %d ns, %v; want at most 100,000, or 0 of a kernel before 6.12", attr.Runtime, err)
			}
			for !stop.Load() { // the worst of workers: it never yields
			}
		}))
	}
	bound := 5*time.Millisecond + 4*alone[rounds/2] // others may keep the machine busy, too
	var late []time.Duration
	p50 := func() time.Duration { return late[rounds/2] }
	for range 5 { // or busier than before, though not for ever
		if late = wakeups(e, rounds); p50() <= bound {
			break
		}
	}
	stop.Store(true)
	for _, w := range workers {
		<-w
	}
	e.Stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Logf("wake-up with %d busy workers: p50 %v, p99 %v, worst %v", engine.BackgroundWorkers, p50(), late[rounds*99/100], late[rounds-1])
	if p50() > bound {
		t.Errorf("the executor typically wakes %v late", p50())
	}
}

// wakeups measures how late the executor wakes, so many times, and returns the times in their order.
func wakeups(e *engine.Engine, rounds int) []time.Duration {
	late := make([]time.Duration, rounds)
	for i := range late {
		time.Sleep(500 * time.Microsecond) // the executor is asleep by then
		woken := make(chan time.Duration, 1)
		asked := time.Now()
		e.Post(func() { woken <- time.Since(asked) })
		late[i] = <-woken
	}
	slices.Sort(late)
	return late
}
