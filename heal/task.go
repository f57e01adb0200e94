package heal

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"time"
)

type taskKind uint8

const (
	protectTask taskKind = iota // the server wrote it
	lookTask                    // it may be covered already, or changed
	checkTask                   // as lookTask, but without a cover it gets none
	forgetTask
	repairTask
)

type task struct {
	kind  taskKind
	proof func() Proof
	since time.Time
}

// runTasks does the tasks that wait, under one change of the catalog; what somebody waits for comes first, and is in the catalog at once.
func (k *Keeper) runTasks() {
	k.mu.Lock()
	n := len(k.order)
	k.mu.Unlock()
	written, err := k.store.batch(func() error {
		for range n {
			path, t, ok := k.take(false)
			if !ok || k.lost {
				break
			}
			k.runTask(path, t)
		}
		return nil
	})
	if err != nil {
		k.fail(k.o.Store.Root, err)
	}
	k.conclude(written, err)
}

// take takes a task out of the queue: the oldest of those that somebody waits for, or else, unless awaited, of all.
func (k *Keeper) take(awaited bool) (path string, t task, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.order, func(path string) bool { return len(k.waiting[path]) > 0 && !k.atWork[path] })
	if at < 0 && !awaited {
		at = slices.IndexFunc(k.order, func(path string) bool { return !k.atWork[path] })
	}
	if at < 0 {
		return "", t, false
	}
	path = k.order[at]
	t = k.tasks[path]
	k.order = slices.Delete(k.order, at, at+1)
	delete(k.tasks, path)
	k.atWork[path] = true
	return path, t, true
}

// runTask does one task.
func (k *Keeper) runTask(path string, t task) {
	if err := k.run(path, t); err != nil {
		k.fail(path, err)
		k.giveUp(path, err)
	}
	k.ran = append(k.ran, path)
	k.hasten()
}

// runAwaited does, amid other work, what somebody waits for.
func (k *Keeper) runAwaited() {
	for {
		path, t, ok := k.take(true)
		if !ok {
			break
		}
		k.runTask(path, t)
	}
	k.hasten()
}

// hasten writes the catalog if somebody waits for what the batch under way has done.
func (k *Keeper) hasten() {
	k.mu.Lock()
	awaited := slices.ContainsFunc(k.ran, func(path string) bool { return len(k.waiting[path]) > 0 })
	k.mu.Unlock()
	if !awaited {
		return
	}
	if err := k.store.flush(); err != nil {
		k.fail(k.o.Store.Root, err)
		k.conclude(false, err)
		return
	}
	k.conclude(true, nil)
}

// conclude tells who waits for the tasks that were run: their sidecars are in the catalog, or why not.
func (k *Keeper) conclude(written bool, err error) {
	for _, c := range k.covered {
		if written {
			k.settle(c.path, c.size)
		} else {
			k.giveUp(c.path, err)
		}
	}
	k.mu.Lock()
	k.count()
	for _, path := range k.ran {
		delete(k.atWork, path)
		k.release(path)
	}
	k.mu.Unlock()
	k.covered, k.ran = nil, nil
}

// coveredFile is one whose sidecar is there.
type coveredFile struct {
	path string
	size int64
}

func (k *Keeper) run(path string, t task) error {
	s := k.store
	name := s.NameOf(path)
	if t.kind == protectTask || t.kind == forgetTask {
		k.endGrowing(path)
	}
	switch t.kind {
	case forgetTask:
		k.settle(path, math.MaxInt64)
		if _, ok := s.Entry(name); !ok {
			return nil
		}
		return s.Forget(name)
	case repairTask:
		return k.judge(path, true)
	case checkTask:
		if _, ok := s.Entry(name); !ok {
			return nil
		}
		return k.look(path)
	case lookTask:
		return k.look(path)
	}
	return k.protect(path, t.proof)
}

// protect covers a file as it is.
func (k *Keeper) protect(path string, proof func() Proof) error {
	name := k.store.NameOf(path)
	info, err := k.o.Store.FS.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it came and went
	}
	if err != nil {
		return err
	}
	k.mu.Lock()
	enough := !k.closing || k.budget >= info.Size()
	if k.closing && enough {
		k.budget -= info.Size()
	}
	k.mu.Unlock()
	if !enough {
		// Its old cover would call it damaged; without one it is covered at the next start.
		if _, ok := k.store.Entry(name); ok {
			return k.store.Forget(name)
		}
		return nil
	}
	var p Proof
	if proof != nil {
		p = proof()
	}
	_, err = k.store.ProtectProven(name, p.Digest, p.Proven)
	if errors.Is(err, ErrChanged) || errors.Is(err, fs.ErrNotExist) {
		err = nil // whoever changes it tells so
	}
	if err == nil && k.store.batching {
		k.covered = append(k.covered, coveredFile{path, info.Size()}) // it counts when the catalog names it
	} else if err == nil {
		k.settle(path, info.Size())
	}
	return err
}

// look covers a file that has no cover, and judges one that was changed since it got it.
func (k *Keeper) look(path string) error {
	info, err := k.o.Store.FS.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	e, ok := k.store.Entry(k.store.NameOf(path))
	switch {
	case k.follows(path):
		return nil
	case !ok:
		return k.protect(path, nil)
	case !e.Growing && info.Size() == e.Size && info.ModTime().UnixMilli() < e.Made:
		return nil
	}
	return k.judge(path, k.o.Repair)
}
