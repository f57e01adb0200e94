package heal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// The files of the sweep's tests: two change or grow and stay, one is lost and wanted, two are removed for good.
var (
	sweptStays = string(randomBytes(1, 70_000))
	sweptFiles = map[string]string{"/d/f": sweptStays, "/d/g": sweptStays[:9000], "/d/lost": "all there is of it", "/d/old": sweptStays[:5000], "/d/log.1": "dropped"}
)

func sweptGone(path string) bool { return path == "/d/old" || path == "/d/log.1" }
func nobody(string) bool         { return false }

// sweptLife covers the files, some anew and some no more, on a disk that refuses every change after the first few.
func sweptLife(fsys *crashfs.FS, changes int) error {
	for path, text := range sweptFiles {
		fsys.Put(path, text)
	}
	s, err := Open(options(fsys), true)
	if err != nil {
		return err
	}
	defer s.Close()
	s.o.FS = stopping{fsys, &changes, errors.New("stopped")}
	for _, name := range []string{"f", "lost", "old", "log.1", "f"} {
		if _, err = s.Protect(name); err != nil {
			return err
		}
	}
	g, err := s.Grow("g")
	for _, end := range []int64{5000, 9000} {
		if err == nil {
			err = g.Advance(end)
		}
	}
	if err == nil {
		err = s.Forget("old")
	}
	if err == nil {
		_, err = s.Protect("g")
	}
	return err
}

// openSwept opens the folder that a crash has left; nil: it had no sidecars yet.
func openSwept(t *testing.T, fsys *crashfs.FS) *Store {
	t.Helper()
	s, err := Open(options(fsys), true)
	if errors.Is(err, ErrCatalog) {
		s, err = Rebuild(options(fsys))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// held tells of each file that is to stay whether it is covered, and fails the test if what covers it is not what it was.
func held(t *testing.T, s *Store, fsys *crashfs.FS, what string) (covered string) {
	t.Helper()
	for _, name := range []string{"f", "g", "lost"} {
		if _, ok := s.Entry(name); !ok {
			continue
		}
		r, err := s.Verify(name)
		if err != nil || r.State != Clean && !(name == "lost" && r.State == Damaged) || !r.Sidecar {
			t.Fatalf("%s: %s: %+v, %v", what, name, r, err)
		}
		covered += " " + name
	}
	return covered
}

// Whatever change a crash comes at while files are covered, covered anew and forgotten, a sweep leaves no sidecar that nobody names, and each
// that somebody names: a file that is lost and wanted comes back from it. So it does when the sweep itself is cut short, at any change.
func TestSweepCrash(t *testing.T) {
	sweeps, step := 0, 1
	if testing.Short() {
		step = 5
	}
	for stop := 0; ; stop += step {
		fsys := crashfs.New()
		ended := sweptLife(fsys, stop)
		fsys = fsys.Crash(uint64(stop))
		for _, name := range []string{"/d/lost", "/d/old", "/d/log.1"} {
			if err := fsys.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := fsys.SyncDir("/d"); err != nil {
			t.Fatal(err)
		}
		s := openSwept(t, fsys)
		what := fmt.Sprintf("stopped at change %d", stop)
		covered := held(t, s, fsys, what)
		s.Close()
		for left, done := 0, false; !done; left++ {
			cut := fsys.Crash(uint64(left))
			what := fmt.Sprintf("%s, the sweep at change %d", what, left)
			s := openSwept(t, cut)
			changes := left
			s.o.FS = stopping{cut, &changes, errors.New("stopped")}
			_, err := s.Sweep(sweptGone, nobody)
			if done = err == nil; done {
				sweeps += left
				s.o.FS = cut
				lookSwept(t, s, cut, what)
			}
			s.Close()
			after := cut.Crash(uint64(stop + left))
			s = openSwept(t, after)
			if got := held(t, s, after, what); got != covered {
				t.Fatalf("%s: covered are%s, and were%s", what, got, covered)
			}
			if _, ok := s.Entry("lost"); ok {
				if r, err := s.Repair("lost", false); err != nil || !r.Repaired || string(content(t, after, "/d/lost")) != sweptFiles["/d/lost"] {
					t.Fatalf("%s: %+v, %v", what, r, err)
				}
			}
			s.Close()
		}
		if ended == nil {
			if stop < 50 || sweeps*step < 100 {
				t.Fatalf("only %d changes, and %d of sweeps", stop, sweeps)
			}
			return
		}
	}
}

// lookSwept holds a folder against what a sweep is to leave of it.
func lookSwept(t *testing.T, s *Store, fsys *crashfs.FS, what string) {
	t.Helper()
	for _, name := range []string{"old", "log.1"} {
		if e, ok := s.Entry(name); ok {
			t.Fatalf("%s: %s is covered: %+v", what, name, e)
		}
	}
	for file := range fsys.Tree() {
		base := path.Base(file)
		if !strings.HasPrefix(strings.TrimPrefix(file, "/"), "d/heal/") || base == "lock" || strings.HasPrefix(base, catalogName) && !strings.HasSuffix(base, ".tmp") {
			continue
		}
		name, generation, ok := parseSidecarName(base)
		e, covered := s.Entry(name)
		if !ok || sweptGone("/d/"+name) || covered && e.Generation != generation {
			t.Fatalf("%s: %s was left", what, base)
		}
	}
}

// A sidecar is not swept that is being made, nor one of a file that is there, nor one whose name is not ours. Copies of the catalog that
// are behind are made to name what is left.
func TestSweepKeeps(t *testing.T) {
	fsys := crashfs.New()
	if err := sweptLife(fsys, 1<<30); err != nil {
		t.Fatal(err)
	}
	behind := content(t, fsys, catalogPath("/d", 2))
	keep := map[string]string{"g.9.tail": "", "g.9.rs": "", "notes": "", "x.y.rs": "", "other.1.rs": ""}
	drop := map[string]string{"f.1.rs": "", "f.2.rs.tmp": "", "catalog.3.tmp": "", "g.1.rs": "", "old.7.rs": "", "log.1.8.tail": ""}
	for _, files := range []map[string]string{keep, drop} {
		for name := range files {
			fsys.Put("/d/heal/"+name, "something")
		}
	}
	fsys.Put("/d/other", "not covered, and there")
	for _, name := range []string{"f", "lost", "other"} {
		fsys.Put("/d/"+name+unfinishedSuffix, "half a repair") // the last is nobody's that is known
	}
	if err := fsys.Remove("/d/old"); err != nil {
		t.Fatal(err)
	}
	s := open(t, fsys, "")
	if err := s.change(func(map[string]Entry) {}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	fsys.Put(catalogPath("/d", 2), string(behind))
	s = open(t, fsys, "")
	done, err := s.Sweep(sweptGone, func(name string) bool { return name == "g" })
	if err != nil || done.Removed != len(drop)+2 || len(done.Forgotten) > 0 {
		t.Errorf("%+v, %v", done, err)
	}
	content(t, fsys, "/d/other"+unfinishedSuffix)
	for name := range keep {
		content(t, fsys, "/d/heal/"+name)
	}
	for i := range copies {
		if !bytes.Equal(content(t, fsys, catalogPath("/d", i)), content(t, fsys, catalogPath("/d", 0))) {
			t.Errorf("copy %d of the catalog is another", i)
		}
	}
	if done, err = s.Sweep(sweptGone, nobody); err != nil || done.Removed != 2 {
		t.Errorf("%+v, %v", done, err)
	}
}

// deaf is a disk that says of one path nothing but that it cannot be read.
type deaf struct {
	disk.FS
	path string
}

func (d deaf) Stat(name string) (fs.FileInfo, error) {
	if name == d.path {
		return nil, syscall.EIO
	}
	return d.FS.Stat(name)
}

// A folder of sidecars that the disk does not give keeps a server from starting, and so does a lost catalog whose sidecars it does not give: what
// they cover would count as uncovered. One bad catalog of three, or a folder that may only be read, does not.
func TestOpenThere(t *testing.T) {
	fsys := crashfs.New()
	if err := sweptLife(fsys, 1<<30); err != nil {
		t.Fatal(err)
	}
	try := func(what string, over disk.FS, want string) {
		t.Helper()
		o := options(fsys)
		if o.FS = over; over == nil {
			o.FS = fsys
		}
		s, lost, why, err := OpenThere(o)
		got := "refused"
		switch {
		case err == nil && s == nil && why == nil:
			got = "none"
		case err == nil && s != nil:
			got = fmt.Sprintf("%d files, writes %t, lost %t", len(s.Names()), s.Writes(), lost)
		}
		if s != nil {
			_ = s.Close()
		}
		if got != want {
			t.Errorf("%s: %s, want %s (%v, %v)", what, got, want, why, err)
		}
		fsys.Heal()
	}
	fault := func(op crashfs.Op, name string, err error) {
		fsys.Inject(crashfs.Fault{Op: op, Name: name, Times: -1, Err: err})
	}
	s, err := Open(options(fsys), false)
	if err != nil {
		t.Fatal(err)
	}
	files := len(s.Names())
	whole := fmt.Sprintf("%d files, writes true, lost false", files)
	try("all is well", nil, whole)
	try("the folder", deaf{fsys, "/d/heal"}, "refused")
	fault(crashfs.Any, "catalog.1", syscall.EIO)
	try("one catalog", nil, whole)
	fault(crashfs.Read, "catalog.?", syscall.EIO)
	try("all catalogs", nil, "refused")
	fault(crashfs.Changing, "", syscall.EROFS)
	try("nothing may be written", nil, fmt.Sprintf("%d files, writes false, lost false", files))
	for i := range copies {
		fsys.Put(catalogPath("/d", i), "damaged")
	}
	fault(crashfs.Read, "*.rs", syscall.EIO)
	try("no catalog, and no sidecar", nil, "refused")
	try("no catalog", nil, fmt.Sprintf("%d files, writes true, lost true", files))
	fsys = crashfs.New()
	fsys.Put("/d/file", "uncovered")
	try("no folder", nil, "none")
}

// A file of which the disk says nothing is not gone, whoever may think so.
func TestSweepUnreadable(t *testing.T) {
	for _, path := range []string{"/d/log.1", "/d/old"} { // one is covered, of the other there is a sidecar that nobody names
		fsys := crashfs.New()
		if err := sweptLife(fsys, 1<<30); err != nil {
			t.Fatal(err)
		}
		fsys.Put("/d/heal/old.7.rs", "something")
		for _, path := range []string{"/d/log.1", "/d/old"} {
			if err := fsys.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		o := options(fsys)
		o.FS = deaf{fsys, path}
		s, err := Open(o, true)
		if err != nil {
			t.Fatal(err)
		}
		done, err := s.Sweep(sweptGone, nobody)
		_, covered := s.Entry("log.1")
		_, err2 := fsys.Stat("/d/heal/old.7.rs")
		if err != nil || covered != (path == "/d/log.1") || (err2 == nil) != (path == "/d/old") {
			t.Errorf("%s: %+v, %v, %v", path, done, err, err2)
		}
	}
}

// What a repair that was cut short has left beside a file goes when that is forgotten, and durably: nobody would look for it any more.
func TestForgetUnfinished(t *testing.T) {
	fsys := crashfs.New()
	if err := sweptLife(fsys, 1<<30); err != nil {
		t.Fatal(err)
	}
	fsys.Put("/d/f"+unfinishedSuffix, "half a repair")
	s := open(t, fsys, "")
	if err := s.Forget("f"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if at := unfinishedFiles(fsys.Crash(0)); len(at) > 0 {
		t.Errorf("%v is left", at)
	}
}

// syncedDirs counts how often folders are synced.
type syncedDirs struct {
	disk.FS
	n int
}

func (s *syncedDirs) SyncDir(dir string) error {
	s.n++
	return s.FS.SyncDir(dir)
}

// The room of a large file that was removed is given back piece by piece only once its folder is synced; a small one's needs no sync.
func TestLargeSidecarIsGivenBack(t *testing.T) {
	for size, syncs := range map[int64]int{1 << 20: 0, disk.LargeFile: 1} {
		o := options(crashfs.New())
		counted := &syncedDirs{FS: o.FS}
		o.FS = counted
		s, err := Open(o, true)
		if err != nil {
			t.Fatal(err)
		}
		e := Entry{K: Profile64x8.K, M: Profile64x8.M, Generation: 1}
		f, err := o.FS.Create(s.sidecarPath("f", e))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		f.Close()
		counted.n = 0
		if err := s.unlinkSidecar("f", e); err != nil || counted.n != syncs {
			t.Errorf("of %d bytes: %v, %d syncs of the folder, not %d", size, err, counted.n, syncs)
		}
		s.Close()
	}
}
