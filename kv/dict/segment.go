package dict

import (
	"math/bits"
	"slices"

	"frankenredis/kv/arena"
)

// A segment is one block: its slots in the order of their tags, and nothing else.
//
//	63      48 47                     0
//	+---------+------------------------+
//	| tag     | ref of the entry       |
//	+---------+------------------------+
//
// Tags are hash bits, so a slot's place can be guessed from the hash: among n
// slots it lies within about sqrt(n)/2 of hash*n.

// lowerBound returns the first slot whose tag is not below want. guide is the hash
// shifted left by the segment's depth.
func lowerBound(seg []uint64, guide, want uint64) int {
	hi, _ := bits.Mul64(guide, uint64(len(seg)))
	i := int(hi)
	if seg[i] < want {
		for i++; i < len(seg) && seg[i] < want; i++ {
		}
		return i
	}
	for i > 0 && seg[i-1] >= want {
		i--
	}
	return i
}

// rooms are the capacities a segment's block may have: about 12 % apart, close to the
// arena's size classes, and fewer steps where those are fine. A segment whose count is
// none of these has room for one more, so most insertions need not ask the
// arena for the block's size (which is one more cache miss).
var rooms = [...]int{2, 4, 6, 8, 10, 12, 14, 16, 18, 21, 24, 28, 32, 36, 42, 46, 51, 56, segmentMax}

// roomFor[n] is the least room for n slots.
var roomFor = func() (table [segmentMax + 1]uint8) {
	i := 0
	for n := range table {
		if n > rooms[i] {
			i++
		}
		table[n] = uint8(rooms[i])
	}
	return table
}()

// hasRoom reports whether a block of n slots, n < segmentMax, can take another.
func (d Dict) hasRoom(w word, n int) bool {
	return int(roomFor[n]) != n || d.a.Usable(w.ref()) >= int(roomFor[n+1])*wordSize
}

// batch holds the slots of a segment that is being rebuilt.
type batch struct {
	n     int
	slots [segmentMax]uint64
}

func (b *batch) all() []uint64 { return b.slots[:b.n] }

// read appends the slots of a segment.
func (b *batch) read(m arena.Mem, w word) {
	n := w.count()
	if n == 0 {
		return
	}
	b.n += copy(b.slots[b.n:], words(m.At(w.ref(), n*wordSize)))
}

// write stores slots as a segment with a little room to grow.
func (d Dict) write(slots []uint64, depth, off int) word {
	n := len(slots)
	if n == 0 {
		return makeWord(kindSegment, 0, 0, depth, 0)
	}
	r := d.alloc(int(roomFor[min(n+n/8, segmentMax)]) * wordSize)
	copy(words(d.a.Mut(r, n*wordSize)), slots)
	return makeWord(kindSegment, r, n, depth, off)
}

func (d Dict) segmentInsert(hash uint64, p place, r arena.Ref) {
	w := p.word
	n := w.count()
	e := tagOf(hash, w.base()) | uint64(r)
	if n == 0 {
		one := [1]uint64{tagOf(hash, w.depth()) | uint64(r)}
		d.setWord(hash, p, d.write(one[:], w.depth(), 0))
		return
	}
	if !d.hasRoom(w, n) {
		var b batch
		b.read(d.a, w)
		d.free(w.ref())
		off := w.off()
		if off >= staleOff {
			d.refresh(b.all(), w.depth())
			off = 0
			e = tagOf(hash, w.depth()) | uint64(r)
		}
		i, _ := slices.BinarySearch(b.all(), e)
		copy(b.slots[i+1:n+1], b.slots[i:n])
		b.slots[i] = e
		b.n++
		d.setWord(hash, p, d.write(b.all(), w.depth(), off))
		return
	}
	seg := words(d.a.Mut(w.ref(), (n+1)*wordSize))
	i := lowerBound(seg[:n], hash<<w.depth(), e&tagMask)
	copy(seg[i+1:], seg[i:n])
	seg[i] = e
	d.setWord(hash, p, w.withCount(n+1))
}

// segmentRemove takes slot i out and merges or shrinks what became too empty.
func (d Dict) segmentRemove(hash uint64, p place, i int) {
	w := p.word
	n := w.count()
	if n == 1 {
		d.free(w.ref())
		w = makeWord(kindSegment, 0, 0, w.depth(), 0)
	} else {
		seg := words(d.a.Mut(w.ref(), n*wordSize))
		copy(seg[i:], seg[i+1:])
		n--
		w = w.withCount(n)
		if int(roomFor[n]) == n && d.a.Usable(w.ref()) > int(roomFor[min(n+n/3+1, segmentMax)])*wordSize {
			var b batch
			b.read(d.a, w)
			d.free(w.ref())
			w = d.write(b.all(), w.depth(), w.off())
		}
	}
	d.setWord(hash, p, w)
	p.word = w
	d.merge(hash, p)
}

// touch reads a word of each entry. Entries are rarely cached, and misses one right
// behind the other overlap, while those of a loop that does more are paid one by one.
//
//go:noinline
func touch(m arena.Mem, slots []uint64) (sum uint64) {
	for _, e := range slots {
		sum += m.Load64(entryRef(e))
	}
	return sum
}
