package kv

import "frankenredis/kv/arena"

// edit is a change of one collection, the part common to all types. A packed value is changed where it lies, as long as its block
// has room and no open view needs it; else it is copied into an image in the Go heap, changed there and put back at the end. A table
// is changed in place. Between begin and finish nothing else of the keyspace may be touched but by the edit itself, and nobody
// may rely on what the value was.
type edit struct {
	db   *DB
	key  []byte
	hash uint64
	old  cell // zero: there is no such key yet

	typ   Type
	enc   Encoding // now
	image []byte   // a packed value; its capacity is the room it has
	block []byte   // the entry's block, when the image began there; see inPlace
	table table    // a table; its bytes are brought up to date by finish
	used  int64    // the account when the edit began

	changed bool // the value
	fresh   bool // the value is as it was, but its representation is another
	stay    bool // an empty value stays (streams)
}

// begin finds the value to be changed; e is zero. Another type is ErrWrongType. enc is the encoding of a new value.
func (e *edit) begin(db *DB, key []byte, typ Type, enc Encoding) error {
	ks := db.ks
	if ks.editing {
		panic("kv: an edit within an edit")
	}
	hash, r, h := db.findWrite(key)
	e.db, e.key, e.hash, e.typ, e.enc = db, key, hash, typ, enc
	if r != 0 {
		if h.typ() != typ {
			return ErrWrongType
		}
		e.old = db.touch(cell{r, h})
		e.enc = h.enc()
	}
	switch {
	case !e.enc.IsPacked():
		if r != 0 {
			e.table = e.old.table(ks.a)
		}
	case r == 0:
		e.image = ks.image[:0]
	case e.old.h.bigValue() || !e.openInPlace():
		e.image = e.old.appendRange(ks.a, ks.image[:0], 0, e.old.stringLen(ks.a))
	}
	e.used = ks.UsedBytes()
	ks.editing = true
	return nil
}

// openInPlace makes the value in the entry's block the image; false, when an open view needs the block.
func (e *edit) openInPlace() bool {
	a, c := e.mem(), e.old
	e.block = a.TryMut(c.ref, a.Usable(c.ref))
	if e.block == nil {
		return false
	}
	size := c.h.size()
	e.image = e.block[size-c.h.valLen() : size]
	return true
}

// inPlace says whether the image lies in the entry's block.
func (e *edit) inPlace() bool {
	return e.block != nil && &e.image[:1][0] == &e.block[e.old.h.size()-e.old.h.valLen()]
}

// grow prepares the image to become n bytes longer: if its block has no room for them, it leaves that. Without grow it would do so for
// memory of its own each time.
func (e *edit) grow(n int) {
	if e.block != nil && len(e.image)+n > cap(e.image) {
		e.image = append(e.db.ks.image[:0], e.image...)
		e.block = nil
	}
}

// Found says whether the key was there when the edit began.
func (e *edit) Found() bool { return e.old.ref != 0 }

// Encoding is the value's encoding as it is now.
func (e *edit) Encoding() Encoding { return e.enc }

// ks is the keyspace.
func (e *edit) ks() *Keyspace { return e.db.ks }

// mem is the arena.
func (e *edit) mem() *arena.Arena { return e.db.ks.a }

// finish ends the edit of a value that now has n elements: it is stored, or if empty, removed with its key. It reports
// whether the key was removed.
func (e *edit) finish(n int) (removed bool) {
	db, ks := e.db, e.db.ks
	ks.editing = false
	if cap(e.image) > 0 && cap(e.image) <= maxIdleImage && !e.inPlace() {
		ks.image = e.image[:0]
	}
	grown := ks.UsedBytes() - e.used // the image is not in the arena: all of it is tables
	db.bytes += grown
	if !e.enc.IsPacked() {
		e.table.bytes += grown
	}
	if n == 0 && !e.stay {
		if !e.enc.IsPacked() && e.table.root != 0 {
			db.bytes -= e.table.bytes
			ks.dropTable(e.typ, e.table, ks.lazyServerDel)
		}
		if e.old.ref == 0 {
			return false
		}
		if e.old.h.isTable() {
			e.forgetTable()
		}
		db.discard(e.hash, e.old, ks.lazyServerDel)
		db.changed(e.key)
		return true
	}
	if e.changed || e.fresh {
		e.store()
	}
	if e.changed {
		db.changed(e.key)
	}
	return false
}

// maxIdleImage bounds the image kept between edits, in bytes: one huge value must not hold its size for ever.
const maxIdleImage = 1 << 20

// forgetTable makes the old entry one without a value outside it: what it had is dealt with.
func (e *edit) forgetTable() {
	e.old.h = e.old.h.withEnc(Raw)
	e.mem().Store64(e.old.ref, uint64(e.old.h))
}

// store writes the value into the entry.
func (e *edit) store() {
	db, ks := e.db, e.db.ks
	if e.enc.IsPacked() && e.inPlace() {
		if now := e.old.h.withEnc(e.enc).withValLen(len(e.image)); fits(len(e.block), now.size()) {
			putWord(e.block, 0, uint64(now))
			return
		}
	}
	if e.old.ref != 0 && e.old.h.enc() == e.enc && !e.enc.IsPacked() {
		// The table's roots may have moved and its size has; the entry stays where it is.
		was := e.old.table(ks.a)
		if was != e.table {
			i := e.old.h.valueWord()
			b := ks.a.Mut(db.leave(e.hash, e.old).ref, 8*(i+tableWords))
			for j, w := range e.table.words() {
				putWord(b, i+j, w)
			}
		}
		return
	}
	var d draft
	if e.old.ref != 0 {
		d.keep(ks, e.old)
		if e.old.h.isTable() {
			e.forgetTable() // converted to packed: the table was freed by whoever converted
		} else {
			db.dropValue(e.old, false)
		}
	} else {
		d.access = ks.access.fresh()
	}
	d.typ, d.enc = e.typ, e.enc
	if e.enc.IsPacked() {
		db.fill(&d, e.key, e.image)
	} else {
		d.nwords, d.words = tableWords, e.table.words()
	}
	db.put(e.hash, e.key, e.old, &d)
}
