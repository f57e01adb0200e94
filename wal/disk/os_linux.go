package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// OS returns the file system of the operating system. Files it creates have mode 0644 and folders 0755, as Redis's have,
// less the umask; all descriptors are closed on exec. The room of a large file that loses its last name is given back piece by piece, once the
// folder is synced.
func OS() FS { return osFS{} }

type osFS struct{}

// syncs is how many syncs of files and folders are under way in this process. Meanwhile the file system may be writing its journal, and who
// changes as much as a time that it notes of a file may have to wait until that is over.
var syncs atomic.Int64

// Syncing says whether a sync of any file or folder of the operating system's is under way in this process: a write to another file may take as
// long as that. Any goroutine.
func Syncing() bool { return syncs.Load() > 0 }

const (
	fileMode = 0o644
	dirMode  = 0o755
)

func (osFS) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, false)
}

func (osFS) CreateNew(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, false)
}

func (osFS) OpenAppend(name string) (File, error)    { return openFile(name, os.O_RDWR, true) }
func (osFS) OpenReadWrite(name string) (File, error) { return openFile(name, os.O_RDWR, false) }
func (osFS) Open(name string) (File, error)          { return openFile(name, os.O_RDONLY, false) }
func (osFS) MkdirAll(dir string) error               { return os.MkdirAll(dir, dirMode) }
func (osFS) Stat(name string) (fs.FileInfo, error)   { return os.Stat(name) }

func (osFS) Rename(oldName, newName string) error {
	return losing(newName, func() error { return makeRoom(func() error { return os.Rename(oldName, newName) }) })
}

func (osFS) Remove(name string) error { return losing(name, func() error { return os.Remove(name) }) }

// losing makes a call that takes name from the file that has it.
func losing(name string, call func() error) error {
	f := hold(name)
	err := call()
	if f != nil && err == nil {
		released.drop(f, filepath.Dir(name))
	} else if f != nil {
		f.Close()
	}
	return err
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// SyncDir opens the folder anew each time: an error reported once to a descriptor is not reported to it again.
func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	dropped := released.dropped(dir)
	syncs.Add(1)
	err = d.Sync()
	syncs.Add(-1)
	if err == nil {
		released.synced(dropped)
	}
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func (osFS) Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	free := int64(st.Bavail) * st.Bsize
	var at unix.Stat_t
	if unix.Stat(dir, &at) == nil {
		free += released.taken(at.Dev)
	}
	return free, nil
}

// Lock uses flock, which belongs to the open file: a second Lock in the same process fails too, and the kernel lets go
// of it when the process dies. A file that was renamed over between the opening and the lock is not the one that was meant.
func (osFS) Lock(name string) (io.Closer, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
		if err != nil {
			return nil, err
		}
		err = retry(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		if err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				err = ErrLocked
			}
			return nil, &os.PathError{Op: "flock", Path: name, Err: err}
		}
		locked, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if now, err := os.Stat(name); err == nil && os.SameFile(locked, now) {
			return f, nil
		}
		f.Close()
	}
}

// osFile writes with pwrite at an offset it keeps itself: where a write ended is then known without asking, also after a
// short one.
type osFile struct {
	f   *os.File
	fd  int   // of f; plain calls, because regular files never go through the poller
	off int64 // write position
}

func openFile(name string, flags int, atEnd bool) (File, error) {
	var f *os.File
	err := makeRoom(func() (err error) {
		f, err = os.OpenFile(name, flags, fileMode) // package os adds O_CLOEXEC
		return err
	})
	if err != nil {
		return nil, err
	}
	o := &osFile{f: f, fd: int(f.Fd())}
	if atEnd {
		if o.off, err = o.Size(); err != nil {
			f.Close()
			return nil, err
		}
	}
	return o, nil
}

func (o *osFile) Write(p []byte) (int, error) {
	n, err := o.WriteAt(p, o.off)
	o.off += int64(n)
	return n, err
}

func (o *osFile) WriteAt(p []byte, off int64) (int, error) {
	done, full := 0, false
	for done < len(p) {
		n, err := unix.Pwrite(o.fd, p[done:], off+int64(done))
		if n > 0 {
			done += n
		}
		switch {
		case errors.Is(err, unix.EINTR):
		case !full && isFull(err):
			released.finish()
			full = true // what there was is given back
		case err != nil:
			return done, o.fail("write", err)
		case n == 0:
			return done, o.fail("write", io.ErrShortWrite)
		}
		// A short count without an error: the next call goes on, or says why it cannot.
	}
	return done, nil
}

func (o *osFile) ReadAt(p []byte, off int64) (int, error) { return o.f.ReadAt(p, off) }

func (o *osFile) Truncate(size int64) error {
	if err := retry(func() error { return unix.Ftruncate(o.fd, size) }); err != nil {
		return o.fail("truncate", err)
	}
	o.off = min(o.off, size)
	return nil
}

// Sync and SyncData never repeat a call that failed: the second could succeed without the bytes being there. EINTR alone
// says that nothing has been decided.
func (o *osFile) Sync() error {
	syncs.Add(1)
	defer syncs.Add(-1)
	if err := retry(func() error { return unix.Fsync(o.fd) }); err != nil {
		return o.fail("fsync", err)
	}
	return nil
}

func (o *osFile) SyncData() error {
	syncs.Add(1)
	defer syncs.Add(-1)
	if err := retry(func() error { return unix.Fdatasync(o.fd) }); err != nil {
		return o.fail("fdatasync", err)
	}
	return nil
}

func (o *osFile) Preallocate(off, n int64) error {
	err := makeRoom(func() error {
		return retry(func() error { return unix.Fallocate(o.fd, unix.FALLOC_FL_KEEP_SIZE, off, n) })
	})
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return o.fail("fallocate", err)
}

func (o *osFile) Size() (int64, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(o.fd, &st) }); err != nil {
		return 0, o.fail("fstat", err)
	}
	return st.Size, nil
}

func (o *osFile) uncache() { _ = unix.Fadvise(o.fd, 0, 0, unix.FADV_DONTNEED) }

// WriteBack does not wait: waiting for a range takes the error that belongs to the sync. An error of its own is told to nobody else.
func (o *osFile) WriteBack(off, n int64) error {
	err := retry(func() error { return unix.SyncFileRange(o.fd, off, n, unix.SYNC_FILE_RANGE_WRITE) })
	if err == nil || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESPIPE) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return o.fail("sync_file_range", err)
}

func (o *osFile) Name() string { return o.f.Name() }

// Close also forgets the descriptor: its number may soon be another file's.
func (o *osFile) Close() error {
	o.fd = -1
	return o.f.Close()
}

func (o *osFile) fail(op string, err error) error {
	return &os.PathError{Op: op, Path: o.f.Name(), Err: err}
}

// retry repeats a call that a signal interrupted.
func retry(call func() error) error {
	for {
		err := call()
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
