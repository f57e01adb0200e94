package dict

import "frankenredis/kv/arena"

// nodeBits is the width of a full node. A node of 256 words takes 2 KiB; wider ones would save a
// level in some sizes of dicts, and lie in slabs of more pages, to be copied whole for a view.
const nodeBits = 8

const _ uint = arena.MaxBlock - wordSize<<nodeBits // such blocks exist

// A node is an array of 1<<k words, k at most nodeBits. A node at the base b
// (the number of hash bits above it) tells segments down to depth b+k apart; a
// shallower segment fills several equal words. The node doubles when a
// segment of depth b+k splits; one of full width gets a child node instead,
// so only full nodes have children and all bases are multiples of nodeBits.

// place is where a hash leads.
type place struct {
	word word
	node arena.Ref // 0: the root itself holds the word
	base int       // hash bits above the node
	bits int       // hash bits the node tells apart
	link arena.Ref // address of the word of the node
}

// at returns the address of the word of another hash that leads to the same node.
func (p place) at(hash uint64) arena.Ref {
	return p.node + arena.Ref(hash<<p.base>>(64-p.bits)*wordSize)
}

func (d Dict) lookup(hash uint64) word {
	w := word(d.a.Load64(d.root + rootTop))
	for w.kind() == kindNode {
		k := w.count()
		w = word(d.a.Load64(w.ref() + arena.Ref(hash>>(64-k)*wordSize)))
		hash <<= k
	}
	return w
}

// place is lookup for those who want to change something.
func (d Dict) place(hash uint64) place {
	p := place{word: word(d.a.Load64(d.root + rootTop))}
	at := d.root + rootTop
	for p.word.kind() == kindNode {
		p.link = at
		p.node = p.word.ref()
		p.base += p.bits
		p.bits = p.word.count()
		at = p.at(hash)
		p.word = word(d.a.Load64(at))
	}
	return p
}

// setWord writes w into all words of its part of the hash space, that is of the
// leading w.depth() bits of hash.
func (d Dict) setWord(hash uint64, p place, w word) {
	if p.node == 0 {
		d.a.Store64(d.root+rootTop, uint64(w))
		return
	}
	n := 1 << (p.base + p.bits - w.depth())
	i := int(hash<<p.base>>(64-p.bits)) &^ (n - 1)
	at := p.node + arena.Ref(i*wordSize)
	if n == 1 {
		d.a.Store64(at, uint64(w))
		return
	}
	b := words(d.a.Mut(at, n*wordSize))
	for i := range b {
		b[i] = uint64(w)
	}
}

// deepen makes room for depth p.base+p.bits+1 at the place of hash.
func (d Dict) deepen(p place, hash uint64) {
	switch {
	case p.node == 0:
		d.a.Store64(d.root+rootTop, uint64(d.newNode(p.word)))
	case p.bits == nodeBits:
		d.a.Store64(p.at(hash), uint64(d.newNode(p.word)))
	default:
		n := 1 << p.bits
		r := d.alloc(2 * n * wordSize)
		to := words(d.a.Mut(r, 2*n*wordSize))
		for i, w := range words(d.a.At(p.node, n*wordSize)) {
			to[2*i], to[2*i+1] = w, w
		}
		d.free(p.node)
		d.a.Store64(p.link, uint64(makeWord(kindNode, r, p.bits+1, 0, 0)))
	}
}

// newNode makes a node of two words w.
func (d Dict) newNode(w word) word {
	r := d.alloc(2 * wordSize)
	b := words(d.a.Mut(r, 2*wordSize))
	b[0], b[1] = uint64(w), uint64(w)
	return makeWord(kindNode, r, 1, 0, 0)
}

// narrow halves a node for as long as no segment needs its last bit.
func (d Dict) narrow(p place) {
	for p.bits > 1 {
		n := 1 << p.bits
		b := words(d.a.At(p.node, n*wordSize))
		for i := 0; i < len(b); i += 2 {
			if b[i] != b[i+1] {
				return
			}
		}
		r := d.alloc(n / 2 * wordSize)
		to := words(d.a.Mut(r, n/2*wordSize))
		from := words(d.a.At(p.node, n*wordSize))
		for i := range to {
			to[i] = from[2*i]
		}
		d.free(p.node)
		p.node = r
		p.bits--
		d.a.Store64(p.link, uint64(makeWord(kindNode, r, p.bits, 0, 0)))
	}
}

// span returns how many equal words of a node at base with k bits the word w fills.
func span(w word, base, k int) int {
	if w.kind() == kindNode {
		return 1
	}
	return 1 << (base + k - w.depth())
}
