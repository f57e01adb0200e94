package heal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"frankenredis/conformance/crashfs"
)

// I14: a crash at any change on the way to the first cover leaves no sidecars without a catalog: with a key they would be taken for those of another
// one, which keeps a server from starting, and what is not whole yet for a cover in force.
func TestFirstCover(t *testing.T) {
	grow := func(s *Store) error {
		g, err := s.Grow("f")
		if err == nil {
			err = errors.Join(g.Advance(9000), g.Close())
		}
		return err
	}
	protect := func(s *Store) error {
		_, err := s.Protect("f")
		return err
	}
	for _, key := range []string{"", "a key"} {
		for i, cover := range []func(s *Store) error{grow, protect} {
			stops := 0
			for err := errors.New("none yet"); err != nil; stops++ {
				fsys, left := crashfs.New(), stops
				fsys.Put("/d/f", strings.Repeat("x", 9000))
				o := options(fsys)
				if key != "" {
					o.Key = []byte(key)
				}
				o.FS = stopping{fsys, &left, errors.New("stopped")}
				var s *Store
				if s, err = Open(o, true); err == nil {
					err = errors.Join(cover(s), s.Close())
				}
				afterFirstCover(t, fmt.Sprintf("key %q, way %d, %d changes, killed", key, i, stops), o, fsys.Clone())
				for seed := range uint64(12) {
					afterFirstCover(t, fmt.Sprintf("key %q, way %d, %d changes, power loss %d", key, i, stops, seed), o, fsys.Crash(seed))
				}
			}
			if stops < 15 {
				t.Errorf("only %d changes", stops)
			}
		}
	}
}

// afterFirstCover starts from a disk on which a first cover may or may not be.
func afterFirstCover(t *testing.T, what string, o Options, fsys *crashfs.FS) {
	t.Helper()
	o.FS = fsys
	s, lost, why, err := OpenThere(o)
	if s == nil && err == nil && why == nil {
		return
	}
	if err != nil || why != nil || lost {
		t.Fatalf("%s: %v, %v, lost: %t", what, err, why, lost)
	}
	defer s.Close()
	for _, name := range s.Names() {
		if r, err := s.Verify(name); err != nil || r.State != Clean || r.Size != 9000 {
			t.Fatalf("%s: %+v, %v", what, r, err)
		}
	}
}
