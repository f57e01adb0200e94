package btree

import "frankenredis/kv/arena"

// Type says what the items of one kind of tree look like and how they are ordered. It must not change while
// such trees exist; any number of goroutines may use it.
type Type struct {
	// Words is how many key words an item has, 0 to 2. They are compared first, as unsigned numbers.
	Words int
	// Weighted trees keep a weight with each item and sums of them in every node.
	Weighted bool
	// Compare orders items whose words are equal: it compares the entry at r with a key's tail, and returns a number
	// below, equal to or above zero. It may be called with the arena or a View of it and must only read. When it
	// is nil the words alone are the key; a Type without words either makes purely positional trees.
	Compare func(m arena.Mem, r arena.Ref, tail []byte) int
}

// ordered says that the tree's items have keys.
func (t *Type) ordered() bool { return t.Words > 0 || t.Compare != nil }

// Key names an item, or a place between items.
type Key struct {
	W    [2]uint64 // the first Type.Words of them count
	Tail []byte    // for Type.Compare
	// Beyond makes the key a bound that lies behind all items with these words, whatever their tails are. Tail is then
	// ignored, and no item has this key.
	Beyond bool
}

// Item is what a tree holds.
type Item struct {
	W      [2]uint64 // key words; 0 beyond Type.Words
	Ref    arena.Ref
	Weight uint64 // 0 in trees without weights
}

// Tree is a handle to a tree: copy it freely, all state is in the arena behind the root. Only the arena's owner may call its
// methods. The zero Tree is not usable. It reads as Reader does.
type Tree struct {
	Reader
	a *arena.Arena
}

// The root block. Its place never changes.
const (
	rootTop    = 0  // link to the top node; 0 when the tree is empty
	rootLen    = 8  // items
	rootAux    = 16 // bytes of all blocks of the tree, this one included, << 8 | levels of inner nodes
	rootWeight = 24 // sum of all weights; only in weighted trees
	rootSize   = 24

	heightBits = 8
)

func (t *Type) rootSize() int {
	if t.Weighted {
		return rootSize + wordSize
	}
	return rootSize
}

// New makes an empty tree of one block, of 24 bytes or with weights 32.
func New(a *arena.Arena, t *Type) Tree {
	n := t.rootSize()
	d := Open(a, t, a.Alloc(n))
	clear(a.Mut(d.root, n))
	d.addBytes(d.root, 1)
	return d
}

// Open returns the tree whose Root was root.
func Open(a *arena.Arena, t *Type, root arena.Ref) Tree {
	return Tree{Reader: Reader{m: a, t: t, root: root}, a: a}
}

// Insert adds an item; false, and no change, when the key is present. The weight is not kept unless Type.Weighted. The
// Type has keys; the key is not a Beyond.
func (d Tree) Insert(k Key, r arena.Ref, weight uint64) bool {
	if k.Beyond || !d.t.ordered() {
		panic("btree: Insert without a key")
	}
	var p path
	if d.seek(&k, &p, false).found {
		return false
	}
	d.insertItem(&p, Item{W: k.W, Ref: r, Weight: weight})
	return true
}

// InsertAt adds an item to a positional tree, so that it is item i, 0 <= i <= Len. The weight is not kept unless
// Type.Weighted.
func (d Tree) InsertAt(i int, r arena.Ref, weight uint64) {
	if d.t.ordered() {
		panic("btree: InsertAt in a tree with keys")
	}
	d.checkPosition(i, d.Len()+1)
	var p path
	d.seekPos(i, &p)
	d.insertItem(&p, Item{Ref: r, Weight: weight})
}

// Replace puts another ref in place of the item's with this key, whose entry has the same key, and returns the old one.
func (d Tree) Replace(k Key, r arena.Ref) (old arena.Ref, ok bool) {
	var p path
	at := d.seek(&k, &p, false)
	if !at.found {
		return 0, false
	}
	it := d.item(at)
	old, it.Ref = it.Ref, r
	d.set(&p, at, it)
	return old, true
}

// SetAt puts another ref and weight in place of those of item i, whose key stays, and returns the old ref. The weight is not
// kept unless Type.Weighted.
func (d Tree) SetAt(i int, r arena.Ref, weight uint64) (old arena.Ref) {
	d.checkPosition(i, d.Len())
	var p path
	at := d.seekPos(i, &p)
	it := d.item(at)
	old, it.Ref, it.Weight = it.Ref, r, weight
	d.set(&p, at, it)
	return old
}

// set overwrites the item at a place, and what is repeated of it further up.
func (d Tree) set(p *path, at place, it Item) {
	w := d.slot(at.leaf, d.t.leaf(), at.i)
	grown := uint64(0)
	if d.t.Weighted {
		grown = it.Weight - w[d.t.Words+1]
		w[d.t.Words+1] = it.Weight
	}
	w[d.t.Words] = uint64(it.Ref)
	d.lift(p, 0, 0, grown)
}

// Delete removes the item with this key and returns its ref.
func (d Tree) Delete(k Key) (r arena.Ref, ok bool) {
	var p path
	at := d.seek(&k, &p, false)
	if !at.found {
		return 0, false
	}
	r = d.item(at).Ref
	d.remove(&p, at.i, at.i+1)
	return r, true
}

// DeleteAt removes item i and returns it.
func (d Tree) DeleteAt(i int) Item {
	d.checkPosition(i, d.Len())
	var p path
	at := d.seekPos(i, &p)
	it := d.item(at)
	d.remove(&p, at.i, at.i+1)
	return it
}

// DeleteRange removes the items at positions [i, j), 0 <= i <= j <= Len, leaf by leaf, and gives the refs of each to visit, in
// order. visit may free the entries. It must not change the tree; it may read it, and then finds gone what it has got. It may
// be nil.
func (d Tree) DeleteRange(i, j int, visit func(refs []arena.Ref)) {
	d.checkPosition(i, j+1)
	d.checkPosition(j, d.Len()+1)
	var refs [maxSlots]arena.Ref
	for left := j - i; left > 0; {
		var p path
		at := d.seekPos(i, &p)
		n := min(left, at.n-at.i)
		d.refs(at, refs[:n])
		d.remove(&p, at.i, at.i+n)
		left -= n
		if visit != nil {
			visit(refs[:n])
		}
	}
}

// setTop makes a node the top.
func (d Tree) setTop(l link, height int) {
	if d.top() != l {
		d.a.Store64(d.root+rootTop, uint64(l))
	}
	if old := d.height(); old != height {
		d.a.Store64(d.root+rootAux, d.a.Load64(d.root+rootAux)+uint64(height-old))
	}
}

// add changes one of the root's counters.
func (d Tree) add(field arena.Ref, delta uint64) {
	if delta != 0 {
		d.a.Store64(d.root+field, d.a.Load64(d.root+field)+delta)
	}
}

// addTotals adds to the root's sums.
func (d Tree) addTotals(items, weight uint64) {
	d.add(rootLen, items)
	if d.t.Weighted {
		d.add(rootWeight, weight)
	}
}

// addBytes and its callers keep MemBytes.
func (d Tree) addBytes(r arena.Ref, sign int) {
	d.add(rootAux, uint64(sign*d.a.Usable(r))<<heightBits)
}

func (d Tree) alloc(n int) arena.Ref {
	r := d.a.Alloc(n)
	d.addBytes(r, 1)
	return r
}

func (d Tree) free(r arena.Ref) {
	d.addBytes(r, -1)
	d.a.Free(r)
}
