package btree

import "frankenredis/kv/arena"

// Move gives blocks other places where the arena wants it (Arena.Move): the tree's own on the way to item pos, except the root,
// and the items of that leaf, by entry, which returns where an item's entry is afterwards. It returns the position behind the
// leaf, so a walk from 0 to Len comes past everything that is there all the time; any position is legal. entry must not
// change the tree, nor the order of its items, nor use the tree: in the middle of it inner nodes may have old refs.
func (d Tree) Move(pos int, entry func(Item) arena.Ref) (next int) {
	n := d.Len()
	if pos < 0 || pos >= n {
		return n
	}
	var p path
	at := d.seekPos(pos, &p)
	next = pos - at.i + at.n
	kw := d.t.keyWords()
	for level := p.height; level >= 0; level-- {
		s := &p.steps[level]
		r := d.a.Move(s.ref)
		if r == s.ref {
			continue
		}
		s.ref = r
		if level == p.height {
			d.setTop(s.link(), p.height)
		} else {
			up := &p.steps[level+1]
			d.a.Store64(up.ref+arena.Ref(d.t.inner().bytes(up.i)+kw*wordSize), uint64(s.link()))
		}
	}
	leaf := &p.steps[0]
	at.leaf = leaf.ref
	first := false
	for i := range leaf.n {
		at.i = i
		it := d.item(at)
		r := entry(it)
		if r == it.Ref {
			continue
		}
		d.a.Store64(at.leaf+arena.Ref(d.t.leaf().bytes(i)+d.t.Words*wordSize), uint64(r))
		first = first || i == 0
	}
	if first && d.t.Compare != nil {
		leaf.i = 0
		d.lift(&p, 0, 0, 0)
	}
	return next
}

// MoveRoot moves the root block and returns the tree: whoever has noted the root must note its new one.
func (d Tree) MoveRoot() Tree {
	d.root = d.a.Move(d.root)
	return d
}
