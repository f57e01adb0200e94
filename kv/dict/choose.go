package dict

import (
	"math/bits"

	"frankenredis/kv/arena"
)

// drawShare is how many times as many entries as are wanted there must be for drawing until enough different ones came to be
// cheaper than looking at all.
const drawShare = 8

// Choose visits n different entries, 0 <= n <= Len, each choice of them with the same probability, given rnd's numbers are uniform
// over all 64 bits. visit must not change the dict.
func (d Dict) Choose(n int, rnd func() uint64, visit func(arena.Ref)) {
	left := d.Len()
	if n*drawShare < left {
		d.draw(n, rnd, visit)
		return
	}
	// Of each entry in turn it is decided by how many are still wanted and still left whether it is among the chosen.
	var few [segmentMax]uint64
	choose := func(slots []uint64) bool {
		chosen := few[:0]
		for _, e := range slots {
			if uniform(rnd(), left) < n {
				chosen = append(chosen, e)
				n--
			}
			left--
		}
		touch(d.a, chosen)
		for _, e := range chosen {
			visit(entryRef(e))
		}
		return n > 0
	}
	eachWord(d.a, d.root, func(w word) bool {
		if w.count() == 0 {
			return true
		}
		if w.kind() == kindSegment {
			return choose(words(d.a.At(w.ref(), w.count()*wordSize)))
		}
		more := true
		chainEach(d.a, w, func(_ arena.Ref, slots []uint64) bool {
			more = choose(slots)
			return more
		})
		return more
	})
}

// draw is Choose for a few out of many.
func (d Dict) draw(n int, rnd func() uint64, visit func(arena.Ref)) {
	var some [warmMax]arena.Ref
	var small [4 * warmMax]arena.Ref
	seen := refSet(small[:])
	if 2*n > len(small) {
		seen = make(refSet, 2<<bits.Len(uint(n)))
	}
	for n > 0 {
		k := 0
		for k < min(n, len(some)) {
			if r := d.Random(rnd); seen.add(r) {
				some[k] = r
				k++
			}
		}
		d.a.Touch(some[:k])
		for _, r := range some[:k] {
			visit(r)
		}
		n -= k
	}
}

// refSet is a set of refs by linear probing, at most half full. Its length is a power of two; 0 is free.
type refSet []arena.Ref

// add adds r and reports whether it was not there.
func (s refSet) add(r arena.Ref) bool {
	const mix = 0x9e3779b97f4a7c15
	mask := len(s) - 1
	i := int(uint64(r)*mix>>32) & mask
	for ; s[i] != 0; i = (i + 1) & mask {
		if s[i] == r {
			return false
		}
	}
	s[i] = r
	return true
}
