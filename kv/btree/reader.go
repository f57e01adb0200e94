package btree

import (
	"fmt"

	"frankenredis/kv/arena"
)

// Reader reads a tree as it was when the View was made. Any goroutine may use it as long as the View is open.
type Reader struct {
	m    arena.Mem
	t    *Type
	root arena.Ref
}

// Frozen opens the tree of this root in a View. With the arena itself as m it reads the live tree, for the owner only, and
// what it calls must not change the arena.
func Frozen(m arena.Mem, t *Type, root arena.Ref) Reader {
	return Reader{m: m, t: t, root: root}
}

// Root is the ref by which Open and Frozen find the tree again. It stays the same until Free is done.
func (r Reader) Root() arena.Ref { return r.root }

// Len is the number of items.
func (r Reader) Len() int { return int(r.m.Load64(r.root + rootLen)) }

// Weight is the sum of all weights, modulo 1<<64; 0 unless Type.Weighted.
func (r Reader) Weight() uint64 {
	if !r.t.Weighted {
		return 0
	}
	return r.m.Load64(r.root + rootWeight)
}

// MemBytes is the exact number of arena bytes (size classes) the tree itself uses; entries are their owner's.
func (r Reader) MemBytes() int64 { return int64(r.m.Load64(r.root+rootAux) >> heightBits) }

func (r Reader) top() link   { return link(r.m.Load64(r.root + rootTop)) }
func (r Reader) height() int { return int(r.m.Load64(r.root+rootAux) & (1<<heightBits - 1)) }

// Find returns the ref of the item with this key.
func (r Reader) Find(k Key) (arena.Ref, bool) {
	at := r.seek(&k, nil, false)
	if !at.found {
		return 0, false
	}
	return r.item(at).Ref, true
}

// Rank returns the number of items before the key, and whether the next one has it. So the items with keys in [lo, hi) are
// those at positions [Rank(lo), Rank(hi)).
func (r Reader) Rank(k Key) (before int, found bool) {
	at := r.seek(&k, nil, true)
	return at.pos, at.found
}

// At returns item i, 0 <= i < Len.
func (r Reader) At(i int) Item {
	r.checkPosition(i, r.Len())
	return r.item(r.seekPos(i, nil))
}

// Refs fills dst with the refs of the items from position i on; there are that many.
func (r Reader) Refs(i int, dst []arena.Ref) {
	r.checkPosition(i+len(dst), r.Len()+1)
	for len(dst) > 0 {
		at := r.seekPos(i, nil)
		n := min(at.n-at.i, len(dst))
		r.refs(at, dst[:n])
		i, dst = i+n, dst[n:]
	}
}

// AtWeight returns the item within which w lies when the weights of all items are laid end to end, its position, and
// how far from its start that is; 0 <= w < Weight.
func (r Reader) AtWeight(w uint64) (i int, it Item, offset uint64) {
	if w >= r.Weight() {
		panic(fmt.Sprintf("btree: weight %d of %d", w, r.Weight()))
	}
	t, l := r.t, r.top()
	sh, kw := t.inner(), t.keyWords()
	for level := r.height(); level > 0; level-- {
		slots := words(r.m.At(l.ref(), sh.bytes(l.n())))
		j := kw
		for w >= slots[j+2] {
			w -= slots[j+2]
			i += int(slots[j+1])
			j += sh.stride
		}
		l = link(slots[j])
	}
	sh = t.leaf()
	slots := words(r.m.At(l.ref(), sh.bytes(l.n())))
	for j := t.Words + 1; ; j += sh.stride {
		if w < slots[j] {
			return i, t.itemOf(slots[j-t.Words-1:]), w
		}
		w -= slots[j]
		i++
	}
}

// WeightBefore is the sum of the weights of the items before position i, 0 <= i <= Len.
func (r Reader) WeightBefore(i int) (sum uint64) {
	r.checkPosition(i, r.Len()+1)
	t, l := r.t, r.top()
	if !t.Weighted {
		return 0
	}
	left := uint64(i)
	sh, kw := t.inner(), t.keyWords()
	for level := r.height(); level > 0; level-- {
		n := l.n()
		slots := words(r.m.At(l.ref(), sh.bytes(n)))
		j := kw
		for ; j < (n-1)*sh.stride && left >= slots[j+1]; j += sh.stride {
			left -= slots[j+1]
			sum += slots[j+2]
		}
		l = link(slots[j])
	}
	if left == 0 {
		return sum
	}
	_, weight := t.totals(0, words(r.m.At(l.ref(), t.leaf().bytes(int(left)))))
	return sum + weight
}

// Each visits all items in order until visit returns false; it reports whether it came to the end.
func (r Reader) Each(visit func(Item) bool) bool {
	if r.Len() == 0 {
		return true
	}
	return r.each(r.top(), r.height(), visit)
}

func (r Reader) each(l link, level int, visit func(Item) bool) bool {
	sh := r.t.shape(level)
	slots := words(r.m.At(l.ref(), sh.bytes(l.n())))
	for i := 0; i < len(slots); i += sh.stride {
		if level > 0 {
			if !r.each(link(slots[i+r.t.keyWords()]), level-1, visit) {
				return false
			}
		} else if !visit(r.t.itemOf(slots[i : i+sh.stride])) {
			return false
		}
	}
	return true
}

// checkPosition panics unless 0 <= i < end.
func (r Reader) checkPosition(i, end int) {
	if uint(i) >= uint(end) {
		panic(fmt.Sprintf("btree: position %d of %d", i, end))
	}
}
