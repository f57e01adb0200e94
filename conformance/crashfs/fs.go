package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"frankenredis/wal/disk"
)

// FS is the disk. Any goroutine may use it; make one with New.
type FS struct {
	mu      sync.Mutex
	root    *inode
	pending []nameChange // not yet durable, oldest first
	locks   map[string]bool

	n      int // operations so far
	trace  []Event
	hooks  []hook
	faults []*Fault
	space  int64 // bytes it has room for; negative: any number
	used   int64
}

// New makes an empty disk: a root folder and room without end.
func New() *FS {
	return &FS{root: &inode{names: make(map[string]*inode), durable: make(map[string]*inode)}, locks: make(map[string]bool), space: -1}
}

var _ disk.FS = (*FS)(nil)

func split(name string) []string { return strings.Split(clean(name), "/") }

// clean is name without what path.Clean takes away, and without the slash in front.
func clean(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	return path.Clean(name)[1:]
}

// find returns the folder that name lies in, its last part, and what it leads to, nil if nothing.
func (f *FS) find(name string) (dir *inode, base string, n *inode, err error) {
	base = clean(name)
	dir = f.root
	for {
		part, rest, more := strings.Cut(base, "/")
		if !more {
			break
		}
		base = rest
		next := dir.names[part]
		if next == nil {
			return nil, "", nil, syscall.ENOENT
		}
		if !next.isDir() {
			return nil, "", nil, syscall.ENOTDIR
		}
		dir = next
	}
	if base == "" {
		return dir, base, dir, nil
	}
	return dir, base, dir.names[base], nil
}

// existing is find for a name that must lead somewhere.
func (f *FS) existing(name string) (dir *inode, base string, n *inode, err error) {
	dir, base, n, err = f.find(name)
	if err == nil && n == nil {
		err = syscall.ENOENT
	}
	return dir, base, n, err
}

func pathError(op Op, name string, err error) error {
	var pe *fs.PathError
	if err == nil || errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: op.String(), Path: name, Err: err}
}

// Create implements disk.FS.
func (f *FS) Create(name string) (disk.File, error) { return f.create(name, false) }

// CreateNew implements disk.FS.
func (f *FS) CreateNew(name string) (disk.File, error) { return f.create(name, true) }

func (f *FS) create(name string, mustBeNew bool) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Create, Name: name}); err != nil {
		return nil, err
	}
	dir, base, n, err := f.find(name)
	switch {
	case err != nil:
	case n == nil:
		n = &inode{mtime: int64(f.n)}
		f.change(namePart{entry{dir, base}, n})
	case mustBeNew:
		err = syscall.EEXIST
	case n.isDir():
		err = syscall.EISDIR
	default:
		f.resize(n, func() { n.truncate(0) })
	}
	if err != nil {
		return nil, pathError(Create, name, err)
	}
	return &file{fs: f, n: n, name: name, writable: true}, nil
}

// OpenAppend implements disk.FS.
func (f *FS) OpenAppend(name string) (disk.File, error) { return f.open(name, true, true) }

// OpenReadWrite implements disk.FS.
func (f *FS) OpenReadWrite(name string) (disk.File, error) { return f.open(name, true, false) }

// Open implements disk.FS.
func (f *FS) Open(name string) (disk.File, error) { return f.open(name, false, false) }

func (f *FS) open(name string, writable, atEnd bool) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Open, Name: name}); err != nil {
		return nil, err
	}
	_, _, n, err := f.existing(name)
	if err == nil && n.isDir() && writable {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError(Open, name, err)
	}
	o := &file{fs: f, n: n, name: name, writable: writable}
	if atEnd {
		o.off = int64(len(n.data))
	}
	return o, nil
}

// Rename implements disk.FS.
func (f *FS) Rename(oldName, newName string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Rename, Name: oldName, To: newName}); err != nil {
		return err
	}
	from, oldBase, n, err := f.existing(oldName)
	if err != nil {
		return pathError(Rename, oldName, err)
	}
	to, newBase, there, err := f.find(newName)
	switch {
	case err != nil:
	case there == n:
		return nil
	case there != nil && there.isDir() && !n.isDir():
		err = syscall.EISDIR
	case there != nil && !there.isDir() && n.isDir():
		err = syscall.ENOTDIR
	case there != nil && len(there.names) > 0:
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return pathError(Rename, newName, err)
	}
	f.release(there)
	f.change(namePart{entry{from, oldBase}, nil}, namePart{entry{to, newBase}, n})
	return nil
}

// Remove implements disk.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Remove, Name: name}); err != nil {
		return err
	}
	dir, base, n, err := f.existing(name)
	if err == nil && len(n.names) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err == nil && n == f.root {
		err = syscall.EBUSY
	}
	if err != nil {
		return pathError(Remove, name, err)
	}
	f.release(n)
	f.change(namePart{entry{dir, base}, nil})
	return nil
}

// MkdirAll implements disk.FS. It is one operation however many folders it makes; each is a change of its own.
func (f *FS) MkdirAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Mkdir, Name: name}); err != nil {
		return err
	}
	dir := f.root
	for _, part := range split(name) {
		if part == "" {
			continue
		}
		n := dir.names[part]
		if n == nil {
			n = &inode{mtime: int64(f.n), names: make(map[string]*inode), durable: make(map[string]*inode)}
			f.change(namePart{entry{dir, part}, n})
		}
		if !n.isDir() {
			return pathError(Mkdir, name, syscall.ENOTDIR)
		}
		dir = n
	}
	return nil
}

// folder finds a folder.
func (f *FS) folder(op Op, name string) (*inode, error) {
	_, _, n, err := f.existing(name)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	return n, pathError(op, name, err)
}

// List implements disk.FS.
func (f *FS) List(name string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: List, Name: name}); err != nil {
		return nil, err
	}
	n, err := f.folder(List, name)
	if err != nil {
		return nil, err
	}
	names := slices.AppendSeq(make([]string, 0, len(n.names)), maps.Keys(n.names))
	slices.Sort(names)
	return names, nil
}

// Stat implements disk.FS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Stat, Name: name}); err != nil {
		return nil, err
	}
	_, base, n, err := f.existing(name)
	if err != nil {
		return nil, pathError(Stat, name, err)
	}
	return info{base, int64(len(n.data)), n.isDir(), time.Unix(0, n.mtime)}, nil
}

// SyncDir implements disk.FS. If it fails the changes stay pending, and a later one may make them durable: the caller
// cannot tell.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: SyncDir, Name: name}); err != nil {
		return err
	}
	n, err := f.folder(SyncDir, name)
	if err == nil {
		f.syncNames(n)
	}
	return err
}

// Lock implements disk.FS. A disk made by Clone, Kill or Crash holds none: the process is dead.
func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Lock, Name: name}); err != nil {
		return nil, err
	}
	dir, base, n, err := f.find(name)
	if err == nil && n == nil {
		f.change(namePart{entry{dir, base}, &inode{mtime: int64(f.n)}})
	}
	name = path.Clean(name)
	if f.locks[name] {
		err = disk.ErrLocked
	}
	if err != nil {
		return nil, pathError(Lock, name, err)
	}
	f.locks[name] = true
	return &lock{fs: f, name: name}, nil
}

type lock struct {
	fs   *FS
	name string
	once sync.Once
}

func (l *lock) Close() error {
	l.once.Do(func() {
		l.fs.mu.Lock()
		delete(l.fs.locks, l.name)
		l.fs.mu.Unlock()
	})
	return nil
}

// Free implements disk.FS.
func (f *FS) Free(dir string) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(Event{Op: Free, Name: dir}); err != nil {
		return 0, err
	}
	if _, err := f.folder(Free, dir); err != nil {
		return 0, err
	}
	if f.space < 0 {
		return 1 << 40, nil
	}
	return max(f.space-f.used, 0), nil
}

type info struct {
	name  string
	size  int64
	dir   bool
	mtime time.Time
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
