package snapshot

import (
	"encoding/binary"
	"math"

	"frankenredis/kv"
	"frankenredis/kv/double"
	"frankenredis/kv/listpack"
	"frankenredis/snapshot/ziplist"
)

// What older versions lack is written in the forms they have:
//
//	version 10   a listpack of a set is a table
//	version 9    besides, listpacks of hashes and sorted sets are ziplists, and so are the nodes of lists; a list with an
//	             element beyond a node stands there element by element
//
// Streams lose what older types have no place for; lostOf says what.

// maxOldPacked is the longest listpack that becomes a ziplist. A longer one becomes a table: entries may grow, and old servers refuse
// ziplists above 1 GiB.
const maxOldPacked = 256 << 20

// packedValue writes a packed value that is no list: in its own form, or as one of the types that an old version has instead.
func (e *encoder) packedValue(typ byte, p []byte) {
	switch typ {
	case typeHashZiplist, typeZSetZiplist:
		e.ziplist(p)
	case typeSet:
		e.length(uint64(listpack.Len(p)))
		e.entries(p)
	case typeHash:
		e.length(uint64(listpack.Len(p) / 2))
		e.entries(p)
	case typeZSet2:
		e.length(uint64(listpack.Len(p) / 2))
		for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
			e.entry(p, at)
			at = listpack.Next(p, at)
			score, _ := packedScore(p, at)
			e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(score))
			e.settle()
		}
	default:
		e.str(p)
	}
}

// ziplist writes a listpack as a ziplist.
func (e *encoder) ziplist(p []byte) {
	z := ziplist.New(e.old)
	for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
		if s, n, isInt := listpack.Get(p, at); isInt {
			z = ziplist.AppendInt(z, n)
		} else {
			z = ziplist.Append(z, s)
		}
	}
	e.str(z)
	if e.old = z; cap(z) > 1<<20 {
		e.old = nil
	}
}

// entries writes the entries of a listpack as strings.
func (e *encoder) entries(p []byte) {
	for at := listpack.First(p); at != listpack.None && e.err == nil; at = listpack.Next(p, at) {
		e.entry(p, at)
		e.settle()
	}
}

func (e *encoder) entry(p []byte, at int) {
	if s, n, isInt := listpack.Get(p, at); isInt {
		e.number(n)
	} else {
		e.str(s)
	}
}

// oldListType is the type of a list in version 9: nodes, if all of them can be ziplists.
func oldListType(l kv.ListView) byte {
	typ := byte(typeListQuicklist)
	l.Nodes(func(n kv.ListNode) bool {
		if n.Plain || len(n.Bytes) > maxOldPacked {
			typ = typeList
		}
		return typ != typeList
	})
	return typ
}

// oldList writes a list as one of the types of version 9.
func (e *encoder) oldList(typ byte, l kv.ListView) {
	if typ == typeList {
		e.length(uint64(l.Len()))
	} else {
		e.length(uint64(l.NodeCount()))
	}
	l.Nodes(func(n kv.ListNode) bool {
		switch p := n.Bytes; {
		case n.Plain:
			e.str(p)
		case typ == typeList:
			e.entries(p)
		default:
			e.ziplist(p)
		}
		e.settle()
		return e.err == nil
	})
}

// packedScore reads a score of a packed sorted set.
func packedScore(p []byte, at int) (float64, bool) {
	s, n, isInt := listpack.Get(p, at)
	if isInt {
		return float64(n), true
	}
	f, ok := double.Parse(s)
	return f, ok && !math.IsNaN(f)
}
