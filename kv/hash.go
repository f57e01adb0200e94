package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
	"frankenredis/kv/listpack"
)

// A hash is packed, a listpack of fields and values in turn in the order of their arrival, or a table: a dict of elements.

// HashView reads a hash.
type HashView struct{ Value }

// Hash is the value, which must be a hash.
func (v Value) Hash() HashView { return HashView{v} }

// Hash is the entry's value, which must be a hash.
func (e Entry) Hash() HashView { return e.Value().Hash() }

// Len is the number of fields.
func (h HashView) Len() int {
	if h.isTable() {
		return h.elements().Len()
	}
	return listpack.Len(h.packed()) / 2
}

// Get is the value of a field.
func (h HashView) Get(field []byte) (value Elem, found bool) {
	if h.isTable() {
		c := h.find(field)
		if c.ref == 0 {
			return Elem{}, false
		}
		return BytesElem(c.value(h.m)), true
	}
	p := h.packed()
	at := listpack.Find(p, listpack.First(p), field, 1)
	if at == listpack.None {
		return Elem{}, false
	}
	return packedElem(p, listpack.Next(p, at)), true
}

// Each visits all fields until visit returns false: packed ones in order of arrival, others in no order.
func (h HashView) Each(visit func(field, value Elem) bool) {
	if h.isTable() {
		h.elements().Each(func(r arena.Ref) bool {
			c := element(h.m, r)
			return visit(BytesElem(c.key(h.m)), BytesElem(c.value(h.m)))
		})
		return
	}
	p := h.packed()
	for at := listpack.First(p); at != listpack.None; {
		var field, value Elem
		field, at = readElem(p, at)
		value, at = readElem(p, at)
		if !visit(field, value) {
			return
		}
	}
}

// ScanHash visits fields of a live hash from a place on, as DB.Scan does keys: a packed hash wholly, a table in steps.
func (e Entry) ScanHash(cursor uint64, visit func(field, value Elem)) (next uint64) {
	h := e.Hash()
	if !e.h.isTable() {
		h.Each(func(f, v Elem) bool { visit(f, v); return true })
		return 0
	}
	return e.db.ks.elements(e.table(h.m)).Scan(cursor, func(r arena.Ref) {
		c := element(h.m, r)
		visit(BytesElem(c.key(h.m)), BytesElem(c.value(h.m)))
	})
}

// RandomHash is a field of a live hash, each with the same probability, by the keyspace's generator.
func (e Entry) RandomHash() (field, value Elem) {
	h := e.Hash()
	ks := e.db.ks
	if e.h.isTable() {
		c := element(h.m, ks.elements(e.table(h.m)).Random(ks.next))
		return BytesElem(c.key(h.m)), BytesElem(c.value(h.m))
	}
	return hashPair(h.packed(), ks.Pick(h.Len()))
}

// hashPair is the i-th field of a packed hash.
func hashPair(p []byte, i int) (field, value Elem) {
	at := listpack.Seek(p, 2*i)
	return packedElem(p, at), packedElem(p, listpack.Next(p, at))
}

// HashEdit changes one hash; see edit. Done ends it.
type HashEdit struct{ edit }

// EditHash begins the change of a hash, which is made by the first Set when there is none. The key must stay unchanged until
// Done. A value of another type is ErrWrongType.
func (db *DB) EditHash(key []byte) (e HashEdit, err error) {
	err = e.begin(db, key, Hash, Listpack)
	if err == nil && e.old.ref == 0 {
		e.image = listpack.New(e.image)
	}
	return e, err
}

// Len is the number of fields now.
func (e *HashEdit) Len() int {
	if e.enc == Hashtable {
		return e.ks().elements(e.table).Len()
	}
	return listpack.Len(e.image) / 2
}

// Get is the value of a field; it is valid until the next change.
func (e *HashEdit) Get(field []byte) (value Elem, found bool) {
	if e.enc == Hashtable {
		ks := e.ks()
		r := ks.elements(e.table).Find(dict.Hash(&ks.seed, field), field)
		if r == 0 {
			return Elem{}, false
		}
		return BytesElem(element(ks.a, r).value(ks.a)), true
	}
	at := listpack.Find(e.image, listpack.First(e.image), field, 1)
	if at == listpack.None {
		return Elem{}, false
	}
	return packedElem(e.image, listpack.Next(e.image, at)), true
}

// Fit converts a packed hash that is not to stay packed when it is given the strings: Redis looks at all arguments of a
// command before it sets the first.
func (e *HashEdit) Fit(args ...[]byte) {
	if e.enc == Hashtable {
		return
	}
	sum := 0
	for _, a := range args {
		if len(a) > e.ks().limits.HashValue {
			e.convert()
			return
		}
		sum += len(a)
	}
	if !listpack.Safe(e.image, sum) {
		e.convert()
	}
}

// Set gives a field a value and reports whether the field is new.
func (e *HashEdit) Set(field, value []byte) (created bool) {
	e.changed = true
	l := &e.ks().limits
	if e.enc != Hashtable && (len(field) > l.HashValue || len(value) > l.HashValue || !listpack.Safe(e.image, len(field)+len(value))) {
		e.convert()
	}
	if e.enc == Hashtable {
		return e.setElement(field, value)
	}
	if at := listpack.Find(e.image, listpack.First(e.image), field, 1); at != listpack.None {
		at = listpack.Next(e.image, at)
		e.grow(listpack.EntrySize(value) - listpack.Size(e.image, at))
		e.image = listpack.Replace(e.image, at, value)
	} else {
		e.grow(listpack.EntrySize(field) + listpack.EntrySize(value))
		e.image = listpack.Append(listpack.Append(e.image, field), value)
		created = true
	}
	if listpack.Len(e.image)/2 > l.HashEntries {
		e.convert()
	}
	return created
}

func (e *HashEdit) setElement(field, value []byte) (created bool) {
	ks := e.ks()
	d := ks.elements(e.table)
	hash := dict.Hash(&ks.seed, field)
	old := d.Find(hash, field)
	r := ks.newElement(hash, field, value)
	if old == 0 {
		d.Insert(hash, r)
		return true
	}
	d.Replace(hash, old, r)
	ks.freeElement(old)
	return false
}

// Delete removes a field and reports whether it was there.
func (e *HashEdit) Delete(field []byte) bool {
	if e.enc == Hashtable {
		ks := e.ks()
		r := ks.elements(e.table).Delete(dict.Hash(&ks.seed, field), field)
		if r == 0 {
			return false
		}
		ks.freeElement(r)
		e.changed = true
		return true
	}
	at := listpack.Find(e.image, listpack.First(e.image), field, 1)
	if at == listpack.None {
		return false
	}
	e.image = listpack.Delete(e.image, at, 2)
	e.changed = true
	return true
}

// Refit converts a packed hash that was loaded and has more fields than the limit; with lengths, also one with a longer element
// than the limit, which Redis looks at in zipmaps only.
func (e *HashEdit) Refit(lengths bool) {
	l := &e.ks().limits
	if e.enc == Listpack && (listpack.Len(e.image)/2 > l.HashEntries || lengths && longest(e.image) > l.HashValue) {
		e.convert()
	}
}

// Done ends the edit and reports whether the key was removed because no field is left.
func (e *HashEdit) Done() (removed bool) { return e.finish(e.Len()) }

// convert makes the packed hash a table.
func (e *HashEdit) convert() {
	ks := e.ks()
	d := ks.newElements()
	e.enc, e.table, e.changed = Hashtable, table{root: d.Root()}, true
	p := e.image
	var a, b [intDigits]byte
	for at := listpack.First(p); at != listpack.None; {
		value := listpack.Next(p, at)
		field := packedElem(p, at).Bytes(a[:])
		hash := dict.Hash(&ks.seed, field)
		d.Insert(hash, ks.newElement(hash, field, packedElem(p, value).Bytes(b[:])))
		at = listpack.Next(p, value)
	}
}
