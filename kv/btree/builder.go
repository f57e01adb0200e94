package btree

import "frankenredis/kv/arena"

// Builder makes a tree of items that come in order, faster than insertions and with full nodes. Only the arena's owner may
// use it.
type Builder struct {
	d   Tree
	n   int
	buf [leafBytes / wordSize]uint64
}

// NewBuilder begins a tree.
func NewBuilder(a *arena.Arena, t *Type) *Builder { return &Builder{d: New(a, t)} }

// Add adds an item at the end; false, and no change, when its key is not above all others. The weight is not kept
// unless Type.Weighted.
func (b *Builder) Add(k Key, r arena.Ref, weight uint64) bool {
	t := b.d.t
	sh := t.leaf()
	if t.ordered() && b.n > 0 && t.compare(b.d.m, b.buf[(b.n-1)*sh.stride:], &k) >= 0 {
		return false
	}
	if b.n == sh.max {
		b.flush()
	}
	var slot [maxStride]uint64
	copy(b.buf[b.n*sh.stride:], t.leafSlot(&slot, Item{W: k.W, Ref: r, Weight: weight}))
	b.n++
	return true
}

// Tree ends the building. It must be called, also to Free what was built so far.
func (b *Builder) Tree() Tree {
	if b.n > 0 {
		b.flush()
	}
	return b.d
}

// flush makes a leaf of what has come together, the tree's last.
func (b *Builder) flush() {
	d := b.d
	sh := d.t.leaf()
	r := d.alloc(sh.bytes(int(sh.room[b.n]))) // as hasRoom takes for granted
	leaf := makeLink(r, b.n)
	slots := b.buf[:b.n*sh.stride]
	copy(words(d.a.Mut(r, sh.bytes(b.n))), slots)
	items, weight := d.t.totals(0, slots)
	b.n = 0
	var p path
	d.seekPos(d.Len(), &p)
	if p.steps[0].n == 0 {
		p.steps[0] = step{ref: leaf.ref(), n: leaf.n()}
		d.lift(&p, 0, items, weight)
		return
	}
	p.steps[1].i++
	var buf [maxStride]uint64
	d.insertSlot(&p, 1, d.innerSlot(&buf, 0, leaf), items, weight)
}
