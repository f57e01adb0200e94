package command

import (
	"math"
	"math/big"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var hashCommands = []engine.Spec{
	{Name: "hdel", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: hdelCommand},
	{Name: "hexists", Arity: 3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: hexistsCommand},
	{Name: "hget", Arity: 3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: hgetCommand},
	{Name: "hgetall", Arity: 2, Flags: engine.ReadOnly, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: hgetallCommand},
	{Name: "hincrby", Arity: 4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: hincrbyCommand},
	{Name: "hincrbyfloat", Arity: 4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: hincrbyfloatCommand},
	{Name: "hkeys", Arity: 2, Flags: engine.ReadOnly, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: hkeysCommand},
	{Name: "hlen", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: hlenCommand},
	{Name: "hmget", Arity: -3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: hmgetCommand},
	{Name: "hmset", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: hmsetCommand},
	{Name: "hrandfield", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: hrandfieldCommand},
	{Name: "hscan", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: hscanCommand},
	{Name: "hset", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: hsetCommand},
	{Name: "hsetnx", Arity: 4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: hsetnxCommand},
	{Name: "hstrlen", Arity: 3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: hstrlenCommand},
	{Name: "hvals", Arity: 2, Flags: engine.ReadOnly, Categories: engine.CatHash,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: hvalsCommand},
}

var wordHset = []byte("HSET")

// readHash is the hash at key for reading; found is false when there is none.
func readHash(c *engine.Call, key []byte) (h kv.HashView, found bool, err error) {
	e, found := c.LookupRead(key)
	if !found {
		return h, false, nil
	}
	if e.Type() != kv.Hash {
		return h, false, engine.ErrWrongType
	}
	return e.Hash(), true, nil
}

func hsetCommand(c *engine.Call) error {
	n, err := setFields(c)
	if err == nil {
		c.W.Int(n)
	}
	return err
}

func hmsetCommand(c *engine.Call) error {
	_, err := setFields(c)
	if err == nil {
		c.W.OK()
	}
	return err
}

// setFields is HSET and HMSET: it returns how many fields are new.
func setFields(c *engine.Call) (created int64, err error) {
	if len(c.Args)%2 != 0 {
		return 0, engine.ErrArity(c.Spec.FullName())
	}
	h, err := c.DB.EditHash(c.Args[1])
	if err != nil {
		return 0, err
	}
	h.Fit(c.Args[2:]...)
	for i := 2; i < len(c.Args); i += 2 {
		if h.Set(c.Args[i], c.Args[i+1]) {
			created++
		}
	}
	h.Done()
	c.Dirty(len(c.Args)/2 - 1)
	c.Notify('h', "hset", c.Args[1])
	return created, nil
}

func hsetnxCommand(c *engine.Call) error {
	h, err := c.DB.EditHash(c.Args[1])
	if err != nil {
		return err
	}
	if _, there := h.Get(c.Args[2]); there {
		h.Done()
		c.W.Int(0)
		return nil
	}
	h.Fit(c.Args[2:4]...)
	h.Set(c.Args[2], c.Args[3])
	h.Done()
	c.Dirty(1)
	c.Notify('h', "hset", c.Args[1])
	c.W.Int(1)
	return nil
}

func hgetCommand(c *engine.Call) error {
	h, found, err := readHash(c, c.Args[1])
	if err != nil {
		return err
	}
	replyField(c, h, found, c.Args[2])
	return nil
}

func hmgetCommand(c *engine.Call) error {
	h, found, err := readHash(c, c.Args[1])
	if err != nil {
		return err
	}
	c.W.Array(len(c.Args) - 2)
	for _, field := range c.Args[2:] {
		replyField(c, h, found, field)
	}
	return nil
}

// replyField replies the value of a field, or null.
func replyField(c *engine.Call, h kv.HashView, found bool, field []byte) {
	if found {
		if v, there := h.Get(field); there {
			bulkElem(c, v)
			return
		}
	}
	c.W.Null()
}

func hdelCommand(c *engine.Call) error {
	h, err := c.DB.EditHash(c.Args[1])
	if err != nil {
		return err
	}
	deleted := 0
	for _, field := range c.Args[2:] {
		if h.Delete(field) {
			if deleted++; h.Len() == 0 {
				break
			}
		}
	}
	removed := h.Done()
	if deleted > 0 {
		c.Notify('h', "hdel", c.Args[1])
		if removed {
			c.Notify('g', "del", c.Args[1])
		}
		c.Dirty(deleted)
	}
	c.W.Int(int64(deleted))
	return nil
}

func hlenCommand(c *engine.Call) error {
	h, found, err := readHash(c, c.Args[1])
	if err != nil {
		return err
	}
	n := 0
	if found {
		n = h.Len()
	}
	c.W.Int(int64(n))
	return nil
}

func hstrlenCommand(c *engine.Call) error {
	h, found, err := readHash(c, c.Args[1])
	if err != nil {
		return err
	}
	n := 0
	if found {
		v, _ := h.Get(c.Args[2])
		n = v.Len()
	}
	c.W.Int(int64(n))
	return nil
}

func hexistsCommand(c *engine.Call) error {
	h, found, err := readHash(c, c.Args[1])
	if err != nil {
		return err
	}
	if found {
		_, found = h.Get(c.Args[2])
	}
	n := int64(0)
	if found {
		n = 1
	}
	c.W.Int(n)
	return nil
}

func hkeysCommand(c *engine.Call) error { return replyHash(c, true, false) }

func hvalsCommand(c *engine.Call) error { return replyHash(c, false, true) }

func hgetallCommand(c *engine.Call) error { return replyHash(c, true, true) }

func replyHash(c *engine.Call, fields, values bool) error {
	h, found, err := readHash(c, c.Args[1])
	if err != nil {
		return err
	}
	n := 0
	if found {
		n = h.Len()
	}
	if fields && values {
		c.W.Map(n)
	} else {
		c.W.Array(n)
	}
	if !found {
		return nil
	}
	h.Each(func(field, value kv.Elem) bool {
		if fields {
			bulkElem(c, field)
		}
		if values {
			bulkElem(c, value)
		}
		return true
	})
	return nil
}

func hincrbyCommand(c *engine.Call) error {
	by, err := integer(c.Args[3])
	if err != nil {
		return err
	}
	h, err := c.DB.EditHash(c.Args[1])
	if err != nil {
		return err
	}
	n := int64(0)
	if v, there := h.Get(c.Args[2]); there {
		var buf [20]byte
		if v.Len() > len(buf) {
			err = engine.ErrNotInteger
		} else {
			n, err = integer(v.Bytes(buf[:]))
		}
		if err != nil {
			h.Done()
			return engine.ReplyError("ERR hash value is not an integer")
		}
	}
	if (by < 0 && n < 0 && by < math.MinInt64-n) || (by > 0 && n > 0 && by > math.MaxInt64-n) {
		h.Done()
		return engine.ErrOverflow
	}
	n += by
	h.Set(c.Args[2], decimal(n))
	h.Done()
	c.Notify('h', "hincrby", c.Args[1])
	c.Dirty(1)
	c.W.Int(n)
	return nil
}

func hincrbyfloatCommand(c *engine.Call) error {
	by, ok := parseLongDouble(c.Args[3])
	if !ok {
		return engine.ErrNotFloat
	}
	if by.IsInf() {
		return engine.ReplyError("ERR value is NaN or Infinity")
	}
	h, err := c.DB.EditHash(c.Args[1])
	if err != nil {
		return err
	}
	value := new(big.Float).SetPrec(longDoubleBits)
	if v, there := h.Get(c.Args[2]); there {
		if value, ok = parseLongDouble(v.Append(nil)); !ok {
			h.Done()
			return engine.ReplyError("ERR hash value is not a float")
		}
	}
	sum, ok := addLongDouble(value, by)
	if !ok {
		h.Done()
		return errNaNOrInf
	}
	text := []byte(formatLongDouble(sum))
	h.Set(c.Args[2], text)
	h.Done()
	c.Notify('h', "hincrbyfloat", c.Args[1])
	c.Dirty(1)
	// The sum is propagated, not the addition: float formatting must not decide what a replica holds.
	c.Replace(wordHset, c.Args[1], c.Args[2], text)
	c.W.Bulk(text)
	return nil
}

func hscanCommand(c *engine.Call) error {
	return scanElements(c, kv.Hash, func(e kv.Entry, cursor uint64, visit func(kv.Elem, func())) uint64 {
		return e.ScanHash(cursor, func(field, value kv.Elem) {
			visit(field, func() {
				bulkElem(c, field)
				bulkElem(c, value)
			})
		})
	}, 2)
}
