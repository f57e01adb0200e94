package resp

import (
	"math/bits"
	"sync"
)

const (
	// standardBlock is the size of an ordinary query buffer in bytes.
	standardBlock = 16 << 10
	// largestPooled is the largest block that is kept for reuse; larger ones are left to the collector.
	largestPooled = 1 << 20
	// blockClasses counts the powers of two from standardBlock to largestPooled.
	blockClasses = 7
	// blockSlack is what blocks above the standard are larger than a power of two, so that an argument of that size
	// fits with its line end.
	blockSlack = 64

	// argvStart is the number of arguments a fresh block has room for.
	argvStart = 16
	// argvKept is the longest argument list that stays with a pooled block.
	argvKept = 4 << 10
)

// A block is memory into which a socket is read. Its bytes never move, because arguments point into it; only the
// unparsed tail is copied on into the next block.
type block struct {
	mem []byte
	// argv is the argument list of the Reader that used the block last, empty. It goes with the block, so that a
	// connection without input holds no memory at all.
	argv [][]byte
	// unmap gives mem back to the system; nil: it is the collector's. Nothing reads a mapped block behind that.
	unmap func()
}

// blockPools hold the blocks of each size class. Any goroutine may use them.
var blockPools [blockClasses]sync.Pool

// newBlock returns a block of at least n bytes with undefined content. It has the size of its class, or exactly n bytes
// if it is too large for the pools.
func newBlock(n int) *block {
	if n > largestPooled+blockSlack {
		return &block{mem: make([]byte, n)}
	}
	class := blockClass(n)
	if b, ok := blockPools[class].Get().(*block); ok {
		return b
	}
	size := standardBlock
	if class > 0 {
		size = standardBlock<<class + blockSlack
	}
	return &block{mem: make([]byte, size)}
}

// free gives b back. Nothing may point into it any more.
func (b *block) free() {
	if b.unmap != nil {
		b.unmap()
		b.mem, b.unmap = nil, nil
		return
	}
	if len(b.mem) <= largestPooled+blockSlack {
		blockPools[blockClass(len(b.mem))].Put(b)
	}
}

// blockClass is the smallest class that holds n bytes.
func blockClass(n int) int {
	if n <= standardBlock {
		return 0
	}
	return max(1, bits.Len(uint(n-blockSlack-1)/standardBlock))
}
