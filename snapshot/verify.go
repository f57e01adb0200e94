package snapshot

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"

	"frankenredis/kv/double"
	"frankenredis/kv/listpack"
)

// verifier checks the bytes of a packed value, and returns the number of its elements.
type verifier func(u *uniques, p []byte) (n int, err error)

// uniques finds elements of a packed value that occur twice. It keeps its memory from one value to the next. The zero value is ready.
type uniques struct {
	seed maphash.Seed // of long elements
	key  [2]uint64    // of short ones; random, as the seed
	mem  []unique
	// slots are mem's first so many, a power of two and at least twice as many as used: open addressing.
	slots []unique
	used  int
	int1  [20]byte // the digits of a number
	int2  [20]byte
}

// unique is an element that was seen: half its hash, which says where it stands, and below that its position. 0 means none.
type unique uint64

const (
	leastUniques = 64
	idleUniques  = 8192 // more are not kept
)

// reset forgets what was seen; so many elements are expected.
func (u *uniques) reset(expected int) {
	if u.mem == nil {
		u.seed = maphash.MakeSeed()
		u.key = [2]uint64{maphash.String(u.seed, "1"), maphash.String(u.seed, "2")}
	}
	n := max(leastUniques, 1<<bits.Len(uint(2*expected)))
	switch {
	case len(u.mem) < n || len(u.mem) > idleUniques && n <= idleUniques:
		u.mem = make([]unique, n)
	default:
		clear(u.mem[:n])
	}
	u.slots, u.used = u.mem[:n], 0
}

// add takes up the element s, which stands at a position of a listpack, and says whether it is new.
func (u *uniques) add(p []byte, at int, s []byte) bool {
	if 2*u.used >= len(u.slots) {
		u.grow()
	}
	hash := u.hash(s)
	mask := uint32(len(u.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := u.slots[i]
		if slot == 0 {
			u.slots[i] = unique(hash)<<32 | unique(at)
			u.used++
			return true
		}
		if uint32(slot>>32) == hash && bytes.Equal(s, entryText(p, int(uint32(slot)), &u.int2)) {
			return false
		}
	}
}

// hash depends on every byte and on random keys, so that nobody can make elements that collide. That of short elements, which nearly
// all are, is the two halves of a product.
func (u *uniques) hash(s []byte) uint32 {
	var a, b uint64
	switch n := len(s); {
	case n > 16:
		return uint32(maphash.Bytes(u.seed, s))
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(s)), uint64(binary.LittleEndian.Uint32(s[n-4:]))
	case n > 0:
		a = uint64(s[0])<<16 | uint64(s[n/2])<<8 | uint64(s[n-1])
	}
	high, low := bits.Mul64(a^u.key[0]^uint64(len(s)), b^u.key[1])
	return uint32(high ^ low ^ low>>32)
}

// grow makes room for more elements than were expected.
func (u *uniques) grow() {
	old := u.slots
	u.mem = make([]unique, 2*len(old))
	u.slots = u.mem
	mask := uint32(len(u.slots) - 1)
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := uint32(slot>>32) & mask
		for u.slots[i] != 0 {
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
func (u *uniques) members(p []byte) (n int, err error) { return u.groups(p, 1, false) }

// pairs checks a listpack of pairs of which no first halves are equal, and counts them.
func (u *uniques) pairs(p []byte) (n int, err error) { return u.groups(p, 2, false) }

// scored checks a packed sorted set: members, each once, with scores, in the set's order. Redis does not look at the
// order; one that is out of it would answer wrongly here as there, so it counts as damaged.
func (u *uniques) scored(p []byte) (n int, err error) { return u.groups(p, 2, true) }

// groups checks a listpack of groups of width entries, width 1 or 2, whose first ones are all different, and counts
// them. With scored the second ones are scores, and the groups in a sorted set's order.
func (u *uniques) groups(p []byte, width int, scored bool) (n int, err error) {
	entries, ok := listpack.Framed(p)
	if !ok {
		return 0, corrupt("listpack: malformed")
	}
	// The count may lie: each element takes at least two bytes.
	u.reset(min(listpack.Counted(p), len(p)/2) / width)
	last, lastScore := 0, math.Inf(-1)
	for at := listpack.Begin; at < len(entries); n++ {
		s, v, isInt, next := listpack.Scan(entries, at)
		if next == listpack.None {
			return 0, corrupt("listpack: malformed")
		}
		if isInt {
			s = strconv.AppendInt(u.int1[:0], v, 10)
		}
		if !u.add(entries, at, s) {
			return 0, corrupt("listpack: an element occurs twice")
		}
		if width == 2 {
			if next == len(entries) {
				return 0, corrupt("listpack: malformed")
			}
			value, v, isInt, behind := listpack.Scan(entries, next)
			if behind == listpack.None {
				return 0, corrupt("listpack: malformed")
			}
			next = behind
			if scored {
				score, ok := float64(v), true
				if !isInt {
					score, ok = double.Parse(value)
				}
				if !ok || !(score >= lastScore) { // also what is no number
					return 0, corrupt("listpack: elements out of order")
				}
				if score == lastScore && last != 0 && bytes.Compare(entryText(entries, last, &u.int2), s) >= 0 {
					return 0, corrupt("listpack: elements out of order")
				}
				last, lastScore = at, score
			}
		}
		at = next
	}
	if !listpack.Counts(p, n*width) {
		return 0, corrupt("listpack: malformed")
	}
	return n, nil
}
