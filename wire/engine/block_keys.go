package engine

import (
	"container/heap"
	"slices"
	"time"

	"frankenredis/kv"
	"frankenredis/wire/session"
)

// Commands that wait for keys (BLPOP, XREAD BLOCK, ...) leave their client here. When one of the keys has changed and the unit
// that changed it has ended, the command is run again, client after client in the order in which they came; one that
// finds nothing waits on, behind the others, as in Redis.

// keyWaits are the clients that wait for keys.
type keyWaits struct {
	byKey     map[watchKey][]*session.Session
	ready     []watchKey            // keys that changed since clients were served last, each once
	isReady   map[watchKey]struct{} // the same
	deadlines deadlineHeap          // those with a time limit
	count     int                   // clients
	onMissing int                   // of the keys, how many are waited for by a client that wants to know of their end, too
	serving   bool
	rerun     *session.Wait // of the client whose command is being run again
}

// deadlineHeap orders clients by the end of their patience.
type deadlineHeap []*session.Session

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].Wait.Deadline.Before(h[j].Wait.Deadline) }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].Wait.Place, h[j].Wait.Place = i, j
}
func (h *deadlineHeap) Push(x any) {
	s := x.(*session.Session)
	s.Wait.Place = len(*h)
	*h = append(*h, s)
}
func (h *deadlineHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return s
}

// BlockOnKeys leaves the client waiting until one of the keys holds a value of the type and the command, run again, finds
// something. The handler must not have replied. until zero: no time limit; when it has passed the reply is a null array.
// missing: the command is also run again when a key is removed or changes its type. Inside MULTI nothing may block: the
// caller checks CanBlock first.
func (c *Call) BlockOnKeys(keys [][]byte, typ kv.Type, until time.Time, missing bool) {
	e, s := c.E, c.S
	w := e.blocked.rerun
	if w == nil {
		w = &session.Wait{Since: e.wall, Deadline: until, Unblockable: true, Muted: s.Muted(), Type: uint8(typ), Missing: missing,
			Argv: copyArgv(c.Args), Spec: c.Spec}
		if c.again != nil {
			w.Argv, w.Sent = copyArgv(c.again), w.Argv
		}
		w.Resume = func(bool) { s.W.NullArray() }
		for _, key := range keys {
			k := session.BlockedKey{DB: c.DB.ID(), Key: string(key)}
			if !slices.Contains(w.Keys, k) {
				w.Keys = append(w.Keys, k)
			}
		}
		e.stats.Blocked++
	}
	e.waitForKeys(s, w)
}

// RunAgainAs makes argv what BlockOnKeys runs again instead of the command as received.
func (c *Call) RunAgainAs(argv [][]byte) { c.again = argv }

// BlockDeadline is the instant d from the command's clock; zero for zero, which is no limit.
func (c *Call) BlockDeadline(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// KeyReady runs the commands of clients that wait for a key again, although it has not changed for those who watch it.
func (c *Call) KeyReady(key []byte) { c.E.signalKey(watchKey{c.DB.ID(), string(key)}) }

func (e *Engine) waitForKeys(s *session.Session, w *session.Wait) {
	b := &e.blocked
	s.Wait = w
	w.ArgvBytes = argvLen(w.Argv)
	b.count++
	for _, k := range w.Keys {
		at := watchKey{k.DB, k.Key}
		b.byKey[at] = append(b.byKey[at], s)
		if w.Missing {
			b.onMissing++
		}
	}
	if !w.Deadline.IsZero() {
		heap.Push(&b.deadlines, s)
	}
	e.countWatched()
}

// dropKeyWait forgets that a client waits for keys.
func (e *Engine) dropKeyWait(s *session.Session) {
	b, w := &e.blocked, s.Wait
	for _, k := range w.Keys {
		at := watchKey{k.DB, k.Key}
		list := b.byKey[at]
		if i := slices.Index(list, s); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
		if len(list) == 0 {
			delete(b.byKey, at)
		} else {
			b.byKey[at] = list
		}
		if w.Missing {
			b.onMissing--
		}
	}
	if !w.Deadline.IsZero() {
		heap.Remove(&b.deadlines, w.Place)
	}
	s.Wait = nil
	b.count--
	e.countWatched()
}

// countWatched tells the keyspace whether anybody wants to hear of changes.
func (e *Engine) countWatched() {
	e.ks.Watching = len(e.watched) + len(e.blocked.byKey) + e.tracking.clients
}

// WatchedKeys is the number of keys under WATCH.
func (e *Engine) WatchedKeys() int { return len(e.watched) }

// signalKey notes that a key somebody waits for has changed.
func (e *Engine) signalKey(k watchKey) {
	b := &e.blocked
	if len(b.byKey[k]) == 0 {
		return
	}
	if _, there := b.isReady[k]; !there {
		b.isReady[k] = struct{}{}
		b.ready = append(b.ready, k)
	}
}

// signalDB notes that every key of a database may have changed.
func (e *Engine) signalDB(db int) {
	if len(e.blocked.byKey) == 0 {
		return
	}
	var keys []watchKey
	for k := range e.blocked.byKey {
		if k.db == db {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y watchKey) int {
		switch {
		case x.key < y.key:
			return -1
		case x.key > y.key:
			return 1
		}
		return 0
	})
	for _, k := range keys {
		e.signalKey(k)
	}
}

// serveBlocked runs the commands of clients whose keys are ready, until no key is. Between units only.
func (e *Engine) serveBlocked() {
	b := &e.blocked
	if b.serving || e.hold != nil {
		return
	}
	b.serving = true
	for len(b.ready) > 0 {
		keys := b.ready
		b.ready = nil
		clear(b.isReady)
		for _, k := range keys {
			// The list as it is now: who waits again comes behind it, and is not asked twice.
			for _, s := range slices.Clone(b.byKey[k]) {
				if s.Closed || s.Wait == nil || !slices.Contains(b.byKey[k], s) {
					continue
				}
				if e.mayServe(s.Wait, k) {
					e.rerun(s)
				}
			}
		}
	}
	b.serving = false
}

// mayServe says whether a key that changed can be what a client waits for.
func (e *Engine) mayServe(w *session.Wait, k watchKey) bool {
	entry, found := e.ks.DB(k.db).Lookup([]byte(k.key), kv.NoTouch)
	return w.Missing || (found && entry.Type() == kv.Type(w.Type))
}

// rerun runs the command of a waiting client again. If it finds nothing it waits again.
func (e *Engine) rerun(s *session.Session) {
	w := s.Wait
	e.dropKeyWait(s)
	e.blocked.rerun = w
	mark := len(s.W.Buf)
	s.Executing = true
	spec := w.Spec.(*Spec)
	if err := e.check(s, spec, w.Argv); err != nil {
		e.reject(s, spec, err) // what is allowed may have changed meanwhile
	} else {
		e.call(s, spec, w.Argv)
	}
	e.blocked.rerun = nil
	if w.Muted {
		s.W.Buf = s.W.Buf[:mark]
	}
	e.commandEnded(s)
	e.endUnit(s)
	if s.Wait == nil {
		s.Conn.Resumed()
	}
}

// endKeyWaits answers the clients whose time is up.
func (e *Engine) endKeyWaits() {
	b := &e.blocked
	if len(b.deadlines) == 0 {
		return
	}
	for now := time.Now(); len(b.deadlines) > 0 && !now.Before(b.deadlines[0].Wait.Deadline); {
		e.finishWait(b.deadlines[0], func(w *session.Wait) { w.Resume(true) })
	}
}

// BlockingKeys counts the keys that clients wait for, and of these the ones whose end is waited for, too.
func (e *Engine) BlockingKeys() (all, onMissing int) {
	b := &e.blocked
	if b.onMissing > 0 {
		for _, list := range b.byKey {
			if slices.ContainsFunc(list, func(s *session.Session) bool { return s.Wait.Missing }) {
				onMissing++
			}
		}
	}
	return len(b.byKey), onMissing
}
