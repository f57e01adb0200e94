package command

import (
	"math"

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
	for cur := l.At(from); cur.Pos() < to; cur.Next() {
		bulkElem(c, cur.Elem())
	}
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
	if !ok {
		return engine.ReplyError("ERR index out of range")
	}
	e := editList(c, c.Args[1])
	e.Expect(c.Args[3])
	e.Set(pos, c.Args[3])
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
	l, found, err := writeList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	cur := l.At(0)
	for cur.Valid() && !cur.Elem().Is(c.Args[3]) {
		cur.Next()
	}
	if !cur.Valid() {
		c.W.Int(-1)
		return nil
	}
	pos, n := cur.Pos(), l.Len()
	if behind {
		pos++
	}
	e := editList(c, c.Args[1])
	e.Expect(c.Args[4])
	if pos == n {
		e.PushTail(c.Args[4])
	} else {
		e.Insert(pos, c.Args[4])
	}
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
	l, found, err := writeList(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	// Positions first, then removal from the tail on, so that the others stay where they are.
	var at []int
	n := l.Len()
	if count < 0 {
		for cur := l.At(n - 1); cur.Valid() && count < 0; cur.Prev() {
			if cur.Elem().Is(c.Args[3]) {
				at = append(at, cur.Pos())
				count++
			}
		}
	} else {
		if count == 0 {
			count = math.MaxInt64
		}
		for cur := l.At(0); cur.Valid() && count > 0; cur.Next() {
			if cur.Elem().Is(c.Args[3]) {
				at = append(at, cur.Pos())
				count--
			}
		}
		for i, j := 0, len(at)-1; i < j; i, j = i+1, j-1 {
			at[i], at[j] = at[j], at[i]
		}
	}
	if len(at) > 0 {
		e := editList(c, c.Args[1])
		for _, pos := range at {
			e.Delete(pos, 1)
		}
		gone := e.Done()
		c.Notify('l', "lrem", c.Args[1])
		if gone {
			c.Notify('g', "del", c.Args[1])
		}
		c.Dirty(len(at))
	}
	c.W.Int(int64(len(at)))
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
	e.Delete(to, n-to)
	e.Delete(0, from)
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
