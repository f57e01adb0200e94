package dict

import (
	"slices"

	"frankenredis/kv/arena"
)

// A chain takes the place of a full segment of depth maxDepth: more entries agree
// in 32 hash bits than fit. A keyed hash does not let that happen; a weak
// hash or a known seed could, and then lookups get slow but stay right.
// The blocks are unsorted; the first holds count slots (the word's), all others
// are full. Chains are not split again, and become a segment when they are short.
//
//	0      8                       512
//	+------+------------------------+
//	| next | up to 63 slots         |
//	+------+------------------------+
const (
	chainMax  = segmentMax - 1
	chainSize = segmentMax * wordSize
)

// chainEach calls visit for each block with its slots until it returns false.
func chainEach(m arena.Mem, w word, visit func(block arena.Ref, slots []uint64) bool) {
	n := w.count()
	for r := w.ref(); r != 0; n = chainMax {
		b := words(m.At(r, (1+n)*wordSize))
		if !visit(r, b[1:]) {
			return
		}
		r = arena.Ref(b[0])
	}
}

// chainFind returns the block, slot and ref of the entry with this key.
func chainFind(m arena.Mem, t *Type, w word, want uint64, key []byte) (block arena.Ref, i int, r arena.Ref) {
	chainEach(m, w, func(b arena.Ref, slots []uint64) bool {
		for j, e := range slots {
			if e&tagMask == want && t.Match(m, entryRef(e), key) {
				block, i, r = b, j, entryRef(e)
				return false
			}
		}
		return true
	})
	return block, i, r
}

// chainFindEntry returns the block and number of the slot e; block 0 when absent.
func chainFindEntry(m arena.Mem, w word, e uint64) (block arena.Ref, i int) {
	chainEach(m, w, func(b arena.Ref, slots []uint64) bool {
		if i = slices.Index(slots, e); i >= 0 {
			block = b
		}
		return i < 0
	})
	return block, i
}

// slots returns all entries of a segment or chain; it allocates for a chain only.
func (b *batch) load(m arena.Mem, w word) []uint64 {
	b.n = 0
	if w.kind() == kindSegment {
		b.read(m, w)
		return b.all()
	}
	var all []uint64
	chainEach(m, w, func(_ arena.Ref, slots []uint64) bool {
		all = append(all, slots...)
		return true
	})
	slices.Sort(all)
	return all
}

func (d Dict) segmentToChain(hash uint64, p place) {
	w := p.word
	var b batch
	b.read(d.a, w)
	d.free(w.ref())
	full := d.chainBlock(0, b.slots[:chainMax])
	head := d.chainBlock(full, b.slots[chainMax:])
	d.setWord(hash, p, makeWord(kindChain, head, segmentMax-chainMax, w.depth(), w.off()))
	d.level(chainLevel, 1)
	d.level(maxDepth, -1)
}

func (d Dict) chainBlock(next arena.Ref, slots []uint64) arena.Ref {
	r := d.alloc(chainSize)
	b := words(d.a.Mut(r, chainSize))
	b[0] = uint64(next)
	copy(b[1:], slots)
	return r
}

func (d Dict) chainInsert(hash uint64, p place, r arena.Ref) {
	w := p.word
	e := tagOf(hash, w.base()) | uint64(r)
	if n := w.count(); n < chainMax {
		d.a.Store64(slotAt(w, w.ref(), n), e)
		d.setWord(hash, p, w.withCount(n+1))
		return
	}
	head := d.chainBlock(w.ref(), []uint64{e})
	d.setWord(hash, p, makeWord(kindChain, head, 1, w.depth(), w.off()))
}

// chainRemove fills slot i of a block with the last slot of the first block.
func (d Dict) chainRemove(hash uint64, p place, block arena.Ref, i int) {
	w := p.word
	n := w.count()
	last := d.a.Load64(slotAt(w, w.ref(), n-1))
	d.a.Store64(slotAt(w, block, i), last)
	w = w.withCount(n - 1)
	next := arena.Ref(d.a.Load64(w.ref()))
	if n == 1 {
		d.free(w.ref())
		w = makeWord(kindChain, next, chainMax, w.depth(), w.off())
		next = arena.Ref(d.a.Load64(next))
	}
	if next != 0 || w.count() > mergeMax {
		d.setWord(hash, p, w)
		return
	}
	var b batch
	slots := b.load(d.a, w)
	copy(b.slots[:], slots)
	b.n = len(slots)
	d.free(w.ref())
	p.word = d.write(b.all(), w.depth(), w.off())
	d.setWord(hash, p, p.word)
	d.level(maxDepth, 1)
	d.level(chainLevel, -1)
	d.merge(hash, p)
}
