package lab

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"frankenredis/conformance/crashfs"
	"frankenredis/recovery"
	"frankenredis/wal"
)

// DamageOptions of a campaign of damage: lives under always, in hardened mode, with sidecars for which replies wait. At each death one block of
// one file is spoilt as well.
type DamageOptions struct {
	Seed    uint64 // of the first life; each further one has the next
	States  int    // deaths with damage to look into, at least
	Workers int    // lives at a time; 0: as many as there are processors
	Keep    string // folder for the disks of violations; "": they are not kept
	Bare    bool   // no sidecars are kept: what is lost then shows that the campaign can see it
	Most    int    // after how many violations the campaign gives up; 0: 5
}

// DamageReport says what a campaign of damage found.
type DamageReport struct {
	Lives   int
	States  int            // deaths with damage looked into
	Files   map[string]int // how often a file of each kind was damaged
	Again   int            // starts over damage that were cut short, and looked into
	Refused int            // starts that were refused, with all that was acknowledged there to be salvaged
	// Commands is how many starts in strict mode were refused and named the command that brings everything back.
	Commands int

	Violations []*Violation
}

// blockSize is the largest block that is spoilt, and damageRing the size of the ring. Between the two copies of a frame lies half of that, less the
// frame, which is more than a block: none reaches both. (A server's ring has halves of 2 MiB at least, and frames of little more than 1 MiB at most.)
const (
	blockSize  = 64 << 10
	damageRing = 1 << 20
)

// RunDamage runs a campaign of damage.
func RunDamage(o DamageOptions) DamageReport {
	o.Workers, o.Most = cmp.Or(o.Workers, runtime.GOMAXPROCS(0)), cmp.Or(o.Most, 5)
	r := DamageReport{Files: map[string]int{}}
	var mu sync.Mutex
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range o.Workers {
		wg.Go(func() {
			for {
				seed := o.Seed + next.Add(1) - 1
				mu.Lock()
				done := len(r.Violations) >= o.Most || r.States >= o.States
				mu.Unlock()
				if done {
					return
				}
				one := o.live(seed)
				mu.Lock()
				r.Lives, r.States, r.Refused = r.Lives+1, r.States+one.States, r.Refused+one.Refused
				r.Commands, r.Again = r.Commands+one.Commands, r.Again+one.Again
				for kind, n := range one.Files {
					r.Files[kind] += n
				}
				r.Violations = append(r.Violations, one.Violations...)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return r
}

// live lives one life, and looks into its deaths until one breaks a promise.
func (o *DamageOptions) live(seed uint64) DamageReport {
	rng := rand.New(rand.NewPCG(seed, 0x646d67))
	r := DamageReport{Files: map[string]int{}}
	c := Config{Policy: wal.Always, Hardened: true, Covers: !o.Bare, Await: !o.Bare, Ledger: true, Ring: true, RingSize: damageRing}
	c.Second = c.Ring && rng.IntN(3) == 0
	l := newLife(NewReal(c), rng)
	hook := rand.New(rand.NewPCG(seed, 0x686f6f6b)) // used under the disk's lock
	l.photograph(func(crashfs.Event) bool { return hook.IntN(40) == 0 })
	broken := func(v *Violation) DamageReport {
		v.Replay = fmt.Sprintf("LAB_SEED=%d LAB_STATES=1 go test ./conformance/lab -run TestI1Damage -v", seed)
		r.Violations = append(r.Violations, v)
		return r
	}
	large := rng.IntN(2) == 0 // files of many stripes' rows, too
	for session := range 1 + rng.IntN(3) {
		least := l.units(max(l.floor.Durable, l.floor.Found, l.floor.Released))
		n, err := l.start()
		if err == nil && n < least {
			err = fmt.Errorf("%d units are there, %d were promised", n, least)
		}
		if err == nil && large {
			err = l.fill(4 + rng.IntN(12))
		}
		if err == nil {
			err = l.session(false)
		}
		if err != nil {
			return broken(&Violation{Promise: "I12", Detail: fmt.Sprintf("session %d, without damage: %v", session, err)})
		}
		if rng.IntN(2) == 0 {
			l.die(rng.IntN(8) - 1)
		} else {
			if err := l.stop(); err != nil {
				return broken(&Violation{Promise: "I12", Detail: fmt.Sprintf("session %d does not stop: %v", session, err)})
			}
			l.final()
		}
		for _, s := range l.take() {
			if v := o.look(l, s, rng, &r); v != nil {
				return broken(v)
			}
		}
	}
	return r
}

// fill writes some large values, one by one.
func (l *life) fill(values int) error {
	for range values {
		l.unitNo++
		key := keyNames[l.rng.IntN(len(keyNames))]
		value := strings.Repeat(l.value(), 1)
		for len(value) < 48<<10 {
			value += l.value() + "."
		}
		if err := l.commit(unit{cmds: [][]string{{"SET", key, value}}}); err != nil {
			return err
		}
		if err := l.eng.Settle(); err != nil {
			return err
		}
	}
	return nil
}

// look has the disk of s die, spoils a block, and sees what a start makes of it: everything acknowledged is there (I1), in a state that was
// (I3); it goes on from there, and what was repaired stays so (I17, I18). A start may refuse only while something durable was not acknowledged
// yet, because one file alone has it: then all that was acknowledged can be salvaged.
func (o *DamageOptions) look(l *life, s shot, rng *rand.Rand, r *DamageReport) *Violation {
	seed := max(rng.IntN(1<<20)-1<<18, -1) // a quarter of the deaths are kills
	fallen := s.fall(seed)
	kind, did := spoil(fallen, rng)
	r.States++
	r.Files[kind]++
	image := fallen.Clone()
	v := o.lookAt(l, s, seed, fallen, rng, r)
	if v == nil && !o.Bare {
		v = o.lookStrictly(l, s, seed, image.Clone(), r)
	}
	if v != nil {
		v.Before, v.Death = fmt.Sprintf("%d (%v)", s.before.N, s.before), death(seed)+", "+did
		if o.Keep != "" {
			v.Image = keepDisk(image, o.Keep)
		}
	}
	return v
}

func (o *DamageOptions) lookAt(l *life, s shot, seed int, fallen *crashfs.FS, rng *rand.Rand, r *DamageReport) *Violation {
	broken := func(promise, format string, args ...any) *Violation {
		return &Violation{Promise: promise, Detail: fmt.Sprintf(format, args...)}
	}
	need := l.units(s.promise.Released)
	next := &life{eng: NewReal(l.eng.(*real).c), disk: fallen, boot: s.boot, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), ever: cloneEver(l.ever), unitNo: len(l.ever)}
	if seed >= 0 {
		next.boot += "'"
	}
	next.begin(nil, l.history, l.ends)
	image := fallen.Clone()
	hook := rand.New(rand.NewPCG(rng.Uint64(), 0)) // used under the disk's lock
	var started atomic.Bool
	next.photograph(func(crashfs.Event) bool { return !started.Load() && hook.IntN(6) == 0 })
	n, err := next.start()
	started.Store(true)
	starting := next.take()
	if len(starting) > 0 {
		if v := o.lookAgain(l, starting[rng.IntN(len(starting))], rng.IntN(12)-1, need, r); v != nil {
			if err == nil {
				_ = next.eng.Stop()
			}
			return v
		}
	}
	if err != nil {
		return o.lookAtRefusal(l, image, next.boot, need, err, r)
	}
	switch {
	case n < 0:
		_ = next.eng.Stop()
		return broken("I3", "%d keys that never were the data set", len(next.data.keys))
	case n < need:
		_ = next.eng.Stop()
		return broken("I1", "%d units are there, %d were acknowledged", n, need)
	}
	if err := next.write(1 + rng.IntN(2)); err != nil {
		_ = next.eng.Stop()
		return broken("I12", "cannot go on: %v", err)
	}
	if err := next.stop(); err != nil {
		return broken("I12", "does not stop: %v", err)
	}
	last := &life{eng: NewReal(l.eng.(*real).c), disk: next.disk.Crash(rng.Uint64()), boot: next.boot + "'", rng: next.rng, ever: next.ever}
	last.begin(nil, next.history, next.ends)
	n, err = last.start()
	if err != nil {
		return broken("I18", "the directory does not start again: %v", err)
	}
	if err := last.stop(); err != nil {
		return broken("I18", "does not stop again: %v", err)
	}
	if n != len(next.history)-1 {
		return broken("I18", "%d units are there after a stop in order, and there were %d", n, len(next.history)-1)
	}
	return nil
}

// lookAgain has a start over damage die at s, and starts once more: that start, too, has everything acknowledged (I1), in a state that was (I3).
func (o *DamageOptions) lookAgain(l *life, s shot, seed, need int, r *DamageReport) *Violation {
	r.Again++
	second := &life{eng: NewReal(l.eng.(*real).c), disk: s.fall(seed), boot: s.boot, rng: l.rng, ever: l.ever}
	if seed >= 0 {
		second.boot += "'"
	}
	second.begin(nil, l.history, l.ends)
	image := second.disk.Clone()
	then := fmt.Sprintf("%s before %d (%v) of the start after it", death(seed), s.before.N, s.before)
	n, err := second.start()
	if err != nil {
		v := o.lookAtRefusal(l, image, second.boot, need, err, r)
		if v != nil {
			v.Then = then
		}
		return v
	}
	if err := second.stop(); err != nil {
		return &Violation{Promise: "I18", Detail: fmt.Sprintf("does not stop: %v", err), Then: then}
	}
	if n < need {
		return &Violation{Promise: "I18", Detail: fmt.Sprintf("%d units are there, %d were acknowledged", n, need), Then: then}
	}
	return nil
}

// lookStrictly starts a server in strict mode: it has everything that was acknowledged, or refuses and names the command that brings it back.
func (o *DamageOptions) lookStrictly(l *life, s shot, seed int, image *crashfs.FS, r *DamageReport) *Violation {
	broken := func(format string, args ...any) *Violation {
		return &Violation{Promise: "I1", Detail: "strict: " + fmt.Sprintf(format, args...)}
	}
	c, boot, need := l.eng.(*real).c, s.boot, l.units(s.promise.Released)
	c.Hardened = false
	if seed >= 0 {
		boot += "'"
	}
	const most = 3 // files that one block damages
	for range most {
		next := &life{eng: NewReal(c), disk: image, boot: boot, rng: l.rng, ever: l.ever}
		next.begin(nil, l.history, l.ends)
		n, err := next.start()
		if err == nil {
			if err = next.stop(); err != nil {
				return broken("does not stop: %v", err)
			}
			if n < need {
				return broken("%d units are there, %d were acknowledged", n, need)
			}
			return nil
		}
		path := commandOf(err)
		if path == "" {
			return o.lookAtRefusal(l, image, boot, need, err, r)
		}
		r.Commands++
		if rerr := c.repairAsToldTo(image, path); rerr != nil {
			return broken("frctl repair %s: %v; the start was refused: %v", path, rerr, err)
		}
	}
	return broken("%d repairs do not bring it back", most)
}

// commandOf is the file that a refusal says is to be repaired; "": it names none.
func commandOf(err error) string {
	var refusal *recovery.Refusal
	if !errors.As(err, &refusal) {
		return ""
	}
	texts := []string{refusal.Reason}
	for _, d := range refusal.Evidence.Decisions {
		texts = append(texts, d.Detail)
	}
	for _, text := range texts {
		if _, rest, ok := strings.Cut(text, "frctl repair "); ok {
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

// repairAsToldTo is frctl repair.
func (c Config) repairAsToldTo(fs *crashfs.FS, path string) error {
	if filepath.Base(path) == wal.ManifestName(logName) {
		_, repaired, err := recovery.RepairManifest(fs, logDir, logName)
		if err == nil && !repaired {
			err = errors.New("nothing was done")
		}
		return err
	}
	store, err := c.openCovers(fs)
	if err != nil {
		return err
	}
	_, err = store.Repair(store.NameOf(path), false)
	return errors.Join(err, store.Close())
}

// lookAtRefusal has what can be proven of a refused directory salvaged.
func (o *DamageOptions) lookAtRefusal(l *life, image *crashfs.FS, boot string, need int, refusal error, r *DamageReport) *Violation {
	broken := func(format string, args ...any) *Violation {
		return &Violation{Promise: "I1", Detail: fmt.Sprintf(format, args...)}
	}
	if need == 0 {
		r.Refused++ // nothing is lost
		return nil
	}
	d, err := salvage(image, boot, l.eng.(*real).c)
	if err != nil {
		return broken("the directory does not start: %v; nor can it be salvaged: %v", refusal, err)
	}
	n, ok := l.index[d.sum]
	if !ok || n < need {
		return broken("%d units (known: %t) can be salvaged, %d were acknowledged; the directory does not start: %v", n, ok, need, refusal)
	}
	r.Refused++
	return nil
}

// kinds are the files that a block of may be spoilt, by what they are for.
var kinds = []struct {
	name string
	is   func(dir, base string) bool
}{
	{"ledger", func(dir, _ string) bool { return dir == ledgerDir }},
	{"second ring", func(dir, _ string) bool { return dir == ringDir }},
	{"ring", func(_, base string) bool { return base == wal.RingName(logName) }},
	{"manifest", func(_, base string) bool { return base == wal.ManifestName(logName) }},
	{"epoch", func(_, base string) bool { return base == wal.EpochName(logName) }},
	{"watermark", func(_, base string) bool { return base == wal.WatermarkName(logName) }},
	{"catalog", func(_, base string) bool { return strings.HasPrefix(base, "catalog.") }},
	{"sidecar", func(_, base string) bool { return strings.HasSuffix(base, ".rs") }},
	{"tail", func(_, base string) bool { return strings.HasSuffix(base, ".tail") }},
	{"base", func(dir, base string) bool { return dir == logDir && strings.Contains(base, ".base.") }},
	{"increment", func(dir, base string) bool { return dir == logDir && strings.Contains(base, ".incr.") }},
	{"companion", func(dir, base string) bool { return dir == logDir && strings.HasPrefix(base, logName) }},
	{"snapshot", func(_, base string) bool { return base == dumpRDB }},
	{"other", func(string, string) bool { return true }},
}

// spoil spoils up to 64 KiB somewhere in one of the files that hold anything, of a kind picked first, and says what it did.
func spoil(fs *crashfs.FS, rng *rand.Rand) (kind, did string) {
	tree := fs.Tree()
	of := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if tree[name] != "" {
			for _, k := range kinds {
				if k.is(filepath.Dir(name), filepath.Base(name)) {
					of[k.name] = append(of[k.name], name)
					break
				}
			}
		}
	}
	if len(of) == 0 {
		return "nothing", "nothing damaged"
	}
	present := slices.Sorted(maps.Keys(of))
	kind = present[rng.IntN(len(present))]
	if logs := []string{"base", "increment", "ring"}; rng.IntN(2) == 0 { // what matters most
		if k := logs[rng.IntN(len(logs))]; of[k] != nil {
			kind = k
		}
	}
	name := of[kind][rng.IntN(len(of[kind]))]
	p := []byte(tree[name])
	at := rng.IntN(len(p))
	if rng.IntN(2) == 0 {
		at = max(0, len(p)-1-rng.IntN(blockSize)) // the newest bytes
	}
	block := p[at:min(at+blockSize, len(p))]
	how := [...]string{"zeros", "garbage", "another block's bytes"}[rng.IntN(3)]
	switch how {
	case "zeros":
		clear(block)
	case "garbage":
		for i := range block {
			block[i] = byte(rng.Uint32())
		}
	default:
		copy(block, p[rng.IntN(len(p)):])
	}
	fs.Put(name, string(p))
	return kind, fmt.Sprintf("%s in %d bytes at %d of the %d of %s", how, len(block), at, len(p), name)
}

// String counts.
func (r DamageReport) String() string {
	s := fmt.Sprintf("%d deaths with damage in %d lives, %d starts after them cut short as well; %d starts refused with everything acknowledged salvaged, %d in "+
		"strict mode with the command that brings it back; damaged:", r.States, r.Lives, r.Again, r.Refused, r.Commands)
	for _, kind := range slices.Sorted(maps.Keys(r.Files)) {
		s += fmt.Sprintf(" %d %s", r.Files[kind], kind)
	}
	return s
}
