package command

import (
	"crypto/sha1"
	"encoding/binary"

	"frankenredis/kv"
)

// digest is what DEBUG DIGEST compares data sets by: 20 bytes that do not depend on the order of keys or on encodings.
// The construction is Redis's (src/debug.c): what is unordered is combined by exclusive or of SHA-1 sums, what is
// ordered by summing after each step.
type digest [sha1.Size]byte

// toss combines p in without order.
func (d *digest) toss(p []byte) {
	sum := sha1.Sum(p)
	for i := range d {
		d[i] ^= sum[i]
	}
}

// mix combines p in behind what came before.
func (d *digest) mix(p []byte) {
	d.toss(p)
	*d = sha1.Sum(d[:])
}

func (d *digest) mixNumber(n uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	d.mix(b[:])
}

// tossValue combines in a key's value and the fact, not the time, of its expiry.
func (d *digest) tossValue(e kv.Entry) {
	typ := uint32(e.Type())
	if e.Type() == kv.Stream {
		typ = redisStreamType
	}
	d.mixNumber(typ)
	d.mixValue(e.Value())
	if _, volatile := e.Expire(); volatile {
		d.toss([]byte("!!expire!!"))
	}
}

// keyspaceDigest is DEBUG DIGEST: all databases, with keys that are expired but still there.
func keyspaceDigest(ks *kv.Keyspace) digest {
	var all digest
	for i := range ks.Len() {
		db := ks.DB(i)
		if db.Len() == 0 {
			continue
		}
		all.mixNumber(uint32(i))
		db.Each(func(e kv.Entry) bool {
			var one digest
			one.mix(e.Key())
			one.tossValue(e)
			all.toss(one[:])
			return true
		})
	}
	return all
}

// mixValue combines in a value. Redis's constructions differ by type: what has no order is tossed element by element.
func (d *digest) mixValue(v kv.Value) {
	switch v.Type() {
	case kv.String:
		d.mix(v.AppendBytes(nil))
	case kv.Hash:
		d.mixHash(v.Hash())
	case kv.Set:
		d.mixSet(v.Set())
	case kv.ZSet:
		d.mixZSet(v.ZSet())
	case kv.List:
		d.mixList(v.List())
	case kv.Stream:
		d.mixStream(v.Stream())
	}
}
