package lab

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// protocol is something that a server does with the disk, stopped or failed at each of its calls in turn.
type protocol struct {
	name  string
	setUp func(l *life) error
	run   func(l *life) error
}

// begun is a server with something in its log.
func begun(l *life) error {
	if _, err := l.start(); err != nil {
		return err
	}
	for range 3 {
		if err := l.write(1); err != nil {
			return err
		}
	}
	return nil
}

func startOnly(l *life) error { _, err := l.start(); return err }

var protocols = []protocol{
	{"first start", func(*life) error { return nil }, startOnly},
	{"append", begun, func(l *life) error { return l.write(1) }},
	{"group commit", begun, func(l *life) error { return l.write(5) }},
	{"seal and switch", begun, func(l *life) error {
		if err := l.eng.Switch(); err != nil {
			return err
		}
		return l.write(1)
	}},
	{"rewrite", begun, func(l *life) error {
		if err := l.eng.Rewrite(l.data); err != nil {
			return err
		}
		return l.write(1)
	}},
	{"snapshot", begun, func(l *life) error { return l.save() }},
	{"snapshot over one", func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		if err := l.save(); err != nil {
			return err
		}
		return l.write(1)
	}, func(l *life) error { return l.save() }},
	{"shutdown", begun, func(l *life) error { return l.stop() }},
	{"start after a stop", func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		return l.stop()
	}, startOnly},
	{"start after a power loss", func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		if err := l.write(4); err != nil {
			return err
		}
		if err := l.commit(l.unit()); err != nil {
			return err
		}
		l.die(5)
		return nil
	}, startOnly},
	{"start after a kill", func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		l.die(-1)
		return nil
	}, startOnly},
	{"upgrade from a stock server", stock, func(l *life) error {
		if err := startOnly(l); err != nil {
			return err
		}
		return l.write(1)
	}},
	{"repair of a failed log", begun, func(l *life) error {
		l.disk.Inject(crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO}, crashfs.Fault{Op: crashfs.Write, Err: syscall.ENOSPC, Short: 9})
		for range 2 {
			if err := l.write(1); err != nil {
				return err
			}
		}
		return nil
	}},
}

// stock leaves the files of a stock server: a log without anything of ours.
func stock(l *life) error {
	var text []byte
	d := newData()
	_ = d.apply(0, "SET", "a", "stock")
	text = appendCommand(appendCommand(text, "SELECT", "0"), "SET", "a", "stock")
	l.disk.Put(filepath.Join(logDir, wal.ManifestName(logName)), "file "+wal.IncrName(logName, 1)+" seq 1 type i\n")
	l.disk.Put(filepath.Join(logDir, wal.IncrName(logName, 1)), string(text))
	l.ever[d.sum] = len(l.ever)
	l.begin(d, []uint64{d.sum}, []uint64{0})
	return nil
}

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

// Sweep stops and fails each protocol at every call with every fault; or, if every is more than 1, at each so many-th call with some
// of the faults.
func Sweep(every int) []SweepReport {
	reports := make([]SweepReport, len(protocols))
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, p := range protocols {
		reports[i].Protocol = p.name
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			for _, policy := range []wal.Policy{wal.Always, wal.EverySec} {
				for k, f := range sweepFaults {
					if every > 1 && (i+k+int(policy))%5 != 0 {
						continue
					}
					for n := 1; ; n += every {
						hit, states, v := p.fail(policy, f, n)
						if !hit {
							break
						}
						reports[i].Calls++
						reports[i].States += states
						if v != nil {
							v.Detail = fmt.Sprintf("%s, %v, %s at call %d: %s", p.name, policy, f.name, n, v.Detail)
							reports[i].Violations = append(reports[i].Violations, v)
							break
						}
					}
				}
			}
		})
	}
	wg.Wait()
	return reports
}

// fail runs a protocol with a fault at the n-th call that it can hit; false: there are fewer.
func (p *protocol) fail(policy wal.Policy, f sweepFault, n int) (hit bool, states int, v *Violation) {
	c := Config{Policy: policy, Hardened: n%2 == 0}
	if f.fault.Times < 0 {
		c.Patience = 20 * time.Millisecond // there is nothing to wait for
	}
	l := newLife(NewReal(c), rand.New(rand.NewPCG(7, uint64(policy))))
	j := &judge{engine: func() Engine { return NewReal(Config{Policy: c.Policy, Hardened: c.Hardened}) }, rng: rand.New(rand.NewPCG(uint64(n), 0x73))}
	l.photograph(func(crashfs.Event) bool { return false })
	if err := p.setUp(l); err != nil {
		return true, 0, &Violation{Promise: "I12", Detail: "set up: " + err.Error()}
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
	if f.fault.Err != nil {
		fault := f.fault
		fault.Nth = n
		l.mu.Lock()
		l.dropped = fault.After == crashfs.Drop
		l.mu.Unlock()
		l.disk.Trace()
		l.disk.Inject(fault)
	}
	running := l.live != nil
	err := p.run(l)
	l.disk.Heal()
	mu.Lock()
	hit = calls >= n
	mu.Unlock()
	if !hit && f.fault.Op == crashfs.Any {
		for _, e := range l.disk.Trace() {
			hit = hit || e.Err != nil
		}
	}
	if err == nil && l.live != nil && f.fault.Times >= 0 {
		err = l.write(1) // it goes on
	}
	l.final()
	if l.live != nil {
		_ = l.stop()
		l.final()
	}
	if err != nil && f.fault.Err == nil {
		return true, 0, &Violation{Promise: "I12", Detail: fmt.Sprintf("it fails by itself (running %t): %v", running, err)}
	}
	if !hit {
		return false, 0, nil
	}
	for _, s := range l.take() {
		for _, seed := range []int{-1, 0, 1, 2 + j.rng.IntN(1<<20)} {
			if v := j.look(l, s, seed); v != nil {
				return true, j.states, v
			}
		}
	}
	return true, j.states, nil
}
