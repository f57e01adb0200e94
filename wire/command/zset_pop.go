package command

import (
	"math"
	"time"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var (
	wordZpopmin = []byte("ZPOPMIN")
	wordZpopmax = []byte("ZPOPMAX")
)

func zpopminCommand(c *engine.Call) error { return popScored(c, false) }

func zpopmaxCommand(c *engine.Call) error { return popScored(c, true) }

// popScored is ZPOPMIN and ZPOPMAX.
func popScored(c *engine.Call, highest bool) error {
	if len(c.Args) > 3 {
		return engine.ErrSyntax
	}
	count, counted := int64(1), len(c.Args) == 3
	if counted {
		var err error
		if count, err = integer(c.Args[2]); err != nil || count < 0 {
			return engine.ErrMustBePos
		}
	}
	z, err := c.DB.EditZSet(c.Args[1], 0, 0)
	if err != nil {
		return err
	}
	n := int(min(count, int64(z.Len())))
	if n == 0 {
		z.Done()
		c.W.EmptyArray()
		return nil
	}
	nested := counted && c.W.Proto >= 3
	if nested {
		c.W.Array(n)
	} else {
		c.W.Array(2 * n)
	}
	popMembersOf(c, c.Args[1], &z, highest, n, nested)
	return nil
}

// popMembersOf replies and removes the n lowest or highest members, and the key when none is left. It ends the edit.
func popMembersOf(c *engine.Call, key []byte, z *kv.ZSetEdit, highest bool, n int, nested bool) {
	from, first, event := 0, 0, "zpopmin"
	if highest {
		size := z.Len()
		from, first, event = size-n, size-1, "zpopmax"
	}
	cur := z.At(first)
	for range n {
		if nested {
			c.W.Array(2)
		}
		bulkElem(c, cur.Member())
		c.W.Double(cur.Score())
		if highest {
			cur.Prev()
		} else {
			cur.Next()
		}
	}
	removePositions(c, key, z, event, from, from+n)
}

func popWord(highest bool) []byte {
	if highest {
		return wordZpopmax
	}
	return wordZpopmin
}

func bzpopminCommand(c *engine.Call) error { return popScoredBlocking(c, false) }

func bzpopmaxCommand(c *engine.Call) error { return popScoredBlocking(c, true) }

func popScoredBlocking(c *engine.Call, highest bool) error {
	last := len(c.Args) - 1
	until, err := blockTimeout(c, c.Args[last])
	if err != nil {
		return err
	}
	keys := c.Args[1:last]
	key, z, err := firstZSet(c, keys)
	switch {
	case err != nil:
		return err
	case key == nil:
		return waitForZSets(c, keys, until)
	}
	c.W.Array(3)
	c.W.Bulk(key)
	popMembersOf(c, key, &z, highest, 1, false)
	c.Replace(popWord(highest), key)
	return nil
}

// firstZSet begins the change of the first sorted set among the keys; key is nil when none exists. One of another type is an error.
func firstZSet(c *engine.Call, keys [][]byte) (key []byte, z kv.ZSetEdit, err error) {
	for _, key := range keys {
		if z, err = c.DB.EditZSet(key, 0, 0); err != nil {
			return nil, z, err
		}
		if z.Found() {
			return key, z, nil
		}
		z.Done()
	}
	return nil, z, nil
}

// waitForZSets blocks the client, or where nothing may block answers at once that there is nothing.
func waitForZSets(c *engine.Call, keys [][]byte, until time.Time) error {
	if !c.CanBlock() {
		c.W.NullArray()
		return nil
	}
	c.BlockOnKeys(keys, kv.ZSet, until, false)
	return nil
}

func zmpopCommand(c *engine.Call) error { return popFirst(c, 1, false) }

func bzmpopCommand(c *engine.Call) error {
	return popFirst(c, 2, true)
}

// popArguments are what stands behind a number of keys in ZMPOP and LMPOP: keys, one of two words, and a count.
type popArguments struct {
	keys   [][]byte
	second bool // the second of the two words
	count  int64
}

func parsePopArguments(c *engine.Call, at int, first, second string) (p popArguments, err error) {
	n, err := integer(c.Args[at])
	if err != nil || n < 1 {
		return p, engine.ReplyError("ERR numkeys should be greater than 0")
	}
	rest := c.Args[at+1:]
	if n >= int64(len(rest)) {
		return p, engine.ErrSyntax
	}
	p.keys, p.count = rest[:n], 1
	switch word := rest[n]; {
	case is(word, second):
		p.second = true
	case !is(word, first):
		return p, engine.ErrSyntax
	}
	counted := false
	for rest = rest[n+1:]; len(rest) > 0; rest = rest[2:] {
		if counted || !is(rest[0], "COUNT") || len(rest) == 1 {
			return p, engine.ErrSyntax
		}
		counted = true
		if p.count, err = integer(rest[1]); err != nil || p.count < 1 {
			return p, engine.ReplyError("ERR count should be greater than 0")
		}
	}
	return p, nil
}

func popFirst(c *engine.Call, at int, block bool) error {
	p, err := parsePopArguments(c, at, "MIN", "MAX")
	if err != nil {
		return err
	}
	var until time.Time
	if block { // the time is looked at last, as in Redis
		if until, err = blockTimeout(c, c.Args[1]); err != nil {
			return err
		}
	}
	key, z, err := firstZSet(c, p.keys)
	switch {
	case err != nil:
		return err
	case key == nil && block:
		return waitForZSets(c, p.keys, until)
	case key == nil:
		c.W.NullArray()
		return nil
	}
	n := int(min(p.count, int64(z.Len()), math.MaxInt32))
	c.W.Array(2)
	c.W.Bulk(key)
	c.W.Array(n)
	popMembersOf(c, key, &z, p.second, n, true)
	c.Replace(popWord(p.second), key, decimal(int64(n)))
	return nil
}
