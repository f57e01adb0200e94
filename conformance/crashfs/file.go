package crashfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"syscall"
)

// file is an open file.
type file struct {
	fs       *FS
	n        *inode
	name     string // it was opened with
	off      int64  // write position; the caller's to order
	writable bool
	closed   bool // under fs.mu
}

// step is FS.step for an operation on the file. Under fs.mu.
func (o *file) step(e Event) error {
	e.Name = o.name
	if o.closed {
		return pathError(e.Op, o.name, fs.ErrClosed)
	}
	if (e.Op == Write || e.Op == Truncate || e.Op == Preallocate) && !o.writable {
		return pathError(e.Op, o.name, syscall.EBADF)
	}
	if e.Off < 0 {
		return pathError(e.Op, o.name, syscall.EINVAL)
	}
	return o.fs.step(e)
}

func (o *file) Write(p []byte) (int, error) {
	n, err := o.WriteAt(p, o.off)
	o.off += int64(n)
	return n, err
}

// WriteAt writes as much as the plan and the space allow.
func (o *file) WriteAt(p []byte, off int64) (int, error) {
	f := o.fs
	f.mu.Lock()
	defer f.mu.Unlock()
	err := o.step(Event{Op: Write, Off: off, Len: int64(len(p))})
	if err != nil {
		p = p[:min(f.shortOf(err), len(p))]
	}
	if room := f.room(o.n); off+int64(len(p)) > room {
		p = p[:max(room-off, 0)]
		if err == nil {
			err = f.failed(pathError(Write, o.name, syscall.ENOSPC))
		}
	}
	f.resize(o.n, func() { o.n.write(p, off) })
	return len(p), err
}

func (o *file) ReadAt(p []byte, off int64) (int, error) {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.step(Event{Op: Read, Off: off, Len: int64(len(p))}); err != nil {
		return 0, err
	}
	if off >= int64(len(o.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, o.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (o *file) Truncate(size int64) error {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.step(Event{Op: Truncate, Off: size}); err != nil {
		return err
	}
	o.fs.resize(o.n, func() { o.n.truncate(size) }) // growing makes a hole, which needs no space until it is written: not modelled
	o.off = min(o.off, size)
	return nil
}

func (o *file) Sync() error     { return o.sync(Sync) }
func (o *file) SyncData() error { return o.sync(SyncData) }

func (o *file) sync(op Op) error {
	f := o.fs
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := o.step(Event{Op: op}); err != nil {
		if !o.closed {
			f.resize(o.n, func() { o.n.syncFailed(f.afterOf(err), rand.New(rand.NewPCG(uint64(f.n), 1))) })
		}
		return err
	}
	o.n.sync()
	return nil
}

// Preallocate takes space and changes nothing else.
func (o *file) Preallocate(off, n int64) error {
	f := o.fs
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := o.step(Event{Op: Preallocate, Off: off, Len: n}); err != nil {
		return err
	}
	if off+n > f.room(o.n) {
		return f.failed(pathError(Preallocate, o.name, syscall.ENOSPC))
	}
	f.resize(o.n, func() { o.n.room = max(o.n.room, off+n) })
	return nil
}

func (o *file) Size() (int64, error) {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.step(Event{Op: Stat}); err != nil {
		return 0, err
	}
	return int64(len(o.n.data)), nil
}

func (o *file) Name() string { return o.name }

// Close never fails but for a second call: every error a close could tell of, a sync tells too.
func (o *file) Close() error {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if o.closed {
		return pathError(Close, o.name, fs.ErrClosed)
	}
	o.closed = true
	return nil
}
