package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

func hrandfieldCommand(c *engine.Call) error {
	if len(c.Args) == 2 {
		e, found, err := hashEntry(c)
		switch {
		case err != nil:
			return err
		case !found:
			c.W.Null()
		default:
			field, _ := e.RandomHash()
			bulkElem(c, field)
		}
		return nil
	}
	count, err := integerIn(c.Args[2], -math.MaxInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	withValues := false
	if len(c.Args) > 4 || (len(c.Args) == 4 && !is(c.Args[3], "WITHVALUES")) {
		return engine.ErrSyntax
	}
	if len(c.Args) == 4 {
		withValues = true
		if count < -math.MaxInt64/2 || count > math.MaxInt64/2 {
			return engine.ErrOutOfRange
		}
	}
	e, found, err := hashEntry(c)
	if err != nil {
		return err
	}
	if !found || count == 0 {
		c.W.EmptyArray()
		return nil
	}
	write := func(field, value kv.Elem) {
		if withValues && c.W.Proto >= 3 {
			c.W.Array(2)
		}
		bulkElem(c, field)
		if withValues {
			bulkElem(c, value)
		}
	}
	header := func(n int64) {
		if withValues && c.W.Proto < 3 {
			n *= 2
		}
		c.W.Array(int(n))
	}
	if count < 0 {
		header(-count)
		for ; count < 0 && !c.Overflowing(); count++ {
			write(e.RandomHash())
		}
		return nil
	}
	n := int64(e.Hash().Len())
	count = min(count, n)
	header(count)
	e.SampleHash(int(count), write)
	return nil
}

// hashEntry is the entry of a hash for reading.
func hashEntry(c *engine.Call) (e kv.Entry, found bool, err error) {
	e, found = c.LookupRead(c.Args[1])
	if found && e.Type() != kv.Hash {
		return e, false, engine.ErrWrongType
	}
	return e, found, nil
}
