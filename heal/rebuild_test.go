package heal

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// With all copies of the catalog lost or damaged, it is made anew from the sidecars, and damage to the files is found and repaired as
// before. A copy of the old catalog that comes back does not win.
func TestRebuild(t *testing.T) {
	for _, key := range []string{"", "secret"} {
		want := randomBytes(8, 300_000)
		fsys, _ := covered(t, want, key)
		s := open(t, fsys, key)
		fsys.Put("/d/sub/g%", "growing so far")
		g, err := s.Grow("sub/g%")
		if err == nil {
			err = g.Advance(14)
		}
		if err != nil {
			t.Fatal(err)
		}
		g.Close()
		s.Close()
		old := content(t, fsys, catalogPath("/d", 2))
		for i := range copies {
			if i == 0 {
				fsys.Put(catalogPath("/d", i), "nothing")
			} else if err := fsys.Remove(catalogPath("/d", i)); err != nil {
				t.Fatal(err)
			}
		}
		fsys.Put("/d/f", string(flipped(want, 100_000)))
		fsys.Put("/d/sub/g%", "growing sO far")
		o := options(fsys)
		if key != "" {
			o.Key = []byte("another")
			if _, err := Rebuild(o); !errors.Is(err, ErrCatalog) {
				t.Errorf("with another key: %v", err)
			}
			o.Key = []byte(key)
		}
		if _, err := Open(o, false); !errors.Is(err, ErrCatalog) {
			t.Fatalf("it was opened: %v", err)
		}
		if s, err = Rebuild(o); err != nil {
			t.Fatal(err)
		}
		fsys.Put(catalogPath("/d", 1), string(old))
		s.Close()
		s = open(t, fsys, key)
		for _, name := range s.Names() {
			if r, err := s.Repair(name, false); err != nil || !r.Repaired {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
		if len(s.Names()) != 2 || !bytes.Equal(content(t, fsys, "/d/f"), want) || string(content(t, fsys, "/d/sub/g%")) != "growing so far" {
			t.Errorf("%v: not as covered", s.Names())
		}
		if e, err := s.Protect("f"); err != nil || e.Generation != 2 {
			t.Errorf("generation %d, %v", e.Generation, err)
		}
		s.Close()
	}
}

// A catalog or a sidecar that the disk does not give is not taken for lost: the catalog is not made anew without it, and once it is there
// again everything is covered as before. A cell of a sidecar that cannot be read is like a damaged one.
func TestUnreadIsNotLost(t *testing.T) {
	want := randomBytes(8, 300_000)
	fsys, sidecar := covered(t, want, "")
	fsys.Inject(crashfs.Fault{Op: crashfs.Open, Name: "catalog.*", Err: syscall.EIO, Times: copies})
	if _, err := Open(options(fsys), false); errors.Is(err, ErrCatalog) || !errors.Is(err, syscall.EIO) {
		t.Errorf("no copy of the catalog could be read: %v", err)
	}
	open(t, fsys, "").Close()

	for i := range copies {
		if err := fsys.Remove(catalogPath("/d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, op := range []crashfs.Op{crashfs.Open, crashfs.Sync, crashfs.Stat, crashfs.Read} {
		fsys.Inject(crashfs.Fault{Op: op, Name: "*.rs", Err: syscall.EIO, Times: -1})
		if s, err := Rebuild(options(fsys)); !errors.Is(err, syscall.EIO) {
			t.Fatalf("%v fails: %v", op, err)
			s.Close()
		}
		fsys.Heal()
		if _, err := fsys.Stat(catalogPath("/d", 0)); err == nil {
			t.Fatalf("%v failed, and there is a catalog", op)
		}
	}
	fsys.Inject(crashfs.Fault{Op: crashfs.Read, Name: "*.rs", Err: syscall.EIO, Times: 2}) // the window, and its first cell
	s, err := Rebuild(options(fsys))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fsys.Put("/d/f", string(flipped(want, 100_000)))
	if r, err := s.Repair("f", false); err != nil || !r.Repaired || !bytes.Equal(content(t, fsys, "/d/f"), want) {
		t.Errorf("%s: %+v, %v", sidecar, r, err)
	}
}

// I14: when a change reaches only some copies of the catalog, nobody knows which one a crash leaves. What is covered next takes neither the
// name of the sidecar that such a copy names nor that copy's number.
func TestI14HalfACatalog(t *testing.T) {
	want := randomBytes(9, 100_000)
	for nth := 1; nth <= 8; nth++ {
		fsys, _ := covered(t, want, "")
		s := open(t, fsys, "")
		op := []crashfs.Op{crashfs.Sync, crashfs.Rename, crashfs.SyncDir}[nth%3]
		fsys.Inject(crashfs.Fault{Op: op, Name: "", Nth: nth, Err: syscall.EIO})
		_, failed := s.Protect("f")
		fsys.Heal()
		at := fsys.Ops()
		fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
			if e.N <= at || !e.Op.Changes() {
				return
			}
			for seed := range uint64(4) {
				after, err := Open(options(freeze().Crash(seed)), false)
				if err != nil {
					t.Errorf("%v %d failed; a crash before %v: %v", op, nth, e, err)
					continue
				}
				if r, err := after.Verify("f"); err != nil || r.State != Clean || !r.Sidecar {
					t.Errorf("%v %d failed (%v); a crash %d before %v: %s, sidecar whole: %t, %v", op, nth, failed, seed, e, r.State, r.Sidecar, err)
				}
			}
		})
		if _, err := s.Protect("f"); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}
