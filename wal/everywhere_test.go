package wal

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// journey is a log on crashfs that is written, switched and rewritten, with the bytes of its stream.
type journey struct {
	fs     *crashfs.FS
	l      *Log
	stream []byte
	ends   map[LSN]bool // where units end
}

func startJourney(o Options) (*journey, error) {
	j := &journey{fs: crashfs.New(), ends: map[LSN]bool{0: true}}
	if err := j.fs.MkdirAll("/data"); err != nil {
		return nil, err
	}
	if err := j.fs.SyncDir("/"); err != nil {
		return nil, err
	}
	o.FS = j.fs
	var err error
	j.l, err = Create(o, Position{ID: testID, Epoch: 1}, Base{Write: func(w io.Writer) error {
		_, err := w.Write([]byte("state"))
		return err
	}})
	if err == nil {
		j.commit(appendSelect(nil, 2))
	}
	return j, err
}

func (j *journey) commit(unit []byte) {
	j.stream = append(j.stream, unit...)
	j.ends[LSN(len(j.stream))] = true
	j.l.Commit(unit, 2)
}

// rewrite switches and installs a base.
func (j *journey) rewrite() error {
	at, err := switchNow(j.l)
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "state at %d", at)
	f, err := j.fs.Create(j.l.TempName("rewrite"))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return j.l.Install(NewBase{Path: f.Name(), At: at, Size: int64(len(text)), Sum: SumOf(text), HasSum: true})
}

// travel is the whole way. Between its stations the log comes to rest.
func (j *journey) travel() error {
	value := strings.Repeat("v", 700)
	for i := range 3 {
		j.commit(set(fmt.Sprint("small", i), "x"))
		j.commit(join(command("MULTI"), set("large", value), set("n", "1"), command("EXEC")))
		if err := eventually("release and sync", func() bool {
			return j.l.Released() == j.l.End() && (j.l.policy == No || j.l.Durable() == j.l.End())
		}); err != nil {
			return err
		}
		if i == 1 {
			if _, err := switchNow(j.l); err != nil {
				return err
			}
		} else if err := j.rewrite(); err != nil {
			return err
		}
		j.commit(set(value, "long key"))
	}
	return j.l.Close(true)
}

// holds recovers from what a crash left and compares it with the journey and the promises.
func (j *journey) holds(fs *crashfs.FS, sameBoot bool, least LSN) error {
	r, err := recoverLog(fs, testDir, sameBoot)
	switch {
	case err != nil:
		return fmt.Errorf("no generation is whole (I11, I12, I13): %w", err)
	case r.end > LSN(len(j.stream)) || !bytes.Equal(r.stream, j.stream[r.base:r.end]):
		return fmt.Errorf("recovered %d to %d is not the stream (I3)", r.base, r.end)
	case !j.ends[r.end]:
		return fmt.Errorf("recovered to %d, within a unit (I5)", r.end)
	case r.end < least:
		return fmt.Errorf("recovered to %d, but %d was promised (I4, I8)", r.end, least)
	}
	if wm, err := ReadWatermark(fs, testDir, defaultName); err == nil && wm.LSN > r.end {
		return fmt.Errorf("recovered to %d, and the watermark says %d (I8)", r.end, wm.LSN)
	}
	return nil
}

// shot is the disk before an operation, with what was promised by then.
type shot struct {
	e                 crashfs.Event
	fs                *crashfs.FS
	released, durable LSN
}

// shoot lets a log go its way and freezes the disk before each operation, and at the end.
func shoot(t *testing.T, o Options) (*journey, []shot) {
	t.Helper()
	var mu sync.Mutex
	var shots []shot
	j, err := startJourney(o)
	if err != nil {
		t.Fatal(err)
	}
	j.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op.Changes() {
			s := shot{e: e, fs: freeze(), released: j.l.Released(), durable: j.l.Durable()}
			mu.Lock()
			shots = append(shots, s)
			mu.Unlock()
		}
	})
	if err := j.travel(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations", len(shots))
	return j, append(shots, shot{fs: j.fs.Clone(), released: j.l.Released(), durable: j.l.Durable()})
}

// I3, I4, I8, I11, I12, I13: before each operation of a log's way the machine or the process may die, in any way, and
// a whole generation is there, with all that was promised. The watermark on the disk never runs ahead.
func TestI12CrashBeforeEveryOperation(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for _, policy := range []Policy{Always, EverySec, No} {
		t.Run(policy.String(), func(t *testing.T) {
			j, shots := shoot(t, Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: policy, syncDelay: time.Millisecond, watermarkEvery: time.Millisecond})
			for _, s := range shots {
				if err := j.holds(s.fs.Kill(), true, s.released); err != nil {
					t.Fatalf("killed before operation %d (%v): %v", s.e.N, s.e, err)
				}
				for seed := range seeds {
					if err := j.holds(s.fs.Crash(seed), false, s.durable); err != nil {
						t.Fatalf("power loss %d before operation %d (%v): %v", seed, s.e.N, s.e, err)
					}
				}
			}
		})
	}
}

// I12, I13 without lines, companion and watermark: whatever survives a power loss, every file that the manifest names is
// there, all but the last increment are whole, and what was durable follows from base and increments.
func TestI13PlainCrashBeforeEveryOperation(t *testing.T) {
	j, shots := shoot(t, Options{Dir: testDir, Policy: Always, syncDelay: time.Millisecond})
	for _, s := range shots {
		for seed := range uint64(8) {
			if err := j.holdsPlain(s.fs.Crash(seed).Tree(), s.durable); err != nil {
				t.Fatalf("power loss %d before operation %d (%v): %v", seed, s.e.N, s.e, err)
			}
		}
	}
}

func (j *journey) holdsPlain(tree map[string]string, durable LSN) error {
	m, err := ParseManifest([]byte(tree[filepath.Join(testDir, ManifestName(defaultName))]))
	if err != nil {
		return err
	}
	end := LSN(0)
	base := tree[filepath.Join(testDir, m.Base.Name)]
	if _, err := fmt.Sscanf(base, "state at %d", &end); err != nil && base != "state" {
		return fmt.Errorf("%s holds %q", m.Base.Name, base)
	}
	for i, ref := range m.Incrs {
		text, ok := tree[filepath.Join(testDir, ref.Name)]
		if !ok {
			return fmt.Errorf("%s is gone", ref.Name)
		}
		if end > 0 { // each increment but the first of all has a prologue of its own, if it has anything
			text = strings.TrimPrefix(text, string(appendSelect(nil, 2)))
		}
		same := 0
		for same < len(text) && int(end)+same < len(j.stream) && text[same] == j.stream[int(end)+same] {
			same++
		}
		if same < len(text) && i < len(m.Incrs)-1 {
			return fmt.Errorf("%s is the stream for %d of its %d bytes only", ref.Name, same, len(text))
		}
		end += LSN(same)
	}
	if end < durable {
		return fmt.Errorf("holds the stream up to %d, but %d was durable", end, durable)
	}
	return nil
}

// I8, I21: a disk that is full at any point holds the log up and loses nothing; when there is room again it goes on.
func TestI8DiskFullAnywhere(t *testing.T) {
	step := int64(97)
	if testing.Short() {
		step = 797
	}
	held := 0
	for space := int64(26000); space < 36000; space += step {
		o := Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: Always, Hardened: true, syncDelay: time.Millisecond, watermarkEvery: time.Millisecond}
		j, err := startJourney(o)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(space), 1))
		j.fs.SetSpace(space)
		full := false
		for i := 0; i < 12 && !full; i++ {
			j.commit(set(fmt.Sprint(i), strings.Repeat("v", 900)))
			err := eventually("release or an error", func() bool { return j.l.Released() == j.l.End() || j.l.Err() != nil })
			if err != nil {
				t.Fatalf("%d bytes: %v", space, err)
			}
			full = j.l.Err() != nil
			if i == 3 && !full {
				_ = j.rewrite() // or the old generation goes on
			}
		}
		released, durable := j.l.Released(), j.l.Durable()
		if err := j.holds(j.fs.Crash(rng.Uint64N(100)), false, max(released, durable)); err != nil {
			t.Fatalf("%d bytes, full: %v", space, err)
		}
		j.fs.SetSpace(-1)
		if err := eventually("room again", func() bool { return j.l.Err() == nil && j.l.Released() == j.l.End() }); err != nil {
			t.Fatalf("%d bytes: %v: %v", space, err, j.l.Err())
		}
		if err := j.l.Close(true); err != nil {
			t.Fatalf("%d bytes: %v", space, err)
		}
		if err := j.holds(j.fs.Crash(0), false, LSN(len(j.stream))); err != nil {
			t.Fatalf("%d bytes, at the end: %v", space, err)
		}
		if full {
			held++
		}
	}
	if held == 0 {
		t.Error("the disk was never full")
	}
}

// I12: a process that died before the names of a repair's files were durable leaves them in the page cache. The next one puts the
// repair into force, and the machine may go down right behind that.
func TestI12HalfDoneRepair(t *testing.T) {
	j, err := startJourney(Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: Always, Hardened: true, watermarkEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "sync", func() bool { return j.l.Durable() == j.l.End() })
	var left *crashfs.FS
	j.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if left == nil && e.Op == crashfs.SyncDir {
			left = freeze().Kill()
		}
	})
	j.fs.Inject(crashfs.Fault{Op: crashfs.Write, Name: "*.spare", Err: errIO}, crashfs.Fault{Op: crashfs.Write, Name: "*.incr.aof", Err: errIO})
	j.commit(set("a", "1"))
	waitFor(t, "the repair", func() bool { return j.l.Released() == j.l.End() })
	if err := j.l.Close(true); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDirectory(left, testDir, defaultName)
	if err != nil || !d.Mending {
		t.Fatalf("half a repair is not recognised: %v", err)
	}
	r, err := recoverLog(left, testDir, true)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(Options{FS: left, Dir: testDir, Annotate: true, BootID: "boot"}, Start{Manifest: d.Manifest, Facts: d.Facts,
		Position: Position{testID, 2, r.end}, Tail: r.tail})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.holds(left.Crash(0), false, r.end); err != nil {
		t.Error(err)
	}
	if err := l.Close(true); err != nil {
		t.Error(err)
	}
}

// I12: a repair whose manifest was renamed, though its folder did not sync, is made anew, as often as that takes: the second attempt may
// fail before it has a manifest.
func TestRepairNamedTwice(t *testing.T) {
	j, err := startJourney(Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: Always, Hardened: true, watermarkEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "sync", func() bool { return j.l.Durable() == j.l.End() })
	manifest := tempPrefix + ManifestName(defaultName)
	j.fs.Inject(crashfs.Fault{Op: crashfs.Write, Name: "*.incr.aof", Err: errIO}, crashfs.Fault{Op: crashfs.SyncDir, Nth: 2, Err: errIO},
		crashfs.Fault{Op: crashfs.Create, Name: manifest, Nth: 2, Err: errIO})
	j.commit(set("a", "1"))
	waitFor(t, "the repair", func() bool { return j.l.Released() == j.l.End() })
	failed := 0
	for _, e := range j.fs.Trace() {
		if e.Err != nil {
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d calls failed", failed)
	}
	if err := j.l.Close(true); err != nil {
		t.Fatal(err)
	}
	if err := j.holds(j.fs.Crash(0), false, j.l.End()); err != nil {
		t.Error(err)
	}
}
