package kv

import "bytes"

// Delete removes the key and says whether it was there. Its bytes are off the account at once; freeing a big value goes on
// in LazyFree. An expired key counts as absent where expired keys are deleted, and is removed as expired.
func (db *DB) Delete(key []byte) bool { return db.remove(key, false) }

// Clear is Delete for a key that is given a new value next: what comes is no new key.
func (db *DB) Clear(key []byte) bool {
	db.ks.replacing = db.Delete(key)
	return db.ks.replacing
}

// Unlink is Delete, but a big value counts as a pending object and leaves the account only as it is freed.
func (db *DB) Unlink(key []byte) bool { return db.remove(key, true) }

func (db *DB) remove(key []byte, lazy bool) bool {
	hash, r, h := db.find(key)
	if r == 0 {
		return false
	}
	c := cell{r, h}
	if db.ks.mode == ExpireDelete && db.ks.expired(c) {
		db.expire(hash, c, key)
		return false
	}
	db.discard(hash, c, lazy)
	db.changed(key)
	return true
}

// discard takes an entry out of the database and frees it.
func (db *DB) discard(hash uint64, c cell, lazy bool) {
	db.unlink(hash, c)
	db.dropValue(c, lazy)
	db.dropEntry(c)
}

// unlink takes an entry out of both dicts; its memory stays.
func (db *DB) unlink(hash uint64, c cell) {
	db.slotRemoved(c)
	db.keys.DeleteRef(hash, c.ref)
	if c.h.volatile() {
		db.volatile.DeleteRef(hash, c.ref)
	}
}

// dropValue frees what the entry's value has outside the entry.
func (db *DB) dropValue(c cell, lazy bool) {
	switch {
	case c.ref == 0:
	case c.h.bigValue():
		b := c.blob(db.ks.a)
		db.bytes -= b.bytes
		db.ks.dropBlob(b, lazy)
	case c.h.isTable():
		t := c.table(db.ks.a)
		db.bytes -= t.bytes
		db.ks.dropTable(c.h.typ(), t, lazy)
	}
}

// dropEntry frees the entry's block and its key, which no dict refers to any more.
func (db *DB) dropEntry(c cell) {
	a := db.ks.a
	if c.h.bigKey() {
		b := loadBlob(a, word(c.ref, c.h.keyWord()))
		db.bytes -= b.bytes
		db.ks.dropBlob(b, false)
	}
	db.bytes -= int64(a.Usable(c.ref))
	a.Free(c.ref)
}

// Rename gives src's value, expiry and history of uses to dst, replacing what was there; chunks are not copied. It
// reports whether src exists. Renaming a key to itself changes nothing.
func (db *DB) Rename(src, dst []byte) bool {
	hash, r, h := db.findWrite(src)
	if r == 0 {
		return false
	}
	if bytes.Equal(src, dst) {
		return true
	}
	dstHash, dstRef, dstHead := db.findWrite(dst)
	if dstRef != 0 {
		db.discard(dstHash, cell{dstRef, dstHead}, db.ks.lazyServerDel)
	}
	c := cell{r, h}
	d := db.transfer(c, dst, false)
	d.access = db.ks.access.fresh() // to Redis a value under another name is a new one
	db.unlink(hash, c)
	db.dropEntry(c)
	db.put(dstHash, dst, cell{}, &d)
	db.changed(src)
	db.changed(dst)
	return true
}

// Move takes the key with its value and expiry to another database. It does nothing and reports false when the key is
// absent here or present there.
func (db *DB) Move(key []byte, to *DB) bool {
	if to == db {
		return false
	}
	hash, r, h := db.findWrite(key)
	if r == 0 {
		return false
	}
	if _, there, _ := to.findWrite(key); there != 0 {
		return false
	}
	c := cell{r, h}
	n := Entry{db, c}.Bytes()
	db.unlink(hash, c)
	db.bytes -= n
	to.bytes += n
	to.keys.Insert(hash, r)
	to.slotAdded(c)
	if h.volatile() {
		to.volatile.Insert(hash, r)
	}
	to.setAccess(key, db.ks.access.fresh()) // as for Rename
	to.added(key)
	db.changed(key)
	to.changed(key)
	return true
}

// CopyTo copies src's value and expiry to dst in the database to, which may be the same one. It does nothing and reports
// false when src is absent or dst present.
func (db *DB) CopyTo(src []byte, to *DB, dst []byte) bool {
	_, r, h := db.findWrite(src)
	if r == 0 {
		return false
	}
	dstHash, there, _ := to.findWrite(dst)
	if there != 0 {
		return false
	}
	c := cell{r, h}
	d := db.transfer(c, dst, true)
	d.access = db.ks.access.fresh()
	if d.big || c.h.isTable() {
		// transfer has accounted for what lies outside the entry in this database.
		b := d.words[blobWords-1]
		db.bytes -= int64(b)
		to.bytes += int64(b)
	}
	to.put(dstHash, dst, cell{}, &d)
	to.changed(dst)
	return true
}

// transfer drafts an entry with c's value for another key: the same blob, or with clone a copy of it.
func (db *DB) transfer(c cell, key []byte, clone bool) draft {
	ks := db.ks
	d := draft{typ: c.h.typ(), enc: c.h.enc(), access: c.h.access()}
	d.expire, d.volatile = c.expire(ks.a)
	switch {
	case c.h.isInt():
		d.nwords, d.words[0] = 1, uint64(c.number(ks.a))
	case c.h.bigValue():
		b := c.blob(ks.a)
		if clone {
			b = b.clone(ks.a)
			db.bytes += b.bytes
		}
		d.big, d.nwords, d.words = true, blobWords, b.words()
	case c.h.isTable():
		t := c.table(ks.a)
		if clone {
			t = ks.cloneTable(c.h.typ(), t)
			db.bytes += t.bytes
		}
		d.nwords, d.words = tableWords, t.words()
	default:
		// By way of scratch: the new entry is allocated while this one may be freed.
		ks.scratch = append(ks.scratch[:0], c.inline(ks.a)...)
		db.fill(&d, key, ks.scratch)
	}
	return d
}
