package snapshot

import (
	"errors"

	"frankenredis/kv"
)

// ErrDuplicate reports an element that a collection holds twice.
var ErrDuplicate = errors.New("snapshot: an element occurs twice")

// Store puts an item's value under key; for a later part the key must hold what the parts before it stored, else what it holds is
// replaced. The expiry and the history of uses are set with the last part. It changes encodings as the limits in force ask, as loading
// and RESTORE do in Redis. An empty collection stores nothing. After an error, ErrDuplicate, the key may hold a part of
// the value: the caller gives the load up, or deletes the key. The executor only.
func (it *Item) Store(db *kv.DB, key []byte, expireMs int64) error {
	hash := db.Hash(key)
	if it.Begins() && !db.Absent(hash, key) {
		db.Delete(key)
	}
	return it.store(db, key, hash, expireMs)
}

// StoreNew is Store under the item's own key, which must be absent, with its own expiry. hash is the key's.
func (it *Item) StoreNew(db *kv.DB, hash uint64) error {
	return it.store(db, it.Key, hash, it.ExpireMs)
}

func (it *Item) store(db *kv.DB, key []byte, hash uint64, expireMs int64) error {
	k := kv.NewKey{Name: key, Hash: hash}
	if expireMs != NoExpiry {
		k.Expire, k.Volatile = kv.Millis(expireMs), true
	}
	c := it.Coll
	if c == nil {
		if it.IsInt {
			db.LoadInt(&k, it.Int)
		} else {
			db.LoadString(&k, it.Value)
		}
	} else if c.Empty {
		return nil
	} else if enc, p := c.packed(); p != nil && db.Packs(c.Type, enc, p) {
		db.LoadPacked(&k, c.Type, enc, p)
	} else if c.Pack != nil && db.PacksSet(len(c.Elems), c.Longest) {
		db.LoadPacked(&k, kv.Set, kv.Listpack, c.Pack)
	} else {
		if err := c.store(db, key); err != nil {
			return err
		}
		if k.Volatile && !c.More {
			db.SetExpire(key, k.Expire)
		}
	}
	if it.Idle >= 0 {
		db.SetIdle(key, kv.Millis(it.Idle)*1000)
	}
	if it.Freq >= 0 {
		db.SetFreq(key, uint8(it.Freq))
	}
	return nil
}

// packed is the whole value in Redis's own format, as far as it is one byte string that may stay as it is; else nil.
func (c *Collection) packed() (kv.Encoding, []byte) {
	switch {
	case c.Packed != nil && !c.Zipmap:
		return c.Enc, c.Packed
	case c.Type == kv.List && len(c.Elems) == 1 && !c.Loose && !c.Part && !c.More && !c.Plain[0]:
		return kv.Listpack, c.Elems[0]
	}
	return 0, nil
}

// storePacked stores a packed value that the limits in force do not let stay as it is; the caller converts it.
func (c *Collection) storePacked(db *kv.DB, key []byte) {
	db.LoadPacked(&kv.NewKey{Name: key, Hash: db.Hash(key)}, c.Type, c.Enc, c.Packed)
}

// storeTable stores elements of a value that is a table however long they are.
func (c *Collection) storeTable(db *kv.DB, key []byte) error {
	m := kv.Members{Elems: c.Elems, Scores: c.Scores, Order: c.Order}
	if m.Order == nil {
		new(kv.Arranger).Arrange(&m, c.width(), db.Hash, nil)
	}
	distinct, err := db.LoadTable(key, c.Type, &m)
	if err == nil && !distinct {
		err = ErrDuplicate
	}
	return err
}

func (c *Collection) store(db *kv.DB, key []byte) error {
	if c.Packed == nil && db.Tables(c.Type, c.Count) {
		return c.storeTable(db, key)
	}
	switch c.Type {
	case kv.Hash:
		return c.storeHash(db, key)
	case kv.Set:
		return c.storeSet(db, key)
	case kv.ZSet:
		return c.storeZSet(db, key)
	case kv.List:
		return c.storeList(db, key)
	case kv.Stream:
		return c.storeStream(db, key)
	}
	panic("snapshot: a collection of type " + c.Type.String())
}
