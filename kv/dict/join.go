package dict

import "frankenredis/kv/arena"

// pair is an entry of one dict and one of another that may have the same key; same is 0 when none has.
type pair struct{ entry, same arena.Ref }

// Joint is what Join works with; the zero Joint will do. It may be used again, by one Join at a time.
type Joint struct {
	from, to Dict
	key      KeyFunc
	w        word   // where in to the last hash led
	hash     uint64 // that hash
	pairs    []pair
	buf      [2 * segmentMax]pair
}

// joinBits is with how many hash bits in common tags are compared; with fewer too many would agree by chance.
const joinBits = 10

// Join visits all entries of d, in Each's order, with the entry of to that has the same key, or 0, until visit returns false; it
// reports whether it came to the end. Both are of one Type in one arena, and so hashed alike: tags are compared with tags, and an entry
// is read only when there is one with the same tag. What Join calls must not change either dict.
func (d Dict) Join(to Dict, key KeyFunc, j *Joint, visit func(entry, same arena.Ref) bool) bool {
	j.from, j.to, j.key = d, to, key
	j.pairs = j.buf[:0]
	j.lookup(0)
	return j.node(word(d.a.Load64(d.root+rootTop)), 0, 0, visit)
}

// node joins what is behind a word that hashes beginning with the base bits of prefix lead to.
func (j *Joint) node(w word, base int, prefix uint64, visit func(entry, same arena.Ref) bool) bool {
	if w.kind() != kindNode {
		j.pairs = j.pairs[:0]
		if w.kind() == kindSegment {
			j.segment(w, prefix)
		} else {
			chainEach(j.from.a, w, func(_ arena.Ref, slots []uint64) bool {
				for _, e := range slots {
					j.find(entryRef(e))
				}
				return true
			})
		}
		return j.visit(visit)
	}
	k := w.count()
	for i := 0; i < 1<<k; {
		child := word(j.from.a.Load64(w.ref() + arena.Ref(i*wordSize)))
		if !j.node(child, base+k, prefix|uint64(i)<<(64-base-k), visit) {
			return false
		}
		i += span(child, base, k)
	}
	return true
}

// segment pairs the entries of a segment.
func (j *Joint) segment(w word, prefix uint64) {
	n := w.count()
	if n == 0 {
		return
	}
	base := w.base()
	prefix &^= ^uint64(0) >> base
	for _, e := range words(j.from.a.At(w.ref(), n*wordSize)) {
		hash := prefix | (e&tagMask)>>base // as far as it is known
		if (hash^j.hash)>>(64-j.w.depth()) != 0 {
			j.lookup(hash)
		}
		common := tagBits - max(j.w.base()-base, 0)
		if j.w.depth() > base+tagBits || common < joinBits || j.w.kind() != kindSegment {
			j.find(entryRef(e))
			continue
		}
		j.candidates(entryRef(e), hash, ^uint64(0)<<(64-common))
	}
}

// candidates pairs an entry with those in the other's segment whose tags agree in the bits of mask.
func (j *Joint) candidates(entry arena.Ref, hash, mask uint64) {
	w := j.w
	none := true
	if n := w.count(); n > 0 {
		want := tagOf(hash, w.base()) & mask
		seg := words(j.to.a.At(w.ref(), n*wordSize))
		for i := lowerBound(seg, hash<<w.depth(), want); i < len(seg) && seg[i]&mask == want; i++ {
			j.pairs = append(j.pairs, pair{entry, entryRef(seg[i])})
			none = false
		}
	}
	if none {
		j.pairs = append(j.pairs, pair{entry: entry})
	}
}

// lookup goes to where a hash leads in the other dict.
func (j *Joint) lookup(hash uint64) {
	j.hash, j.w = hash, j.to.lookup(hash)
}

// find pairs an entry by its whole hash.
func (j *Joint) find(entry arena.Ref) {
	a := j.from.a
	j.pairs = append(j.pairs, pair{entry, j.to.Find(j.from.t.Hash(a, entry), j.key(a, entry))})
}

// visit shows the pairs, each entry once.
func (j *Joint) visit(visit func(entry, same arena.Ref) bool) bool {
	touchPairs(j.from.a, j.pairs)
	for i := 0; i < len(j.pairs); {
		p := j.pairs[i]
		same := arena.Ref(0)
		if p.same != 0 {
			key := j.key(j.from.a, p.entry)
			for ; i < len(j.pairs) && j.pairs[i].entry == p.entry; i++ {
				if r := j.pairs[i].same; same == 0 && j.to.t.Match(j.to.a, r, key) {
					same = r
				}
			}
		} else {
			i++
		}
		if !visit(p.entry, same) {
			return false
		}
	}
	return true
}

// touchPairs is touch for pairs.
//
//go:noinline
func touchPairs(a *arena.Arena, pairs []pair) (sum uint64) {
	for _, p := range pairs {
		if p.same != 0 {
			sum += a.Load64(p.entry) + a.Load64(p.same)
		}
	}
	return sum
}
