package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/listpack"
)

// Insert puts an element before the one at a position, or with after behind it; 0 <= pos < Len.
func (e *ListEdit) Insert(pos int, v []byte, after bool) {
	e.changed = true
	if e.enc == Listpack {
		e.grow(listpack.EntrySize(v))
		at := listpack.Seek(e.image, pos)
		if after {
			e.image = listpack.InsertAfter(e.image, at, v)
		} else {
			e.image = listpack.Insert(e.image, at, v)
		}
		return
	}
	i, it, off := e.tree().AtWeight(uint64(pos))
	e.insert(i, int(off), int(it.Weight), v, after)
}

// insert is Insert beside element off of node i, which has count of them.
func (e *ListEdit) insert(i, off, count int, v []byte, after bool) {
	next := i + b2i(after) // where a node made for the element goes
	atEnd, beside := off == 0, i-1
	if after {
		atEnd, beside = off == count-1, i+1
	}
	switch {
	case e.large(len(v)):
		if !atEnd {
			e.split(i, off+b2i(after))
			next = i + 1
		}
		e.insertElement(next, v)
	case e.allows(i, len(v)):
		n := e.open(i, listpack.EntrySize(v))
		if at := listpack.Seek(n.p, off); after {
			n.p = listpack.InsertAfter(n.p, at, v)
		} else {
			n.p = listpack.Insert(n.p, at, v)
		}
		e.close(&n, 1)
	case atEnd && e.allows(beside, len(v)):
		if after {
			e.prependTo(beside, v)
		} else {
			e.appendTo(beside, v)
		}
	case atEnd:
		e.insertElement(next, v)
	case after:
		e.split(i, off+1)
		e.prependTo(i+1, v)
		e.mergeAround(i)
	default:
		e.split(i, off)
		e.appendTo(i, v)
		e.mergeAround(i + 1)
	}
}

// Set replaces the element at a position, 0 <= pos < Len.
func (e *ListEdit) Set(pos int, v []byte) {
	e.changed = true
	if e.enc == Listpack {
		at := listpack.Seek(e.image, pos)
		e.grow(listpack.EntrySize(v) - listpack.Size(e.image, at))
		e.image = listpack.Replace(e.image, at, v)
		return
	}
	ks := e.ks()
	t := e.tree()
	i, it, off := t.AtWeight(uint64(pos))
	plain, large := element(ks.a, it.Ref).isPlain(), e.large(len(v))
	switch {
	case !plain && !large:
		n := e.open(i, listpack.EntrySize(v))
		n.p = listpack.Replace(n.p, listpack.Seek(n.p, int(off)), v)
		e.close(&n, 0)
	case plain && large:
		ks.freeElement(t.SetAt(i, ks.newNode(v, plainNode), 1))
		e.settle(i)
	case plain:
		e.insert(i, 0, 1, v, true)
		e.deleteNode(i)
	default:
		e.insert(i, int(off), int(it.Weight), v, true)
		if t = e.tree(); t.At(i).Weight == 1 { // also of a node that was split
			e.deleteNode(i)
			return
		}
		// What is left of the node ends with the element that is replaced.
		n := e.open(i, 0)
		n.p = listpack.DeleteRange(n.p, -1, 1)
		e.close(&n, -1)
		e.mergeAround(i + 1)
	}
}

// split makes two nodes of node i, a listpack; the second begins with its element k.
func (e *ListEdit) split(i, k int) {
	ks := e.ks()
	it := e.tree().At(i)
	c := element(ks.a, it.Ref)
	e.image = c.appendNode(ks.a, e.image[:0])
	e.image = listpack.DeleteRange(e.image, 0, k)
	right := int(it.Weight) - k
	e.insertNode(i+1, ks.newNode(e.image, Listpack), right)
	n := e.open(i, 0)
	n.p = listpack.DeleteRange(n.p, k, right)
	e.close(&n, -right)
}

// mergeAround makes one node of neighbours that are no more than one may have, around node i.
func (e *ListEdit) mergeAround(i int) {
	if e.mergeable(i-2, i-1) {
		e.merge(i - 2)
		i--
	}
	if e.mergeable(i+1, i+2) {
		e.merge(i + 1)
	}
	if e.mergeable(i-1, i) {
		i--
		e.merge(i)
	}
	if e.mergeable(i, i+1) {
		e.merge(i)
	}
}

// mergeable says whether two nodes, if there are both, may become one.
func (e *ListEdit) mergeable(i, j int) bool {
	t, a := e.tree(), e.mem()
	if i < 0 || j >= t.Len() {
		return false
	}
	x, y := t.At(i), t.At(j)
	cx, cy := element(a, x.Ref), element(a, y.Ref)
	return !cx.isPlain() && !cy.isPlain() &&
		!exceeds(e.params.size, cx.nodeLen(a)+cy.nodeLen(a)-listpackAround, int(x.Weight+y.Weight))
}

// merge appends node i+1 to node i.
func (e *ListEdit) merge(i int) {
	ks := e.ks()
	it := e.tree().At(i + 1)
	n := e.open(i, element(ks.a, it.Ref).nodeLen(ks.a)-listpackAround)
	q, _, _ := ks.node(ks.a, it.Ref, nil)
	n.p = listpack.Merge(n.p, q)
	e.close(&n, int(it.Weight))
	e.deleteNode(i + 1)
}

// node is the content of a node, in its block or in buf, which is returned for the next use.
func (ks *Keyspace) node(m arena.Mem, r arena.Ref, buf []byte) (p []byte, plain bool, grown []byte) {
	c := element(m, r)
	p, grown = c.node(m, buf)
	return p, c.isPlain(), grown
}
