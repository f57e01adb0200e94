package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/listpack"
)

// StreamEdit changes one stream; see edit. Done ends it. An empty stream stays.
type StreamEdit struct {
	edit
	streamHead
	headChanged bool
}

// EditStream begins the change of a stream; when there is none the edit is one of an empty stream, which Done keeps if Create
// was called. The key must stay unchanged until Done. A value of another type is ErrWrongType.
func (db *DB) EditStream(key []byte) (s StreamEdit, err error) {
	if err = s.begin(db, key, Stream, StreamTree); err != nil {
		return s, err
	}
	s.image = db.ks.image[:0] // for nodes on their way from one block to another
	if s.old.ref != 0 {
		s.streamHead = loadStreamHead(s.mem(), s.table.root)
		s.stay = true
	}
	return s, nil
}

// Create makes the stream if there is none. All changes but Create itself ask for a stream that is there.
func (e *StreamEdit) Create() {
	if e.stay {
		return
	}
	a := e.mem()
	e.nodes, e.groups = btree.New(a, &streamNodes).Root(), btree.New(a, &streamNames).Root()
	e.table = table{root: a.Alloc(8 * streamHeadWords)}
	e.stay, e.headChanged, e.changed = true, true, true
}

// View reads the stream as it is now, until the next change.
func (e *StreamEdit) View() StreamView { return StreamView{e.mem(), e.streamHead} }

// Done ends the edit. Changes of groups alone are nothing that watchers of the key hear of.
func (e *StreamEdit) Done() {
	ks := e.ks()
	if e.stay && e.headChanged {
		e.streamHead.save(ks.a, e.table.root)
	}
	if grown := ks.UsedBytes() - e.used; e.stay && !e.changed && grown != 0 {
		e.used += grown
		e.db.bytes += grown
		e.table.bytes += grown
		e.store()
	}
	e.finish(0)
}

func (e *StreamEdit) tree() btree.Tree { return btree.Open(e.mem(), &streamNodes, e.nodes) }

// Append adds an entry behind all others; args are its fields and values in turn, at least one pair. The id is above Last.
func (e *StreamEdit) Append(id StreamID, args [][]byte) {
	e.changed, e.headChanged = true, true
	size, room := 0, entryRoom
	for _, arg := range args {
		size += len(arg)
		room += listpack.EntrySize(arg)
	}
	tree := e.tree()
	added := false
	if n := tree.Len(); n > 0 {
		last := tree.At(n - 1)
		if e.fits(last.Ref, size) {
			master := idOf(last.W)
			p, block := e.openNode(last.Ref, room)
			p = addToNode(p, master, id, args)
			e.closeNode(last, p, block, true)
			added = true
		} else {
			e.trimRoom(last)
		}
	}
	if !added {
		e.image = newNode(e.image, args)
		tree.Insert(id.key(), e.storeNode(e.image, false), 0)
	}
	e.Length++
	e.Added++
	e.Last = id
	if e.Length == 1 {
		e.First = id
	}
}

// fits says whether an entry of size bytes is still to go into a node.
func (e *StreamEdit) fits(r arena.Ref, size int) bool {
	l := &e.ks().limits
	most := l.StreamNodeBytes
	if most == 0 || most > listpack.MaxBytes {
		most = listpack.MaxBytes
	}
	c := element(e.mem(), r)
	if c.stringLen(e.mem())+size >= most {
		return false
	}
	if l.StreamEntries == 0 {
		return true
	}
	live, deleted := nodeCounts(e.mem(), r)
	return live+deleted < int64(l.StreamEntries)
}

// openNode gives a node's bytes to be changed, with room for so many more: in the block itself (block is its ref) or, when it has
// not that room, copied.
func (e *StreamEdit) openNode(r arena.Ref, room int) (p []byte, block arena.Ref) {
	a := e.mem()
	c := element(a, r)
	if !c.h.bigValue() {
		if have, size := min(a.Usable(r), maxEntry), c.h.size(); size+room <= have && !a.Leave(r) {
			b := a.Mut(r, have)
			return b[8:size:have], r
		}
	}
	e.image = c.appendRange(a, e.image[:0], 0, c.stringLen(a))
	return e.image, 0
}

// closeNode ends what openNode began. spare asks for room in a new block, because the node will grow on.
func (e *StreamEdit) closeNode(it btree.Item, p []byte, block arena.Ref, spare bool) {
	ks := e.ks()
	if block != 0 {
		ks.a.Store64(block, uint64(head(ks.a.Load64(block)).withValLen(len(p))))
		return
	}
	e.image = p
	r := e.storeNode(p, spare)
	e.tree().Replace(btree.Key{W: it.W}, r)
	ks.freeElement(it.Ref)
}

// storeNode makes the element of a node.
func (e *StreamEdit) storeNode(p []byte, spare bool) arena.Ref {
	ks := e.ks()
	size := 8 + len(p)
	if size > maxEntry {
		return ks.newElement(0, nil, p)
	}
	want := size
	if spare {
		want = min(2*size, max(size, ks.limits.StreamNodeBytes+entryRoom), maxEntry)
	}
	r := ks.a.Alloc(want)
	b := ks.a.Mut(r, size)
	putWord(b, 0, uint64(head(1)<<wordsShift|head(len(p))<<valLenShift))
	copy(b[8:], p)
	return r
}

// trimRoom gives back what a node has beyond its bytes.
func (e *StreamEdit) trimRoom(it btree.Item) {
	a := e.mem()
	c := element(a, it.Ref)
	if c.h.bigValue() || arena.BlockSize(c.h.size()) >= a.Usable(it.Ref) {
		return
	}
	e.image = append(e.image[:0], c.inline(a)...)
	e.closeNode(it, e.image, 0, false)
}

// Delete removes an entry and reports whether it was there. First is kept.
func (e *StreamEdit) Delete(id StreamID) bool {
	tree := e.tree()
	before, found := tree.Rank(id.key())
	if !found {
		before--
	}
	if before < 0 {
		return false
	}
	it := tree.At(before)
	p, _ := element(e.mem(), it.Ref).packed(e.mem(), e.image)
	var r nodeReader
	r.open(p, idOf(it.W), false)
	for {
		if !r.forward() || id.Less(r.id) {
			return false
		}
		if r.id == id && r.live() {
			break
		}
	}
	e.changed, e.headChanged = true, true
	if live, _ := nodeCounts(e.mem(), it.Ref); live == 1 {
		tree.DeleteAt(before)
		e.ks().freeElement(it.Ref)
	} else {
		p, block := e.openNode(it.Ref, entryRoom)
		p = countDeleted(markDeleted(p, r.at), 1)
		e.closeNode(it, p, block, false)
	}
	e.Length--
	if e.MaxDeleted.Less(id) {
		e.MaxDeleted = id
	}
	if e.Length == 0 {
		e.First = StreamID{}
	} else if id == e.First {
		e.First, _ = e.View().Edge(false, false)
	}
	return true
}

// StreamTrim says what to remove from the beginning of a stream: entries beyond Most, or if By is given, those before it.
type StreamTrim struct {
	Most  int64
	By    *StreamID
	Nodes bool  // whole nodes only
	Limit int64 // remove no more than that; 0: any number
}

// Trim removes entries and returns how many.
func (e *StreamEdit) Trim(t StreamTrim) (removed int64) {
	m, tree := e.mem(), e.tree()
	nodes, length := 0, e.Length
	all := tree.Len()
	for ; nodes < all; nodes++ {
		if t.By == nil && length <= t.Most {
			break
		}
		it := tree.At(nodes)
		live, _ := nodeCounts(m, it.Ref)
		if t.Limit > 0 && removed+live > t.Limit {
			break
		}
		whole := false
		if t.By == nil {
			whole = length-live >= t.Most
		} else {
			p, _ := element(m, it.Ref).packed(m, e.image)
			var r nodeReader
			r.open(p, idOf(it.W), true)
			whole = !r.back() || r.id.Less(*t.By)
		}
		if !whole {
			break
		}
		removed += live
		length -= live
	}
	if nodes > 0 {
		tree.DeleteRange(0, nodes, e.ks().freeElements)
	}
	stopped := t.By == nil && length <= t.Most
	if nodes < all && !t.Nodes && !stopped {
		n := e.trimNode(tree.At(0), t, length)
		removed += n
		length -= n
	}
	if removed == 0 && nodes == 0 {
		return 0
	}
	e.Length = length
	e.changed, e.headChanged = true, true
	if length == 0 {
		e.First = StreamID{}
	} else {
		e.First, _ = e.View().Edge(false, false)
	}
	return removed
}

// trimNode removes entries from the beginning of a node that is not removed as a whole.
func (e *StreamEdit) trimNode(it btree.Item, t StreamTrim, length int64) (removed int64) {
	p, block := e.openNode(it.Ref, entryRoom)
	var r nodeReader
	r.open(p, idOf(it.W), false)
	for r.forward() {
		if t.By == nil && length <= t.Most || t.By != nil && !r.id.Less(*t.By) {
			break
		}
		if r.live() {
			// A flag takes one byte whatever it says: nothing moves.
			p = markDeleted(p, r.at)
			removed++
			length--
		}
	}
	if removed > 0 {
		p = countDeleted(p, removed)
		e.closeNode(it, p, block, false)
	}
	return removed
}

// SetInfo sets what the stream knows of itself but its length and first id: XSETID.
func (e *StreamEdit) SetInfo(last, maxDeleted StreamID, added int64) {
	e.Last, e.MaxDeleted, e.Added = last, maxDeleted, added
	e.headChanged = true
}
