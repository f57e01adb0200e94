package repl

import (
	"sort"

	"frankenredis/wal"
)

// Backlog is the stream's latest bytes: from them a replica that was away for a while goes on, and all replicas that are behind get what
// they lack, so that it is held once however many there are. It grows beyond its size while a replica needs more. The executor's.
//
// The bytes lie in blocks, of which the oldest goes when what is behind it is size bytes at least.
type Backlog struct {
	blocks []*block // oldest first; their bytes follow each other
	spare  []*block // some that went, for use again; not counted in memory
	size   int64
	memory int64
	end    wal.LSN
}

// block is a piece of the stream. Its bytes never change.
type block struct {
	start wal.LSN
	buf   []byte
}

func (k *block) end() wal.LSN { return k.start + wal.LSN(len(k.buf)) }

// A backlog has sixteen blocks or more, of blockLeast to blockMost bytes each, as in Redis.
const (
	blockLeast = 1 << 10
	blockMost  = 16 << 10
)

// spareBlocks is how many blocks are put by for use again: about what a turn's commands fill.
const spareBlocks = 8

// NewBacklog makes a backlog of size bytes that begins at a position.
func NewBacklog(size int64, at wal.LSN) *Backlog { return &Backlog{size: size, end: at} }

// Append takes the bytes that follow. keep is the position from which on some replica needs the stream: what is behind it stays.
func (b *Backlog) Append(p []byte, keep wal.LSN) {
	for len(p) > 0 {
		n := len(b.blocks)
		if n == 0 || len(b.blocks[n-1].buf) == cap(b.blocks[n-1].buf) {
			b.blocks = append(b.blocks, b.take())
			n++
		}
		k := b.blocks[n-1]
		m := min(len(p), cap(k.buf)-len(k.buf))
		k.buf = append(k.buf, p[:m]...)
		b.end += wal.LSN(m)
		p = p[m:]
	}
	b.trim(keep)
}

// take makes a block that begins at the end.
func (b *Backlog) take() *block {
	size := int(min(max(b.size/16, blockLeast), blockMost))
	var k *block
	if n := len(b.spare); n > 0 {
		k, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	if k == nil || cap(k.buf) != size { // the size has changed meanwhile
		k = &block{buf: make([]byte, 0, size)}
	}
	k.start, k.buf = b.end, k.buf[:0]
	b.memory += int64(size)
	return k
}

// trim lets blocks go that are beyond the size and that no replica needs.
func (b *Backlog) trim(keep wal.LSN) {
	n := 0
	for n < len(b.blocks)-1 && int64(b.end-b.blocks[n].end()) >= b.size && b.blocks[n].end() <= keep {
		k := b.blocks[n]
		b.memory -= int64(cap(k.buf))
		if len(b.spare) < spareBlocks {
			b.spare = append(b.spare, k)
		}
		n++
	}
	if n > 0 {
		left := copy(b.blocks, b.blocks[n:])
		clear(b.blocks[left:])
		b.blocks = b.blocks[:left]
	}
}

// Resize changes how many bytes are kept though no replica needs them; keep is Append's.
func (b *Backlog) Resize(size int64, keep wal.LSN) {
	b.size = size
	b.trim(keep)
}

// Has says whether everything from a position on is there.
func (b *Backlog) Has(at wal.LSN) bool { return at <= b.end && at >= b.end-wal.LSN(b.Len()) }

// Next is what follows a position that it has, or the beginning of it; nil at the end. It stays as it is until the next call of Append or Resize.
func (b *Backlog) Next(at wal.LSN) []byte {
	if at >= b.end {
		return nil
	}
	i := sort.Search(len(b.blocks), func(i int) bool { return b.blocks[i].end() > at })
	return b.blocks[i].buf[at-b.blocks[i].start:]
}

// From copies everything from a position on that it has.
func (b *Backlog) From(at wal.LSN) []byte {
	p := make([]byte, 0, b.end-at)
	for at < b.end {
		piece := b.Next(at)
		p = append(p, piece...)
		at += wal.LSN(len(piece))
	}
	return p
}

// End is the position behind the last byte, Len how many bytes there are, Memory how much memory they take.
func (b *Backlog) End() wal.LSN  { return b.end }
func (b *Backlog) Memory() int64 { return b.memory }
func (b *Backlog) Len() int {
	if len(b.blocks) == 0 {
		return 0
	}
	return int(b.end - b.blocks[0].start)
}
