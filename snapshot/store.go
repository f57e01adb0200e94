package snapshot

import (
	"errors"

	"frankenredis/kv"
)

// ErrDuplicate reports an element that a collection holds twice.
var ErrDuplicate = errors.New("snapshot: an element occurs twice")

// Store puts an item's value under key, which must be absent, or for a later part hold what the parts before it stored; the
// expiry and the history of uses are set with the last part. It changes encodings as the limits in force ask, as loading
// and RESTORE do in Redis. An empty collection stores nothing. After an error, ErrDuplicate, the key may hold a part of
// the value: the caller gives the load up, or deletes the key. The executor only.
func (it *Item) Store(db *kv.DB, key []byte, expireMs int64) error {
	timed := expireMs != NoExpiry
	switch c := it.Coll; {
	case c == nil && it.IsInt:
		db.SetInt(key, it.Int, false)
	case c == nil && timed:
		db.SetStringExpire(key, it.Value, kv.Millis(expireMs))
	case c == nil:
		db.SetString(key, it.Value, false)
	case c.Empty:
		return nil
	default:
		if err := c.store(db, key); err != nil {
			return err
		}
	}
	if timed && (it.IsInt || it.Coll != nil && !it.Coll.More) {
		db.SetExpire(key, kv.Millis(expireMs))
	}
	if it.Idle >= 0 {
		db.SetIdle(key, kv.Millis(it.Idle)*1000)
	}
	if it.Freq >= 0 {
		db.SetFreq(key, uint8(it.Freq))
	}
	return nil
}

func (c *Collection) store(db *kv.DB, key []byte) error {
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
