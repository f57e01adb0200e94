package heal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"frankenredis/wal/disk"
)

// Repair brings a file back to what its cover says, if all of it can be brought back, and makes its sidecar whole again. In a file that
// has all its bytes the damaged cells are overwritten: that costs what reading the file once costs, and one that is cut short leaves less
// damage than there was. Else, and where the file may not be written, a new one takes its place when it was read again and gives the
// root; if there is no room for one the rest is done in place, too. The bytes replaced go to the quarantine first.
// Bytes behind the covered ones stay as they are, unless cut says that they too go to the quarantine. Beyond the budget
// nothing is changed: ErrBeyond, with the report.
func (s *Store) Repair(name string, cut bool) (Report, error) {
	r, err := s.Verify(name)
	if err != nil {
		return r, err
	}
	return s.RepairFound(r, cut)
}

// RepairFound is Repair for what Verify has just reported; if the file is another by now, nothing is changed.
func (s *Store) RepairFound(r Report, cut bool) (Report, error) {
	name := r.Name
	e, ok := s.cat.entries[name]
	if !ok {
		return r, fmt.Errorf("%s: %w", s.path(name), ErrUncovered)
	}
	switch r.State {
	case Beyond:
		return r, fmt.Errorf("%s: %w", s.path(name), ErrBeyond)
	case Extended:
		if !cut && r.Sidecar {
			return r, nil
		}
	case Clean:
		return r, nil
	}
	if s.o.Allow != nil {
		if err := s.o.Allow(s.path(name)); err != nil {
			return r, err
		}
	}
	if _, err := s.dropUnfinished(name); err != nil { // first, for it may take up the room that this one needs
		return r, err
	}
	if e.Growing {
		return s.repairGrowing(r, e)
	}
	if r.State == Damaged || r.State == Extended && cut {
		if err := s.mendSealed(&r, e, cut); err != nil {
			return r, err
		}
	}
	if !r.Sidecar {
		_, err := s.writeSidecar(name, e, nil, func(root Sum) error {
			if root != e.Root {
				return fmt.Errorf("%s: %w", s.path(name), ErrNotReal)
			}
			return nil
		})
		if err != nil {
			return r, err
		}
	}
	r.Repaired = true
	return r, nil
}

// mendSealed overwrites what is damaged, and replaces the file where that is not enough: it lacks bytes or has some to be cut, may not be
// written, or the disk does not give back what was written there. Without room for a second copy all is done in place.
func (s *Store) mendSealed(r *Report, e Entry, cut bool) error {
	if r.Found == r.Size || r.Found > r.Size && !cut {
		err := s.mendInPlace(r, e, false)
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrNotReal) {
			return err
		}
		r.Quarantine = nil
		return s.rewrite(r, e, cut)
	}
	err := s.rewrite(r, e, cut)
	if r.Found < 0 || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	r.Quarantine = nil
	return s.mendInPlace(r, e, cut)
}

// rewrite replaces the file by one that is as covered.
func (s *Store) rewrite(r *Report, e Entry, cut bool) error {
	path := s.path(r.Name)
	tmp := path + unfinishedSuffix
	if err := s.o.FS.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := s.o.FS.Create(tmp)
	if err != nil {
		return err
	}
	err = s.mend(f, r, e, cut)
	if err = errors.Join(err, f.Close()); err == nil && s.o.Finish != nil {
		err = s.o.Finish(tmp, path)
	}
	if err == nil {
		err = s.o.FS.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, s.o.FS.Remove(tmp)) // it may be large, and the disk full
	}
	return s.o.FS.SyncDir(filepath.Dir(path))
}

// mend writes the file as covered to f, what it replaces to the quarantine, syncs both and proves the result.
func (s *Store) mend(f disk.File, r *Report, e Entry, cut bool) error {
	again, err := s.examine(r.Name, func(off int64, p []byte, bad []Range, was []byte) error {
		if _, err := f.WriteAt(p, off); err != nil {
			return err
		}
		for _, g := range bad {
			n := min(g.Bytes, r.Found-g.Pos)
			if n <= 0 {
				continue
			}
			if err := s.quarantine(r, e, g.Pos, was[g.Pos-off:g.Pos-off+n]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if again.State == Beyond || again.Found != r.Found {
		return fmt.Errorf("%s: %w", s.path(r.Name), ErrNotReal)
	}
	if r.Found > r.Size {
		if err := s.tail(f, r, e, cut); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if len(r.Quarantine) > 0 {
		if err := errors.Join(s.o.FS.SyncDir(s.pen()), s.o.FS.SyncDir(s.dir())); err != nil {
			return err
		}
	}
	return s.prove(f, e)
}

// tail copies what stands behind the covered bytes to f, or to the quarantine.
func (s *Store) tail(f disk.File, r *Report, e Entry, cut bool) error {
	old, err := s.o.FS.Open(s.path(r.Name))
	if err != nil {
		return err
	}
	defer old.Close()
	buf := make([]byte, 1<<20)
	for pos := r.Size; pos < r.Found; {
		n, err := old.ReadAt(buf[:min(int64(len(buf)), r.Found-pos)], pos)
		if n == 0 {
			return fmt.Errorf("%s: read at %d: %w", s.path(r.Name), pos, errors.Join(err, io.ErrUnexpectedEOF))
		}
		if cut {
			err = s.quarantine(r, e, pos, buf[:n])
		} else {
			_, err = f.WriteAt(buf[:n], pos)
		}
		if err != nil {
			return err
		}
		pos += int64(n)
	}
	return nil
}

// cutTail cuts what stands behind the covered bytes of f when it is durable in the quarantine.
func (s *Store) cutTail(f disk.File, r *Report, e Entry) error {
	if err := s.tail(f, r, e, true); err != nil {
		return err
	}
	if err := errors.Join(s.o.FS.SyncDir(s.pen()), s.o.FS.SyncDir(s.dir())); err != nil {
		return err
	}
	return f.Truncate(r.Size)
}

func (s *Store) pen() string { return filepath.Join(s.dir(), "quarantine") }

// quarantine keeps bytes that are about to be replaced. What a repair before, cut short, has kept there is not overwritten: it may have
// replaced some of that already.
func (s *Store) quarantine(r *Report, e Entry, pos int64, p []byte) error {
	if err := s.o.FS.MkdirAll(s.pen()); err != nil {
		return err
	}
	name := fmt.Sprintf("%s.%d.%d", flat(r.Name), e.Generation, pos)
	path := filepath.Join(s.pen(), name)
	f, err := s.o.FS.CreateNew(path)
	for n := 1; errors.Is(err, fs.ErrExist); n++ {
		if kept, err := s.keeps(path, p); kept || err != nil {
			r.Quarantine = append(r.Quarantine, path)
			return err
		}
		path = filepath.Join(s.pen(), fmt.Sprintf("%s.%d", name, n))
		f, err = s.o.FS.CreateNew(path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	if err == nil {
		err = f.Sync()
	}
	r.Quarantine = append(r.Quarantine, path)
	return errors.Join(err, f.Close())
}

// keeps tells whether a file in the quarantine is p, and makes that durable. What is read may be a page whose sync failed, which the kernel
// counts as clean since, and whose next sync says nothing: so p is written once more. It still stands in the file that is repaired,
// should this write be torn; a longer file, of which that may not be so any more, is left alone.
func (s *Store) keeps(path string, p []byte) (kept bool, err error) {
	f, err := s.o.FS.OpenReadWrite(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil || size != int64(len(p)) {
		return false, err
	}
	was := make([]byte, len(p))
	if n, err := f.ReadAt(was, 0); n < len(p) && err != nil && err != io.EOF {
		return false, err
	}
	if !bytes.Equal(was, p) {
		return false, nil
	}
	if _, err := f.WriteAt(p, 0); err != nil {
		return false, err
	}
	return true, f.Sync()
}

// prove reads a repaired file again, by itself, and compares its root with the catalog's.
func (s *Store) prove(f disk.File, e Entry) error {
	sh := e.shape()
	v := &examination{s: s, e: e, sh: sh, f: f, cells: s.d.cells(e.bound())}
	v.x = &index{tables: make([][]byte, sh.stripes())}
	if err := v.anchor(); err != nil {
		return err
	}
	if v.unproved {
		return fmt.Errorf("%s: %w", f.Name(), ErrNotReal)
	}
	return nil
}

// repairGrowing mends a file that grows where it stands: whoever appends to it has it open and would go on in the old one if it
// were replaced. Only damaged cells are written, so a repair that is cut short leaves less damage than there was.
func (s *Store) repairGrowing(r Report, e Entry) (Report, error) {
	if r.State == Damaged {
		if err := s.mendInPlace(&r, e, false); err != nil {
			return r, err
		}
	}
	if !r.Sidecar {
		g, err := s.Grow(r.Name)
		if err != nil {
			return r, err
		}
		if err := errors.Join(g.Advance(r.Size), g.Close()); err != nil {
			return r, err
		}
	}
	r.Repaired = true
	return r, nil
}

// mendInPlace overwrites the damaged cells of a file, all of which can be brought back, and then with cut what stands behind the covered bytes
// goes to the quarantine. Only the stripes that have some are read again.
func (s *Store) mendInPlace(r *Report, e Entry, cut bool) error {
	path := s.path(r.Name)
	f, err := s.o.FS.OpenReadWrite(path)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = s.o.FS.CreateNew(path); err == nil {
			err = s.o.FS.SyncDir(filepath.Dir(path))
		}
	}
	if err != nil {
		return err
	}
	only := r.Bad
	if r.Found < r.Size || len(only) == maxRanges {
		only = nil
	}
	again, err := s.examineStripes(r.Name, only, func(off int64, p []byte, bad []Range, was []byte) error {
		// The old bytes are durable elsewhere before the first of them is overwritten.
		for _, g := range bad {
			if n := min(g.Bytes, r.Found-g.Pos); n > 0 {
				if err := s.quarantine(r, e, g.Pos, was[g.Pos-off:g.Pos-off+n]); err != nil {
					return err
				}
			}
		}
		if len(bad) > 0 && len(r.Quarantine) > 0 {
			if err := errors.Join(s.o.FS.SyncDir(s.pen()), s.o.FS.SyncDir(s.dir())); err != nil {
				return err
			}
		}
		for _, g := range bad {
			if _, err := f.WriteAt(p[g.Pos-off:g.Pos-off+g.Bytes], g.Pos); err != nil {
				return err
			}
		}
		return nil
	})
	if found := max(r.Found, 0); err == nil && (again.State == Beyond || again.Found < found || again.Found > found && !e.Growing) {
		err = fmt.Errorf("%s: %w", path, ErrNotReal)
	}
	if err == nil && cut && r.Found > r.Size {
		err = s.cutTail(f, r, e)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if again, err = s.examineStripes(r.Name, only, nil); err == nil && (again.Cells > 0 || again.Found < again.Size) {
		err = fmt.Errorf("%s: %w", path, ErrNotReal)
	}
	return err
}
