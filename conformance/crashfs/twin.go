package crashfs

import (
	"sync/atomic"

	"frankenredis/wal/disk"
)

// TwinDisk is a disk whose files can be written in two places at a time (disk.TwinFS), made of one that cannot.
type TwinDisk struct {
	disk.FS
	// Busy says that something else is being synced, so that Alone says no. Nil: never.
	Busy func() bool
}

// OpenTwin implements disk.TwinFS.
func (d *TwinDisk) OpenTwin(name string) (disk.Twin, error) {
	f, err := d.OpenReadWrite(name)
	if err != nil {
		return nil, err
	}
	return &twin{File: f, busy: d.Busy}, nil
}

type twin struct {
	disk.File
	busy func() bool
	use  atomic.Bool // a second goroutine at a time is a mistake of the caller's
}

func (t *twin) WriteTwice(p []byte, at [2]int64, meanwhile func()) error {
	if !t.use.CompareAndSwap(false, true) {
		panic("crashfs: two goroutines use a twin at a time")
	}
	defer t.use.Store(false)
	for _, at := range at {
		if _, err := t.WriteAt(p, at); err != nil {
			return err
		}
	}
	meanwhile()
	return t.SyncData()
}

func (t *twin) Alone() bool { return t.busy == nil || !t.busy() }
