package listpack

import (
	"encoding/binary"
	"math"
	"strconv"
)

// None is the position of no entry.
const None = 0

// MaxBytes is the size beyond which a listpack is not let grow, as in Redis.
const MaxBytes = 1 << 30

const (
	headerLen = 6
	endMark   = 0xff
	uncounted = 0xffff // the header's count when there are more entries than it can tell
	intDigits = 20     // the longest integer, sign included
)

// The first byte of an entry.
const (
	int7    = 0x00 // 0xxxxxxx
	str6    = 0x80 // 10xxxxxx
	int13   = 0xc0 // 110xxxxx + 1 byte
	str12   = 0xe0 // 1110xxxx + 1 byte
	str32   = 0xf0 // + 4 bytes
	int16_  = 0xf1
	int24   = 0xf2
	int32_  = 0xf3
	int64_  = 0xf4
	maxHead = 9 // bytes before a string, or of an integer, at most
)

// New makes an empty listpack in buf's memory.
func New(buf []byte) []byte {
	return append(buf[:0], headerLen+1, 0, 0, 0, 0, 0, endMark)
}

// Len is the number of entries. Beyond 65534 they are counted one by one.
func Len(p []byte) int {
	if n := binary.LittleEndian.Uint16(p[4:]); n != uncounted {
		return int(n)
	}
	n := 0
	for at := First(p); at != None; at = Next(p, at) {
		n++
	}
	return n
}

// Safe says whether n bytes more keep the listpack below MaxBytes.
func Safe(p []byte, n int) bool { return len(p)+n <= MaxBytes }

// First is the position of the first entry, None in an empty listpack.
func First(p []byte) int { return entryAt(p, headerLen) }

// Last is the position of the last entry, None in an empty listpack.
func Last(p []byte) int { return Prev(p, len(p)-1) }

// Next is the position of the entry behind the one at a position, None behind the last.
func Next(p []byte, at int) int { return entryAt(p, at+entryLen(p, at)) }

// Prev is the position of the entry before a position, None before the first.
func Prev(p []byte, at int) int {
	if at == headerLen {
		return None
	}
	n, shift, end := 0, 0, at-1
	for {
		b := p[end]
		n |= int(b&127) << shift
		if b&128 == 0 {
			break
		}
		shift += 7
		end--
	}
	return at - n - backSize(n)
}

func entryAt(p []byte, at int) int {
	if p[at] == endMark {
		return None
	}
	return at
}

// Seek is the position of entry i, counted from the end when negative; None when there is none.
func Seek(p []byte, i int) int {
	if n := binary.LittleEndian.Uint16(p[4:]); n != uncounted {
		if i < 0 {
			i += int(n)
		}
		if i < 0 || i >= int(n) {
			return None
		}
		if i > int(n)/2 {
			i -= int(n)
		}
	}
	if i < 0 {
		at := Last(p)
		for ; i < -1 && at != None; i++ {
			at = Prev(p, at)
		}
		return at
	}
	at := First(p)
	for ; i > 0 && at != None; i-- {
		at = Next(p, at)
	}
	return at
}

// bodyLen is the length of an entry without its back length.
func bodyLen(p []byte, at int) int {
	switch b := p[at]; {
	case b < str6:
		return 1
	case b < int13:
		return 1 + int(b&63)
	case b < str12:
		return 2
	case b < str32:
		return 2 + (int(b&15)<<8 | int(p[at+1]))
	case b == str32:
		return 5 + int(binary.LittleEndian.Uint32(p[at+1:]))
	case b == int16_:
		return 3
	case b == int24:
		return 4
	case b == int32_:
		return 5
	case b == int64_:
		return 9
	}
	return 1
}

// entryLen is the length of an entry with its back length.
func entryLen(p []byte, at int) int {
	n := bodyLen(p, at)
	return n + backSize(n)
}

// Get is the entry at a position: an integer, or a string in place.
func Get(p []byte, at int) (s []byte, n int64, isInt bool) {
	switch b := p[at]; {
	case b < str6:
		return nil, int64(b), true
	case b < int13:
		return p[at+1 : at+1+int(b&63)], 0, false
	case b < str12:
		return nil, int64(int16(uint16(b&31)<<8|uint16(p[at+1]))<<3) >> 3, true
	case b < str32:
		n := int(b&15)<<8 | int(p[at+1])
		return p[at+2 : at+2+n], 0, false
	case b == str32:
		n := int(binary.LittleEndian.Uint32(p[at+1:]))
		return p[at+5 : at+5+n], 0, false
	case b == int16_:
		return nil, int64(int16(binary.LittleEndian.Uint16(p[at+1:]))), true
	case b == int24:
		return nil, int64(int32(uint32(p[at+1])<<8|uint32(p[at+2])<<16|uint32(p[at+3])<<24) >> 8), true
	case b == int32_:
		return nil, int64(int32(binary.LittleEndian.Uint32(p[at+1:]))), true
	}
	return nil, int64(binary.LittleEndian.Uint64(p[at+1:])), true
}

// AppendValue appends the entry at a position to dst as a string.
func AppendValue(dst, p []byte, at int) []byte {
	s, n, isInt := Get(p, at)
	if isInt {
		return strconv.AppendInt(dst, n, 10)
	}
	return append(dst, s...)
}

// Find is the position of the first entry from at on that is the string s; skip entries are passed over between two that
// are looked at. None when there is none, or at is None.
func Find(p []byte, at int, s []byte, skip int) int {
	n, isInt := parseInt(s)
	for left := 0; at != None; at = Next(p, at) {
		if left > 0 {
			left--
			continue
		}
		left = skip
		v, m, vInt := Get(p, at)
		if vInt {
			if isInt && m == n {
				return at
			}
		} else if !isInt && string(v) == string(s) {
			return at
		}
	}
	return None
}

// Append adds a string at the end; one that spells an integer is kept as one.
func Append(p, s []byte) []byte { return Insert(p, len(p)-1, s) }

// AppendInt adds an integer at the end.
func AppendInt(p []byte, n int64) []byte { return InsertInt(p, len(p)-1, n) }

// Prepend adds a string at the beginning.
func Prepend(p, s []byte) []byte { return Insert(p, headerLen, s) }

// Insert puts a string before the entry at a position; len(p)-1 is behind the last.
func Insert(p []byte, at int, s []byte) []byte {
	if n, isInt := parseInt(s); isInt {
		return InsertInt(p, at, n)
	}
	p = count(p, 1)
	return putString(p, at, 0, s)
}

// InsertInt puts an integer before the entry at a position; len(p)-1 is behind the last.
func InsertInt(p []byte, at int, n int64) []byte {
	p = count(p, 1)
	return putInt(p, at, 0, n)
}

// Replace puts a string in place of the entry at a position.
func Replace(p []byte, at int, s []byte) []byte {
	old := entryLen(p, at)
	if n, isInt := parseInt(s); isInt {
		return putInt(p, at, old, n)
	}
	return putString(p, at, old, s)
}

// Delete removes n entries from a position on, or as many as there are.
func Delete(p []byte, at, n int) []byte {
	end, gone := at, 0
	for ; gone < n && p[end] != endMark; gone++ {
		end += entryLen(p, end)
	}
	p = append(p[:at], p[end:]...)
	setTotal(p)
	return count(p, -gone)
}

// DeleteRange removes n entries from entry i on, counted from the end when negative.
func DeleteRange(p []byte, i, n int) []byte {
	at := Seek(p, i)
	if at == None || n <= 0 {
		return p
	}
	return Delete(p, at, n)
}

// Merge appends the entries of q to p.
func Merge(p, q []byte) []byte {
	n := Len(q)
	p = append(p[:len(p)-1], q[headerLen:]...)
	setTotal(p)
	return count(p, n)
}

// count changes the header's count of entries.
func count(p []byte, by int) []byte {
	n := int(binary.LittleEndian.Uint16(p[4:]))
	if n == uncounted {
		return p
	}
	binary.LittleEndian.PutUint16(p[4:], uint16(min(n+by, uncounted)))
	return p
}

func setTotal(p []byte) { binary.LittleEndian.PutUint32(p, uint32(len(p))) }

// open makes the old bytes at a position n bytes long and sets the total length.
func open(p []byte, at, old, n int) []byte {
	tail := len(p) - at - old
	switch grow := n - old; {
	case grow > 0:
		was := len(p)
		if cap(p)-was >= grow {
			p = p[:was+grow]
		} else {
			bigger := make([]byte, was+grow, was+grow+(was+grow)/4)
			copy(bigger, p)
			p = bigger
		}
		copy(p[at+n:], p[at+old:at+old+tail])
	case grow < 0:
		copy(p[at+n:], p[at+old:])
		p = p[:at+n+tail]
	}
	setTotal(p)
	return p
}

func putString(p []byte, at, old int, s []byte) []byte {
	var h [5]byte
	head := 1
	switch n := len(s); {
	case n < 64:
		h[0] = str6 | byte(n)
	case n < 4096:
		h[0], h[1] = str12|byte(n>>8), byte(n)
		head = 2
	default:
		h[0] = str32
		binary.LittleEndian.PutUint32(h[1:], uint32(n))
		head = 5
	}
	body := head + len(s)
	p = open(p, at, old, body+backSize(body))
	copy(p[at:], h[:head])
	copy(p[at+head:], s)
	putBack(p[at+body:], body)
	return p
}

func putInt(p []byte, at, old int, n int64) []byte {
	var h [maxHead]byte
	body := encodeInt(&h, n)
	p = open(p, at, old, body+1)
	copy(p[at:], h[:body])
	p[at+body] = byte(body)
	return p
}

// encodeInt writes the body of an integer entry and returns its length.
func encodeInt(h *[maxHead]byte, n int64) int {
	switch {
	case n >= 0 && n <= 127:
		h[0] = byte(n)
		return 1
	case n >= -4096 && n <= 4095:
		h[0], h[1] = int13|byte(n>>8)&31, byte(n)
		return 2
	case n >= math.MinInt16 && n <= math.MaxInt16:
		h[0] = int16_
		binary.LittleEndian.PutUint16(h[1:], uint16(n))
		return 3
	case n >= -1<<23 && n < 1<<23:
		h[0], h[1], h[2], h[3] = int24, byte(n), byte(n>>8), byte(n>>16)
		return 4
	case n >= math.MinInt32 && n <= math.MaxInt32:
		h[0] = int32_
		binary.LittleEndian.PutUint32(h[1:], uint32(n))
		return 5
	}
	h[0] = int64_
	binary.LittleEndian.PutUint64(h[1:], uint64(n))
	return 9
}

// EntrySize is the length of the entry that Append would make of s.
func EntrySize(s []byte) int {
	if n, isInt := parseInt(s); isInt {
		var h [maxHead]byte
		return encodeInt(&h, n) + 1
	}
	n := len(s) + 1
	if len(s) >= 4096 {
		n += 4
	} else if len(s) >= 64 {
		n++
	}
	return n + backSize(n)
}

// backSize is how many bytes the back length of a body of n bytes takes.
func backSize(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 16383:
		return 2
	case n < 2097151:
		return 3
	case n < 268435455:
		return 4
	}
	return 5
}

// putBack writes the back length: seven bits a byte, the lowest last, a set top bit where more stand before.
func putBack(b []byte, n int) {
	for i := backSize(n) - 1; i >= 0; i-- {
		b[i] = byte(n & 127)
		if i > 0 {
			b[i] |= 128
		}
		n >>= 7
	}
}

// parseInt reads s as the one canonical spelling of a 64-bit integer.
func parseInt(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > intDigits {
		return 0, false
	}
	c := s[0]
	if c > '9' || (c < '0' && c != '-') {
		return 0, false
	}
	if len(s) == 1 {
		return int64(c - '0'), c != '-'
	}
	digits, limit := s, uint64(math.MaxInt64)
	if c == '-' {
		digits, limit = s[1:], 1<<63
	}
	if digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	v := uint64(0)
	for _, d := range digits {
		d -= '0'
		if d > 9 || v > (limit-uint64(d))/10 {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	if c == '-' {
		return -int64(v), true
	}
	return int64(v), true
}
