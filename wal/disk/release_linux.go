package disk

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A file that loses its last name gives all its blocks back in that one call. Where the file system tells the device so at once (mount option
// discard), half a gigabyte keeps the device busy for a tenth of a second, and whoever else needs the file system to give back a single
// block stands behind it: a write to the log did, for 25 ms, with every reply behind it. So Rename and Remove keep hold of a large file that they
// take the last name from, and its blocks go back piece by piece.
//
// That is only done to a file that nobody can miss:
//
//   - Its folder has been synced since. Before that a power loss may bring the name back, and what the name leads to must be whole.
//   - It has no other name. A backup may be a hard link.
//   - Nobody else has it open. A copy that was under way goes on to its end.
//
// If one of them does not hold within two seconds, or somebody finds no room meanwhile, the file is closed, whole: then happens what would have
// happened anyway.

const (
	// LargeFile is how many bytes a file takes, from which on it is given back in pieces.
	LargeFile = 16 << 20

	releasePiece = 1 << 20 // bytes: with discard it keeps the device busy for half a millisecond
	releaseRest  = 500 * time.Microsecond
	releaseAfter = 2 * time.Second
)

// released is what the file system of the operating system gives back.
var released = releases{piece: releasePiece, after: releaseAfter}

// releases are files without a name whose blocks are still taken. All methods may be called from any goroutine; that of run lives while there are
// any.
type releases struct {
	piece int64         // bytes given back at a time
	after time.Duration // a file whose folder is not synced by then is closed

	mu    sync.Mutex
	files []*nameless // guarded by mu
	hurry bool        // nothing takes its time any more; guarded by mu
}

// nameless is a file that has lost a name.
type nameless struct {
	*os.File
	dir    string
	at     time.Time
	synced bool // dir, since then; guarded by releases.mu
	dev    uint64
}

// hold opens the file that is about to lose name, if it is large and this may be its only one. nil: there is nothing to keep hold of.
func hold(name string) *os.File {
	var st unix.Stat_t
	if unix.Lstat(name, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1 || st.Blocks*512 < LargeFile {
		return nil
	}
	var sys unix.Statfs_t
	// Others free in the background, or do not know whether somebody has the file open, or (NFS) would give it another name meanwhile.
	if unix.Statfs(name, &sys) != nil || sys.Type != unix.EXT4_SUPER_MAGIC && sys.Type != unix.XFS_SUPER_MAGIC {
		return nil
	}
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	return f
}

// drop takes over f, which has lost its name in dir.
func (r *releases) drop(f *os.File, dir string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &nameless{File: f, dir: filepath.Clean(dir), at: time.Now()}
	n.dev, _, _ = look(f)
	r.files = append(r.files, n)
	if len(r.files) == 1 {
		go r.run()
	}
}

// dropped returns what has lost its name in dir, which is about to be synced.
func (r *releases) dropped(dir string) (those []*nameless) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		if f.dir == filepath.Clean(dir) {
			those = append(those, f)
		}
	}
	return those
}

// synced says that the folder of those was synced after they had lost their names.
func (r *releases) synced(those []*nameless) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range those {
		f.synced = true
	}
}

// run gives back what there is, and ends.
func (r *releases) run() {
	for {
		f, gentle := r.next()
		switch {
		case f == nil:
			time.Sleep(10 * time.Millisecond)
			continue
		case gentle && alone(f.File):
			r.shrink(f.File)
		}
		f.Close()
		r.mu.Lock()
		r.files = slices.DeleteFunc(r.files, func(g *nameless) bool { return g == f })
		done := len(r.files) == 0
		if done {
			r.hurry = false
		}
		r.mu.Unlock()
		if done {
			return
		}
	}
}

// next returns what is to be given back now, and whether piece by piece. nil: nothing yet.
func (r *releases) next() (f *nameless, gentle bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		if r.hurry || f.synced || time.Since(f.at) > r.after {
			return f, f.synced && !r.hurry
		}
	}
	return nil, false
}

// alone says whether nobody can reach the file any more but through f: only then a lease for writing is given.
func alone(f *os.File) bool {
	if _, names, _ := look(f); names != 0 {
		return false
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return false
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err == nil
}

// shrink gives all of f back but its first piece, from the end on, and rests behind each piece as long as that took: half of the device's time is
// others'.
func (r *releases) shrink(f *os.File) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	// From a whole piece on: a part of a block would be read first.
	for size := (info.Size() - 1) / r.piece * r.piece; size > 0 && !r.hurrying(); size -= r.piece {
		begun := time.Now()
		syncs.Add(1) // whoever must not wait for the device keeps away
		err := f.Truncate(size)
		syncs.Add(-1)
		if err != nil {
			return
		}
		time.Sleep(max(time.Since(begun), releaseRest))
	}
}

func (r *releases) hurrying() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hurry
}

// look returns the device of a file, how many names it has, and the bytes that it takes; if they cannot be told, that it has one.
func look(f *os.File) (dev uint64, names uint64, bytes int64) {
	info, err := f.Stat()
	if err != nil {
		return 0, 1, 0
	}
	st := info.Sys().(*syscall.Stat_t)
	return st.Dev, uint64(st.Nlink), st.Blocks * 512
}

// taken returns the bytes that are still to be given back on a device.
func (r *releases) taken(dev uint64) (sum int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		if _, names, bytes := look(f.File); f.dev == dev && names == 0 {
			sum += bytes
		}
	}
	return sum
}

// finish gives back at once what there is.
func (r *releases) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for those := slices.Clone(r.files); slices.ContainsFunc(those, func(f *nameless) bool { return slices.Contains(r.files, f) }); r.mu.Lock() {
		r.hurry = true // run ends it with the last file, and others may have come since
		r.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// makeRoom repeats a call for which there was no room, once there is what was being given back.
func makeRoom(call func() error) error {
	err := call()
	if isFull(err) {
		released.finish()
		err = call()
	}
	return err
}

// isFull says whether an error is that of a full disk, or of a quota.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
