package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/listpack"
)

// ListEdit changes one list; see edit. Done ends it. Where nodes begin and end is what Redis's quicklist makes of the same
// history, so that DUMP's bytes are the same.
type ListEdit struct {
	edit
	params listParams // of the table
	gone   bool       // every element of the table was removed at once
}

// EditList begins the change of a list, which is made by the first element when there is none. The key must stay unchanged until
// Done. A value of another type is ErrWrongType.
func (db *DB) EditList(key []byte) (e ListEdit, err error) {
	err = e.begin(db, key, List, Listpack)
	switch {
	case err != nil:
	case e.enc == Quicklist:
		e.image = db.ks.image[:0]
		e.params = loadListParams(e.table.order)
	case e.old.ref == 0:
		e.image = listpack.New(e.image)
	}
	return e, err
}

func (e *ListEdit) tree() btree.Tree { return btree.Open(e.mem(), &listNodes, e.table.root) }

// Len is the number of elements now.
func (e *ListEdit) Len() int {
	switch {
	case e.gone:
		return 0
	case e.enc == Quicklist:
		return int(e.tree().Weight())
	}
	return listpack.Len(e.image)
}

// At is a cursor on the element at a position from the head; good until the next change.
func (e *ListEdit) At(pos int) ListCursor {
	c := ListCursor{m: e.mem(), pos: pos, n: e.Len()}
	if e.enc == Quicklist {
		c.nodes, c.table = e.tree().Reader, true
	} else {
		c.p = e.image
	}
	c.seek()
	return c
}

// Expect converts a packed list that is about to get n elements of so many bytes in all and could not stay packed then.
func (e *ListEdit) Expect(n, bytes int) {
	if e.enc == Listpack && exceeds(e.ks().limits.ListSize, len(e.image)+bytes, listpack.Len(e.image)+n) {
		e.unpack()
	}
}

// Unpack converts a packed list, for a command that builds lists as if they were to become long; Pack at the end.
func (e *ListEdit) Unpack() {
	if e.enc == Listpack {
		e.unpack()
	}
}

// unpack makes the packed list a table of one node.
func (e *ListEdit) unpack() {
	ks := e.ks()
	e.params = ks.listParams()
	e.enc, e.fresh = Quicklist, true
	e.table = table{root: btree.New(ks.a, &listNodes).Root(), order: e.params.word()}
	if n := listpack.Len(e.image); n > 0 {
		e.insertNode(0, ks.newNode(e.image, Listpack), n)
	}
}

// Shrink makes a list that has become one small node a listpack again: at half the limit, so that it does not go back and
// forth. Redis does so behind commands that remove or replace elements.
func (e *ListEdit) Shrink() { e.pack(2) }

// Pack is Shrink for a list that was loaded: at the whole limit.
func (e *ListEdit) Pack() { e.pack(1) }

func (e *ListEdit) pack(part int) {
	if e.enc != Quicklist || e.gone || e.tree().Len() != 1 {
		return
	}
	ks := e.ks()
	it := e.tree().At(0)
	c := element(ks.a, it.Ref)
	bytes, count := nodeLimit(ks.limits.ListSize)
	if c.isPlain() || c.nodeLen(ks.a) > bytes/part || it.Weight > uint64(count/part) {
		return
	}
	e.image = c.appendNode(ks.a, e.image[:0])
	e.tree().Free(ks.freeElement, 1)
	e.enc, e.table, e.fresh = Listpack, table{}, true
}

// Touch makes the edit a change of the list, whatever it did: for WATCH, as LTRIM has it.
func (e *ListEdit) Touch() { e.changed = true }

// Done ends the edit and reports whether the key was removed because no element is left.
func (e *ListEdit) Done() (removed bool) { return e.finish(e.Len()) }

// PushHead adds an element at the head.
func (e *ListEdit) PushHead(v []byte) {
	e.changed = true
	switch {
	case e.enc == Listpack:
		e.grow(listpack.EntrySize(v))
		e.image = listpack.Prepend(e.image, v)
	case e.pushInPlace(v, false):
	case e.allows(0, len(v)):
		e.prependTo(0, v)
	default:
		e.insertElement(0, v)
	}
}

// PushTail adds an element at the tail.
func (e *ListEdit) PushTail(v []byte) {
	e.changed = true
	if e.enc == Listpack {
		e.grow(listpack.EntrySize(v))
		e.image = listpack.Append(e.image, v)
		return
	}
	if e.pushInPlace(v, true) {
		return
	}
	if i := e.tree().Len(); e.allows(i-1, len(v)) {
		e.appendTo(i-1, v)
	} else {
		e.insertElement(i, v)
	}
}

// endNode finds the first node of a table, or the last, when it is a listpack that may be changed where it lies.
func (e *ListEdit) endNode(last bool) (spot *btree.Spot, c cell) {
	spot = &e.ks().spot
	if !spot.SeekEnd(e.tree(), last) {
		return nil, c
	}
	c = element(e.mem(), spot.Item.Ref)
	if c.h.enc() != Listpack || c.h.bigValue() {
		return nil, c
	}
	return spot, c
}

// endBlock is the whole block of such a node, and nil also when an open view needs it: then the node is to have another.
func (e *ListEdit) endBlock(last bool) (block []byte, spot *btree.Spot, c cell) {
	if spot, c = e.endNode(last); spot != nil {
		block = e.mem().TryMut(c.ref, e.mem().Usable(c.ref))
	}
	return block, spot, c
}

// pushInPlace adds an element to the node at an end when that may take it and its block has room, as nearly always.
func (e *ListEdit) pushInPlace(v []byte, tail bool) bool {
	block, spot, c := e.endBlock(tail)
	if block == nil || e.large(len(v)) || exceeds(e.params.size, c.h.valLen()+len(v)+entryOverhead, int(spot.Item.Weight)+1) {
		return false
	}
	size := c.h.size()
	if size+listpack.EntrySize(v) > len(block) {
		return false
	}
	p := block[8:size]
	if tail {
		p = listpack.Append(p, v)
	} else {
		p = listpack.Prepend(p, v)
	}
	putWord(block, 0, uint64(c.h.withValLen(len(p))))
	spot.Reweigh(1)
	return true
}

// large says whether an element is kept as a node of its own, as it is.
func (e *ListEdit) large(n int) bool { return n >= e.ks().packedThreshold }

// allows says whether node i, if there is one, may get an element of n bytes.
func (e *ListEdit) allows(i, n int) bool {
	t := e.tree()
	if uint(i) >= uint(t.Len()) || e.large(n) {
		return false
	}
	it := t.At(i)
	c := element(e.mem(), it.Ref)
	return !c.isPlain() && !exceeds(e.params.size, c.nodeLen(e.mem())+n+entryOverhead, int(it.Weight)+1)
}

func (e *ListEdit) prependTo(i int, v []byte) {
	n := e.open(i, listpack.EntrySize(v))
	n.p = listpack.Prepend(n.p, v)
	e.close(&n, 1)
}

func (e *ListEdit) appendTo(i int, v []byte) {
	n := e.open(i, listpack.EntrySize(v))
	n.p = listpack.Append(n.p, v)
	e.close(&n, 1)
}

// insertElement makes an element node i.
func (e *ListEdit) insertElement(i int, v []byte) {
	if e.large(len(v)) {
		e.insertNode(i, e.ks().newNode(v, plainNode), 1)
		return
	}
	e.insertNode(i, e.ks().newNode(e.packOne(v), Listpack), 1)
}

// insertNode makes a block node i.
func (e *ListEdit) insertNode(i int, r arena.Ref, n int) {
	e.tree().InsertAt(i, r, uint64(n))
	e.settle(i)
	e.settleEnds()
}

// deleteNode removes node i.
func (e *ListEdit) deleteNode(i int) {
	e.ks().freeElement(e.tree().DeleteAt(i).Ref)
	e.settleEnds()
}

// Delete removes n elements from a position on; there are that many.
func (e *ListEdit) Delete(pos, n int) {
	if n <= 0 {
		return
	}
	e.changed = true
	if e.enc == Listpack {
		e.image = listpack.DeleteRange(e.image, pos, n)
		return
	}
	if n == e.Len() && e.tree().Len() > lazyThreshold {
		e.gone = true // Done drops the table, a large one in slices
		return
	}
	for n > 0 {
		t := e.tree()
		i, it, off := t.AtWeight(uint64(pos))
		if off == 0 && it.Weight <= uint64(n) {
			e.deleteNode(i)
			n -= int(it.Weight)
			continue
		}
		del := min(n, int(it.Weight-off))
		node := e.openItem(i, it, 0)
		node.p = listpack.DeleteRange(node.p, int(off), del)
		e.close(&node, -del)
		n -= del
	}
}

// Take shows n elements from one end on, the outermost first, and removes them; there are that many. What is shown is valid during
// the call.
func (e *ListEdit) Take(n int, fromTail bool, show func(Elem)) {
	e.changed = true
	if e.enc == Listpack {
		e.image = takeEnd(e.image, n, fromTail, show)
		return
	}
	if block, spot, c := e.endBlock(fromTail); block != nil && spot.Item.Weight > uint64(n) {
		ks := e.ks()
		p := takeEnd(block[8:c.h.size()], n, fromTail, show)
		if 2*arena.BlockSize(8+len(p)) <= len(block) {
			r := ks.newNode(p, Listpack)
			ks.a.Free(c.ref)
			spot.Set(r, spot.Item.Weight-uint64(n))
		} else {
			putWord(block, 0, uint64(c.h.withValLen(len(p))))
			spot.Reweigh(-n)
		}
		return
	}
	if fromTail {
		last := e.Len() - 1
		for cur := e.At(last); cur.Pos() > last-n; cur.Prev() {
			show(cur.Elem())
		}
		e.Delete(last+1-n, n)
		return
	}
	for cur := e.At(0); cur.Pos() < n; cur.Next() {
		show(cur.Elem())
	}
	e.Delete(0, n)
}

// takeEnd is Take for a listpack.
func takeEnd(p []byte, n int, fromTail bool, show func(Elem)) []byte {
	if fromTail {
		from := listpack.Last(p)
		show(packedElem(p, from))
		for range n - 1 {
			from = listpack.Prev(p, from)
			show(packedElem(p, from))
		}
		return listpack.Cut(p, from, len(p)-1, n)
	}
	at := listpack.First(p)
	to := at
	for range n {
		var v Elem
		v, to = readElem(p, to)
		show(v)
	}
	if to == listpack.None {
		to = len(p) - 1
	}
	return listpack.Cut(p, at, to, n)
}

// Remove removes the elements that are v, at most most of them, from the head on or with fromTail from the tail, and returns
// how many.
func (e *ListEdit) Remove(v []byte, most int, fromTail bool) (removed int) {
	if e.enc == Listpack {
		e.image, removed = removeFrom(e.image, v, most, fromTail)
	} else {
		i := 0
		if fromTail {
			i = e.tree().Len() - 1
		}
		for removed < most && uint(i) < uint(e.tree().Len()) {
			n, whole := e.removeFromNode(i, v, most-removed, fromTail)
			removed += n
			switch {
			case fromTail:
				i--
			case !whole:
				i++
			}
		}
	}
	e.changed = e.changed || removed > 0
	return removed
}

// removeFromNode is Remove for one node, and reports whether that is gone.
func (e *ListEdit) removeFromNode(i int, v []byte, most int, fromTail bool) (n int, whole bool) {
	ks := e.ks()
	it := e.tree().At(i)
	p, plain, buf := ks.node(ks.a, it.Ref, e.image)
	e.image = buf
	if plain {
		n = b2i(string(p) == string(v))
	} else if listpack.Find(p, listpack.First(p), v, 0) != listpack.None {
		node := e.open(i, 0)
		node.p, n = removeFrom(node.p, v, most, fromTail)
		e.close(&node, -n)
	}
	if n < int(it.Weight) {
		return n, false
	}
	e.deleteNode(i)
	return n, true
}

// removeFrom removes up to most of the entries that are v.
func removeFrom(p, v []byte, most int, fromTail bool) (_ []byte, n int) {
	if !fromTail {
		for at := listpack.First(p); n < most; n++ {
			if at = listpack.Find(p, at, v, 0); at == listpack.None {
				break
			}
			if p = listpack.Delete(p, at, 1); at == len(p)-1 {
				at = listpack.None
			}
		}
		return p, n
	}
	for at := listpack.Last(p); at != listpack.None && n < most; {
		prev := listpack.Prev(p, at)
		if packedElem(p, at).Is(v) {
			p = listpack.Delete(p, at, 1)
			n++
		}
		at = prev
	}
	return p, n
}

// Load makes a new list a table, for AppendNode or for elements that come one by one.
func (e *ListEdit) Load() {
	if e.enc == Listpack {
		e.unpack()
	}
}

// AppendNode adds a node of a list that is being loaded: a listpack, or a plain element.
func (e *ListEdit) AppendNode(p []byte, plain bool) {
	e.changed = true
	n, enc := 1, plainNode
	if !plain {
		n, enc = listpack.Len(p), Listpack
	}
	e.insertNode(e.tree().Len(), e.ks().newNode(p, enc), n)
}

// SetPackedThreshold sets the length in bytes from which an element of a list is a node of its own, for DEBUG
// QUICKLIST-PACKED-THRESHOLD; 0 is the usual one, a gigabyte.
func (ks *Keyspace) SetPackedThreshold(n int) {
	if n == 0 {
		n = packedThreshold
	}
	ks.packedThreshold = n
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
