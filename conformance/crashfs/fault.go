package crashfs

import (
	"errors"
	"math"
	"path"
	"slices"
)

// AfterSync is what a file is like after a sync of it has failed. In all cases only the first sync tells.
type AfterSync int

const (
	// MarkClean keeps the content readable and forgets that it is not on the disk: a later sync succeeds without writing
	// it, unless its sector is written again (Linux: ext4, XFS).
	MarkClean AfterSync = iota
	// KeepDirty keeps everything as it was: a later sync writes it (FreeBSD, ZFS).
	KeepDirty
	// Drop brings back what the disk holds: a reader sees the file as of the last good sync (btrfs; elsewhere once memory is
	// short).
	Drop
	// Partial wrote some sectors, and is like MarkClean for the rest.
	Partial
)

// Fault makes operations fail. The zero value makes the next operation of any kind fail with a nil error, so set Err.
type Fault struct {
	Op    Op     // kind of operation; Any: all kinds; Changing: all that change the disk, syncs included
	Name  string // path.Match pattern for the last part of the file's name (the name it was opened with); "": any
	Nth   int    // the first match that fails, counted from 1 from when the fault is injected; 0: as 1
	Times int    // how many matches in a row fail; 0: one; negative: all from there
	Err   error  // what the operation fails with, in a *fs.PathError: syscall.EIO, ENOSPC, EROFS, EACCES
	Short int    // bytes of a write that get through before it fails
	After AfterSync

	seen int
}

// Inject adds faults to the plan.
func (f *FS) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range faults {
		fault.seen = 0
		f.faults = append(f.faults, &fault)
	}
}

// Heal ends all faults.
func (f *FS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

func (x *Fault) hits(e *Event) bool {
	switch x.Op {
	case Any:
	case Changing:
		if !e.Op.Changes() {
			return false
		}
	default:
		if x.Op != e.Op {
			return false
		}
	}
	if x.Name != "" {
		if ok, _ := path.Match(x.Name, path.Base(e.Name)); !ok {
			return false
		}
	}
	x.seen++
	first := max(x.Nth, 1)
	return x.seen >= first && (x.Times < 0 || x.seen < first+max(x.Times, 1))
}

// injected carries the fault that made an operation fail to where its details matter.
type injected struct {
	error
	fault *Fault
}

func (i injected) Unwrap() error { return i.error }

func (f *FS) shortOf(err error) int {
	var i injected
	if errors.As(err, &i) {
		return i.fault.Short
	}
	return 0
}

func (f *FS) afterOf(err error) AfterSync {
	var i injected
	if errors.As(err, &i) {
		return i.fault.After
	}
	return KeepDirty
}

// SetSpace gives the disk room for so many bytes of file contents; negative: without end. A write that does not fit
// writes what does and fails with ENOSPC; removing and truncating give space back.
func (f *FS) SetSpace(limit int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space = limit
}

// takes is how many bytes of the space a file occupies.
func (n *inode) takes() int64 {
	if n.gone || n.isDir() {
		return 0
	}
	return max(int64(len(n.data)), n.room)
}

// resize does something that may change what a file takes up.
func (f *FS) resize(n *inode, do func()) {
	before := n.takes()
	do()
	n.mtime = int64(f.n)
	f.used += n.takes() - before
}

// release takes note that no name leads to n any more.
func (f *FS) release(n *inode) {
	if n != nil {
		f.used -= n.takes()
		n.gone = true
	}
}

// room is how large a file may become.
func (f *FS) room(n *inode) int64 {
	if f.space < 0 || n.gone {
		return math.MaxInt64
	}
	return n.takes() + max(f.space-f.used, 0)
}

// fails asks the plan.
func (f *FS) fails(e *Event) error {
	var hit *Fault
	for _, x := range slices.Clone(f.faults) {
		if x.hits(e) && hit == nil {
			hit = x
		}
	}
	if hit == nil {
		return nil
	}
	return pathError(e.Op, e.Name, injected{hit.Err, hit})
}
