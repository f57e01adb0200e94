package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/dict"
)

// DB is one database. Keys and values given to its methods are copied; they must not be arena memory (Entry.Key and
// Entry.Walk hand out such).
type DB struct {
	ks *Keyspace
	id int
	dbState
}

// dbState is what a swap exchanges.
type dbState struct {
	keys     dict.Dict // every entry
	volatile dict.Dict // the entries that have an expiry
	slots    arena.Ref // the root of the tree of entries by slot; 0: there is none
	bytes    int64     // arena bytes of entries and blobs; the dicts and the tree count their own

	avgTTL       Millis
	expireCursor uint64
}

// reset makes the database empty, forgetting what it held.
func (db *DB) reset() {
	db.dbState = dbState{
		keys:     dict.New(db.ks.a, &db.ks.table),
		volatile: dict.New(db.ks.a, &db.ks.table),
	}
	if db.ks.slotOf != nil {
		db.slots = btree.New(db.ks.a, &slotTree).Root()
	}
}

// ID is the database's number.
func (db *DB) ID() int { return db.id }

// Len is the number of keys, expired ones that are still there included.
func (db *DB) Len() int { return db.keys.Len() }

// Warm brings what finding keys with these hashes (dict.Hash with Options.HashSeed) takes into the processor's caches, for several keys at
// once. It changes nothing; the keys need not be there.
func (db *DB) Warm(hashes []uint64) { db.keys.Warm(hashes) }

// Volatile is the number of keys that have an expiry.
func (db *DB) Volatile() int { return db.volatile.Len() }

// AvgTTL is a running average of the time volatile keys have left, as the expiry cycle samples it; 0 when unknown.
func (db *DB) AvgTTL() Millis { return db.avgTTL }

// Bytes is what the database occupies in the arena, and how much of it is the tables that find keys.
func (db *DB) Bytes() (total, tables int64) {
	tables = db.keys.MemBytes() + db.volatile.MemBytes()
	if db.slots != 0 {
		tables += db.slotTree().MemBytes()
	}
	return db.bytes + tables, tables
}

// TableBytes is what the tables that find keys take: that of all, that of those with an expiry, and the tree of those in a slot.
func (db *DB) TableBytes() (keys, volatile, slots int64) {
	if db.slots != 0 {
		slots = db.slotTree().MemBytes()
	}
	return db.keys.MemBytes(), db.volatile.MemBytes(), slots
}

// LookupFlag modifies a lookup.
type LookupFlag uint8

// The lookup flags.
const (
	NoTouch  LookupFlag = 1 << iota // leave the LRU or LFU bits alone
	NoExpire                        // find keys that are expired but still there
	Write                           // in ExpireHide mode, delete an expired key as in ExpireDelete: the caller writes to it
)

// Lookup finds a key. A key that is expired is treated as the expire mode says.
func (db *DB) Lookup(key []byte, f LookupFlag) (Entry, bool) {
	hash := dict.Hash(&db.ks.seed, key)
	r := db.keys.Find(hash, key)
	if r == 0 {
		return Entry{}, false
	}
	c := cell{r, head(db.ks.a.Load64(r))}
	if c.h.volatile() && f&NoExpire == 0 && db.ks.expired(c) {
		if db.ks.mode == ExpireDelete || f&Write != 0 {
			db.expire(hash, c, key)
		}
		return Entry{}, false
	}
	if f&NoTouch == 0 {
		c = db.touch(c)
	}
	return Entry{db, c}, true
}

// find locates a key whatever its expiry; r is 0 when it is absent.
func (db *DB) find(key []byte) (hash uint64, r arena.Ref, h head) {
	hash = dict.Hash(&db.ks.seed, key)
	if r = db.keys.Find(hash, key); r != 0 {
		h = head(db.ks.a.Load64(r))
	}
	return hash, r, h
}

// findWrite locates a key that is about to be written. An expired one is deleted first, in every mode that expires.
func (db *DB) findWrite(key []byte) (hash uint64, r arena.Ref, h head) {
	hash, r, h = db.find(key)
	if r != 0 && h.volatile() && db.ks.expired(cell{r, h}) {
		db.expire(hash, cell{r, h}, key)
		return hash, 0, 0
	}
	return hash, r, h
}

// changed tells watchers about a key.
func (db *DB) changed(key []byte) {
	if db.ks.Watching > 0 && db.ks.Hooks.Changed != nil {
		db.ks.Hooks.Changed(db, key)
	}
}

// added tells that a key has come into being.
func (db *DB) added(key []byte) {
	if db.ks.Announce && !db.ks.replacing {
		db.ks.Hooks.Added(db, key)
	}
	db.ks.replacing = false
}

func (db *DB) flushed() {
	if db.ks.Watching > 0 && db.ks.Hooks.Flushed != nil {
		db.ks.Hooks.Flushed(db)
	}
}

// draft is an entry to be written.
type draft struct {
	typ      Type
	enc      Encoding
	access   uint32
	volatile bool
	expire   Millis // if volatile
	big      bool   // words are a blob's descriptor
	nwords   int
	words    [blobWords]uint64
	val      []byte // inline value, not in the arena
}

// keep makes the draft one of the old entry's value in another shape: what is not its value stays as it is.
func (d *draft) keep(ks *Keyspace, old cell) {
	d.typ, d.enc, d.access = old.h.typ(), old.h.enc(), old.h.access()
	d.expire, d.volatile = old.expire(ks.a)
}

// put writes d as the entry for key: over the old entry, whose value has been dealt with, or as a new one when old is
// zero. It returns where the entry is and keeps both dicts right.
func (db *DB) put(hash uint64, key []byte, old cell, d *draft) cell {
	a := db.ks.a
	h := head(d.typ)<<typeShift | head(d.enc)<<encShift | head(len(d.val))<<valLenShift |
		head(d.access)<<accessShift
	words := 1 + d.nwords
	if d.volatile {
		h |= flagVolatile
		words++
	}
	if d.big {
		h |= flagBigValue
	}
	var keyWords [bigKeyWords]uint64
	inline := key
	if len(key) > maxInlineKey {
		h |= flagBigKey
		words += bigKeyWords
		keyWords = db.bigKey(hash, key, old)
		inline = nil
	}
	h |= head(words)<<wordsShift | head(len(inline))<<keyLenShift

	size := h.size()
	r := old.ref
	if r == 0 || !fits(a.Usable(r), size) || a.Leave(r) {
		r = a.Alloc(size)
	}
	b := a.Mut(r, size)
	putWord(b, 0, uint64(h))
	i := 1
	if d.volatile {
		putWord(b, i, uint64(d.expire))
		i++
	}
	if h.bigKey() {
		for _, w := range keyWords {
			putWord(b, i, w)
			i++
		}
	}
	for _, w := range d.words[:d.nwords] {
		putWord(b, i, w)
		i++
	}
	copy(b[8*i:], inline)
	copy(b[8*i+len(inline):], d.val)
	now := cell{r, h}
	db.relink(hash, old, now)
	if old.ref == 0 {
		db.added(key)
	}
	return now
}

// bigKey is the words of a key that is a blob: the old entry's, or new ones.
func (db *DB) bigKey(hash uint64, key []byte, old cell) (w [bigKeyWords]uint64) {
	a := db.ks.a
	if old.ref != 0 {
		for i := range w {
			w[i] = a.Load64(word(old.ref, old.h.keyWord()+i))
		}
		return w
	}
	b := makeBlob(a, key)
	db.bytes += b.bytes
	words := b.words()
	copy(w[:], words[:])
	w[blobWords] = hash
	return w
}

// relink makes the dicts refer to the entry now instead of old (zero: a new entry), and frees old's block if now has
// another.
func (db *DB) relink(hash uint64, old, now cell) {
	if old.ref == 0 {
		db.bytes += int64(db.ks.a.Usable(now.ref))
		db.keys.Insert(hash, now.ref)
		db.slotAdded(now)
		if now.h.volatile() {
			db.volatile.Insert(hash, now.ref)
		}
		return
	}
	moved := old.ref != now.ref
	if moved {
		db.keys.Replace(hash, old.ref, now.ref)
		db.slotMoved(old.ref, now)
	}
	switch was, is := old.h.volatile(), now.h.volatile(); {
	case was && is && moved:
		db.volatile.Replace(hash, old.ref, now.ref)
	case was && !is:
		db.volatile.DeleteRef(hash, old.ref)
	case !was && is:
		db.volatile.Insert(hash, now.ref)
	}
	if moved {
		db.bytes += int64(db.ks.a.Usable(now.ref) - db.ks.a.Usable(old.ref))
		db.ks.a.Free(old.ref)
	}
}

// leave gives an entry that is about to change where it lies another block, if an open view needs its page: that copies the entry
// and, once for some hundred keys, a page of the table, where the change would copy the pages of the slab.
func (db *DB) leave(hash uint64, c cell) cell {
	a := db.ks.a
	if !a.Leave(c.ref) {
		return c
	}
	now := cell{a.Alloc(a.Usable(c.ref)), c.h}
	copy(a.Mut(now.ref, c.h.size()), a.At(c.ref, c.h.size()))
	db.relink(hash, c, now)
	return now
}

// fits says that a block of the given room serves an entry of size bytes without wasting much.
func fits(room, size int) bool { return size <= room && room-size <= 24+size/4 }
