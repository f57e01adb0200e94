package kv

import (
	"encoding/binary"

	"frankenredis/kv/arena"
)

// A table is a value that lives in blocks of its own; the entry has only these words:
//
//	root    hash, set, sorted set: the dict of elements; list: the tree of nodes; stream: its header block
//	order   sorted set: the tree of elements by score; else 0
//	bytes   arena bytes of everything behind the two
//
// An entry whose encoding is a table's has tableWords words and no inline value.
type table struct {
	root, order arena.Ref
	bytes       int64
}

// tableWords are as many words as a blob's descriptor, with the bytes in the same place.
const tableWords = blobWords

// tableKind is what the keyspace must be able to do with any table of one type of value.
type tableKind interface {
	// effort is how many blocks of some size freeing the table takes, as Redis counts it to decide what UNLINK puts off.
	effort(ks *Keyspace, t table) int
	// clone copies the table with all its elements. bytes of the result is exact.
	clone(ks *Keyspace, t table) table
	// free frees about budget elements and reports whether that was the last of them; drop frees one element or blob-bearing
	// block. It may write its progress to t.
	free(ks *Keyspace, t *table, budget int, drop func(arena.Ref)) (done bool)
	// move moves blocks of the table from a place on, those of about budget elements, and reports whether it has come to the end;
	// before the first call the place is zero. It may change the roots in t.
	move(ks *Keyspace, t *table, at *tablePlace, budget int) (done bool)
}

// tableKinds has the kind of each type.
var tableKinds = [...]tableKind{List: listTable{}, Set: dictTable{}, ZSet: zsetTable{}, Hash: dictTable{}, Stream: streamTable{}}

func (t table) words() [tableWords]uint64 {
	return [tableWords]uint64{uint64(t.root), uint64(t.order), uint64(t.bytes)}
}

// table reads the words of an entry whose value is a table.
func (c cell) table(m arena.Mem) table {
	b := m.At(word(c.ref, c.h.valueWord()), 8*tableWords)
	w := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return table{root: arena.Ref(w(0)), order: arena.Ref(w(1)), bytes: int64(w(2))}
}

// cloneTable copies a table; bytes of the result are what the copy takes.
func (ks *Keyspace) cloneTable(typ Type, t table) table {
	before := ks.UsedBytes()
	c := tableKinds[typ].clone(ks, t)
	c.bytes = ks.UsedBytes() - before
	return c
}

// dropTable frees a table, now if it is small. A bigger one waits in the queue, as a big blob does.
func (ks *Keyspace) dropTable(typ Type, t table, lazy bool) {
	kind := tableKinds[typ]
	if kind.effort(ks, t) <= lazyThreshold {
		for !kind.free(ks, &t, lazyStep, ks.freeElement) {
		}
		return
	}
	item := lazyItem{typ: typ, table: t}
	if lazy {
		item.objects, item.owed = 1, t.bytes
	} else {
		item.hidden = t.bytes
	}
	ks.lazy.push(item)
}
