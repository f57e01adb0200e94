package lab

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// sweepFault is how calls fail, one or all from there.
type sweepFault struct {
	name  string
	fault crashfs.Fault
}

var sweepFaults = []sweepFault{
	{"stop", crashfs.Fault{Op: crashfs.Changing}}, // fails nothing: the world ends there
	{"EIO", crashfs.Fault{Op: crashfs.Any, Err: syscall.EIO}},
	{"ENOSPC", crashfs.Fault{Op: crashfs.Changing, Err: syscall.ENOSPC, Times: 3}},
	{"short write", crashfs.Fault{Op: crashfs.Write, Err: syscall.EIO, Short: 7}},
	{"read-only from there", crashfs.Fault{Op: crashfs.Changing, Err: syscall.EROFS, Times: -1}},
	{"fsync, kept dirty", crashfs.Fault{Op: crashfs.Sync, Err: syscall.EIO, After: crashfs.KeepDirty}},
	{"fsync, dropped", crashfs.Fault{Op: crashfs.Sync, Err: syscall.EIO, After: crashfs.Drop}},
	{"fsync, partial", crashfs.Fault{Op: crashfs.Sync, Err: syscall.EIO, After: crashfs.Partial}},
	{"fdatasync, kept dirty", crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.KeepDirty}},
	{"fdatasync, marked clean", crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.MarkClean}},
	{"fdatasync, dropped", crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.Drop}},
	{"fdatasync, partial", crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.Partial}},
}

// SweepReport says what a sweep went through.
type SweepReport struct {
	Protocol   string
	Calls      int // at which it was stopped or failed, over all faults and policies
	States     int
	Violations []*Violation
}

// sweeper stops and fails protocols at their calls.
type sweeper struct {
	every int                       // 1: at every call with every fault; more: at each so many-th with some of the faults
	under func(*crashfs.FS) disk.FS // what engines are given for a disk; nil: the disk itself
	one   bool                      // the first violation ends it
	blind bool                      // nothing is looked into but what is left lying about
	stops bool                      // they are stopped only, never failed
	more  int                       // so many power losses more at each call
}

// sweep goes through the i-th protocol.
func (w *sweeper) sweep(i int) SweepReport {
	p := protocols[i]
	report := SweepReport{Protocol: p.name}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var over atomic.Bool
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, policy := range []wal.Policy{wal.Always, wal.EverySec} {
		if p.with.Ring && policy != wal.Always {
			continue
		}
		for k, f := range sweepFaults {
			if w.stops && f.fault.Err != nil {
				continue
			}
			if w.every > 1 && (i+k+int(policy))%5 != 0 && p.deaths == nil || p.deaths != nil && f.fault.Err != nil {
				continue
			}
			wg.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				for n := 1; !over.Load(); n += w.every {
					hit, states, v := w.fail(&p, policy, f, n)
					if !hit && v == nil {
						return
					}
					mu.Lock()
					report.Calls++
					report.States += states
					if v != nil {
						v.Detail = callAt{p.name, policy.String(), f.name, n}.String() + ": " + v.Detail
						report.Violations = append(report.Violations, v)
						over.Store(w.one)
					}
					mu.Unlock()
					if v != nil {
						return
					}
				}
			})
		}
	}
	wg.Wait()
	return report
}

// callAt is a call of a protocol under a policy at which it is stopped or failed.
type callAt struct {
	protocol, policy, fault string
	n                       int
}

func (c callAt) String() string {
	return fmt.Sprintf("%s, %s, %s at call %d", c.protocol, c.policy, c.fault, c.n)
}

// fail runs a protocol with a fault at the n-th call that it can hit; false: there are fewer.
func (w *sweeper) fail(p *protocol, policy wal.Policy, f sweepFault, n int) (hit bool, states int, v *Violation) {
	c := p.with
	c.Policy, c.Hardened = policy, n%2 == 0 || p.scarred
	if w.under != nil {
		c.Patience = 2 * time.Second // a mutant may be stuck for good
	}
	eng := &real{c: c}
	l := newLife(eng, rand.New(rand.NewPCG(7, uint64(policy))))
	l.under = w.under
	later := c
	later.Plain = false
	j := &judge{engine: func() Engine { return NewReal(later) }, rng: rand.New(rand.NewPCG(uint64(n), 0x73)), scarred: p.scarred}
	l.photograph(func(crashfs.Event) bool { return false })
	if err := p.setUp(l); err != nil {
		return true, 0, &Violation{Promise: "I12", Detail: "set up: " + err.Error()}
	}
	if f.fault.Times < 0 {
		eng.c.Patience = 20 * time.Millisecond // there is nothing to wait for
	}
	var mu sync.Mutex
	calls, after := 0, 0
	l.photograph(func(e crashfs.Event) bool {
		mu.Lock()
		defer mu.Unlock()
		if f.fault.Op == crashfs.Changing || f.fault.Op == e.Op || f.fault.Op == crashfs.Any {
			calls++
		}
		if calls < n {
			return false
		}
		after++
		return after <= 3 // the call itself, and what is done about it
	})
	before := 0
	if f.fault.Err != nil {
		fault := f.fault
		fault.Nth = n
		l.mu.Lock()
		l.dropped = fault.After == crashfs.Drop
		l.mu.Unlock()
		l.disk.Trace()
		before = l.disk.Ops()
		l.disk.Inject(fault)
	}
	running := l.live != nil
	err := p.run(l)
	l.disk.Heal()
	mu.Lock()
	hit = calls >= n
	mu.Unlock()
	if !hit && f.fault.Op == crashfs.Any {
		hit = l.disk.Ops()-before >= n // reads too
	}
	if err == nil && l.live != nil && f.fault.Times >= 0 {
		err = l.write(1) // it goes on
	}
	l.final()
	if l.live != nil {
		if serr := l.stop(); serr == nil && f.fault.Times >= 0 {
			v = l.tidy()
		}
		l.final()
	} else if f.fault.Times >= 0 {
		v = l.tidyRepair()
	}
	if v != nil {
		return true, 0, v
	}
	if err != nil && f.fault.Err == nil {
		return true, 0, &Violation{Promise: "I12", Detail: fmt.Sprintf("it fails by itself (running %t): %v", running, err)}
	}
	if !hit {
		return false, 0, nil
	}
	if w.blind {
		return true, 0, nil
	}
	for _, s := range l.take() {
		seeds := []int{-1, 0, 1, 2 + j.rng.IntN(1<<20)}
		for range w.more {
			seeds = append(seeds, 2+j.rng.IntN(1<<20))
		}
		for _, seed := range seeds {
			if p.deaths != nil && !slices.Contains(p.deaths, seed) {
				continue
			}
			if v := j.look(l, s, seed); v != nil {
				return true, j.states, v
			}
		}
	}
	return true, j.states, nil
}
