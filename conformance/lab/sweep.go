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
	with  Config // Ring, Second and Covers count; a Ring goes with always only
	// scarred says that setUp damages a covered file, which a start in hardened mode repairs.
	scarred bool
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

func stopped(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	return l.stop()
}

func killed(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	l.die(-1)
	return nil
}

func switched(l *life) error {
	if err := l.eng.Switch(); err != nil {
		return err
	}
	return l.write(1)
}

func rewritten(l *life) error {
	if err := l.eng.Rewrite(l.data); err != nil {
		return err
	}
	return l.write(1)
}

// wound damages bytes of the base and of the increment, which are covered.
func wound(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	if err := rewritten(l); err != nil {
		return err
	}
	if err := l.stop(); err != nil {
		return err
	}
	for name, content := range l.disk.Tree() {
		if filepath.Dir(name) == logDir && isData(name) && content != "" {
			p := []byte(content)
			p[len(p)/2] ^= 0x20
			l.disk.Put(name, string(p))
		}
	}
	return nil
}

var (
	ring      = Config{Ring: true}
	twoRings  = Config{Ring: true, Second: true}
	withCover = Config{Covers: true}
)

var protocols = []protocol{
	{name: "first start", setUp: func(*life) error { return nil }, run: startOnly},
	{name: "append", setUp: begun, run: func(l *life) error { return l.write(1) }},
	{name: "group commit", setUp: begun, run: func(l *life) error { return l.write(5) }},
	{name: "seal and switch", setUp: begun, run: switched},
	{name: "rewrite", setUp: begun, run: rewritten},
	{name: "log begun anew", setUp: begun, run: func(l *life) error {
		if err := l.eng.(*real).Relog(l.data); err != nil {
			return err
		}
		return l.write(1)
	}},
	{name: "ring: first start", with: ring, setUp: func(*life) error { return nil }, run: startOnly},
	{name: "ring: group commit", with: ring, setUp: begun, run: func(l *life) error { return l.write(5) }},
	{name: "ring: wrap", with: ring, setUp: begun, run: func(l *life) error {
		for range 12 { // it has eight places
			if err := l.write(1); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "ring: seal and switch", with: ring, setUp: begun, run: switched},
	{name: "ring: rewrite", with: ring, setUp: begun, run: rewritten},
	{name: "ring: shutdown", with: ring, setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "ring: start after a kill", with: ring, setUp: killed, run: startOnly},
	{name: "second ring: the first fails", with: twoRings, setUp: begun, run: func(l *life) error {
		l.disk.Inject(crashfs.Fault{Op: crashfs.SyncData, Name: wal.RingName(logName), Err: syscall.EIO})
		for range 3 {
			if err := l.write(1); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "sidecars: append, switch, rewrite", with: withCover, setUp: begun, run: func(l *life) error {
		if err := switched(l); err != nil {
			return err
		}
		return rewritten(l)
	}},
	{name: "sidecars: shutdown", with: withCover, setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "sidecars: start after a kill", with: withCover, setUp: killed, run: startOnly},
	{name: "sidecars: repair", with: withCover, scarred: true, setUp: wound, run: startOnly},
	{name: "snapshot", setUp: begun, run: func(l *life) error { return l.save() }},
	{name: "snapshot over one", setUp: func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		if err := l.save(); err != nil {
			return err
		}
		return l.write(1)
	}, run: func(l *life) error { return l.save() }},
	{name: "shutdown", setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "start after a stop", setUp: stopped, run: startOnly},
	{name: "start after a power loss", setUp: func(l *life) error {
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
	}, run: startOnly},
	{name: "start after a kill", setUp: killed, run: startOnly},
	{name: "upgrade from a stock server", setUp: stock, run: func(l *life) error {
		if err := startOnly(l); err != nil {
			return err
		}
		return l.write(1)
	}},
	{name: "repair of a failed log", setUp: begun, run: func(l *life) error {
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

// sweep stops and fails the i-th protocol at every call with every fault; or, if every is more than 1, at each so many-th call with some
// of the faults.
func sweep(i, every int) SweepReport {
	p := protocols[i]
	report := SweepReport{Protocol: p.name}
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, policy := range []wal.Policy{wal.Always, wal.EverySec} {
		if p.with.Ring && policy != wal.Always {
			continue
		}
		for k, f := range sweepFaults {
			if every > 1 && (i+k+int(policy))%5 != 0 {
				continue
			}
			wg.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				for n := 1; ; n += every {
					hit, states, v := p.fail(policy, f, n)
					if !hit {
						return
					}
					mu.Lock()
					report.Calls++
					report.States += states
					if v != nil {
						v.Detail = fmt.Sprintf("%s, %v, %s at call %d: %s", p.name, policy, f.name, n, v.Detail)
						report.Violations = append(report.Violations, v)
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

// fail runs a protocol with a fault at the n-th call that it can hit; false: there are fewer.
func (p *protocol) fail(policy wal.Policy, f sweepFault, n int) (hit bool, states int, v *Violation) {
	c := p.with
	c.Policy, c.Hardened = policy, n%2 == 0 || p.scarred
	eng := &real{c: c}
	l := newLife(eng, rand.New(rand.NewPCG(7, uint64(policy))))
	j := &judge{engine: func() Engine { return NewReal(c) }, rng: rand.New(rand.NewPCG(uint64(n), 0x73)), scarred: p.scarred}
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
