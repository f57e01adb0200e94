package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/listpack"
)

// A node is a listpack of entries in Redis's format:
//
//	live | deleted | n | field 1 .. field n | 0     the master entry: how many entries, of what fields the first was
//	flags | ms | seq | value 1 .. value n | n+3      an entry of the same fields; ms and seq are beyond the node's id
//	flags | ms | seq | k | field 1 | value 1 .. | 2k+4   any other; the last number is that of the entry's own elements before it
//
// An entry that is deleted stays, marked, until all of its node are.
const (
	entryDeleted    = 1
	entrySameFields = 2
)

// entryRoom is what marking an entry deleted can add to a node, in bytes: both counters may need longer forms.
const entryRoom = 32

// nodeReader goes through the entries of a node, deleted ones included.
type nodeReader struct {
	p      []byte
	master StreamID
	count  int // fields of the master entry
	fields int // position of the first of them

	next int // position of the entry behind the current one, or None
	prev int // position of the last element before the current one

	at    int // the current entry's flags
	flags int64
	id    StreamID
	n     int // its fields
	first int // position of its first field, or if they are the master's, its first value
}

// open reads the master entry; the reader stands before the first entry, or with last behind the last.
func (r *nodeReader) open(p []byte, master StreamID, last bool) {
	r.p, r.master = p, master
	at := listpack.Next(p, listpack.Next(p, listpack.First(p)))
	r.count = int(streamInt(p, at))
	at = listpack.Next(p, at)
	r.fields = at
	for range r.count {
		at = listpack.Next(p, at)
	}
	r.next, r.prev = listpack.Next(p, at), at
	if last {
		r.next, r.prev = listpack.None, listpack.Last(p)
	}
}

// forward moves to the next entry; false behind the last.
func (r *nodeReader) forward() bool {
	if r.next == listpack.None {
		return false
	}
	r.read(r.next)
	at, n := r.first, r.n
	if r.flags&entrySameFields == 0 {
		n *= 2
	}
	for range n {
		at = listpack.Next(r.p, at)
	}
	r.next = listpack.Next(r.p, at)
	return true
}

// back moves to the entry before; false before the first.
func (r *nodeReader) back() bool {
	count := streamInt(r.p, r.prev)
	if count == 0 {
		return false
	}
	at := r.prev
	for range count {
		at = listpack.Prev(r.p, at)
	}
	r.read(at)
	r.prev = listpack.Prev(r.p, at)
	return true
}

// read reads the beginning of the entry at a position.
func (r *nodeReader) read(at int) {
	p := r.p
	r.at, r.flags = at, streamInt(p, at)
	at = listpack.Next(p, at)
	r.id.Ms = r.master.Ms + uint64(streamInt(p, at))
	at = listpack.Next(p, at)
	r.id.Seq = r.master.Seq + uint64(streamInt(p, at))
	at = listpack.Next(p, at)
	r.n = r.count
	if r.flags&entrySameFields == 0 {
		r.n = int(streamInt(p, at))
		at = listpack.Next(p, at)
	}
	r.first = at
}

// live says that the current entry is not deleted.
func (r *nodeReader) live() bool { return r.flags&entryDeleted == 0 }

// each visits the current entry's fields and values.
func (r *nodeReader) each(visit func(field, value Elem)) {
	p, at, field := r.p, r.first, r.fields
	for range r.n {
		if r.flags&entrySameFields != 0 {
			visit(packedElem(p, field), packedElem(p, at))
			field = listpack.Next(p, field)
		} else {
			value := listpack.Next(p, at)
			visit(packedElem(p, at), packedElem(p, value))
			at = value
		}
		at = listpack.Next(p, at)
	}
}

// newNode makes the listpack of a node from its first entry.
func newNode(buf []byte, args [][]byte) []byte {
	p := listpack.New(buf)
	p = listpack.AppendInt(listpack.AppendInt(p, 1), 0)
	p = listpack.AppendInt(p, int64(len(args)/2))
	for i := 0; i < len(args); i += 2 {
		p = listpack.Append(p, args[i])
	}
	return appendEntry(listpack.AppendInt(p, 0), StreamID{}, args, true)
}

// addToNode adds an entry to a node.
func addToNode(p []byte, master, id StreamID, args [][]byte) []byte {
	at := listpack.First(p)
	p = listpack.ReplaceInt(p, at, streamInt(p, at)+1)
	return appendEntry(p, StreamID{id.Ms - master.Ms, id.Seq - master.Seq}, args, sameFields(p, args))
}

// sameFields says whether the fields of an entry are those of the node's master entry.
func sameFields(p []byte, args [][]byte) bool {
	at := listpack.Next(p, listpack.Next(p, listpack.First(p)))
	if streamInt(p, at) != int64(len(args)/2) {
		return false
	}
	for i := 0; i < len(args); i += 2 {
		at = listpack.Next(p, at)
		if !packedElem(p, at).Is(args[i]) {
			return false
		}
	}
	return true
}

func appendEntry(p []byte, beyond StreamID, args [][]byte, same bool) []byte {
	n := int64(len(args) / 2)
	if same {
		p = listpack.AppendInt(p, entrySameFields)
	} else {
		p = listpack.AppendInt(p, 0)
	}
	p = listpack.AppendInt(listpack.AppendInt(p, int64(beyond.Ms)), int64(beyond.Seq))
	if same {
		for i := 1; i < len(args); i += 2 {
			p = listpack.Append(p, args[i])
		}
		return listpack.AppendInt(p, n+3)
	}
	p = listpack.AppendInt(p, n)
	for _, arg := range args {
		p = listpack.Append(p, arg)
	}
	return listpack.AppendInt(p, 2*n+4)
}

// markDeleted marks the entry at a position, which is not marked yet.
func markDeleted(p []byte, at int) []byte {
	return listpack.ReplaceInt(p, at, streamInt(p, at)|entryDeleted)
}

// countDeleted moves n entries from the live to the deleted ones.
func countDeleted(p []byte, n int64) []byte {
	at := listpack.First(p)
	p = listpack.ReplaceInt(p, at, streamInt(p, at)-n)
	at = listpack.Next(p, at)
	return listpack.ReplaceInt(p, at, streamInt(p, at)+n)
}

// nodeCounts reads how many entries a node has, live and deleted.
func nodeCounts(m arena.Mem, r arena.Ref) (live, deleted int64) {
	c := element(m, r)
	var buf [64]byte
	var p []byte
	if c.h.bigValue() {
		b := c.blob(m)
		p = b.appendRange(m, buf[:0], 0, min(b.size, len(buf)))
	} else {
		p = c.inline(m)
	}
	at := listpack.First(p)
	return streamInt(p, at), streamInt(p, listpack.Next(p, at))
}
