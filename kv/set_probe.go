package kv

import (
	"hash/maphash"
	"math/bits"
	"strconv"

	"frankenredis/kv/dict"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// SetProbe says of members of other sets whether they are in one, for a command that asks for many: it opens the set once. It is
// good as long as the set is unchanged.
type SetProbe struct {
	enc  Encoding
	p    []byte    // a packed set
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
		x.dict = db.ks.elements(s.c.table(s.m))
	} else {
		x.p = s.packed()
	}
	return x
}

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
		return isInt && intset.Contains(x.p, n)
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
