package kv

import "frankenredis/kv/dict"

// TableStats says how the database's two tables lie in memory: that of all keys, and that of the volatile ones.
func (db *DB) TableStats() (keys, volatile dict.Stats) { return db.keys.Stats(), db.volatile.Stats() }

// TableStats is the same of the table that a hash, a set or a sorted set has when it is not packed.
func (e Entry) TableStats() (dict.Stats, bool) {
	if !e.h.isTable() || (e.Type() != Hash && e.Type() != Set && e.Type() != ZSet) {
		return dict.Stats{}, false
	}
	ks := e.db.ks
	return dict.Open(ks.a, &ks.table, e.table(ks.a).root).Stats(), true
}

// Bytes that things take beyond their contents.
const (
	HeaderBytes = 8             // an entry
	SlotBytes   = 8             // a reference to one, in a table
	BlobBytes   = 8 * blobWords // a string too long for its entry
)
