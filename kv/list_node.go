package kv

import (
	"math"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/listpack"
)

// A node of a list is a block like an element's without a key. Its encoding says what it is:
//
//	Listpack   a listpack of elements
//	Raw        plain: one large element as it is
//	           or one of these compressed (list_compress.go)
const plainNode = Raw

// listParams are what a list that is a table was made under; like Redis's, it keeps them when the configuration changes. They
// stand in the table's order word.
type listParams struct {
	size  int // list-max-listpack-size, within what Redis keeps of it
	depth int // list-compress-depth
}

const listParamBits = 16

func (ks *Keyspace) listParams() listParams {
	return listParams{
		size:  min(max(ks.limits.ListSize, -len(nodeBytes)), math.MaxInt16),
		depth: min(max(ks.limits.ListCompressDepth, 0), math.MaxUint16),
	}
}

func loadListParams(w arena.Ref) listParams {
	return listParams{size: int(int16(w)), depth: int(uint16(w >> listParamBits))}
}

func (p listParams) word() arena.Ref {
	return arena.Ref(uint16(p.size)) | arena.Ref(uint16(p.depth))<<listParamBits
}

// nodeBytes are the sizes that list-max-listpack-size means when it is -1, -2, ...; safeNode is as many bytes as a node may
// have when it limits elements.
var nodeBytes = [...]int{4096, 8192, 16384, 32768, 65536}

const safeNode = 8192

// nodeLimit says what a node may hold by list-max-listpack-size, in bytes and elements: one of the two is no limit.
func nodeLimit(size int) (bytes, count int) {
	if size >= 0 {
		return math.MaxInt, max(size, 1)
	}
	return nodeBytes[min(-size, len(nodeBytes))-1], math.MaxInt
}

// exceeds says whether a node of so many bytes and elements is over the limit.
func exceeds(size, bytes, count int) bool {
	most, n := nodeLimit(size)
	if most != math.MaxInt {
		return bytes > most
	}
	return bytes > safeNode || count > n
}

// Redis's estimates: what an element takes beside its bytes, and what goes when two listpacks become one.
const (
	entryOverhead   = 8
	listpackAround  = 7
	packedThreshold = listpack.MaxBytes
)

// newNode makes a node of a listpack or a plain element.
func (ks *Keyspace) newNode(p []byte, enc Encoding) arena.Ref {
	a := ks.a
	h := head(0).withEnc(enc)
	var words [blobWords]uint64
	n := 0
	if 8+len(p) > maxEntry {
		h |= flagBigValue
		b := makeBlob(a, p)
		words, n, p = b.words(), blobWords, nil
	}
	h |= head(1+n)<<wordsShift | head(len(p))<<valLenShift
	size := h.size()
	r := a.Alloc(size)
	b := a.Mut(r, size)
	putWord(b, 0, uint64(h))
	for i, w := range words[:n] {
		putWord(b, 1+i, w)
	}
	copy(b[8*(1+n):], p)
	return r
}

// openNode is a node that is being changed: its bytes with room for what is added, in the block itself, or for large ones
// in the edit's image.
type openNode struct {
	i     int
	it    btree.Item
	h     head   // of its block, unless image
	block []byte // the same
	p     []byte
	image bool
}

// open prepares the change of node i, a listpack that is to grow by at most room bytes. Until close nothing else may be
// changed.
func (e *ListEdit) open(i, room int) openNode { return e.openItem(i, e.tree().At(i), room) }

// openItem is open for who has looked the node up already.
func (e *ListEdit) openItem(i int, it btree.Item, room int) openNode {
	a := e.mem()
	n := openNode{i: i, it: it}
	c := element(a, n.it.Ref)
	n.h = c.h
	if size := c.h.size(); c.h.bigValue() || c.isCompressed() || size+room > maxEntry {
		n.image = true
		e.image = c.appendNode(a, e.image[:0])
		n.p = e.image
	} else {
		have := a.Usable(n.it.Ref)
		want := have
		if size+room > have {
			want = e.roomFor(i, size+room)
		}
		if want != have || a.Leave(n.it.Ref) {
			r := a.Alloc(want)
			copy(a.Mut(r, size), a.At(n.it.Ref, size))
			a.Free(n.it.Ref)
			n.it.Ref, have = r, a.Usable(r)
		}
		n.block = a.Mut(n.it.Ref, have)
		n.p = n.block[8:size:have]
	}
	return n
}

// roomFor is how large a block node i gets that has grown to n bytes, so that it is not copied for each element: an eighth more. A node at
// an end that is limited in bytes will be full soon, and gets half as much more, up to the limit.
func (e *ListEdit) roomFor(i, n int) int {
	more := n / 8
	if bytes, _ := nodeLimit(e.params.size); bytes != math.MaxInt && (i == 0 || i == e.tree().Len()-1) {
		more = min(n/2, max(n/8, 8+bytes-n))
	}
	return min(n+more, maxEntry)
}

// close ends the change of a node; by is how many elements there are more.
func (e *ListEdit) close(n *openNode, by int) {
	ks := e.ks()
	n.it.Weight += uint64(by)
	switch {
	case n.image:
		e.image = n.p
		ks.freeElement(n.it.Ref)
		n.it.Ref = ks.newNode(n.p, Listpack)
	case by <= 0 && 2*arena.BlockSize(8+len(n.p)) <= 8+cap(n.p):
		r := ks.newNode(n.p, Listpack)
		ks.a.Free(n.it.Ref)
		n.it.Ref = r
	default:
		putWord(n.block, 0, uint64(n.h.withValLen(len(n.p))))
	}
	e.tree().SetAt(n.i, n.it.Ref, n.it.Weight)
	e.settle(n.i)
}

// packOne makes a listpack of one element, in the edit's image.
func (e *ListEdit) packOne(v []byte) []byte {
	e.image = listpack.Append(listpack.New(e.image), v)
	return e.image
}
