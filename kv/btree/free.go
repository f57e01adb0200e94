package btree

import "frankenredis/kv/arena"

// Free takes the tree apart in slices, from its end: each call gives at least budget refs to visit (a leaf more at most) and
// frees the tree's blocks. When it returns true everything is gone, the root block too. After the first call only Free, Len,
// MemBytes and Root may be called, and only a View made before it can read the tree. visit may free the entry, and must not
// touch the tree; it may be nil where the entries belong to something else as well.
func (d Tree) Free(visit func(arena.Ref), budget int) (done bool) {
	sh, at := d.t.inner(), arena.Ref(d.t.keyWords()*wordSize)
	var refs [maxSlots]arena.Ref
	for {
		// The last leaf, its link and those above it.
		var links [maxHeight + 1]arena.Ref
		height := d.height()
		links[height] = d.root + rootTop
		l := d.top()
		for level := height; level > 0; level-- {
			links[level-1] = l.ref() + arena.Ref(sh.bytes(l.n()-1)) + at
			l = link(d.a.Load64(links[level-1]))
		}
		n := l.n()
		if n > 0 {
			d.Reader.refs(place{leaf: l.ref(), n: n}, refs[:n])
			d.free(l.ref())
			d.add(rootLen, -uint64(n))
		}
		// The first node above it with another child loses this one, those in between are gone.
		level := 1
		for ; level <= height; level++ {
			l = link(d.a.Load64(links[level]))
			if l.n() > 1 {
				d.a.Store64(links[level], uint64(makeLink(l.ref(), l.n()-1)))
				break
			}
			d.free(l.ref())
		}
		if level > height {
			d.a.Free(d.root)
		}
		if visit != nil {
			for i := n - 1; i >= 0; i-- {
				visit(refs[i])
			}
		}
		if level > height {
			return true
		}
		if budget -= n; budget <= 0 {
			return false
		}
	}
}
