package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

func incrCommand(c *engine.Call) error { return increment(c, 1) }

func decrCommand(c *engine.Call) error { return increment(c, -1) }

func incrbyCommand(c *engine.Call) error {
	by, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	return increment(c, by)
}

func decrbyCommand(c *engine.Call) error {
	by, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if by == math.MinInt64 {
		return engine.ReplyError("ERR decrement would overflow")
	}
	return increment(c, -by)
}

// increment adds to an integer value; a missing key counts as zero, the time limit stays.
func increment(c *engine.Call, by int64) error {
	key := c.Args[1]
	e, found, err := c.WriteString(key)
	if err != nil {
		return err
	}
	var n int64
	if found {
		if n, err = integerValue(e); err != nil {
			return err
		}
	}
	if (by < 0 && n < 0 && by < math.MinInt64-n) || (by > 0 && n > 0 && by > math.MaxInt64-n) {
		return engine.ErrOverflow
	}
	n += by
	c.DB.SetInt(key, n, true)
	c.Dirty(1)
	c.Notify('$', "incrby", key)
	c.W.Int(n)
	return nil
}

// integerValue reads a string value as an integer, however it is encoded.
func integerValue(e kv.Entry) (int64, error) {
	if n, ok := e.Int(); ok {
		return n, nil
	}
	if e.StringLen() > len("-9223372036854775808") {
		return 0, engine.ErrNotInteger
	}
	var text [20]byte
	return integer(e.AppendString(text[:0]))
}
