package lab

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/conformance/lab/model"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// traceBounds let the order model count as far as a trace goes.
var traceBounds = model.Bounds{Units: 100, Ring: 100, Epochs: 10}

// traced lives a life of some servers under always, each ending in a death, and returns what was seen. Under a mutant, m, it may end early.
func traced(seed uint64, ring bool, m *mutation) ([]model.Event, error) {
	rng := rand.New(rand.NewPCG(seed, 0x7472))
	t := newTracer()
	l := newLife(&tracedEngine{NewReal(Config{Policy: wal.Always, Ring: ring, Twins: m == nil && seed%4 < 2, Hardened: seed%2 == 0, Patience: 2 * time.Second}), t}, rng)
	l.under = func(fs *crashfs.FS) disk.FS {
		if m == nil {
			return t.watch(fs)
		}
		return &mutantFS{t.watch(fs), m}
	}
	for range 3 {
		found, err := l.start()
		if err != nil || found < 0 {
			l.kill(t, -1)
			if m == nil {
				return nil, fmt.Errorf("a start finds %d units: %w", found, err)
			}
			break
		}
		t.started(l.eng, found)
		for range 6 + rng.IntN(10) {
			switch k := rng.IntN(10); {
			case k < 5:
				err = l.write(1)
			case k < 7:
				err = l.write(2 + rng.IntN(4))
			case k < 8:
				err = l.eng.Rewrite(l.data)
			case k < 9:
				err = l.eng.Switch()
			default:
				err = l.commit(l.unit())
			}
			if err != nil {
				break
			}
		}
		l.kill(t, rng.IntN(8)-3)
		if err != nil && m == nil {
			return nil, err
		}
	}
	return t.events(int(traceBounds.Units))
}

// kill ends the server in one of the ways of life.die, and its trace.
func (l *life) kill(t *tracer, seed int) {
	s := shot{disk: t.cut(l.disk)}
	l.mu.Lock()
	l.live, l.disk = nil, s.fall(seed)
	if seed >= 0 {
		l.boot += "'"
	}
	l.mu.Unlock()
	_ = l.eng.Stop() // on the disk that is no more
}

// refusal says which event of a trace the model does not take; "": it takes all.
func refusal(events []model.Event) string {
	n := model.Accept(traceBounds, events)
	if n == len(events) {
		return ""
	}
	return fmt.Sprintf("%+v after %+v", events[n], events[max(0, n-12):n])
}

// What our log does, under always with the ring and without, is a path of the order model, through deaths of process and machine; and
// it takes all of the model's steps.
func TestTraces(t *testing.T) {
	lives := count("LAB_TRACES", 12)
	seen := map[string]int{}
	for seed := range uint64(lives) {
		for _, ring := range []bool{true, false} {
			events, err := traced(seed, ring, nil)
			if err != nil {
				t.Errorf("seed %d, ring %v: %v", seed, ring, err)
			}
			if why := refusal(events); why != "" {
				t.Errorf("seed %d, ring %v: the model does not take %s", seed, ring, why)
			}
			for _, e := range events {
				seen[e.Name]++
			}
		}
	}
	for _, name := range []string{"commit", "write ring", "sync ring", "reply", "write increment", "sync increment", "reuse ring", "freeze", "write base",
		"sync base", "name base", model.SyncFolder, "ready manifest", "name manifest", "unlink old", "crash"} {
		if seen[name] == 0 {
			t.Errorf("%q was never seen", name)
		}
	}
	t.Log(seen)
}

// Mutants of the log leave the model's paths, at the step that their fault lets happen too early.
func TestTraceMutants(t *testing.T) {
	for _, x := range []struct {
		name    string
		ring    bool
		m       *mutation
		refused string // the first event that is no step
	}{
		{"a sync is made when the next write comes", true, syncLater(), "reply"},
		{"a sync is made when the next write comes, without a ring", false, syncLater(), "reply"},
		{"the ring is not synced", true, skipNamed("SyncData", "*.ring.fr"), "reply"},
		{"increments are not synced", false, skipNamed("SyncData", "*.aof"), "reply"},
		{"ring room is used again before the increments are durable", true, skipBehindRing(), "reuse ring"},
		{"increments are not synced when sealed", true, skipNamed("", "*.incr.aof"), "freeze"},
		{"bases are not synced", true, skipNamed("", "temp-*rewrite*"), "name base"},
		{"manifests are not synced", true, skipNamed("", "temp-*.manifest"), "name manifest"},
		{"the log's folder is not synced", true, skipNamed("SyncDir", "appendonlydir"), "ready manifest"},
		{"the manifest takes its name before the base", true, &mutation{rename: manifestFirst()}, "ready manifest"},
		{"the old base goes when the new one has its name", true, &mutation{rename: func(fs disk.FS, from, to string) error {
			if err := fs.Rename(from, to); err != nil || !strings.HasSuffix(to, ".base.rdb") {
				return err
			}
			return unlinkOthers(fs, to, ".base.rdb")
		}}, "unlink old"},
		{"old increments go before the manifest is durable", true, &mutation{rename: func(fs disk.FS, from, to string) error {
			if err := fs.Rename(from, to); err != nil || !strings.HasSuffix(to, ".manifest") {
				return err
			}
			return unlinkUnnamed(fs, to)
		}}, "unlink old"},
	} {
		t.Run(x.name, func(t *testing.T) {
			var others []string
			for seed := range uint64(100) { // on a busy machine most lives end before there is a ring
				events, err := traced(seed, x.ring, x.m)
				if err != nil {
					t.Log(err)
				}
				n := model.Accept(traceBounds, events)
				if n == len(events) {
					continue
				}
				if events[n].Name == x.refused {
					t.Logf("seed %d: %s", seed, refusal(events))
					return
				}
				others = append(others, events[n].Name)
			}
			slices.Sort(others)
			t.Errorf("no trace is refused at %q; refused at %q", x.refused, slices.Compact(others))
		})
	}
}

// skipBehindRing leaves out the syncs of increments, which are to follow the ring's, once replies wait for the ring.
func skipBehindRing() *mutation {
	var ring atomic.Bool
	return &mutation{skip: func(op, name string) bool {
		switch {
		case op == "Rename" && strings.Contains(name, ".epoch"):
			ring.Store(false) // a start
		case op == "SyncData" && strings.HasSuffix(name, ".ring.fr"):
			ring.Store(true)
		}
		return op == "SyncData" && strings.HasSuffix(name, ".aof") && ring.Load()
	}}
}

// syncLater puts a log's sync off until the next write to the file, and says that it was made.
func syncLater() *mutation {
	var mu sync.Mutex
	put := map[string]func() error{}
	take := func(name string, call func() error) (was func() error) {
		mu.Lock()
		defer mu.Unlock()
		was, put[name] = put[name], call
		return was
	}
	return &mutation{
		sync: func(f disk.File, call func() error) error {
			if name := f.Name(); !strings.HasSuffix(name, ".incr.aof") && !strings.HasSuffix(name, ".spare") && !strings.HasSuffix(name, ".ring.fr") {
				return call()
			}
			take(f.Name(), call)
			return nil
		},
		write: func(f disk.File, p []byte, off int64) (int, error) {
			if call := take(f.Name(), nil); call != nil {
				_ = call()
			}
			if off < 0 {
				return f.Write(p)
			}
			return f.WriteAt(p, off)
		},
	}
}

// manifestFirst holds a base's rename back until the manifest that names it has its name.
func manifestFirst() func(fs disk.FS, from, to string) error {
	var heldFrom, heldTo string
	return func(fs disk.FS, from, to string) error {
		if strings.HasSuffix(to, ".base.rdb") && strings.Contains(filepath.Base(from), "rewrite") {
			heldFrom, heldTo = from, to
			return nil
		}
		err := fs.Rename(from, to)
		if heldTo != "" && strings.HasSuffix(to, ".manifest") {
			_ = fs.Rename(heldFrom, heldTo)
			heldTo = ""
		}
		return err
	}
}
