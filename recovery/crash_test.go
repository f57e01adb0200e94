package recovery

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// death is one way to die at a shot, and what a start afterwards found.
type death struct {
	shot
	how    string
	disk   *crashfs.FS // as it was found
	bootID string      // of the machine that found it
	least  wal.LSN     // so much was promised
	mark   *wal.Watermark
	outcome
	lsn    wal.LSN
	events []crashfs.Event // of the start
}

func (d *death) String() string {
	return fmt.Sprintf("%s before operation %d (%v)", d.how, d.before.N, d.before)
}

// die has the disk die in one way and starts on what is left.
func (l *life) die(s shot, seed int) *death {
	d := &death{shot: s, how: "killed", least: s.released, bootID: l.bootID}
	if seed < 0 {
		d.disk = s.fs.Kill()
	} else {
		d.disk, d.how, d.bootID = s.fs.Crash(uint64(seed)), fmt.Sprintf("power loss %d", seed), "after "+l.bootID
		if l.policy != wal.Always {
			d.least = s.durable
		}
	}
	if mark, err := wal.ReadWatermark(d.disk, crashLogs, logName); err == nil {
		d.mark = &mark
	}
	run := d.disk.Clone()
	var mu sync.Mutex
	run.At(0, func(e crashfs.Event, _ func() *crashfs.FS) {
		mu.Lock()
		d.events = append(d.events, e)
		mu.Unlock()
	})
	if d.outcome = bootOn(run, d.bootID); d.err == nil {
		d.lsn = d.res.Position.LSN
	}
	return d
}

// lived is a life and everything that crashes left of it.
type lived struct {
	*life
	deaths []*death
}

// crashed are whole lives, one for each policy and for the commit ring, with deaths before each of their operations: killed, everything unsynced
// lost, everything kept, and some ways in between.
var crashed = sync.OnceValues(func() (all []lived, err error) {
	seeds := 6
	if testing.Short() {
		seeds = 3
	}
	for i, policy := range []wal.Policy{wal.Always, wal.EverySec, wal.No, wal.Always} {
		l := newLife(policy)
		if i == 3 {
			l.commit = wal.CommitRing
		}
		l.photograph()
		for i, step := range l.steps() {
			if err := step(); err != nil {
				return nil, fmt.Errorf("%v: step %d: %w", policy, i, err)
			}
		}
		l.shoot(crashfs.Event{N: l.fs.Ops() + 1}, l.fs.Clone())
		l.trace = l.fs.Trace()
		v := lived{life: l}
		for _, s := range l.shots {
			for seed := -1; seed < seeds; seed++ {
				v.deaths = append(v.deaths, l.die(s, seed))
			}
		}
		all = append(all, v)
	}
	return all, nil
})

// eachDeath runs a check over all deaths of all lives.
func eachDeath(t *testing.T, check func(l *life, d *death) error) {
	all, err := crashed()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		failed := 0
		for _, d := range v.deaths {
			err := check(v.life, d)
			if err == nil {
				continue
			}
			if failed++; failed > 3 {
				t.Errorf("%v: and more", v.policy)
				break
			}
			var last []string
			for _, e := range v.trace {
				if e.N < d.before.N {
					last = append(last, fmt.Sprintf("%d %v", e.N, e))
				}
			}
			t.Errorf("%v %v: %v: %v\nlast operations:\n  %s\nlogged:\n%s", v.policy, v.commit, d, err,
				strings.Join(last[max(0, len(last)-15):], "\n  "), d.logs.text())
		}
		t.Logf("%v %v: %d operations, %d deaths", v.policy, v.commit, len(v.shots)-1, len(v.deaths))
	}
}

// I12: at every instant a complete generation is durable: a start never refuses, however the machine died.
func TestI12AlwaysRecoverable(t *testing.T) {
	eachDeath(t, func(_ *life, d *death) error {
		if d.err != nil {
			return fmt.Errorf("refused: %w", d.err)
		}
		return nil
	})
}

// I3: what is recovered is the stream up to some position, never with a hole; I5: and never within a unit.
func TestI3PrefixOfTheStream(t *testing.T) {
	eachDeath(t, func(l *life, d *death) error {
		if d.err != nil {
			return nil // I12's
		}
		want, ok := l.states[d.lsn]
		if !ok {
			return fmt.Errorf("LSN %d is within a unit", d.lsn)
		}
		if got := d.store.String(); got != want {
			return fmt.Errorf("at LSN %d %.100q, want %.100q", d.lsn, got, want)
		}
		return nil
	})
}

// I4: after a kill every acknowledged write is there; after a power loss every one under always, and everything before the
// last successful sync otherwise; I8: nothing was called durable that was not.
func TestI4AcknowledgedSurvives(t *testing.T) {
	eachDeath(t, func(_ *life, d *death) error {
		if d.err == nil && d.lsn < d.least {
			return fmt.Errorf("recovered to LSN %d, but %d was promised", d.lsn, d.least)
		}
		return nil
	})
}

// I6: a start never uses the epoch of an earlier one, so no position twice.
func TestI6EpochGrows(t *testing.T) {
	eachDeath(t, func(_ *life, d *death) error {
		if d.err == nil && d.res.Position.Epoch <= d.epoch {
			return fmt.Errorf("epoch %d again", d.res.Position.Epoch)
		}
		return nil
	})
}

// I11: the generation in force on the disk only grows, and the files it names have the digests it records.
func TestI11GenerationsOnlyGrow(t *testing.T) {
	newest := map[*life]uint64{}
	eachDeath(t, func(l *life, d *death) error {
		dir, err := wal.ReadDirectory(d.disk, crashLogs, logName)
		if err != nil {
			return err
		}
		if dir.Facts == nil {
			if newest[l] > 0 {
				return errors.New("no companion is in force any more")
			}
			return nil
		}
		if d.how == "power loss 0" { // the least that the disk holds at this instant
			if dir.Facts.Generation < newest[l] {
				return fmt.Errorf("generation %d after %d", dir.Facts.Generation, newest[l])
			}
			newest[l] = dir.Facts.Generation
		}
		tree := d.disk.Tree()
		for name, f := range dir.Facts.Files {
			content, there := tree[filepath.Join(crashLogs, name)]
			if history := slices.ContainsFunc(dir.Manifest.History, func(r wal.FileRef) bool { return r.Name == name }); history {
				continue
			}
			if !there || f.HasSum && (int64(len(content)) != f.Size || wal.SumOf([]byte(content)) != f.Sum) {
				return fmt.Errorf("%s is not what generation %d recorded (there: %t, %d bytes)", name, dir.Facts.Generation, there, len(content))
			}
		}
		return nil
	})
}

// I13: as long as a crash may bring the manifest back that names a file, the file is there.
func TestI13NothingUnlinkedEarly(t *testing.T) {
	eachDeath(t, func(_ *life, d *death) error {
		dir, err := wal.ReadDirectory(d.disk, crashLogs, logName)
		if err != nil || dir.Manifest == nil {
			return err
		}
		refs := dir.Manifest.Incrs
		if dir.Manifest.Base != nil {
			refs = append(refs, *dir.Manifest.Base)
		}
		for _, ref := range refs {
			if _, ok := d.disk.Tree()[filepath.Join(crashLogs, ref.Name)]; !ok {
				return fmt.Errorf("%s is gone", ref.Name)
			}
		}
		return nil
	})
}

// I16: nothing is cut below the watermark, and what is cut is in the quarantine.
func TestI16CutsAboveTheWatermark(t *testing.T) {
	cuts := 0
	eachDeath(t, func(_ *life, d *death) error {
		for _, e := range d.events {
			if e.Op != crashfs.Truncate {
				continue
			}
			cuts++
			if d.mark != nil && filepath.Base(e.Name) == wal.IncrName(logName, d.mark.Seq) && e.Off < d.mark.Pos {
				return fmt.Errorf("%v to %d bytes, but %d were durable", e, e.Off, d.mark.Pos)
			}
			kept := false
			for _, at := range d.res.Evidence.Actions {
				if filepath.Base(at.Path) != filepath.Base(e.Name) {
					continue
				}
				if at.What == "truncate" && !kept {
					return fmt.Errorf("%v, and nothing was set aside first: %+v", e, d.res.Evidence.Actions)
				}
				kept = kept || at.What == "quarantine"
			}
			if !kept {
				return fmt.Errorf("%v, and nothing was set aside: %+v", e, d.res.Evidence.Actions)
			}
		}
		return nil
	})
	if cuts == 0 {
		t.Error("nothing was ever cut")
	}
}

// I19: nothing on the disk is changed before every file has been read; the lock, and the folder it stands in, are no data.
func TestI19JudgesBeforeItActs(t *testing.T) {
	acted := 0
	eachDeath(t, func(_ *life, d *death) error {
		read := map[string]bool{}
		for _, e := range d.events {
			switch {
			case e.Op == crashfs.Open, e.Op == crashfs.Stat && e.Name != "":
				read[filepath.Base(e.Name)] = true
			case !e.Op.Changes(), e.Op == crashfs.Lock:
			case len(read) <= 1 && (e.Op == crashfs.Mkdir || e.Op == crashfs.SyncDir): // before the first look the folder is made
			default:
				acted++
				dir, err := wal.ReadDirectory(d.disk, crashLogs, logName)
				if err != nil || dir.Manifest == nil {
					return fmt.Errorf("%v without a manifest: %w", e, err)
				}
				for _, ref := range dir.Manifest.Incrs {
					if !read[ref.Name] {
						return fmt.Errorf("%v before %s was read", e, ref.Name)
					}
				}
				return nil
			}
		}
		return nil
	})
	if acted == 0 {
		t.Error("no start ever changed anything")
	}
}

// I18: a start that dies anywhere, until the log is open, and is repeated, finds what it would have found; and after
// the log is open and written to nothing of that is lost any more.
func TestI18RecoveryInterrupted(t *testing.T) {
	nth, again, every := 0, 0, 80
	if testing.Short() {
		every = 160
	}
	eachDeath(t, func(l *life, d *death) error {
		if nth++; d.err != nil || nth%every != 0 && (len(d.res.Evidence.Actions) == 0 || nth%8 != 0) {
			return nil
		}
		second := &life{policy: wal.Always, fs: d.disk.Clone(), bootID: d.bootID, states: maps.Clone(l.states)}
		second.photograph()
		if err := second.start(); err != nil {
			return fmt.Errorf("goes on: %w", err)
		}
		if second.log.Durable() != second.log.End() {
			return fmt.Errorf("opened at %d, of which %d is durable", second.log.End(), second.log.Durable())
		}
		opened := second.fs.Ops()
		end := second.log.End()
		err := second.write([]string{"SET", "after", strings.Repeat("y", 600)})
		if err = errors.Join(err, second.stop()); err != nil {
			return fmt.Errorf("goes on: %w", err)
		}
		second.shoot(crashfs.Event{N: second.fs.Ops() + 1}, second.fs.Clone())
		for i, s := range second.shots {
			for _, seed := range []int{-1, 0, 2 + i} {
				x := second.die(s, seed)
				again++
				want := end
				if d.how == "killed" && seed >= 0 && s.before.N <= opened {
					want = d.durable // what was in the page cache only may go with the machine
				}
				if x.err != nil {
					return fmt.Errorf("then %v: %w\n%s", x, x.err, x.logs.text())
				}
				if x.lsn < want || x.lsn < x.least || x.store.String() != second.states[x.lsn] {
					return fmt.Errorf("then %v: LSN %d, at least %d: %.100q", x, x.lsn, max(want, x.least), x.store)
				}
			}
		}
		return nil
	})
	t.Logf("%d second deaths", again)
}

// I16: after a power failure a hole is cut off if nothing says that its bytes were durable; if a later line of the log does,
// it is damage and refused, also where there is no watermark file.
func TestI16LinesTellWhatWasDurable(t *testing.T) {
	l := newLife(wal.Always)
	steps := l.steps()
	for _, step := range steps[:4] { // a, b, c: each a group with its line
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(crashLogs, wal.IncrName(logName, 1))
	for _, c := range []struct {
		damage, value string
		refused       bool
	}{
		{"changed", strings.Repeat("b", 30), true},
		{"hole", strings.Repeat("b", 30), true},
		{"changed", strings.Repeat("c", 20), false},
		{"hole", strings.Repeat("c", 20), false},
	} {
		disk := l.fs.Crash(0)
		content := []byte(disk.Tree()[name])
		at := strings.Index(string(content), c.value)
		if content[at]++; c.damage == "hole" {
			clear(content[at-5 : at+15])
		}
		disk.Put(name, string(content))
		if err := disk.Remove(filepath.Join(crashLogs, wal.WatermarkName(logName))); err != nil {
			t.Fatal(err)
		}
		o := bootOn(disk, "boot-2")
		if (o.err != nil) != c.refused || o.err == nil && l.states[o.res.Position.LSN] != o.store.String() {
			t.Errorf("%s in %s: %v %.100q\n%s", c.damage, c.value, o.err, o.store, o.logs.text())
		}
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}
