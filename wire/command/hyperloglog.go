package command

import (
	"errors"

	"frankenredis/kv"
	"frankenredis/kv/hll"
	"frankenredis/wire/engine"
)

var hyperloglogCommands = []engine.Spec{
	{Name: "pfadd", Arity: -2, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatHyperLogLog,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: pfaddCommand},
	{Name: "pfcount", Arity: -2, Flags: engine.ReadOnly | engine.MayReplicate, Categories: engine.CatHyperLogLog,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess, Notes: "RW because the string carries the last estimate, which may be brought up to date", Index: 1, Last: -1}},
		Handler: pfcountCommand},
	{Name: "pfdebug", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Admin, Categories: engine.CatHyperLogLog | engine.CatDangerous,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess, Index: 2}},
		Handler: pfdebugCommand},
	{Name: "pfmerge", Arity: -2, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatHyperLogLog,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyInsert, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, Last: -1}},
		Handler: pfmergeCommand},
	{Name: "pfselftest", Arity: 1, Flags: engine.Admin, Categories: engine.CatHyperLogLog | engine.CatDangerous,
		Handler: pfselftestCommand},
}

const (
	errNotHLL     = engine.ReplyError("WRONGTYPE Key is not a valid HyperLogLog string value.")
	errHLLCorrupt = engine.ReplyError("INVALIDOBJ Corrupted HLL object detected")
)

// hllValue is the bytes of a HyperLogLog, a copy.
func hllValue(e kv.Entry) ([]byte, error) {
	if e.Type() != kv.String {
		return nil, engine.ErrWrongType
	}
	// A long string is looked at before it is copied.
	if e.StringLen() > 2*hll.DenseSize && !hll.Valid(e.AppendRange(nil, 0, hll.HeaderSize)) {
		return nil, errNotHLL
	}
	b := e.AppendString(nil)
	if !hll.Valid(b) {
		return nil, errNotHLL
	}
	return b, nil
}

// hllError is what a client sees of an error of the format.
func hllError(err error) error {
	if errors.Is(err, hll.ErrInvalid) {
		return errNotHLL
	}
	return errHLLCorrupt
}

func sparseMax(c *engine.Call) int {
	return int(min(c.E.Config().Bytes("hll-sparse-max-bytes"), 2*hll.DenseSize))
}

func storeHLL(c *engine.Call, key, b []byte) { c.DB.SetPlain(key, b, kv.Raw, true) }

func pfaddCommand(c *engine.Call) error {
	key := c.Args[1]
	e, found := c.LookupWrite(key)
	var b []byte
	var err error
	updated := 0
	if !found {
		b = hll.New()
		updated++
	} else if b, err = hllValue(e); err != nil {
		return err
	}
	for _, element := range c.Args[2:] {
		var changed bool
		if b, changed, err = hll.Add(b, element, sparseMax(c)); err != nil {
			return hllError(err)
		}
		if changed {
			updated++
		}
	}
	if updated > 0 {
		hll.Invalidate(b) // also of a new one without elements
		storeHLL(c, key, b)
		c.Notify('$', "pfadd", key)
		c.Dirty(updated)
	}
	replyBool(c, updated > 0)
	return nil
}

func pfcountCommand(c *engine.Call) error {
	if len(c.Args) > 2 {
		return countUnion(c)
	}
	key := c.Args[1]
	e, found := c.LookupRead(key)
	if !found {
		c.W.Int(0)
		return nil
	}
	b, err := hllValue(e)
	if err != nil {
		return err
	}
	n, fresh := hll.Cached(b)
	if !fresh {
		if n, err = hll.Count(b); err != nil {
			return hllError(err)
		}
		// The string changes, so this is propagated though it reads only.
		hll.SetCached(b, n)
		storeHLL(c, key, b)
		c.Dirty(1)
	}
	c.W.Int(int64(n))
	return nil
}

func countUnion(c *engine.Call) error {
	var u hll.Union
	for _, key := range c.Args[1:] {
		e, found := c.LookupRead(key)
		if !found {
			continue
		}
		b, err := hllValue(e)
		if err != nil {
			return err
		}
		if err := u.Add(b); err != nil {
			return hllError(err)
		}
	}
	c.W.Int(int64(u.Count()))
	return nil
}

func pfmergeCommand(c *engine.Call) error {
	var u hll.Union
	var dst []byte
	for i, key := range c.Args[1:] {
		e, found := c.LookupRead(key)
		if !found {
			continue
		}
		b, err := hllValue(e)
		if err != nil {
			return err
		}
		if err := u.Add(b); err != nil {
			return hllError(err)
		}
		if i == 0 {
			dst = b
		}
	}
	if dst == nil {
		dst = hll.New()
	}
	dst, err := u.Store(dst, sparseMax(c))
	if err != nil {
		return hllError(err)
	}
	storeHLL(c, c.Args[1], dst)
	c.Notify('$', "pfadd", c.Args[1])
	c.Dirty(1)
	c.W.OK()
	return nil
}

func pfdebugCommand(c *engine.Call) error {
	key := c.Args[2]
	e, found := c.LookupWrite(key)
	if !found {
		return engine.ReplyError("ERR The specified key does not exist")
	}
	b, err := hllValue(e)
	if err != nil {
		return err
	}
	toDense := func() (bool, error) {
		if hll.EncodingOf(b) == hll.Dense {
			return false, nil
		}
		if b, err = hll.ToDense(b); err != nil {
			return false, hllError(err)
		}
		storeHLL(c, key, b)
		c.Dirty(1)
		return true, nil
	}
	switch {
	case is(c.Args[1], "GETREG"):
		if _, err := toDense(); err != nil {
			return err
		}
		registers, err := hll.AppendRegisters(nil, b)
		if err != nil {
			return hllError(err)
		}
		c.W.Array(len(registers))
		for _, r := range registers {
			c.W.Int(int64(r))
		}
	case is(c.Args[1], "DECODE"):
		if hll.EncodingOf(b) != hll.Sparse {
			return engine.ReplyError("ERR HLL encoding is not sparse")
		}
		c.W.Bulk(hll.AppendRuns(nil, b))
	case is(c.Args[1], "ENCODING"):
		c.W.Simple(hll.EncodingOf(b).String())
	case is(c.Args[1], "TODENSE"):
		converted, err := toDense()
		if err != nil {
			return err
		}
		replyBool(c, converted)
	default:
		return engine.Errorf("ERR Unknown PFDEBUG subcommand '%s'", shown(c.Args[1]))
	}
	return nil
}

func pfselftestCommand(c *engine.Call) error {
	if err := hll.SelfTest(c.E.Random(), sparseMax(c)); err != nil {
		return engine.ReplyError("ERR TESTFAILED " + err.Error())
	}
	c.W.OK()
	return nil
}
