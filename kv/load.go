package kv

import (
	"frankenredis/kv/dict"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// NewKey is a key that a snapshot brings, and that Absent has said is not there. Its methods' way is shorter than that of commands: the
// key is hashed and looked for once, and a value that stays packed goes into its entry without being taken apart.
type NewKey struct {
	Name     []byte
	Hash     uint64 // DB.Hash of Name
	Expire   Millis // if Volatile
	Volatile bool
}

// Hash is the hash by which the database finds a key: dict.Hash with Options.HashSeed.
func (db *DB) Hash(key []byte) uint64 { return dict.Hash(&db.ks.seed, key) }

// Absent says that there is no such key, not even one that has expired. hash is that of the key.
func (db *DB) Absent(hash uint64, key []byte) bool { return db.keys.Find(hash, key) == 0 }

// LoadString stores what SetString would: a number as such, a short value as embstr.
func (db *DB) LoadString(k *NewKey, val []byte) {
	if v, ok := parseInt(val); ok {
		db.LoadInt(k, v)
		return
	}
	enc := Raw
	if len(val) <= embstrMax {
		enc = Embstr
	}
	d := draft{typ: String, enc: enc}
	db.loadBytes(k, &d, val)
}

// LoadInt stores a string that is the decimal spelling of v.
func (db *DB) LoadInt(k *NewKey, v int64) {
	d := draft{typ: String, enc: Int, nwords: 1}
	d.words[0] = uint64(v)
	db.load(k, &d)
}

// LoadPacked stores a value in Redis's own format, which the caller has verified.
func (db *DB) LoadPacked(k *NewKey, typ Type, enc Encoding, p []byte) {
	d := draft{typ: typ, enc: enc}
	db.loadBytes(k, &d, p)
}

func (db *DB) loadBytes(k *NewKey, d *draft, p []byte) {
	d.volatile = k.Volatile // counts for what fits
	db.fill(d, k.Name, p)
	db.load(k, d)
}

func (db *DB) load(k *NewKey, d *draft) {
	d.access, d.expire, d.volatile = db.ks.access.fresh(), k.Expire, k.Volatile
	db.put(k.Hash, k.Name, cell{}, d)
	db.changed(k.Name)
}

// PacksSet says whether a set of so many members, not all of them numbers, the longest of so many bytes, is packed under the limits in force.
func (db *DB) PacksSet(members, longest int) bool {
	l := &db.ks.limits
	return members <= l.SetListpackEntries && longest <= l.SetListpackValue
}

// Packs says whether a packed value that is loaded stays as it is under the limits in force. As in Redis the number of elements counts,
// not how long they are; of a list, which is then its only node, what a node may hold.
func (db *DB) Packs(typ Type, enc Encoding, p []byte) bool {
	l := &db.ks.limits
	switch typ {
	case Hash:
		return listpack.Len(p)/2 <= l.HashEntries
	case ZSet:
		return listpack.Len(p)/2 <= l.ZSetEntries
	case Set:
		if enc == Intset {
			return intset.Len(p) <= l.intsetMost()
		}
		return listpack.Len(p) <= l.SetListpackEntries
	case List:
		bytes, count := nodeLimit(l.ListSize)
		return len(p) <= bytes && listpack.Len(p) <= count
	}
	return false
}
