package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/listpack"
)

// A packed value is one byte string in a format of Redis's own, a listpack or an intset, kept as strings are: in the
// entry, or as a blob. It is changed by way of an image in the Go heap (edit.go).

// packed is the bytes of a packed value: in place if they lie in one piece, else copied into buf, which is returned for
// the next use.
func (c cell) packed(m arena.Mem, buf []byte) (p, grown []byte) {
	if !c.h.bigValue() {
		return c.inline(m), buf
	}
	b := c.blob(m)
	if b.height == 0 && b.top != 0 {
		return m.At(b.top, b.size), buf
	}
	buf = b.appendRange(m, buf[:0], 0, b.size)
	return buf, buf
}

// IsPacked says that the value is one byte string in Redis's own format.
func (e Encoding) IsPacked() bool { return e == Listpack || e == Intset }

// packedElem is the entry of a listpack at a position.
func packedElem(p []byte, at int) Elem {
	b, n, isInt := listpack.Get(p, at)
	if isInt {
		return IntElem(n)
	}
	return BytesElem(b)
}

// readElem is packedElem with the position of the next entry.
func readElem(p []byte, at int) (e Elem, next int) {
	b, n, isInt, next := listpack.Read(p, at)
	if isInt {
		return IntElem(n), next
	}
	return BytesElem(b), next
}

// longest is the length of the longest entry of a listpack.
func longest(p []byte) (n int) {
	for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
		n = max(n, packedElem(p, at).Len())
	}
	return n
}
