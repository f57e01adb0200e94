package btree

import "frankenredis/kv/arena"

// Front puts items before those of a tree, highest first, faster than insertions and with full nodes. The tree must not be changed by
// anything else until Done. Only the arena's owner may use it.
type Front struct {
	d    Tree
	n    int  // items in buf, at its end
	old  int  // how many of them are the tree's first leaf, which is to be replaced
	any  bool // buf, or the tree, has a first item
	last [maxStride]uint64
	buf  [leafBytes / wordSize]uint64
}

// NewFront begins to put items before those of a tree that has keys.
func NewFront(d Tree) *Front {
	f := &Front{d: d}
	if d.Len() == 0 {
		return f
	}
	sh := d.t.leaf()
	at := d.seekPos(0, nil)
	slots := d.slots(makeLink(at.leaf, at.n), sh)
	copy(f.last[:], slots[:sh.stride])
	f.any = true
	if at.n < sh.max {
		f.n, f.old = at.n, at.n
		copy(f.buf[(sh.max-at.n)*sh.stride:], slots)
	}
	return f
}

// Add adds an item before all others; false, and no change, when its key is not below theirs. The weight is not kept unless
// Type.Weighted.
func (f *Front) Add(k Key, r arena.Ref, weight uint64) bool {
	t := f.d.t
	sh := t.leaf()
	if f.any && t.compare(f.d.m, f.last[:], &k) <= 0 {
		return false
	}
	if f.n == sh.max {
		f.flush()
	}
	f.n++
	slot := t.leafSlot(&f.last, Item{W: k.W, Ref: r, Weight: weight})
	copy(f.buf[(sh.max-f.n)*sh.stride:], slot)
	f.any = true
	return true
}

// Done ends it. It must be called.
func (f *Front) Done() {
	if f.n > f.old {
		f.flush()
	}
}

// flush makes a leaf of what has come together, the tree's first.
func (f *Front) flush() {
	d := f.d
	sh := d.t.leaf()
	slots := f.buf[(sh.max-f.n)*sh.stride : sh.max*sh.stride]
	r := d.alloc(sh.bytes(int(sh.room[f.n])))
	copy(words(d.a.Mut(r, sh.bytes(f.n))), slots)
	items, weight := d.t.totals(0, slots[:(f.n-f.old)*sh.stride])
	leaf := makeLink(r, f.n)
	var p path
	d.seekPos(0, &p)
	if s := &p.steps[0]; f.old > 0 || s.n == 0 {
		if s.n > 0 {
			d.free(s.ref)
		}
		*s = step{ref: leaf.ref(), n: leaf.n()}
		d.lift(&p, 0, items, weight)
	} else {
		var buf [maxStride]uint64
		d.insertSlot(&p, 1, d.innerSlot(&buf, 0, leaf), items, weight)
	}
	f.n, f.old = 0, 0
}
