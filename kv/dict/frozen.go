package dict

import "frankenredis/kv/arena"

// Reader reads a dict as it was when the View was made. Any goroutine may use it
// as long as the View is open.
type Reader struct {
	m    arena.Mem
	t    *Type
	root arena.Ref
}

// Frozen opens the dict of this root in a View. With the arena itself as m it
// reads the live dict, for the owner only, and what it calls must not change the arena.
func Frozen(m arena.Mem, t *Type, root arena.Ref) Reader {
	return Reader{m: m, t: t, root: root}
}

// Len is the number of entries.
func (r Reader) Len() int { return int(r.m.Load64(r.root + rootLen)) }

// Find returns the entry with this key, 0 when there is none.
func (r Reader) Find(hash uint64, key []byte) arena.Ref {
	w := word(r.m.Load64(r.root + rootTop))
	for h := hash; w.kind() == kindNode; {
		k := w.count()
		w = word(r.m.Load64(w.ref() + arena.Ref(h>>(64-k)*wordSize)))
		h <<= k
	}
	n := w.count()
	if n == 0 {
		return 0
	}
	want := tagOf(hash, w.base())
	if w.kind() == kindChain {
		_, _, found := chainFind(r.m, r.t, w, want, key)
		return found
	}
	seg := words(r.m.At(w.ref(), n*wordSize))
	for i := lowerBound(seg, hash<<w.depth(), want); i < len(seg); i++ {
		e := seg[i]
		if e&tagMask != want {
			break
		}
		if found := entryRef(e); r.t.Match(r.m, found, key) {
			return found
		}
	}
	return 0
}

// Each visits all entries in the order of their hashes' leading bits until
// visit returns false; it reports whether it came to the end.
func (r Reader) Each(visit func(arena.Ref) bool) bool {
	return eachWord(r.m, r.root, func(w word) bool {
		if w.kind() == kindSegment {
			var b batch
			slots := b.load(r.m, w)
			touch(r.m, slots)
			for _, e := range slots {
				if !visit(entryRef(e)) {
					return false
				}
			}
			return true
		}
		more := true
		chainEach(r.m, w, func(_ arena.Ref, slots []uint64) bool {
			for i := 0; i < len(slots) && more; i++ {
				more = visit(entryRef(slots[i]))
			}
			return more
		})
		return more
	})
}

// eachWord visits the words of all segments and chains once each.
func eachWord(m arena.Mem, root arena.Ref, visit func(word) bool) bool {
	return eachWordOf(m, word(m.Load64(root+rootTop)), 0, visit)
}

func eachWordOf(m arena.Mem, w word, base int, visit func(word) bool) bool {
	if w.kind() != kindNode {
		return visit(w)
	}
	k := w.count()
	for i := 0; i < 1<<k; {
		child := word(m.Load64(w.ref() + arena.Ref(i*wordSize)))
		if !eachWordOf(m, child, base+k, visit) {
			return false
		}
		i += span(child, base, k)
	}
	return true
}
