package kv

import (
	"time"

	"frankenredis/kv/arena"
)

// ExpireMode says what becomes of keys whose time has passed. A key is expired when the clock is past its expiry, not yet
// when they are equal.
type ExpireMode uint8

const (
	// ExpireDelete: whoever meets an expired key deletes it, and the expiry cycle looks for them. For a primary.
	ExpireDelete ExpireMode = iota
	// ExpireHide: reads do not find an expired key, which stays until the primary's DEL. For a replica.
	ExpireHide
	// ExpireIgnore: expiry is data like any other. For loading, replay, and a replica applying its primary's stream.
	ExpireIgnore
)

// SetExpireMode chooses what becomes of expired keys from now on.
func (ks *Keyspace) SetExpireMode(m ExpireMode) { ks.mode = m }

// expired says whether the entry is expired and the mode cares.
func (ks *Keyspace) expired(c cell) bool {
	return c.h.volatile() && ks.mode != ExpireIgnore && ks.now > Millis(ks.a.Load64(word(c.ref, 1)))
}

// expire deletes an expired entry and tells the hooks. The key must not be arena memory.
func (db *DB) expire(hash uint64, c cell, key []byte) {
	db.discard(hash, c, db.ks.lazyExpire)
	db.changed(key)
	if db.ks.Hooks.Expired != nil {
		db.ks.Hooks.Expired(db, key)
	}
}

// expireRef is expire for an entry found by its place.
func (db *DB) expireRef(r arena.Ref) {
	ks := db.ks
	c := cell{r, head(ks.a.Load64(r))}
	key := append(ks.hookKey[:0], c.key(ks.a)...)
	if cap(key) <= maxEntry {
		ks.hookKey = key // kept for the next; a huge one is not worth keeping
	}
	db.expire(ks.hashEntry(ks.a, r), c, key)
}

// expireRefs deletes the expired entries that a scan collected in Keyspace.refs.
func (db *DB) expireRefs() int {
	for _, r := range db.ks.refs {
		db.expireRef(r)
	}
	n := len(db.ks.refs)
	db.ks.refs = db.ks.refs[:0]
	return n
}

// SetExpire makes the key expire at the given time, past or future, and reports whether there is such a key.
func (db *DB) SetExpire(key []byte, at Millis) bool {
	hash, r, h := db.findWrite(key)
	if r == 0 {
		return false
	}
	a := db.ks.a
	if h.volatile() {
		a.Store64(word(db.leave(hash, cell{r, h}).ref, 1), uint64(at))
		db.changed(key)
		return true
	}
	old, now := cell{r, h}, cell{r, h.withVolatile(true)}
	size := now.h.size()
	if size > maxEntry {
		db.spill(hash, key, old, at)
		db.changed(key)
		return true
	}
	var b []byte
	if size <= a.Usable(r) && !a.Leave(r) {
		b = a.Mut(r, size)
		copy(b[16:], b[8:size-8])
	} else {
		now.ref = a.Alloc(size)
		b = a.Mut(now.ref, size)
		copy(b[16:], a.At(r, size-8)[8:])
	}
	putWord(b, 0, uint64(now.h))
	putWord(b, 1, uint64(at))
	db.relink(hash, old, now)
	db.changed(key)
	return true
}

// spill moves an inline value that leaves no room for the expiry out of its entry.
func (db *DB) spill(hash uint64, key []byte, old cell, at Millis) {
	ks := db.ks
	d := draft{typ: old.h.typ(), enc: old.h.enc(), access: old.h.access(), expire: at, volatile: true}
	ks.scratch = append(ks.scratch[:0], old.inline(ks.a)...)
	db.fill(&d, key, ks.scratch)
	db.put(hash, key, old, &d)
}

// Persist removes the key's expiry and reports whether it had one.
func (db *DB) Persist(key []byte) bool {
	hash, r, h := db.findWrite(key)
	if r == 0 || !h.volatile() {
		return false
	}
	old := db.leave(hash, cell{r, h})
	now := cell{old.ref, h.withVolatile(false)}
	b := db.ks.a.Mut(now.ref, h.size())
	copy(b[8:], b[16:])
	putWord(b, 0, uint64(now.h))
	db.relink(hash, old, now)
	db.changed(key)
	return true
}

// expireCycle is where active expiry stands.
type expireCycle struct {
	db         int // the next database to look at
	perStep    int // keys sampled between two decisions
	stale      int // percentage of expired keys in a sample below which a database is left in peace
	stalePerc  float64
	capReached int64
}

// SetExpireEffort sets active-expire-effort, 1 to 10: more keys a sample and fewer expired ones tolerated.
func (ks *Keyspace) SetExpireEffort(effort int) {
	e := min(max(effort, 1), 10) - 1
	ks.cycle.perStep = 20 + 5*e
	ks.cycle.stale = 10 - e
}

// ExpireStats are INFO's expired_stale_perc, an estimate of the share of expired keys still there, and
// expired_time_cap_reached_count.
func (ks *Keyspace) ExpireStats() (stalePercent float64, capReached int64) {
	return ks.cycle.stalePerc * 100, ks.cycle.capReached
}

// ResetExpireStats sets ExpireStats back to zero, for CONFIG RESETSTAT.
func (ks *Keyspace) ResetExpireStats() { ks.cycle.stalePerc, ks.cycle.capReached = 0, 0 }

// ExpireCycle looks for expired keys, database by database, for about the given time, and deletes those it finds: it
// samples the volatile keys in order and stays with a database while a good part of a sample is expired. It returns how
// many it deleted; in modes other than ExpireDelete there is nothing to do.
func (ks *Keyspace) ExpireCycle(budget time.Duration) (expired int) {
	if ks.mode != ExpireDelete {
		return 0
	}
	cy := &ks.cycle
	sampled := 0
	start := time.Now()
loop:
	for range ks.dbs {
		db := ks.dbs[cy.db%len(ks.dbs)]
		cy.db = (cy.db + 1) % len(ks.dbs)
		for {
			if db.volatile.Len() == 0 {
				db.avgTTL = 0
				break
			}
			seen, gone := db.expireSample()
			sampled += seen
			expired += gone
			if time.Since(start) >= budget {
				cy.capReached++
				break loop
			}
			if gone*100 <= cy.stale*seen {
				break
			}
		}
	}
	share := 0.0
	if sampled > 0 {
		share = float64(expired) / float64(sampled)
	}
	cy.stalePerc = share*0.05 + cy.stalePerc*0.95
	return expired
}

// expireSample looks at the next few volatile keys of the database, deletes those that are expired and takes the others
// into the average.
func (db *DB) expireSample() (seen, gone int) {
	ks := db.ks
	var ttlSum, ttls Millis
	ks.refs = ks.refs[:0]
	visit := func(r arena.Ref) {
		seen++
		switch ttl := Millis(ks.a.Load64(word(r, 1))) - ks.now; {
		case ttl < 0:
			ks.refs = append(ks.refs, r)
		case ttl > 0:
			ttlSum += ttl
			ttls++
		}
	}
	// Steps through empty places count, too; and a sample never goes around, so that it sees no key twice.
	for range 20 * ks.cycle.perStep {
		db.expireCursor = db.volatile.Scan(db.expireCursor, visit)
		if seen >= ks.cycle.perStep || db.expireCursor == 0 {
			break
		}
	}
	gone = db.expireRefs()
	if ttls > 0 {
		avg := ttlSum / ttls
		if db.avgTTL == 0 {
			db.avgTTL = avg
		} else {
			// A running average in which a sample weighs 2 %, as in Redis.
			db.avgTTL = db.avgTTL/50*49 + avg/50
		}
	}
	return seen, gone
}
