package heal

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"frankenredis/wal/disk"
)

// awaited are positions of growing files that somebody waits for to be covered. Under Keeper.mu, but for covered.
//
// Each comes with a stamp, a number that only grows. covered is the stamp up to which everything is covered; nobody is to wait for what a
// Keeper cannot do, so it is math.MaxUint64 while the Keeper is adrift.
type awaited struct {
	marks   []mark // not covered yet, oldest first
	covered atomic.Uint64
	reached uint64    // covered, unless adrift
	adrift  error     // why; nil: it is not
	hurried bool      // somebody waits
	since   time.Time // since when somebody waits and nothing was covered
}

// mark is a position of a growing file.
type mark struct {
	path  string
	pos   int64
	stamp uint64
	told  time.Time
	done  bool
}

const (
	// mostMarks bounds what is remembered; beyond it the newest takes the place of the one before.
	mostMarks = 64
	// patience is how long the Keeper may let others wait before it counts as adrift, and how far behind it may be to count as back.
	patience = 2 * time.Second
)

// errSlow is why a Keeper is adrift that has other things to do, or whose device stands still.
var errSlow = errors.New("it does not keep up")

// Covered is the stamp up to which everything that Grown told is covered, durably; math.MaxUint64 while nobody is to wait, because the Keeper
// is adrift: it cannot write, or it is too slow. KeeperOptions.Moved is called when that changed. Never blocks.
func (k *Keeper) Covered() uint64 { return k.awaited.covered.Load() }

// Hurry says that somebody waits for Covered: what is durable is covered at once, and not with what will come.
func (k *Keeper) Hurry() {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := &k.awaited
	if len(a.marks) == 0 || a.hurried || a.adrift != nil {
		return
	}
	a.hurried = true
	if a.since.IsZero() {
		a.since = time.Now()
	}
	k.ring()
}

// CheckPace has nobody wait any longer for a Keeper that does not keep up. To be called now and then, by any goroutine.
func (k *Keeper) CheckPace() {
	k.mu.Lock()
	slow := !k.awaited.since.IsZero() && time.Since(k.awaited.since) > patience
	k.mu.Unlock()
	if slow {
		k.drift(errSlow)
	}
}

// Await waits until the file at path is covered as Protect or Look was told, with all that it waits for durable. It does not wait when there is
// nothing to do for that file, nor for a Keeper that cannot do it or does not come to it: stop is asked now and then whether to go on waiting, and
// a file of size bytes is given two seconds and what reading it takes at a slow pace. Any goroutine that may wait.
func (k *Keeper) Await(path string, size int64, stop func() bool) {
	k.mu.Lock()
	if _, ok := k.tasks[path]; !ok && !k.atWork[path] || k.ended || k.status.Err != nil {
		k.mu.Unlock()
		return
	}
	done := make(chan struct{})
	k.waiting[path] = append(k.waiting[path], done)
	k.ring()
	k.mu.Unlock()
	limit := time.NewTimer(patience + time.Duration(size/slowPace)*time.Second)
	defer limit.Stop()
	again := time.NewTicker(stopEvery)
	defer again.Stop()
	for {
		select {
		case <-done:
			return
		case <-again.C:
			if stop == nil || !stop() {
				continue
			}
		case <-limit.C:
			k.o.Told(KeeperEvent{Kind: Unawaited, Path: path, Err: errSlow})
		}
		k.mu.Lock()
		k.waiting[path] = slices.DeleteFunc(k.waiting[path], func(c chan struct{}) bool { return c == done })
		if len(k.waiting[path]) == 0 {
			delete(k.waiting, path)
		}
		k.mu.Unlock()
		return
	}
}

const (
	slowPace  = 32 << 20 // bytes a second
	stopEvery = 10 * time.Millisecond
)

// releaseAll has nobody wait any more. Under mu.
func (k *Keeper) releaseAll() {
	for path, waiting := range k.waiting {
		for _, done := range waiting {
			close(done)
		}
		delete(k.waiting, path)
	}
}

// release tells who waits for the file at path that its task has ended, unless there is another by now. Under mu.
func (k *Keeper) release(path string) {
	if _, again := k.tasks[path]; again {
		return
	}
	for _, done := range k.waiting[path] {
		close(done)
	}
	delete(k.waiting, path)
}

// anyAwaited says that somebody waits for a file that has a task. Under mu.
func (k *Keeper) anyAwaited() bool {
	for path := range k.waiting {
		if _, ok := k.tasks[path]; ok {
			return true
		}
	}
	return false
}

// await takes note of a position to be covered. Under mu.
func (a *awaited) await(m mark) {
	if n := len(a.marks); n >= mostMarks && a.marks[n-1].path == m.path {
		a.marks[n-1] = m
		return
	}
	a.marks = append(a.marks, m)
}

// settle takes note that the file at path is covered up to pos, or that nobody needs it any more.
func (k *Keeper) settle(path string, pos int64) {
	k.mu.Lock()
	a := &k.awaited
	n, late := 0, time.Duration(0)
	for i := range a.marks {
		m := &a.marks[i]
		m.done = m.done || m.path == path && m.pos <= pos
		if m.done && n == i {
			n++
			a.reached, late = m.stamp, time.Since(m.told)
		}
	}
	a.marks = a.marks[:copy(a.marks, a.marks[n:])]
	back := false
	if n > 0 {
		a.since, a.hurried = time.Time{}, false
		back = a.adrift != nil && (late <= patience || len(a.marks) == 0)
	}
	if back {
		a.adrift = nil
	}
	if a.adrift == nil {
		a.covered.Store(a.reached)
	}
	k.mu.Unlock()
	if back {
		k.o.Told(KeeperEvent{Kind: CaughtUp, Path: path})
	}
	if n > 0 {
		k.o.Moved()
	}
}

// giveUp takes note that the file at path, which does not grow any more, could not be covered.
func (k *Keeper) giveUp(path string, err error) {
	if !k.waits(path) {
		return
	}
	k.drift(err)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.awaited.marks = slices.DeleteFunc(k.awaited.marks, func(m mark) bool { return m.path == path })
}

// drift has nobody wait for the Keeper, until it has caught up.
func (k *Keeper) drift(err error) {
	k.mu.Lock()
	a := &k.awaited
	first := a.adrift == nil
	if len(a.marks) == 0 { // nobody waits for it
		k.mu.Unlock()
		return
	}
	path := a.marks[0].path
	a.adrift, a.since, a.hurried = err, time.Time{}, false
	a.covered.Store(math.MaxUint64)
	k.mu.Unlock()
	if first {
		k.o.Told(KeeperEvent{Kind: Adrift, Path: path, Err: err})
		k.o.Moved()
	}
}

// hurries says whether growing files are to be covered at once.
func (k *Keeper) hurries() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.awaited.hurried
}

// hurriedRest is how long the device is left to others where somebody waits: for one commit.
const hurriedRest = 100 * time.Microsecond

// rest leaves the device to others.
func (k *Keeper) rest() {
	k.mu.Lock()
	hurried, closing := k.awaited.hurried, k.closing
	k.mu.Unlock()
	switch {
	case closing:
	case hurried:
		time.Sleep(hurriedRest)
	default:
		time.Sleep(disk.WriteBackRest)
	}
}

// waits says whether somebody waits for the file at path.
func (k *Keeper) waits(path string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.awaited.has(path)
}

// has says whether a position of the file at path is awaited. Under Keeper.mu.
func (a *awaited) has(path string) bool {
	return slices.ContainsFunc(a.marks, func(m mark) bool { return m.path == path })
}
