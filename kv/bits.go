package kv

import (
	"encoding/binary"
	"math/bits"

	"frankenredis/kv/arena"
)

// A string is also an array of bits: bit i stands in byte i/8, and the bits of a byte count from its highest. Everything
// here walks a long string in pieces, or touches only the chunks concerned.

// windowBytes is how many bytes a field of 64 bits can touch.
const windowBytes = 9

// window is the bytes that hold a field: the first eight as one number, and the ninth.
type window struct {
	high uint64
	low  byte
}

// loadWindow reads the bytes from first on; what lies beyond the n bytes of the string is zero.
func (c cell) loadWindow(m arena.Mem, n, first int) window {
	var buf [windowBytes]byte
	if to := min(first+windowBytes, n); first < to {
		c.appendRange(m, buf[:0], first, to)
	}
	return window{binary.BigEndian.Uint64(buf[:]), buf[8]}
}

// field is width bits (0 to 64) behind the first skip (0 to 7).
func (w window) field(skip, width int) uint64 {
	return (w.high<<skip | uint64(w.low)>>(8-skip)) >> (64 - width)
}

// put replaces these bits by the low ones of v.
func (w *window) put(skip, width int, v uint64) {
	mask := ^uint64(0) << (64 - width)
	v <<= 64 - width
	w.high = w.high&^(mask>>skip) | v>>skip
	w.low = w.low&^byte(mask<<(8-skip)) | byte(v<<(8-skip))
}

// Field is the unsigned number in the width bits (0 to 64) of a string value from bit off on. Bits beyond the end are zero.
func (e Entry) Field(off, width int) uint64 {
	return e.loadWindow(e.db.ks.a, e.StringLen(), off>>3).field(off&7, width)
}

// CountBits counts the bits that are set among [from, to) of a string value; 0 <= from <= to <= 8*StringLen().
func (e Entry) CountBits(from, to int) int {
	first, end := from>>3, (to+7)>>3
	// Whole bytes are counted; what they have outside the range is taken off again.
	n := -bits.OnesCount64(e.Field(8*first, from&7)) - bits.OnesCount64(e.Field(to, 8*end-to))
	pos := first
	e.Walk(first, end, func(p []byte) bool {
		if !isHole(p, pos) {
			n += onesCount(p)
		}
		pos += len(p)
		return true
	})
	return n
}

// onesCount counts the bits set in p.
func onesCount(p []byte) (n int) {
	for ; len(p) >= 32; p = p[32:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(p)) + bits.OnesCount64(binary.LittleEndian.Uint64(p[8:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(p[16:])) + bits.OnesCount64(binary.LittleEndian.Uint64(p[24:]))
	}
	for _, b := range p {
		n += bits.OnesCount8(b)
	}
	return n
}

// isHole says whether a piece that a walk gave, pos bytes from the value's begin, is a hole in a blob: then it need not be
// read.
func isHole(p []byte, pos int) bool { return len(p) > 0 && &p[0] == &zeroChunk[pos&(chunkSize-1)] }

// FindBit is the position of the first bit among [from, to) of a string value that is set, or with on false, clear; -1 when
// there is none. 0 <= from <= to <= 8*StringLen().
func (e Entry) FindBit(on bool, from, to int) int {
	flip := ^uint64(0)
	if on {
		flip = 0
	}
	pos, skip, found := from>>3, from&7, -1
	e.Walk(from>>3, (to+7)>>3, func(p []byte) bool {
		if on && isHole(p, pos) {
			pos, skip = pos+len(p), 0
			return true
		}
		i := 0
		if skip > 0 {
			if b := (p[0] ^ byte(flip)) << skip; b != 0 {
				found = 8*pos + skip + bits.LeadingZeros8(b)
				return false
			}
			i, skip = 1, 0
		}
		for ; i+8 <= len(p); i += 8 {
			if w := binary.BigEndian.Uint64(p[i:]) ^ flip; w != 0 {
				found = 8*(pos+i) + bits.LeadingZeros64(w)
				return false
			}
		}
		for ; i < len(p); i++ {
			if b := p[i] ^ byte(flip); b != 0 {
				found = 8*(pos+i) + bits.LeadingZeros8(b)
				return false
			}
		}
		pos += len(p)
		return true
	})
	if found >= to {
		return -1
	}
	return found
}

// Bits is a string opened for changing bits in it; it is good until anything else of the keyspace changes.
type Bits struct {
	db   *DB
	c    cell
	size int
}

// OpenBits opens the string at key, which becomes raw and, by zero bytes, at least size bytes long; grown says whether it
// became longer, or is new. size is above zero. Another type is ErrWrongType. Watchers hear of it by DB.TellChanged only.
func (db *DB) OpenBits(key []byte, size int) (b Bits, grown bool, err error) {
	hash, r, h := db.findWrite(key)
	c, n := cell{r, h}, 0
	if r != 0 {
		if h.typ() != String {
			return Bits{}, false, ErrWrongType
		}
		n = c.stringLen(db.ks.a)
	}
	if r != 0 && n >= size && h.enc() == Raw {
		return Bits{db, db.touch(db.leave(hash, c)), n}, false, nil
	}
	want := max(n, size)
	db.writeAt(hash, key, c, n, want, nil)
	_, c.ref, c.h = db.find(key)
	return Bits{db, c, want}, n < size, nil
}

// Field is the unsigned number in the width bits (0 to 64) from bit off on. Bits beyond the end are zero.
func (b *Bits) Field(off, width int) uint64 {
	return b.c.loadWindow(b.db.ks.a, b.size, off>>3).field(off&7, width)
}

// SetField puts the low width bits (1 to 64) of v at bit off; off+width is at most eight times the string's size.
func (b *Bits) SetField(off, width int, v uint64) {
	a := b.db.ks.a
	first, end := off>>3, (off+width+7)>>3
	w := b.c.loadWindow(a, b.size, first)
	w.put(off&7, width, v)
	var buf [windowBytes]byte
	binary.BigEndian.PutUint64(buf[:], w.high)
	buf[8] = w.low
	data := buf[:end-first]
	if !b.c.h.bigValue() {
		at := b.c.h.size() - b.c.h.valLen() + first
		copy(a.Mut(b.c.ref, at+len(data))[at:], data)
		return
	}
	was := b.c.blob(a)
	now := was
	now.write(a, first, data)
	if now == was {
		return
	}
	b.db.bytes += now.bytes - was.bytes
	i := b.c.h.valueWord()
	m := a.Mut(b.c.ref, 8*(i+blobWords))
	for j, w := range now.words() {
		putWord(m, i+j, w)
	}
}

// TellChanged tells watchers that the value at key was changed by other means than a method that does so itself.
func (db *DB) TellChanged(key []byte) { db.changed(key) }
