package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"frankenredis/wal/disk"
)

// ringFile is an open commit ring. One goroutine at a time uses it.
//
// What is placed takes up room in both halves until it is given back in the order of placing. Room is never taken from what
// was not given back (I15).
type ringFile struct {
	f      disk.File
	twin   disk.Twin // writes faster than f; nil: it cannot be had here
	path   string
	half   int64      // bytes of each half
	head   int64      // where the next frame goes, unless it does not fit
	placed []ringSpan // oldest first
}

type ringSpan struct {
	off, size int64
	end       LSN
}

// RingName is the file name of a log's commit ring.
func RingName(name string) string { return name + ".ring.fr" }

var errNoFrame = errors.New("no frame")

// openRing opens a ring that is there as it should be; what it held was put into the increments before. Its name is made durable: whoever made it may
// have died before that. An error says that a new one must be made.
func openRing(fs disk.FS, dir, name string, half int64) (*ringFile, error) {
	path := filepath.Join(dir, RingName(name))
	f, err := fs.OpenReadWrite(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil && size != 2*half {
		err = fmt.Errorf("%s: %d bytes, wanted %d", path, size, 2*half)
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return newRingFile(fs, f, path, half), nil
}

func newRingFile(fs disk.FS, f disk.File, path string, half int64) *ringFile {
	r := &ringFile{f: f, path: path, half: half}
	if tfs, ok := fs.(disk.TwinFS); ok {
		if twin, err := tfs.OpenTwin(path); err == nil {
			r.twin = twin
		}
	}
	return r
}

// close closes the ring: everything in it that was acknowledged is synced.
func (r *ringFile) close() {
	if r.twin != nil {
		_ = r.twin.Close()
	}
	_ = r.f.Close()
}

// createRing makes a ring anew: every byte written, so that a later write changes nothing but bytes, and then durable under its name.
func createRing(fs disk.FS, dir, name string, half int64) (*ringFile, error) {
	path, temp := filepath.Join(dir, RingName(name)), filepath.Join(dir, tempPrefix+RingName(name))
	f, err := fs.Create(temp)
	if err != nil {
		return nil, err
	}
	err = f.Preallocate(0, 2*half)
	zeros := make([]byte, 256<<10)
	for at := int64(0); at < 2*half && err == nil; {
		var n int
		n, err = f.Write(zeros[:min(int64(len(zeros)), 2*half-at)])
		at += int64(n)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = fs.Rename(temp, path)
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), fs.Remove(temp))
	}
	return newRingFile(fs, f, path, half), nil
}

// free gives back what lies before position to.
func (r *ringFile) free(to LSN) {
	n := 0
	for n < len(r.placed) && r.placed[n].end <= to {
		n++
	}
	if n > 0 {
		r.placed = r.placed[:copy(r.placed, r.placed[n:])]
	}
}

// place finds room for size bytes that lie together.
func (r *ringFile) place(size int64) (off int64, ok bool) {
	if len(r.placed) == 0 {
		if r.head+size > r.half {
			return 0, size <= r.half
		}
		return r.head, true
	}
	switch tail := r.placed[0].off; {
	case r.head > tail && r.head+size <= r.half:
		return r.head, true
	case r.head > tail:
		return 0, size <= tail
	default: // at tail: full
		return r.head, r.head+size <= tail
	}
}

// usedFrom says how much of a half holds what lies behind position from and was not given back, in bytes, with what was lost at its end.
func (r *ringFile) usedFrom(from LSN) int64 {
	i, _ := slices.BinarySearchFunc(r.placed, from, func(s ringSpan, from LSN) int {
		if s.end <= from {
			return -1
		}
		return 1
	})
	if i == len(r.placed) {
		return 0
	}
	if n := r.head - r.placed[i].off; n > 0 {
		return n
	}
	return r.half + r.head - r.placed[i].off
}

// write puts p, from disk.Aligned and a whole number of frames that end the stream at end, at off in both halves and makes it durable. It
// calls meanwhile before it waits for the device.
func (r *ringFile) write(p []byte, off int64, end LSN, meanwhile func()) error {
	places := [2]int64{off, r.half + off}
	r.head = off + int64(len(p))
	r.placed = append(r.placed, ringSpan{off, int64(len(p)), end})
	if r.twin != nil {
		if err := r.twin.WriteTwice(p, places, meanwhile); err != nil {
			return &WriteError{Op: "fsync", Path: r.path, Cause: err}
		}
		return nil
	}
	for _, at := range places {
		if _, err := r.f.WriteAt(p, at); err != nil {
			return &WriteError{Op: "write", Path: r.path, Cause: err}
		}
	}
	meanwhile()
	if err := r.f.SyncData(); err != nil {
		return &WriteError{Op: "fsync", Path: r.path, Cause: err}
	}
	return nil
}

// alone says that nothing but the device makes write wait just now.
func (r *ringFile) alone() bool { return r.twin != nil && r.twin.Alone() }
