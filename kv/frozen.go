package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
)

// Frozen is all databases as they were at one moment. It may be read from any goroutines while the keyspace goes on
// changing; an entry that changes takes another block (DB.leave), and of the rest a page is copied before its first change, so a view costs memory
// while it is open. Close it, once.
type Frozen struct {
	view   *arena.View
	table  *dict.Type
	seed   *dict.Seed
	now    Millis
	access accessPolicy
	dbs    []FrozenDB
}

// Freeze makes a consistent view of all databases, in microseconds.
func (ks *Keyspace) Freeze() *Frozen {
	f := &Frozen{table: &ks.table, seed: &ks.seed, now: ks.now, access: ks.access, dbs: make([]FrozenDB, len(ks.dbs))}
	for i, db := range ks.dbs {
		f.dbs[i] = FrozenDB{f: f, id: i, root: db.keys.Root(), n: db.Len(), volatile: db.Volatile()}
	}
	f.view = ks.a.Freeze()
	return f
}

// Now is the keyspace's clock at the freeze.
func (f *Frozen) Now() Millis { return f.now }

// LFU says whether the items' Freq means something, else their Idle does.
func (f *Frozen) LFU() bool { return f.access.lfu }

// Len is the number of databases.
func (f *Frozen) Len() int { return len(f.dbs) }

// DB is database i as it was.
func (f *Frozen) DB(i int) *FrozenDB { return &f.dbs[i] }

// CopiedBytes is what was copied so far because this view is open.
func (f *Frozen) CopiedBytes() int64 { return f.view.CopiedBytes() }

// Close ends the view. No item may be used afterwards.
func (f *Frozen) Close() { f.view.Close() }

// FrozenDB is one database of a view.
type FrozenDB struct {
	f           *Frozen
	id          int
	root        arena.Ref
	n, volatile int
}

// ID is the database's number.
func (db *FrozenDB) ID() int { return db.id }

// Len is the number of keys, expired ones included.
func (db *FrozenDB) Len() int { return db.n }

// Volatile is the number of keys with an expiry.
func (db *FrozenDB) Volatile() int { return db.volatile }

// Each visits all keys, expired ones included, in no order, until visit returns false.
func (db *FrozenDB) Each(visit func(Item) bool) {
	v := db.f.view
	dict.Frozen(v, db.f.table, db.root).Each(func(r arena.Ref) bool {
		return visit(Item{db.f, cell{r, head(v.Load64(r))}})
	})
}

// Item is a key and its value in a view, good until the view is closed.
type Item struct {
	f *Frozen
	cell
}

// Key is the key, read only. Only keys above a few KiB are copied for it.
func (it Item) Key() []byte { return it.key(it.f.view) }

// Type is the value's type.
func (it Item) Type() Type { return it.h.typ() }

// Encoding is the value's representation.
func (it Item) Encoding() Encoding { return it.h.enc() }

// Expire is the time the key expires, if it does.
func (it Item) Expire() (Millis, bool) { return it.expire(it.f.view) }

// Idle is how long the key had not been used, a multiple of 1000; see Frozen.LFU.
func (it Item) Idle() Millis { return it.f.access.idle(it.h.access()) }

// Freq is the key's LFU counter; see Frozen.LFU.
func (it Item) Freq() uint8 { return it.f.access.freq(it.h.access()) }

// StringLen is the length of a string value in bytes.
func (it Item) StringLen() int { return it.stringLen(it.f.view) }

// Int is the number of a string in int encoding.
func (it Item) Int() (int64, bool) {
	if !it.h.isInt() {
		return 0, false
	}
	return it.number(it.f.view), true
}

// AppendString appends a string value to dst.
func (it Item) AppendString(dst []byte) []byte {
	return it.appendRange(it.f.view, dst, 0, it.stringLen(it.f.view))
}

// Walk gives the bytes [start, end) of a string value in pieces, read only and good until the view is closed, until yield
// returns false; 0 <= start and end <= StringLen().
func (it Item) Walk(start, end int, yield func(piece []byte) bool) {
	it.walk(it.f.view, start, end, yield)
}
