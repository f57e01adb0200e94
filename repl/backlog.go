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
	list   []*block // oldest first, their bytes follow each other; those before first have gone
	first  int
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
		if n := len(b.list); n == b.first || len(b.list[n-1].buf) == cap(b.list[n-1].buf) {
			b.push(b.take())
		}
		k := b.list[len(b.list)-1]
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

// push puts a block behind the others. The list is moved only when as many have gone as are left: a backlog of a gigabyte has 65,000.
func (b *Backlog) push(k *block) {
	if len(b.list) == cap(b.list) && 2*b.first >= len(b.list) {
		left := copy(b.list, b.list[b.first:])
		clear(b.list[left:])
		b.list, b.first = b.list[:left], 0
	}
	b.list = append(b.list, k)
}

// trim lets blocks go that are beyond the size and that no replica needs.
func (b *Backlog) trim(keep wal.LSN) {
	for b.first < len(b.list)-1 {
		k := b.list[b.first]
		if int64(b.end-k.end()) < b.size || k.end() > keep {
			return
		}
		b.memory -= int64(cap(k.buf))
		if len(b.spare) < spareBlocks {
			b.spare = append(b.spare, k)
		}
		b.list[b.first] = nil
		b.first++
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
	there := b.list[b.first:]
	k := there[sort.Search(len(there), func(i int) bool { return there[i].end() > at })]
	return k.buf[at-k.start:]
}

// End is the position behind the last byte, Len how many bytes there are, Memory how much memory they take.
func (b *Backlog) End() wal.LSN  { return b.end }
func (b *Backlog) Memory() int64 { return b.memory }
func (b *Backlog) Len() int {
	if b.first == len(b.list) {
		return 0
	}
	return int(b.end - b.list[b.first].start)
}
