package wal

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"frankenredis/wal/disk"
)

// backFS has increments that can be written back, and notes what of them is.
type backFS struct {
	*memFS
	mu   sync.Mutex
	fail error   // of the next call; guarded by mu
	at   []int64 // guarded by mu
}

type backFile struct {
	disk.File
	fs *backFS
}

func (b *backFS) Create(name string) (disk.File, error) { return b.wrap(b.memFS.Create(name)) }

func (b *backFS) CreateNew(name string) (disk.File, error) { return b.wrap(b.memFS.CreateNew(name)) }

func (b *backFS) OpenAppend(name string) (disk.File, error) { return b.wrap(b.memFS.OpenAppend(name)) }

func (b *backFS) OpenReadWrite(name string) (disk.File, error) {
	return b.wrap(b.memFS.OpenReadWrite(name))
}

func (b *backFS) wrap(f disk.File, err error) (disk.File, error) { return backFile{f, b}, err }

func (f backFile) WriteBack(off, _ int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.at = append(f.fs.at, off)
	err := f.fs.fail
	f.fs.fail = nil
	return err
}

func (b *backFS) calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.at)
}

// I8: under the ring what a background sync makes durable is written back before, bit by bit, and an error of that is the sync's: the file system
// may have dropped what it could not place, and the sync says nothing of it.
func TestWriteBack(t *testing.T) {
	fs := &backFS{memFS: newMemFS(), fail: syscall.EIO}
	o := ringOptions(fs.memFS)
	o.FS, o.RingSize, o.syncDelay = fs, 16<<20, 200*time.Millisecond
	var mu sync.Mutex
	var failed []error
	o.Record = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Err != nil {
			failed = append(failed, e.Err)
		}
	}
	l := ringLog(t, o)
	commitAll(t, l, ringUnits(24, 64<<10)...)
	waitFor(t, "the failure", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(failed) > 0
	})
	commitAll(t, l, ringUnits(24, 64<<10)...)
	waitFor(t, "pieces", func() bool { return fs.calls() > 3 })
	waitFor(t, "replies", func() bool { return l.Released() == l.End() })
	if err := l.Close(true); err != nil {
		t.Error(err)
	}
}
