package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var expireCommands = []engine.Spec{
	{Name: "expire", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: expireCommand},
	{Name: "expireat", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: expireatCommand},
	{Name: "expiretime", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: expiretimeCommand},
	{Name: "persist", Arity: 2, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: persistCommand},
	{Name: "pexpire", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: pexpireCommand},
	{Name: "pexpireat", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: pexpireatCommand},
	{Name: "pexpiretime", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: pexpiretimeCommand},
	{Name: "pttl", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: pttlCommand},
	{Name: "ttl", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: ttlCommand},
}

// alreadyExpired says whether a time limit lies in the past so that the key goes now. While a log is replayed and on a
// replica nothing goes by the clock: there the deletion comes as an event (I20).
func alreadyExpired(c *engine.Call, at kv.Millis) bool {
	return at <= c.Now && !c.E.Loading() && !c.E.Following()
}

// deleteExpired deletes a key whose new time limit has passed already, and propagates the deletion instead.
func deleteExpired(c *engine.Call, key []byte) {
	if c.E.Config().Live.LazyfreeExpire {
		c.DB.Unlink(key)
		c.Replace(wordUnlink, key)
	} else {
		c.DB.Delete(key)
		c.Replace(wordDel, key)
	}
	c.Dirty(1)
	c.Notify('g', "del", key)
}

func expireCommand(c *engine.Call) error { return expire(c, true, false) }

func pexpireCommand(c *engine.Call) error { return expire(c, false, false) }

func expireatCommand(c *engine.Call) error { return expire(c, true, true) }

func pexpireatCommand(c *engine.Call) error { return expire(c, false, true) }

// expireFlags are the conditions of the EXPIRE family.
type expireFlags struct{ nx, xx, gt, lt bool }

func parseExpireFlags(args [][]byte) (f expireFlags, err error) {
	for _, a := range args {
		switch {
		case is(a, "NX"):
			f.nx = true
		case is(a, "XX"):
			f.xx = true
		case is(a, "GT"):
			f.gt = true
		case is(a, "LT"):
			f.lt = true
		default:
			return f, engine.Errorf("ERR Unsupported option %s", shown(a))
		}
	}
	if f.nx && (f.xx || f.gt || f.lt) {
		return f, engine.ReplyError("ERR NX and XX, GT or LT options at the same time are not compatible")
	}
	if f.gt && f.lt {
		return f, engine.ReplyError("ERR GT and LT options at the same time are not compatible")
	}
	return f, nil
}

// allows says whether the conditions hold for a key whose current limit is old (has: it has one).
func (f expireFlags) allows(has bool, old, at kv.Millis) bool {
	switch {
	case f.nx && has, f.xx && !has:
		return false
	case f.gt && (!has || at <= old): // no limit counts as infinitely far
		return false
	case f.lt && has && at >= old:
		return false
	}
	return true
}

func expire(c *engine.Call, seconds, absolute bool) error {
	key := c.Args[1]
	flags, err := parseExpireFlags(c.Args[3:])
	if err != nil {
		return err
	}
	n, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if seconds {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return errExpiry(c)
		}
		n *= 1000
	}
	if !absolute {
		if n > math.MaxInt64-int64(c.Now) {
			return errExpiry(c)
		}
		n += int64(c.Now)
	}
	at := kv.Millis(n)
	e, found := c.LookupWrite(key)
	if !found {
		c.W.Int(0)
		return nil
	}
	old, has := e.Expire()
	if !flags.allows(has, old, at) {
		c.W.Int(0)
		return nil
	}
	if alreadyExpired(c, at) {
		deleteExpired(c, key)
		c.W.Int(1)
		return nil
	}
	c.DB.SetExpire(key, at)
	c.Dirty(1)
	c.Notify('g', "expire", key)
	if seconds || !absolute {
		// The conditions stay, as in Redis's stream; they hold there as they do here.
		c.Replace(append([][]byte{wordPexpire, key, decimal(n)}, c.Args[3:]...)...)
	}
	c.W.Int(1)
	return nil
}

func ttlCommand(c *engine.Call) error { return remaining(c, true, false) }

func pttlCommand(c *engine.Call) error { return remaining(c, false, false) }

func expiretimeCommand(c *engine.Call) error { return remaining(c, true, true) }

func pexpiretimeCommand(c *engine.Call) error { return remaining(c, false, true) }

// remaining answers the TTL family: -2 without the key, -1 without a limit. It does not count as an access.
func remaining(c *engine.Call, seconds, absolute bool) error {
	e, found := c.Peek(c.Args[1])
	if !found {
		c.W.Int(-2)
		return nil
	}
	at, has := e.Expire()
	if !has {
		c.W.Int(-1)
		return nil
	}
	left := int64(at)
	if !absolute {
		left = max(left-int64(c.Now), 0)
	}
	if seconds {
		// Unsigned, as compilers make it of Redis's division of a number known not to be negative: the sum may exceed 63 bits.
		left = int64((uint64(left) + 500) / 1000)
	}
	c.W.Int(left)
	return nil
}

func persistCommand(c *engine.Call) error {
	key := c.Args[1]
	if _, found := c.LookupWrite(key); !found || !c.DB.Persist(key) {
		c.W.Int(0)
		return nil
	}
	c.Dirty(1)
	c.Notify('g', "persist", key)
	c.W.Int(1)
	return nil
}
