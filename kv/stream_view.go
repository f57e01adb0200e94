package kv

import (
	"encoding/binary"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
)

// StreamView reads a stream, live until the keyspace's next change, or in a view until it is closed.
type StreamView struct {
	m arena.Mem
	streamHead
}

// Stream is the value, which must be a stream.
func (v Value) Stream() StreamView { return StreamView{v.m, loadStreamHead(v.m, v.c.table(v.m).root)} }

// Stream is the entry's value, which must be a stream.
func (e Entry) Stream() StreamView { return e.Value().Stream() }

// Info is what the stream knows of itself.
func (s StreamView) Info() StreamInfo { return s.StreamInfo }

func (s StreamView) nodeTree() btree.Reader { return btree.Frozen(s.m, &streamNodes, s.nodes) }

// Nodes is the number of nodes.
func (s StreamView) Nodes() int { return s.nodeTree().Len() }

// EachNode visits the nodes: the id of the first entry and the listpack, valid during the call only. It stops when visit
// returns false.
func (s StreamView) EachNode(visit func(id StreamID, p []byte) bool) {
	var buf, p []byte
	s.nodeTree().Each(func(it btree.Item) bool {
		p, buf = element(s.m, it.Ref).packed(s.m, buf)
		return visit(idOf(it.W), p)
	})
}

// Range returns an iterator over the entries from start to end, both included, or with rev from end to start.
func (s StreamView) Range(start, end StreamID, rev bool) StreamIter {
	return StreamIter{s: s, start: start, end: end, rev: rev}
}

// Has says whether there is an entry of this id.
func (s StreamView) Has(id StreamID) bool {
	it := s.Range(id, id, false)
	return it.Next()
}

// Edge is the id of the first or last entry; with deleted, also those count that are deleted and still in their node. ok is
// false when there is none.
func (s StreamView) Edge(last, deleted bool) (id StreamID, ok bool) {
	it := s.Range(StreamID{}, MaxStreamID, last)
	it.deleted = deleted
	ok = it.Next()
	return it.ID(), ok
}

// RadixNodes is how many nodes Redis's radix tree of these nodes' ids has.
func (s StreamView) RadixNodes() int {
	// The tree of keys of 16 bytes: each key ends in a leaf, keys that part do it in a branching node, and what keys have alone
	// or in common is one node a run. open are the depths of the branching nodes above the last key.
	const width = 16
	var prev [width]byte
	var open []int
	n, keys := 0, 0
	run := func(from, to int) { // a run of bytes from below a branching node
		if to > from {
			n++
		}
	}
	// leave counts all that hangs below depth on the path to the last key.
	leave := func(depth int) {
		below := width
		for len(open) > 0 && open[len(open)-1] >= depth {
			top := open[len(open)-1]
			if top == depth {
				break
			}
			run(top+1, below)
			n++ // what ends there: the leaf, or the branching node
			below = top
			open = open[:len(open)-1]
		}
		run(depth+1, below)
		n++
		if len(open) == 0 || open[len(open)-1] < depth {
			open = append(open, depth)
		}
	}
	s.nodeTree().Each(func(it btree.Item) bool {
		var key [width]byte
		binary.BigEndian.PutUint64(key[:8], it.W[0])
		binary.BigEndian.PutUint64(key[8:], it.W[1])
		if keys > 0 {
			d := 0
			for key[d] == prev[d] {
				d++
			}
			leave(d)
		}
		prev = key
		keys++
		return true
	})
	if keys == 0 {
		return 1
	}
	leave(-1)
	return n
}

// StreamIter goes through a range of a stream's entries; deleted ones are passed over. It is good until the keyspace's next
// change.
type StreamIter struct {
	s          StreamView
	start, end StreamID
	rev        bool
	deleted    bool // deleted entries count, too

	began bool
	nodes btree.Cursor
	node  nodeReader
	buf   []byte
}

// Next moves to the next entry and reports whether there is one.
func (it *StreamIter) Next() bool {
	if !it.began {
		it.began = true
		if it.end.Less(it.start) {
			return false
		}
		// The node that may hold the first id of the way: the last one that does not begin behind it.
		from := it.start
		if it.rev {
			from = it.end
		}
		tree := it.s.nodeTree()
		before, found := tree.Rank(from.key())
		if !found && (before > 0 || it.rev) {
			before--
		}
		if before < 0 || before >= tree.Len() {
			return false
		}
		it.nodes = tree.SeekAt(before)
		it.load()
	} else if it.node.p == nil {
		return false
	}
	for {
		for it.step() {
			id := it.node.id
			if it.rev && id.Less(it.start) || !it.rev && it.end.Less(id) {
				it.node.p = nil
				return false
			}
			if (it.node.live() || it.deleted) && !id.Less(it.start) && !it.end.Less(id) {
				return true
			}
		}
		more := false
		if it.rev {
			more = it.nodes.Prev()
		} else {
			more = it.nodes.Next()
		}
		if !more {
			it.node.p = nil
			return false
		}
		it.load()
	}
}

func (it *StreamIter) step() bool {
	if it.rev {
		return it.node.back()
	}
	return it.node.forward()
}

func (it *StreamIter) load() {
	item := it.nodes.Item()
	var p []byte
	p, it.buf = element(it.s.m, item.Ref).packed(it.s.m, it.buf)
	it.node.open(p, idOf(item.W), it.rev)
}

// ID is the entry's id.
func (it *StreamIter) ID() StreamID { return it.node.id }

// Fields is the number of the entry's fields.
func (it *StreamIter) Fields() int { return it.node.n }

// Each visits the entry's fields with their values.
func (it *StreamIter) Each(visit func(field, value Elem)) { it.node.each(visit) }
