package heal

import (
	"bytes"
	"errors"
	"testing"
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
