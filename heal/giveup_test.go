package heal

import (
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// I14: a cover that never was in force leaves nothing in the folder: each attempt on a full disk would leave as much. One that a copy of the catalog may
// name stays, and so does the one in force before.
func TestGrowGivenUp(t *testing.T) {
	const size = 20_000
	for _, c := range []struct {
		what  string
		fault crashfs.Fault
		left  int // generations
	}{
		{"no room for a cell", crashfs.Fault{Op: crashfs.Write, Name: "f.2.tail", Err: syscall.ENOSPC}, 1},
		{"no room for a slot", crashfs.Fault{Op: crashfs.Write, Name: "f.2.tail", Nth: 2, Err: syscall.ENOSPC}, 1},
		{"no second file", crashfs.Fault{Op: crashfs.Create, Name: "f.2.tail", Err: syscall.EIO}, 1},
		{"a sync", crashfs.Fault{Op: crashfs.SyncData, Name: "f.2.tail", Err: syscall.EIO}, 1},
		{"the folder's", crashfs.Fault{Op: crashfs.SyncDir, Name: Folder, Err: syscall.EIO}, 1},
		{"the catalog's", crashfs.Fault{Op: crashfs.Sync, Name: "catalog.1.tmp", Err: syscall.EIO}, 2},
	} {
		fsys := crashfs.New()
		fsys.Put("/d/f", strings.Repeat("x", size))
		s := open(t, fsys, "")
		cover := func() error {
			g, err := s.Grow("f")
			if err != nil {
				return err
			}
			defer g.Close()
			return g.Advance(size)
		}
		if err := cover(); err != nil {
			t.Fatal(err)
		}
		fsys.Inject(c.fault)
		if err := cover(); err == nil {
			t.Fatalf("%s: it did not fail", c.what)
		}
		names, err := fsys.List(s.dir())
		if err != nil {
			t.Fatal(err)
		}
		left := map[uint64]bool{}
		for _, name := range names {
			if _, generation, ok := parseSidecarName(name); ok {
				left[generation] = true
			}
		}
		if len(left) != c.left || !left[1] {
			t.Errorf("%s: left are %v", c.what, names)
		}
		for _, crashed := range []*crashfs.FS{fsys.Clone(), fsys.Crash(0), fsys.Crash(1)} {
			after, err := Open(options(crashed), false)
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			if r, err := after.Verify("f"); err != nil || r.State != Clean || r.Size != size {
				t.Errorf("%s: %+v, %v", c.what, r, err)
			}
		}
		if err := cover(); err != nil {
			t.Errorf("%s: again: %v", c.what, err)
		}
	}
}
