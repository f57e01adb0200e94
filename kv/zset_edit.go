package kv

import (
	"bytes"
	"math"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/double"
	"frankenredis/kv/listpack"
)

// ZSetEdit changes one sorted set; see edit. Done ends it.
type ZSetEdit struct {
	edit
	emptied bool // a table all of whose members DeleteRange removed, and which Done will drop as it is
}

// EditZSet begins the change of a sorted set, which is made by the first Set when there is none: packed, if sets of so many
// members as are expected, the first of that length, may be. The key must stay unchanged until Done. A value of another
// type is ErrWrongType.
func (db *DB) EditZSet(key []byte, expected, firstLen int) (z ZSetEdit, err error) {
	enc := Listpack
	if l := &db.ks.limits; expected > l.ZSetEntries || firstLen > l.ZSetValue {
		enc = Skiplist
	}
	if err = z.begin(db, key, ZSet, enc); err != nil || z.old.ref != 0 {
		return z, err
	}
	if enc == Listpack {
		z.image = listpack.New(z.image)
	} else {
		z.newTable()
	}
	return z, nil
}

func (e *ZSetEdit) newTable() {
	ks := e.ks()
	e.enc = Skiplist
	e.table = table{root: ks.newElements().Root(), order: btree.New(ks.a, &zsetOrder).Root()}
}

func (e *ZSetEdit) tree() btree.Tree { return btree.Open(e.mem(), &zsetOrder, e.table.order) }

// Len is the number of members now.
func (e *ZSetEdit) Len() int {
	if e.emptied {
		return 0
	}
	if e.enc == Skiplist {
		return e.ks().elements(e.table).Len()
	}
	return listpack.Len(e.image) / 2
}

// Expect converts a packed set that is about to get n more members and could not stay packed then.
func (e *ZSetEdit) Expect(n int) {
	if e.enc == Listpack && n > e.ks().limits.ZSetEntries {
		e.convert()
	}
}

// Score is the score of a member.
func (e *ZSetEdit) Score(member []byte) (score float64, found bool) {
	if e.enc == Skiplist {
		ks := e.ks()
		r := ks.elements(e.table).Find(ks.hashMember(member), member)
		if r == 0 {
			return 0, false
		}
		return math.Float64frombits(element(ks.a, r).score(ks.a)), true
	}
	return packedScore(e.image, member)
}

// Add adds a member that is not there.
func (e *ZSetEdit) Add(member []byte, score float64) {
	e.changed = true
	if e.enc == Listpack {
		l := &e.ks().limits
		if e.Len()+1 > l.ZSetEntries || len(member) > l.ZSetValue || !listpack.Safe(e.image, len(member)) {
			e.convert()
		} else {
			e.insertPacked(member, score)
			return
		}
	}
	e.addElement(member, score)
}

func (e *ZSetEdit) addElement(member []byte, score float64) {
	ks := e.ks()
	hash := ks.hashMember(member)
	r := ks.newScored(hash, member, math.Float64bits(score))
	ks.elements(e.table).Insert(hash, r)
	if !e.tree().Insert(zsetKey(member, score), r, 0) {
		panic("kv: a member that is in the order already")
	}
}

// Move gives a member that is there another score.
func (e *ZSetEdit) Move(member []byte, from, to float64) {
	e.changed = true
	if e.enc == Listpack {
		at := listpack.Find(e.image, listpack.First(e.image), member, 1)
		e.image = listpack.Delete(e.image, at, 2)
		e.insertPacked(member, to)
		return
	}
	ks := e.ks()
	hash := ks.hashMember(member)
	r := ks.elements(e.table).Find(hash, member)
	if ks.a.Leave(r) {
		was, size := r, element(ks.a, r).h.size()
		r = ks.a.Alloc(ks.a.Usable(was))
		copy(ks.a.Mut(r, size), ks.a.At(was, size))
		ks.elements(e.table).Replace(hash, was, r)
		e.tree().Replace(zsetKey(member, from), r)
		ks.a.Free(was)
	}
	if scoreWord(from) != scoreWord(to) {
		if _, ok := e.tree().Delete(zsetKey(member, from)); !ok {
			panic("kv: a member that is not in the order")
		}
		e.tree().Insert(zsetKey(member, to), r, 0)
	}
	c := element(ks.a, r)
	ks.a.Store64(word(r, c.h.valueWord()), math.Float64bits(to))
}

// Delete removes a member and reports whether it was there.
func (e *ZSetEdit) Delete(member []byte) bool {
	if e.enc == Listpack {
		at := listpack.Find(e.image, listpack.First(e.image), member, 1)
		if at == listpack.None {
			return false
		}
		e.image = listpack.Delete(e.image, at, 2)
		e.changed = true
		return true
	}
	ks := e.ks()
	r := ks.elements(e.table).Delete(ks.hashMember(member), member)
	if r == 0 {
		return false
	}
	if _, ok := e.tree().Delete(zsetKey(member, math.Float64frombits(element(ks.a, r).score(ks.a)))); !ok {
		panic("kv: a member that is not in the order")
	}
	ks.freeElement(r)
	e.changed = true
	return true
}

// DeleteRange removes the members at positions from up to, not including, to. When it removes all, nothing but Len and Done may follow: the
// table is freed whole then, in slices when it is large.
func (e *ZSetEdit) DeleteRange(from, to int) {
	if from >= to {
		return
	}
	e.changed = true
	if e.enc == Skiplist && to-from == e.Len() {
		e.emptied = true
		return
	}
	if e.enc == Listpack {
		e.image = listpack.Delete(e.image, listpack.Seek(e.image, 2*from), 2*(to-from))
		return
	}
	d := e.ks().elements(e.table)
	if to-from == 1 { // the usual ZPOPMIN: nothing is gathered
		e.ks().deleteElements(d, []arena.Ref{e.tree().DeleteAt(from).Ref}, nil)
		return
	}
	e.tree().DeleteRange(from, to, func(refs []arena.Ref) { e.ks().deleteElements(d, refs, nil) })
}

// View reads the set as it is now; until the next change.
func (e *ZSetEdit) At(pos int) ZSetCursor {
	if e.enc == Skiplist {
		return ZSetCursor{m: e.mem(), tree: e.tree().SeekAt(pos), table: true}
	}
	c := ZSetCursor{p: e.image, pos: pos, n: e.Len()}
	if c.Valid() {
		c.at = listpack.Seek(e.image, 2*pos)
	}
	return c
}

// Refit converts a packed set that was loaded and has more members than the limit. Like Redis it does not look at their lengths.
func (e *ZSetEdit) Refit() {
	l := &e.ks().limits
	if e.enc == Listpack && e.Len() > l.ZSetEntries {
		e.convert()
	}
}

// Done ends the edit and reports whether the key was removed because no member is left.
func (e *ZSetEdit) Done() (removed bool) { return e.finish(e.Len()) }

// UnpackZSet converts a packed sorted set, if there is one at key. Watchers do not hear of it: the value is the same.
func (db *DB) UnpackZSet(key []byte) {
	e, err := db.EditZSet(key, 0, 0)
	if err != nil {
		return
	}
	if e.enc == Listpack && e.Found() {
		e.convert()
		e.changed, e.fresh = false, true
	}
	e.Done()
}

// convert makes the packed set a table.
func (e *ZSetEdit) convert() {
	ks, p := e.ks(), e.image
	d := ks.newElements()
	b := btree.NewBuilder(ks.a, &zsetOrder)
	var buf [intDigits]byte
	for at := listpack.First(p); at != listpack.None; {
		value := listpack.Next(p, at)
		member, score := packedElem(p, at).Bytes(buf[:]), scoreAt(p, value)
		hash := ks.hashMember(member)
		r := ks.newScored(hash, member, math.Float64bits(score))
		d.Insert(hash, r)
		if !b.Add(zsetKey(member, score), r, 0) {
			panic("kv: a packed sorted set out of order")
		}
		at = listpack.Next(p, value)
	}
	e.enc, e.changed = Skiplist, true
	e.table = table{root: d.Root(), order: b.Tree().Root()}
}

func zsetKey(member []byte, score float64) btree.Key {
	return btree.Key{W: [2]uint64{scoreWord(score)}, Tail: member}
}

// packedScore finds a member of a packed set.
func packedScore(p, member []byte) (float64, bool) {
	at := listpack.Find(p, listpack.First(p), member, 1)
	if at == listpack.None {
		return 0, false
	}
	return scoreAt(p, listpack.Next(p, at)), true
}

// scoreAt reads a score from a packed set: a number, or a double as Redis prints it.
func scoreAt(p []byte, at int) float64 {
	b, n, isInt := listpack.Get(p, at)
	if isInt {
		return float64(n)
	}
	f, ok := double.Parse(b)
	if !ok {
		return 0 // what Redis's strtod makes of it; verified data has none
	}
	return f
}

// appendScore appends a score to a packed set in Redis's form: whole numbers within 2^52 as integers.
func appendScore(buf []byte, score float64) (text []byte, n int64, isInt bool) {
	const exact = 1 << 52
	if score >= -exact && score <= exact && score == math.Trunc(score) {
		return nil, int64(score), true
	}
	return double.Append(buf[:0], score), 0, false
}

// insertPacked puts a member into a packed set at its place.
func (e *ZSetEdit) insertPacked(member []byte, score float64) {
	var scoreBuf [double.MaxSize]byte
	text, n, isInt := appendScore(scoreBuf[:], score)
	size := listpack.EntrySizeInt(n)
	if !isInt {
		size = listpack.EntrySize(text)
	}
	e.grow(listpack.EntrySize(member) + size)
	p := e.image
	var buf [intDigits]byte
	at := listpack.First(p)
	for at != listpack.None {
		value := listpack.Next(p, at)
		s := scoreAt(p, value)
		if s > score || (s == score && bytes.Compare(packedElem(p, at).Bytes(buf[:]), member) > 0) {
			break
		}
		at = listpack.Next(p, value)
	}
	if at == listpack.None {
		at = len(p) - 1
	}
	p = listpack.Insert(p, at, member)
	at += listpack.Size(p, at)
	if isInt {
		p = listpack.InsertInt(p, at, n)
	} else {
		p = listpack.Insert(p, at, text)
	}
	e.image = p
}
