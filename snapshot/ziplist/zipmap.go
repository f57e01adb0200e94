package ziplist

const uncountedMap = 254

// ReadMap checks that p is a zipmap of one field or more, and gives visit its fields with their values in order, in place. It
// returns true when Redis takes the zipmap for valid and visit, which may be nil, always returned true. Not valid here are two things
// that Redis never wrote, but lets pass and then reads wrongly: a length below 254 in five bytes, and one that overflows 32 bits
// together with the unused bytes. What visit was given before false counts for nothing.
func ReadMap(p []byte, visit func(field, value []byte) bool) bool {
	if len(p) < 2 || p[len(p)-1] != endMark {
		return false
	}
	n, at := 0, 1
	for ; p[at] != endMark; n++ {
		field, end, ok := readText(p, at, 0)
		if !ok {
			return false
		}
		value, end, ok := readText(p, end, 1)
		if !ok || (visit != nil && !visit(field, value)) {
			return false
		}
		at = end
	}
	return n > 0 && (p[0] == uncountedMap || int(p[0]) == n)
}

// readText reads a length and so many bytes, which end before the end of p. Behind the length of a value stands a byte more,
// how many unused bytes follow.
func readText(p []byte, start, more int) (s []byte, end int, ok bool) {
	n, at, ok := readLen(p, start)
	if !ok || at+more >= len(p) || (n < bigLen && at-start > 1) {
		return nil, at, false
	}
	free := 0
	if more == 1 {
		free = int(p[at])
	}
	at += more
	if n >= uint64(len(p)-at) || free >= len(p)-at-int(n) {
		return nil, at, false
	}
	return p[at : at+int(n)], at + int(n) + free, true
}
