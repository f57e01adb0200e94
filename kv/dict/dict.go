package dict

import "frankenredis/kv/arena"

// Match reports whether the entry at r has exactly this key. It may be called
// with the arena or with a View of it and must only read.
type Match func(m arena.Mem, r arena.Ref, key []byte) bool

// KeyFunc returns the key bytes of the entry at r; the same rules as for Match.
// The bytes are valid as long as bytes from m.At are.
type KeyFunc func(m arena.Mem, r arena.Ref) []byte

// Type says how the dicts of one kind look at their entries.
type Type struct {
	// Match compares a stored entry with a key.
	Match Match
	// Hash computes an entry's hash again, exactly as it was given to Insert.
	// It runs when a segment's tags have run out of bits: about once for
	// every six doublings of the dict and entry.
	Hash func(m arena.Mem, r arena.Ref) uint64
}

// MatchKey makes a Match of a KeyFunc, for entries whose key lies in one piece.
func MatchKey(keyOf KeyFunc) Match {
	return func(m arena.Mem, r arena.Ref, key []byte) bool {
		return string(keyOf(m, r)) == string(key)
	}
}

// HashKey makes a Type.Hash of a KeyFunc, for dicts hashed by Hash with this seed.
func HashKey(seed *Seed, keyOf KeyFunc) func(m arena.Mem, r arena.Ref) uint64 {
	return func(m arena.Mem, r arena.Ref) uint64 { return Hash(seed, keyOf(m, r)) }
}

// Dict is a handle to a dict: copy it freely, all state is in the arena behind
// the root. Only the arena's owner may call its methods. The zero Dict is not usable.
type Dict struct {
	a    *arena.Arena
	t    *Type
	root arena.Ref
}

// The root block. Its place never changes.
const (
	rootLen   = 0  // entries
	rootTop   = 8  // word of the top: a segment, a node, or a chain
	rootBytes = 16 // bytes of all blocks of the dict, this one included
	rootAux   = 24 // levels (levels.go), or the sweep's position (free.go)
	rootSize  = 32
)

// New makes an empty dict of one 32-byte block.
func New(a *arena.Arena, t *Type) Dict {
	d := Dict{a: a, t: t, root: a.Alloc(rootSize)}
	clear(a.Mut(d.root, rootSize))
	d.add(rootBytes, int64(a.Usable(d.root)))
	return d
}

// Open returns the dict whose Root was root.
func Open(a *arena.Arena, t *Type, root arena.Ref) Dict {
	return Dict{a: a, t: t, root: root}
}

// Root is the ref by which Open and Frozen find the dict again. It stays the
// same until Free is done.
func (d Dict) Root() arena.Ref { return d.root }

// Len is the number of entries.
func (d Dict) Len() int { return int(d.a.Load64(d.root + rootLen)) }

// MemBytes is the exact number of arena bytes (size classes) the dict itself
// uses; entries are their owner's.
func (d Dict) MemBytes() int64 { return int64(d.a.Load64(d.root + rootBytes)) }

// Find returns the entry with this key, 0 when there is none. It writes nothing.
func (d Dict) Find(hash uint64, key []byte) arena.Ref {
	_, _, r := d.search(d.lookup(hash), hash, key)
	return r
}

// Insert adds an entry. The caller knows that its key is absent.
func (d Dict) Insert(hash uint64, r arena.Ref) {
	p := d.place(hash)
	for p.word.kind() == kindSegment && p.word.count() == segmentMax {
		d.split(hash, p)
		p = d.place(hash)
	}
	if p.word.kind() == kindChain {
		d.chainInsert(hash, p, r)
	} else {
		d.segmentInsert(hash, p, r)
	}
	d.add(rootLen, 1)
}

// Replace puts an entry's new ref in place of its old one. It panics when the
// old ref is not there: the caller's bookkeeping is broken then.
func (d Dict) Replace(hash uint64, old, new arena.Ref) {
	w := d.lookup(hash)
	block, i := d.searchRef(w, hash, old)
	if block == 0 {
		panic("dict: Replace of a ref that is not in the dict")
	}
	d.a.Store64(slotAt(w, block, i), tagOf(hash, w.base())|uint64(new))
}

// Delete removes the entry with this key and returns it for the caller to free;
// 0 when there is none.
func (d Dict) Delete(hash uint64, key []byte) arena.Ref {
	p := d.place(hash)
	block, i, r := d.search(p.word, hash, key)
	if r != 0 {
		d.remove(hash, p, block, i)
	}
	return r
}

// DeleteRef removes this very entry; false when it is not in the dict. It does
// not look at the entry.
func (d Dict) DeleteRef(hash uint64, r arena.Ref) bool {
	p := d.place(hash)
	block, i := d.searchRef(p.word, hash, r)
	if block != 0 {
		d.remove(hash, p, block, i)
	}
	return block != 0
}

// search finds the entry with this key in a segment or chain, and the block and number of its slot.
func (d Dict) search(w word, hash uint64, key []byte) (block arena.Ref, i int, r arena.Ref) {
	n := w.count()
	if n == 0 {
		return 0, 0, 0
	}
	want := tagOf(hash, w.base())
	if w.kind() == kindChain {
		return chainFind(d.a, d.t, w, want, key)
	}
	seg := words(d.a.At(w.ref(), n*wordSize))
	for i := lowerBound(seg, hash<<w.depth(), want); i < len(seg); i++ {
		e := seg[i]
		if e&tagMask != want {
			break
		}
		if r := entryRef(e); d.t.Match(d.a, r, key) {
			return w.ref(), i, r
		}
	}
	return 0, 0, 0
}

// searchRef finds the slot that holds r; block is 0 when none does.
func (d Dict) searchRef(w word, hash uint64, r arena.Ref) (block arena.Ref, i int) {
	n := w.count()
	if n == 0 {
		return 0, 0
	}
	e := tagOf(hash, w.base()) | uint64(r)
	if w.kind() == kindChain {
		return chainFindEntry(d.a, w, e)
	}
	seg := words(d.a.At(w.ref(), n*wordSize))
	for i := lowerBound(seg, hash<<w.depth(), e&tagMask); i < len(seg) && seg[i]&tagMask == e&tagMask; i++ {
		if seg[i] == e {
			return w.ref(), i
		}
	}
	return 0, 0
}

// slotAt returns the address of a slot.
func slotAt(w word, block arena.Ref, i int) arena.Ref {
	if w.kind() == kindChain {
		i++ // behind the link
	}
	return block + arena.Ref(i*wordSize)
}

// remove takes a slot out.
func (d Dict) remove(hash uint64, p place, block arena.Ref, i int) {
	if p.word.kind() == kindChain {
		d.chainRemove(hash, p, block, i)
	} else {
		d.segmentRemove(hash, p, i)
	}
	d.add(rootLen, -1)
}

// add changes one of the root's counters.
func (d Dict) add(field arena.Ref, delta int64) {
	d.a.Store64(d.root+field, d.a.Load64(d.root+field)+uint64(delta))
}

// alloc and free keep MemBytes.
func (d Dict) alloc(n int) arena.Ref {
	r := d.a.Alloc(n)
	d.add(rootBytes, int64(d.a.Usable(r)))
	return r
}

func (d Dict) free(r arena.Ref) {
	d.add(rootBytes, -int64(d.a.Usable(r)))
	d.a.Free(r)
}
