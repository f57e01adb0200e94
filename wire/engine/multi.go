package engine

import (
	"frankenredis/kv"
	"frankenredis/wire/session"
)

// watchKey names a key under WATCH.
type watchKey struct {
	db  int
	key string
}

// enqueue copies a command into the transaction, unless that is spoilt already: then nothing of it will run, and what it would
// have needed does not count.
func (e *Engine) enqueue(s *session.Session, spec *Spec, argv [][]byte) {
	if !s.DirtyExec && !s.DirtyCAS {
		s.Enqueue(spec, argv)
	}
}

// copyArgv copies an argument vector into one block.
func copyArgv(argv [][]byte) [][]byte {
	total := 0
	for _, a := range argv {
		total += len(a)
	}
	block := make([]byte, 0, total)
	out := make([][]byte, len(argv))
	for i, a := range argv {
		at := len(block)
		block = append(block, a...)
		out[i] = block[at:len(block):len(block)]
	}
	return out
}

// BeginTransaction starts MULTI.
func (e *Engine) BeginTransaction(s *session.Session) error {
	if s.Multi {
		return ReplyError("ERR MULTI calls can not be nested")
	}
	s.Multi = true
	return nil
}

// DiscardTransaction is DISCARD.
func (e *Engine) DiscardTransaction(s *session.Session) error {
	if !s.Multi {
		return ReplyError("ERR DISCARD without MULTI")
	}
	e.abortTransaction(s)
	return nil
}

func (e *Engine) abortTransaction(s *session.Session) {
	s.ResetTransaction()
	e.Unwatch(s)
}

// ExecTransaction is EXEC: the queued commands run as one unit, with no other command between them.
func (e *Engine) ExecTransaction(c *Call) error {
	c.silent = true // the commands are the effect
	s := c.S
	if !s.Multi {
		return ReplyError("ERR EXEC without MULTI")
	}
	if e.watchExpired(s) {
		s.DirtyCAS = true
	}
	if s.DirtyExec || s.DirtyCAS {
		dirtyExec := s.DirtyExec
		e.abortTransaction(s)
		if dirtyExec {
			return ErrExecAbort
		}
		s.W.NullArray()
		return nil
	}
	queue := s.Queue
	e.Unwatch(s)
	e.inExec = true
	mark := len(s.W.Buf)
	if !s.Muted() {
		s.W.Array(len(queue))
	}
	e.runQueue(s, c.Spec, queue, 0, mark)
	return nil
}

// runQueue runs the commands of a transaction from one on, to the end or until one of them holds. exec is EXEC, whose reply began
// at mark.
func (e *Engine) runQueue(s *session.Session, exec *Spec, queue []session.Queued, from, mark int) {
	for i := from; i < len(queue); i++ {
		spec := queue[i].Spec.(*Spec)
		if !s.User.Unlimited() && e.refusedInExec(s, spec, queue[i].Argv) {
			continue
		}
		e.callMuted(s, spec, queue[i].Argv)
		if e.hold != nil {
			e.hold.suspend(exec, queue, i+1, mark)
			e.inExec, e.queueAt = false, 0
			return
		}
	}
	e.inExec, e.queueAt = false, 0
	s.ResetTransaction()
	if s.Closed { // in the middle of it, and what followed must not have it heard of again
		e.silence(s)
	}
}

// Watch puts a key of the client's database under WATCH.
func (e *Engine) Watch(s *session.Session, key []byte) error {
	if s.Multi {
		return ReplyError("ERR WATCH inside MULTI is not allowed")
	}
	if s.DirtyCAS {
		return nil // already spoilt: what is watched from here on cannot change EXEC's answer
	}
	for _, w := range s.Watched {
		if w.DB == s.DB && w.Key == string(key) {
			return nil
		}
	}
	entry, found := e.ks.DB(s.DB).Lookup(key, kv.NoTouch|kv.NoExpire)
	w := session.WatchedKey{DB: s.DB, Key: string(key)}
	if found {
		at, volatile := entry.Expire()
		w.Expired = volatile && at < e.now
	}
	s.Watched = append(s.Watched, w)
	k := watchKey{w.DB, w.Key}
	e.watched[k] = append(e.watched[k], s)
	e.countWatched()
	return nil
}

// Unwatch releases all keys the client watches.
func (e *Engine) Unwatch(s *session.Session) {
	for _, w := range s.Watched {
		k := watchKey{w.DB, w.Key}
		list := e.watched[k]
		for i, other := range list {
			if other == s {
				list[i] = list[len(list)-1]
				list[len(list)-1] = nil
				list = list[:len(list)-1]
				break
			}
		}
		if len(list) == 0 {
			delete(e.watched, k)
		} else {
			e.watched[k] = list
		}
	}
	s.Watched = nil
	s.DirtyCAS = false
	e.countWatched()
}

// watchExpired says whether a key that was alive when watched has expired since, without having been deleted yet.
func (e *Engine) watchExpired(s *session.Session) bool {
	for _, w := range s.Watched {
		if w.Expired {
			continue
		}
		if entry, found := e.ks.DB(w.DB).Lookup([]byte(w.Key), kv.NoTouch|kv.NoExpire); found {
			if at, volatile := entry.Expire(); volatile && at < e.now {
				return true
			}
		}
	}
	return false
}

// keyChanged is kv's hook.
func (e *Engine) keyChanged(db *kv.DB, key []byte) {
	if len(e.blocked.byKey) > 0 {
		e.signalKey(watchKey{db.ID(), string(key)})
	}
	if e.tracking.clients > 0 {
		e.invalidate(key)
	}
	if len(e.watched) == 0 {
		return
	}
	for _, s := range e.watched[watchKey{db.ID(), string(key)}] {
		if e.staleWatch(s, db, key) {
			continue
		}
		s.DirtyCAS = true
	}
}

// staleWatch says whether the change is only the removal of a key that was already expired when it was watched.
func (e *Engine) staleWatch(s *session.Session, db *kv.DB, key []byte) bool {
	for i := range s.Watched {
		w := &s.Watched[i]
		if w.DB != db.ID() || w.Key != string(key) || !w.Expired {
			continue
		}
		if _, found := db.Lookup(key, kv.NoTouch|kv.NoExpire); !found {
			w.Expired = false
			return true
		}
	}
	return false
}

// dbFlushed is kv's hook: every watched key that exists in the database is about to change.
func (e *Engine) dbFlushed(db *kv.DB) {
	e.touchWatched(db, nil)
	e.signalDB(db.ID())
}

// SwapDatabases exchanges two databases and marks the watchers of the keys that differ through it.
func (e *Engine) SwapDatabases(i, j int) {
	a, b := e.ks.DB(i), e.ks.DB(j)
	e.touchWatched(a, b)
	e.touchWatched(b, a)
	e.signalDB(i)
	e.signalDB(j)
	watching := e.ks.Watching
	e.ks.Watching = 0 // for kv's hook each of the two would be emptied
	e.ks.Swap(i, j)
	e.ks.Watching = watching
}

// touchWatched marks the watchers of the keys in db before the database other takes its place, or with nil, an empty one.
// A key that was expired all along, or comes expired where there was none, is no change.
func (e *Engine) touchWatched(db, other *kv.DB) {
	for k, list := range e.watched {
		if k.db != db.ID() {
			continue
		}
		_, here := db.Lookup([]byte(k.key), kv.NoTouch|kv.NoExpire)
		there, expired := false, false
		if other != nil {
			var entry kv.Entry
			if entry, there = other.Lookup([]byte(k.key), kv.NoTouch|kv.NoExpire); there {
				at, volatile := entry.Expire()
				expired = volatile && at < e.now
			}
		}
		if !here && !there {
			continue
		}
		for _, s := range list {
			w := watchOf(s, k)
			switch {
			case w.Expired && !there:
				w.Expired = false
			case w.Expired && expired:
			case !w.Expired && !here && expired:
				w.Expired = true
			default:
				s.DirtyCAS = true
			}
		}
	}
}

// watchOf finds what a client that watches a key noted about it.
func watchOf(s *session.Session, k watchKey) *session.WatchedKey {
	for i := range s.Watched {
		if w := &s.Watched[i]; w.DB == k.db && w.Key == k.key {
			return w
		}
	}
	panic("engine: a watcher does not watch")
}
