package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
)

// In a cluster the keys of one hash slot must be found: a database then has a tree of all its entries in order of slot.

// slotTree orders entries by slot and then by where they are.
var slotTree = btree.Type{Words: 1}

// slotBits is where the slot stands in a key word, above the ref.
const slotBits = 48

func slotKey(slot uint16, r arena.Ref) btree.Key {
	return btree.Key{W: [2]uint64{uint64(slot)<<slotBits | uint64(r)}}
}

func (db *DB) slotOf(c cell) uint16 { return db.ks.slotOf(c.key(db.ks.a)) }

func (db *DB) slotTree() btree.Tree { return btree.Open(db.ks.a, &slotTree, db.slots) }

// slotAdded puts a new entry into the tree.
func (db *DB) slotAdded(c cell) {
	if db.slots != 0 {
		db.slotTree().Insert(slotKey(db.slotOf(c), c.ref), c.ref, 0)
	}
}

// slotMoved follows an entry to another block.
func (db *DB) slotMoved(from arena.Ref, c cell) {
	if db.slots != 0 {
		slot, t := db.slotOf(c), db.slotTree()
		t.Delete(slotKey(slot, from))
		t.Insert(slotKey(slot, c.ref), c.ref, 0)
	}
}

// slotRemoved takes an entry, which is still whole, out of the tree.
func (db *DB) slotRemoved(c cell) {
	if db.slots != 0 {
		db.slotTree().Delete(slotKey(db.slotOf(c), c.ref))
	}
}

// slotRange is where in the tree the entries of a slot begin and end.
func (db *DB) slotRange(slot uint16) (from, to int) {
	t := db.slotTree()
	from, _ = t.Rank(slotKey(slot, 0))
	to, _ = t.Rank(slotKey(slot+1, 0))
	return from, to
}

// SlotLen is the number of keys in a slot, expired ones that are still there included; 0 without Options.SlotOf.
func (db *DB) SlotLen(slot uint16) int {
	if db.slots == 0 {
		return 0
	}
	from, to := db.slotRange(slot)
	return to - from
}

// EachInSlot visits the keys of a slot, in no order, until visit returns false. visit must not change the keyspace.
func (db *DB) EachInSlot(slot uint16, visit func(Entry) bool) {
	if db.slots == 0 {
		return
	}
	from, to := db.slotRange(slot)
	if from == to {
		return
	}
	c := db.slotTree().SeekAt(from)
	for i := from; i < to; i++ {
		r := c.Ref()
		if !visit(Entry{db, cell{r, head(db.ks.a.Load64(r))}}) {
			return
		}
		c.Next()
	}
}
