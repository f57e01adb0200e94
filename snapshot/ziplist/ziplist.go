package ziplist

import "encoding/binary"

const (
	headerLen = 10
	endMark   = 0xff
	uncounted = 0xffff
	bigLen    = 254 // from here on a length stands in the four bytes that follow
)

// The byte that says what an entry is; in strings its low bits are part of the length.
const (
	str6   = 0x00
	str14  = 0x40
	str32  = 0x80
	int16s = 0xc0
	int32s = 0xd0
	int64s = 0xe0
	int24s = 0xf0
	immMin = 0xf1
	immMax = 0xfd
	int8s  = 0xfe
)

// Read checks that p is a whole ziplist and nothing else, and gives visit its entries in order: strings in place, or
// integers. It returns true exactly when Redis takes the ziplist for valid and visit, which may be nil, always returned
// true. What visit was given before false counts for nothing.
func Read(p []byte, visit func(s []byte, n int64, isInt bool) bool) bool {
	if len(p) <= headerLen || uint64(binary.LittleEndian.Uint32(p)) != uint64(len(p)) || p[len(p)-1] != endMark {
		return false
	}
	last := len(p) - 1
	tail := uint64(binary.LittleEndian.Uint32(p[4:]))
	if tail > uint64(last) {
		return false
	}
	n, at, before := 0, headerLen, headerLen
	for ; p[at] != endMark; n++ {
		e, ok := readEntry(p[:last], at)
		if !ok || e.prevLen != uint64(at-before) || (visit != nil && !visit(e.s, e.n, e.isInt)) {
			return false
		}
		before, at = at, e.end
	}
	if at != last || (n > 0 && tail != uint64(before)) {
		return false
	}
	counted := int(binary.LittleEndian.Uint16(p[8:]))
	return counted == uncounted || counted == n
}

// entry is one entry of a ziplist.
type entry struct {
	prevLen uint64
	s       []byte
	n       int64
	isInt   bool
	end     int // position behind it
}

// readEntry reads the entry at a position of p, which ends before the end mark.
func readEntry(p []byte, at int) (e entry, ok bool) {
	if e.prevLen, at, ok = readLen(p, at); !ok || at >= len(p) {
		return e, false
	}
	b := p[at]
	at++
	rest := p[at:]
	size := 0
	switch {
	case b < str14:
		size = int(b)
	case b < str32:
		if len(rest) < 1 {
			return e, false
		}
		size = int(b&63)<<8 | int(rest[0])
		at++
	case b < int16s:
		if len(rest) < 4 {
			return e, false
		}
		size = int(binary.BigEndian.Uint32(rest))
		at += 4
	default:
		e.isInt = true
		if e.n, size, ok = readInt(b, rest); !ok {
			return e, false
		}
	}
	if size > len(p)-at {
		return e, false
	}
	if !e.isInt {
		e.s = p[at : at+size]
	}
	e.end = at + size
	return e, true
}

// readInt reads an integer of the kind b and returns how many bytes of p it takes.
func readInt(b byte, p []byte) (n int64, size int, ok bool) {
	switch {
	case b >= immMin && b <= immMax:
		return int64(b&15) - 1, 0, true
	case b == int8s && len(p) >= 1:
		return int64(int8(p[0])), 1, true
	case b == int16s && len(p) >= 2:
		return int64(int16(binary.LittleEndian.Uint16(p))), 2, true
	case b == int24s && len(p) >= 3:
		return int64(int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24) >> 8), 3, true
	case b == int32s && len(p) >= 4:
		return int64(int32(binary.LittleEndian.Uint32(p))), 4, true
	case b == int64s && len(p) >= 8:
		return int64(binary.LittleEndian.Uint64(p)), 8, true
	}
	return 0, 0, false
}

// readLen reads a length of one or five bytes at a position and returns the position behind it.
func readLen(p []byte, at int) (n uint64, end int, ok bool) {
	if at >= len(p) {
		return 0, at, false
	}
	if b := p[at]; b < bigLen {
		return uint64(b), at + 1, true
	}
	if len(p)-at < 5 {
		return 0, at, false
	}
	return uint64(binary.LittleEndian.Uint32(p[at+1:])), at + 5, true
}
