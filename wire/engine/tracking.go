package engine

import (
	"slices"
	"strings"

	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// InvalidateChannel is where a RESP2 client that other clients redirect their invalidations to receives them, as messages.
const InvalidateChannel = "__redis__:invalidate"

// tracker knows which clients may have cached which keys. Keys are told apart by name only, whatever the database, as in Redis.
// While no client tracks, nothing comes here. Executor only.
type tracker struct {
	clients  int                           // that track, in whatever mode
	table    map[string]map[int64]struct{} // by key, the ids of those who read it since they were last told; they may have gone
	items    int                           // ids in the table
	prefixes []*prefixTracker              // in order
	sent     uint64                        // invalidations, since start
	overRuns int                           // turns in a row in which the table stayed above its limit
	buf      []byte                        // scratch for a message
	pending  []pendingInvalidation         // of the client whose command runs
}

// prefixTracker is one prefix that clients in broadcast mode asked for.
type prefixTracker struct {
	prefix  string
	clients []*session.Session
	keys    map[string]int64 // that changed since they were last told, and the client that changed each last; 0: a script, or none
}

// TrackingCounts are figures for INFO: clients that track, keys they may have cached, pairs of key and client, and prefixes.
func (e *Engine) TrackingCounts() (clients, keys, items, prefixes int) {
	t := &e.tracking
	return t.clients, len(t.table), t.items, len(t.prefixes)
}

// Track begins to track for a client, or changes how. o.Prefixes are added to those it has; in broadcast mode none at all stand for
// every key. The caller has checked that the options fit each other.
func (e *Engine) Track(s *session.Session, o session.Tracking) {
	t := &e.tracking
	if !s.Tracking.On {
		t.clients++
	}
	add := o.Prefixes
	o.On, o.Prefixes = true, s.Tracking.Prefixes
	s.Tracking = o
	if o.Bcast && len(add) == 0 {
		add = []string{""}
	}
	for _, p := range add {
		at, found := slices.BinarySearchFunc(t.prefixes, p, func(x *prefixTracker, p string) int { return strings.Compare(x.prefix, p) })
		if !found {
			t.prefixes = slices.Insert(t.prefixes, at, &prefixTracker{prefix: p, keys: make(map[string]int64)})
		}
		if x := t.prefixes[at]; !slices.Contains(x.clients, s) {
			x.clients = append(x.clients, s)
			s.Tracking.Prefixes = append(s.Tracking.Prefixes, p)
		}
	}
	slices.Sort(s.Tracking.Prefixes)
	e.countWatched()
}

// Untrack ends it. What the table holds of the client is forgotten when the keys change.
func (e *Engine) Untrack(s *session.Session) {
	if !s.Tracking.On {
		return
	}
	t := &e.tracking
	t.clients--
	for _, x := range t.prefixes {
		if i := slices.Index(x.clients, s); i >= 0 {
			x.clients = slices.Delete(x.clients, i, i+1)
		}
	}
	t.prefixes = slices.DeleteFunc(t.prefixes, func(x *prefixTracker) bool { return len(x.clients) == 0 })
	s.Tracking = session.Tracking{Redirect: s.Tracking.Redirect} // for what is pending yet
	e.countWatched()
}

// remember notes the keys of a reading command for the client that sent it.
func (t *tracker) remember(s *session.Session, spec *Spec, argv [][]byte) {
	o := &s.Tracking
	if !o.On || o.Bcast || (o.OptIn && !o.Caching) || (o.OptOut && o.Caching) {
		return
	}
	keys, _ := spec.FindKeys(argv)
	for _, k := range keys {
		ids := t.table[string(argv[k.Pos])]
		if ids == nil {
			if t.table == nil {
				t.table = make(map[string]map[int64]struct{})
			}
			ids = make(map[int64]struct{}, 1)
			t.table[string(argv[k.Pos])] = ids
		}
		if _, there := ids[s.ID]; !there {
			ids[s.ID] = struct{}{}
			t.items++
		}
	}
}

// invalidate tells those who may have cached a key that it changed, and notes it for those who asked for a prefix of it.
func (e *Engine) invalidate(key []byte) {
	var by *session.Session // who changed it; nil: it expired by itself
	if e.depth > 0 {
		by = e.frames[0].S
	}
	id := int64(0)
	if by != nil && e.script == nil {
		id = by.ID // what a script changes is nobody's own in broadcast mode, as in Redis
	}
	e.remindPrefixes(key, id)
	e.invalidateCached(key, by)
}

// remindPrefixes notes a change of the key, and who changed it, for clients in broadcast mode.
func (e *Engine) remindPrefixes(key []byte, id int64) {
	for _, x := range e.tracking.prefixes {
		if len(key) < len(x.prefix) || string(key[:len(x.prefix)]) != x.prefix {
			continue
		}
		if was, there := x.keys[string(key)]; !there || was != id {
			x.keys[string(key)] = id
		}
	}
}

// invalidateCached is invalidate for those who read the key.
func (e *Engine) invalidateCached(key []byte, by *session.Session) {
	t := &e.tracking
	ids := t.table[string(key)]
	if ids == nil {
		return
	}
	delete(t.table, string(key))
	t.items -= len(ids)
	var all []int64
	for id := range ids {
		all = append(all, id)
	}
	slices.Sort(all)
	for _, id := range all {
		s := e.sessions[id]
		if s == nil || !s.Tracking.On || s.Tracking.Bcast || (s.Tracking.NoLoop && s == by) {
			continue
		}
		if s.Executing {
			t.pending = append(t.pending, pendingInvalidation{key: string(key)})
			continue
		}
		e.sendInvalidation(s, func(w *resp.Writer) {
			w.Array(1)
			w.Bulk(key)
		})
	}
}

// pendingInvalidation is a key that the client whose command runs has read before and changed now, or all keys. Such a client is told
// behind its reply and whatever else came for it meanwhile, wherever it redirects to.
type pendingInvalidation struct {
	key string
	all bool
}

// commandEnded lets follow what came for the client while its command ran.
func (e *Engine) commandEnded(s *session.Session) {
	s.CommandEnded()
	t := &e.tracking
	if len(t.pending) == 0 {
		return
	}
	for _, p := range t.pending {
		e.sendInvalidation(s, func(w *resp.Writer) {
			if p.all {
				w.Proto = s.W.Proto
				w.Null()
				return
			}
			w.Array(1)
			w.BulkString(p.key)
		})
	}
	t.dropPending()
}

func (t *tracker) dropPending() {
	clear(t.pending)
	if t.pending = t.pending[:0]; cap(t.pending) > maxIdleKeys {
		t.pending = nil
	}
}

// sendInvalidation sends one message to a client that tracks, or to the one it redirects to. A RESP2 client can be told only as
// a subscriber.
func (e *Engine) sendInvalidation(s *session.Session, keys func(*resp.Writer)) {
	t := &e.tracking
	to := s
	if id := s.Tracking.Redirect; id != 0 {
		if to = e.sessions[id]; to == nil {
			s.Tracking.Broken = true
			if s.W.Proto == 3 {
				w := resp.Writer{Buf: t.buf[:0], Proto: 3}
				w.Push(2)
				w.BulkString("tracking-redir-broken")
				w.Int(id)
				e.pushInvalidation(s, w.Buf)
			}
			return
		}
	}
	w := resp.Writer{Buf: t.buf[:0], Proto: to.W.Proto}
	switch {
	case to.W.Proto == 3:
		w.Push(2)
		w.BulkString("invalidate")
	case s.Tracking.Redirect != 0 && to.Subs.Any():
		w.Array(3)
		w.BulkString("message")
		w.BulkString(InvalidateChannel)
	default:
		return
	}
	keys(&w)
	e.pushInvalidation(to, w.Buf)
}

func (e *Engine) pushInvalidation(to *session.Session, message []byte) {
	t := &e.tracking
	t.buf = message
	if cap(message) > maxIdleUnit {
		t.buf = nil
	}
	t.sent++
	to.Invalidated = true
	to.Push(message)
}

// Flushed tells all who track that nothing they have cached is good any more: a database, or all, were emptied.
func (e *Engine) Flushed() {
	t := &e.tracking
	if t.clients > 0 {
		e.Sessions(func(s *session.Session) {
			switch {
			case !s.Tracking.On:
			case s.Executing:
				t.pending = append(t.pending, pendingInvalidation{all: true})
			default:
				e.sendInvalidation(s, func(w *resp.Writer) {
					w.Proto = s.W.Proto // the null of the one that tracks, whoever is told
					w.Null()
				})
			}
		})
	}
	t.table, t.items = nil, 0
	e.countWatched()
}

// broadcast tells the clients in broadcast mode of the keys that changed in this turn, all in one message for each prefix.
func (e *Engine) broadcast() {
	for _, x := range e.tracking.prefixes {
		if len(x.keys) == 0 {
			continue
		}
		changed := make([]string, 0, len(x.keys))
		for key := range x.keys {
			changed = append(changed, key)
		}
		slices.Sort(changed)
		for _, s := range x.clients {
			keys := changed
			if s.Tracking.NoLoop {
				keys = slices.DeleteFunc(slices.Clone(changed), func(k string) bool { return x.keys[k] == s.ID })
			}
			if len(keys) > 0 {
				e.sendInvalidation(s, func(w *resp.Writer) {
					w.Array(len(keys))
					for _, k := range keys {
						w.BulkString(k)
					}
				})
			}
		}
		clear(x.keys)
		if len(changed) > maxIdleKeys {
			x.keys = make(map[string]int64)
		}
	}
}

// maxIdleKeys bounds the changed keys whose room a prefix keeps for the next turn.
const maxIdleKeys = 1 << 10

// limitTracking makes the table forget keys, and tells those who read them, until it holds no more than
// tracking-table-max-keys. What it does in a turn is bounded; more so the longer it has not been enough.
func (e *Engine) limitTracking() (more bool) {
	t := &e.tracking
	most := e.cfg.Live.TrackingMaxKeys
	if most == 0 || uint64(len(t.table)) <= most {
		t.overRuns = 0
		return false
	}
	t.overRuns++
	left := 100 * t.overRuns
	for key := range t.table {
		if left == 0 || uint64(len(t.table)) <= most {
			break
		}
		left--
		e.invalidateCached([]byte(key), nil)
	}
	return true
}
