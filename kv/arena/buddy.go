package arena

import "math/bits"

// buddy hands out aligned runs of 1, 2, 4 or 8 pages from blocks of 8. It deals in numbers only: one instance is the
// space of page numbers, another that of frames, where it also remembers which pages the system has backed with
// memory, and prefers those.
type buddy struct {
	chunks   []*buddyChunk
	heads    [numLists]uint32 // first block of each list; 0 is the end
	frontier uint32           // blocks from here on were never used
	used     int              // pages handed out
	touched  int              // pages handed out or not given back to the system since
}

const (
	blockShift  = maxOrder
	blockPages  = 1 << blockShift
	chunkBlocks = spanPages / blockPages
	noList      = 255
	numLists    = 2 * (maxOrder + 1) // by the order of the longest free run; the second half for blocks whose free pages are all untouched
)

type buddyChunk struct {
	blocks [chunkBlocks]buddyBlock
	idle   int32 // pages touched and not used
}

type buddyBlock struct {
	next, prev uint32 // blocks in the same list
	used       uint8  // bit i: page i is handed out
	touched    uint8  // bit i: page i may be backed with memory; includes used
	list       uint8
}

// longestRun[used] is the order of the longest aligned free run in a block, -1 when it is full.
// firstRun[order][used] is where the first free run of that order begins.
var longestRun, firstRun = func() (long [256]int8, first [maxOrder + 1][256]uint8) {
	for used := range 256 {
		long[used] = -1
		for order := range maxOrder + 1 {
			for at := 0; at < blockPages; at += 1 << order {
				if used&(int(runMask(uint32(order)))<<at) == 0 {
					long[used], first[order][used] = int8(order), uint8(at)
					break
				}
			}
		}
	}
	return
}()

func runMask(order uint32) uint8 { return uint8(1<<(1<<order) - 1) }

func (b *buddy) block(i uint32) *buddyBlock { return &b.chunks[i/chunkBlocks].blocks[i%chunkBlocks] }

// alloc returns the first of 1<<order free pages, aligned to as many.
func (b *buddy) alloc(order uint32) uint32 {
	i := b.pick(order)
	k := b.block(i)
	at := firstRun[order][k.used]
	mask := runMask(order) << at
	b.chunks[i/chunkBlocks].idle -= int32(bits.OnesCount8(mask & k.touched))
	b.touched += bits.OnesCount8(mask &^ k.touched)
	b.used += 1 << order
	k.used |= mask
	k.touched |= mask
	b.relink(i, k)
	return i<<blockShift + uint32(at)
}

// pick returns a block with a free run of the order: the tightest that has memory, then the tightest at all, then one
// never used.
func (b *buddy) pick(order uint32) uint32 {
	for _, half := range [2]uint32{0, maxOrder + 1} {
		for l := half + order; l <= half+maxOrder; l++ {
			if i := b.heads[l]; i != 0 {
				return i
			}
		}
	}
	i := b.frontier
	b.frontier++
	for int(i/chunkBlocks) >= len(b.chunks) {
		b.chunks = append(b.chunks, new(buddyChunk))
	}
	b.block(i).list = noList
	return i
}

// free takes back what alloc gave.
func (b *buddy) free(page, order uint32) {
	i := page >> blockShift
	k := b.block(i)
	k.used &^= runMask(order) << (page % blockPages)
	b.chunks[i/chunkBlocks].idle += 1 << order
	b.used -= 1 << order
	b.relink(i, k)
}

// relink moves a block to the list it belongs to.
func (b *buddy) relink(i uint32, k *buddyBlock) {
	list := uint8(noList)
	if run := longestRun[k.used]; run >= 0 {
		list = uint8(run)
		if k.touched&^k.used == 0 {
			list += maxOrder + 1
		}
	}
	if list == k.list {
		return
	}
	if k.list != noList {
		if k.prev != 0 {
			b.block(k.prev).next = k.next
		} else {
			b.heads[k.list] = k.next
		}
		if k.next != 0 {
			b.block(k.next).prev = k.prev
		}
	}
	k.list, k.next, k.prev = list, 0, 0
	if list != noList {
		k.next = b.heads[list]
		if k.next != 0 {
			b.block(k.next).prev = i
		}
		b.heads[list] = i
	}
}

// untouch notes that the pages of the mask in block i, all free and touched, were given back to the system.
func (b *buddy) untouch(i uint32, mask uint8) {
	k := b.block(i)
	k.touched &^= mask
	n := bits.OnesCount8(mask)
	b.chunks[i/chunkBlocks].idle -= int32(n)
	b.touched -= n
	b.relink(i, k)
}
