package btree

import "frankenredis/kv/arena"

// step is a node on the way to an item, and the slot that is the way.
type step struct {
	ref  arena.Ref
	n, i int
}

func (s step) link() link { return makeLink(s.ref, s.n) }

// path is the way from the top, steps[height], to a leaf, steps[0].
type path struct {
	height int
	steps  [maxHeight + 1]step
}

// place is where an item is or would be: slot i of a leaf with n.
type place struct {
	leaf  arena.Ref
	n, i  int
	pos   int // in the tree, where asked for
	found bool
}

// compare compares a slot, of a leaf or an inner node, with a key.
func (t *Type) compare(m arena.Mem, slot []uint64, k *Key) int {
	for i := range t.Words {
		if slot[i] != k.W[i] {
			if slot[i] < k.W[i] {
				return -1
			}
			return 1
		}
	}
	switch {
	case k.Beyond:
		return -1
	case t.Compare == nil:
		return 0
	}
	return t.Compare(m, arena.Ref(slot[t.Words]), k.Tail)
}

// search returns the first of n slots that is not below the key, and whether it has the key.
func (t *Type) search(m arena.Mem, slots []uint64, stride, n int, k *Key) (int, bool) {
	lo, hi, byWord := 0, n, t.Words > 0
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		slot := slots[mid*stride:]
		if byWord && slot[0] != k.W[0] {
			if slot[0] < k.W[0] {
				lo = mid + 1
			} else {
				hi = mid
			}
			continue
		}
		c := t.compare(m, slot, k)
		if c == 0 {
			return mid, true
		}
		if c < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, false
}

// seek finds the place of a key, its position if ranked, and notes the way in p unless that is nil. A key between
// two leaves has its place at the end of the left one.
func (r Reader) seek(k *Key, p *path, ranked bool) (at place) {
	t, m, l := r.t, r.m, r.top()
	height := r.height()
	if p != nil {
		p.height = height
	}
	sh, kw := t.inner(), t.keyWords()
	for level := height; level > 0; level-- {
		n := l.n()
		slots := words(m.At(l.ref(), sh.bytes(n)))
		i, found := t.search(m, slots, sh.stride, n, k)
		if !found && i > 0 {
			i--
		}
		if ranked {
			for j := kw + 1; j < i*sh.stride; j += sh.stride {
				at.pos += int(slots[j])
			}
		}
		if p != nil {
			p.steps[level] = step{l.ref(), n, i}
		}
		l = link(slots[i*sh.stride+kw])
	}
	at.leaf, at.n = l.ref(), l.n()
	if at.n > 0 {
		sh := t.leaf()
		slots := words(m.At(at.leaf, sh.bytes(at.n)))
		at.i, at.found = t.search(m, slots, sh.stride, at.n, k)
	}
	at.pos += at.i
	if p != nil {
		p.steps[0] = step{at.leaf, at.n, at.i}
	}
	return at
}

// seekPos finds the place of item pos, Len included, and notes the way in p unless that is nil. That to the last one and
// behind it needs no counting.
func (r Reader) seekPos(pos int, p *path) place {
	t, m := r.t, r.m
	root := words(m.At(r.root, rootSize))
	l, left, back := link(root[rootTop/wordSize]), uint64(pos), int(root[rootLen/wordSize])-pos
	height := int(root[rootAux/wordSize] & (1<<heightBits - 1))
	if p != nil {
		p.height = height
	}
	sh, kw := t.inner(), t.keyWords()
	for level := height; level > 0; level-- {
		n := l.n()
		slots := words(m.At(l.ref(), sh.bytes(n)))
		i := 0
		if back <= 1 {
			i = n - 1
		} else {
			for ; i < n-1; i++ {
				items := slots[i*sh.stride+kw+1]
				if left < items {
					break
				}
				left -= items
			}
		}
		if p != nil {
			p.steps[level] = step{l.ref(), n, i}
		}
		l = link(slots[i*sh.stride+kw])
	}
	at := place{leaf: l.ref(), n: l.n(), i: int(left), pos: pos}
	if back <= 1 {
		at.i = at.n - back
	}
	if p != nil {
		p.steps[0] = step{at.leaf, at.n, at.i}
	}
	return at
}

// item reads the item at a place.
func (r Reader) item(at place) Item {
	sh := r.t.leaf()
	slot := words(r.m.At(at.leaf+arena.Ref(sh.bytes(at.i)), sh.bytes(1)))
	return r.t.itemOf(slot)
}

// itemOf reads a leaf's slot.
func (t *Type) itemOf(slot []uint64) (it Item) {
	for i := range t.Words {
		it.W[i] = slot[i]
	}
	it.Ref = arena.Ref(slot[t.Words])
	if t.Weighted {
		it.Weight = slot[t.Words+1]
	}
	return it
}

// refs reads the refs from a place on.
func (r Reader) refs(at place, dst []arena.Ref) {
	sh := r.t.leaf()
	slots := words(r.m.At(at.leaf, sh.bytes(at.n)))
	for j := range dst {
		dst[j] = arena.Ref(slots[(at.i+j)*sh.stride+r.t.Words])
	}
}
