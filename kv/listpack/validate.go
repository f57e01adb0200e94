package listpack

import "encoding/binary"

// Validate checks that p is a whole listpack and nothing else: its total length, each entry with its back length inside
// it, the end mark, and the count. It accepts any bytes, and says true exactly when Redis does under sanitize-dump-payload.
// visit, unless nil, is given the position of each entry in order; false ends the check with false.
func Validate(p []byte, visit func(at int) bool) bool {
	entries, ok := Framed(p)
	if !ok {
		return false
	}
	n := 0
	if visit == nil {
		_, n, ok = Pass(entries, Begin, len(entries))
		return ok && Counts(p, n)
	}
	for at := Begin; at < len(entries); n++ {
		next, _, ok := Pass(entries, at, 1)
		if !ok || !visit(at) {
			return false
		}
		at = next
	}
	return Counts(p, n)
}

// Framed checks the ends of p, which may be any bytes: its total length and the end mark. It returns p without the end mark, whose
// entries, from position [Begin] on, [Scan] and [Pass] go through; they are not checked yet, and neither is their number, see [Counts].
func Framed(p []byte) (entries []byte, ok bool) {
	last := len(p) - 1
	if last < headerLen || uint64(binary.LittleEndian.Uint32(p)) != uint64(len(p)) || p[last] != endMark {
		return nil, false
	}
	return p[:last], true
}

// Begin is the position of the first entry of what Framed returns, or its length if there is none.
const Begin = headerLen

// Counts says whether the header of p, which Framed has let pass, agrees with so many entries.
func Counts(p []byte, n int) bool {
	counted := headerCount(p)
	return counted == uncounted || counted == n
}

// lengths are the lengths of entries without their back lengths by first byte; 0 of those that have more than a byte to be asked, and of what
// is no entry. All take one byte of back length.
var lengths = func() (t [256]uint8) {
	for b := range t {
		switch {
		case b < encStr6:
			t[b] = 1
		case b < encInt13:
			t[b] = 1 + uint8(b&63)
		case b < encStr12:
			t[b] = 2
		}
	}
	t[encInt16], t[encInt24], t[encInt32], t[encInt64] = 3, 4, 5, 9
	return t
}()

// Pass checks entries of what Framed returned, from a position on, at most so many; n is how many there were before the end, and next the
// position behind them. It is not ok if one is not whole.
func Pass(entries []byte, at, most int) (next, n int, ok bool) {
	for ; n < most && at < len(entries); n++ {
		size := lengths[entries[at]]
		if back := at + int(size); back < len(entries) && entries[back] == size { // not of length 0: no first byte is 0 then
			at = back + 1
			continue
		}
		whole, ok := checkEntry(entries, at) // a long string, or a back length in another form
		if !ok {
			return at, n, false
		}
		at += whole
	}
	return at, n, true
}

// Scan checks the entry at a position before the end of what Framed returned, and reads it, as Get does. next is the position behind it, which
// may be the end; None says that it is not whole.
func Scan(entries []byte, at int) (s []byte, n int64, isInt bool, next int) {
	switch b := entries[at]; {
	case b < encStr6:
		if back := at + 1; back < len(entries) && entries[back] == 1 {
			return nil, int64(b), true, back + 1
		}
	case b < encInt13:
		size := b - (encStr6 - 1)
		if back := at + int(size); back < len(entries) && entries[back] == size {
			return entries[at+1 : back : back], 0, false, back + 1
		}
	}
	size, ok := checkEntry(entries, at)
	if !ok {
		return nil, 0, false, None
	}
	s, n, isInt = Get(entries, at)
	return s, n, isInt, at + size
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
