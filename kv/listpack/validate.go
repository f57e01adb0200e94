package listpack

import "encoding/binary"

// Validate checks that p is a whole listpack and nothing else: its total length, each entry with its back length inside
// it, the end mark, and the count. It accepts any bytes. visit, unless nil, is given the position of each entry in
// order; false ends the check with false.
func Validate(p []byte, visit func(at int) bool) bool {
	if len(p) < headerLen+1 || int64(binary.LittleEndian.Uint32(p)) != int64(len(p)) || p[len(p)-1] != endMark {
		return false
	}
	n := 0
	at := headerLen
	for last := len(p) - 1; at < last; n++ {
		size, ok := checkEntry(p[:last], at)
		if !ok || (visit != nil && !visit(at)) {
			return false
		}
		at += size
	}
	counted := int(binary.LittleEndian.Uint16(p[4:]))
	return at == len(p)-1 && (counted == uncounted || counted == n)
}

// checkEntry checks the entry at a position of p, which ends before the end mark, and returns its length.
func checkEntry(p []byte, at int) (size int, ok bool) {
	head := 1
	switch b := p[at]; {
	case b < int13:
	case b < str32:
		head = 2
	case b <= int64_:
		head = [...]int{5, 3, 4, 5, 9}[b-str32]
	default:
		return 0, false
	}
	if len(p)-at < head {
		return 0, false
	}
	n := bodyLen(p, at)
	back := backSize(n)
	if n > len(p)-at || back > len(p)-at-n {
		return 0, false
	}
	var want [5]byte
	putBack(want[:], n)
	return n + back, string(p[at+n:at+n+back]) == string(want[:back])
}
