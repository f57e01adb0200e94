package crashfs

import (
	"sync"
	"time"

	"frankenredis/wal/disk"
)

// TwinDisk is a disk whose files can be written in two places at a time (disk.TwinFS), made of one that cannot.
type TwinDisk struct {
	disk.FS
	// Leave says how many of its steps, two writes and a sync, the next TryTwice leaves to Finish, 0 to 3. Nil: none.
	Leave func() int
	// Busy says that something else is being synced, so that CanTry says no. Nil: never.
	Busy func() bool
}

// OpenTwin implements disk.TwinFS.
func (d *TwinDisk) OpenTwin(name string) (disk.Twin, error) {
	f, err := d.OpenReadWrite(name)
	if err != nil {
		return nil, err
	}
	return &twin{File: f, leave: d.Leave, busy: d.Busy}, nil
}

// twin does in TryTwice what it is told to, and the rest in Finish.
type twin struct {
	disk.File
	leave func() int
	busy  func() bool

	p    []byte
	at   [2]int64
	done int // steps
	err  error

	mu  sync.Mutex
	use bool // a second goroutine at a time is a mistake of the caller's
}

const twinSteps = 3

func (t *twin) begin(p []byte, at [2]int64) {
	t.p, t.at, t.done, t.err = p, at, 0, nil
}

// steps goes on until n steps are done, or one fails.
func (t *twin) steps(n int) {
	t.mu.Lock()
	if t.use {
		panic("crashfs: two goroutines use a twin at a time")
	}
	t.use = true
	t.mu.Unlock()
	for t.err == nil && t.done < n {
		if t.done < len(t.at) {
			_, t.err = t.WriteAt(t.p, t.at[t.done])
		} else {
			t.err = t.SyncData()
		}
		t.done++
	}
	t.mu.Lock()
	t.use = false
	t.mu.Unlock()
}

func (t *twin) WriteTwice(p []byte, at [2]int64, meanwhile func()) error {
	t.begin(p, at)
	t.steps(len(at))
	meanwhile()
	return t.Finish()
}

func (t *twin) CanTry() bool { return t.busy == nil || !t.busy() }

func (t *twin) TryTwice(p []byte, at [2]int64, meanwhile func(), _ time.Duration) (done bool) {
	n := twinSteps
	if t.leave != nil {
		n -= t.leave()
	}
	t.begin(p, at)
	t.steps(min(n, len(at)))
	meanwhile()
	t.steps(n)
	return n == twinSteps && t.err == nil
}

func (t *twin) Finish() error {
	t.steps(twinSteps)
	return t.err
}
