package wal

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// slowFolder is a disk that holds back the sync of the log's folder behind the renaming of a manifest.
type slowFolder struct {
	*memFS
	armed  atomic.Bool
	inside chan struct{} // closed when it is held back
	gate   chan struct{} // closed to let it go on
	fail   error
}

func (s *slowFolder) SyncDir(dir string) error {
	if strings.HasSuffix(dir, "appendonlydir") && s.named() && s.armed.CompareAndSwap(true, false) {
		close(s.inside)
		<-s.gate
		if s.fail != nil {
			return s.fail
		}
	}
	return s.memFS.SyncDir(dir)
}

// named says that the manifest has its new name, and the folder was not synced since: the keeper may have made a spare in between.
func (s *slowFolder) named() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.changes, func(c nameChange) bool { return strings.HasSuffix(c.name, "/"+ManifestName(defaultName)) })
}

func slowSwitch(t *testing.T, p Policy) (*Log, *slowFolder, chan error) {
	t.Helper()
	fs := &slowFolder{memFS: newMemFS(), inside: make(chan struct{}), gate: make(chan struct{})}
	o := quickOptions(nil, p)
	o.FS = fs
	l := createTest(t, o)
	l.Commit(set("a", "1"), 0)
	waitFor(t, "the first reply", func() bool { return l.Released() == l.End() })
	readyNow(l)
	fs.armed.Store(true)
	done := make(chan error, 1)
	if _, err := l.Switch(func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	l.Commit(set("b", "2"), 0)
	<-fs.inside
	return l, fs, done
}

// I4: under everysec and no, replies behind a switch leave when their bytes are in the new increment and the manifest that names it has its
// name: after the death of the process a start finds both, after that of the machine what the last sync covered. I1: under always they leave
// when the folder is synced.
func TestSwitchReleases(t *testing.T) {
	for _, p := range []Policy{Always, EverySec, No} {
		t.Run(p.String(), func(t *testing.T) {
			l, fs, done := slowSwitch(t, p)
			defer l.Close(true)
			switched := LSN(len(set("a", "1")))
			if p != Always {
				waitFor(t, "the reply behind the switch", func() bool { return l.Released() == l.End() })
			}
			if l.Durable() != switched || p == Always && l.Released() != switched {
				t.Errorf("durable %d, released %d, switched at %d", l.Durable(), l.Released(), switched)
			}
			if len(done) > 0 {
				t.Error("the switch is over before its manifest is durable")
			}
			a, b := set("a", "1"), set("b", "2")
			for what, c := range map[string]struct {
				disk *memFS
				want []byte
			}{"death of the process": {fs.afterKill(), join(a, b)}, "power loss": {fs.memFS.powerCut(), a}} {
				if p == Always {
					c.want = a
				}
				r, err := recoverLog(c.disk, testDir, what != "power loss")
				if err != nil {
					t.Errorf("%s: %v", what, err)
				} else if !bytes.Equal(r.stream, c.want) {
					t.Errorf("%s: %q", what, r.stream)
				}
			}
			close(fs.gate)
			if err := <-done; err != nil {
				t.Error(err)
			}
			waitFor(t, "all replies", func() bool { return l.Released() == l.End() })
		})
	}
}

// I8, I12: when the folder does not sync behind the manifest's renaming nobody knows which manifest a crash would leave: the switch failed, and
// what it let go goes into an increment of another.
func TestSwitchUnsettled(t *testing.T) {
	for _, p := range []Policy{EverySec, No} {
		t.Run(p.String(), func(t *testing.T) {
			l, fs, done := slowSwitch(t, p)
			waitFor(t, "the reply behind the switch", func() bool { return l.Released() == l.End() })
			fs.fail = errIO
			close(fs.gate)
			if err := <-done; !errors.Is(err, errIO) {
				t.Errorf("switched: %v", err)
			}
			waitFor(t, "the repair", func() bool { return l.Err() == nil && l.Status().Heals == 1 })
			wantAfterPowerCut(t, l, fs.powerCut, join(set("a", "1"), set("b", "2")))
		})
	}
}

// wantAfterPowerCut closes the log and has the power fail: then a start finds that stream.
func wantAfterPowerCut(t *testing.T, l *Log, powerCut func() *memFS, want []byte) {
	t.Helper()
	if err := l.Close(true); err != nil {
		t.Error(err)
	}
	r, err := recoverLog(powerCut(), testDir, false)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.stream, want) {
		t.Errorf("recovered %q", r.stream)
	}
}

// I12: a repair takes back what was made ready for a switch before it makes an increment of the same name.
func TestReadyBeforeRepair(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	l.Commit(set("a", "1"), 0)
	readyNow(l)
	var failed atomic.Bool
	fs.setBefore(func(op, name string) error { // not of the watermark, which the keeper may be writing
		if op == "fdatasync" && strings.Contains(name, ".1.incr.aof") && failed.CompareAndSwap(false, true) {
			return errIO
		}
		return nil
	})
	l.Commit(set("b", "2"), 0)
	waitFor(t, "the repair", func() bool { return l.Status().Heals == 1 })
	wantAfterPowerCut(t, l, fs.powerCut, join(set("a", "1"), set("b", "2")))
}

// What was made ready for a switch that does not come is taken back: when the log ends, and when the manifest becomes another (I11).
func TestReadyInVain(t *testing.T) {
	left := func(fs *memFS) (names []string) {
		all, _ := fs.List(testDir)
		for _, name := range all {
			if name == IncrName(defaultName, 2) || strings.HasPrefix(name, tempPrefix) && !strings.HasSuffix(name, ".spare") {
				names = append(names, name)
			}
			if generation, ok := parseFactsName(defaultName, name); ok && generation == 2 {
				names = append(names, name)
			}
		}
		return names
	}
	for what, end := range map[string]func(l *Log) error{
		"the log ends": func(l *Log) error { return l.Close(true) },
		"another manifest": func(l *Log) error {
			l.man.mu.Lock()
			_, err := l.man.persist(l.man.manifest.Clone(), l.man.files)
			l.man.mu.Unlock()
			if err == nil {
				_, err = switchNow(l) // makes its own
			}
			if err == nil {
				err = l.Close(true)
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			fs := newMemFS()
			l := createTest(t, quickOptions(fs, EverySec))
			l.Commit(set("a", "1"), 0)
			readyNow(l)
			if names := left(fs); len(names) != 4 {
				t.Fatalf("made ready: %v", names)
			}
			if l.Durable() != l.End() {
				t.Error("what is written is not synced ahead")
			}
			if err := end(l); err != nil {
				t.Fatal(err)
			}
			names := slices.DeleteFunc(left(fs), func(name string) bool { return what != "the log ends" && name == IncrName(defaultName, 2) })
			if len(names) > 0 {
				t.Errorf("left: %v", names)
			}
			called := make(chan struct{})
			l.PrepareSwitch(func() { close(called) })
			<-called // a log that has ended tells, too
		})
	}
}

// I19: a companion that a switch had yet to fill, or had half filled, is no damage: the manifest is another's.
func TestHalfReady(t *testing.T) {
	for _, half := range []string{"", factsHeader + "\ngeneration 2 uuid 00"} {
		fs := newMemFS()
		l := createTest(t, quickOptions(fs, EverySec))
		l.Commit(set("a", "1"), 0)
		readyNow(l)
		crashed := fs.afterKill()
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		for _, name := range FactsNames(defaultName, 2) {
			f, err := disk.FS(crashed).OpenReadWrite(filepath.Join(testDir, name))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte(half)); err != nil {
				t.Fatal(err)
			}
		}
		d, err := ReadDirectory(crashed, testDir, defaultName)
		if err != nil || d.Facts == nil || d.Facts.Generation != 1 || d.HalfFacts || len(d.Broken) > 0 || d.Generation != 2 {
			t.Errorf("%q: %+v, %v", half, d, err)
		}
	}
}

// I12: however the disk falls once a switch's manifest has its name, the increment that it names is there, and so is its companion.
func TestI12SwitchNamesDurable(t *testing.T) {
	for _, policy := range []Policy{Always, EverySec} {
		j, err := startJourney(Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		j.commit(set("k", "v"))
		fallen, missing := 0, 0
		j.fs.At(0, func(e crashfs.Event, clone func() *crashfs.FS) {
			if e.Op != crashfs.SyncDir {
				return
			}
			for seed := range uint64(100) {
				after := clone().Crash(seed)
				text, err := readFile(after, filepath.Join(testDir, ManifestName(defaultName)))
				if err != nil || !strings.Contains(string(text), IncrName(defaultName, 2)) {
					continue
				}
				fallen++
				for _, name := range append(FactsNames(defaultName, 2), IncrName(defaultName, 2)) {
					if _, err := after.Stat(filepath.Join(testDir, name)); err != nil {
						missing++
					}
				}
			}
		})
		if _, err := switchNow(j.l); err != nil {
			t.Fatal(err)
		}
		if fallen == 0 || missing > 0 {
			t.Errorf("%s: %d files are missing in %d falls behind the renaming", policy, missing, fallen)
		}
		if err := j.l.Close(true); err != nil {
			t.Error(err)
		}
	}
}

// I4, I12: while a switch is under way, from taking what lies ready to its manifest's name, nobody makes another switch ready, whose increment
// would take the name of the one that the log goes on in, and nobody replaces the manifest.
func TestSwitchAlone(t *testing.T) {
	for what, other := range map[string]func(l *Log){
		"another is made ready": func(l *Log) { l.keeper.ask(func() {}) },
		"the manifest is written": func(l *Log) {
			go func() {
				l.man.mu.Lock()
				defer l.man.mu.Unlock()
				_, _ = l.man.persist(l.man.manifest.Clone(), maps.Clone(l.man.files))
			}()
		},
	} {
		t.Run(what, func(t *testing.T) {
			fs := newMemFS()
			l := createTest(t, quickOptions(fs, Always))
			l.Commit(set("a", "1"), 0)
			waitFor(t, "the first reply", func() bool { return l.Released() == l.End() })
			readyNow(l)
			l.man.mu.Lock()
			before := l.man.generation
			l.man.mu.Unlock()
			var armed atomic.Bool
			armed.Store(true)
			fs.setBefore(func(op, name string) error {
				if op == "fsync" && strings.Contains(name, ManifestName(defaultName)+".") && armed.CompareAndSwap(true, false) {
					l.mu.Lock() // the switch needs it before it gives the manifest its name
					other(l)
					go func() {
						defer l.mu.Unlock()
						for range 200 { // time enough for the other, if it can
							if l.man.mu.TryLock() {
								done := l.man.generation > before
								l.man.mu.Unlock()
								if done {
									return
								}
							}
							time.Sleep(time.Millisecond)
						}
					}()
				}
				return nil
			})
			if _, err := switchNow(l); err != nil {
				t.Fatal(err)
			}
			l.Commit(set("b", "2"), 0)
			waitFor(t, "the reply behind the switch", func() bool { return l.Released() == l.End() })
			r, err := recoverLog(fs.powerCut(), testDir, false)
			if want := join(set("a", "1"), set("b", "2")); err != nil || !bytes.Equal(r.stream, want) {
				t.Errorf("a power loss leaves %+v, %v; want %q", r, err, want)
			}
			if _, err := switchNow(l); err != nil {
				t.Errorf("the next switch: %v", err)
			}
			if err := l.Close(true); err != nil {
				t.Fatal(err)
			}
		})
	}
}
