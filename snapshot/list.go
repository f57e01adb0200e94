package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/listpack"
)

// The kinds of a list's nodes.
const (
	nodePlain  = 1
	nodePacked = 2
)

// list writes a list node by node; one that is packed is a list of one node.
func (e *encoder) list(typ byte, v kv.Value) {
	l := v.List()
	if typ != typeListNodes {
		e.oldList(typ, l)
		return
	}
	e.length(uint64(l.NodeCount()))
	l.Nodes(func(n kv.ListNode) bool {
		if n.Plain {
			e.length(nodePlain)
		} else {
			e.length(nodePacked)
		}
		if n.LZF != nil {
			e.compressed(n.LZF, len(n.Bytes)) // also without rdbcompression, as in Redis
		} else {
			e.str(n.Bytes)
		}
		e.settle()
		return e.err == nil
	})
}

// readList reads a list in any of its forms.
func (r *Reader) readList(typ byte, b *Batch, item *Item) error {
	coll := Collection{Type: kv.List, Enc: kv.Quicklist}
	if typ == typeListZiplist {
		return r.readListZiplist(b, item, coll)
	}
	n, err := r.plainLen("number of nodes")
	if err != nil {
		return err
	}
	read := readListNode
	switch typ {
	case typeList:
		read = readMember
		coll.Loose = true
	case typeListQuicklist:
		read = readOldListNode
	}
	r.counted(item, coll, n, read, nil)
	return nil
}

// readListZiplist reads a list of Redis 2.2 to 3.0 in one piece. Redis adds its elements one by one.
func (r *Reader) readListZiplist(b *Batch, item *Item, coll Collection) error {
	old, err := r.readElem(b, "value")
	if err != nil {
		return err
	}
	p, err := fromZiplist(old)
	if err != nil {
		return err
	}
	coll.Loose, coll.Ziplist = true, true
	for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
		coll.Elems = append(coll.Elems, listpack.AppendValue(nil, p, at))
	}
	coll.Empty = len(coll.Elems) == 0
	item.Coll = &coll
	return nil
}

// readListNode reads a node: its kind, then a listpack or one element.
func readListNode(r *Reader, b *Batch, c *Collection) (size int, err error) {
	kind, err := r.plainLen("kind of a node")
	if err != nil {
		return 0, err
	}
	if kind != nodePlain && kind != nodePacked {
		return 0, corrupt("node of kind %d", kind)
	}
	p, err := r.readElem(b, "node")
	if err != nil {
		return 0, err
	}
	c.addNode(p, kind == nodePlain)
	if kind == nodePacked {
		r.add(b, task{kind: checkListNode, packed: p})
	}
	return len(p), nil
}

// readOldListNode reads a node as it was before listpacks.
func readOldListNode(r *Reader, b *Batch, c *Collection) (size int, err error) {
	old, err := r.readElem(b, "node")
	if err != nil {
		return 0, err
	}
	p, err := fromZiplist(old)
	if err != nil {
		return 0, err
	}
	c.addNode(p, false)
	return len(p), nil
}

// addNode adds a node, unless it is empty: such are passed over.
func (c *Collection) addNode(p []byte, plain bool) {
	if plain || len(p) > listpack.Overhead {
		c.Elems, c.Plain = append(c.Elems, p), append(c.Plain, plain)
	}
}

func (c *Collection) storeList(db *kv.DB, key []byte) error {
	e, err := db.EditList(key)
	if err != nil {
		return err
	}
	e.Load()
	for i, p := range c.Elems {
		if c.Loose {
			e.PushTail(p)
		} else {
			e.AppendNode(p, c.Plain[i])
		}
	}
	if !c.More && !c.Ziplist {
		e.Pack()
	}
	e.Done()
	return nil
}
