package arena

// Random deletions leave slabs with a few blocks each, and only their owner can move those, because only the owner knows where
// their refs stand. A compaction helps it to: it chooses the slabs whose blocks fit into the free room of the others (sparse
// ones), keeps new blocks out of them, and Move gives a block of such a slab another place. A slab that has lost its last
// block is given up as always.
//
//	Survey ... Survey, done    counts blocks a slab, class by class, and marks the emptiest slabs sparse
//	Move ... Move              for every block the owner comes across
//	Settle ... Settle, done    makes the slabs that are left ordinary ones again
//
// Everything else may go on in between. A view that is opened meanwhile only makes moving expensive: blocks in its pages
// stay in them for the view, and what is changed for the move is copied.

// compaction is how far Survey or Settle has come.
type compaction struct {
	stage compactStage
	page  uint32     // the next page to look at
	used  [][]uint32 // slabs by class and number of blocks
	below []uint32   // by class: slabs with fewer blocks are marked
	some  []uint32   // by class: so many of those with exactly that number are, too
	pages int64      // of marked slabs
}

type compactStage uint8

const (
	compactIdle compactStage = iota
	compactCount
	compactMark
	compactMove // Survey is done
	compactSettle
)

func sparseList(class uint32) uint32 { return 2*(maxClass+1) + class }

// sweep calls f for the slabs from page number *next on until it has passed budget pages, and reports whether that was the
// last of them.
func (a *Arena) sweep(next *uint32, budget int, f func(pn uint32, m *slab)) (done bool) {
	last := min(a.numbers.frontier*blockPages, uint32(len(a.meta))*leafPages)
	stop := min(last, max(*next, reservedPages)+uint32(budget))
	pn := max(*next, reservedPages)
	for pn < stop {
		m := a.slab(pn)
		if m.class == 0 {
			pn++
			continue
		}
		step := uint32(1) << m.order
		pn &^= step - 1 // the slab may have come into being around the place where the last sweep stopped
		f(pn, a.slab(pn))
		pn += step
	}
	*next = pn
	return pn >= last
}

// Survey chooses sparse slabs, looking at about budget pages a call. When it returns done, pages says how many pages become
// free when all blocks of sparse slabs are moved; 0 ends the compaction.
func (a *Arena) Survey(budget int) (pages int64, done bool) {
	c := &a.compact
	switch c.stage {
	case compactIdle:
		used := make([][]uint32, lastClass+1)
		for i := range used {
			used[i] = make([]uint32, classes[i].slots+1)
		}
		*c = compaction{stage: compactCount, used: used}
		fallthrough
	case compactCount:
		if a.sweep(&c.page, budget, func(_ uint32, m *slab) { c.used[m.class][m.used]++ }) {
			c.choose(a.restless)
			c.stage, c.page = compactMark, 0
		}
		return 0, false
	case compactMark:
		if !a.sweep(&c.page, budget, a.mark) {
			return 0, false
		}
		pages = c.pages
		if pages == 0 {
			*c = compaction{}
		} else {
			*c = compaction{stage: compactMove}
		}
		return pages, true
	}
	panic("arena: Survey in the middle of a compaction")
}

// choose says which slabs are to be given up: of each class the emptiest, as many as the rest has room for, or all that are not
// full.
func (c *compaction) choose(all bool) {
	c.below, c.some = make([]uint32, lastClass+1), make([]uint32, lastClass+1)
	for class := range c.below {
		slots := uint64(classes[class].slots)
		var blocks, slabs uint64
		counts := c.used[class]
		for used, n := range counts {
			blocks += uint64(used) * uint64(n)
			slabs += uint64(n)
		}
		if blocks == 0 {
			continue
		}
		if all {
			c.below[class] = uint32(slots)
			continue
		}
		spare := slabs - (blocks+slots-1)/slots
		for used, n := range counts {
			if spare <= uint64(n) || used == int(slots) {
				c.below[class], c.some[class] = uint32(used), uint32(spare)
				break
			}
			spare -= uint64(n)
		}
	}
	c.used = nil
}

// mark makes a slab sparse if it was chosen.
func (a *Arena) mark(pn uint32, m *slab) {
	c, class := &a.compact, m.class
	switch {
	case m.used > c.below[class] || m.used == classes[class].slots || m.sparse:
		return
	case m.used == c.below[class]:
		if c.some[class] == 0 {
			return
		}
		c.some[class]--
	}
	m.sparse = true
	a.unlink(m)
	a.link(sparseList(uint32(class)), pn)
	c.pages += 1 << m.order
}

// Move gives the block r a place outside sparse slabs and returns that: r itself where it need not move. The content goes
// along; who has the old ref must take the new one, the old place is free.
func (a *Arena) Move(r Ref) Ref {
	if _, m := a.find(r); !m.sparse {
		a.stayed++
		return r
	}
	a.moved++
	size := a.Usable(r)
	n := a.Alloc(size)
	copy(a.Mut(n, size), a.At(r, size))
	a.Free(r)
	return n
}

// Moves counts the blocks that Move has moved, and those that it has left, since ResetMoves.
func (a *Arena) Moves() (moved, stayed int64) { return a.moved, a.stayed }

// ResetMoves sets Moves back to zero.
func (a *Arena) ResetMoves() { a.moved, a.stayed = 0, 0 }

// Settle ends a compaction, at any stage, looking at about budget pages a call, and reports whether it is done.
func (a *Arena) Settle(budget int) (done bool) {
	c := &a.compact
	if c.stage == compactIdle {
		return true
	}
	if c.stage != compactSettle {
		*c = compaction{stage: compactSettle}
	}
	a.settle()
	if !a.sweep(&c.page, budget, a.unmark) {
		return false
	}
	*c = compaction{}
	return true
}

// unmark makes a sparse slab an ordinary one.
func (a *Arena) unmark(pn uint32, m *slab) {
	if !m.sparse {
		return
	}
	m.sparse = false
	a.unlink(m)
	list := writableList(uint32(m.class))
	if m.birth <= a.frozen {
		list = frozenList(uint32(m.class))
	}
	a.link(list, pn)
}
