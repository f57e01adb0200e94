package btree

import "frankenredis/kv/arena"

// Spot is an item with the way to it, for whom looks at it first and then changes it. It is good until the tree's next
// change by anything else; the arena may change meanwhile. The zero Spot is nowhere.
type Spot struct {
	Item Item
	d    Tree
	p    path
}

// SeekEnd goes to the first item, or to the last, and reports whether there is one.
func (s *Spot) SeekEnd(d Tree, last bool) bool {
	t, a := d.t, d.a
	root := words(a.At(d.root, rootSize))
	if root[rootLen/wordSize] == 0 {
		return false
	}
	l := link(root[rootTop/wordSize])
	s.d = d
	s.p.height = int(root[rootAux/wordSize] & (1<<heightBits - 1))
	sh, kw := t.inner(), t.keyWords()
	for level := s.p.height; level > 0; level-- {
		st := step{ref: l.ref(), n: l.n()}
		if last {
			st.i = st.n - 1
		}
		s.p.steps[level] = st
		l = link(a.Load64(st.ref + arena.Ref(sh.bytes(st.i)+kw*wordSize)))
	}
	st := step{ref: l.ref(), n: l.n()}
	if last {
		st.i = st.n - 1
	}
	s.p.steps[0] = st
	sh = t.leaf()
	s.Item = t.itemOf(words(a.At(st.ref+arena.Ref(sh.bytes(st.i)), sh.bytes(1))))
	return true
}

// Set puts another ref and weight in place of the item's, whose key stays. The weight is not kept unless Type.Weighted.
func (s *Spot) Set(r arena.Ref, weight uint64) {
	s.Item.Ref, s.Item.Weight = r, weight
	st := &s.p.steps[0]
	s.d.set(&s.p, place{leaf: st.ref, n: st.n, i: st.i}, s.Item)
}

// Reweigh makes the item's weight greater by so much, which may be negative, in a tree with weights: nothing else changes.
func (s *Spot) Reweigh(by int) {
	d := s.d
	s.Item.Weight += uint64(by)
	at := d.t.Words + 1
	for level, sh := 0, d.t.leaf(); level <= s.p.height; level++ {
		st := &s.p.steps[level]
		d.slot(st.ref, sh, st.i)[at] += uint64(by)
		sh, at = d.t.inner(), d.t.keyWords()+2
	}
	d.add(rootWeight, uint64(by))
}
