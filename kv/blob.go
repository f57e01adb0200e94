package kv

import (
	"math/bits"

	"frankenredis/kv/arena"
)

// A blob is a byte string kept in chunks, for keys and values that do not fit in an entry. Chunks hang in a tree of
// tables: height 0 is a single chunk, height 1 a table of chunks, and so on; a string that outgrows its tree gets a new
// root above the old one, so nothing is copied. The invariants:
//
//   - Chunk i holds bytes [i*chunkSize, (i+1)*chunkSize) of the string. All but the last are chunkSize long; the last
//     is at least as long as the bytes it holds.
//   - A table has at least as many slots as the string's size asks of it, and they are all initialised.
//   - A zero reference, to a chunk or a table, is a hole: all its bytes are zero.
type blob struct {
	top    arena.Ref
	height int
	size   int   // bytes of the string
	bytes  int64 // arena bytes held by chunks and tables
}

const (
	chunkShift = 13 // a chunk is the largest block there is
	chunkSize  = 1 << chunkShift

	fanShift = chunkShift - 3 // a full table is as large as a chunk
	fanout   = 1 << fanShift

	// blobTopBits of a descriptor's first word are the root, the rest is the height.
	blobTopBits = 48

	_ = uint(arena.MaxBlock - chunkSize) // a chunk must be allocatable
)

var zeroChunk [chunkSize]byte

// loadBlob reads a descriptor of blobWords words at r.
func loadBlob(m arena.Mem, r arena.Ref) blob {
	top := m.Load64(r)
	return blob{
		top:    arena.Ref(top & (1<<blobTopBits - 1)),
		height: int(top >> blobTopBits),
		size:   int(m.Load64(word(r, 1))),
		bytes:  int64(m.Load64(word(r, 2))),
	}
}

// words is the descriptor.
func (b *blob) words() [blobWords]uint64 {
	return [blobWords]uint64{uint64(b.top) | uint64(b.height)<<blobTopBits, uint64(b.size), uint64(b.bytes)}
}

// chunks counts the chunks of n bytes.
func chunks(n int) int { return (n + chunkSize - 1) >> chunkShift }

// span is how many bytes a subtree of the given height covers.
func span(height int) int {
	shift := chunkShift + fanShift*height
	if shift >= bits.UintSize-1 {
		return 1<<(bits.UintSize-1) - 1
	}
	return 1 << shift
}

// slots counts the slots a table of the given height needs for size bytes below it.
func slots(size, height int) int {
	child := span(height - 1)
	n := size / child
	if size%child != 0 {
		n++
	}
	return n
}

// slot is the index of chunk i in its table of the given height.
func slot(i, height int) int { return i >> (fanShift * (height - 1)) & (fanout - 1) }

// chunk finds chunk i; 0 is a hole.
func (b *blob) chunk(m arena.Mem, i int) arena.Ref {
	r := b.top
	for l := b.height; l > 0 && r != 0; l-- {
		r = arena.Ref(m.Load64(word(r, slot(i, l))))
	}
	return r
}

// walk gives the bytes [from, to) in order, in pieces that are valid until the next change of the arena; it ends
// early when yield returns false.
func (b *blob) walk(m arena.Mem, from, to int, yield func([]byte) bool) bool {
	for from < to {
		i, off := from>>chunkShift, from&(chunkSize-1)
		n := min(chunkSize-off, to-from)
		piece := zeroChunk[off : off+n : off+n]
		if r := b.chunk(m, i); r != 0 {
			piece = m.At(r, off+n)[off:]
		}
		if !yield(piece) {
			return false
		}
		from += n
	}
	return true
}

// appendRange appends the bytes [from, to) to dst.
func (b *blob) appendRange(m arena.Mem, dst []byte, from, to int) []byte {
	b.walk(m, from, to, func(piece []byte) bool {
		dst = append(dst, piece...)
		return true
	})
	return dst
}

// equal compares the string with s.
func (b *blob) equal(m arena.Mem, s []byte) bool {
	if b.size != len(s) {
		return false
	}
	return b.walk(m, 0, b.size, func(piece []byte) bool {
		if string(piece) != string(s[:len(piece)]) {
			return false
		}
		s = s[len(piece):]
		return true
	})
}
