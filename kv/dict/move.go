package dict

import "frankenredis/kv/arena"

// Move makes one step of a walk like Scan's that gives blocks other places where the arena wants it (Arena.Move): the dict's own
// on the way to some entries, except the root, and these entries, by entry, which returns where an entry is afterwards. A walk
// from cursor 0 until Move returns 0 comes past everything that is there all the time; any cursor is legal. entry must change
// nothing else of the dict.
func (d Dict) Move(cursor uint64, entry func(arena.Ref) arena.Ref) (next uint64) {
	pos := cursor << 16
	if pos == 0 {
		d.moveLevels()
	}
	for range scanHops {
		w := d.moveWay(pos)
		end := pos | (1<<(64-w.depth()) - 1) // last hash of this segment
		if w.count() == 0 {
			if pos = end + 1; pos == 0 {
				return 0
			}
			continue
		}
		if w.kind() == kindChain {
			d.moveChain(w, entry)
			return (end + 1) >> 16
		}
		base := w.base()
		from := tagOf(pos, base)
		var b batch
		slots := b.load(d.a, w)
		i := 0
		for i < len(slots) && slots[i] < from {
			i++
		}
		touch(d.a, slots[i:min(i+scanStep, len(slots))])
		for n := 0; i < len(slots); i++ {
			if n >= scanStep && slots[i]&tagMask != slots[i-1]&tagMask {
				return (prefix(pos, base) | slots[i]&tagMask>>base) >> 16
			}
			d.moveEntry(slotAt(w, w.ref(), i), entry)
			n++
		}
		return (end + 1) >> 16
	}
	return pos >> 16
}

// MoveRoot moves the root block and returns the dict: whoever has noted the root must note its new one.
func (d Dict) MoveRoot() Dict {
	d.root = d.a.Move(d.root)
	return d
}

func (d Dict) moveEntry(slot arena.Ref, entry func(arena.Ref) arena.Ref) {
	e := d.a.Load64(slot)
	if r := entry(entryRef(e)); r != entryRef(e) {
		d.a.Store64(slot, e&tagMask|uint64(r))
	}
}

// moveWay moves the nodes and the segment a hash leads to, or the first block of a chain.
func (d Dict) moveWay(hash uint64) word {
	p := place{word: word(d.a.Load64(d.root + rootTop))}
	at := d.root + rootTop
	for p.word.kind() == kindNode {
		if r := d.a.Move(p.word.ref()); r != p.word.ref() {
			p.word = makeWord(kindNode, r, p.word.count(), 0, 0)
			d.a.Store64(at, uint64(p.word))
		}
		p.link = at
		p.node = p.word.ref()
		p.base += p.bits
		p.bits = p.word.count()
		at = p.at(hash)
		p.word = word(d.a.Load64(at))
	}
	w := p.word
	if w.count() == 0 {
		return w
	}
	if r := d.a.Move(w.ref()); r != w.ref() {
		w = makeWord(w.kind(), r, w.count(), w.depth(), w.off())
		d.setWord(hash, p, w)
	}
	return w
}

// moveChain moves all of a chain, whose first block has been moved already.
func (d Dict) moveChain(w word, entry func(arena.Ref) arena.Ref) {
	for r, n := w.ref(), w.count(); r != 0; n = chainMax {
		for i := range n {
			d.moveEntry(slotAt(w, r, i), entry)
		}
		next := arena.Ref(d.a.Load64(r))
		if next != 0 {
			if moved := d.a.Move(next); moved != next {
				next = moved
				d.a.Store64(r, uint64(next))
			}
		}
		r = next
	}
}

// moveLevels moves the block that counts the segments of each depth.
func (d Dict) moveLevels() {
	aux := d.a.Load64(d.root + rootAux)
	r := arena.Ref(aux & refMask)
	if r == 0 {
		return
	}
	if moved := d.a.Move(r); moved != r {
		d.a.Store64(d.root+rootAux, aux&tagMask|uint64(moved))
	}
}
