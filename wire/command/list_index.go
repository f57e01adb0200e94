package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

func llenCommand(c *engine.Call) error {
	l, found, err := readList(c, c.Args[1])
	if err != nil {
		return err
	}
	n := 0
	if found {
		n = l.Len()
	}
	c.W.Int(int64(n))
	return nil
}

// listPosition makes an index, counted from the end when negative, a position; ok is false when there is no such element.
func listPosition(index int64, n int) (pos int, ok bool) {
	if index < 0 {
		index += int64(n)
	}
	return int(index), index >= 0 && index < int64(n)
}

func lindexCommand(c *engine.Call) error {
	l, found, err := readList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Null()
		return nil
	}
	index, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	pos, ok := listPosition(index, l.Len())
	if !ok {
		c.W.Null()
		return nil
	}
	cur := l.At(pos)
	bulkElem(c, cur.Elem())
	return nil
}

func lrangeCommand(c *engine.Call) error {
	start, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	stop, err := integer(c.Args[3])
	if err != nil {
		return err
	}
	l, found, err := readList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.EmptyArray()
		return nil
	}
	from, to := rankRange(start, stop, l.Len())
	c.W.Array(to - from)
	l.Range(from, to, func(e kv.Elem) { bulkElem(c, e) })
	return nil
}

func lsetCommand(c *engine.Call) error {
	l, found, err := writeList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		return engine.ErrNoSuchKey
	}
	index, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	pos, ok := listPosition(int64(int32(index)), l.Len()) // 7.2 hands the index on as a C int
	e := editList(c, c.Args[1])
	e.Expect(1, len(c.Args[3]))
	if !ok {
		e.Done()
		return engine.ReplyError("ERR index out of range")
	}
	e.Set(pos, c.Args[3])
	e.Shrink()
	e.Done()
	c.Notify('l', "lset", c.Args[1])
	c.Dirty(1)
	c.W.OK()
	return nil
}

func linsertCommand(c *engine.Call) error {
	behind := is(c.Args[2], "AFTER")
	if !behind && !is(c.Args[2], "BEFORE") {
		return engine.ErrSyntax
	}
	_, found, err := writeList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	e := editList(c, c.Args[1])
	e.Expect(1, len(c.Args[4])) // whether or not the pivot is found, as in Redis
	cur, n := e.At(0), e.Len()
	for cur.Valid() && !cur.Elem().Is(c.Args[3]) {
		cur.Next()
	}
	if !cur.Valid() {
		e.Done()
		c.W.Int(-1)
		return nil
	}
	e.Insert(cur.Pos(), c.Args[4], behind)
	e.Done()
	c.Notify('l', "linsert", c.Args[1])
	c.Dirty(1)
	c.W.Int(int64(n + 1))
	return nil
}

func lremCommand(c *engine.Call) error {
	count, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	e, err := c.DB.EditList(c.Args[1])
	if err != nil {
		return err
	}
	most, fromTail := count, count < 0
	switch {
	case count == 0 || count == math.MinInt64:
		most = math.MaxInt64
	case fromTail:
		most = -count
	}
	removed := e.Remove(c.Args[3], int(most), fromTail)
	if removed > 0 {
		e.Shrink()
	}
	gone := e.Done()
	if removed > 0 {
		c.Notify('l', "lrem", c.Args[1])
		if gone {
			c.Notify('g', "del", c.Args[1])
		}
		c.Dirty(removed)
	}
	c.W.Int(int64(removed))
	return nil
}

func ltrimCommand(c *engine.Call) error {
	start, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	stop, err := integer(c.Args[3])
	if err != nil {
		return err
	}
	l, found, err := writeList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.OK()
		return nil
	}
	n := l.Len()
	from, to := rankRange(start, stop, n)
	if from == to {
		from, to = n, n
	}
	e := editList(c, c.Args[1])
	if to-from == 0 {
		e.Delete(0, n)
	} else {
		e.Delete(0, from)
		e.Delete(to-from, n-to)
	}
	e.Shrink()
	e.Touch()
	gone := e.Done()
	c.Notify('l', "ltrim", c.Args[1])
	if gone {
		c.Notify('g', "del", c.Args[1])
	}
	c.Dirty(n - (to - from))
	c.W.OK()
	return nil
}

// posOptions are the options of LPOS.
type posOptions struct {
	rank, count, maxLen int64
	counted             bool
}

func parsePosOptions(c *engine.Call) (o posOptions, err error) {
	o.rank, o.count = 1, 1
	for i := 3; i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) {
			return o, engine.ErrSyntax
		}
		value := c.Args[i+1]
		switch {
		case is(c.Args[i], "RANK"):
			if o.rank, err = integerIn(value, -math.MaxInt64, math.MaxInt64); err != nil {
				return o, err
			}
			if o.rank == 0 {
				return o, engine.ReplyError("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
					"or use negative to start from the end of the list")
			}
		case is(c.Args[i], "COUNT"):
			if o.count, err = integer(value); err != nil || o.count < 0 {
				return o, engine.ReplyError("ERR COUNT can't be negative")
			}
			o.counted = true
		case is(c.Args[i], "MAXLEN"):
			if o.maxLen, err = integer(value); err != nil || o.maxLen < 0 {
				return o, engine.ReplyError("ERR MAXLEN can't be negative")
			}
		default:
			return o, engine.ErrSyntax
		}
	}
	return o, nil
}

func lposCommand(c *engine.Call) error {
	o, err := parsePosOptions(c)
	if err != nil {
		return err
	}
	l, found, err := readList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		if o.counted {
			c.W.EmptyArray()
		} else {
			c.W.Null()
		}
		return nil
	}
	forward := o.rank > 0
	cur := l.At(0)
	if !forward {
		o.rank = -o.rank
		cur = l.At(l.Len() - 1)
	}
	head, n := len(c.W.Buf), int64(0)
	for seen, looked := int64(0), int64(0); cur.Valid() && (o.maxLen == 0 || looked < o.maxLen); looked++ {
		if cur.Elem().Is(c.Args[2]) {
			if seen++; seen >= o.rank {
				c.W.Int(int64(cur.Pos()))
				if n++; n == o.count {
					break
				}
			}
		}
		if forward {
			cur.Next()
		} else {
			cur.Prev()
		}
	}
	switch {
	case o.counted:
		c.W.ArrayAt(head, int(n))
	case n == 0:
		c.W.Null()
	}
	return nil
}
