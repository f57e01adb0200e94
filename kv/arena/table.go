package arena

import (
	"encoding/binary"
	"unsafe"
)

const (
	leafShift = 9 // page numbers in a leaf, as a power of two
	leafPages = 1 << leafShift
	leafMask  = leafPages - 1
)

// leaf holds the addresses of consecutive pages; 0 where there is none. Addresses are kept as numbers so that the
// collector need not look at them: nothing behind them is the collector's business (mapped memory), or it is kept
// alive by its span (under the race detector).
type leaf [leafPages]uintptr

// table is the two-level page table: Ref to memory. Freezing copies only the slice of leaves.
type table []*leaf

// ptr returns the address of the byte r names.
func (t table) ptr(r Ref) unsafe.Pointer {
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&t[r>>(pageShift+leafShift)][r>>pageShift&leafMask])), uintptr(r&pageMask))
}

// Words are little-endian whatever the host is; where it is too, these are one instruction.
func load64(p unsafe.Pointer) uint64     { return binary.LittleEndian.Uint64((*[8]byte)(p)[:]) }
func store64(p unsafe.Pointer, v uint64) { binary.LittleEndian.PutUint64((*[8]byte)(p)[:], v) }

// growTable makes room for page number pn in the table and the slab records.
func (a *Arena) growTable(pn uint32) {
	for int(pn>>leafShift) >= len(a.top) {
		a.top = append(a.top, new(leaf))
		a.leafBorn = append(a.leafBorn, a.epoch)
		a.meta = append(a.meta, new(slabChunk))
	}
}

// setPages points the 1<<order pages from pn on at memory from addr on, or at nothing. A leaf that an open view shares
// is replaced by a copy first. Slabs are aligned to their size, so they never straddle leaves.
func (a *Arena) setPages(pn uint32, order uint32, addr uintptr) {
	i := pn >> leafShift
	if a.leafBorn[i] <= a.frozen {
		l := *a.top[i]
		a.top[i] = &l
		a.leafBorn[i] = a.epoch
	}
	l := a.top[i]
	for j := range uint32(1) << order {
		l[(pn+j)&leafMask] = addr
		if addr != 0 {
			addr += PageSize
		}
	}
}
