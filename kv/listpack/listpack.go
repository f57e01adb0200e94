package listpack

import (
	"encoding/binary"
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
	countMax  = uncounted - 1
)

// The first byte of an entry.
const (
	encInt7  = 0x00 // 0xxxxxxx
	encStr6  = 0x80 // 10xxxxxx
	encInt13 = 0xc0 // 110xxxxx, 1 byte
	encStr12 = 0xe0 // 1110xxxx, 1 byte
	encStr32 = 0xf0 // 4 bytes
	encInt16 = 0xf1
	encInt24 = 0xf2
	encInt32 = 0xf3
	encInt64 = 0xf4
)

const (
	// Overhead is how many bytes an empty listpack takes.
	Overhead = headerLen + 1
	// MostAround is how many bytes an entry takes beyond a string, at most.
	MostAround = 10
)

// New makes an empty listpack in buf's memory.
func New(buf []byte) []byte {
	return append(buf[:0], headerLen+1, 0, 0, 0, 0, 0, endMark)
}

// Len is the number of entries. When the header does not tell, they are counted one by one.
func Len(p []byte) int {
	if n := headerCount(p); n != uncounted {
		return n
	}
	n := 0
	for at := headerLen; p[at] != endMark; at += entryLen(p, at) {
		n++
	}
	return n
}

// Safe says whether a listpack with n bytes more is at most MaxBytes long.
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
	n := backLen(p, at)
	return at - n - backSize(n)
}

func entryAt(p []byte, at int) int {
	if p[at] == endMark {
		return None
	}
	return at
}

// Seek is the position of entry i, counted from the end when negative; None when there is none. It walks from the nearer end.
func Seek(p []byte, i int) int {
	if n := headerCount(p); n != uncounted {
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return None
		}
		if i > n/2 {
			i -= n
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

// Get is the entry at a position: an integer, or a string in place.
func Get(p []byte, at int) (s []byte, n int64, isInt bool) {
	switch b := p[at]; {
	case b < encStr6:
		return nil, int64(b), true
	case b < encInt13:
		return p[at+1 : at+1+int(b&63)], 0, false
	case b < encStr12:
		return nil, int64(int16(uint16(b&31)<<8|uint16(p[at+1]))<<3) >> 3, true
	case b < encStr32:
		n := int(b&15)<<8 | int(p[at+1])
		return p[at+2 : at+2+n], 0, false
	case b == encStr32:
		n := int(binary.LittleEndian.Uint32(p[at+1:]))
		return p[at+5 : at+5+n], 0, false
	case b == encInt16:
		return nil, int64(int16(binary.LittleEndian.Uint16(p[at+1:]))), true
	case b == encInt24:
		return nil, int64(int32(uint32(p[at+1])<<8|uint32(p[at+2])<<16|uint32(p[at+3])<<24) >> 8), true
	case b == encInt32:
		return nil, int64(int32(binary.LittleEndian.Uint32(p[at+1:]))), true
	case b == encInt64:
		return nil, int64(binary.LittleEndian.Uint64(p[at+1:])), true
	}
	panic("listpack: no entry at the position")
}

// Read is the entry at a position, as Get gives it, and the position of the next one, None behind the last.
func Read(p []byte, at int) (s []byte, n int64, isInt bool, next int) {
	switch b := p[at]; {
	case b < encStr6:
		return nil, int64(b), true, entryAt(p, at+2)
	case b < encInt13:
		end := at + 1 + int(b&63)
		return p[at+1 : end], 0, false, entryAt(p, end+1)
	}
	s, n, isInt = Get(p, at)
	return s, n, isInt, Next(p, at)
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
	if at == None {
		return None
	}
	// An entry that is an integer can only equal a string that spells one. One that is a string is compared even then: it is
	// kept as a string by others than us.
	want, spelled := parseInt(s)
	for left := 0; ; {
		look := left == 0
		if look {
			left = skip
		} else {
			left--
		}
		switch b := p[at]; {
		case b < encStr6:
			if look && spelled && want == int64(b) {
				return at
			}
			at += 2
		case b < encInt13:
			n := int(b & 63)
			if look && n == len(s) && string(p[at+1:at+1+n]) == string(s) {
				return at
			}
			at += n + 2
		case b == endMark:
			return None
		default:
			if look {
				v, n, isInt := Get(p, at)
				if isInt && spelled && n == want || !isInt && string(v) == string(s) {
					return at
				}
			}
			at += entryLen(p, at)
		}
	}
}

// Counted is how many entries the header of p says that there are; 0 when it does not say, or p is no listpack.
func Counted(p []byte) int {
	if len(p) < headerLen || headerCount(p) == uncounted {
		return 0
	}
	return headerCount(p)
}

func headerCount(p []byte) int { return int(binary.LittleEndian.Uint16(p[4:])) }

// bodyLen is the length of an entry without its back length.
func bodyLen(p []byte, at int) int {
	switch b := p[at]; {
	case b < encStr6:
		return 1
	case b < encInt13:
		return 1 + int(b&63)
	case b < encStr12:
		return 2
	case b < encStr32:
		return 2 + (int(b&15)<<8 | int(p[at+1]))
	case b == encStr32:
		return 5 + int(binary.LittleEndian.Uint32(p[at+1:]))
	case b == encInt16:
		return 3
	case b == encInt24:
		return 4
	case b == encInt32:
		return 5
	case b == encInt64:
		return 9
	}
	panic("listpack: no entry at the position")
}

// Sizes are the parts in bytes of the entry at a position: its head, the payload and the back length.
func Sizes(p []byte, at int) (head, payload, back int) {
	body := bodyLen(p, at)
	switch b := p[at]; {
	case b < encStr12 || b > encStr32:
		head = 1
	case b < encStr32:
		head = 2
	default:
		head = 5
	}
	return head, body - head, backSize(body)
}

// Size is the length in bytes of the entry at a position.
func Size(p []byte, at int) int { return entryLen(p, at) }

// entryLen is the length of an entry with its back length.
func entryLen(p []byte, at int) int {
	n := bodyLen(p, at)
	return n + backSize(n)
}

// backLen reads the back length that ends before a position, -1 if it is longer than any. The position is behind an entry
// of at least one byte, so the five bytes read at most are never before the header.
func backLen(p []byte, at int) int {
	n := 0
	for shift := 0; shift <= 28; shift += 7 {
		at--
		n |= int(p[at]&127) << shift
		if p[at]&128 == 0 {
			return n
		}
	}
	return -1
}

// backSize is how many bytes the back length of a body of n bytes takes. That 16383 already takes three, and so on, is Redis's way.
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
