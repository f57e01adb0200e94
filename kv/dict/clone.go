package dict

import "frankenredis/kv/arena"

// Clone makes a dict of the same shape. Its entries are what entries puts in place of those of d, which it gets once each and some at
// a time, in the order of their hashes' leading bits; their keys must be the same. entries may allocate, and must not touch
// either dict.
func (d Dict) Clone(entries func(refs []arena.Ref)) Dict {
	to := New(d.a, d.t)
	d.a.Store64(to.root+rootLen, uint64(d.Len()))
	aux := d.a.Load64(d.root + rootAux)
	if r := arena.Ref(aux & refMask); r != 0 {
		size := d.a.Usable(r)
		levels := to.alloc(size)
		copy(d.a.Mut(levels, size), d.a.At(r, size))
		aux = aux&^refMask | uint64(levels)
	}
	d.a.Store64(to.root+rootAux, aux)
	top := to.cloneWord(word(d.a.Load64(d.root+rootTop)), 0, entries)
	d.a.Store64(to.root+rootTop, uint64(top))
	return to
}

// cloneWord copies what another dict's word at a base leads to.
func (d Dict) cloneWord(w word, base int, entries func(refs []arena.Ref)) word {
	switch w.kind() {
	case kindNode:
		k := w.count()
		r := d.alloc(wordSize << k)
		for i := 0; i < 1<<k; {
			child := word(d.a.Load64(w.ref() + arena.Ref(i*wordSize)))
			n := span(child, base, k)
			child = d.cloneWord(child, base+k, entries)
			b := words(d.a.Mut(r+arena.Ref(i*wordSize), n*wordSize))
			for j := range b {
				b[j] = uint64(child)
			}
			i += n
		}
		return makeWord(kindNode, r, k, 0, 0)
	case kindChain:
		return d.cloneChain(w, entries)
	}
	if w.count() == 0 {
		return w
	}
	var b batch
	slots := b.load(d.a, w)
	cloneSlots(slots, entries)
	return d.write(slots, w.depth(), w.off())
}

// cloneChain copies another dict's chain, block by block from its end.
func (d Dict) cloneChain(w word, entries func(refs []arena.Ref)) word {
	var blocks [][]uint64
	chainEach(d.a, w, func(_ arena.Ref, slots []uint64) bool {
		blocks = append(blocks, append([]uint64(nil), slots...))
		return true
	})
	next := arena.Ref(0)
	for i := len(blocks) - 1; i >= 0; i-- {
		cloneSlots(blocks[i], entries)
		next = d.chainBlock(next, blocks[i])
	}
	return makeWord(kindChain, next, w.count(), w.depth(), w.off())
}

// cloneSlots puts the copies of the entries into their slots, at most segmentMax.
func cloneSlots(slots []uint64, entries func(refs []arena.Ref)) {
	var buf [segmentMax]arena.Ref
	refs := buf[:len(slots)]
	for i, e := range slots {
		refs[i] = entryRef(e)
	}
	entries(refs)
	for i, e := range slots {
		slots[i] = e&tagMask | uint64(refs[i])
	}
}
