package kv

import (
	"bytes"
	"encoding/binary"
	"math"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/listpack"
)

// A stream is always a table. Behind its header block hang two trees:
//
//	nodes    by the id of the node's first entry: listpacks in Redis's stream format (stream_node.go)
//	groups   by name: records of last delivered id, entries read, pending entries, consumers
//
// A node is an element without a key, a group or consumer an element without a value, its record in words of its own behind
// the name. An entry that a group has delivered and that is not acknowledged is a block of nackWords words; the group's tree of
// pending entries and that of the consumer who has it refer to the same block, which refers to the consumer.

// StreamID names an entry of a stream: milliseconds and a sequence number.
type StreamID struct{ Ms, Seq uint64 }

// MaxStreamID is the last id there can be.
var MaxStreamID = StreamID{math.MaxUint64, math.MaxUint64}

// Compare orders ids.
func (id StreamID) Compare(o StreamID) int {
	switch {
	case id.Ms != o.Ms:
		if id.Ms < o.Ms {
			return -1
		}
		return 1
	case id.Seq < o.Seq:
		return -1
	case id.Seq > o.Seq:
		return 1
	}
	return 0
}

// Less says that the id is before the other.
func (id StreamID) Less(o StreamID) bool { return id.Compare(o) < 0 }

// Zero says that the id is 0-0, which no entry has.
func (id StreamID) Zero() bool { return id == StreamID{} }

// Next is the id behind this one; of the last one there is none, and 0-0 is returned.
func (id StreamID) Next() (next StreamID, ok bool) {
	if id.Seq < math.MaxUint64 {
		return StreamID{id.Ms, id.Seq + 1}, true
	}
	if id.Ms < math.MaxUint64 {
		return StreamID{id.Ms + 1, 0}, true
	}
	return StreamID{}, false
}

// Prev is the id before this one; of 0-0 there is none, and the last one is returned.
func (id StreamID) Prev() (prev StreamID, ok bool) {
	if id.Seq > 0 {
		return StreamID{id.Ms, id.Seq - 1}, true
	}
	if id.Ms > 0 {
		return StreamID{id.Ms - 1, math.MaxUint64}, true
	}
	return MaxStreamID, false
}

func (id StreamID) key() btree.Key { return btree.Key{W: [2]uint64{id.Ms, id.Seq}} }

func idOf(w [2]uint64) StreamID { return StreamID{w[0], w[1]} }

// StreamInfo is what a stream knows of itself beside its entries.
type StreamInfo struct {
	Length     int64    // entries
	Last       StreamID // of the last entry ever, or as XSETID said
	First      StreamID // of the first entry; 0-0 when there is none
	MaxDeleted StreamID // the highest that XDEL removed
	Added      int64    // entries ever added
}

// streamHead is a stream's header block.
type streamHead struct {
	nodes, groups arena.Ref // roots of trees
	StreamInfo
}

const streamHeadWords = 10

func loadStreamHead(m arena.Mem, r arena.Ref) streamHead {
	b := m.At(r, 8*streamHeadWords)
	w := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return streamHead{
		nodes: arena.Ref(w(0)), groups: arena.Ref(w(1)),
		StreamInfo: StreamInfo{Length: int64(w(2)), Last: StreamID{w(3), w(4)}, First: StreamID{w(5), w(6)},
			MaxDeleted: StreamID{w(7), w(8)}, Added: int64(w(9))},
	}
}

func (h *streamHead) save(a *arena.Arena, r arena.Ref) {
	b := a.Mut(r, 8*streamHeadWords)
	for i, w := range [streamHeadWords]uint64{uint64(h.nodes), uint64(h.groups), uint64(h.Length), h.Last.Ms, h.Last.Seq,
		h.First.Ms, h.First.Seq, h.MaxDeleted.Ms, h.MaxDeleted.Seq, uint64(h.Added)} {
		putWord(b, i, w)
	}
}

// The trees of streams.
var (
	streamNodes   = btree.Type{Words: 2}                    // by the id of the first entry: nodes
	streamPending = btree.Type{Words: 2}                    // by id: pending entries
	streamNames   = btree.Type{Compare: compareElementName} // groups and consumers
)

func compareElementName(m arena.Mem, r arena.Ref, name []byte) int {
	return bytes.Compare(element(m, r).key(m), name)
}

// Words of records, counted from the first behind the name.
const (
	groupLast      = 0 // two words
	groupRead      = 2
	groupPending   = 3 // root
	groupConsumers = 4 // root
	groupWords     = 5

	consumerSeen    = 0
	consumerActive  = 1
	consumerPending = 2 // root
	consumerWords   = 3

	nackTime     = 0
	nackCount    = 1
	nackConsumer = 2 // ref
	nackWords    = 3
)

// newRecord makes a group or consumer.
func (ks *Keyspace) newRecord(name []byte, record ...uint64) arena.Ref {
	a := ks.a
	var h head
	var words [bigKeyWords]uint64
	n := 0
	if len(name) > maxInlineKey {
		h |= flagBigKey
		b := makeBlob(a, name)
		w := b.words()
		n = copy(words[:], w[:]) + 1 // the hash is not used
		name = nil
	}
	h |= head(1+n+len(record))<<wordsShift | head(len(name))<<keyLenShift
	r := a.Alloc(h.size())
	b := a.Mut(r, h.size())
	putWord(b, 0, uint64(h))
	for i, w := range words[:n] {
		putWord(b, 1+i, w)
	}
	for i, w := range record {
		putWord(b, 1+n+i, w)
	}
	copy(b[8*(1+n+len(record)):], name)
	return r
}

// record is the place of a word of a group's or consumer's record.
func (c cell) record(i int) arena.Ref { return word(c.ref, c.h.valueWord()+i) }

// streamTable is the table of a stream.
type streamTable struct{}

// effort is Redis's estimate, with nodes for its radix tree's.
func (streamTable) effort(ks *Keyspace, t table) int {
	h := loadStreamHead(ks.a, t.root)
	n := btree.Frozen(ks.a, &streamNodes, h.nodes).Len() + 1
	groups := btree.Frozen(ks.a, &streamNames, h.groups)
	if g := groups.Len(); g > 0 {
		first := element(ks.a, groups.At(0).Ref)
		n += g * (1 + btree.Frozen(ks.a, &streamPending, arena.Ref(ks.a.Load64(first.record(groupPending)))).Len())
	}
	return n
}

// items are those of a tree, collected because what is done with them changes the arena.
func items(r btree.Reader) []btree.Item {
	out := make([]btree.Item, 0, r.Len())
	r.Each(func(it btree.Item) bool {
		out = append(out, it)
		return true
	})
	return out
}

func (streamTable) clone(ks *Keyspace, t table) table {
	a := ks.a
	h := loadStreamHead(a, t.root)
	h.nodes = btree.Open(a, &streamNodes, h.nodes).Clone(ks.cloneElement).Root()
	h.groups = btree.Open(a, &streamNames, h.groups).Clone(ks.cloneGroup).Root()
	root := a.Alloc(8 * streamHeadWords)
	h.save(a, root)
	return table{root: root}
}

// cloneGroup copies a group with its consumers and pending entries.
func (ks *Keyspace) cloneGroup(r arena.Ref) arena.Ref {
	a, nacks := ks.a, ks.a.NewForward()
	to := element(a, ks.cloneElement(r))
	cloneAt(a, &streamPending, to.record(groupPending), func(r arena.Ref) arena.Ref {
		n := a.Alloc(8 * nackWords)
		copy(a.Mut(n, 8*nackWords), a.At(r, 8*nackWords))
		nacks.Set(r, n)
		return n
	})
	cloneAt(a, &streamNames, to.record(groupConsumers), func(r arena.Ref) arena.Ref {
		c := element(a, ks.cloneElement(r))
		cloneAt(a, &streamPending, c.record(consumerPending), func(r arena.Ref) arena.Ref {
			n := nacks.To(r)
			a.Store64(word(n, nackConsumer), uint64(c.ref))
			return n
		})
		return c.ref
	})
	return to.ref
}

// cloneAt copies the tree whose root stands at a place, and notes the copy's root there.
func cloneAt(a *arena.Arena, t *btree.Type, at arena.Ref, entry func(arena.Ref) arena.Ref) {
	a.Store64(at, uint64(btree.Open(a, t, arena.Ref(a.Load64(at))).Clone(entry).Root()))
}

// free frees the groups one after the other from the last, then the nodes; how far it came is in the roots, which become 0 or
// go with their records.
func (streamTable) free(ks *Keyspace, t *table, budget int, drop func(arena.Ref)) (done bool) {
	a := ks.a
	h := loadStreamHead(a, t.root)
	if h.groups != 0 {
		groups := btree.Open(a, &streamNames, h.groups)
		for budget > 0 {
			if groups.Len() == 0 {
				groups.Free(nil, 1)
				a.Store64(word(t.root, 1), 0)
				return false
			}
			last := groups.At(groups.Len() - 1).Ref
			budget = ks.freeGroup(last, budget, drop)
			if budget > 0 {
				groups.DeleteAt(groups.Len() - 1)
				drop(last)
			}
		}
		return false
	}
	if !btree.Open(a, &streamNodes, h.nodes).Free(drop, budget) {
		return false
	}
	a.Free(t.root)
	return true
}

// freeGroup frees what hangs on a group, about budget pending entries and consumers of it, and returns what is left of the
// budget: above zero when it is done, and the record alone is left.
func (ks *Keyspace) freeGroup(r arena.Ref, budget int, drop func(arena.Ref)) int {
	a := ks.a
	g := element(a, r)
	if root := arena.Ref(a.Load64(g.record(groupConsumers))); root != 0 {
		consumers := btree.Open(a, &streamNames, root)
		for consumers.Len() > 0 {
			last := element(a, consumers.At(consumers.Len()-1).Ref)
			if budget = freePending(a, last.record(consumerPending), nil, budget); budget <= 0 {
				return 0
			}
			consumers.DeleteAt(consumers.Len() - 1)
			drop(last.ref)
			budget--
		}
		consumers.Free(nil, 1)
		a.Store64(g.record(groupConsumers), 0)
	}
	return freePending(a, g.record(groupPending), a.Free, budget-1)
}

// freePending frees a tree of pending entries whose root stands at a place, as far as the budget goes.
func freePending(a *arena.Arena, at arena.Ref, visit func(arena.Ref), budget int) int {
	root := arena.Ref(a.Load64(at))
	if root == 0 {
		return max(budget, 0)
	}
	if budget <= 0 {
		return 0
	}
	tree := btree.Open(a, &streamPending, root)
	n := tree.Len()
	if !tree.Free(visit, budget) {
		return 0
	}
	a.Store64(at, 0)
	return max(budget-n, 1)
}

// streamInt reads an integer of a node.
func streamInt(p []byte, at int) int64 {
	_, n, _ := listpack.Get(p, at)
	return n
}
