package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/listpack"
)

// A list is packed, one listpack, or a table: a tree of nodes by position, weighted by their elements (list_node.go), which is
// what a quicklist is in Redis.

// listNodes is the tree of a list's nodes.
var listNodes = btree.Type{Weighted: true}

// listTable is the table of a list.
type listTable struct{}

func (listTable) effort(ks *Keyspace, t table) int {
	return btree.Frozen(ks.a, &listNodes, t.root).Len()
}

func (listTable) clone(ks *Keyspace, t table) table {
	return table{root: btree.Open(ks.a, &listNodes, t.root).Clone(ks.cloneElement).Root(), order: t.order}
}

func (listTable) free(ks *Keyspace, t *table, budget int, drop func(arena.Ref)) (done bool) {
	return btree.Open(ks.a, &listNodes, t.root).Free(drop, budget)
}

// ListView reads a list.
type ListView struct{ Value }

// List is the value, which must be a list.
func (v Value) List() ListView { return ListView{v} }

// List is the entry's value, which must be a list.
func (e Entry) List() ListView { return e.Value().List() }

func (l ListView) nodes() btree.Reader { return btree.Frozen(l.m, &listNodes, l.c.table(l.m).root) }

// Len is the number of elements.
func (l ListView) Len() int {
	if l.isTable() {
		return int(l.nodes().Weight())
	}
	return listpack.Len(l.packed())
}

// Limits are list-max-listpack-size and list-compress-depth as they were when the list became a table, within what Redis keeps
// of them; 0, 0 for one that is packed.
func (l ListView) Limits() (size, depth int) {
	if !l.isTable() {
		return 0, 0
	}
	p := loadListParams(l.c.table(l.m).order)
	return p.size, p.depth
}

// ListNode is a node of a list.
type ListNode struct {
	Bytes []byte // a listpack, or a plain element; read only like LZF and good until the next node
	Plain bool
	LZF   []byte // the same compressed, when it is kept so; else nil
}

// Nodes visits the nodes of a list in order until visit returns false.
func (l ListView) Nodes(visit func(n ListNode) bool) {
	if !l.isTable() {
		visit(ListNode{Bytes: l.packed()})
		return
	}
	var buf []byte
	l.nodes().Each(func(it btree.Item) bool {
		c := element(l.m, it.Ref)
		var p []byte
		p, buf = c.node(l.m, buf)
		return visit(ListNode{Bytes: p, Plain: c.isPlain(), LZF: c.compressed(l.m)})
	})
}

// NodeCount is the number of nodes.
func (l ListView) NodeCount() int {
	if l.isTable() {
		return l.nodes().Len()
	}
	return 1
}

// At is a cursor on the element at a position from the head; the list's length is behind the last, -1 before the first.
func (l ListView) At(pos int) ListCursor {
	c := ListCursor{m: l.m, pos: pos, n: l.Len()}
	if l.isTable() {
		c.nodes, c.table = l.nodes(), true
	} else {
		c.p = l.packed()
	}
	c.seek()
	return c
}

// Range visits the elements at positions [from, to), 0 <= from <= to <= Len.
func (l ListView) Range(from, to int, visit func(Elem)) {
	c := l.At(from)
	for n := to - from; n > 0; {
		if c.plain {
			visit(BytesElem(c.p))
			n--
		} else {
			for at := c.at; at != listpack.None && n > 0; n-- {
				var e Elem
				e, at = readElem(c.p, at)
				visit(e)
			}
		}
		if n > 0 {
			c.nextNode()
		}
	}
}

// ListCursor goes through the elements of a list, both ways. It is good until the keyspace's next change; in a view, until that
// is closed.
type ListCursor struct {
	m     arena.Mem
	nodes btree.Reader
	table bool

	tree   btree.Cursor // on the node the cursor is in
	p      []byte       // the node
	buf    []byte       // for nodes that do not lie in one piece
	plain  bool
	at     int // in the node
	pos, n int
}

// seek finds the element of the position.
func (c *ListCursor) seek() {
	if !c.Valid() {
		return
	}
	offset := c.pos
	if c.table {
		i, _, off := c.nodes.AtWeight(uint64(c.pos))
		c.tree, offset = c.nodes.SeekAt(i), int(off)
		c.load()
	}
	if !c.plain {
		c.at = listpack.Seek(c.p, offset)
	}
}

// load reads the node the tree's cursor is on.
func (c *ListCursor) load() {
	node := element(c.m, c.tree.Ref())
	c.p, c.buf = node.node(c.m, c.buf)
	c.plain = node.isPlain()
}

// Valid says that the cursor is on an element.
func (c *ListCursor) Valid() bool { return uint(c.pos) < uint(c.n) }

// Pos is the position from the head.
func (c *ListCursor) Pos() int { return c.pos }

// Elem is the element the cursor is on.
func (c *ListCursor) Elem() Elem {
	if c.plain {
		return BytesElem(c.p)
	}
	return packedElem(c.p, c.at)
}

// Next moves towards the tail.
func (c *ListCursor) Next() {
	was := c.Valid()
	c.pos++
	switch {
	case !c.Valid():
		return
	case !was:
		c.seek()
		return
	case !c.plain:
		if c.at = listpack.Next(c.p, c.at); c.at != listpack.None {
			return
		}
	}
	c.nextNode()
}

// nextNode goes to the first element of the next node.
func (c *ListCursor) nextNode() {
	c.tree.Next()
	c.load()
	if !c.plain {
		c.at = listpack.First(c.p)
	}
}

// Prev moves towards the head.
func (c *ListCursor) Prev() {
	was := c.Valid()
	c.pos--
	switch {
	case !c.Valid():
		return
	case !was:
		c.seek()
		return
	case !c.plain:
		if c.at = listpack.Prev(c.p, c.at); c.at != listpack.None {
			return
		}
	}
	c.tree.Prev()
	c.load()
	if !c.plain {
		c.at = listpack.Last(c.p)
	}
}
