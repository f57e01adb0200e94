package listpack

import "encoding/binary"

// Validate checks that p is a whole listpack and nothing else: its total length, each entry with its back length inside
// it, the end mark, and the count. It accepts any bytes, and says true exactly when Redis does under sanitize-dump-payload.
// visit, unless nil, is given the position of each entry in order; false ends the check with false.
func Validate(p []byte, visit func(at int) bool) bool {
	if len(p) < headerLen+1 || uint64(binary.LittleEndian.Uint32(p)) != uint64(len(p)) || p[len(p)-1] != endMark {
		return false
	}
	n, at, last := 0, headerLen, len(p)-1
	for ; at < last; n++ {
		size, ok := checkEntry(p[:last], at)
		if !ok || (visit != nil && !visit(at)) {
			return false
		}
		at += size
	}
	counted := headerCount(p)
	return counted == uncounted || counted == n
}

// checkEntry checks the entry at a position of p, which ends before the end mark, and returns its length.
func checkEntry(p []byte, at int) (size int, ok bool) {
	head := 1 // bytes that bodyLen looks at
	switch b := p[at]; {
	case b > encInt64:
		return 0, false
	case b == encStr32:
		head = 5
	case b >= encStr12 && b < encStr32:
		head = 2
	}
	left := len(p) - at
	if left < head {
		return 0, false
	}
	n := bodyLen(p, at)
	size = n + backSize(n)
	if size > left {
		return 0, false
	}
	// The value counts, not the form: a back length written otherwise than by us still leads back.
	return size, backLen(p, at+size) == n
}
