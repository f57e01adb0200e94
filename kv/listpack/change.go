package listpack

import (
	"encoding/binary"
	"math"
)

// Append adds a string at the end; here and below, one that spells an integer is kept as one.
func Append(p, s []byte) []byte { return Insert(p, len(p)-1, s) }

// AppendInt adds an integer at the end.
func AppendInt(p []byte, n int64) []byte { return InsertInt(p, len(p)-1, n) }

// Prepend adds a string at the beginning.
func Prepend(p, s []byte) []byte { return Insert(p, headerLen, s) }

// PrependInt adds an integer at the beginning.
func PrependInt(p []byte, n int64) []byte { return InsertInt(p, headerLen, n) }

// Insert puts a string before the entry at a position, where it then stands; len(p)-1 is behind the last.
func Insert(p []byte, at int, s []byte) []byte {
	if n, isInt := parseInt(s); isInt {
		return InsertInt(p, at, n)
	}
	p = putString(p, at, 0, s)
	addCount(p, 1)
	return p
}

// InsertInt puts an integer before the entry at a position, where it then stands; len(p)-1 is behind the last.
func InsertInt(p []byte, at int, n int64) []byte {
	p = putInt(p, at, 0, n)
	addCount(p, 1)
	return p
}

// InsertAfter puts a string behind the entry at a position.
func InsertAfter(p []byte, at int, s []byte) []byte { return Insert(p, at+entryLen(p, at), s) }

// Replace puts a string in place of the entry at a position.
func Replace(p []byte, at int, s []byte) []byte {
	if n, isInt := parseInt(s); isInt {
		return ReplaceInt(p, at, n)
	}
	return putString(p, at, entryLen(p, at), s)
}

// ReplaceInt puts an integer in place of the entry at a position.
func ReplaceInt(p []byte, at int, n int64) []byte { return putInt(p, at, entryLen(p, at), n) }

// Delete removes n entries from a position on, or as many as there are. What stood behind them then stands at the position.
func Delete(p []byte, at, n int) []byte {
	end, gone := at, 0
	for ; gone < n && p[end] != endMark; gone++ {
		end += entryLen(p, end)
	}
	return Cut(p, at, end, gone)
}

// Cut removes the n entries that lie from one position to another, which may be behind the last: len(p)-1.
func Cut(p []byte, from, to, n int) []byte {
	p = append(p[:from], p[to:]...)
	setTotal(p)
	addCount(p, -n)
	return p
}

// DeleteRange removes n entries from entry i on, counted from the end when negative, or as many as there are. When there is
// no entry i nothing happens.
func DeleteRange(p []byte, i, n int) []byte {
	at := Seek(p, i)
	if at == None || n <= 0 {
		return p
	}
	return Delete(p, at, n)
}

// Merge appends the entries of q to p.
func Merge(p, q []byte) []byte {
	n := Len(p) + Len(q)
	p = append(p[:len(p)-1], q[headerLen:]...)
	setTotal(p)
	setCount(p, n)
	return p
}

// Recount writes into the header how many entries there are, if they have become few enough. Redis does that whenever it
// counts them; here counting is reading.
func Recount(p []byte) {
	if headerCount(p) == uncounted {
		setCount(p, Len(p))
	}
}

// EntrySize is the length of the entry that Append would make of s.
func EntrySize(s []byte) int {
	if n, isInt := parseInt(s); isInt {
		return EntrySizeInt(n)
	}
	var h [stringHeadMax]byte
	body := encodeHead(&h, len(s)) + len(s)
	return body + backSize(body)
}

// EntrySizeInt is the length of the entry that AppendInt would make of n.
func EntrySizeInt(n int64) int {
	var h [intMax]byte
	return encodeInt(&h, n) + 1
}

// addCount changes the header's count. Once lost it stays so: Redis, too, does not count for that.
func addCount(p []byte, by int) {
	if n := headerCount(p); n != uncounted {
		setCount(p, n+by)
	}
}

func setCount(p []byte, n int) {
	if n > countMax {
		n = uncounted
	}
	binary.LittleEndian.PutUint16(p[4:], uint16(n))
}

func setTotal(p []byte) {
	if uint64(len(p)) > math.MaxUint32 {
		panic("listpack: longer than its header can tell")
	}
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
}

// resize makes the old bytes at a position n bytes long, with anything in them, and sets the total length. Memory that does
// not suffice is replaced by a quarter more than needed.
func resize(p []byte, at, old, n int) []byte {
	size := len(p) - old + n
	if size > cap(p) {
		bigger := make([]byte, size, size+size/4)
		copy(bigger, p[:at])
		copy(bigger[at+n:], p[at+old:])
		p = bigger
	} else if n != old {
		was := len(p)
		p = p[:max(was, size)]
		copy(p[at+n:], p[at+old:was])
		p = p[:size]
	}
	setTotal(p)
	return p
}

// putString puts the entry of a string in place of old bytes at a position.
func putString(p []byte, at, old int, s []byte) []byte {
	var h [stringHeadMax]byte
	head := encodeHead(&h, len(s))
	body := head + len(s)
	p = resize(p, at, old, body+backSize(body))
	copy(p[at:], h[:head])
	copy(p[at+head:], s)
	putBack(p[at+body:], body)
	return p
}

// putInt puts the entry of an integer in place of old bytes at a position.
func putInt(p []byte, at, old int, n int64) []byte {
	var h [intMax]byte
	body := encodeInt(&h, n)
	p = resize(p, at, old, body+1)
	copy(p[at:], h[:body])
	p[at+body] = byte(body)
	return p
}

// stringHeadMax is the most that stands before a string, intMax the longest body of an integer.
const (
	stringHeadMax = 5
	intMax        = 9
)

// encodeHead writes what stands before a string of n bytes and returns its length.
func encodeHead(h *[stringHeadMax]byte, n int) int {
	switch {
	case n < 64:
		h[0] = encStr6 | byte(n)
		return 1
	case n < 4096:
		h[0], h[1] = encStr12|byte(n>>8), byte(n)
		return 2
	}
	h[0] = encStr32
	binary.LittleEndian.PutUint32(h[1:], uint32(n))
	return 5
}

// encodeInt writes the body of an integer and returns its length.
func encodeInt(h *[intMax]byte, n int64) int {
	switch {
	case n >= 0 && n <= 127:
		h[0] = encInt7 | byte(n)
		return 1
	case n >= -4096 && n <= 4095:
		h[0], h[1] = encInt13|byte(n>>8)&31, byte(n)
		return 2
	case n >= math.MinInt16 && n <= math.MaxInt16:
		h[0] = encInt16
		binary.LittleEndian.PutUint16(h[1:], uint16(n))
		return 3
	case n >= -1<<23 && n < 1<<23:
		h[0], h[1], h[2], h[3] = encInt24, byte(n), byte(n>>8), byte(n>>16)
		return 4
	case n >= math.MinInt32 && n <= math.MaxInt32:
		h[0] = encInt32
		binary.LittleEndian.PutUint32(h[1:], uint32(n))
		return 5
	}
	h[0] = encInt64
	binary.LittleEndian.PutUint64(h[1:], uint64(n))
	return 9
}

// putBack writes the back length of a body of n bytes.
func putBack(b []byte, n int) {
	for i := backSize(n) - 1; i >= 0; i-- {
		b[i] = byte(n & 127)
		if i > 0 {
			b[i] |= 128
		}
		n >>= 7
	}
}
