package kv

import (
	"encoding/binary"
	"strconv"

	"frankenredis/kv/arena"
)

// cell is an entry's address with its header, as read in some memory: the live arena or a view.
type cell struct {
	ref arena.Ref
	h   head
}

func (c cell) expire(m arena.Mem) (Millis, bool) {
	if !c.h.volatile() {
		return 0, false
	}
	return Millis(m.Load64(word(c.ref, 1))), true
}

func (c cell) key(m arena.Mem) []byte {
	if c.h.bigKey() {
		b := loadBlob(m, word(c.ref, c.h.keyWord()))
		return b.appendRange(m, make([]byte, 0, b.size), 0, b.size)
	}
	from := 8 * c.h.words()
	if a, ok := m.(*arena.Arena); ok { // what every command asks is called without the interface
		return a.At(c.ref, from+c.h.keyLen())[from:]
	}
	return m.At(c.ref, from+c.h.keyLen())[from:]
}

func (c cell) number(m arena.Mem) int64 { return int64(m.Load64(word(c.ref, c.h.valueWord()))) }

func (c cell) blob(m arena.Mem) blob { return loadBlob(m, word(c.ref, c.h.valueWord())) }

// inline is the value's bytes in the entry.
func (c cell) inline(m arena.Mem) []byte {
	size := c.h.size()
	return m.At(c.ref, size)[size-c.h.valLen():]
}

func (c cell) stringLen(m arena.Mem) int {
	switch {
	case c.h.isInt():
		return intLen(c.number(m))
	case c.h.bigValue():
		b := c.blob(m)
		return b.size
	}
	return c.h.valLen()
}

func (c cell) walk(m arena.Mem, from, to int, yield func([]byte) bool) bool {
	switch {
	case from >= to:
		return true
	case c.h.isInt():
		var buf [intDigits]byte
		return yield(strconv.AppendInt(buf[:0], c.number(m), 10)[from:to])
	case c.h.bigValue():
		b := c.blob(m)
		return b.walk(m, from, to, yield)
	}
	return yield(c.inline(m)[from:to])
}

func (c cell) appendRange(m arena.Mem, dst []byte, from, to int) []byte {
	switch {
	case from >= to:
		return dst
	case c.h.isInt():
		var buf [intDigits]byte
		return append(dst, strconv.AppendInt(buf[:0], c.number(m), 10)[from:to]...)
	case c.h.bigValue():
		b := c.blob(m)
		return b.appendRange(m, dst, from, to)
	}
	return append(dst, c.inline(m)[from:to]...)
}

// Entry is a key and its value, found by a lookup or a scan; it is good until the database's next change.
type Entry struct {
	db *DB
	cell
}

// Key is the key, read only, valid until the keyspace's next change. Only keys above a few KiB are copied for it.
func (e Entry) Key() []byte { return e.key(e.db.ks.a) }

// Type is the value's type.
func (e Entry) Type() Type { return e.h.typ() }

// Encoding is the value's representation.
func (e Entry) Encoding() Encoding { return e.h.enc() }

// Expire is the time the key expires, if it does.
func (e Entry) Expire() (Millis, bool) { return e.expire(e.db.ks.a) }

// Idle is how long ago the key was used by the LRU clock, a multiple of 1000. It means nothing under LFU.
func (e Entry) Idle() Millis { return e.db.ks.access.idle(e.h.access()) }

// Freq is the key's LFU counter now. It means nothing under LRU.
func (e Entry) Freq() uint8 { return e.db.ks.access.freq(e.h.access()) }

// StringLen is the length of a string value in bytes.
func (e Entry) StringLen() int { return e.stringLen(e.db.ks.a) }

// Int is the number of a string in int encoding.
func (e Entry) Int() (int64, bool) {
	if !e.h.isInt() {
		return 0, false
	}
	return e.number(e.db.ks.a), true
}

// AppendString appends a string value to dst.
func (e Entry) AppendString(dst []byte) []byte {
	a := e.db.ks.a
	if !e.h.isInt() && !e.h.bigValue() {
		size := e.h.size()
		return append(dst, a.At(e.ref, size)[size-e.h.valLen():]...)
	}
	return e.appendRange(a, dst, 0, e.stringLen(a))
}

// AppendRange appends the bytes [start, end) of a string value to dst; 0 <= start and end <= StringLen().
func (e Entry) AppendRange(dst []byte, start, end int) []byte {
	return e.appendRange(e.db.ks.a, dst, start, end)
}

// Walk gives the bytes [start, end) of a string value in pieces, read only and valid during the call, until yield returns
// false; 0 <= start and end <= StringLen().
func (e Entry) Walk(start, end int, yield func(piece []byte) bool) {
	e.walk(e.db.ks.a, start, end, yield)
}

// Bytes is what the entry occupies in the arena, chunks included and the database's tables excluded.
func (e Entry) Bytes() int64 {
	a := e.db.ks.a
	n := int64(a.Usable(e.ref))
	if e.h.bigKey() {
		b := loadBlob(a, word(e.ref, e.h.keyWord()))
		n += b.bytes
	}
	switch {
	case e.h.bigValue():
		b := e.blob(a)
		n += b.bytes
	case e.h.isTable():
		n += e.table(a).bytes
	}
	return n
}

func putWord(b []byte, i int, v uint64) { binary.LittleEndian.PutUint64(b[8*i:], v) }

// Expired says that the key's time has come, and only nobody has removed it yet.
func (e Entry) Expired() bool { return e.db.ks.expired(e.cell) }

// Address is where the entry stands in the arena: for people who look for it in DEBUG OBJECT.
func (e Entry) Address() uint64 { return uint64(e.ref) }
