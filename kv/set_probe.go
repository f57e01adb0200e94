package kv

import (
	"hash/maphash"
	"math/bits"
	"strconv"

	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// SetProbe says of members of other sets whether they are in one, for a command that asks for many: it opens the set once. It is
// good as long as the set is unchanged.
type SetProbe struct {
	enc  Encoding
	p    []byte    // a packed set
	near int       // where in an intset the last question led
	dict dict.Dict // a table's elements
	seed *dict.Seed
	// slots are positions in a listpack by hash, with linear probing, at most half full; 0 is free. nil: it is searched from its
	// head each time.
	slots []uint32
	buf   [intDigits]byte // for the spelling of a number
}

// indexSeed hides from clients where members stand in an index.
var indexSeed = maphash.MakeSeed()

// ProbeSet makes the probe of a live set of this database.
func (db *DB) ProbeSet(s SetView) *SetProbe {
	x := &SetProbe{enc: s.Encoding(), seed: &db.ks.seed}
	if s.isTable() {
		x.dict = s.dict(db.ks)
	} else {
		x.p = s.packed()
	}
	return x
}

// JoinSets visits the members of one live set of this database that are in another, or with in false those that are not, in
// Each's order until visit returns false. Both are tables: only members that may be in both are read.
func (db *DB) JoinSets(s, other SetView, in bool, visit func(m Elem) bool) {
	a := db.ks.a
	s.dict(db.ks).Join(other.dict(db.ks), keyOf, func(r, same arena.Ref) bool {
		return (same != 0) != in || visit(BytesElem(element(a, r).key(a)))
	})
}

// IsTable says whether the set is a table.
func (s SetView) IsTable() bool { return s.isTable() }

// dict is the dict of a live set that is a table.
func (s SetView) dict(ks *Keyspace) dict.Dict { return ks.elements(s.c.table(s.m)) }

func keyOf(m arena.Mem, r arena.Ref) []byte { return element(m, r).key(m) }

// Expect prepares for so many questions.
func (x *SetProbe) Expect(asked int) {
	const fromCost = 256 // comparisons; below, making the index costs more than it saves
	if x.enc == Listpack && x.slots == nil && asked > 2 && asked*listpack.Len(x.p) >= fromCost {
		x.index()
	}
}

// index makes the index of a listpack; it takes eight bytes a member at least.
func (x *SetProbe) index() {
	x.slots = make([]uint32, 2<<bits.Len(uint(listpack.Len(x.p))))
	mask := len(x.slots) - 1
	for at := listpack.First(x.p); at != listpack.None; {
		member, next := readElem(x.p, at)
		i := x.home(member.Bytes(x.buf[:]))
		for x.slots[i] != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = uint32(at)
		at = next
	}
}

func (x *SetProbe) home(member []byte) int {
	return int(maphash.Bytes(indexSeed, member)) & (len(x.slots) - 1)
}

// Has says whether a member is there.
func (x *SetProbe) Has(member Elem) bool {
	if x.enc == Intset {
		n, isInt := member.n, member.num
		if !isInt {
			n, isInt = parseInt(member.b)
		}
		found := false
		if isInt {
			x.near, found = intset.Seek(x.p, x.near, n)
		}
		return found
	}
	want := member.b
	if member.num {
		want = strconv.AppendInt(x.buf[:0], member.n, 10)
	}
	switch {
	case x.enc != Listpack:
		return x.dict.Find(dict.Hash(x.seed, want), want) != 0
	case x.slots == nil:
		return listpack.Find(x.p, listpack.First(x.p), want, 0) != listpack.None
	}
	mask := len(x.slots) - 1
	for i := x.home(want); x.slots[i] != 0; i = (i + 1) & mask {
		if packedElem(x.p, int(x.slots[i])).Is(want) {
			return true
		}
	}
	return false
}
