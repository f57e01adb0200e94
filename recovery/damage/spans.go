package damage

import (
	"cmp"
	"slices"

	"frankenredis/heal"
)

// spans are ranges of a file, in order and apart.
type spans []heal.Range

// merged puts ranges in order and joins those that touch.
func (s spans) merged() spans {
	slices.SortFunc(s, func(a, b heal.Range) int { return cmp.Compare(a.Pos, b.Pos) })
	out := s[:0]
	for _, g := range s {
		if g.Bytes <= 0 {
			continue
		}
		if l := len(out); l > 0 && out[l-1].Pos+out[l-1].Bytes >= g.Pos {
			out[l-1].Bytes = max(out[l-1].Bytes, g.Pos+g.Bytes-out[l-1].Pos)
			continue
		}
		out = append(out, g)
	}
	return out
}

// from is the index of the first range that ends behind pos.
func (s spans) from(pos int64) int {
	i, _ := slices.BinarySearchFunc(s, pos, func(g heal.Range, pos int64) int {
		if g.Pos+g.Bytes <= pos {
			return -1
		}
		return 1
	})
	return i
}

// meets says whether a byte from pos up to end lies in a range.
func (s spans) meets(pos, end int64) bool {
	i := s.from(pos)
	return i < len(s) && s[i].Pos < end
}

// end is where the last range ends.
func (s spans) end() int64 {
	if len(s) == 0 {
		return 0
	}
	l := s[len(s)-1]
	return l.Pos + l.Bytes
}

// next is the first range that ends behind pos.
func (s spans) next(pos int64) (heal.Range, bool) {
	if i := s.from(pos); i < len(s) {
		return s[i], true
	}
	return heal.Range{}, false
}

// before is the last range that begins before pos.
func (s spans) before(pos int64) (heal.Range, bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].Pos < pos {
			return s[i], true
		}
	}
	return heal.Range{}, false
}
