package wal

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const testDir = "/data/appendonlydir"

// quickOptions are those of a log on a memory disk whose clocks do not make tests wait.
func quickOptions(fs *memFS, p Policy) Options {
	return Options{FS: fs, Dir: testDir, Annotate: true, BootID: "boot", Policy: p, syncDelay: time.Millisecond, watermarkEvery: time.Hour}
}

func createTest(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Create(o, Position{ID: testID, Epoch: 1}, Base{Write: func(w io.Writer) error {
		_, err := w.Write([]byte("state"))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// without drops the calls that concern a file name part: the keeper's work goes on in the background.
func without(calls []string, parts ...string) []string {
	return slices.DeleteFunc(calls, func(c string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(c, p) })
	})
}

func wantCalls(t *testing.T, got []string, want string) {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		line, _, _ = strings.Cut(line, "//")
		lines = append(lines, strings.TrimSpace(strings.ReplaceAll(line, "@", defaultName)))
	}
	if !slices.Equal(got, lines) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if err := eventually(what, cond); err != nil {
		t.Fatal(err)
	}
}

// switchNow switches and waits for the outcome.
func switchNow(l *Log) (LSN, error) {
	done := make(chan error, 1)
	at, err := l.Switch(func(err error) { done <- err })
	if err != nil {
		return 0, err
	}
	return at, <-done
}

// I12: at every instant a complete generation is durable. A fresh folder gets its manifest last, when all that it names
// is durable; I6: and before the first byte of the stream the epoch.
func TestOrderOfCreate(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	defer l.Close(true)
	wantCalls(t, without(fs.calls(), ".spare"), `
		syncdir data                                  // the folder's own name
		create temp-@.1.base.rdb
		write temp-@.1.base.rdb
		fsync temp-@.1.base.rdb
		rename temp-@.1.base.rdb @.1.base.rdb
		syncdir appendonlydir                         // the base is there
		create temp-@.epoch.fr
		write temp-@.epoch.fr
		write temp-@.epoch.fr
		write temp-@.epoch.fr
		fsync temp-@.epoch.fr
		rename temp-@.epoch.fr @.epoch.fr
		syncdir appendonlydir                         // the epoch is used up
		create temp-@.1.incr.aof
		fsync temp-@.1.incr.aof
		rename temp-@.1.incr.aof @.1.incr.aof
		create temp-@.manifest
		write temp-@.manifest
		fsync temp-@.manifest
		create temp-@.manifest.1.fr
		write temp-@.manifest.1.fr
		fsync temp-@.manifest.1.fr
		rename temp-@.manifest.1.fr @.manifest.1.fr
		create temp-@.manifest.1.twin.fr
		write temp-@.manifest.1.twin.fr
		fsync temp-@.manifest.1.twin.fr
		rename temp-@.manifest.1.twin.fr @.manifest.1.twin.fr
		syncdir appendonlydir                         // the increment and the companion are there
		rename temp-@.manifest @.manifest
		syncdir appendonlydir                         // now it is a log
		create temp-@.watermark.fr
		write temp-@.watermark.fr
		write temp-@.watermark.fr
		write temp-@.watermark.fr
		fsync temp-@.watermark.fr
		rename temp-@.watermark.fr @.watermark.fr
		syncdir appendonlydir`)
}

// I8: what an earlier process left in the page cache is not called durable before it was synced. I6: nor is anything
// written before the new epoch is durable.
func TestOrderOfOpen(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	l.Commit(set("a", "1"), 0)
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	r, err := recoverLog(fs, testDir, true)
	if err != nil {
		t.Fatal(err)
	}
	fs.calls()
	l, err = Open(quickOptions(fs, EverySec), Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{testID, 2, r.end}, Tail: r.tail})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(true)
	wantCalls(t, without(fs.calls(), ".spare", "watermark"), `
		create temp-@.epoch.fr
		write temp-@.epoch.fr
		write temp-@.epoch.fr
		write temp-@.epoch.fr
		fsync temp-@.epoch.fr
		rename temp-@.epoch.fr @.epoch.fr
		syncdir appendonlydir
		fsync @.1.incr.aof
		syncdir appendonlydir
		syncdir appendonlydir                         // the watermark's, whose other calls are left out`)
}

// I1: under always the write comes first, then its sync, and only then the reply is released.
func TestOrderOfAlways(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, Always))
	defer l.Close(true)
	waitFor(t, "a spare", func() bool { return hasSpare(l) })
	fs.calls()
	var early bool
	fs.setBefore(func(op, name string) error {
		early = early || l.Released() > 0 && strings.HasSuffix(name, ".incr.aof")
		return nil
	})
	l.Commit(set("a", "1"), 0)
	waitFor(t, "release", func() bool { return l.Released() == l.End() })
	fs.setBefore(nil)
	wantCalls(t, without(fs.calls(), "watermark"), `
		write @.1.incr.aof
		fdatasync @.1.incr.aof`)
	if early {
		t.Error("released before the sync had returned")
	}
}

func hasSpare(l *Log) bool {
	l.keeper.mu.Lock()
	defer l.keeper.mu.Unlock()
	return l.keeper.spare != nil
}

// I4: under everysec the bytes are with the operating system before Commit returns and the reply is released; a line
// proves what the background sync covers.
func TestOrderOfEverySec(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	defer l.Close(true)
	waitFor(t, "a spare", func() bool { return hasSpare(l) })
	fs.calls()
	l.Commit(set("a", "1"), 0)
	if l.Released() != l.End() || l.Written() != l.End() {
		t.Errorf("released %d, written %d of %d when Commit returned", l.Released(), l.Written(), l.End())
	}
	waitFor(t, "sync", func() bool { return l.Durable() == l.End() })
	wantCalls(t, without(fs.calls(), "watermark"), `
		write @.1.incr.aof
		write @.1.incr.aof                          // the line
		fdatasync @.1.incr.aof`)
}

// lineUp brings what goes on at once between two calls, the syncs of the files of a switch, into one order: by file, and those of a file as
// they came.
func lineUp(calls []string, after, before string) []string {
	from := slices.Index(calls, after) + 1
	to := slices.Index(calls, before)
	if from > 0 && to >= from {
		slices.SortStableFunc(calls[from:to], func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) })
	}
	return calls
}

// readyNow has a switch made ready, and waits for that.
func readyNow(l *Log) {
	ready := make(chan struct{})
	l.PrepareSwitch(func() { close(ready) })
	<-ready
}

// I10, I12: N+1 and what describes it have their names, durably, before the manifest has its; N is durable to its end before, and so is what
// says so; the manifest names N+1 before that gets a byte; N gets none afterwards.
func TestOrderOfSwitch(t *testing.T) {
	const made = `
		rename temp-@.spare @.2.incr.aof
		create temp-@.manifest
		write temp-@.manifest
		fsync temp-@.manifest
		create @.manifest.2.fr
		create @.manifest.2.twin.fr
		syncdir appendonlydir`
	const line = `
		write @.1.incr.aof`
	const rest = `
		fsync @.1.incr.aof
		write @.manifest.2.fr
		fsync @.manifest.2.fr
		write @.manifest.2.twin.fr
		fsync @.manifest.2.twin.fr
		rename temp-@.manifest @.manifest
		syncdir appendonlydir
		remove @.manifest.1.fr
		remove @.manifest.1.twin.fr
		write @.2.incr.aof                          // prologue, line and stream`
	spares := []string{"watermark", "create temp-appendonly.aof.spare", "fsync temp-appendonly.aof.spare"} // the keeper's, at any time
	const manifest = "rename temp-appendonly.aof.manifest appendonly.aof.manifest"
	for _, ready := range []bool{false, true} {
		fs := newMemFS()
		l := createTest(t, quickOptions(fs, No))
		l.Commit(join(appendSelect(nil, 5), set("a", "1")), 5)
		waitFor(t, "a spare", func() bool { return hasSpare(l) })
		fs.calls()
		want, after := line+made+rest, "syncdir appendonlydir"
		if ready {
			readyNow(l)
			wantCalls(t, without(fs.calls(), spares...), made+line+`
				fdatasync @.1.incr.aof`) // what is written is synced ahead
			l.Commit(set("a", "2"), 5)
			want, after = line+line+rest, "write appendonly.aof.1.incr.aof"
		}
		at, err := switchNow(l)
		if err != nil || at != l.End() || l.Durable() != at {
			t.Fatalf("switched at %d: %v", at, err)
		}
		l.Commit(set("b", "2"), 5)
		waitFor(t, "the write", func() bool { return l.Written() == l.End() })
		calls := without(fs.calls(), spares...)
		wantCalls(t, lineUp(calls, after, manifest), want)
		p, _ := readFile(fs, filepath.Join(testDir, IncrName(defaultName, 2)))
		if want := string(appendSelect(nil, 5)) + linePrefix; !strings.HasPrefix(string(p), want) {
			t.Errorf("no prologue: %q", p)
		}
		if err := l.Close(true); err != nil {
			t.Error(err)
		}
	}
}

// I13: nothing of a generation is unlinked before the next manifest's folder sync has succeeded.
func TestOrderOfInstall(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	defer l.Close(true)
	l.Commit(set("a", "1"), 0)
	at, err := switchNow(l)
	if err != nil {
		t.Fatal(err)
	}
	l.Commit(set("b", "2"), 0)
	waitFor(t, "sync", func() bool { return l.Durable() == l.End() })
	waitFor(t, "a spare", func() bool { return hasSpare(l) })
	path := l.TempName("rewrite")
	f, _ := fs.Create(path)
	f.Write([]byte("new state"))
	f.Sync()
	fs.calls()
	if err := l.Install(NewBase{Path: path, At: at, Size: 9, Sum: SumOf([]byte("new state")), HasSum: true}); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, without(fs.calls(), "watermark"), `
		rename temp-@.rewrite @.2.base.rdb
		syncdir appendonlydir                         // the base can be covered
		create temp-@.manifest
		write temp-@.manifest
		fsync temp-@.manifest
		create temp-@.manifest.3.fr
		write temp-@.manifest.3.fr
		fsync temp-@.manifest.3.fr
		rename temp-@.manifest.3.fr @.manifest.3.fr
		create temp-@.manifest.3.twin.fr
		write temp-@.manifest.3.twin.fr
		fsync temp-@.manifest.3.twin.fr
		rename temp-@.manifest.3.twin.fr @.manifest.3.twin.fr
		syncdir appendonlydir                         // the companion is there
		rename temp-@.manifest @.manifest
		syncdir appendonlydir                         // the old ones are history
		remove @.manifest.2.fr
		remove @.manifest.2.twin.fr
		remove @.1.incr.aof
		remove @.1.base.rdb
		create temp-@.manifest
		write temp-@.manifest
		fsync temp-@.manifest
		create temp-@.manifest.4.fr
		write temp-@.manifest.4.fr
		fsync temp-@.manifest.4.fr
		rename temp-@.manifest.4.fr @.manifest.4.fr
		create temp-@.manifest.4.twin.fr
		write temp-@.manifest.4.twin.fr
		fsync temp-@.manifest.4.twin.fr
		rename temp-@.manifest.4.twin.fr @.manifest.4.twin.fr
		syncdir appendonlydir                         // they are gone
		rename temp-@.manifest @.manifest
		syncdir appendonlydir                         // and so is their mention
		remove @.manifest.3.fr
		remove @.manifest.3.twin.fr`)
	if s := l.Status(); s.BaseSize != s.Size || s.Size == 0 {
		t.Errorf("status %+v", s)
	}
}

// I13, I21: when the folder does not sync, both generations stay; when the manifest is not renamed, the old one stays in
// charge and what the rewrite had made is taken away.
func TestInstallFails(t *testing.T) {
	for _, failing := range []string{"rename temp-manifest", "syncdir after"} {
		t.Run(failing, func(t *testing.T) {
			fs := newMemFS()
			l := createTest(t, quickOptions(fs, EverySec))
			defer l.Close(true)
			l.Commit(set("a", "1"), 0)
			at, err := switchNow(l)
			if err != nil {
				t.Fatal(err)
			}
			path := l.TempName("rewrite")
			f, _ := fs.Create(path)
			f.Write([]byte("new state"))
			f.Sync()
			renamed := false
			fs.setBefore(func(op, name string) error {
				manifest := op == "rename" && strings.HasSuffix(name, " "+ManifestName(defaultName))
				if failing == "syncdir after" {
					if op == "syncdir" && renamed {
						return errIO
					}
				} else if manifest {
					return errIO
				}
				renamed = renamed || manifest
				return nil
			})
			if err = l.Install(NewBase{Path: path, At: at}); !errors.Is(err, errIO) {
				t.Fatalf("installed: %v", err)
			}
			// Nor does the keeper delete them as long as the folder does not sync (I13).
			if err := l.man.dropHistory(0); (err != nil) != (failing == "syncdir after") {
				t.Errorf("history: %v", err)
			}
			d, err := ReadDirectory(fs, testDir, defaultName)
			if err != nil || d.Facts == nil {
				t.Fatal(d, err)
			}
			for _, ref := range d.Manifest.files() {
				if _, err := fs.Stat(filepath.Join(testDir, ref.Name)); err != nil {
					t.Errorf("%s is missing", ref.Name)
				}
			}
			for _, name := range []string{"appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"} {
				if _, err := fs.Stat(filepath.Join(testDir, name)); err != nil {
					t.Errorf("%s is missing although it is not known which manifest is in force", name)
				}
			}
			if _, err := fs.Stat(filepath.Join(testDir, "appendonly.aof.2.base.rdb")); (err == nil) != (failing == "syncdir after") {
				t.Errorf("the new base: %v", err)
			}
			fs.setBefore(nil)
			if err := l.man.dropHistory(0); err != nil {
				t.Error(err)
			}
			if _, err := fs.Stat(filepath.Join(testDir, "appendonly.aof.1.base.rdb")); (err == nil) != (failing != "syncdir after") {
				t.Errorf("the old base, when the disk is well again: %v", err)
			}
		})
	}
}

// I2, I10: a base is installed only when the log is durable up to its position, and only where an increment begins.
func TestInstallRefuses(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, No))
	defer l.Close(true)
	l.Commit(set("a", "1"), 0)
	for _, at := range []LSN{l.End(), 5} {
		path := l.TempName("rewrite")
		f, _ := fs.Create(path)
		f.Sync()
		if err := l.Install(NewBase{Path: path, At: at}); err == nil {
			t.Errorf("installed at %d", at)
		}
		if _, err := fs.Stat(path); err == nil {
			t.Error("the temporary file was left behind")
		}
	}
}
