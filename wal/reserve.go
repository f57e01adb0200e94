package wal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"frankenredis/wal/disk"
)

// ReserveName is the file name of a log's reserve in its folder.
func ReserveName(name string) string { return name + ".reserve.fr" }

// Reserve is room on the disk that is taken while there is plenty, and given back when the disk is full, so that a rewrite, which makes
// the log short, has room for its new base beside the old one. It is a file without content to which blocks belong. No promise
// depends on it: one that is lost in a crash is made again. Any goroutine; all methods but Held
// wait for the disk.
type Reserve struct {
	fs        disk.FS
	dir, path string

	mu   sync.Mutex   // one change at a time
	held atomic.Int64 // bytes, as far as is known
}

// NewReserve takes over the reserve of the log called name in dir, if there is one already.
func NewReserve(fsys disk.FS, dir, name string) *Reserve {
	r := &Reserve{fs: fsys, dir: dir, path: filepath.Join(dir, ReserveName(name))}
	if info, err := fsys.Stat(r.path); err == nil {
		held, _ := allocated(info)
		r.held.Store(held)
	}
	return r
}

// Held is how many bytes are reserved.
func (r *Reserve) Held() int64 { return r.held.Load() }

// Resize makes the reserve one of so many bytes, if the disk keeps spare bytes free besides; else all stays as it is. 0 gives it up.
// A file system that reserves nothing leaves it at 0.
func (r *Reserve) Resize(bytes, spare int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held.Load()
	if bytes == held {
		return nil
	}
	if bytes < held {
		if err := r.drop(); err != nil || bytes == 0 {
			return err
		}
		held = 0
	}
	free, err := r.fs.Free(r.dir)
	if err != nil || free-(bytes-held) < spare {
		return err
	}
	return r.take(bytes)
}

// take makes the file. Under mu.
func (r *Reserve) take(bytes int64) error {
	f, err := r.fs.OpenReadWrite(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = r.fs.Create(r.path)
	}
	if err != nil {
		return err
	}
	err = f.Preallocate(0, bytes)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = r.drop() // half of it is no reserve
		return err
	}
	r.held.Store(bytes)
	if info, serr := r.fs.Stat(r.path); serr == nil {
		if got, known := allocated(info); known && got < bytes {
			return r.drop() // the file system takes no room ahead
		}
	}
	return nil
}

// Release gives the room back. It returns how much that was.
func (r *Reserve) Release() (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.held.Load()
	if was == 0 {
		return 0, nil
	}
	return was, r.drop()
}

// drop removes the file. Under mu.
func (r *Reserve) drop() error {
	err := r.fs.Remove(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.held.Store(0)
	return r.fs.SyncDir(r.dir) // some file systems give the blocks back only with their next commit
}

// allocated is how many bytes of disk a file has; known is false where the system does not say.
func allocated(info fs.FileInfo) (bytes int64, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	const block = 512 // of st_blocks, whatever the file system's own size is
	return st.Blocks * block, true
}
