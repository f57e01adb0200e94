package ziplist

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
)

// write is a ziplist of values: integers where a string spells one. Lengths take more bytes than they need, and integers
// more than they need, as rng likes (nil: never).
func write(rng *rand.Rand, values []string) []byte {
	more := func() bool { return rng != nil && rng.IntN(8) == 0 }
	p := make([]byte, headerLen)
	at, before := headerLen, 0
	for _, v := range values {
		at = len(p)
		if before < bigLen && !more() {
			p = append(p, byte(before))
		} else {
			p = binary.LittleEndian.AppendUint32(append(p, bigLen), uint32(before))
		}
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && strconv.FormatInt(n, 10) == v && !more() {
			p = writeInt(p, n, more)
		} else {
			switch n := len(v); {
			case n < 64 && !more():
				p = append(p, byte(n))
			case n < 1<<14 && !more():
				p = append(p, str14|byte(n>>8), byte(n))
			default:
				p = binary.BigEndian.AppendUint32(append(p, str32), uint32(n))
			}
			p = append(p, v...)
		}
		before = len(p) - at
	}
	p = append(p, endMark)
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
	binary.LittleEndian.PutUint32(p[4:], uint32(at))
	binary.LittleEndian.PutUint16(p[8:], uint16(min(len(values), uncounted)))
	return p
}

func writeInt(p []byte, n int64, more func() bool) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(n))
	switch {
	case n >= 0 && n <= 12 && !more():
		return append(p, immMin+byte(n))
	case n >= math.MinInt8 && n <= math.MaxInt8 && !more():
		return append(append(p, int8s), b[:1]...)
	case n >= math.MinInt16 && n <= math.MaxInt16 && !more():
		return append(append(p, int16s), b[:2]...)
	case n >= -1<<23 && n < 1<<23 && !more():
		return append(append(p, int24s), b[:3]...)
	case n >= math.MinInt32 && n <= math.MaxInt32 && !more():
		return append(append(p, int32s), b[:4]...)
	}
	return append(append(p, int64s), b...)
}

// writeMap is a zipmap of fields and values in turn.
func writeMap(rng *rand.Rand, values []string) []byte {
	p := []byte{byte(min(len(values)/2, uncountedMap))}
	if rng.IntN(4) == 0 {
		p[0] = uncountedMap
	}
	for i, v := range values {
		if len(v) < bigLen {
			p = append(p, byte(len(v)))
		} else {
			p = binary.LittleEndian.AppendUint32(append(p, bigLen), uint32(len(v)))
		}
		free := 0
		if i%2 == 1 {
			if rng.IntN(3) == 0 {
				free = rng.IntN(5)
			}
			p = append(p, byte(free))
		}
		p = append(append(p, v...), make([]byte, free)...)
	}
	return append(p, endMark)
}
