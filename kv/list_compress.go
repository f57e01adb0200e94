package kv

import (
	"encoding/binary"
	"fmt"

	"frankenredis/kv/arena"
	"frankenredis/snapshot/lzf"
)

// With list-compress-depth d, the nodes of a list that are further than d from both ends are kept compressed if that saves
// something. Which these are is Redis's choice, because it shows: in DEBUG OBJECT, and in what is saved without rdbcompression.
//
// Such a node's value is its length before compression in four bytes, little-endian, and a block of LZF.
const (
	lzfNode      = StreamTree + 1 + iota // of a listpack
	lzfPlainNode                         // of a plain element
)

const (
	rawLenBytes = 4
	// What Redis compresses: at least so many bytes, if more than so many are saved.
	minCompress = 48
	minSaved    = 8
)

func (c cell) isCompressed() bool { return c.h.enc() == lzfNode || c.h.enc() == lzfPlainNode }

func (c cell) isPlain() bool { return c.h.enc() == plainNode || c.h.enc() == lzfPlainNode }

// nodeLen is the length in bytes of a node's listpack or plain element.
func (c cell) nodeLen(m arena.Mem) int {
	if !c.isCompressed() {
		return c.stringLen(m)
	}
	var b [rawLenBytes]byte
	return int(binary.LittleEndian.Uint32(c.appendRange(m, b[:0], 0, rawLenBytes)))
}

// node is the content of a node: where it lies, or in buf, which is returned for the next use.
func (c cell) node(m arena.Mem, buf []byte) (p, grown []byte) {
	p, buf = c.packed(m, buf)
	if !c.isCompressed() {
		return p, buf
	}
	if c.h.bigValue() {
		p = append([]byte(nil), p...) // it may lie in buf
	}
	n := int(binary.LittleEndian.Uint32(p))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if err := lzf.Expand(buf, p[rawLenBytes:]); err != nil {
		panic(fmt.Sprintf("kv: a node of a list: %v", err)) // we compressed it
	}
	return buf, buf
}

// compressed is the block of LZF of a node that is kept so; else nil.
func (c cell) compressed(m arena.Mem) []byte {
	if !c.isCompressed() {
		return nil
	}
	p, _ := c.packed(m, nil)
	return p[rawLenBytes:]
}

// appendNode appends the content of a node.
func (c cell) appendNode(m arena.Mem, dst []byte) []byte {
	if c.isCompressed() {
		p, _ := c.node(m, nil)
		return append(dst, p...)
	}
	return c.appendRange(m, dst, 0, c.stringLen(m))
}

// settle compresses or expands node i, if there is one, according to its place.
func (e *ListEdit) settle(i int) {
	d := e.params.depth
	if d == 0 {
		return
	}
	t := e.tree()
	n := t.Len()
	if uint(i) >= uint(n) {
		return
	}
	ks := e.ks()
	it := t.At(i)
	c := element(ks.a, it.Ref)
	var r arena.Ref
	switch inner := i >= d && i < n-d; {
	case inner && !c.isCompressed():
		r = ks.compress(c)
	case !inner && c.isCompressed():
		p, _ := c.node(ks.a, nil)
		enc := Listpack
		if c.isPlain() {
			enc = plainNode
		}
		r = ks.newNode(p, enc)
	}
	if r != 0 {
		ks.freeElement(it.Ref)
		t.SetAt(i, r, it.Weight)
	}
}

// settleEnds does what is to be done when there is a node more or less: at either end one may have come in or out.
func (e *ListEdit) settleEnds() {
	d := e.params.depth
	if d == 0 {
		return
	}
	n := e.tree().Len()
	for _, i := range [...]int{d - 1, d, n - d - 1, n - d} {
		e.settle(i)
	}
}

// compress makes a compressed copy of a node; 0: it is not worth it.
func (ks *Keyspace) compress(c cell) arena.Ref {
	if c.stringLen(ks.a) < minCompress {
		return 0
	}
	if ks.lzf == nil {
		ks.lzf = new(lzf.Encoder)
	}
	p, _ := c.packed(ks.a, nil)
	out := make([]byte, rawLenBytes+len(p))
	binary.LittleEndian.PutUint32(out, uint32(len(p)))
	packed := ks.lzf.Compress(out[rawLenBytes:], p, len(p))
	if packed == nil || len(packed)+minSaved >= len(p) {
		return 0
	}
	enc := Encoding(lzfNode)
	if c.isPlain() {
		enc = lzfPlainNode
	}
	return ks.newNode(out[:rawLenBytes+len(packed)], enc)
}
