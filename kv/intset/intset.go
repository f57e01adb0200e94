// Package intset reads and changes intsets, Redis's sorted arrays of integers: the bytes of small sets of integers, in memory
// as in RDB files and DUMP.
//
// An intset is a []byte. Functions that change one take it and return it, in the same memory when its capacity suffices. All
// functions but Validate trust their argument and panic or answer nonsense when it is malformed: bytes from outside are
// validated first. After the same operations the bytes equal those of Redis.
//
// # Layout
//
// Little-endian.
//
//	0          4        8
//	+----------+--------+---------+---------+- - -+---------+
//	| encoding | length | value 0 | value 1 |     | value n |
//	+----------+--------+---------+---------+- - -+---------+
//
// encoding is the size of a value in bytes: 2, 4 or 8, enough for every value there is or was; length the number of
// values. They are signed, stand in ascending order, and each once.
//
// # Limits
//
// An empty intset can be made and filled, but is not valid from outside: Redis stores no empty set. The header could tell of 2^32-1
// values; the caller turns a set into something else long before (set-max-intset-entries).
//
// # Source
//
// Redis 7.2.4 src/intset.c. To look at one: DUMP key.
package intset

import (
	"encoding/binary"
	"math"
)

const headerLen = 8

// New makes an empty intset in buf's memory.
func New(buf []byte) []byte { return append(buf[:0], 2, 0, 0, 0, 0, 0, 0, 0) }

// Len is the number of values.
func Len(p []byte) int { return int(binary.LittleEndian.Uint32(p[4:])) }

// At is value i in ascending order; 0 <= i < Len.
func At(p []byte, i int) int64 { return load(p[headerLen:], width(p), i) }

// Min is the smallest value of an intset that is not empty.
func Min(p []byte) int64 { return At(p, 0) }

// Max is the largest value of an intset that is not empty.
func Max(p []byte) int64 { return At(p, Len(p)-1) }

// Contains says whether n is a value.
func Contains(p []byte, n int64) bool {
	_, found := search(p, n)
	return found
}

// Seek finds n, or where it belongs, from near on: quick when that is a little before it, and never much slower than Contains. It
// serves to ask for many values in ascending order. 0 <= near <= Len.
func Seek(p []byte, near int, n int64) (at int, found bool) {
	w, count := width(p), Len(p)
	values := p[headerLen:]
	lo := near
	if lo > 0 && load(values, w, lo-1) >= n {
		return searchIn(p, 0, lo, n)
	}
	if lo < count {
		if v := load(values, w, lo); v >= n {
			return lo, v == n
		}
	}
	step := 1
	for lo < count && load(values, w, lo) < n {
		near, lo = lo+1, lo+step
		step *= 2
	}
	return searchIn(p, near, min(lo, count), n)
}

// Join visits the values of p that are in q, or with in false those that are not, in ascending order until visit returns false.
func Join(p, q []byte, in bool, visit func(n int64) bool) {
	w, values := width(p), p[headerLen:]
	other, others, count := width(q), q[headerLen:], Len(q)
	var next int64 // others' value at, if there is one
	at := 0
	if count > 0 {
		next = load(others, other, 0)
	}
	for i := range Len(p) {
		n := load(values, w, i)
		if next < n && at < count {
			if at, _ = Seek(q, at+1, n); at < count {
				next = load(others, other, at)
			}
		}
		if (next == n && at < count) == in && !visit(n) {
			return
		}
	}
}

// Add adds a value and reports whether it is new.
func Add(p []byte, n int64) (q []byte, added bool) {
	at, found := search(p, n)
	if found {
		return p, false
	}
	w, count := width(p), Len(p)
	if need := widthOf(n); need > w {
		p = widen(p, need)
		w = need
	}
	p = append(p, make([]byte, w)...)
	values := p[headerLen:]
	copy(values[(at+1)*w:], values[at*w:count*w])
	store(values, w, at, n)
	binary.LittleEndian.PutUint32(p[4:], uint32(count+1))
	return p, true
}

// Remove removes a value and reports whether it was there. The encoding stays.
func Remove(p []byte, n int64) (q []byte, removed bool) {
	at, found := search(p, n)
	if !found {
		return p, false
	}
	w, count := width(p), Len(p)
	values := p[headerLen:]
	copy(values[at*w:], values[(at+1)*w:])
	binary.LittleEndian.PutUint32(p[4:], uint32(count-1))
	return p[:headerLen+(count-1)*w], true
}

// Validate checks that p is a whole intset, its values in order and each once, and that it is not empty. It accepts any
// bytes, and says true exactly when Redis does.
func Validate(p []byte) bool {
	if len(p) < headerLen {
		return false
	}
	w := binary.LittleEndian.Uint32(p)
	if w != 2 && w != 4 && w != 8 {
		return false
	}
	n := binary.LittleEndian.Uint32(p[4:])
	if n == 0 || uint64(len(p)) != headerLen+uint64(n)*uint64(w) {
		return false
	}
	for i := 1; i < int(n); i++ {
		if At(p, i-1) >= At(p, i) {
			return false
		}
	}
	return true
}

// Width is how many bytes a value takes.
func Width(p []byte) int { return width(p) }

func width(p []byte) int { return int(p[0]) }

func widthOf(n int64) int {
	switch {
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 2
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 4
	}
	return 8
}

// search finds n, or where it belongs.
func search(p []byte, n int64) (at int, found bool) { return searchIn(p, 0, Len(p), n) }

// searchIn is search for an n that does not belong before value lo nor behind value hi.
func searchIn(p []byte, lo, hi int, n int64) (at int, found bool) {
	w := width(p)
	values := p[headerLen:]
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if load(values, w, mid) < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < Len(p) && load(values, w, lo) == n
}

// widen gives all values w bytes.
func widen(p []byte, w int) []byte {
	was, n := width(p), Len(p)
	p = append(p, make([]byte, n*(w-was))...)
	values := p[headerLen:]
	for i := n - 1; i >= 0; i-- {
		store(values, w, i, load(values, was, i))
	}
	p[0] = byte(w)
	return p
}

func load(values []byte, w, i int) int64 {
	switch b := values[i*w:]; w {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}

func store(values []byte, w, i int, n int64) {
	switch b := values[i*w:]; w {
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(n))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(n))
	default:
		binary.LittleEndian.PutUint64(b, uint64(n))
	}
}
