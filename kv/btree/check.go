package btree

import (
	"bytes"
	"fmt"

	"frankenredis/kv/arena"
)

// Check verifies all that must hold of a tree, in time proportional to it; it is for tests. tail, which may be nil, returns
// what Type.Compare compares of an entry; without it the order of items with equal words is taken on trust.
//
//   - items ascend, and a slot of an inner node has the key of the first item below it, and the sums of all;
//   - no node is empty, none has more slots than its shape allows, and two neighbours under one parent have
//     together more than would be merged; an inner top has two children;
//   - the root's length, weight and bytes are those of the nodes.
func (d Tree) Check(tail func(m arena.Mem, r arena.Ref) []byte) error {
	c := checker{d: d, tail: tail, bytes: int64(d.a.Usable(d.root))}
	var sum [maxStride]uint64
	top, height := d.top(), d.height()
	switch {
	case top == 0 && height != 0:
		c.failf("empty, with %d levels", height)
	case height > 0 && top.n() < 2:
		c.failf("a top of %d children", top.n())
	}
	kw := d.t.keyWords()
	if top != 0 {
		c.node(top, height, sum[:])
	}
	if items := int(sum[kw+1]); items != d.Len() {
		c.failf("Len is %d, %d items found", d.Len(), items)
	}
	if d.t.Weighted && sum[kw+2] != d.Weight() {
		c.failf("Weight is %d, %d found", d.Weight(), sum[kw+2])
	}
	if c.bytes != d.MemBytes() {
		c.failf("MemBytes is %d, %d bytes found", d.MemBytes(), c.bytes)
	}
	return c.err
}

type checker struct {
	d     Tree
	tail  func(m arena.Mem, r arena.Ref) []byte
	bytes int64
	any   bool // there was an item before
	last  Item
	err   error
}

func (c *checker) failf(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("btree: "+format, args...)
	}
}

// node checks what is below a link and makes the slot that should lead there.
func (c *checker) node(l link, level int, sum []uint64) {
	t := c.d.t
	sh, kw := t.shape(level), t.keyWords()
	if l.n() < 1 || l.n() > sh.max {
		c.failf("a node of %d slots, at most %d, level %d", l.n(), sh.max, level)
		return
	}
	room := c.d.a.Usable(l.ref())
	c.bytes += int64(room)
	if room < sh.bytes(l.n()) || room > arena.BlockSize(sh.bytes(sh.max)) {
		c.failf("a node of %d slots of %d words in %d bytes", l.n(), sh.stride, room)
		return
	}
	slots := c.d.slots(l, sh)
	copy(sum[:kw], slots)
	sum[kw], sum[kw+1], sum[kw+2] = uint64(l), 0, 0
	before := sh.max
	if level > 0 {
		before = t.shape(level - 1).max
	}
	for i := 0; i < len(slots) && c.err == nil; i += sh.stride {
		slot := slots[i : i+sh.stride]
		if level == 0 {
			it := t.itemOf(slot)
			c.item(it)
			sum[kw+1]++
			sum[kw+2] += it.Weight
			continue
		}
		child := link(slot[kw])
		if i > 0 && before+child.n() <= t.shape(level-1).merge {
			c.failf("neighbours of %d and %d slots, level %d", before, child.n(), level-1)
		}
		before = child.n()
		var want [maxStride + 1]uint64
		c.node(child, level-1, want[:])
		for j := range slot {
			if slot[j] != want[j] {
				c.failf("word %d of a slot is %#x, want %#x, level %d", j, slot[j], want[j], level)
			}
		}
		sum[kw+1] += want[kw+1]
		sum[kw+2] += want[kw+2]
	}
}

// item checks an item's order.
func (c *checker) item(it Item) {
	t := c.d.t
	if c.any && t.ordered() {
		order := 0
		for i := 0; i < t.Words && order == 0; i++ {
			if c.last.W[i] != it.W[i] {
				order = 1
				if c.last.W[i] < it.W[i] {
					order = -1
				}
			}
		}
		switch {
		case order == 0 && t.Compare != nil && c.tail == nil:
			order = -1
		case order == 0 && t.Compare != nil:
			order = bytes.Compare(c.tail(c.d.m, c.last.Ref), c.tail(c.d.m, it.Ref))
			if got := t.Compare(c.d.m, c.last.Ref, c.tail(c.d.m, it.Ref)); got < 0 != (order < 0) {
				c.failf("Compare says %d, the tails %d", got, order)
			}
		}
		if order >= 0 {
			c.failf("items out of order: %x before %x", c.last, it)
		}
	}
	c.any, c.last = true, it
}
