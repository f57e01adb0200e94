package btree

import "frankenredis/kv/arena"

// Clone makes a tree of the same shape. Its refs are what entry returns for those of d, which it gets once each and in order; keys
// and weights must be the same. entry may allocate, and must not touch either tree.
func (d Tree) Clone(entry func(arena.Ref) arena.Ref) Tree {
	to, weight := New(d.a, d.t), uint64(0)
	if d.t.Weighted {
		weight = d.a.Load64(d.root + rootWeight)
	}
	to.addTotals(uint64(d.Len()), weight)
	if d.Len() > 0 {
		to.setTop(to.cloneNode(d.top(), d.height(), entry), d.height())
	}
	return to
}

// cloneNode copies a node of another tree and all below it.
func (d Tree) cloneNode(l link, level int, entry func(arena.Ref) arena.Ref) link {
	sh, kw := d.t.shape(level), d.t.keyWords()
	var buf [max(leafBytes, innerBytes) / wordSize]uint64
	slots := buf[:copy(buf[:], d.slots(l, sh))]
	for s := slots; len(s) > 0; s = s[sh.stride:] {
		if level == 0 {
			s[d.t.Words] = uint64(entry(arena.Ref(s[d.t.Words])))
			continue
		}
		child := d.cloneNode(link(s[kw]), level-1, entry)
		copy(s[:kw], d.slots(child, d.t.shape(level-1)))
		s[kw] = uint64(child)
	}
	r := d.alloc(sh.bytes(int(sh.room[l.n()]))) // as hasRoom takes for granted
	copy(words(d.a.Mut(r, sh.bytes(l.n()))), slots)
	return makeLink(r, l.n())
}
