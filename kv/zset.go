package kv

import (
	"bytes"
	"math"
	"slices"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/dict"
	"frankenredis/kv/listpack"
)

// A sorted set is packed, a listpack of members and scores in turn in the set's order, or a table: a dict of elements, and
// a tree of the same elements by score, then by member. The tree's key word is the score in a form that sorts as an
// unsigned number; an element keeps the score as it was given.

// zsetOrder is the tree of a sorted set.
var zsetOrder = btree.Type{Words: 1, Compare: compareMember}

func compareMember(m arena.Mem, r arena.Ref, member []byte) int {
	return bytes.Compare(element(m, r).key(m), member)
}

// scoreWord maps a score to a number of the same order. The two zeros are one place.
func scoreWord(score float64) uint64 {
	if score == 0 {
		score = 0
	}
	b := math.Float64bits(score + 0)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// zsetTable is the table of a sorted set.
type zsetTable struct{}

func (zsetTable) effort(ks *Keyspace, t table) int { return ks.elements(t).Len() }

// clone copies the elements in their order, in which they are mostly read, and has the dict look for the copies.
func (zsetTable) clone(ks *Keyspace, t table) table {
	copies := ks.a.NewForward()
	order := btree.Open(ks.a, &zsetOrder, t.order).Clone(func(r arena.Ref) arena.Ref {
		n := ks.cloneElement(r)
		copies.Set(r, n)
		return n
	})
	root := ks.elements(t).Clone(func(refs []arena.Ref) {
		for i, r := range refs {
			refs[i] = copies.To(r)
		}
	})
	return table{root: root.Root(), order: order.Root()}
}

func (zsetTable) free(ks *Keyspace, t *table, budget int, drop func(arena.Ref)) (done bool) {
	if t.order != 0 {
		if btree.Open(ks.a, &zsetOrder, t.order).Free(nil, budget) {
			t.order = 0
		}
		return false
	}
	return ks.elements(*t).Free(drop, budget)
}

// ZSetView reads a sorted set.
type ZSetView struct{ Value }

// ZSet is the value, which must be a sorted set.
func (v Value) ZSet() ZSetView { return ZSetView{v} }

// ZSet is the entry's value, which must be a sorted set.
func (e Entry) ZSet() ZSetView { return e.Value().ZSet() }

func (z ZSetView) order() btree.Reader {
	return btree.Frozen(z.m, &zsetOrder, z.c.table(z.m).order)
}

// Len is the number of members.
func (z ZSetView) Len() int {
	if z.isTable() {
		return z.elements().Len()
	}
	return listpack.Len(z.packed()) / 2
}

// Score is the score of a member.
func (z ZSetView) Score(member []byte) (score float64, found bool) {
	if z.isTable() {
		c := z.find(member)
		if c.ref == 0 {
			return 0, false
		}
		return math.Float64frombits(c.score(z.m)), true
	}
	return packedScore(z.packed(), member)
}

// Rank is the position of a member from the lowest, and its score.
func (z ZSetView) Rank(member []byte) (rank int, score float64, found bool) {
	if z.isTable() {
		c := z.find(member)
		if c.ref == 0 {
			return 0, 0, false
		}
		score = math.Float64frombits(c.score(z.m))
		rank, _ = z.order().Rank(btree.Key{W: [2]uint64{scoreWord(score)}, Tail: member})
		return rank, score, true
	}
	for c := z.At(0); c.Valid(); c.Next() {
		if c.Member().Is(member) {
			return c.Pos(), c.Score(), true
		}
	}
	return 0, 0, false
}

// Above counts the members whose score is below score, or with equal, not above it: the position of the first that is not.
func (z ZSetView) Above(score float64, equal bool) int {
	if z.isTable() {
		n, _ := z.order().Rank(btree.Key{W: [2]uint64{scoreWord(score)}, Beyond: equal})
		return n
	}
	c := z.At(0)
	for ; c.Valid(); c.Next() {
		if s := c.Score(); s > score || (s == score && !equal) {
			break
		}
	}
	return c.Pos()
}

// Behind counts the members that come before member, or with equal, not behind it, in a set whose scores are all equal.
func (z ZSetView) Behind(member []byte, equal bool) int {
	if z.isTable() {
		word := z.order().At(0).W
		n, found := z.order().Rank(btree.Key{W: word, Tail: member})
		if found && equal {
			n++
		}
		return n
	}
	var buf [intDigits]byte
	c := z.At(0)
	for ; c.Valid(); c.Next() {
		if d := bytes.Compare(c.Member().Bytes(buf[:]), member); d > 0 || (d == 0 && !equal) {
			break
		}
	}
	return c.Pos()
}

// At is a cursor on the member at a position from the lowest; the set's length is behind the last, -1 before the first.
func (z ZSetView) At(pos int) ZSetCursor {
	if z.isTable() {
		return ZSetCursor{m: z.m, tree: z.order().SeekAt(pos), table: true}
	}
	p := z.packed()
	c := ZSetCursor{p: p, pos: pos, n: listpack.Len(p) / 2}
	if c.Valid() {
		c.at = listpack.Seek(p, 2*pos)
	}
	return c
}

// Range visits the members at positions [from, to) from the lowest, 0 <= from <= to <= Len, with reverse from the highest down.
// scores: with their scores, which else are 0.
func (z ZSetView) Range(from, to int, reverse, scores bool, visit func(member Elem, score float64)) {
	if !z.isTable() {
		z.rangePacked(from, to, reverse, visit)
		return
	}
	order := z.order()
	var refs [64]arena.Ref
	for from < to {
		n := min(to-from, len(refs))
		at := from
		if reverse {
			at = to - n
			to = at
		} else {
			from += n
		}
		order.Refs(at, refs[:n])
		if reverse {
			slices.Reverse(refs[:n])
		}
		for _, r := range refs[:n] {
			c, score := element(z.m, r), 0.0
			if scores {
				score = math.Float64frombits(c.score(z.m))
			}
			visit(BytesElem(c.key(z.m)), score)
		}
	}
}

// rangePacked is Range for a listpack.
func (z ZSetView) rangePacked(from, to int, reverse bool, visit func(member Elem, score float64)) {
	if reverse {
		for cur := z.At(to - 1); cur.Pos() >= from; cur.Prev() {
			visit(cur.Member(), cur.Score())
		}
		return
	}
	for cur := z.At(from); cur.Pos() < to; cur.Next() {
		visit(cur.Member(), cur.Score())
	}
}

// ZSetCursor goes through the members of a sorted set, both ways. It is good until the keyspace's next change; in a view,
// until that is closed.
type ZSetCursor struct {
	m     arena.Mem
	tree  btree.Cursor
	table bool

	p          []byte
	at, pos, n int
}

// Valid says that the cursor is on a member.
func (c *ZSetCursor) Valid() bool {
	if c.table {
		return c.tree.Valid()
	}
	return uint(c.pos) < uint(c.n)
}

// Pos is the position from the lowest.
func (c *ZSetCursor) Pos() int {
	if c.table {
		return c.tree.Pos()
	}
	return c.pos
}

// Next moves to the next higher member.
func (c *ZSetCursor) Next() {
	if c.table {
		c.tree.Next()
		return
	}
	c.move(1)
}

// Prev moves to the next lower member.
func (c *ZSetCursor) Prev() {
	if c.table {
		c.tree.Prev()
		return
	}
	c.move(-1)
}

func (c *ZSetCursor) move(by int) {
	was := c.Valid()
	c.pos += by
	switch {
	case !c.Valid():
	case !was:
		c.at = listpack.Seek(c.p, 2*c.pos)
	case by > 0:
		c.at = listpack.Next(c.p, listpack.Next(c.p, c.at))
	default:
		c.at = listpack.Prev(c.p, listpack.Prev(c.p, c.at))
	}
}

// Member is the member the cursor is on.
func (c *ZSetCursor) Member() Elem {
	if c.table {
		return BytesElem(element(c.m, c.tree.Ref()).key(c.m))
	}
	return packedElem(c.p, c.at)
}

// Score is its score.
func (c *ZSetCursor) Score() float64 {
	if c.table {
		return math.Float64frombits(element(c.m, c.tree.Ref()).score(c.m))
	}
	return scoreAt(c.p, listpack.Next(c.p, c.at))
}

// ScanZSet visits members of a live sorted set from a place on, as DB.Scan does keys: a packed one wholly, a table in steps.
func (e Entry) ScanZSet(cursor uint64, visit func(member Elem, score float64)) (next uint64) {
	z := e.ZSet()
	if !e.h.isTable() {
		for c := z.At(0); c.Valid(); c.Next() {
			visit(c.Member(), c.Score())
		}
		return 0
	}
	return e.db.ks.elements(e.table(z.m)).Scan(cursor, func(r arena.Ref) {
		c := element(z.m, r)
		visit(BytesElem(c.key(z.m)), math.Float64frombits(c.score(z.m)))
	})
}

// RandomZSet is a member of a live sorted set, each with the same probability, by the keyspace's generator.
func (e Entry) RandomZSet() (member Elem, score float64) {
	z := e.ZSet()
	if e.h.isTable() {
		c := element(z.m, e.db.ks.elements(e.table(z.m)).Random(e.db.ks.next))
		return BytesElem(c.key(z.m)), math.Float64frombits(c.score(z.m))
	}
	c := z.At(e.db.ks.Pick(z.Len()))
	return c.Member(), c.Score()
}

// hashMember is the hash of a member in dicts of elements.
func (ks *Keyspace) hashMember(member []byte) uint64 { return dict.Hash(&ks.seed, member) }
