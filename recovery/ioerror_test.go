package recovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// trouble is an I/O error that comes at some operation of a life.
type trouble struct {
	name     string
	policy   wal.Policy
	commit   wal.CommitMode
	hardened bool
	fault    crashfs.Fault
	passes   bool // the disk works again afterwards
}

var troubles = []trouble{
	{"EIO once", wal.Always, wal.CommitDirect, false, crashfs.Fault{Err: syscall.EIO}, true},
	{"EIO once, everysec", wal.EverySec, wal.CommitDirect, false, crashfs.Fault{Err: syscall.EIO, After: crashfs.Partial}, true},
	{"EIO once, no", wal.No, wal.CommitDirect, false, crashfs.Fault{Op: crashfs.Changing, Err: syscall.EIO}, true},
	{"ENOSPC for a while", wal.Always, wal.CommitDirect, true, crashfs.Fault{Op: crashfs.Changing, Err: syscall.ENOSPC, Times: 4, Short: 100}, true},
	{"EIO for a while", wal.EverySec, wal.CommitDirect, true, crashfs.Fault{Op: crashfs.Changing, Err: syscall.EIO, Times: 3, Short: 700}, true},
	{"dead", wal.Always, wal.CommitDirect, false, crashfs.Fault{Err: syscall.EIO, Times: -1}, false},
	{"read-only", wal.EverySec, wal.CommitDirect, false, crashfs.Fault{Op: crashfs.Changing, Err: syscall.EROFS, Times: -1}, false},
	{"fsync, kept dirty", wal.Always, wal.CommitDirect, false, crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.KeepDirty}, true},
	{"fsync, marked clean", wal.Always, wal.CommitDirect, true, crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.MarkClean}, true},
	{"fsync, dropped", wal.Always, wal.CommitDirect, false, crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.Drop}, true},
	{"fsync of all, dropped", wal.Always, wal.CommitDirect, false, crashfs.Fault{Op: crashfs.Sync, Err: syscall.EIO, After: crashfs.Drop}, true},
	{"EIO once, ring", wal.Always, wal.CommitRing, false, crashfs.Fault{Op: crashfs.Changing, Err: syscall.EIO}, true},
	{"ENOSPC for a while, ring", wal.Always, wal.CommitRing, true, crashfs.Fault{Op: crashfs.Changing, Err: syscall.ENOSPC, Times: 4, Short: 100}, true},
	{"fsync, marked clean, ring", wal.Always, wal.CommitRing, true, crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO, After: crashfs.MarkClean}, true},
	{"fsync of the ring, dropped", wal.Always, wal.CommitRing, false, crashfs.Fault{Op: crashfs.SyncData, Name: "*.ring.fr", Err: syscall.EIO, After: crashfs.Drop}, true},
	{"fsync of the ring, in part", wal.Always, wal.CommitRing, false, crashfs.Fault{Op: crashfs.SyncData, Name: "*.ring.fr", Err: syscall.EIO, After: crashfs.Partial}, true},
	{"folders", wal.Always, wal.CommitDirect, false, crashfs.Fault{Op: crashfs.SyncDir, Err: syscall.EIO}, true},
}

// meet lives through trouble at the n-th operation it can hit. It returns false when the life is too short for that.
func (x trouble) meet(n int) (hit bool, err error) {
	l := newLife(x.policy)
	l.hardened, l.commit, l.noRing = x.hardened, x.commit, true
	fault := x.fault
	fault.Nth = n
	if !x.passes {
		l.trouble = func(err error) error { return err }
	}
	l.fs.Inject(fault)
	l.photograph()
	var seen []error
	for _, step := range l.steps() {
		err := step()
		if err == nil {
			continue
		}
		seen = append(seen, err)
		if l.over(err) {
			break
		}
	}
	if l.live.Load() != nil {
		_ = l.stop()
	}
	l.shoot(crashfs.Event{N: l.fs.Ops() + 1}, l.fs.Clone())
	trace := l.fs.Trace()
	failed := slices.IndexFunc(trace, func(e crashfs.Event) bool { return e.Err != nil })
	for _, err := range seen {
		if !errors.Is(err, fault.Err) && !errors.Is(err, wal.ErrClosed) {
			return true, fmt.Errorf("an error that does not say what is the matter: %w", err)
		}
		if text := err.Error(); !strings.Contains(text, "/data/") && !strings.Contains(text, "appendonly") && !errors.Is(err, wal.ErrFatal) {
			return true, fmt.Errorf("an error that does not say where: %w", err)
		}
	}
	if len(seen) == 0 && failed < 0 && (fault.Op != crashfs.Any || n > l.fs.Ops()) {
		return false, nil // only a read can fail without a trace
	}
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	look := []shot{l.shots[len(l.shots)-1]}
	for range 3 {
		look = append(look, l.shots[rng.IntN(len(l.shots))])
	}
	for i, s := range l.shots { // right behind the failure
		if failed >= 0 && s.before.N > trace[failed].N {
			look = append(look, l.shots[i:min(i+3, len(l.shots))]...)
			break
		}
	}
	for _, s := range look {
		if err := l.survives(s, x, rng); err != nil {
			var calls []string
			for _, e := range trace {
				if e.N < s.before.N {
					calls = append(calls, fmt.Sprintf("%d %v", e.N, e))
				}
			}
			return true, fmt.Errorf("%w\nerrors %v\nlast operations:\n  %s", err, seen, strings.Join(calls[max(0, len(calls)-30):], "\n  "))
		}
	}
	return true, nil
}

// over says whether a server ended with err, or had better do so.
func (l *life) over(err error) bool {
	return l.live.Load() == nil || errors.Is(err, wal.ErrFatal) || l.trouble != nil
}

// survives has the disk die, and a second server start, which then dies with the machine.
func (l *life) survives(s shot, x trouble, rng *rand.Rand) error {
	for _, seed := range []int{-1, 0, 2 + rng.IntN(50)} {
		d := l.die(s, seed)
		if seed < 0 && x.fault.After == crashfs.Drop {
			d.least = s.durable // the kernel has dropped what was acknowledged; only memory has it until it is written again
		}
		switch want, ok := l.states[d.lsn]; {
		case d.err != nil:
			return fmt.Errorf("%v: refused (I12): %w\n%s", d, d.err, d.logs.text())
		case !ok || d.store.String() != want:
			return fmt.Errorf("%v: LSN %d %.100q, want %.100q (I3)", d, d.lsn, d.store, want)
		case d.lsn < d.least:
			return fmt.Errorf("%v: LSN %d, but %d was promised (I4, I8)\n%s", d, d.lsn, d.least, d.logs.text())
		}
		second := &life{policy: wal.Always, fs: d.disk.Clone(), bootID: d.bootID, states: l.states}
		if err := second.start(); err != nil {
			return fmt.Errorf("%v: goes on: %w", d, err)
		}
		durable := second.log.Durable()
		then := bootOn(second.fs.Crash(0), "after "+d.bootID)
		_ = second.log.Close(true)
		if then.err != nil || then.res.Position.LSN < durable || then.store.String() != l.states[then.res.Position.LSN] {
			return fmt.Errorf("%v: the next server called LSN %d durable, and a power loss left %v %.100q (I8)\n%s", d, durable, then.err, then.store,
				then.logs.text())
		}
	}
	return nil
}

// I8, I21: whatever operation fails, with whatever error: nothing panics, the error says what and where, the generation
// before stays in charge, and nothing was acknowledged or called durable that a crash takes away, also not by the
// server that starts next, which trusts the page cache.
func TestI8IOErrorsEverywhere(t *testing.T) {
	stride := 11
	if testing.Short() {
		stride = 43
	}
	for i, x := range troubles {
		t.Run(x.name, func(t *testing.T) {
			lives, stride, first := 0, stride, 1+i%stride
			if x.fault.Name != "" {
				stride, first = 2, 1 // there are few of them
			}
			for n := first; ; n += stride {
				hit, err := x.meet(n)
				if err != nil {
					t.Fatalf("at the %d-th: %v", n, err)
				}
				if !hit {
					break
				}
				lives++
			}
			t.Logf("%d lives", lives)
		})
	}
}

// I18: a repair after an I/O error that a power loss stopped before its cut is no repair. The start cuts the spoiled increment by its
// own reasons, to the very size that the repair had in mind; killed behind that, it finds what it had found.
func TestI18RepairCutByRecovery(t *testing.T) {
	l := newLife(wal.EverySec)
	l.hardened = true
	for i, step := range l.steps()[:4] {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := l.rewrite(false); err != nil { // makes all of it durable
		t.Fatal(err)
	}
	spoiled := l.log.Name()
	l.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op == crashfs.Truncate && strings.HasSuffix(e.Name, spoiled) {
			l.shoot(e, freeze())
		}
	})
	for _, opened := range []string{spoiled, "temp-*.spare", "temp-" + spoiled} { // by which of its names it was opened is up to time
		l.fs.Inject(crashfs.Fault{Op: crashfs.Write, Name: opened, Err: syscall.EIO, Short: 20})
	}
	for _, key := range []string{"x", "y"} {
		if err := l.write([]string{"SET", key, "1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if l.taken() != 1 {
		t.Fatalf("the repair cut %d times", l.taken())
	}
	first := l.die(l.shots[0], 1)
	if first.err != nil {
		t.Fatal(first.err)
	}
	second := &life{policy: wal.EverySec, fs: first.disk.Clone(), bootID: first.bootID, states: l.states}
	second.photograph()
	if err := second.start(); err != nil {
		t.Fatal(err)
	}
	_ = second.log.Close(true)
	cut := false
	for _, s := range second.shots {
		cut = cut || s.before.Op == crashfs.Truncate
		if d := second.die(s, -1); d.err != nil || d.lsn != first.lsn {
			t.Fatalf("%v: LSN %d, first it was %d: %v", d, d.lsn, first.lsn, d.err)
		}
	}
	if !cut {
		t.Error("the start had nothing to cut")
	}
}
