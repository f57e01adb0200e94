package dict

import (
	"math/bits"

	"frankenredis/kv/arena"
)

const (
	scanStep = 8  // entries a step visits before it looks for a place to stop
	scanHops = 16 // empty segments a step passes
)

// Scan makes one step of a walk over all entries: it visits some (about 8, all
// that the tags cannot order, perhaps none) and returns the cursor of the next step. The walk
// starts with cursor 0 and is over when Scan returns 0.
//
// A cursor is a place in the hash space (the top 48 bits of a hash) and the walk
// goes upwards, so it does not matter how segments split, merge or move
// between steps: an entry that is in the dict from the first step to the last is
// visited; one that is not all that time may be; one may be visited twice.
// Any cursor is legal. visit may delete or replace the entry it is given, and
// change no other part of the dict.
func (d Dict) Scan(cursor uint64, visit func(arena.Ref)) (next uint64) {
	pos := cursor << 16
	for range scanHops {
		w := d.lookup(pos)
		end := pos | (1<<(64-w.depth()) - 1) // last hash of this segment
		if w.count() == 0 {
			if pos = end + 1; pos == 0 {
				return 0
			}
			continue
		}
		var b batch
		slots := b.load(d.a, w)
		base := w.base()
		if w.kind() == kindChain {
			for _, e := range slots {
				visit(entryRef(e))
			}
			return (end + 1) >> 16
		}
		from := tagOf(pos, base)
		i := 0
		for i < len(slots) && slots[i] < from {
			i++
		}
		touch(d.a, slots[i:min(i+scanStep, len(slots))])
		for n := 0; i < len(slots); i++ {
			if n >= scanStep && slots[i]&tagMask != slots[i-1]&tagMask {
				return (prefix(pos, base) | slots[i]&tagMask>>base) >> 16
			}
			visit(entryRef(slots[i]))
			n++
		}
		return (end + 1) >> 16
	}
	return pos >> 16
}

// randomTries bounds the fast way of Random: with an evenly filled hash space a
// try succeeds with a chance of 1/8 or better.
const randomTries = 128

// Random returns an entry, each with the same chance, given rnd's numbers are
// uniform over all 64 bits; 0 when the dict is empty.
func (d Dict) Random(rnd func() uint64) arena.Ref {
	n := d.Len()
	if n == 0 {
		return 0
	}
	top := d.deepest()
	if top == 0 { // one segment
		w := d.lookup(0)
		return entryRef(d.a.Load64(slotAt(w, w.ref(), uniform(rnd(), n))))
	}
	if top > maxDepth { // there are chains
		return d.nth(uniform(rnd(), n))
	}
	// The hash space is divided into equal parts as small as the smallest segment,
	// each with segmentMax chairs; of the parts of a larger segment only the first has
	// people in its chairs. A chair is drawn until somebody sits in it.
	for range randomTries {
		w := d.lookup(rnd())
		i := int(rnd() >> (64 - 6 - (top - w.depth())))
		if i < w.count() {
			return entryRef(d.a.Load64(slotAt(w, w.ref(), i)))
		}
	}
	return d.nth(uniform(rnd(), n)) // entries crowd in a small part of the hash space
}

// uniform maps a random number to 0..n-1.
func uniform(x uint64, n int) int {
	hi, _ := bits.Mul64(x, uint64(n))
	return int(hi)
}

// nth returns the i-th entry in the order of Frozen.Each, by reading the directory only.
func (d Dict) nth(i int) (found arena.Ref) {
	eachWord(d.a, d.root, func(w word) bool {
		if w.kind() == kindSegment {
			if i -= w.count(); i < 0 {
				found = entryRef(d.a.Load64(slotAt(w, w.ref(), i+w.count())))
			}
			return i >= 0
		}
		chainEach(d.a, w, func(_ arena.Ref, slots []uint64) bool {
			if i -= len(slots); i < 0 {
				found = entryRef(slots[i+len(slots)])
			}
			return i >= 0
		})
		return i >= 0
	})
	return found
}
