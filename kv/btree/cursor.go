package btree

import "frankenredis/kv/arena"

// Cursor goes through the items of a tree, both ways. It stands on an item, before the first or behind the last.
// It is good until the tree's next change; in a View, until the View is closed. Copying it is fine. It takes no memory elsewhere.
type Cursor struct {
	r      Reader
	length int
	place
}

// Seek returns a cursor on the first item not below the key, or behind the last.
func (r Reader) Seek(k Key) Cursor {
	c := Cursor{r: r, length: r.Len(), place: r.seek(&k, nil, true)}
	if c.i == c.n {
		c.load()
	}
	return c
}

// SeekAt returns a cursor on item i; -1 is before the first and Len behind the last.
func (r Reader) SeekAt(i int) Cursor {
	r.checkPosition(i+1, r.Len()+2)
	c := Cursor{r: r, length: r.Len(), place: place{pos: i}}
	c.load()
	return c
}

// load finds the leaf of the position; off both ends there is none.
func (c *Cursor) load() {
	if c.Valid() {
		c.place = c.r.seekPos(c.pos, nil)
	} else {
		c.place = place{pos: c.pos}
	}
}

// Valid says that the cursor is on an item.
func (c *Cursor) Valid() bool { return uint(c.pos) < uint(c.length) }

// Pos is the item's position.
func (c *Cursor) Pos() int { return c.pos }

// Next moves to the next item, from the last one behind it, and reports whether it is on one then.
func (c *Cursor) Next() bool {
	if c.pos < c.length {
		c.pos++
		c.i++
		if c.i >= c.n {
			c.load()
		}
	}
	return c.pos < c.length
}

// Prev moves to the item before, from the first one before it, and reports whether it is on one then.
func (c *Cursor) Prev() bool {
	if c.pos >= 0 {
		c.pos--
		c.i--
		if c.i < 0 {
			c.load()
		}
	}
	return c.pos >= 0
}

// Ref is the item's ref. The cursor is on an item.
func (c *Cursor) Ref() arena.Ref {
	sh := c.r.t.leaf()
	return arena.Ref(c.r.m.Load64(c.leaf + arena.Ref(sh.bytes(c.i)+c.r.t.Words*wordSize)))
}

// Item is the item. The cursor is on one.
func (c *Cursor) Item() Item { return c.r.item(c.place) }
