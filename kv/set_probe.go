package kv

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"strconv"

	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// SetProbe says of members of other sets whether they are in one, for a command that asks for many: it opens the set once. It is
// good as long as the set is unchanged, and until Close.
type SetProbe struct {
	ks   *Keyspace
	enc  Encoding
	p    []byte    // a packed set
	near int       // where the last question led: in an intset, its place; in a listpack, to the entry behind the one found, or None
	many bool      // a listpack is to have an index once one is of use
	dict dict.Dict // a table's elements
	// slots are the entries of a listpack by hash, with linear probing, at most half full: 32 bits of the hash, then the position; 0 is
	// free. nil: it is searched from its head each time.
	slots []uint64
}

// ProbeSet makes the probe of a live set of this database.
func (db *DB) ProbeSet(s SetView) SetProbe {
	x := SetProbe{ks: db.ks, enc: s.Encoding()}
	switch x.enc {
	case Hashtable:
		x.dict = s.dict(db.ks)
	case Listpack:
		x.p = s.packed()
		x.near = listpack.First(x.p)
	default:
		x.p = s.packed()
	}
	return x
}

// Close ends the probe and keeps its memory for another.
func (x *SetProbe) Close() {
	if x.slots != nil {
		x.ks.giveIndex(x.slots)
		x.slots = nil
	}
}

// Joins says whether JoinSets can compare the two: both are tables, or intsets.
func (s SetView) Joins(other SetView) bool {
	enc := s.Encoding()
	return enc == other.Encoding() && enc != Listpack
}

// JoinSets visits the members of one live set of this database that are in another, or with in false those that are not, in
// Each's order until visit returns false. The two go through each other in order: of tables only members that may be in both
// are read.
func (db *DB) JoinSets(s, other SetView, in bool, visit func(m Elem) bool) {
	if !s.isTable() {
		intset.Join(s.packed(), other.packed(), in, func(n int64) bool { return visit(IntElem(n)) })
		return
	}
	a := db.ks.a
	s.dict(db.ks).Join(other.dict(db.ks), keyOf, &db.ks.joint, func(r, same arena.Ref) bool {
		return (same != 0) != in || visit(BytesElem(element(a, r).key(a)))
	})
}

// dict is the dict of a live set that is a table.
func (s SetView) dict(ks *Keyspace) dict.Dict { return ks.elements(s.c.table(s.m)) }

func keyOf(m arena.Mem, r arena.Ref) []byte { return element(m, r).key(m) }

// Expect prepares for so many questions.
func (x *SetProbe) Expect(asked int) {
	const fromCost = 256 // comparisons; below, making the index costs more than it saves
	x.many = x.enc == Listpack && asked > 2 && asked*listpack.Len(x.p) >= fromCost
}

// index makes the index of a listpack; it takes 16 bytes a member at least.
func (x *SetProbe) index() {
	x.slots = x.ks.takeIndex(2 << bits.Len(uint(listpack.Len(x.p))))
	mask := len(x.slots) - 1
	for at := listpack.First(x.p); at != listpack.None; {
		member, next := readElem(x.p, at)
		h := indexHash(member)
		i := int(h) & mask
		for x.slots[i] != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = h&^low32 | uint64(at)
		at = next
	}
}

const low32 = 1<<32 - 1

// Has says whether a member is there.
func (x *SetProbe) Has(member Elem) bool {
	switch x.enc {
	case Listpack:
		return x.packedHas(member)
	case Intset:
		n, isInt := member.spelled()
		found := false
		if isInt {
			x.near, found = intset.Seek(x.p, x.near, n)
		}
		return found
	}
	want := x.spelling(member)
	return x.dict.Find(x.ks.hashMember(want), want) != 0
}

// spelling is the member's string, for the moment.
func (x *SetProbe) spelling(member Elem) []byte {
	if member.num {
		return strconv.AppendInt(x.ks.digits[:0], member.n, 10)
	}
	return member.bytes()
}

// packedHas is Has for a listpack. Sets made alike have their members in the same order: the entry behind the last one found
// is looked at first.
func (x *SetProbe) packedHas(member Elem) bool {
	if x.near != listpack.None {
		if e, next := readElem(x.p, x.near); e.equal(member) {
			x.near = next
			return true
		}
	}
	var at int
	if x.many {
		if x.slots == nil {
			x.index()
		}
		at = x.indexed(member)
	} else {
		at = listpack.Find(x.p, listpack.First(x.p), x.spelling(member), 0)
	}
	if at == listpack.None {
		return false
	}
	x.near = listpack.Next(x.p, at)
	return true
}

// indexed is the position of a member by the index, or None.
func (x *SetProbe) indexed(member Elem) int {
	mask := len(x.slots) - 1
	h := indexHash(member)
	for i := int(h) & mask; x.slots[i] != 0; i = (i + 1) & mask {
		if (x.slots[i]^h)>>32 == 0 && packedElem(x.p, int(x.slots[i]&low32)).equal(member) {
			return int(x.slots[i] & low32)
		}
	}
	return listpack.None
}

// indexKeys hide from clients where members stand in an index. One who found out would gain nothing: an index in which all stand
// in a row is searched as the listpack would be.
var indexKeys = [2]uint64{rand.Uint64(), rand.Uint64() | 1}

// indexHash hashes a member. A number and its spelling hash alike: a listpack may hold either.
func indexHash(m Elem) uint64 {
	if n, isInt := m.spelled(); isInt {
		return fold(uint64(n)^indexKeys[0], indexKeys[1])
	}
	b := m.bytes()
	h := indexKeys[0] ^ uint64(len(b))<<56
	for ; len(b) > 8; b = b[8:] {
		h = fold(h^binary.LittleEndian.Uint64(b), indexKeys[1])
	}
	var last uint64
	switch n := len(b); {
	case n == 8:
		last = binary.LittleEndian.Uint64(b)
	case n >= 4:
		last = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		last = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	return fold(h^last, indexKeys[1])
}

// fold multiplies and joins the two halves of the product.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Indexes are kept for the next command, a few and none that is large.
const (
	idleIndexes  = 4
	maxIdleIndex = 8192 // slots
)

// takeIndex is an empty index of n slots.
func (ks *Keyspace) takeIndex(n int) []uint64 {
	if last := len(ks.indexes) - 1; last >= 0 && n <= maxIdleIndex {
		s := ks.indexes[last]
		ks.indexes = ks.indexes[:last]
		if cap(s) >= n {
			s = s[:n]
			clear(s)
			return s
		}
	}
	return make([]uint64, n)
}

func (ks *Keyspace) giveIndex(s []uint64) {
	if cap(s) <= maxIdleIndex && len(ks.indexes) < idleIndexes {
		ks.indexes = append(ks.indexes, s)
	}
}
