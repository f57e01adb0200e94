package arena

import (
	"bytes"
	"fmt"
	"math/bits"
)

// slab is the record of one slab, kept outside its pages so that allocating and freeing never writes to a frozen
// page. Each page number has one; a slab of several pages uses that of its first page, the others only repeat class
// and order so that any address finds the first. 64 bytes, no pointers.
type slab struct {
	taken [maxSlots / 64]uint64 // a set bit: block allocated, or no such block
	next  uint32                // list of slabs with free blocks
	prev  uint32
	birth uint32 // epoch in which its frame was made
	frame uint32
	used  uint32 // allocated blocks
	class uint8  // 0: no slab here
	order uint8
	// sparse: it is being given up (compact.go), is in its class's sparse list, and gets no new blocks
	sparse bool
	_      [9]byte // to a cache line
}

type slabChunk [leafPages]slab

// Page numbers below reservedPages are never given to slabs: the records there are the heads of the slab lists, so
// that a slab leaves its (circular) list without knowing which one it is in, and whole lists are joined in one step.
const reservedPages = 3 * (maxClass + 1)

func writableList(class uint32) uint32 { return 2 * class }
func frozenList(class uint32) uint32   { return 2*class + 1 }

func (a *Arena) slab(pn uint32) *slab { return &a.meta[pn>>leafShift][pn&leafMask] }

// find returns the first page of the slab that holds r, and its record.
func (a *Arena) find(r Ref) (uint32, *slab) {
	pn := uint32(r >> pageShift)
	m := &a.meta[r>>(pageShift+leafShift)][pn&leafMask]
	if m.order != 0 {
		pn &^= 1<<m.order - 1
		m = a.slab(pn)
	}
	return pn, m
}

func (a *Arena) initList(head uint32) {
	m := a.slab(head)
	m.next, m.prev = head, head
}

func (a *Arena) link(head, pn uint32) {
	h, m := a.slab(head), a.slab(pn)
	m.next, m.prev = h.next, head
	a.slab(h.next).prev = pn
	h.next = pn
}

func (a *Arena) unlink(m *slab) {
	a.slab(m.prev).next = m.next
	a.slab(m.next).prev = m.prev
}

// join moves all of list from to the front of list to.
func (a *Arena) join(to, from uint32) {
	t, f := a.slab(to), a.slab(from)
	if f.next == from {
		return
	}
	first, last := f.next, f.prev
	a.slab(last).next = t.next
	a.slab(t.next).prev = last
	t.next = first
	a.slab(first).prev = to
	f.next, f.prev = from, from
}

// Alloc returns a new block of at least n bytes, 1..MaxBlock, in a page that is writable now. Its content is
// undefined. It panics when n is out of range or the system refuses memory.
func (a *Arena) Alloc(n int) Ref {
	if uint(n-1) >= MaxBlock {
		panic(fmt.Sprintf("arena: Alloc of %d bytes", n))
	}
	c := uint32(classFor[(n+7)>>3])
	pn := a.slab(writableList(c)).next
	if pn == writableList(c) {
		pn = a.refill(c)
	}
	m := a.slab(pn)
	k := &classes[c]
	i := 0
	for m.taken[i] == ^uint64(0) {
		i++
	}
	bit := bits.TrailingZeros64(^m.taken[i])
	m.taken[i] |= 1 << bit
	m.used++
	if m.used == k.slots {
		a.unlink(m)
	}
	a.used += int64(k.size)
	a.blocks++
	r := Ref(pn)<<pageShift + Ref(uint32(i<<6+bit)*k.size)
	if a.poison {
		copy(a.At(r, int(k.size)), junkNew)
	}
	return r
}

// Free gives a block back. r is what Alloc returned; anything else panics.
func (a *Arena) Free(r Ref) {
	pn, m := a.find(r)
	k := &classes[m.class]
	slot := a.slot(r, pn, m)
	if a.poison && m.birth > a.frozen {
		copy(a.At(r, int(k.size)), junkFreed)
	}
	m.taken[slot>>6] &^= 1 << (slot & 63)
	a.used -= int64(k.size)
	a.blocks--
	if m.used == k.slots {
		if m.birth > a.frozen {
			a.link(writableList(uint32(m.class)), pn)
		} else {
			a.link(frozenList(uint32(m.class)), pn)
		}
	}
	m.used--
	if m.used == 0 {
		a.unlink(m)
		a.drop(pn, m)
	}
}

// Usable returns the bytes of the block r: the size of its class.
func (a *Arena) Usable(r Ref) int {
	_, m := a.find(r)
	return int(classes[m.class].size)
}

// slot returns the number of the allocated block that begins at r.
func (a *Arena) slot(r Ref, pn uint32, m *slab) uint32 {
	k := &classes[m.class]
	off := uint64(r) - uint64(pn)<<pageShift
	slot := off * k.recip >> 32
	if k.size == 0 || slot*uint64(k.size) != off || slot >= uint64(k.slots) || m.taken[slot>>6]>>(slot&63)&1 == 0 {
		panic(fmt.Sprintf("arena: %#x is no allocated block", uint64(r)))
	}
	return uint32(slot)
}

// refill returns a slab of class c with a free block, first in the writable list.
func (a *Arena) refill(c uint32) uint32 {
	head := writableList(c)
	a.settle()
	if pn := a.slab(head).next; pn != head {
		return pn // a view has ended
	}
	// While views overlap, slabs made between two of them become writable again when the newer one ends first. A few
	// looks at the frozen list find them; a frozen slab itself is not worth copying for one block.
	frozen := frozenList(c)
	for range 4 {
		pn := a.slab(frozen).prev
		if pn == frozen {
			break
		}
		m := a.slab(pn)
		a.unlink(m)
		if m.birth > a.frozen {
			a.link(head, pn)
			return pn
		}
		a.link(frozen, pn)
	}
	k := &classes[c]
	pn := a.numbers.alloc(k.order)
	a.growTable(pn)
	frame := a.takeFrame(k.order)
	for j := range uint32(1) << k.order {
		m := a.slab(pn + j)
		m.class, m.order = uint8(c), uint8(k.order)
	}
	m := a.slab(pn)
	m.birth, m.frame, m.used = a.epoch, frame, 0
	for i := range m.taken {
		m.taken[i] = ^uint64(0) << min(64, max(0, int(k.slots)-i*64))
	}
	a.setPages(pn, k.order, a.frameAddr(frame))
	a.pages += 1 << k.order
	a.link(head, pn)
	return pn
}

// drop ends an empty slab that is in no list. Views may still see its pages through their own tables.
func (a *Arena) drop(pn uint32, m *slab) {
	order := uint32(m.order)
	if m.birth <= a.frozen {
		a.retire(m.frame, m.birth, order)
	} else {
		a.freeFrame(m.frame, order)
	}
	a.setPages(pn, order, 0)
	for j := range uint32(1) << order {
		m := a.slab(pn + j)
		m.class, m.order, m.sparse = 0, 0, false
	}
	a.numbers.free(pn, order)
	a.pages -= 1 << order
}

// Junk is written over new and freed blocks, so that a user of uninitialised or freed memory notices.
var (
	junkNew   = bytes.Repeat([]byte{0xa5}, MaxBlock)
	junkFreed = bytes.Repeat([]byte{0x5a}, MaxBlock)
)

// checkRange panics unless r..r+n lies in one allocated block.
func (a *Arena) checkRange(r Ref, n int) {
	pn, m := a.find(r)
	k := &classes[m.class]
	off := uint64(r) - uint64(pn)<<pageShift
	slot := off * k.recip >> 32
	if k.size == 0 || n < 0 || off-slot*uint64(k.size)+uint64(n) > uint64(k.size) || m.taken[slot>>6]>>(slot&63)&1 == 0 {
		panic(fmt.Sprintf("arena: %d bytes at %#x are not inside an allocated block", n, uint64(r)))
	}
}
