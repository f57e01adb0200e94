package lab

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Options of a campaign.
type Options struct {
	Seed    uint64 // of the first life; each further one has the next
	States  int    // crash states to look into, at least
	Lives   int    // or so many lives, if States is 0
	Workers int    // lives at a time; 0: as many as there are processors
	Keep    string // folder for the disks of violations; "": they are not kept
	Faults  bool   // some calls fail with errors on the way
	Covers  bool   // each life keeps sidecars, not only some
	// Engine makes the engine of a life; nil: ours.
	Engine func(c Config) Engine
	// Under, if set, makes what engines are given for a disk: a mutant.
	Under func(fs *crashfs.FS) disk.FS
	Early uint64 // added to what is taken for released: a mutant
	// Damage, if set, is done to each disk that a stop in order left, before the start that is looked at, and says what it did. A
	// start may then refuse; if it does not, everything must be there.
	Damage   func(fs *crashfs.FS, rng *rand.Rand) string
	Patience time.Duration // of engines: Config.Patience
	// Most is after how many violations a campaign gives up; 0: 5.
	Most int
	// Progress, if set, is called after each life, one call at a time, with what was found by then, and the first seed whose life is not over: a
	// campaign from there on goes on with this one.
	Progress func(r Report, next uint64)
}

// Report says what a campaign found.
type Report struct {
	Lives      int
	States     int // crash states looked into, none of them twice in a life
	Met        int // that were the same as one before, and needed only to be enough
	Units      int // written
	Violations []*Violation
}

// Run runs a campaign.
func Run(o Options) Report {
	if o.Engine == nil {
		o.Engine = NewReal
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Most == 0 {
		o.Most = 5
	}
	var r Report
	var mu sync.Mutex // over r, next and running
	next, running := o.Seed, make(map[uint64]bool)
	begin := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		lived := next - o.Seed
		if len(r.Violations) >= o.Most || o.States > 0 && r.States >= o.States || o.States == 0 && lived >= uint64(o.Lives) {
			return 0, false
		}
		seed, next = next, next+1
		running[seed] = true
		return seed, true
	}
	end := func(seed uint64, one Report) {
		mu.Lock()
		defer mu.Unlock()
		delete(running, seed)
		r.add(one)
		if o.Progress != nil {
			first := next
			for seed := range running {
				first = min(first, seed)
			}
			o.Progress(r, first)
		}
	}
	var wg sync.WaitGroup
	for range o.Workers {
		wg.Go(func() {
			for seed, ok := begin(); ok; seed, ok = begin() {
				end(seed, o.live(seed))
			}
		})
	}
	wg.Wait()
	return r
}

// add adds what another campaign found.
func (r *Report) add(other Report) {
	r.Lives, r.States, r.Met, r.Units = r.Lives+other.Lives, r.States+other.States, r.Met+other.Met, r.Units+other.Units
	r.Violations = append(r.Violations, other.Violations...)
}

// live lives one life and looks into its deaths until one breaks a promise.
func (o *Options) live(seed uint64) Report {
	rng := rand.New(rand.NewPCG(seed, 0x6c6966))
	c := Config{Policy: wal.Policy(seed % 3), Hardened: rng.IntN(2) == 0, Patience: o.Patience}
	if seed%5 == 0 {
		c.Policy = wal.Always
	}
	c.Ring = c.Policy == wal.Always && rng.IntN(2) == 0
	c.Second = c.Ring && rng.IntN(3) == 0
	c.Twins = c.Ring && seed%2 == 0
	c.Covers = (rng.IntN(3) == 0 || o.Covers) && o.Damage == nil
	c.Keyed = c.Covers && seed%4 == 1
	l := newLife(o.Engine(c), rng)
	l.under, l.early = o.Under, o.Early
	j := &judge{engine: func() Engine { return o.Engine(c) }, rng: rand.New(rand.NewPCG(seed, 0x6a)), again: 40, damage: o.Damage, keep: o.Keep}
	if o.Damage != nil {
		j.again = 0 // without its companion a log counts positions anew, under another id: those before cannot be compared
	}
	hook := rand.New(rand.NewPCG(seed, 0x686f6f6b)) // used under the disk's lock
	l.photograph(func(crashfs.Event) bool { return hook.IntN(8) == 0 })
	v := o.sessions(l, j)
	r := Report{Lives: 1, States: j.states, Met: j.met, Units: l.unitNo}
	if v != nil {
		v.Replay = o.replay(seed)
		r.Violations = []*Violation{v}
	}
	return r
}

// replay is the command that lives a life again.
func (o *Options) replay(seed uint64) string {
	faults := ""
	if o.Faults {
		faults = "LAB_FAULTS=1 "
	}
	return fmt.Sprintf("LAB_SEED=%d %sgo test ./conformance/lab -run TestReplay -v", seed, faults)
}

// sessions are the servers of a life, one after the other, and what is made of their deaths.
func (o *Options) sessions(l *life, j *judge) *Violation {
	rng := l.rng
	for session := range 1 + rng.IntN(3) {
		least := 0
		if session > 0 {
			least = l.units(l.floor.Durable)
			if !l.dropped {
				least = l.units(max(l.floor.Durable, l.floor.Found, l.floor.Released))
			}
		}
		n, err := l.start()
		if err != nil && !o.Faults {
			return &Violation{Promise: "I12", Detail: fmt.Sprintf("session %d does not start: %v", session, err)}
		}
		if err == nil && n < least {
			return &Violation{Promise: "I3", Detail: fmt.Sprintf("session %d starts with %d units of at least %d", session, n, least)}
		}
		if err == nil {
			err = l.session(o.Faults)
		}
		if err != nil && !o.Faults {
			return &Violation{Promise: "I12", Detail: fmt.Sprintf("session %d: %v", session, err)}
		}
		end := rng.IntN(3)
		l.disk.Heal()
		switch {
		case err != nil || end == 0:
			end = rng.IntN(8) - 4
			l.die(max(end, -1))
		default:
			if err := l.stop(); err != nil && !o.Faults {
				return &Violation{Promise: "I12", Detail: fmt.Sprintf("session %d does not stop: %v", session, err)}
			}
			if v := l.tidy(); v != nil {
				return v
			}
			l.final()
			l.shots[len(l.shots)-1].stopped = true
		}
		for _, s := range l.take() {
			if o.Damage != nil && !s.stopped {
				continue
			}
			for _, seed := range []int{-1, 0, 1, 2 + rng.IntN(1<<20)} {
				if v := j.look(l, s, seed); v != nil {
					return v
				}
			}
		}
	}
	return nil
}

// damageStopped damages up to 64 KiB of one file of a server that was stopped in order: a bit, a sector, or random bytes.
func damageStopped(fs *crashfs.FS, rng *rand.Rand) string {
	tree := fs.Tree()
	names := slices.Sorted(maps.Keys(tree))
	names = slices.DeleteFunc(names, func(name string) bool {
		return tree[name] == "" || filepath.Base(name) == dumpRDB || strings.Contains(name, "lock")
	})
	if len(names) == 0 {
		return "nothing damaged"
	}
	name := names[rng.IntN(len(names))]
	p := []byte(tree[name])
	at := rng.IntN(len(p))
	n := 1
	switch rng.IntN(3) {
	case 0:
		p[at] ^= 1 << rng.IntN(8)
	case 1:
		n = min(512, len(p)-at)
		clear(p[at : at+n])
	default:
		n = min(1+rng.IntN(65536), len(p)-at)
		for i := at; i < at+n; i++ {
			p[i] = byte(rng.Uint32())
		}
	}
	fs.Put(name, string(p))
	return fmt.Sprintf("%d bytes at %d of %s damaged", n, at, name)
}

// session is what one server does between its start and its end.
func (l *life) session(faults bool) error {
	for range 4 + l.rng.IntN(16) {
		if faults && l.rng.IntN(5) == 0 {
			after := crashfs.AfterSync(l.rng.IntN(4))
			l.mu.Lock()
			l.dropped = l.dropped || after == crashfs.Drop
			l.mu.Unlock()
			l.disk.Inject(l.fault(after))
		}
		var err error
		switch k := l.rng.IntN(20); {
		case k < 12:
			err = l.write(1)
		case k < 14:
			err = l.write(2 + l.rng.IntN(7))
		case k < 15:
			if eng, ok := l.eng.(*real); ok {
				err = l.relog(eng)
			}
		case k < 17:
			err = l.tolerate(faults, l.eng.Rewrite(l.data))
		case k < 18:
			err = l.tolerate(faults, l.eng.Switch())
		case k < 19:
			err = l.tolerate(faults, l.save())
		default:
			err = l.commit(l.unit()) // nobody waits for it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// relog ends the log and begins another, mostly while clients go on; now and then it gives that up first, and what was held with it.
func (l *life) relog(eng *real) error {
	how := l.rng.IntN(6)
	if how == 0 {
		return eng.Relog(l.data)
	}
	if how == 1 {
		if err := eng.log.Close(true); err != nil {
			return err
		}
		if err := eng.beginHeld(l.data, givenUp, eng.holdNowhere); err == nil {
			return errors.New("the log was not given up")
		}
		return eng.begin(l.data, nil)
	}
	return eng.RelogHeld(l.data, nil, func() error {
		for range l.rng.IntN(6) {
			if err := l.commit(l.unit()); err != nil {
				return err
			}
		}
		return nil
	})
}

// fault is one of any operation soon, or of one that gives or takes a name, or a disk that is full for a while.
func (l *life) fault(after crashfs.AfterSync) crashfs.Fault {
	if l.rng.IntN(8) == 0 {
		return crashfs.Fault{Op: crashfs.Write, Nth: 1 + l.rng.IntN(6), Times: 2 + l.rng.IntN(30), Err: syscall.ENOSPC, Short: l.rng.IntN(100)}
	}
	f := crashfs.Fault{Op: crashfs.Changing, Nth: 1 + l.rng.IntN(12), Err: syscall.EIO, Short: l.rng.IntN(100), After: after}
	if l.rng.IntN(2) == 0 {
		f.Op = []crashfs.Op{crashfs.Create, crashfs.Rename, crashfs.Remove, crashfs.Sync, crashfs.SyncDir}[l.rng.IntN(5)]
		f.Nth = 1 + l.rng.IntN(4)
	}
	return f
}

// tolerate forgives what may fail as long as the data is safe: a rewrite, a save.
func (l *life) tolerate(faults bool, err error) error {
	if faults {
		return nil
	}
	return err
}
