package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// A set is an intset while all members are integers and few, a listpack of members in the order of their arrival while they
// are few and short, or a table: a dict of elements.

// SetView reads a set.
type SetView struct{ Value }

// Set is the value, which must be a set.
func (v Value) Set() SetView { return SetView{v} }

// Set is the entry's value, which must be a set.
func (e Entry) Set() SetView { return e.Value().Set() }

// Len is the number of members.
func (s SetView) Len() int {
	switch s.Encoding() {
	case Intset:
		return intset.Len(s.packed())
	case Listpack:
		return listpack.Len(s.packed())
	}
	return s.elements().Len()
}

// Has says whether a member is there.
func (s SetView) Has(member []byte) bool {
	switch s.Encoding() {
	case Intset:
		n, ok := parseInt(member)
		return ok && intset.Contains(s.packed(), n)
	case Listpack:
		p := s.packed()
		return listpack.Find(p, listpack.First(p), member, 0) != listpack.None
	}
	return s.find(member).ref != 0
}

// Each visits all members until visit returns false: those of an intset in order, of a listpack in order of arrival, others in
// no order.
func (s SetView) Each(visit func(member Elem) bool) {
	switch s.Encoding() {
	case Intset:
		p := s.packed()
		for i := range intset.Len(p) {
			if !visit(IntElem(intset.At(p, i))) {
				return
			}
		}
	case Listpack:
		p := s.packed()
		for at := listpack.First(p); at != listpack.None; {
			var member Elem
			if member, at = readElem(p, at); !visit(member) {
				return
			}
		}
	default:
		s.elements().Each(func(r arena.Ref) bool { return visit(BytesElem(element(s.m, r).key(s.m))) })
	}
}

// ScanSet visits members of a live set from a place on, as DB.Scan does keys: a packed one wholly, a table in steps.
func (e Entry) ScanSet(cursor uint64, visit func(member Elem)) (next uint64) {
	s := e.Set()
	if !e.h.isTable() {
		s.Each(func(m Elem) bool { visit(m); return true })
		return 0
	}
	return e.db.ks.elements(e.table(s.m)).Scan(cursor, func(r arena.Ref) { visit(BytesElem(element(s.m, r).key(s.m))) })
}

// RandomSet is a member of a live set, each with the same probability, by the keyspace's generator.
func (e Entry) RandomSet() Elem {
	s, ks := e.Set(), e.db.ks
	switch s.Encoding() {
	case Intset:
		p := s.packed()
		return IntElem(intset.At(p, ks.Pick(intset.Len(p))))
	case Listpack:
		p := s.packed()
		return packedElem(p, listpack.Seek(p, ks.Pick(listpack.Len(p))))
	}
	return BytesElem(element(s.m, ks.elements(e.table(s.m)).Random(ks.next)).key(s.m))
}

// SetEdit changes one set; see edit. Done ends it.
type SetEdit struct{ edit }

// EditSet begins the change of a set, which is made by the first Add when there is none: first decides how, as in Redis, by
// whether it is an integer and how many members are expected. The key must stay unchanged until Done. A value of another
// type is ErrWrongType.
func (db *DB) EditSet(key, first []byte, expected int) (e SetEdit, err error) {
	l := &db.ks.limits
	enc := Hashtable
	if _, isInt := parseInt(first); isInt && expected <= l.SetIntsetEntries {
		enc = Intset
	} else if expected <= l.SetListpackEntries {
		enc = Listpack
	}
	if err = e.begin(db, key, Set, enc); err == nil && e.old.ref == 0 {
		e.make(enc)
	}
	return e, err
}

// make makes the set an empty one of the given encoding.
func (e *SetEdit) make(enc Encoding) {
	e.enc = enc
	switch enc {
	case Intset:
		e.image = intset.New(e.image)
	case Listpack:
		e.image = listpack.New(e.image)
	default:
		e.table = table{root: e.ks().newElements().Root()}
	}
}

// Expect converts a packed set that is about to get n more members and could not stay packed then.
func (e *SetEdit) Expect(n int) {
	l := &e.ks().limits
	if (e.enc == Listpack && n > l.SetListpackEntries) || (e.enc == Intset && n > l.SetIntsetEntries) {
		e.convert(Hashtable)
	}
}

// Len is the number of members now.
func (e *SetEdit) Len() int {
	switch e.enc {
	case Intset:
		return intset.Len(e.image)
	case Listpack:
		return listpack.Len(e.image)
	}
	return e.ks().elements(e.table).Len()
}

// Has says whether a member is there now.
func (e *SetEdit) Has(member []byte) bool {
	switch e.enc {
	case Intset:
		n, ok := parseInt(member)
		return ok && intset.Contains(e.image, n)
	case Listpack:
		return listpack.Find(e.image, listpack.First(e.image), member, 0) != listpack.None
	}
	return e.ks().elements(e.table).Find(e.ks().hashMember(member), member) != 0
}

// Add adds a member and reports whether it is new.
func (e *SetEdit) Add(member []byte) bool {
	l := &e.ks().limits
	if e.enc == Intset {
		n, isInt := parseInt(member)
		if isInt {
			e.grow(intset.Width(e.image))
			p, added := intset.Add(e.image, n)
			e.image = p
			if added {
				e.changed = true
				if intset.Len(p) > l.intsetMost() {
					e.convert(Hashtable)
				}
			}
			return added
		}
		// A member that is no integer: a listpack if it and all that are there fit, else a table.
		longest := 0
		if n := intset.Len(e.image); n > 0 {
			longest = max(intLen(intset.At(e.image, 0)), intLen(intset.At(e.image, n-1)))
		}
		if intset.Len(e.image) < l.SetListpackEntries && len(member) <= l.SetListpackValue && longest <= l.SetListpackValue {
			e.convert(Listpack)
		} else {
			e.convert(Hashtable)
			return e.addElement(member)
		}
	}
	if e.enc == Listpack {
		if listpack.Find(e.image, listpack.First(e.image), member, 0) != listpack.None {
			return false
		}
		if listpack.Len(e.image) < l.SetListpackEntries && len(member) <= l.SetListpackValue && listpack.Safe(e.image, len(member)) {
			e.grow(listpack.EntrySize(member))
			e.image = listpack.Append(e.image, member)
			e.changed = true
			return true
		}
		e.convert(Hashtable)
	}
	return e.addElement(member)
}

func (e *SetEdit) addElement(member []byte) bool {
	ks := e.ks()
	d, hash := ks.elements(e.table), ks.hashMember(member)
	if d.Find(hash, member) != 0 {
		return false
	}
	d.Insert(hash, ks.newElement(hash, member, nil))
	e.changed = true
	return true
}

// Delete removes a member and reports whether it was there.
func (e *SetEdit) Delete(member []byte) (found bool) {
	switch e.enc {
	case Intset:
		if n, ok := parseInt(member); ok {
			e.image, found = intset.Remove(e.image, n)
		}
	case Listpack:
		if at := listpack.Find(e.image, listpack.First(e.image), member, 0); at != listpack.None {
			e.image, found = listpack.Delete(e.image, at, 1), true
		}
	default:
		ks := e.ks()
		if r := ks.elements(e.table).Delete(ks.hashMember(member), member); r != 0 {
			ks.freeElement(r)
			found = true
		}
	}
	e.changed = e.changed || found
	return found
}

// Refit converts a packed set that was loaded and has more members than the limit. Like Redis it does not look at their lengths.
func (e *SetEdit) Refit() {
	l := &e.ks().limits
	switch {
	case e.enc == Intset && e.Len() > l.intsetMost():
		e.convert(Hashtable)
	case e.enc == Listpack && e.Len() > l.SetListpackEntries:
		e.convert(Hashtable)
	}
}

// Done ends the edit and reports whether the key was removed because no member is left.
func (e *SetEdit) Done() (removed bool) { return e.finish(e.Len()) }

// convert changes the encoding of a packed set.
func (e *SetEdit) convert(to Encoding) {
	from, p := e.enc, e.image
	if to == Listpack {
		p = append([]byte(nil), p...) // the image becomes the listpack
	}
	e.image = e.image[:0]
	e.make(to)
	e.changed = true
	var buf [intDigits]byte
	add := func(m Elem) {
		if n, isInt := m.Int(); isInt && to == Listpack {
			e.image = listpack.AppendInt(e.image, n)
		} else {
			e.addElement(m.Bytes(buf[:]))
		}
	}
	if from == Intset {
		for i := range intset.Len(p) {
			add(IntElem(intset.At(p, i)))
		}
		return
	}
	for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
		add(packedElem(p, at))
	}
}
