package heal

import (
	"errors"
	"fmt"
)

// Was returns the bytes of a file as they are covered, at most most, whatever stands there now. ErrBeyond: they cannot be had any more.
func (s *Store) Was(name string, most int64) ([]byte, error) {
	var was []byte
	r, err := s.examine(name, func(off int64, p []byte, _ []Range, _ []byte) error {
		if off+int64(len(p)) > most {
			return fmt.Errorf("%s: more than %d bytes are covered", s.path(name), most)
		}
		was = append(was, p...)
		return nil
	})
	if err == nil && r.State == Beyond {
		err = fmt.Errorf("%s: %w", s.path(name), ErrBeyond)
	}
	if err != nil {
		return nil, err
	}
	return was, nil
}

// Keep puts what Was returned of a file into the quarantine, durably, and returns where: another file is about to be covered in its place.
func (s *Store) Keep(name string, was []byte) (path string, err error) {
	e, ok := s.cat.entries[name]
	if !ok {
		return "", fmt.Errorf("%s: %w", s.path(name), ErrUncovered)
	}
	r := Report{Name: name}
	if err := s.quarantine(&r, e, 0, was); err != nil {
		return "", err
	}
	return r.Quarantine[0], errors.Join(s.o.FS.SyncDir(s.pen()), s.o.FS.SyncDir(s.dir()))
}
