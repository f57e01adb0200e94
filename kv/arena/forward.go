package arena

// Forward remembers for blocks where copies of them are, in 8 bytes of the Go heap for each place of the slabs that hold them: for
// copying what is known in several places. Only the arena's owner may use it, and none of the blocks may be freed or moved
// meanwhile.
type Forward struct {
	a  *Arena
	to []*[leafPages][]Ref // by page number of a slab, by place in it: 0, or the copy
}

// NewForward returns one without blocks.
func (a *Arena) NewForward() *Forward {
	return &Forward{a: a, to: make([]*[leafPages][]Ref, len(a.top))}
}

// Set says where the copy of a block is. The block was there when the Forward was made.
func (f *Forward) Set(r, to Ref) {
	pn, m := f.a.find(r)
	leaf := f.to[pn>>leafShift]
	if leaf == nil {
		leaf = new([leafPages][]Ref)
		f.to[pn>>leafShift] = leaf
	}
	slab := &leaf[pn&leafMask]
	if *slab == nil {
		*slab = make([]Ref, classes[m.class].slots)
	}
	(*slab)[f.a.slot(r, pn, m)] = to
}

// To returns the copy of a block; one of which nothing was said panics or gives 0.
func (f *Forward) To(r Ref) Ref {
	pn, m := f.a.find(r)
	return f.to[pn>>leafShift][pn&leafMask][f.a.slot(r, pn, m)]
}
