package wal

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"frankenredis/wal/disk"
)

// memFS is a forgetful disk: it knows of every byte and every name whether it is durable, and can say what a crash
// would leave. A sync that fails loses what it should have covered, as Linux does: it stays readable and no later sync
// will write it.
type memFS struct {
	mu    sync.Mutex
	names map[string]*inode // as everybody sees them
	// kept are the names as the last SyncDir left them, and changes what was done to them since, in order.
	kept    map[string]*inode
	changes []nameChange

	log []string // every call that changes something, in order
	// before is asked before each such call: an error makes it fail. A shortWrite error lets some bytes through.
	before func(op, name string) error
	// gate is called before each sync of a file, without the lock: it may wait. Set before the disk is used.
	gate func(path string)
}

type inode struct {
	data    []byte   // as everybody sees it
	kept    []byte   // as the last sync left it
	changes []change // since, as far as a sync could still save them
}

// change is one write, or a truncation if data is nil.
type change struct {
	off  int64
	data []byte
}

// nameChange gives a name to a node, or takes it away if node is nil; a renaming takes another away in the same step.
type nameChange struct {
	name string
	node *inode
	from string
}

type shortWrite struct {
	n   int
	err error
}

func (s shortWrite) Error() string { return s.err.Error() }
func (s shortWrite) Unwrap() error { return s.err }

func newMemFS() *memFS {
	return &memFS{names: map[string]*inode{}, kept: map[string]*inode{}}
}

// step records a call and says whether it fails. Under mu.
func (m *memFS) step(op, name string) error {
	m.log = append(m.log, op+" "+filepath.Base(name))
	if m.before != nil {
		if err := m.before(op, name); err != nil {
			m.log[len(m.log)-1] += " FAILED"
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return nil
}

func (m *memFS) setName(name string, n *inode) {
	if n == nil {
		delete(m.names, name)
	} else {
		m.names[name] = n
	}
	m.changes = append(m.changes, nameChange{name: name, node: n})
}

func (m *memFS) Create(name string) (disk.File, error) { return m.create(name, false) }

func (m *memFS) CreateNew(name string) (disk.File, error) { return m.create(name, true) }

func (m *memFS) create(name string, mustBeNew bool) (disk.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("create", name); err != nil {
		return nil, err
	}
	n := m.names[name]
	switch {
	case n == nil:
		n = &inode{}
		m.setName(name, n)
	case mustBeNew:
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	default:
		n.apply(change{off: 0})
	}
	return &memFile{fs: m, n: n, name: name}, nil
}

func (m *memFS) open(name string, atEnd bool) (disk.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f := &memFile{fs: m, n: n, name: name}
	if atEnd {
		f.off = int64(len(n.data))
	}
	return f, nil
}

func (m *memFS) OpenAppend(name string) (disk.File, error)    { return m.open(name, true) }
func (m *memFS) OpenReadWrite(name string) (disk.File, error) { return m.open(name, false) }
func (m *memFS) Open(name string) (disk.File, error)          { return m.open(name, false) }

func (m *memFS) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("rename", oldName+" "+filepath.Base(newName)); err != nil {
		return err
	}
	n := m.names[oldName]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	m.names[newName] = n
	delete(m.names, oldName)
	m.changes = append(m.changes, nameChange{newName, n, oldName})
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("remove", name); err != nil {
		return err
	}
	if m.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	m.setName(name, nil)
	return nil
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.names {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

type memInfo struct {
	fs.FileInfo
	size int64
}

func (i memInfo) Size() int64 { return i.size }

func (m *memFS) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return memInfo{size: int64(len(n.data))}, nil
}

// SyncDir makes all names durable: one folder is all there is.
func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("syncdir", dir); err != nil {
		return err
	}
	for _, c := range m.changes {
		c.apply(m.kept)
	}
	m.changes = nil
	return nil
}

func (c nameChange) apply(names map[string]*inode) {
	if c.node == nil {
		delete(names, c.name)
	} else {
		names[c.name] = c.node
		delete(names, c.from)
	}
}

func (m *memFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }
func (m *memFS) Free(string) (int64, error)     { return 1 << 40, nil }

type memFile struct {
	fs   *memFS
	n    *inode
	name string // it was opened with
	off  int64
}

// path is the name that the file has now. Under mu.
func (f *memFile) path() string {
	if f.fs.names[f.name] != f.n {
		for name, n := range f.fs.names {
			if n == f.n {
				return name
			}
		}
	}
	return f.name
}

func (f *memFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.off)
	f.off += int64(n)
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.fs.step("write", f.path())
	if err != nil {
		short := shortWrite{}
		if pe, ok := err.(*fs.PathError); ok {
			short, _ = pe.Err.(shortWrite)
			if short.err != nil {
				err = &fs.PathError{Op: "write", Path: f.name, Err: short.err}
			}
		}
		p = p[:min(short.n, len(p))]
	}
	if len(p) > 0 {
		f.n.apply(change{off: off, data: slices.Clone(p)})
	}
	if err != nil {
		return len(p), err
	}
	return len(p), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step("truncate", f.path()); err != nil {
		return err
	}
	f.n.apply(change{off: size})
	f.off = min(f.off, size)
	return nil
}

func (f *memFile) Sync() error     { return f.sync("fsync") }
func (f *memFile) SyncData() error { return f.sync("fdatasync") }

func (f *memFile) sync(op string) error {
	if f.fs.gate != nil {
		f.fs.gate(f.name)
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(op, f.path()); err != nil {
		f.n.changes = nil // lost for ever, though still to be read
		return err
	}
	for _, c := range f.n.changes {
		f.n.kept = c.apply(f.n.kept)
	}
	f.n.changes = nil
	return nil
}

func (f *memFile) Preallocate(off, n int64) error { return nil }

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *memFile) Name() string { return f.name }
func (f *memFile) Close() error { return nil }

func (n *inode) apply(c change) {
	n.data = c.apply(n.data)
	n.changes = append(n.changes, c)
}

// apply returns p as the change leaves it.
func (c change) apply(p []byte) []byte {
	if c.data == nil {
		if int64(len(p)) > c.off {
			return p[:c.off:c.off]
		}
		return append(p, make([]byte, c.off-int64(len(p)))...)
	}
	if grow := c.off + int64(len(c.data)) - int64(len(p)); grow > 0 {
		p = append(p, make([]byte, grow)...)
	}
	copy(p[c.off:], c.data)
	return p
}

// crashMode is what a crash does to what is not durable.
type crashMode int

const (
	killed  crashMode = iota // only the process died: the page cache is whole
	forgot                   // the machine died: everything not durable is gone
	ordered                  // some of it arrived, the older first
	jumbled                  // any of it arrived, sector by sector
	crashModes
)

func (c crashMode) String() string {
	return [...]string{"killed", "forgot", "ordered", "jumbled"}[c]
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// crash returns the disk that a crash now would leave. The caller holds mu, or nobody else is here.
func (m *memFS) crash(mode crashMode, rng *rand.Rand) *memFS {
	after := newMemFS()
	names := make(map[string]*inode)
	copied := make(map[*inode]*inode)
	for name, n := range m.kept {
		names[name] = n
	}
	changes := m.changes
	switch mode {
	case forgot:
		changes = nil
	case ordered, jumbled:
		changes = changes[:rng.IntN(len(changes)+1)]
	}
	for _, c := range changes {
		c.apply(names)
	}
	for name, n := range names {
		if copied[n] == nil {
			p := n.crash(mode, rng)
			copied[n] = &inode{data: p, kept: slices.Clone(p)}
		}
		after.names[name], after.kept[name] = copied[n], copied[n]
	}
	return after
}

// powerCut is crash with nothing kept that was not durable, while others may be at work on the disk.
func (m *memFS) powerCut() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crash(forgot, nil)
}

// afterKill is the disk as the death of the process leaves it, while others may be at work on it.
func (m *memFS) afterKill() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crash(killed, nil)
}

// crash returns what is left of the content.
func (n *inode) crash(mode crashMode, rng *rand.Rand) []byte {
	p := slices.Clone(n.kept)
	switch mode {
	case killed:
		return slices.Clone(n.data)
	case ordered:
		k := rng.IntN(len(n.changes) + 1)
		for _, c := range n.changes[:k] {
			p = c.apply(p)
		}
		if k < len(n.changes) {
			if c := n.changes[k]; len(c.data) > 0 {
				c.data = c.data[:rng.IntN(len(c.data))]
				if len(c.data) > 0 {
					p = c.apply(p)
				}
			}
		}
	case jumbled:
		const sector = 512
		for _, c := range n.changes {
			if c.data == nil {
				if rng.IntN(2) == 0 {
					p = c.apply(p)
				}
				continue
			}
			for at := int64(0); at < int64(len(c.data)); {
				end := min((c.off+at)/sector*sector+sector-c.off, int64(len(c.data)))
				if rng.IntN(3) > 0 {
					p = change{off: c.off + at, data: c.data[at:end]}.apply(p)
				}
				at = end
			}
		}
	}
	return p
}

// failNext makes the n-th next call of op fail with errno, once.
func (m *memFS) failNext(op string, n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = func(o, _ string) error {
		if o != op {
			return nil
		}
		if n--; n == 0 {
			return err
		}
		return nil
	}
}

func (m *memFS) setBefore(f func(op, name string) error) {
	m.mu.Lock()
	m.before = f
	m.mu.Unlock()
}

// calls returns the log of calls so far, and begins it anew.
func (m *memFS) calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	log := m.log
	m.log = nil
	return log
}

var (
	errIO      error = syscall.EIO
	errNoSpace error = syscall.ENOSPC
)

// eventually waits for a condition.
func eventually(what string, cond func() bool) error {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if cond() {
			return nil
		}
	}
	return fmt.Errorf("not within two minutes: %s", what)
}
