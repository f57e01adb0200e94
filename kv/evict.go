package kv

import (
	"math"

	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
)

// EvictOrder says which keys eviction takes first.
type EvictOrder uint8

// The orders of Redis's maxmemory-policy.
const (
	EvictNone   EvictOrder = iota // noeviction
	EvictLRU                      // the longest unused
	EvictLFU                      // the least often used
	EvictTTL                      // those that expire soonest
	EvictRandom                   // any
)

// EvictPolicy says what Evict removes.
type EvictPolicy struct {
	Order    EvictOrder
	Volatile bool // only keys that have an expiry
	Samples  int  // keys looked at in each database, 1 to 64 (maxmemory-samples)
	Lazy     bool // remove as Unlink does, not as Delete (lazyfree-lazy-eviction)
}

// evictPoolSize is how many good candidates are remembered from one eviction to the next, as in Redis.
const evictPoolSize = 16

// evictCandidate is a key worth evicting as it was when it was sampled. Its entry may have been freed since, or used: it
// counts only while the database still has this very entry and mark is unchanged.
type evictCandidate struct {
	db   int
	hash uint64
	ref  arena.Ref
	mark uint64 // access bits; for EvictTTL the expiry
}

// evictPool remembers the best candidates of several samples: of a few keys the worst is rarely a bad one, and so the
// approximation comes close to an exact order. What is kept is the mark, not a score, so that candidates sampled at
// different times compare as of now.
type evictPool struct {
	order    EvictOrder
	volatile bool
	n        int
	all      [evictPoolSize]evictCandidate

	sampled int             // the database consider is about
	visit   func(arena.Ref) // consider, made once

	db  int    // the database EvictRandom took from last
	key []byte // the key evicted last
}

// Evict removes one key by the policy and returns it; ok is false when there is none. The key is valid until the next call.
// An expired key is evicted like any other, and no hook but Changed is called.
func (ks *Keyspace) Evict(p EvictPolicy) (db *DB, key []byte, ok bool) {
	var at evictCandidate
	switch p.Order {
	case EvictNone:
		return nil, nil, false
	case EvictRandom:
		at, ok = ks.anyCandidate(p.Volatile)
	default:
		at, ok = ks.bestCandidate(p)
	}
	if !ok {
		return nil, nil, false
	}
	db = ks.dbs[at.db]
	c := cell{at.ref, head(ks.a.Load64(at.ref))}
	key = append(ks.pool.key[:0], c.key(ks.a)...)
	ks.pool.key = key
	if cap(key) > maxEntry {
		ks.pool.key = nil // a huge one is not worth keeping
	}
	db.discard(at.hash, c, p.Lazy)
	db.changed(key)
	return db, key, true
}

// evictable is the dict of the keys that may be evicted.
func (db *DB) evictable(volatile bool) dict.Dict {
	if volatile {
		return db.volatile
	}
	return db.keys
}

// anyCandidate is a random key of the next database that has one.
func (ks *Keyspace) anyCandidate(volatile bool) (at evictCandidate, ok bool) {
	pool := &ks.pool
	for range ks.dbs {
		pool.db = (pool.db + 1) % len(ks.dbs)
		if r := ks.dbs[pool.db].evictable(volatile).Random(ks.next); r != 0 {
			return evictCandidate{db: pool.db, hash: ks.hashEntry(ks.a, r), ref: r}, true
		}
	}
	return at, false
}

// bestCandidate samples every database and takes the best candidate out of the pool.
func (ks *Keyspace) bestCandidate(p EvictPolicy) (at evictCandidate, ok bool) {
	pool := &ks.pool
	volatile := p.Volatile || p.Order == EvictTTL
	if pool.order != p.Order || pool.volatile != volatile {
		pool.order, pool.volatile, pool.n = p.Order, volatile, 0
	}
	for {
		found := false
		for _, db := range ks.dbs {
			if d := db.evictable(volatile); d.Len() > 0 {
				found = true
				pool.sampled = db.id
				d.Sample(p.Samples, ks.next, pool.visit)
			}
		}
		if !found {
			pool.n = 0
			return at, false
		}
		for pool.n > 0 {
			if at = ks.takeBest(); ks.stands(at) {
				return at, true
			}
		}
	}
}

// mark is what the order goes by of an entry.
func (ks *Keyspace) mark(r arena.Ref) uint64 {
	if ks.pool.order == EvictTTL {
		return ks.a.Load64(word(r, 1))
	}
	return uint64(head(ks.a.Load64(r)).access())
}

// score compares marks as of now; the highest goes first.
func (ks *Keyspace) score(mark uint64) uint64 {
	switch ks.pool.order {
	case EvictTTL:
		return math.MaxInt64 - mark // expiries are positive, or long past
	case EvictLFU:
		// Of equal counters, the one that has rested longer.
		rest := (ks.access.minute - uint32(mark)>>8) & 0xffff
		return uint64(255-ks.access.freq(uint32(mark)))<<16 | uint64(rest)
	}
	return uint64(ks.access.idle(uint32(mark)))
}

// consider puts an entry sampled from the database pool.sampled into the pool if it is better than the worst one there.
func (ks *Keyspace) consider(r arena.Ref) {
	pool, db := &ks.pool, ks.pool.sampled
	mark := ks.mark(r)
	worst, low := pool.n, uint64(math.MaxUint64)
	for i := range pool.n {
		c := &pool.all[i]
		if c.ref == r && c.db == db {
			c.mark, c.hash = mark, ks.hashEntry(ks.a, r)
			return
		}
		if s := ks.score(c.mark); s < low {
			worst, low = i, s
		}
	}
	switch {
	case pool.n < evictPoolSize:
		worst = pool.n
		pool.n++
	case ks.score(mark) <= low:
		return
	}
	pool.all[worst] = evictCandidate{db: db, hash: ks.hashEntry(ks.a, r), ref: r, mark: mark}
}

// takeBest takes the best candidate out; there is one. Of equal ones it is the oldest: the others have had less time to be used
// again.
func (ks *Keyspace) takeBest() evictCandidate {
	pool := &ks.pool
	best, high := 0, ks.score(pool.all[0].mark)
	for i := 1; i < pool.n; i++ {
		if s := ks.score(pool.all[i].mark); s > high {
			best, high = i, s
		}
	}
	c := pool.all[best]
	copy(pool.all[best:pool.n], pool.all[best+1:pool.n])
	pool.n--
	return c
}

// stands says whether a candidate is still there and has not been used since.
func (ks *Keyspace) stands(c evictCandidate) bool {
	return ks.dbs[c.db].evictable(ks.pool.volatile).Has(c.hash, c.ref) && ks.mark(c.ref) == c.mark
}
