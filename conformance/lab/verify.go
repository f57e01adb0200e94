package lab

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Violation is a promise broken.
type Violation struct {
	Promise string `json:"promise"` // I1 to I22
	Detail  string `json:"detail"`
	Before  string `json:"before"`         // the operation at which the world was stopped
	Death   string `json:"death"`          // how it ended there
	Then    string `json:"then,omitempty"` // the same for a second death, during the start after the first
	Image   string `json:"image,omitempty"`
	Replay  string `json:"replay,omitempty"`
}

// Error says it in one line.
func (v *Violation) Error() string {
	s := fmt.Sprintf("%s: %s: %s before %s", v.Promise, v.Detail, v.Death, v.Before)
	if v.Then != "" {
		s += ", then " + v.Then
	}
	if v.Image != "" {
		s += " (disk: " + v.Image + ")"
	}
	if v.Replay != "" {
		s += "\n" + v.Replay
	}
	return s
}

// judge is how deaths are looked into.
type judge struct {
	engine func() Engine // for the starts after a death
	rng    *rand.Rand
	// again is how many operations of a start pass on average between two second deaths; 0: there are none.
	again  int
	damage func(disk *crashfs.FS, rng *rand.Rand) string // done to the disk before the start; nil: nothing
	// scarred says that the disk was damaged before, and sidecars may say so.
	scarred bool
	keep    string // folder for disks of violations; "": they are not kept

	states int           // crash states looked into, each once
	met    int           // that were the same as one before
	seen   map[image]met // those of power losses
}

// image tells what a power loss left from all else in a life: what a start makes of it, and of a second death during it, hangs on nothing more.
type image struct {
	disk  [16]byte
	boot  string // of the machine that starts
	saved int    // shot.saved
}

// met is what looking into an image showed.
type met struct {
	found uint64 // fingerprint of the state that was there
	again bool   // second deaths were looked into as well
}

// imageOf is what lookAt need not look into twice; not ok: it must, because it may have done something else there.
func (j *judge) imageOf(l *life, s *shot, seed int, boot string, fallen *crashfs.FS) (at image, ok bool) {
	if seed < 0 || j.damage != nil || l.under != nil || len(s.keep)+len(s.mended) > 0 {
		return image{}, false
	}
	if j.seen == nil {
		j.seen = make(map[image]met)
	}
	return image{fallen.Sum(), boot, s.saved}, true
}

func death(seed int) string {
	if seed < 0 {
		return "killed"
	}
	return fmt.Sprintf("power loss %d", seed)
}

// least is how many units must be there after a death at s.
func (l *life) least(s *shot, seed int) (units int, promise string) {
	p := s.promise
	if seed < 0 && !s.dropped {
		return l.units(max(p.Released, p.Durable, p.Found)), "I4"
	}
	if l.eng.Always() && p.Released > p.Durable {
		return l.units(p.Released), "I1"
	}
	return l.units(p.Durable), "I8"
}

// look has the disk of s die in one way and sees what a start makes of it: that it starts (I12), with a state that was (I3, I5),
// which has everything promised (I1, I4, I8); that it can go on from there, and stops in order, with nothing left lying about.
func (j *judge) look(l *life, s shot, seed int) *Violation {
	fallen := s.fall(seed)
	did := ""
	if j.damage != nil {
		did = j.damage(fallen, j.rng)
	}
	v := j.lookAt(l, s, seed, fallen)
	if v != nil {
		if v.Before == "" {
			v.Before = fmt.Sprintf("%d (%v)", s.before.N, s.before)
		}
		v.Death = death(seed)
		if did != "" {
			v.Death += ", " + did
		}
		if j.keep != "" && v.Image == "" {
			v.Image = keepDisk(fallen, j.keep)
		}
	}
	return v
}

func (j *judge) lookAt(l *life, s shot, seed int, fallen *crashfs.FS) *Violation {
	broken := func(promise, format string, args ...any) *Violation {
		return &Violation{Promise: promise, Detail: fmt.Sprintf(format, args...)}
	}
	next := &life{eng: j.engine(), disk: fallen.Clone(), boot: s.boot, under: l.under, rng: rand.New(rand.NewPCG(uint64(s.before.N), uint64(seed))), ever: l.ever, unitNo: len(l.ever), keep: s.keep}
	if seed >= 0 {
		next.boot += "'"
	}
	next.begin(nil, l.history, l.ends)
	if v := lookForKept(s.keep, fallen); v != nil {
		return v
	}
	if v := l.config().lookAtMended(&s, fallen); v != nil {
		return v
	}
	next.floor, next.dropped = l.outlived(s.promise, seed), s.dropped && seed < 0
	next.saved.Store(int64(s.saved))
	if j.again > 0 {
		hook := rand.New(rand.NewPCG(j.rng.Uint64(), 0)) // used under the disk's lock
		next.photograph(func(crashfs.Event) bool { return hook.IntN(j.again) == 0 })
	}
	least, promise := l.least(&s, seed)
	at, mayMeet := j.imageOf(l, &s, seed, next.boot, fallen)
	if before, ok := j.seen[at]; mayMeet && ok && (before.again || j.again == 0) {
		j.met++
		if n, ok := l.index[before.found]; !ok || n < least { // it may have to have more now
			return broken(promise, "%d units are there (%t), %d were promised", n, ok, least)
		}
		return nil
	} else if !mayMeet || !ok {
		j.states++
	}
	if ours, ok := next.eng.(*real); ok {
		if v := lookAtHalfRepair(l, fallen, next.rng.Uint64()); v != nil {
			return v
		}
		if ours.c.Covers && j.damage == nil && !j.scarred {
			if v := ours.c.lookAtCovers(fallen); v != nil {
				return v
			}
		}
	}
	n, err := next.start()
	defer next.eng.Stop()
	switch {
	case err != nil && j.damage != nil:
		return nil
	case err != nil && s.dropped && l.policy() == wal.No:
		return nil // the log had let go of what the failed sync took, and said so: a start refuses what is missing
	case err != nil:
		return broken("I12", "the directory does not start: %v", err)
	case n < 0:
		return broken("I3", "%d keys that never were the data set", len(next.data.keys))
	case n < least:
		return broken(promise, "%d units are there, %d were promised", n, least)
	}
	// During the start what was found is as safe as it was before, and more may come back: nobody was served yet who saw that it was
	// not there (half a repair counts once the file it replaces has lost its end).
	starting := next.take()
	for i := range starting {
		starting[i].promise = next.floor
		if seed >= 0 {
			starting[i].promise.Durable = max(starting[i].promise.Durable, l.ends[n])
		}
		starting[i].promise.Found = l.ends[n]
	}
	before := &life{eng: next.eng, under: l.under, rng: next.rng, ever: l.ever}
	before.begin(nil, l.history, l.ends)
	if v := j.lookAtSnapshot(l, &s, fallen); v != nil {
		return v
	}
	next.ever = cloneEver(l.ever)
	if err := next.write(1 + j.rng.IntN(2)); err != nil {
		return broken("I12", "cannot go on: %v", err)
	}
	if err := next.stop(); err != nil {
		return broken("I12", "does not stop: %v", err)
	}
	serving := next.take()
	// What a repair or a sidecar's writer wrote that was killed before it synced is found whole, and may be gone then, for the next start to mend.
	ours, ok := next.eng.(*real)
	if ok && ours.c.Covers && seed >= 0 {
		if left, err := ours.c.uncovered(next.disk.Crash(0)); err != nil || len(left) > 0 {
			return broken("I17", "not as covered after a stop in order and a power loss: %s %v", strings.Join(left, ", "), err)
		}
	}
	if ok && (seed >= 0 || !j.scarred) && j.damage == nil {
		if d, err := asStock(next.disk.Crash(0)); err != nil || d.sum != next.history[len(next.history)-1] {
			return broken("stock", "another server does not load the same from the log: %v", err)
		}
	}
	if p := next.eng.Promised(); p.Durable != next.ends[len(next.ends)-1] {
		return broken("I8", "stopped in order at %d, durable %d", next.ends[len(next.ends)-1], p.Durable)
	}
	last := &life{eng: j.engine(), disk: next.disk.Crash(0), boot: next.boot + "'", under: l.under, rng: next.rng}
	last.begin(nil, next.history, next.ends)
	switch n, err := last.start(); {
	case err != nil:
		return broken("I18", "the directory does not start again: %v", err)
	case n != len(next.history)-1:
		_ = last.eng.Stop()
		return broken("I18", "%d units are there after a stop in order, and there were %d", n, len(next.history)-1)
	}
	if err := last.stop(); err != nil {
		return broken("I18", "does not stop again: %v", err)
	}
	if v := lookForKept(s.keep, last.disk); v != nil {
		return v
	}
	if ours, ok := last.eng.(*real); ok {
		left, err := leftovers(last.disk, true)
		if d, derr := wal.ReadDirectory(last.disk, logDir, logName); derr == nil && d.Manifest != nil {
			for _, h := range d.Manifest.History { // a start takes it away
				left = append(left, h.Name+" (history)")
			}
		}
		if j.scarred { // of a repair that was cut short, and that another way made needless
			left = slices.DeleteFunc(left, func(name string) bool { return strings.HasSuffix(name, ".heal.tmp") })
		}
		if err != nil || len(left) > 0 {
			return broken("clean", "left lying about: %s %v", strings.Join(left, ", "), err)
		}
		if ours.c.Covers {
			if left, err := ours.c.uncovered(last.disk); err != nil || len(left) > 0 {
				return broken("I1", "not covered after a stop in order: %s %v", strings.Join(left, ", "), err)
			}
		}
	}
	// Second deaths are not followed by third ones.
	deeper := *j
	deeper.again, deeper.damage, deeper.states, deeper.met = 0, nil, 0, 0
	defer func() { j.states, j.met = j.states+deeper.states, j.met+deeper.met }()
	for i, second := range append(starting, serving...) {
		again, of := j.rng.IntN(12)-1, next
		if i < len(starting) {
			of = before
		}
		if v := deeper.look(of, second, again); v != nil {
			v.Then, v.Before = fmt.Sprintf("%s before %s", v.Death, v.Before), ""
			return v
		}
	}
	if mayMeet {
		j.seen[at] = met{l.history[n], j.again > 0}
	}
	return nil
}

// lookForKept finds on a disk what is never to be destroyed: a start moves it out of the way at most (I19).
func lookForKept(keep []string, fallen *crashfs.FS) *Violation {
	if len(keep) == 0 {
		return nil
	}
	tree := fallen.Tree()
	for _, text := range keep {
		if !slices.ContainsFunc(slices.Collect(maps.Values(tree)), func(content string) bool { return strings.Contains(content, text) }) {
			return &Violation{Promise: "kept", Detail: fmt.Sprintf("%.40q is in no file any more", text)}
		}
	}
	return nil
}

// lookAtHalfRepair has a repair of the log that was cut short put into force by itself, as frctl finalize does: it is, and stays so
// through a power loss (I18).
func lookAtHalfRepair(l *life, fallen *crashfs.FS, seed uint64) *Violation {
	d, err := wal.ReadDirectory(fallen, logDir, logName)
	if err != nil || !d.Mending {
		return nil // whether it can be read is for the start to say
	}
	mended := fallen.Clone()
	var fs disk.FS = mended
	if l.under != nil {
		fs = l.under(mended)
	}
	if _, err := wal.FinishMending(fs, logDir, logName); err != nil {
		return &Violation{Promise: "I18", Detail: fmt.Sprintf("half a repair cannot be finished: %v", err)}
	}
	if d, err = wal.ReadDirectory(mended.Crash(seed), logDir, logName); err != nil || d.Mending {
		return &Violation{Promise: "I18", Detail: fmt.Sprintf("a repair that was finished is half done again after a power loss: %v", err)}
	}
	return nil
}

// lookAtMended holds files that a repair called whole against their sidecars (I17).
func (c Config) lookAtMended(s *shot, fallen *crashfs.FS) *Violation {
	if len(s.mended) == 0 {
		return nil
	}
	store, err := heal.Open(c.coverOptions(fallen), false)
	if err != nil {
		return &Violation{Promise: "I17", Detail: fmt.Sprintf("the sidecars cannot be read: %v", err)}
	}
	defer store.Close()
	for _, name := range s.mended {
		if r, err := store.Verify(store.NameOf(name)); err != nil || r.State != heal.Clean {
			return &Violation{Promise: "I17", Detail: fmt.Sprintf("%s was repaired and is %s: %v", name, r.State, err)}
		}
	}
	return nil
}

// config is our engine's; none for others.
func (l *life) config() Config {
	if ours, ok := l.eng.(*real); ok {
		return ours.c
	}
	return Config{}
}

// policy is our engine's; wal.Always for others.
func (l *life) policy() wal.Policy {
	if ours, ok := l.eng.(*real); ok {
		return ours.c.Policy
	}
	return wal.Always
}

func cloneEver(m map[uint64]int) map[uint64]int {
	c := make(map[uint64]int, len(m)+4)
	for k, v := range m {
		c[k] = v
	}
	return c
}

// lookAtSnapshot holds a snapshot beside the log against what was saved (I2, I21): it is whole, of a state that was, and not older
// than the last one that was done.
func (j *judge) lookAtSnapshot(l *life, s *shot, fallen *crashfs.FS) *Violation {
	if _, err := fallen.Stat(filepath.Join(dataDir, dumpRDB)); err != nil {
		if s.saved >= 0 {
			return &Violation{Promise: "I21", Detail: "the snapshot is gone"}
		}
		return nil
	}
	d, _, err := recoverOn(fallen.Clone(), "boot", Config{}, false, nil)
	if err != nil {
		return &Violation{Promise: "I21", Detail: fmt.Sprintf("the snapshot does not load: %v", err)}
	}
	if n, ok := l.ever[d.sum]; !ok || n < s.saved {
		return &Violation{Promise: "I21", Detail: fmt.Sprintf("the snapshot holds state %d (%t), and %d was saved", n, ok, s.saved)}
	}
	return nil
}

// keepDisk writes what a disk holds into a new folder below dir, and says where.
func keepDisk(fs *crashfs.FS, dir string) string {
	root, err := os.MkdirTemp(dir, "disk-")
	if err != nil {
		return err.Error()
	}
	for name, content := range fs.Tree() {
		path := filepath.Join(root, name)
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			return err.Error()
		}
	}
	return root
}
