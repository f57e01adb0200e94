package engine

import (
	"frankenredis/kv"
	"frankenredis/wire/session"
)

// A replica removes no key because its time has passed: its primary says so (I20). The exception are keys that clients of a writable
// replica gave an expiry: of them the primary knows nothing. They are remembered here and removed in time.

// localExpiries are the keys of a writable replica that clients gave an expiry.
type localExpiries struct {
	keys  map[watchKey]struct{}
	order []watchKey // where the next look begins
}

// rememberExpiries is called behind each write of a client on a replica.
func (e *Engine) rememberExpiries(s *session.Session, spec *Spec, argv [][]byte) {
	keys, _ := spec.FindKeys(argv)
	for _, k := range keys {
		entry, found := e.ks.DB(s.DB).Lookup(argv[k.Pos], kv.NoTouch|kv.NoExpire)
		if !found {
			continue
		}
		if _, volatile := entry.Expire(); !volatile {
			continue
		}
		l := &e.following.local
		at := watchKey{s.DB, string(argv[k.Pos])}
		if _, there := l.keys[at]; there {
			continue
		}
		if l.keys == nil {
			l.keys = make(map[watchKey]struct{})
		}
		l.keys[at] = struct{}{}
		l.order = append(l.order, at)
	}
}

// ExpireLocal removes keys whose time has passed that clients of this replica gave an expiry; it looks at a bounded number of them.
func (e *Engine) ExpireLocal() {
	const atOnce = 64
	l := &e.following.local
	if len(l.order) == 0 || e.loading || !e.pauseUntil.IsZero() {
		return
	}
	for range min(atOnce, len(l.order)) {
		k := l.order[0]
		l.order = l.order[1:]
		db := e.ks.DB(k.db)
		entry, found := db.Lookup([]byte(k.key), kv.NoTouch|kv.NoExpire)
		at, volatile := kv.Millis(0), false
		if found {
			at, volatile = entry.Expire()
		}
		switch {
		case !volatile:
			delete(l.keys, k)
		case at < e.now:
			delete(l.keys, k)
			db.Delete([]byte(k.key))
			e.stats.ExpiredKeys++
			e.Notify('x', "expired", k.db, []byte(k.key))
		default:
			l.order = append(l.order, k)
		}
	}
}

// LocalExpiries is how many keys ExpireLocal watches over.
func (e *Engine) LocalExpiries() int { return len(e.following.local.keys) }
