package snapshot

import (
	"bytes"
	"hash/maphash"
	"math"
	"strconv"

	"frankenredis/kv/listpack"
)

// verifier checks the bytes of a packed value, and returns the number of its elements.
type verifier func(u *uniques, p []byte) (n int, err error)

// uniques finds elements of a packed value that occur twice. It keeps its memory from one value to the next. The zero value is ready.
type uniques struct {
	seed  maphash.Seed
	slots []unique // open addressing; a power of two
	used  int
	int1  [20]byte // the digits of a number
	int2  [20]byte
}

// unique is an element that was seen; at 0 means none.
type unique struct {
	hash uint64
	at   int32
}

const leastUniques = 64

// reset forgets what was seen.
func (u *uniques) reset() {
	if u.slots == nil || len(u.slots) > 16*leastUniques {
		u.seed, u.slots = maphash.MakeSeed(), make([]unique, leastUniques)
	} else {
		clear(u.slots)
	}
	u.used = 0
}

// add takes up the element at a position of a listpack, and says whether it is new.
func (u *uniques) add(p []byte, at int) bool {
	if 2*u.used >= len(u.slots) {
		u.grow()
	}
	s := entryText(p, at, &u.int1)
	hash := maphash.Bytes(u.seed, s)
	mask := uint64(len(u.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := &u.slots[i]
		if slot.at == 0 {
			*slot = unique{hash, int32(at)}
			u.used++
			return true
		}
		if slot.hash == hash && bytes.Equal(s, entryText(p, int(slot.at), &u.int2)) {
			return false
		}
	}
}

func (u *uniques) grow() {
	old := u.slots
	u.slots = make([]unique, 2*len(old))
	mask := uint64(len(u.slots) - 1)
	for _, slot := range old {
		if slot.at == 0 {
			continue
		}
		i := slot.hash & mask
		for u.slots[i].at != 0 {
			i = (i + 1) & mask
		}
		u.slots[i] = slot
	}
}

// entryText is an element as a string, in the listpack itself or, if it is a number, in buf.
func entryText(p []byte, at int, buf *[20]byte) []byte {
	s, n, isInt := listpack.Get(p, at)
	if isInt {
		s = strconv.AppendInt(buf[:0], n, 10)
	}
	return s
}

// members checks a listpack of elements that are all different, and counts them.
func (u *uniques) members(p []byte) (n int, err error) {
	return u.groups(p, 1, nil)
}

// pairs checks a listpack of pairs of which no first halves are equal, and counts them.
func (u *uniques) pairs(p []byte) (n int, err error) {
	return u.groups(p, 2, nil)
}

// scored checks a packed sorted set: members, each once, with scores, in the set's order. Redis does not look at the
// order; one that is out of it would answer wrongly here as there, so it counts as damaged.
func (u *uniques) scored(p []byte) (n int, err error) {
	last, lastScore := 0, math.Inf(-1)
	return u.groups(p, 2, func(first, second int) bool {
		score, ok := packedScore(p, second)
		if !ok || score < lastScore {
			return false
		}
		if score == lastScore && last != 0 && bytes.Compare(entryText(p, last, &u.int1), entryText(p, first, &u.int2)) >= 0 {
			return false
		}
		last, lastScore = first, score
		return true
	})
}

// groups checks a listpack of groups of width entries, width 1 or 2, whose first ones are all different, and counts
// them. check, unless nil, looks at the positions of a group's entries.
func (u *uniques) groups(p []byte, width int, check func(first, last int) bool) (n int, err error) {
	u.reset()
	first := 0
	reason := "malformed"
	ok := listpack.Validate(p, func(at int) bool {
		if n%width == 0 {
			if !u.add(p, at) {
				reason = "an element occurs twice"
				return false
			}
			first = at
		}
		n++
		if n%width == 0 && check != nil && !check(first, at) {
			reason = "elements out of order"
			return false
		}
		return true
	})
	if !ok || n%width != 0 {
		return 0, corrupt("listpack: %s", reason)
	}
	return n / width, nil
}

// packedScore reads a score of a packed sorted set.
func packedScore(p []byte, at int) (float64, bool) {
	s, n, isInt := listpack.Get(p, at)
	if isInt {
		return float64(n), true
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, (err == nil || math.IsInf(f, 0)) && !math.IsNaN(f)
}
