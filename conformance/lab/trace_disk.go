package lab

import (
	"path/filepath"
	"strings"

	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// tracedFS tells a tracer what reaches the disk, until another one takes its place.
type tracedFS struct {
	disk.FS
	t   *tracer
	gen int
}

// tell runs f under the tracer's lock, unless the server is dead.
func (fs *tracedFS) tell(f func(t *tracer)) {
	fs.t.mu.Lock()
	defer fs.t.mu.Unlock()
	if fs.gen == fs.t.gen {
		f(fs.t)
	}
}

// node is what is known of the file of a name.
func (fs *tracedFS) node(name string) (n *tracedNode) {
	fs.t.mu.Lock()
	defer fs.t.mu.Unlock()
	if n = fs.t.nodes[name]; n == nil {
		n = &tracedNode{last: fs.t.lsn, synced: fs.t.lsn}
		fs.t.nodes[name] = n
	}
	return n
}

func (fs *tracedFS) open(name string, empty bool, f disk.File, err error) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	if empty {
		fs.tell(func(t *tracer) { delete(t.nodes, name) })
	}
	if empty && strings.Contains(filepath.Base(name), "rewriteaof") {
		fs.tell(func(t *tracer) { t.note(step{"freeze", 0, t.freezeAt}) })
	}
	return &tracedFile{File: f, fs: fs, n: fs.node(name), base: filepath.Base(name)}, nil
}

func (fs *tracedFS) Create(name string) (disk.File, error) {
	f, err := fs.FS.Create(name)
	return fs.open(name, true, f, err)
}

func (fs *tracedFS) CreateNew(name string) (disk.File, error) {
	f, err := fs.FS.CreateNew(name)
	return fs.open(name, true, f, err)
}

func (fs *tracedFS) OpenAppend(name string) (disk.File, error) {
	f, err := fs.FS.OpenAppend(name)
	return fs.open(name, false, f, err)
}

func (fs *tracedFS) OpenReadWrite(name string) (disk.File, error) {
	f, err := fs.FS.OpenReadWrite(name)
	return fs.open(name, false, f, err)
}

func (fs *tracedFS) Rename(from, to string) error {
	fs.tell(func(t *tracer) {
		n := t.nodes[from]
		if n == nil {
			n = &tracedNode{}
		}
		t.named(n, to)
		t.nodes[to] = n
		delete(t.nodes, from)
	})
	return fs.FS.Rename(from, to)
}

func (fs *tracedFS) Remove(name string) error {
	fs.tell(func(t *tracer) {
		base := filepath.Base(name)
		if t.freezeAt >= 0 && (isBase(base) || strings.HasSuffix(base, ".incr.aof")) {
			t.note(step{name: "unlink old"})
		}
	})
	return fs.FS.Remove(name)
}

func (fs *tracedFS) SyncDir(dir string) error {
	err := fs.FS.SyncDir(dir)
	if err == nil && dir == logDir {
		fs.tell(func(t *tracer) {
			if t.freezeAt >= 0 {
				t.note(step{name: "sync folder"})
			}
		})
	}
	return err
}

// tracedFile is a file of it. Like the interface it leaves the order of writes to the caller.
type tracedFile struct {
	disk.File
	fs   *tracedFS
	n    *tracedNode
	base string // the name it was opened with
}

func (f *tracedFile) Write(p []byte) (int, error) {
	f.fs.tell(func(t *tracer) {
		f.n.clean = false
		switch {
		case isIncr(f.base):
			t.wrote(f.n, p)
		case strings.HasSuffix(f.base, wal.ManifestName(logName)):
			f.n.content = append(f.n.content, p...)
		}
	})
	return f.File.Write(p)
}

func (f *tracedFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.tell(func(t *tracer) {
		f.n.clean = false
		if strings.HasSuffix(f.base, wal.RingName(logName)) {
			t.wroteRing(p, off)
		}
	})
	return f.File.WriteAt(p, off)
}

func (f *tracedFile) Sync() error     { return f.sync(f.File.Sync) }
func (f *tracedFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *tracedFile) sync(call func() error) error {
	var last, ring uint64
	f.fs.tell(func(t *tracer) { last, ring, f.n.clean = f.n.last, t.ringWrote, true }) // a write meanwhile soils it again
	err := call()
	f.fs.tell(func(t *tracer) {
		switch {
		case err != nil:
			f.n.clean = false
		case t.live == nil:
		case isIncr(f.base):
			t.syncedIncr(f.n, last)
		case ring > 0 && strings.HasSuffix(f.base, wal.RingName(logName)):
			t.note(step{"sync ring", ring, -1})
		}
	})
	return err
}
