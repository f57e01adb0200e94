package lab

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/recovery/ledger"
	"frankenredis/wal/disk"
)

const ledgerDir = dataDir + "/ledger"

// ledgerLife is what happens to a ledger of evidence: records come in bursts that fill segments, until old ones are dropped.
type ledgerLife struct {
	under func(*crashfs.FS) disk.FS
	rng   *rand.Rand
	// patience is how long a ledger may not get on before it counts as stuck.
	patience patience

	mu    sync.Mutex
	disk  *crashfs.FS
	live  *ledger.Ledger // promises are read from it; nil between writers
	floor uint64         // so many records were durable when the last one ended
	shots []ledgerShot
}

// ledgerShot is the disk before an operation, when so many records were durable.
type ledgerShot struct {
	before  crashfs.Event
	disk    *crashfs.FS
	records uint64
}

// runLedgers lives so many lives of ledgers with random deaths.
func runLedgers(o Options) (r Report) {
	for seed := o.Seed; seed < o.Seed+uint64(o.Lives) && len(r.Violations) == 0; seed++ {
		states, v := o.liveLedger(seed)
		r.Lives, r.States = r.Lives+1, r.States+states
		if v != nil {
			v.Replay = fmt.Sprintf("LAB_SEED=%d LAB_LIVES=1 go test ./conformance/lab -run TestLedger -v", seed)
			r.Violations = append(r.Violations, v)
		}
	}
	return r
}

func (l *ledgerLife) start(fs *crashfs.FS) *ledger.Ledger {
	var over disk.FS = fs
	if l.under != nil {
		over = l.under(fs)
	}
	return ledger.Start(ledger.Options{FS: over, Dir: ledgerDir, Mode: "strict", LimitBytes: 1, Retry: time.Millisecond})
}

// burst records some entries, large ones, and waits until they are durable; false: that takes too long.
func (l *ledgerLife) burst(b *ledger.Ledger) bool {
	for range 1 + l.rng.IntN(60) {
		b.Record(ledger.Entry{Rule: ledger.Corrupt, Decision: ledger.Note, Artifact: strings.Repeat("a", 1+l.rng.IntN(1000)), Detail: strings.Repeat("d", 1000),
			Replay: strings.Repeat("r", 1000)})
	}
	for left := l.patience; b.Stats().Waiting > 0; {
		began := time.Now()
		time.Sleep(100 * time.Microsecond)
		if !left.spend(began) && b.Stats().Waiting > 0 {
			return false
		}
	}
	return true
}

func (o *Options) liveLedger(seed uint64) (states int, v *Violation) {
	l := &ledgerLife{under: o.Under, rng: rand.New(rand.NewPCG(seed, 0x6c6564)), patience: patience(cmp.Or(o.Patience, defaultPatience)), disk: crashfs.New()}
	_ = l.disk.MkdirAll(dataDir)
	_ = l.disk.SyncDir("/")
	hook := rand.New(rand.NewPCG(seed, 0x68)) // used under the disk's lock
	l.disk.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op.Changes() && hook.IntN(8) == 0 {
			l.mu.Lock()
			defer l.mu.Unlock()
			records := l.floor
			if l.live != nil {
				records = max(records, l.live.Stats().Records)
			}
			l.shots = append(l.shots, ledgerShot{e, freeze(), records})
		}
	})
	for range 1 + l.rng.IntN(3) {
		b := l.start(l.disk)
		l.mu.Lock()
		l.live = b
		l.mu.Unlock()
		for range 1 + l.rng.IntN(12) {
			if o.Faults && l.rng.IntN(4) == 0 {
				l.disk.Inject(crashfs.Fault{Op: crashfs.Changing, Nth: 1 + l.rng.IntN(6), Err: syscall.EIO, Short: l.rng.IntN(300), After: crashfs.AfterSync(l.rng.IntN(4))})
			}
			if !l.burst(b) {
				return states, &Violation{Promise: "I12", Detail: fmt.Sprintf("the ledger does not get on: %v", b.Close())}
			}
		}
		l.disk.Heal()
		if err := b.Close(); err != nil && !o.Faults {
			return states, &Violation{Promise: "I12", Detail: fmt.Sprintf("the ledger does not close: %v", err)}
		}
		l.mu.Lock()
		l.live, l.floor = nil, max(l.floor, b.Stats().Records)
		l.mu.Unlock()
	}
	l.mu.Lock()
	shots := l.shots
	l.mu.Unlock()
	for _, s := range shots {
		for _, death := range []int{-1, 0, 2 + l.rng.IntN(1<<20)} {
			states++
			if v := l.look(s, death); v != nil {
				v.Before = fmt.Sprintf("%d (%v)", s.before.N, s.before)
				return states, v
			}
		}
	}
	return states, nil
}

// look has the disk die and sees what is left: the chain holds but for a torn end, with every record that was durable, and the next writer
// goes on behind it and leaves nothing torn, missing or lying about.
func (l *ledgerLife) look(s ledgerShot, seed int) *Violation {
	broken := func(promise, format string, args ...any) *Violation {
		return &Violation{Promise: promise, Detail: fmt.Sprintf(format, args...), Death: death(seed)}
	}
	fallen := s.disk.Kill()
	if seed >= 0 {
		fallen = s.disk.Crash(uint64(seed))
	}
	r, err := ledger.Walk(fallen, ledgerDir, nil)
	switch {
	case err != nil:
		return broken("I12", "the ledger cannot be read: %v", err)
	case !r.Sound():
		return broken("I12", "the ledger's chain is broken: %v", r.Damages[0])
	case r.Last < s.records:
		return broken("I8", "the ledger has %d records, %d were durable", r.Last, s.records)
	}
	b := l.start(fallen)
	b.Record(ledger.Entry{Rule: ledger.Corrupt, Decision: ledger.Note, Artifact: "after"})
	if err := b.Close(); err != nil {
		return broken("I12", "the ledger does not go on: %v", err)
	}
	after := fallen.Crash(uint64(s.before.N))
	next, err := ledger.Walk(after, ledgerDir, nil)
	if err != nil || len(next.Damages) > 0 || next.Last <= r.Last {
		return broken("I18", "after the next writer: %+v, %v", next, err)
	}
	names, err := after.List(ledgerDir)
	if err != nil || len(names) > next.Segments+2 || next.Segments > 8 {
		return broken("clean", "%d segments, and in the folder: %s %v", next.Segments, strings.Join(names, ", "), err)
	}
	return nil
}
