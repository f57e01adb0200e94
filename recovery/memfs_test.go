package recovery

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"frankenredis/wal/disk"
)

// memFS is a disk in memory that can die: from its n-th changing operation on everything fails. It remembers what was
// made durable, so that both what a kill and what a power loss leave can be looked at.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode // names as of the last SyncDir of their folder
	dirs    map[string]bool
	locked  map[string]bool
	left    int // operations until it dies; 0: it lives
	dead    bool
	ops     []string
	mtime   time.Time
}

type inode struct{ data, synced []byte }

var errDead = errors.New("the disk has died")

// newMemFS makes a disk with files, all durable.
func newMemFS(content map[string]string) *memFS {
	m := &memFS{names: map[string]*inode{}, durable: map[string]*inode{}, dirs: map[string]bool{"/": true, "/data": true}, locked: map[string]bool{}}
	for name, text := range content {
		path := filepath.Join("/data", name)
		for d := filepath.Dir(path); d != "/"; d = filepath.Dir(d) {
			m.dirs[d] = true
		}
		m.names[path] = &inode{[]byte(text), []byte(text)}
	}
	maps.Copy(m.durable, m.names)
	return m
}

// after is what is left: with power the page cache's content is lost too.
func (m *memFS) after(power bool) map[string]string {
	out := map[string]string{}
	names := m.names
	if power {
		names = m.durable
	}
	for path, n := range names {
		data := n.data
		if power {
			data = n.synced
		}
		if !strings.HasSuffix(path, ".lock.fr") {
			out[strings.TrimPrefix(path, "/data/")] = string(data)
		}
	}
	return out
}

// change counts a changing operation.
func (m *memFS) change(op, path string) error {
	if m.dead {
		return errDead
	}
	m.ops = append(m.ops, op+" "+path)
	if m.left--; m.left == 0 {
		m.dead = true
		return errDead
	}
	return nil
}

func (m *memFS) open(path string) (disk.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[path]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	return &memFile{fs: m, path: path, n: n}, nil
}

func (m *memFS) create(path string) (disk.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change("create", path); err != nil {
		return nil, err
	}
	if !m.dirs[filepath.Dir(path)] {
		return nil, &fs.PathError{Op: "create", Path: path, Err: syscall.ENOENT}
	}
	n := m.names[path]
	if n == nil {
		n = &inode{}
		m.names[path] = n
	}
	n.data = nil
	return &memFile{fs: m, path: path, n: n}, nil
}

func (m *memFS) Create(path string) (disk.File, error)        { return m.create(path) }
func (m *memFS) OpenAppend(path string) (disk.File, error)    { return m.open(path) }
func (m *memFS) OpenReadWrite(path string) (disk.File, error) { return m.open(path) }
func (m *memFS) Open(path string) (disk.File, error)          { return m.open(path) }
func (m *memFS) Free(string) (int64, error)                   { return 1 << 40, nil }

func (m *memFS) CreateNew(path string) (disk.File, error) {
	if _, err := m.Stat(path); err == nil {
		return nil, fs.ErrExist
	}
	return m.create(path)
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change("rename", from); err != nil {
		return err
	}
	if m.names[from] == nil {
		return syscall.ENOENT
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change("remove", path); err != nil {
		return err
	}
	delete(m.names, path)
	return nil
}

func (m *memFS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[dir] {
		return nil
	}
	if err := m.change("mkdir", dir); err != nil {
		return err
	}
	m.dirs[dir] = true
	return nil
}

func (m *memFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirs[dir] {
		return nil, syscall.ENOENT
	}
	var out []string
	for path := range m.names {
		if filepath.Dir(path) == dir {
			out = append(out, filepath.Base(path))
		}
	}
	slices.Sort(out)
	return out, nil
}

func (m *memFS) Stat(path string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.names[path]; n != nil {
		return memInfo{filepath.Base(path), int64(len(n.data)), false, m.mtime}, nil
	}
	if m.dirs[path] {
		return memInfo{filepath.Base(path), 0, true, m.mtime}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: path, Err: syscall.ENOENT}
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change("syncdir", dir); err != nil {
		return err
	}
	maps.DeleteFunc(m.durable, func(path string, _ *inode) bool { return filepath.Dir(path) == dir })
	for path, n := range m.names {
		if filepath.Dir(path) == dir {
			m.durable[path] = n
		}
	}
	return nil
}

func (m *memFS) Lock(path string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[path] {
		return nil, disk.ErrLocked
	}
	m.locked[path] = true
	return memLock{m, path}, nil
}

type memLock struct {
	fs   *memFS
	path string
}

func (l memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.path)
	return nil
}

type memInfo struct {
	name  string
	size  int64
	dir   bool
	mtime time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return 0o644 }
func (i memInfo) ModTime() time.Time { return i.mtime }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }

type memFile struct {
	fs   *memFS
	path string
	n    *inode
	off  int64
}

func (f *memFile) do(op string, change func()) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(op, f.path); err != nil {
		return err
	}
	change()
	return nil
}

func (f *memFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.off)
	f.off += int64(n)
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.do("write", func() {
		if end := int(off) + len(p); end > len(f.n.data) {
			f.n.data = append(f.n.data, make([]byte, end-len(f.n.data))...)
		}
		copy(f.n.data[off:], p)
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return bytes.NewReader(f.n.data).ReadAt(p, off)
}

func (f *memFile) Truncate(size int64) error {
	return f.do("truncate", func() { f.n.data = append([]byte{}, f.n.data[:size]...) })
}
func (f *memFile) Sync() error {
	return f.do("sync", func() { f.n.synced = bytes.Clone(f.n.data) })
}
func (f *memFile) SyncData() error                { return f.Sync() }
func (f *memFile) Preallocate(int64, int64) error { return nil }
func (f *memFile) Close() error                   { return nil }
func (f *memFile) Name() string                   { return f.path }
func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.n.data)), nil
}

// failingFS gives an I/O error when one file is opened.
type failingFS struct {
	*memFS
	path string
}

func (f *failingFS) Open(path string) (disk.File, error) {
	if path == f.path {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EIO}
	}
	return f.memFS.Open(path)
}
