package dict

import (
	"unsafe"

	"frankenredis/kv/arena"
)

const (
	wordSize   = 8
	segmentMax = 64 // entries; one more splits the segment
	// mergeMax is the largest sum of two neighbours that merges them. It lies
	// well below segmentMax, so that a dict of steady size does not flap.
	mergeMax = 40
	// maxDepth is how many bits of the hash the directory may use. What even 32
	// bits cannot tell apart goes into a chain.
	maxDepth = 32
	// maxOff is how far a segment's depth may run ahead of its tags' base:
	// 16-7 = 9 bits of the tag still tell entries apart.
	maxOff = 7
	// staleOff is from when on tags are refreshed at the next good occasion.
	staleOff = 6
)

// A word is a child of a directory node (or of the root): where a part of the
// hash space lives, and all that is needed to search it without reading a header.
//
//	63    58 57 55 54     48 47                    3 2    0
//	+--------+-----+---------+----------------------+------+
//	| depth  | off | count   | ref (8-byte aligned) | kind |
//	+--------+-----+---------+----------------------+------+
//
// depth is the number of leading hash bits all entries share; tags begin off bits
// above it, at bit base = depth-off of the hash. For a node, count is the number
// of hash bits that choose a child and depth and off are 0. The zero word is an
// empty segment of depth 0; an empty segment has no block.
type word uint64

const (
	kindSegment = 0
	kindNode    = 1
	kindChain   = 2

	refMask = 1<<48 - 1
	tagBits = 16
	tagMask = ^uint64(refMask)
)

func makeWord(kind int, ref arena.Ref, count, depth, off int) word {
	return word(kind) | word(ref) | word(count)<<48 | word(off)<<55 | word(depth)<<58
}

func (w word) kind() int      { return int(w & 7) }
func (w word) ref() arena.Ref { return arena.Ref(w & (refMask &^ 7)) }
func (w word) count() int     { return int(w>>48) & 0x7f }
func (w word) off() int       { return int(w>>55) & 7 }
func (w word) depth() int     { return int(w >> 58) }
func (w word) base() int      { return w.depth() - w.off() }

// tagBase is base, or no limit where there are no tags.
func (w word) tagBase() int {
	if w.count() == 0 {
		return maxDepth
	}
	return w.base()
}

func (w word) withCount(n int) word { return w&^(0x7f<<48) | word(n)<<48 }

// tagOf returns the 16 hash bits from bit base on (0 is the topmost), in the
// place where a slot has its tag.
func tagOf(hash uint64, base int) uint64 { return hash << base & tagMask }

// entryRef is the ref of a slot.
func entryRef(e uint64) arena.Ref { return arena.Ref(e & refMask) }

// words views the bytes of a block as words. The arena's words are little-endian, and so
// must the machine be (a test says so).
func words(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/wordSize)
}

// prefix returns the leading bits of a hash, the rest zero.
func prefix(hash uint64, bits int) uint64 { return hash &^ (1<<(64-bits) - 1) }
