package ziplist

import (
	"encoding/binary"
	"math"
)

// New puts an empty ziplist into buf's memory.
func New(buf []byte) []byte {
	return append(buf[:0], headerLen+1, 0, 0, 0, headerLen, 0, 0, 0, 0, 0, endMark)
}

// MaxEntry is the most that an entry takes beside the bytes of its string.
const MaxEntry = 5 + 5

// Append adds a string at the end, as a string whatever it spells. p must stay below 4 GiB.
func Append(p, s []byte) []byte {
	p, at := begin(p)
	switch n := len(s); {
	case n < 1<<6:
		p = append(p, str6|byte(n))
	case n < 1<<14:
		p = append(p, str14|byte(n>>8), byte(n))
	default:
		p = binary.BigEndian.AppendUint32(append(p, str32), uint32(n))
	}
	return finish(append(p, s...), at)
}

// AppendInt adds an integer at the end, in its shortest form. p must stay below 4 GiB.
func AppendInt(p []byte, n int64) []byte {
	p, at := begin(p)
	switch {
	case n >= 0 && n <= int64(immMax-immMin):
		p = append(p, immMin+byte(n))
	case n == int64(int8(n)):
		p = append(p, int8s, byte(n))
	case n == int64(int16(n)):
		p = binary.LittleEndian.AppendUint16(append(p, int16s), uint16(n))
	case n >= -1<<23 && n < 1<<23:
		p = append(p, int24s, byte(n), byte(n>>8), byte(n>>16))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		p = binary.LittleEndian.AppendUint32(append(p, int32s), uint32(n))
	default:
		p = binary.LittleEndian.AppendUint64(append(p, int64s), uint64(n))
	}
	return finish(p, at)
}

// begin removes the end mark and writes how long the entry before is; at is where the new entry begins.
func begin(p []byte) (q []byte, at int) {
	at = len(p) - 1
	before := at - int(binary.LittleEndian.Uint32(p[4:])) // 0 when there is none: the last one's place is the end
	if before < bigLen {
		return append(p[:at], byte(before)), at
	}
	return binary.LittleEndian.AppendUint32(append(p[:at], bigLen), uint32(before)), at
}

// finish writes the end mark and a header that knows of the entry at a position.
func finish(p []byte, at int) []byte {
	p = append(p, endMark)
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
	binary.LittleEndian.PutUint32(p[4:], uint32(at))
	if n := binary.LittleEndian.Uint16(p[8:]); n < uncounted {
		binary.LittleEndian.PutUint16(p[8:], n+1)
	}
	return p
}
