package btree

import "frankenredis/kv/arena"

// insertItem puts an item where the path ends.
func (d Tree) insertItem(p *path, it Item) {
	var buf [maxStride]uint64
	slot := d.t.leafSlot(&buf, it)
	d.insertSlot(p, 0, slot, 1, it.Weight)
}

// insertSlot puts a slot into the path's node at a level, before the slot the path goes through, and splits what is full on the
// way up. items and weight are by how much the tree grows. With level one above the top, the tree grows by that
// level and the slot stands before the old top or behind it.
func (d Tree) insertSlot(p *path, level int, slot []uint64, items, weight uint64) {
	var buf [maxStride]uint64
	for ; level <= p.height; level++ {
		s := &p.steps[level]
		sh := d.t.shape(level)
		if s.n < sh.max {
			d.spread(sh, s, slot)
			d.lift(p, level, items, weight)
			return
		}
		up := &p.steps[level+1]
		switch {
		case p.atEnd(level):
			r := d.newEnd(sh, slot)
			if level > 0 && level < p.height {
				d.putChild(up, up.i, level, s.link()) // its last child may have been split
			}
			up.i++
			slot = d.innerSlot(&buf, level, makeLink(r, 1))
		case p.atStart(level):
			r := d.newEnd(sh, slot)
			slot = d.innerSlot(&buf, level, makeLink(r, 1))
		case level < p.height && d.share(p, level, slot):
			d.lift(p, level+1, items, weight)
			return
		default:
			right := d.split(sh, s, slot)
			if level < p.height {
				d.putChild(up, up.i, level, s.link())
			}
			up.i++
			slot = d.innerSlot(&buf, level, right)
		}
	}
	d.deepen(p, slot)
	d.lift(p, level, items, weight)
}

// newEnd makes a node of one slot at an end of the tree, with room for more: there is already a full one.
func (d Tree) newEnd(sh *shape, slot []uint64) arena.Ref {
	r := d.alloc(sh.bytes(int(sh.room[sh.max/2])))
	copy(words(d.a.Mut(r, sh.bytes(1))), slot)
	return r
}

// atEnd says that the path leads behind the last slot of its level, which has the way open to the end of the tree.
func (p *path) atEnd(level int) bool {
	if p.steps[level].i != p.steps[level].n {
		return false
	}
	for level++; level <= p.height; level++ {
		if p.steps[level].i != p.steps[level].n-1 {
			return false
		}
	}
	return true
}

// atStart says that the path leads before the first slot of its level.
func (p *path) atStart(level int) bool {
	for ; level <= p.height; level++ {
		if p.steps[level].i != 0 {
			return false
		}
	}
	return true
}

// spread puts a slot into a node that is not full. If its block has no room left, it moves.
func (d Tree) spread(sh *shape, s *step, slot []uint64) {
	n, i := s.n, s.i
	if d.hasRoom(sh, s.ref, n) {
		w := words(d.a.Mut(s.ref, sh.bytes(n+1)))
		copy(w[(i+1)*sh.stride:], w[i*sh.stride:n*sh.stride])
		copy(w[i*sh.stride:], slot)
	} else {
		r, w := d.newNode(sh, n+1)
		if n == 0 {
			copy(w, slot)
		} else {
			splice(w, d.slots(s.link(), sh), slot, i, 0, n+1)
			d.free(s.ref)
		}
		s.ref = r
	}
	s.n = n + 1
}

// split puts a slot into a full node and cuts that in two: s becomes the left half, the right one is returned.
func (d Tree) split(sh *shape, s *step, slot []uint64) link {
	n := sh.max + 1
	half := n / 2
	old, i := s.link(), s.i
	left, w := d.newNode(sh, half)
	splice(w, d.slots(old, sh), slot, i, 0, half)
	right, w := d.newNode(sh, n-half)
	splice(w, d.slots(old, sh), slot, i, half, n)
	d.free(s.ref)
	s.ref, s.n = left, half
	return makeLink(right, n-half)
}

// share puts a slot into a full node and gives some slots to a neighbour, where half the node would fit into that: then splitting would
// leave two nodes that should be one. What it gives leaves more behind than fits with anything. It reports whether there was
// such a neighbour; the parent's slots are right then, except for what lift does.
func (d Tree) share(p *path, level int, slot []uint64) bool {
	s, up := &p.steps[level], &p.steps[level+1]
	sh := d.t.shape(level)
	n, give := sh.max+1, sh.max-sh.merge
	half := n / 2
	i := s.i
	if up.i > 0 {
		if other := d.child(up, up.i-1); other.n()+half <= sh.merge {
			r, w := d.newNode(sh, other.n()+give)
			k := copy(w, d.slots(other, sh))
			splice(w[k:], d.slots(s.link(), sh), slot, i, 0, give)
			d.keep(sh, s, slot, give, n)
			d.free(other.ref())
			d.putChild(up, up.i-1, level, d.seam(level, makeLink(r, other.n()+give), other.n()))
			d.putChild(up, up.i, level, s.link())
			return true
		}
	}
	if up.i < up.n-1 {
		if other := d.child(up, up.i+1); other.n()+n-half <= sh.merge {
			r, w := d.newNode(sh, other.n()+give)
			splice(w, d.slots(s.link(), sh), slot, i, n-give, n)
			copy(w[give*sh.stride:], d.slots(other, sh))
			d.keep(sh, s, slot, 0, n-give)
			d.free(other.ref())
			d.putChild(up, up.i+1, level, d.seam(level, makeLink(r, other.n()+give), give))
			d.putChild(up, up.i, level, s.link())
			return true
		}
	}
	return false
}

// keep makes a node of the slots [from, to) that s would have with slot.
func (d Tree) keep(sh *shape, s *step, slot []uint64, from, to int) {
	r, w := d.newNode(sh, to-from)
	splice(w, d.slots(s.link(), sh), slot, s.i, from, to)
	d.free(s.ref)
	s.ref, s.n = r, to-from
}

// deepen makes a new top above the old one, with slot before it or behind it.
func (d Tree) deepen(p *path, slot []uint64) {
	var buf [maxStride]uint64
	old := d.innerSlot(&buf, p.height, p.steps[p.height].link())
	sh := d.t.inner()
	p.height++
	s := &p.steps[p.height]
	r, w := d.newNode(sh, 2)
	copy(w[s.i*sh.stride:], slot)
	copy(w[(1-s.i)*sh.stride:], old)
	s.ref, s.n = r, 2
}

// child is the link in slot i of an inner node.
func (d Tree) child(s *step, i int) link {
	return link(d.a.Load64(s.ref + arena.Ref(d.t.inner().bytes(i)+d.t.keyWords()*wordSize)))
}

// putChild writes slot i of an inner node anew, for a child of this level.
func (d Tree) putChild(s *step, i, level int, l link) {
	var buf [maxStride]uint64
	slot := d.innerSlot(&buf, level, l)
	copy(d.slot(s.ref, d.t.inner(), i), slot)
}

// lift writes down, from the parent of the path's node at a level up to the root, where the nodes are and how many slots
// they have, what their first keys are, and by how much they have grown.
func (d Tree) lift(p *path, level int, items, weight uint64) {
	sh, kw := d.t.inner(), d.t.keyWords()
	first := kw > 0
	for ; level < p.height; level++ {
		s, up := &p.steps[level], &p.steps[level+1]
		first = first && s.i == 0
		at := up.ref + arena.Ref(sh.bytes(up.i))
		if !first && items == 0 && weight == 0 && link(d.a.Load64(at+arena.Ref(kw*wordSize))) == s.link() {
			return
		}
		w := words(d.a.Mut(at, sh.bytes(1)))
		if first {
			copy(w[:kw], words(d.a.At(s.ref, kw*wordSize)))
		}
		w[kw] = uint64(s.link())
		w[kw+1] += items
		if d.t.Weighted {
			w[kw+2] += weight
		}
	}
	d.setTop(p.steps[p.height].link(), p.height)
	d.addTotals(items, weight)
}
