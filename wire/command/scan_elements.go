package command

import (
	"frankenredis/kv"
	"frankenredis/wire/engine"
	"frankenredis/wire/glob"
)

// elementScan is one call of HSCAN, SSCAN or ZSCAN behind its cursor.
type elementScan struct {
	count   int64
	pattern []byte // nil: everything
}

// parseElementScan reads the options of HSCAN, SSCAN and ZSCAN.
func parseElementScan(c *engine.Call) (o elementScan, err error) {
	o.count = 10
	for i := 3; i < len(c.Args); i += 2 {
		switch {
		case i+1 >= len(c.Args):
			return o, engine.ErrSyntax
		case is(c.Args[i], "COUNT"):
			if o.count, err = integer(c.Args[i+1]); err != nil {
				return o, err
			}
			if o.count < 1 {
				return o, engine.ErrSyntax
			}
		case is(c.Args[i], "MATCH"):
			o.pattern = c.Args[i+1]
			if len(o.pattern) == 1 && o.pattern[0] == '*' {
				o.pattern = nil
			}
		default:
			return o, engine.ErrSyntax
		}
	}
	return o, nil
}

// matches says whether an element is wanted.
func (o *elementScan) matches(e kv.Elem) bool {
	if o.pattern == nil {
		return true
	}
	var buf [20]byte
	return glob.Match(o.pattern, e.Bytes(buf[:]), false)
}

// scanElements answers HSCAN, SSCAN and ZSCAN of a value of the given type. step visits a few elements behind a cursor,
// returns the next one, and calls visit for each with what to write when it is wanted.
func scanElements(c *engine.Call, typ kv.Type, step func(e kv.Entry, cursor uint64, visit func(key kv.Elem, write func())) uint64, width int) error {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		return engine.ReplyError("ERR invalid cursor")
	}
	e, found := c.LookupRead(c.Args[1])
	if !found {
		c.W.Array(2)
		c.W.BulkString("0")
		c.W.EmptyArray()
		return nil
	}
	if e.Type() != typ {
		return engine.ErrWrongType
	}
	o, err := parseElementScan(c)
	if err != nil {
		return err
	}
	// As in Redis: at most ten times COUNT steps, so that a sparse table does not hold the server up.
	steps := o.count
	if steps < 1<<32 {
		steps *= 10
	}
	head, n, visited := len(c.W.Buf), 0, int64(0)
	for {
		cursor = step(e, cursor, func(key kv.Elem, write func()) {
			visited++
			if o.matches(key) {
				write()
				n += width
			}
		})
		if steps--; cursor == 0 || steps <= 0 || visited >= o.count {
			break
		}
	}
	insertArrayHeader(c, head, n)
	insertScanHeader(c, head, cursor)
	return nil
}

// bulkElem replies one string of a collection.
func bulkElem(c *engine.Call, e kv.Elem) {
	if n, isInt := e.Int(); isInt {
		c.W.BulkInt(n)
		return
	}
	c.W.Bulk(e.Bytes(nil))
}
