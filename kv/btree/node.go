package btree

import (
	"unsafe"

	"frankenredis/kv/arena"
)

// A node is one block of slots, packed, and nothing else: how many there are is said where the node is linked. In a leaf a
// slot is an item, in an inner node it is a child, with the key of the child's first item, exactly.
//
//	leaf    | word, 0 to 2 of them | ref           | weight, if any |
//	inner   | word, 0 to 2 of them | ref, to Compare | link | items below | weight below, if any |
//
// So both begin with what a search looks at. A link is a ref and a number of slots:
//
//	63      48 47                     0
//	+---------+------------------------+
//	| slots   | ref of the node        |
//	+---------+------------------------+
//
// Slots split into halves when they are too many for a node, except at the ends of the tree, where the new one
// begins a node of its own: so trees that grow at an end have full nodes.
type link uint64

const (
	wordSize  = 8
	slotShift = 48
	refMask   = 1<<slotShift - 1
	maxStride = 6                                       // words of the widest slot: 2 words, ref, link, count, weight
	maxSlots  = max(leafBytes, innerBytes/2) / wordSize // an inner slot has two words at least
	// maxHeight is out of reach: the invariants leave inner nodes at least 6 children on average.
	maxHeight = 14
)

func makeLink(r arena.Ref, n int) link { return link(r) | link(n)<<slotShift }

func (l link) ref() arena.Ref { return arena.Ref(l & refMask) }
func (l link) n() int         { return int(l >> slotShift) }

// shape is what nodes with slots of one width have in common.
type shape struct {
	stride int // words in a slot
	max    int // slots in a node
	// merge is the largest sum of two neighbours that become one. It lies well below max, so that a tree of
	// steady size does not flap.
	merge int
	room  [maxSlots + 1]uint8 // room[n] is the least capacity for n slots that blocks are made with
}

// bytes is the size of n slots.
func (s *shape) bytes(n int) int { return n * s.stride * wordSize }

var (
	leafShapes  = makeShapes(leafBytes)
	innerShapes = makeShapes(innerBytes)
)

// rooms are capacities up to 15 % apart, close to the arena's size classes. A node whose count is none of these has room
// for one more, so most insertions need not ask the arena for the block's size (which is one more cache miss).
var rooms = [...]int{1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 21, 24, 28, 32, 36, 42, 48, 56, 64, 74, 85, 98, 112, 128}

func makeShapes(size int) (shapes [maxStride + 1]shape) {
	for stride := 1; stride <= maxStride; stride++ {
		shapes[stride] = makeShape(stride, min(size/(stride*wordSize), maxSlots))
	}
	return shapes
}

// makeShape is for nodes of at most n slots of some words, n >= 4.
func makeShape(stride, n int) shape {
	s := shape{stride: stride, max: n, merge: n * 3 / 4}
	i := 0
	for n := 1; n <= s.max; n++ {
		if n > rooms[i] {
			i++
		}
		s.room[n] = uint8(min(rooms[i], s.max))
	}
	return s
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// keyWords is how many words at the start of a slot are its key: the words, and the ref if Compare needs it.
func (t *Type) keyWords() int { return t.Words + one(t.Compare != nil) }

func (t *Type) leaf() *shape  { return &leafShapes[t.Words+1+one(t.Weighted)] }
func (t *Type) inner() *shape { return &innerShapes[t.keyWords()+2+one(t.Weighted)] }

func (t *Type) shape(level int) *shape {
	if level == 0 {
		return t.leaf()
	}
	return t.inner()
}

// words views the bytes of a block as words. The arena's words are little-endian, and so must the machine be.
func words(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/wordSize)
}

// leafSlot makes an item's slot.
func (t *Type) leafSlot(buf *[maxStride]uint64, it Item) []uint64 {
	copy(buf[:t.Words], it.W[:])
	buf[t.Words] = uint64(it.Ref)
	buf[t.Words+1] = it.Weight // behind the slot, unless Weighted
	return buf[:t.leaf().stride]
}

// innerSlot makes the slot of a node of this level, all of it from the node.
func (d Tree) innerSlot(buf *[maxStride]uint64, level int, l link) []uint64 {
	sh, kw := d.t.shape(level), d.t.keyWords()
	slots := words(d.a.At(l.ref(), sh.bytes(l.n())))
	copy(buf[:kw], slots)
	buf[kw] = uint64(l)
	buf[kw+1], buf[kw+2] = d.t.totals(level, slots)
	return buf[:d.t.inner().stride]
}

// totals sums the items and weights of some slots.
func (t *Type) totals(level int, slots []uint64) (items, weight uint64) {
	if level == 0 {
		stride := t.leaf().stride
		if t.Weighted {
			for i := t.Words + 1; i < len(slots); i += stride {
				weight += slots[i]
			}
		}
		return uint64(len(slots) / stride), weight
	}
	stride := t.inner().stride
	for i := t.keyWords() + 1; i < len(slots); i += stride {
		items += slots[i]
		if t.Weighted {
			weight += slots[i+1]
		}
	}
	return items, weight
}

// slot returns slot i of a node for writing.
func (d Tree) slot(node arena.Ref, sh *shape, i int) []uint64 {
	return words(d.a.Mut(node+arena.Ref(sh.bytes(i)), sh.bytes(1)))
}

// slots returns slots of a node for reading.
func (d Tree) slots(l link, sh *shape) []uint64 { return words(d.a.At(l.ref(), sh.bytes(l.n()))) }

// newNode makes a block for n slots and a little room to grow.
func (d Tree) newNode(sh *shape, n int) (arena.Ref, []uint64) {
	r := d.alloc(sh.bytes(int(sh.room[min(n+n/8, sh.max)])))
	return r, words(d.a.Mut(r, sh.bytes(n)))
}

// hasRoom reports whether the block of n slots, n < max, can take another.
func (d Tree) hasRoom(sh *shape, r arena.Ref, n int) bool {
	return n > 0 && (int(sh.room[n]) != n || d.a.Usable(r) >= sh.bytes(int(sh.room[n+1])))
}

// splice copies the slots [from, to) that src will have when slot is put in as number i.
func splice(dst, src, slot []uint64, i, from, to int) {
	stride := len(slot)
	switch {
	case to <= i:
		copy(dst, src[from*stride:to*stride])
	case from > i:
		copy(dst, src[(from-1)*stride:(to-1)*stride])
	default:
		n := copy(dst, src[from*stride:i*stride])
		n += copy(dst[n:], slot)
		copy(dst[n:], src[i*stride:(to-1)*stride])
	}
}
