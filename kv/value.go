package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
)

// Value reads a key's value, live (Entry.Value) or in a view (Item.Value); it is good as long as what it was taken from is.
// Views of the types (HashView and the like) are made of it.
type Value struct {
	m arena.Mem
	t *dict.Type
	s *dict.Seed
	c cell
}

// Value is the entry's value.
func (e Entry) Value() Value { return Value{e.db.ks.a, &e.db.ks.table, &e.db.ks.seed, e.cell} }

// Value is the item's value.
func (it Item) Value() Value { return Value{it.f.view, it.f.table, it.f.seed, it.cell} }

// Type is the value's type.
func (v Value) Type() Type { return v.c.h.typ() }

// Encoding is the value's representation.
func (v Value) Encoding() Encoding { return v.c.h.enc() }

// Int is the number of a string in int encoding.
func (v Value) Int() (int64, bool) {
	if !v.c.h.isInt() {
		return 0, false
	}
	return v.c.number(v.m), true
}

// Len is the length in bytes of a string, or of a packed value's format.
func (v Value) Len() int { return v.c.stringLen(v.m) }

// AppendBytes appends a string, or a packed value in Redis's own format, to dst.
func (v Value) AppendBytes(dst []byte) []byte {
	return v.c.appendRange(v.m, dst, 0, v.c.stringLen(v.m))
}

// packed is the bytes of a packed value, read only.
func (v Value) packed() []byte {
	p, _ := v.c.packed(v.m, nil)
	return p
}

// isTable says that the value is a table.
func (v Value) isTable() bool { return v.c.h.isTable() }

// elements reads the dict of a table that has one.
func (v Value) elements() dict.Reader { return dict.Frozen(v.m, v.t, v.c.table(v.m).root) }

// find is the element of a table with this key; ref 0 when there is none.
func (v Value) find(key []byte) cell {
	r := v.elements().Find(dict.Hash(v.s, key), key)
	if r == 0 {
		return cell{}
	}
	return element(v.m, r)
}
