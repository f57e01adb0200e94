package kv

import (
	"math"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/listpack"
)

// ListEdit changes one list; see edit. Done ends it.
type ListEdit struct {
	edit
	removed bool // elements were removed: a list that has become small may be packed again
}

// EditList begins the change of a list, which is made by the first element when there is none. The key must stay unchanged until
// Done. A value of another type is ErrWrongType.
func (db *DB) EditList(key []byte) (ListEdit, error) {
	e, err := db.begin(key, List, Listpack)
	if err == nil && e.old.ref == 0 {
		e.image = listpack.New(e.image)
	}
	return ListEdit{edit: e}, err
}

func (e *ListEdit) tree() btree.Tree { return btree.Open(e.mem(), &listOrder, e.table.root) }

// Len is the number of elements now.
func (e *ListEdit) Len() int {
	if e.enc == Quicklist {
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

// What a node may hold by list-max-listpack-size: bytes when it is negative, else elements, and at most safeNode bytes.
const safeNode = 8192

var nodeBytes = [...]int{4096, 8192, 16384, 32768, 65536}

func (e *ListEdit) limits() (bytes, count int) {
	if fill := e.ks().limits.ListSize; fill >= 0 {
		return math.MaxInt, max(fill, 1)
	} else {
		return nodeBytes[min(-fill, len(nodeBytes))-1], math.MaxInt
	}
}

// exceeds says whether a node of so many bytes and elements is over the limit.
func (e *ListEdit) exceeds(size, n int) bool {
	bytes, count := e.limits()
	if bytes != math.MaxInt {
		return size > bytes
	}
	return size > safeNode || n > count
}

// entryOverhead is what Redis reckons an element takes beside its bytes.
const entryOverhead = 8

// large says whether an element is kept as a node of its own, as it is.
func (e *ListEdit) large(v []byte) bool { return len(v) >= e.ks().packedThreshold }

// Expect converts a packed list that is about to get the elements and could not stay packed then.
func (e *ListEdit) Expect(elems ...[]byte) {
	if e.enc != Listpack {
		return
	}
	sum := 0
	for _, v := range elems {
		sum += len(v)
	}
	if e.exceeds(len(e.image)+sum, listpack.Len(e.image)+len(elems)) {
		e.unpack()
	}
}

// unpack makes the packed list a table of one node.
func (e *ListEdit) unpack() {
	p := e.image
	e.enc, e.changed = Quicklist, true
	e.table = table{root: btree.New(e.mem(), &listOrder).Root()}
	if n := listpack.Len(p); n > 0 {
		e.tree().InsertAt(0, e.newNode(p, false), uint64(n))
	}
}

// newNode makes a node.
func (e *ListEdit) newNode(p []byte, plain bool) arena.Ref {
	ks := e.ks()
	r := ks.newElement(0, nil, p)
	if !plain {
		ks.a.Store64(r, uint64(element(ks.a, r).h.withEnc(Listpack)))
	}
	return r
}

// PushHead adds an element at the head.
func (e *ListEdit) PushHead(v []byte) { e.push(v, true) }

// PushTail adds an element at the tail.
func (e *ListEdit) PushTail(v []byte) { e.push(v, false) }

func (e *ListEdit) push(v []byte, head bool) {
	e.changed = true
	if e.enc == Listpack {
		if head {
			e.image = listpack.Prepend(e.image, v)
		} else {
			e.image = listpack.Append(e.image, v)
		}
		return
	}
	t := e.tree()
	n := t.Len()
	i := n - 1
	if head {
		i = 0
	}
	if n > 0 && e.fits(t.At(i), v) {
		e.extend(i, v, head)
		return
	}
	if head {
		i = -1
	}
	e.insertNode(i+1, v)
}

// fits says whether a node can take one more element.
func (e *ListEdit) fits(node btree.Item, v []byte) bool {
	c := element(e.mem(), node.Ref)
	return c.h.enc() != Raw && !e.large(v) && !e.exceeds(c.stringLen(e.mem())+len(v)+entryOverhead, int(node.Weight)+1)
}

// insertNode makes a node of one element.
func (e *ListEdit) insertNode(i int, v []byte) {
	if e.large(v) {
		e.tree().InsertAt(i, e.newNode(v, true), 1)
		return
	}
	var buf [128]byte
	e.tree().InsertAt(i, e.newNode(listpack.Append(listpack.New(buf[:0]), v), false), 1)
}

// extend adds an element at an end of node i: in its block when that has room.
func (e *ListEdit) extend(i int, v []byte, head bool) {
	add := listpack.Append
	if head {
		add = listpack.Prepend
	}
	a, t := e.mem(), e.tree()
	it := t.At(i)
	c := element(a, it.Ref)
	size, grow := c.h.size(), listpack.EntrySize(v)
	if !c.h.bigValue() && size+grow <= a.Usable(it.Ref) && c.h.valLen()+grow <= maxInlineValue {
		b := a.Mut(it.Ref, size+grow)
		from := size - c.h.valLen()
		add(b[from:size:size+grow], v)
		putWord(b, 0, uint64(c.h.withValLen(c.h.valLen()+grow)))
		t.SetAt(i, it.Ref, it.Weight+1)
		return
	}
	e.replaceNode(i, it, add(e.nodeImage(c), v), it.Weight+1)
}

// nodeImage copies a node into scratch memory.
func (e *ListEdit) nodeImage(c cell) []byte {
	ks := e.ks()
	ks.image = c.appendRange(ks.a, ks.image[:0], 0, c.stringLen(ks.a))
	return ks.image
}

// replaceNode gives node i other content.
func (e *ListEdit) replaceNode(i int, it btree.Item, p []byte, weight uint64) {
	ks := e.ks()
	e.tree().SetAt(i, e.newNode(p, false), weight)
	ks.freeElement(it.Ref)
	if cap(p) <= maxIdleImage {
		ks.image = p[:0]
	}
}

// Insert puts an element before the one at a position, 0 <= pos < Len.
func (e *ListEdit) Insert(pos int, v []byte) {
	e.changed = true
	if e.enc == Listpack {
		e.image = listpack.Insert(e.image, listpack.Seek(e.image, pos), v)
		return
	}
	t := e.tree()
	i, it, off := t.AtWeight(uint64(pos))
	c := element(e.mem(), it.Ref)
	switch {
	case e.fits(it, v):
		p := e.nodeImage(c)
		e.replaceNode(i, it, listpack.Insert(p, listpack.Seek(p, int(off)), v), it.Weight+1)
	case off == 0 && i > 0 && e.fits(t.At(i-1), v):
		e.extend(i-1, v, false)
	case off == 0:
		e.insertNode(i, v)
	default:
		p := e.nodeImage(c)
		right := append([]byte(nil), p...)
		left := listpack.DeleteRange(p, int(off), int(it.Weight)-int(off))
		right = listpack.DeleteRange(right, 0, int(off))
		e.replaceNode(i, it, left, off)
		t.InsertAt(i+1, e.newNode(right, false), it.Weight-off)
		if e.fits(t.At(i), v) {
			e.extend(i, v, false)
		} else {
			e.insertNode(i+1, v)
		}
	}
}

// Set replaces the element at a position, 0 <= pos < Len.
func (e *ListEdit) Set(pos int, v []byte) {
	e.changed, e.removed = true, true
	if e.enc == Listpack {
		e.image = listpack.Replace(e.image, listpack.Seek(e.image, pos), v)
		return
	}
	t := e.tree()
	i, it, off := t.AtWeight(uint64(pos))
	c := element(e.mem(), it.Ref)
	if c.h.enc() != Raw && !e.large(v) {
		p := e.nodeImage(c)
		e.replaceNode(i, it, listpack.Replace(p, listpack.Seek(p, int(off)), v), it.Weight)
		return
	}
	if pos+1 < e.Len() {
		e.Insert(pos+1, v)
	} else {
		e.PushTail(v)
	}
	e.Delete(pos, 1)
}

// Delete removes n elements from a position on; there are that many.
func (e *ListEdit) Delete(pos, n int) {
	if n <= 0 {
		return
	}
	e.changed, e.removed = true, true
	if e.enc == Listpack {
		e.image = listpack.DeleteRange(e.image, pos, n)
		return
	}
	for n > 0 {
		t := e.tree()
		i, it, off := t.AtWeight(uint64(pos))
		gone := min(n, int(it.Weight-off))
		if gone == int(it.Weight) {
			t.DeleteAt(i)
			e.ks().freeElement(it.Ref)
		} else {
			p := e.nodeImage(element(e.mem(), it.Ref))
			e.replaceNode(i, it, listpack.DeleteRange(p, int(off), gone), it.Weight-uint64(gone))
		}
		n -= gone
	}
}

// AppendNode adds a node of a list that is being loaded.
func (e *ListEdit) AppendNode(p []byte, plain bool) {
	e.changed = true
	if e.enc == Listpack {
		e.unpack()
	}
	n := 1
	if !plain {
		n = listpack.Len(p)
	}
	e.tree().InsertAt(e.tree().Len(), e.newNode(p, plain), uint64(n))
}

// Repack makes a list of one small node a listpack again; with shrinking only at half the limit, so that it does not go
// back and forth.
func (e *ListEdit) Repack(shrinking bool) {
	if e.enc != Quicklist || e.tree().Len() != 1 {
		return
	}
	ks := e.ks()
	it := e.tree().At(0)
	c := element(ks.a, it.Ref)
	bytes, count := e.limits()
	if shrinking {
		bytes, count = bytes/2, count/2
	}
	if c.h.enc() == Raw || c.stringLen(ks.a) > bytes || int(it.Weight) > count {
		return
	}
	e.image = append([]byte(nil), e.nodeImage(c)...)
	e.tree().Free(ks.freeElement, 2)
	e.enc, e.table, e.changed = Listpack, table{}, true
}

// Done ends the edit and reports whether the key was removed because no element is left.
func (e *ListEdit) Done() (removed bool) {
	if e.removed && e.Len() > 0 {
		e.Repack(true)
	}
	return e.finish(e.Len())
}

// SetPackedThreshold sets the length in bytes from which an element of a list is a node of its own, for DEBUG
// QUICKLIST-PACKED-THRESHOLD; 0 is the usual one, a gigabyte.
func (ks *Keyspace) SetPackedThreshold(n int) {
	if n == 0 {
		n = listpack.MaxBytes
	}
	ks.packedThreshold = n
}
