package heal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Swept is what Sweep did.
type Swept struct {
	Forgotten []string // names of files that are gone for good
	Removed   int      // files that nobody names
}

// Sweep clears up behind crashes. A covered file that is not there is forgotten if gone says of its path that nobody will ask for it
// again; every other one stays covered, for its sidecar may be all there is of it. Then what the catalog does not name is removed:
// unfinished files, those of repairs beside what they were to repair, and sidecars of other generations, or of files that are neither covered nor there and that gone says are not wanted.
// First all copies of the catalog are made to say the same, so that none that comes to count later names what was removed. busy says which
// files are followed as they grow: the newest generation of those may not be named yet.
func (s *Store) Sweep(gone func(path string) bool, busy func(name string) bool) (done Swept, err error) {
	if _, err := s.MendCatalog(); err != nil {
		return done, err
	}
	for _, name := range s.Names() {
		dropped, err := s.dropUnfinished(name)
		if err != nil {
			return done, err
		}
		if dropped {
			done.Removed++
		}
		if !busy(name) && s.missing(s.path(name)) && gone(s.path(name)) {
			done.Forgotten = append(done.Forgotten, name)
		}
	}
	_, err = s.batch(func() error {
		for _, name := range done.Forgotten {
			if err := s.Forget(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	files, err := s.o.FS.List(s.dir())
	if err != nil {
		return done, err
	}
	for _, file := range files {
		if !s.stray(file, gone, busy) {
			continue
		}
		if err := s.o.FS.Remove(filepath.Join(s.dir(), file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return done, err
		}
		done.Removed++
	}
	return done, nil // what a crash brings back is swept away again
}

// unfinishedSuffix ends the name of what a repair writes, beside the file whose place it is to take.
const unfinishedSuffix = ".heal.tmp"

// dropUnfinished removes, durably, what a repair of a file that was cut short has left beside it, and tells whether there was something.
func (s *Store) dropUnfinished(name string) (dropped bool, err error) {
	tmp := s.path(name) + unfinishedSuffix
	if _, err := s.o.FS.Stat(tmp); err != nil {
		return false, nil // where a disk that may only be read would refuse to remove it
	}
	if err := s.o.FS.Remove(tmp); err != nil {
		return false, err
	}
	return true, s.o.FS.SyncDir(filepath.Dir(tmp))
}

// missing tells whether there is no file at path. Where that cannot be said there may be one.
func (s *Store) missing(path string) bool {
	_, err := s.o.FS.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// stray tells whether a file in the folder is one that a crash left behind.
func (s *Store) stray(file string, gone func(path string) bool, busy func(name string) bool) bool {
	whole, unfinished := strings.CutSuffix(file, ".tmp")
	if unfinished && strings.HasPrefix(whole, catalogName) {
		return true
	}
	name, generation, ok := parseSidecarName(whole)
	if !ok || unfinished {
		return ok
	}
	if e, covered := s.cat.entries[name]; covered {
		return generation < e.Generation || generation > e.Generation && !busy(name)
	}
	return !busy(name) && s.missing(s.path(name)) && gone(s.path(name))
}

// parseSidecarName is the inverse of sidecarPath and tailPath, of the last element.
func parseSidecarName(file string) (name string, generation uint64, ok bool) {
	rest, ok := strings.CutSuffix(file, ".rs")
	if !ok {
		rest, ok = strings.CutSuffix(file, ".tail")
	}
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return "", 0, false
	}
	generation, err := strconv.ParseUint(rest[dot+1:], 10, 63)
	name = unflat(rest[:dot])
	return name, generation, err == nil && checkName(name) == nil
}

// Sweep has covered files forgotten that are gone for good, and what crashes left in the folder removed. A Keeper begins with it, too.
func (k *Keeper) Sweep() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweepAt = time.Now()
	k.ring()
}

func (k *Keeper) sweep() {
	k.mu.Lock()
	k.sweepAt = time.Time{}
	k.mu.Unlock()
	done, err := k.store.Sweep(k.o.Gone, func(name string) bool {
		path := k.store.path(name)
		return k.grown[path] != nil || k.follows(path)
	})
	if err != nil {
		k.fail(k.o.Store.Root, err)
	}
	k.mu.Lock()
	k.count()
	k.mu.Unlock()
	for _, name := range done.Forgotten {
		k.found(k.store.path(name), nil)
	}
	if len(done.Forgotten) > 0 || done.Removed > 0 {
		k.o.Told(KeeperEvent{Kind: SweptFolder, Path: k.store.dir(), Swept: done})
	}
}
