package kv

import "strconv"

// expiry says what becomes of a key's expiry when its value is replaced: it is dropped, kept, or set.
type expiry struct {
	keep, set bool
	at        Millis
}

// SetString stores val under key, whatever was there. As in Redis a canonical integer is kept as a number and a short
// value shows as embstr. The key's expiry is dropped unless keepTTL.
func (db *DB) SetString(key, val []byte, keepTTL bool) Entry {
	return db.set(key, val, expiry{keep: keepTTL})
}

// SetStringExpire is SetString and SetExpire in one, at less than half their cost.
func (db *DB) SetStringExpire(key, val []byte, at Millis) Entry {
	return db.set(key, val, expiry{set: true, at: at})
}

// SetPlain is SetString for commands whose result Redis does not try to keep as a number: raw, or if asked for and
// short enough, embstr.
func (db *DB) SetPlain(key, val []byte, enc Encoding, keepTTL bool) Entry {
	if len(val) > embstrMax || enc != Embstr {
		enc = Raw
	}
	return db.setBytes(key, val, enc, expiry{keep: keepTTL})
}

// SetInt stores the decimal spelling of v under key, as SetString would.
func (db *DB) SetInt(key []byte, v int64, keepTTL bool) Entry {
	return db.setInt(key, v, expiry{keep: keepTTL})
}

func (db *DB) set(key, val []byte, x expiry) Entry {
	if v, ok := parseInt(val); ok {
		return db.setInt(key, v, x)
	}
	enc := Raw
	if len(val) <= embstrMax {
		enc = Embstr
	}
	return db.setBytes(key, val, enc, x)
}

func (db *DB) setBytes(key, val []byte, enc Encoding, x expiry) Entry {
	hash, r, h := db.findWrite(key)
	old := cell{r, h}
	d := draft{typ: String, enc: enc}
	db.inherit(&d, old, x)
	db.fill(&d, key, val)
	db.dropValue(old, db.ks.lazyServerDel)
	c := db.put(hash, key, old, &d)
	db.changed(key)
	return Entry{db, c}
}

func (db *DB) setInt(key []byte, v int64, x expiry) Entry {
	hash, r, h := db.findWrite(key)
	old := cell{r, h}
	if r != 0 && h.isInt() && !x.set && (x.keep || !h.volatile()) {
		old = db.leave(hash, old)
		old.h = h.withAccess(db.ks.access.touched(h.access(), db.ks.next))
		i := h.valueWord()
		b := db.ks.a.Mut(old.ref, 8*(i+1))
		putWord(b, 0, uint64(old.h))
		putWord(b, i, uint64(v))
		db.changed(key)
		return Entry{db, old}
	}
	d := draft{typ: String, enc: Int, nwords: 1}
	d.words[0] = uint64(v)
	db.inherit(&d, old, x)
	db.dropValue(old, db.ks.lazyServerDel)
	c := db.put(hash, key, old, &d)
	db.changed(key)
	return Entry{db, c}
}

// AppendString appends tail to the string at key and returns its new length. An absent key is made as by SetString; the
// result of a real append is raw, whatever it spells.
func (db *DB) AppendString(key, tail []byte) (newLen int) {
	hash, r, h := db.findWrite(key)
	if r == 0 {
		return db.SetString(key, tail, false).StringLen()
	}
	old := cell{r, h}
	n := old.stringLen(db.ks.a)
	newLen = db.writeAt(hash, key, old, n, n, tail)
	db.changed(key)
	return newLen
}

// SetRange writes data at byte off of the string at key, which grows with zero bytes as needed, and returns the string's
// length. Without data nothing happens. Only the chunks concerned are touched, and zeros beyond the end that fill
// whole chunks occupy nothing.
func (db *DB) SetRange(key []byte, off int, data []byte) (newLen int) {
	hash, r, h := db.findWrite(key)
	old := cell{r, h}
	n := 0
	if r != 0 {
		n = old.stringLen(db.ks.a)
	}
	if len(data) == 0 {
		return n
	}
	newLen = db.writeAt(hash, key, old, n, off, data)
	db.changed(key)
	return newLen
}

// inherit gives the draft what survives of the old value: the expiry if wanted, and the history of uses.
func (db *DB) inherit(d *draft, old cell, x expiry) {
	if x.set {
		d.expire, d.volatile = x.at, true
	} else if x.keep && old.ref != 0 {
		d.expire, d.volatile = old.expire(db.ks.a)
	}
	if old.ref == 0 {
		d.access = db.ks.access.fresh()
	} else {
		d.access = db.ks.access.touched(old.h.access(), db.ks.next)
	}
}

// fill gives the draft the string val, inline or as a blob.
func (db *DB) fill(d *draft, key, val []byte) {
	if fitsInline(len(key), d.volatile, len(val)) {
		d.val = val
		return
	}
	db.fillBlob(d, makeBlob(db.ks.a, val))
}

func (db *DB) fillBlob(d *draft, b blob) {
	db.bytes += b.bytes
	d.big, d.nwords, d.words = true, blobWords, b.words()
}

// fitsInline says whether an entry holds a value of n bytes itself.
func fitsInline(keyLen int, volatile bool, n int) bool {
	size := 8 + n
	if volatile {
		size += 8
	}
	if keyLen > maxInlineKey {
		size += 8 * bigKeyWords
	} else {
		size += keyLen
	}
	return n <= maxInlineValue && size <= maxEntry
}

// writeAt writes data at off of the old string, n bytes long (no string: old is zero), and makes it raw.
func (db *DB) writeAt(hash uint64, key []byte, old cell, n, off int, data []byte) (newLen int) {
	newLen = max(n, off+len(data))
	inline := fitsInline(len(key), old.h.volatile(), newLen)
	switch {
	case old.ref != 0 && old.h.bigValue():
		db.writeBlob(db.leave(hash, old), off, newLen, data)
	case old.ref != 0 && !old.h.isInt() && inline:
		db.writeInline(hash, old, off, newLen, data)
	default:
		db.rewrite(hash, key, old, off, newLen, data, inline)
	}
	return newLen
}

// writeBlob writes data into a value that is a blob already.
func (db *DB) writeBlob(c cell, off, newLen int, data []byte) {
	a := db.ks.a
	b := c.blob(a)
	before := b.bytes
	b.grow(a, newLen)
	b.write(a, off, data)
	db.bytes += b.bytes - before
	h := c.h.withEnc(Raw).withAccess(db.ks.access.touched(c.h.access(), db.ks.next))
	i := h.valueWord()
	m := a.Mut(c.ref, 8*(i+blobWords))
	putWord(m, 0, uint64(h))
	for j, w := range b.words() {
		putWord(m, i+j, w)
	}
}

// writeInline writes data into an inline value that stays inline, in its block if that has room. A block that must be
// left is followed by one with an eighth to spare, so that a value that grows in small steps moves seldom.
func (db *DB) writeInline(hash uint64, old cell, off, newLen int, data []byte) {
	a := db.ks.a
	now := cell{old.ref, old.h.withEnc(Raw).withValLen(newLen)}
	now.h = now.h.withAccess(db.ks.access.touched(old.h.access(), db.ks.next))
	had, size := old.h.size(), now.h.size()
	room := a.Usable(old.ref)
	if size > room {
		room = min(size+size/8, maxEntry)
	}
	var m []byte
	if size <= a.Usable(old.ref) && !a.Leave(old.ref) {
		m = a.Mut(old.ref, size)
	} else {
		now.ref = a.Alloc(room)
		m = a.Mut(now.ref, size)
		copy(m, a.At(old.ref, had))
	}
	putWord(m, 0, uint64(now.h))
	if had < size {
		clear(m[had:])
	}
	copy(m[size-newLen+off:], data)
	db.relink(hash, old, now)
}

// rewrite makes the value anew: there was none, or it changes from number to string or from inline to blob.
func (db *DB) rewrite(hash uint64, key []byte, old cell, off, newLen int, data []byte, inline bool) {
	ks := db.ks
	d := draft{typ: String, enc: Raw}
	db.inherit(&d, old, expiry{keep: true})
	s := ks.scratch[:0]
	if old.ref != 0 {
		if old.h.isInt() {
			s = strconv.AppendInt(s, old.number(ks.a), 10)
		} else {
			s = append(s, old.inline(ks.a)...)
		}
	}
	if inline {
		n := len(s)
		s = lengthen(s, newLen)
		clear(s[n:])
		copy(s[off:], data)
		d.val = s
	} else {
		b := makeBlob(ks.a, s)
		b.grow(ks.a, newLen)
		b.write(ks.a, off, data)
		db.fillBlob(&d, b)
	}
	ks.scratch = s
	db.put(hash, key, old, &d)
}

// lengthen is s with length n; the new bytes are undefined.
func lengthen(s []byte, n int) []byte {
	if n <= cap(s) {
		return s[:max(n, len(s))]
	}
	return append(s, make([]byte, n-len(s))...)
}
