package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
)

// Scan visits the keys at one place of the table and returns the cursor of the next; it begins and ends with 0. Keys
// that are there from begin to end are visited at least once, however the table changes in between. Expired keys are not
// visited, and deleted where the mode says so, after the visits. visit must not change the keyspace.
func (db *DB) Scan(cursor uint64, visit func(Entry)) (next uint64) {
	return db.ScanFor(cursor, nil, visit)
}

// ScanFor is Scan for somebody who looks for keys that match (nil: all): expired ones that do not are left alone. visit
// gets the others, too.
func (db *DB) ScanFor(cursor uint64, match func(key []byte) bool, visit func(Entry)) (next uint64) {
	ks := db.ks
	ks.refs = ks.refs[:0]
	next = db.keys.Scan(cursor, func(r arena.Ref) {
		c := cell{r, head(ks.a.Load64(r))}
		if ks.expired(c) {
			if match == nil || match((Entry{db, c}).Key()) {
				ks.refs = append(ks.refs, r)
			}
			return
		}
		visit(Entry{db, c})
	})
	if ks.mode == ExpireDelete {
		db.expireRefs()
	}
	return next
}

// Each visits all keys, in no order, until visit returns false; also those that are expired and still there. visit must not
// change the keyspace.
func (db *DB) Each(visit func(Entry) bool) {
	ks := db.ks
	dict.Frozen(ks.a, &ks.table, db.keys.Root()).Each(func(r arena.Ref) bool {
		c := cell{r, head(ks.a.Load64(r))}
		return visit(Entry{db, c})
	})
}

// hiddenTries is how often Random tries for a key that is not expired where it may not delete those that are.
const hiddenTries = 100

// Random returns a key, each with the same probability. Expired ones it meets are deleted where the mode says so. Where
// they are only hidden and hardly anything else is found, it settles for any key that is not expired or, when every key
// has an expiry, for an expired one, as Redis does.
func (db *DB) Random() (Entry, bool) {
	ks := db.ks
	for tries := 1; ; tries++ {
		r := db.keys.Random(ks.next)
		if r == 0 {
			return Entry{}, false
		}
		c := cell{r, head(ks.a.Load64(r))}
		switch {
		case !ks.expired(c):
			return Entry{db, c}, true
		case ks.mode == ExpireDelete:
			db.expireRef(r)
		case tries >= hiddenTries:
			e := Entry{db, c}
			if db.volatile.Len() < db.keys.Len() {
				db.Each(func(alive Entry) bool { e = alive; return false })
			}
			return e, true
		}
	}
}
