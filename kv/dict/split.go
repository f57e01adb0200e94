package dict

import "slices"

// split divides the segment at the place of hash by one more bit, or turns it, which
// must be full then, into a chain when there is no such bit.
func (d Dict) split(hash uint64, p place) {
	w := p.word
	depth := w.depth()
	if depth == maxDepth {
		d.segmentToChain(hash, p)
		return
	}
	if depth == p.base+p.bits {
		d.deepen(p, hash)
		p = d.place(hash)
	}
	var b batch
	b.read(d.a, w)
	if b.n > 0 {
		d.free(w.ref())
	}
	one := uint64(1) << 63 >> w.off() // the tag bit that decides
	mid := 0
	for mid < b.n && b.slots[mid]&one == 0 {
		mid++
	}
	left, right := b.all()[:mid], b.all()[mid:]
	// Refreshing both halves at once would double the longest pause; the right
	// one can usually wait until it grows.
	leftOff, rightOff := w.off()+1, w.off()+1
	if leftOff >= staleOff {
		d.refresh(left, depth+1)
		leftOff = 0
	}
	if rightOff > maxOff {
		d.refresh(right, depth+1)
		rightOff = 0
	}
	bit := uint64(1) << 63 >> depth
	d.setWord(hash&^bit, p, d.write(left, depth+1, leftOff))
	d.setWord(hash|bit, p, d.write(right, depth+1, rightOff))
	d.level(depth+1, 2)
	d.level(depth, -1)
}

// refresh gives slots new tags from bit depth on, by hashing their entries again.
func (d Dict) refresh(slots []uint64, depth int) {
	touch(d.a, slots)
	for i, e := range slots {
		r := entryRef(e)
		slots[i] = tagOf(d.t.Hash(d.a, r), depth) | uint64(r)
	}
	slices.Sort(slots)
}

// merge unites the segment at p, the place of hash, with its sibling while both are
// small. It is called after every removal, so no two mergeable siblings are left.
func (d Dict) merge(hash uint64, p place) {
	for p.word.kind() == kindSegment && p.word.depth() > 0 && p.word.count() <= mergeMax {
		depth := p.word.depth()
		bit := uint64(1) << (64 - depth) // the one that tells the two apart
		left, right := p.word, word(d.a.Load64(p.at(hash^bit)))
		if right.kind() != kindSegment || right.depth() != depth || left.count()+right.count() > mergeMax {
			return
		}
		if hash&bit != 0 {
			left, right = right, left
		}
		var b batch
		base := min(depth-1, left.tagBase(), right.tagBase())
		d.take(&b, left, prefix(hash&^bit, depth), base)
		d.take(&b, right, prefix(hash|bit, depth), base)
		merged := d.write(b.all(), depth-1, depth-1-base)
		d.level(depth-1, 1)
		d.level(depth, -2)
		if depth-1 == p.base {
			d.free(p.node)
			d.a.Store64(p.link, uint64(merged))
		} else {
			d.setWord(hash, p, merged)
			if depth == p.base+p.bits {
				d.narrow(p)
			}
		}
		p = d.place(hash)
	}
}

// take moves the slots of a segment with the prefix pre into b and frees its
// block. Their tags begin at bit base from then on, which is not below the segment's own
// base: the bits in between are known from the prefix.
func (d Dict) take(b *batch, w word, pre uint64, base int) {
	if w.count() == 0 {
		return
	}
	i := b.n
	b.read(d.a, w)
	d.free(w.ref())
	for from := w.base(); from != base && i < b.n; i++ {
		e := b.slots[i]
		b.slots[i] = tagOf(prefix(pre, from)|e&tagMask>>from, base) | e&refMask
	}
}
