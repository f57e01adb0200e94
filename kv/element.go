package kv

import (
	"strconv"
	"unsafe"

	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
)

// An element of a hash, a set or a sorted set that is a table is a block of the same layout as an entry: its key is the
// field or member, its value the field's value, or for a sorted set one word, the score. Type, encoding and access bits are
// zero. So dicts of elements and the keyspace's dicts look at their blocks alike.

// newElement makes an element of a hash or set; val is nil for a set's.
func (ks *Keyspace) newElement(hash uint64, key, val []byte) arena.Ref {
	return ks.makeElement(hash, key, val, 0, false)
}

// newScored makes an element of a sorted set.
func (ks *Keyspace) newScored(hash uint64, key []byte, score uint64) arena.Ref {
	return ks.makeElement(hash, key, nil, score, true)
}

func (ks *Keyspace) makeElement(hash uint64, key, val []byte, score uint64, scored bool) arena.Ref {
	a := ks.a
	var h head
	var words [bigKeyWords + blobWords]uint64
	n := 0
	if len(key) > maxInlineKey {
		h |= flagBigKey
		b := makeBlob(a, key)
		for _, w := range b.words() {
			words[n] = w
			n++
		}
		words[n] = hash
		n++
		key = nil
	}
	if 8*(1+n)+len(key)+len(val) > maxEntry {
		h |= flagBigValue
		b := makeBlob(a, val)
		for _, w := range b.words() {
			words[n] = w
			n++
		}
		val = nil
	}
	if scored {
		words[n] = score
		n++
	}
	h |= head(1+n)<<wordsShift | head(len(key))<<keyLenShift | head(len(val))<<valLenShift
	size := h.size()
	r := a.Alloc(size)
	b := a.Mut(r, size)
	putWord(b, 0, uint64(h))
	for i, w := range words[:n] {
		putWord(b, 1+i, w)
	}
	copy(b[8*(1+n):], key)
	copy(b[8*(1+n)+len(key):], val)
	return r
}

// element reads the block at r.
func element(m arena.Mem, r arena.Ref) cell {
	if a, ok := m.(*arena.Arena); ok { // what every command asks is called without the interface
		return cell{r, head(a.Load64(r))}
	}
	return cell{r, head(m.Load64(r))}
}

// value is an element's value in one piece: in place, or if it is a blob, a copy.
func (c cell) value(m arena.Mem) []byte {
	if c.h.bigValue() {
		b := c.blob(m)
		return b.appendRange(m, make([]byte, 0, b.size), 0, b.size)
	}
	return c.inline(m)
}

// score is the score of a sorted set's element, as its bits.
func (c cell) score(m arena.Mem) uint64 { return m.Load64(word(c.ref, c.h.valueWord())) }

// freeElement frees an element with what hangs on it. It may put a huge blob off, off the account.
func (ks *Keyspace) freeElement(r arena.Ref) {
	c := element(ks.a, r)
	if c.h.bigKey() {
		ks.dropBlob(loadBlob(ks.a, word(r, c.h.keyWord())), false)
	}
	if c.h.bigValue() {
		ks.dropBlob(c.blob(ks.a), false)
	}
	ks.a.Free(r)
}

func (ks *Keyspace) freeElements(refs []arena.Ref) {
	for _, r := range refs {
		ks.freeElement(r)
	}
}

// deleteElements removes elements, which are there, from their dict and frees them, some at a time, so that the cache misses of
// their blocks and then of their places overlap. show, unless nil, is called with each before that; it must not change anything.
func (ks *Keyspace) deleteElements(d dict.Dict, refs []arena.Ref, show func(arena.Ref)) {
	var hashes [16]uint64
	for len(refs) > 0 {
		some := refs[:min(len(refs), len(hashes))]
		refs = refs[len(some):]
		ks.a.Touch(some)
		for i, r := range some {
			hashes[i] = ks.hashEntry(ks.a, r)
			if show != nil {
				show(r)
			}
		}
		d.WarmSlots(hashes[:len(some)])
		for i, r := range some {
			if !d.DeleteRef(hashes[i], r) {
				panic("kv: an element that is not in its dict")
			}
			ks.freeElement(r)
		}
	}
}

// freeFlushedElement is freeElement for an element of what is first in the lazy queue, whose bytes may be hidden already.
func (ks *Keyspace) freeFlushedElement(r arena.Ref) {
	c := element(ks.a, r)
	if c.h.bigKey() {
		ks.freeFlushedBlob(loadBlob(ks.a, word(r, c.h.keyWord())))
	}
	if c.h.bigValue() {
		ks.freeFlushedBlob(c.blob(ks.a))
	}
	ks.a.Free(r)
}

// cloneElement copies an element with what hangs on it.
func (ks *Keyspace) cloneElement(r arena.Ref) arena.Ref {
	a := ks.a
	c := element(a, r)
	size := c.h.size()
	n := a.Alloc(size)
	copy(a.Mut(n, size), a.At(r, size))
	reblob := func(at int) {
		from := loadBlob(a, word(r, at))
		to := from.clone(a)
		b := a.Mut(word(n, at), 8*blobWords)
		for i, w := range to.words() {
			putWord(b, i, w)
		}
	}
	if c.h.bigKey() {
		reblob(c.h.keyWord())
	}
	if c.h.bigValue() {
		reblob(c.h.valueWord())
	}
	return n
}

// touchElements reads a word of each element, so that the cache misses of those who read them next overlap.
//
//go:noinline
func touchElements(a *arena.Arena, refs []arena.Ref) (sum uint64) {
	for _, r := range refs {
		sum += a.Load64(r)
	}
	return sum
}

// dictTable is a hash or a set: one dict of elements.
type dictTable struct{}

func (dictTable) effort(ks *Keyspace, t table) int { return ks.elements(t).Len() }

func (dictTable) clone(ks *Keyspace, t table) table {
	return table{root: ks.elements(t).Clone(func(refs []arena.Ref) {
		touchElements(ks.a, refs)
		for i, r := range refs {
			refs[i] = ks.cloneElement(r)
		}
	}).Root()}
}

func (dictTable) free(ks *Keyspace, t *table, budget int, drop func(arena.Ref)) (done bool) {
	return ks.elements(*t).Free(drop, budget)
}

// elements is the dict of a table that has one.
func (ks *Keyspace) elements(t table) dict.Dict { return dict.Open(ks.a, &ks.table, t.root) }

// newElements makes an empty dict of elements.
func (ks *Keyspace) newElements() dict.Dict { return dict.New(ks.a, &ks.table) }

// Elem is one string of a collection: bytes, or a number that stands for its decimal spelling, as listpacks and intsets
// keep it. The bytes are read only and valid until the keyspace's next change (for a view's, until it is closed).
//
// It is handed on for every element that a command visits, hence its shape: what has no more than four words stays in registers, where more
// is written and read again at each call.
type Elem struct {
	p   *byte // the first of the bytes
	n   int64 // how many, or the number
	num bool
}

// BytesElem and IntElem make an Elem; the bytes are kept, not copied.
func BytesElem(b []byte) Elem { return Elem{p: unsafe.SliceData(b), n: int64(len(b))} }

// IntElem makes an Elem of a number.
func IntElem(n int64) Elem { return Elem{n: n, num: true} }

// bytes are those of an element that is not kept as a number.
func (e Elem) bytes() []byte { return unsafe.Slice(e.p, int(e.n)) }

// Int is the number, when the element is kept as one.
func (e Elem) Int() (n int64, ok bool) { return e.n, e.num }

// Append appends the string to dst.
func (e Elem) Append(dst []byte) []byte {
	if e.num {
		return strconv.AppendInt(dst, e.n, 10)
	}
	return append(dst, e.bytes()...)
}

// Bytes is the string; a number is written to buf, which must have room for 20 bytes to keep this from allocating.
func (e Elem) Bytes(buf []byte) []byte {
	if e.num {
		return strconv.AppendInt(buf[:0], e.n, 10)
	}
	return e.bytes()
}

// Len is the length of the string in bytes.
func (e Elem) Len() int {
	if e.num {
		return intLen(e.n)
	}
	return int(e.n)
}

// Is says whether the string is s.
func (e Elem) Is(s []byte) bool {
	if e.num {
		var buf [intDigits]byte
		return string(strconv.AppendInt(buf[:0], e.n, 10)) == string(s)
	}
	return string(e.bytes()) == string(s)
}

// spelled is the number that the element is, kept as one or spelled as one would be.
func (e Elem) spelled() (n int64, isInt bool) {
	if e.num {
		return e.n, true
	}
	if e.n == 0 || *e.p > '9' {
		return 0, false // as nearly all that are none
	}
	return parseInt(e.bytes())
}

// equal says whether the two are the same string.
func (e Elem) equal(other Elem) bool {
	switch {
	case e.num && other.num:
		return e.n == other.n
	case e.num:
		return e.Is(other.bytes())
	}
	return other.Is(e.bytes())
}
