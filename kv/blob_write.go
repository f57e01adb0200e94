package kv

import (
	"frankenredis/kv/arena"
)

// makeBlob stores s.
func makeBlob(a *arena.Arena, s []byte) blob {
	var b blob
	b.grow(a, len(s))
	b.write(a, 0, s)
	return b
}

func (b *blob) alloc(a *arena.Arena, n int) arena.Ref {
	r := a.Alloc(n)
	b.bytes += int64(a.Usable(r))
	return r
}

func (b *blob) free(a *arena.Arena, r arena.Ref) {
	b.bytes -= int64(a.Usable(r))
	a.Free(r)
}

// grow makes the string size bytes long; the new bytes are zero and, but for the end of the last chunk, holes.
func (b *blob) grow(a *arena.Arena, size int) {
	if size <= b.size {
		return
	}
	b.top = b.extend(a, b.top, b.height, min(b.size, span(b.height)), min(size, span(b.height)))
	for size > span(b.height) {
		b.height++
		if b.top != 0 {
			n := slots(min(size, span(b.height)), b.height)
			t := b.alloc(a, 8*n)
			m := a.Mut(t, 8*n)
			clear(m[8:])
			putWord(m, 0, uint64(b.top))
			b.top = t
		}
	}
	b.size = size
}

// extend prepares the subtree r for growing from old to size bytes, both within its span, and returns its root.
func (b *blob) extend(a *arena.Arena, r arena.Ref, height, old, size int) arena.Ref {
	if r == 0 || old == size {
		return r
	}
	if height == 0 {
		return b.resize(a, r, old, size)
	}
	had, want := slots(old, height), slots(size, height)
	r = b.resize(a, r, 8*had, 8*want)
	child := span(height - 1)
	last := had - 1
	slot := word(r, last)
	was := arena.Ref(a.Load64(slot))
	now := b.extend(a, was, height-1, old-last*child, min(size-last*child, child))
	if now != was {
		a.Store64(slot, uint64(now))
	}
	return r
}

// resize makes the block r, whose first old bytes count, hold size bytes; the new ones are zero. Blocks double, so that
// a string that grows in small steps is copied a constant number of times.
func (b *blob) resize(a *arena.Arena, r arena.Ref, old, size int) arena.Ref {
	if old == size {
		return r
	}
	if room := a.Usable(r); room < size {
		n := b.alloc(a, max(size, min(2*room, chunkSize)))
		m := a.Mut(n, size)
		copy(m, a.At(r, old))
		clear(m[old:])
		b.free(a, r)
		return n
	}
	clear(a.Mut(r, size)[old:])
	return r
}

// write puts data at off; off+len(data) is at most size. Chunks of zeros stay or become no chunks where they can.
func (b *blob) write(a *arena.Arena, off int, data []byte) {
	for len(data) > 0 {
		i, at := off>>chunkShift, off&(chunkSize-1)
		n := min(chunkSize-at, len(data))
		b.writeChunk(a, i, at, data[:n])
		off, data = off+n, data[n:]
	}
}

func (b *blob) writeChunk(a *arena.Arena, i, at int, data []byte) {
	r := b.chunk(a, i)
	if r != 0 {
		copy(a.Mut(r, at+len(data))[at:], data)
		return
	}
	if string(data) == string(zeroChunk[:len(data)]) {
		return
	}
	n := min(chunkSize, b.size-i<<chunkShift)
	r = b.alloc(a, n)
	m := a.Mut(r, n)
	clear(m[:at])
	copy(m[at:], data)
	clear(m[at+len(data):])
	b.top = b.place(a, b.top, b.height, i, r)
}

// place hangs chunk i, so far a hole, below the subtree t and returns the subtree's root. Tables that were holes are made.
func (b *blob) place(a *arena.Arena, t arena.Ref, height, i int, r arena.Ref) arena.Ref {
	if height == 0 {
		return r
	}
	if t == 0 {
		// The subtree begins at the first chunk that shares its table; it covers what the string has there.
		begin := i >> (fanShift * height) << (fanShift * height) << chunkShift
		n := 8 * slots(min(span(height), b.size-begin), height)
		t = b.alloc(a, n)
		clear(a.Mut(t, n))
	}
	s := word(t, slot(i, height))
	was := arena.Ref(a.Load64(s))
	if now := b.place(a, was, height-1, i, r); now != was {
		a.Store64(s, uint64(now))
	}
	return t
}

// clone copies the string chunk by chunk; holes stay holes.
func (b *blob) clone(a *arena.Arena) blob {
	var c blob
	c.grow(a, b.size)
	for i := range chunks(b.size) {
		from := b.chunk(a, i)
		if from == 0 {
			continue
		}
		n := min(chunkSize, b.size-i<<chunkShift)
		to := c.alloc(a, n)
		copy(a.Mut(to, n), a.At(from, n))
		c.top = c.place(a, c.top, c.height, i, to)
	}
	return c
}

// release frees up to budget chunks from the end of the string, of which the first left are still there, with the
// tables that become empty. It returns how many are left; the tables themselves are never written, so a view need not
// have them copied.
func (b *blob) release(a *arena.Arena, left, budget int) int {
	for ; left > 0 && budget > 0; budget-- {
		left--
		r := b.top
		for l := b.height; l > 0 && r != 0; l-- {
			t := r
			r = arena.Ref(a.Load64(word(t, slot(left, l))))
			if left&(1<<(fanShift*l)-1) == 0 {
				a.Free(t)
			}
		}
		if r != 0 {
			a.Free(r)
		}
	}
	return left
}
