package btree

// remove takes the slots [from, to) out of the path's leaf, and merges or shrinks what became too empty.
func (d Tree) remove(p *path, from, to int) {
	sh, kw := d.t.leaf(), d.t.keyWords()
	items, weight := d.t.totals(0, d.slots(p.steps[0].link(), sh)[from*sh.stride:to*sh.stride])
	d.cut(sh, &p.steps[0], from, to)
	sh = d.t.inner()
	for level := 0; level < p.height; level++ {
		s, up := &p.steps[level], &p.steps[level+1]
		if s.n == 0 {
			d.cut(sh, up, up.i, up.i+1)
			if up.i > 0 {
				d.join(up, up.i-1, level)
			}
			continue
		}
		w := d.slot(up.ref, sh, up.i)
		copy(w[:kw], words(d.a.At(s.ref, kw*wordSize)))
		w[kw] = uint64(s.link())
		w[kw+1] -= items
		if d.t.Weighted {
			w[kw+2] -= weight
		}
		d.join(up, up.i, level)
		if up.i > 0 {
			d.join(up, up.i-1, level)
		}
	}
	top, height := p.steps[p.height], p.height
	for height > 0 && top.n == 1 {
		l := d.child(&top, 0)
		d.free(top.ref)
		top.ref, top.n = l.ref(), l.n()
		height--
	}
	if top.n == 0 {
		height = 0
	}
	d.setTop(top.link(), height)
	d.addTotals(-items, -weight)
}

// cut takes the slots [from, to) out of a node. What becomes empty has no block, what becomes much too small for
// its block gets another.
func (d Tree) cut(sh *shape, s *step, from, to int) {
	n := s.n - (to - from)
	if n == 0 {
		d.free(s.ref)
		s.ref, s.n = 0, 0
		return
	}
	if (to-from > 1 || int(sh.room[n]) == n) && d.a.Usable(s.ref) > sh.bytes(int(sh.room[min(n+n/3+1, sh.max)])) {
		r, w := d.newNode(sh, n)
		old := d.slots(s.link(), sh)
		copy(w[copy(w, old[:from*sh.stride]):], old[to*sh.stride:])
		d.free(s.ref)
		s.ref = r
	} else if to < s.n {
		w := words(d.a.Mut(s.ref, sh.bytes(s.n)))
		copy(w[from*sh.stride:], w[to*sh.stride:])
	}
	s.n = n
}

// join makes the children i and i+1 of a node one, if they are both there and few enough.
func (d Tree) join(up *step, i, level int) {
	if i+1 >= up.n {
		return
	}
	sh := d.t.shape(level)
	left, right := d.child(up, i), d.child(up, i+1)
	n := left.n() + right.n()
	if n > sh.merge {
		return
	}
	r, w := d.newNode(sh, n)
	k := copy(w, d.slots(left, sh))
	copy(w[k:], d.slots(right, sh))
	d.free(left.ref())
	d.free(right.ref())
	d.cut(d.t.inner(), up, i+1, i+2)
	d.putChild(up, i, level, d.seam(level, makeLink(r, n), left.n()))
}

// seam looks after the children of an inner node that were not neighbours before: number i and the one before it.
func (d Tree) seam(level int, l link, i int) link {
	if level == 0 {
		return l
	}
	s := step{ref: l.ref(), n: l.n()}
	d.join(&s, i-1, level-1)
	return s.link()
}
