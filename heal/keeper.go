package heal

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// Keeper keeps the sidecars of a server's files: it covers what the server tells it of, follows growing files, and scrubs. Its methods
// may be called from any goroutine and never wait for the disk, but for Finish and Close. One goroutine does the work; it begins with the first
// thing there is to do.
type Keeper struct {
	o KeeperOptions

	mu       sync.Mutex
	tasks    map[string]task // by path
	order    []string        // paths of tasks, oldest first
	durable  map[string]int64
	ends     map[string]int64 // up to where growing files are covered
	resting  bool             // the worker waits for work, and wakes up by bell
	stirred  bool             // something came since the worker last looked for work
	paced    bool             // it waits until growing files are due
	awaited  awaited
	atWork   map[string]bool            // paths of the tasks under way, until the catalog has them
	waiting  map[string][]chan struct{} // closed when the task of the path has ended
	scrub    scrubState
	sweepAt  time.Time // when the folder is to be swept; zero: it was
	status   KeeperStatus
	closing  bool  // Finish was called
	ending   bool  // Close was
	ended    bool  // the worker has
	budget   int64 // bytes that may still be covered once closing
	finished bool  // all is covered that was there to be when closing began

	bell   chan struct{} // sent when resting; never closed
	finish chan struct{} // closed by the worker when it is finished
	done   <-chan struct{}

	// The worker's own.
	store    *Store
	grown    map[string]*Growing
	retryAt  map[string]time.Time // of growing files whose cover failed
	speeds   map[string]speed     // of growing files
	advanced time.Time
	inside   bool          // growing files are being followed
	covered  []coveredFile // by the batch under way, whose catalog is not written yet
	ran      []string      // paths of tasks that it has done
	lost     bool          // somebody removed the folder: step opens it again
	openAt   time.Time
}

const (
	// reopen and regrow are how long the worker waits after it could not have the folder, or a growing file's cover.
	reopen = 10 * time.Second
	regrow = 10 * time.Second
	// closeBudget bounds the bytes that are covered while the server ends. The rest is covered at its next start.
	closeBudget = 256 << 20
)

// StartKeeper starts one.
func StartKeeper(o KeeperOptions) *Keeper {
	o.setDefaults()
	k := &Keeper{o: o, tasks: map[string]task{}, atWork: map[string]bool{}, waiting: map[string][]chan struct{}{}, durable: map[string]int64{}, bell: make(chan struct{}, 1),
		finish: make(chan struct{}), grown: map[string]*Growing{}, speeds: map[string]speed{}, retryAt: map[string]time.Time{}}
	if o.Opened != nil {
		k.adopt(o.Opened)
	}
	k.done = o.Go(k.work)
	return k
}

// adopt takes over an open store.
func (k *Keeper) adopt(s *Store) {
	k.store = s
	s.o.Progress, s.o.Stop, s.o.Rest = k.between, k.stop, k.rest
	k.mu.Lock()
	k.sweepAt = time.Now().Add(k.o.Settle) // behind what there is to cover
	k.count()
	k.mu.Unlock()
	if f, err := s.o.FS.Create(k.serverPath()); err == nil { // a hint, and nothing depends on it
		_, _ = io.WriteString(f, k.o.Address+"\n")
		_ = f.Close()
	}
}

// ServerFile is the file in the folder of sidecars that says how the server that has the lock is reached.
const ServerFile = "server"

func (k *Keeper) serverPath() string { return filepath.Join(k.store.dir(), ServerFile) }

// Protect has the file at path covered: the server has written it, and it is durable. proof, if not nil, is asked by the worker.
func (k *Keeper) Protect(path string, proof func() Proof) { k.add(path, protectTask, proof) }

// Look has the file at path covered, if it exists and is not; if it is covered and changed since, it is judged.
func (k *Keeper) Look(path string) { k.add(path, lookTask, nil) }

// Check has the file at path judged if it is covered and changed since.
func (k *Keeper) Check(path string) { k.add(path, checkTask, nil) }

// Removed says that the server has removed the file at path.
func (k *Keeper) Removed(path string) { k.add(path, forgetTask, nil) }

func (k *Keeper) add(path string, kind taskKind, proof func() Proof) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old, there := k.tasks[path]
	if there && (kind == lookTask || kind == checkTask && old.kind != forgetTask) {
		return
	}
	if !there {
		k.order = append(k.order, path)
		old.since = time.Now()
	}
	k.tasks[path] = task{kind, proof, old.since}
	if kind == forgetTask || kind == protectTask && !k.awaited.has(path) {
		delete(k.durable, path) // it does not grow any more
	}
	k.ring()
}

// Grown says that the file at path, which is only appended to, is durable up to pos bytes. Covered tells with the stamp when it is covered
// up to there; 0: nobody asks.
func (k *Keeper) Grown(path string, pos int64, stamp uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if was, ok := k.durable[path]; !ok || pos > was {
		k.durable[path] = pos
		if stamp > 0 {
			k.awaited.await(mark{path: path, pos: pos, stamp: stamp, told: time.Now()})
		}
		if !k.paced {
			k.ring()
		}
	}
}

// ring wakes the worker. Under mu.
func (k *Keeper) ring() {
	k.stirred = true
	if k.resting {
		k.resting = false
		k.bell <- struct{}{} // has room for one, and resting was set
	}
}

// Finish has what there is covered, up to a bound, ends a scrub, and returns when that is done. What is told until Close is covered, too: the
// last words of a server's ledger come when everything else is done.
func (k *Keeper) Finish() {
	k.mu.Lock()
	k.close()
	k.mu.Unlock()
	select {
	case <-k.finish:
	case <-k.done: // it has ended
	}
}

// close has the worker do only what there is left to do. Under mu.
func (k *Keeper) close() {
	if !k.closing {
		k.closing, k.budget = true, closeBudget
	}
	k.scrub.running, k.scrub.asked = false, false
	k.ring()
}

// Close ends the worker when it has covered what there is, up to a bound, and lets go of the folder.
func (k *Keeper) Close() error {
	k.mu.Lock()
	k.ending = true
	k.close()
	k.mu.Unlock()
	<-k.done
	if k.store == nil {
		return nil
	}
	_ = k.o.Store.FS.Remove(k.serverPath())
	return k.store.Close()
}

// end lets go of what the worker has, which returns then. Under mu.
func (k *Keeper) end() {
	for _, g := range k.grown {
		_ = g.Close() // what it covered is durable
	}
	k.ended = true
	k.releaseAll()
}

// work is the worker.
func (k *Keeper) work() {
	for {
		wait := k.step()
		if wait == 0 {
			continue
		}
		k.mu.Lock()
		if k.stirred { // since step looked: what it says of rest is old
			k.mu.Unlock()
			continue
		}
		if k.closing && wait < 0 {
			if !k.finished {
				k.finished = true
				close(k.finish)
			}
			if k.ending {
				k.end()
				k.mu.Unlock()
				return
			}
		}
		k.resting, k.paced = true, wait > 0 && wait <= k.o.Pace && len(k.tasks) == 0
		k.mu.Unlock()
		if wait < 0 {
			wait = time.Hour
		}
		timer := time.NewTimer(wait)
		select {
		case <-k.bell:
		case <-timer.C:
			k.mu.Lock()
			if !k.resting {
				<-k.bell // it was rung meanwhile
			}
			k.resting = false
			k.mu.Unlock()
		}
		timer.Stop()
	}
}

// step does what is due and returns how long the worker may rest: 0 not at all, below zero until something comes.
func (k *Keeper) step() time.Duration {
	if k.lost {
		k.letGo()
	}
	k.mu.Lock()
	k.stirred, k.paced = false, false
	closing := k.closing
	wait := time.Duration(-1)
	soonest := func(d time.Duration) {
		if wait < 0 || d < wait {
			wait = max(d, time.Millisecond)
		}
	}
	ready, sweepAt := len(k.order) > 0, k.sweepAt
	if ready {
		sweepAt = time.Time{} // what is to be covered comes first
	}
	if ready && !closing && !k.anyAwaited() {
		if left := k.o.Settle - time.Since(k.tasks[k.order[0]].since); left > 0 {
			ready = false
			soonest(left)
		}
	}
	growing := len(k.durable) > 0
	k.mu.Unlock()

	if (ready || growing || k.scrubAsked()) && k.store == nil {
		if left := time.Until(k.openAt); left > 0 && !closing {
			k.drift(k.Status().Err)
			return left
		}
		if err := k.open(); err != nil {
			k.openAt = time.Now().Add(reopen)
			k.drift(err)
			if closing {
				return -1
			}
			return reopen
		}
	}
	if growing {
		if left := k.o.Pace - time.Since(k.advanced); left <= 0 || closing || k.hurries() {
			k.follow()
		}
		if k.lost {
			return 0
		}
		if left, ok := k.behind(); ok {
			soonest(left)
		}
	}
	if ready {
		k.runTasks()
		return 0
	}
	if closing {
		return -1
	}
	if k.store != nil && !sweepAt.IsZero() {
		if left := time.Until(sweepAt); left > 0 {
			soonest(left)
		} else {
			k.sweep()
			return 0
		}
	}
	if k.store != nil {
		if left, did := k.scrubNext(); did {
			return 0
		} else if left > 0 {
			soonest(left)
		}
	}
	return wait
}

// open opens the store, and makes the catalog anew when it is lost.
func (k *Keeper) open() error {
	s, err := Open(k.o.Store, true)
	if errors.Is(err, ErrCatalog) {
		if s, err = Rebuild(k.o.Store); err == nil {
			k.o.Told(KeeperEvent{Kind: CatalogReset, Path: s.dir()})
		}
	}
	if err != nil {
		k.mu.Lock()
		first := k.status.Err == nil
		k.status.Err = err
		k.releaseAll()
		k.mu.Unlock()
		if first {
			k.o.Told(KeeperEvent{Kind: Failed, Path: k.o.Store.Root, Err: err})
		}
		return err
	}
	k.mu.Lock()
	k.status.Err = nil
	k.mu.Unlock()
	k.adopt(s)
	return nil
}

// fail tells of an I/O error. A file or folder that is gone is none: somebody is clearing up, and what comes next makes it anew.
func (k *Keeper) fail(path string, err error) {
	if errors.Is(err, errGivenUp) {
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		_, err = k.o.Store.FS.Stat(k.store.dir())
		k.lost = k.lost || errors.Is(err, fs.ErrNotExist)
		return
	}
	k.o.Told(KeeperEvent{Kind: Failed, Path: path, Err: err})
}

// letGo gives up a folder that was removed: whoever did it removed the lock, too. Not while the store is at work.
func (k *Keeper) letGo() {
	_ = k.store.Close()
	k.store, k.lost = nil, false
	for path := range k.grown {
		k.dropGrowing(path)
	}
	clear(k.retryAt) // in the next one they are begun at once
}

// between is called between two stripes of whatever the worker reads or writes: growing files must not wait for large ones.
func (k *Keeper) between(_ string, pos, _ int64) {
	if time.Since(k.advanced) >= k.o.Pace || k.hurries() {
		k.mu.Lock()
		growing := len(k.durable) > 0
		k.mu.Unlock()
		if growing {
			k.follow()
		}
	}
	k.runAwaited()
	k.pause(pos)
}

// errGivenUp ends work that nobody wants any more.
var errGivenUp = errors.New("given up")

// Folder is the folder of the covered files.
func (k *Keeper) Folder() string { return k.o.Store.Root }
