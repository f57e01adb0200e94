package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var stringCommands = []engine.Spec{
	{Name: "append", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: appendCommand},
	{Name: "decr", Arity: 2, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: decrCommand},
	{Name: "decrby", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: decrbyCommand},
	{Name: "get", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: getCommand},
	{Name: "getdel", Arity: 2, Flags: engine.Write | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}},
		Handler: getdelCommand},
	{Name: "getex", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Notes: "RW and UPDATE because it changes the TTL", Index: 1}},
		Handler: getexCommand},
	{Name: "getrange", Arity: 4, Flags: engine.ReadOnly, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: getrangeCommand},
	{Name: "getset", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: getsetCommand},
	{Name: "incr", Arity: 2, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: incrCommand},
	{Name: "incrby", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: incrbyCommand},
	{Name: "incrbyfloat", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: incrbyfloatCommand},
	{Name: "mget", Arity: -2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, Last: -1}},
		Tips:    []string{"request_policy:multi_shard"},
		Handler: mgetCommand},
	{Name: "mset", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1, Last: -1, Step: 2}},
		Tips:    []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
		Handler: msetCommand},
	{Name: "msetnx", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyInsert, Index: 1, Last: -1, Step: 2}},
		Handler: msetnxCommand},
	{Name: "psetex", Arity: 4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}},
		Handler: psetexCommand},
	{Name: "set", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate | engine.KeyVariable, Notes: "RW and ACCESS due to the optional `GET` argument", Index: 1}},
		Handler: setCommand},
	{Name: "setex", Arity: 4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}},
		Handler: setexCommand},
	{Name: "setnx", Arity: 3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyInsert, Index: 1}},
		Handler: setnxCommand},
	{Name: "setrange", Arity: 4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: setrangeCommand},
	{Name: "strlen", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: strlenCommand},
	{Name: "substr", Arity: 4, Flags: engine.ReadOnly, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: substrCommand},
}

var (
	wordSet      = []byte("SET")
	wordDel      = []byte("DEL")
	wordUnlink   = []byte("UNLINK")
	wordPxat     = []byte("PXAT")
	wordKeepTTL  = []byte("KEEPTTL")
	wordPersist  = []byte("PERSIST")
	wordPexpire  = []byte("PEXPIREAT")
	replyInvalid = "ERR invalid expire time in '%s' command"
)

// expiry is a time limit as a command gives it.
type expiry struct {
	set      bool
	at       kv.Millis // absolute
	absolute bool      // given as PXAT already: the command may be propagated as it is
}

// parseExpiry reads the time of EX, PX, EXAT or PXAT. name is the command for the error text.
func parseExpiry(c *engine.Call, arg []byte, seconds, absolute bool) (expiry, error) {
	n, err := integer(arg)
	if err != nil {
		return expiry{}, err
	}
	bad := engine.Errorf(replyInvalid, c.Spec.FullName())
	if n <= 0 || (seconds && n > math.MaxInt64/1000) {
		return expiry{}, bad
	}
	if seconds {
		n *= 1000
	}
	if !absolute {
		if n > math.MaxInt64-int64(c.Now) {
			return expiry{}, bad
		}
		n += int64(c.Now)
	}
	return expiry{set: true, at: kv.Millis(n), absolute: absolute && !seconds}, nil
}

// setOptions are the options of SET and, as far as they go, GETEX.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	expiry                        expiry
}

// parseOptions reads options behind argument number from. GETEX knows other words than SET.
func parseOptions(c *engine.Call, from int, getex bool) (o setOptions, err error) {
	args := c.Args
	for i := from; i < len(args); i++ {
		a := args[i]
		next := i+1 < len(args)
		timed := o.keepTTL || o.persist || o.expiry.set
		switch {
		case is(a, "NX") && !o.xx && !getex:
			o.nx = true
		case is(a, "XX") && !o.nx && !getex:
			o.xx = true
		case is(a, "GET") && !getex:
			o.get = true
		case is(a, "KEEPTTL") && !getex && !o.expiry.set:
			o.keepTTL = true
		case is(a, "PERSIST") && getex && !o.expiry.set:
			o.persist = true
		case (is(a, "EX") || is(a, "PX") || is(a, "EXAT") || is(a, "PXAT")) && next && !timed:
			i++
			o.expiry = expiry{set: true, at: kv.Millis(i)} // parsed below: a syntax error elsewhere comes first
		default:
			return o, engine.ErrSyntax
		}
	}
	if o.expiry.set {
		at := int(o.expiry.at)
		word := args[at-1]
		o.expiry, err = parseExpiry(c, args[at], len(word)&1 == 0 && (word[0]|0x20) == 'e', len(word) == 4)
	}
	return o, err
}

func setCommand(c *engine.Call) error {
	if len(c.Args) == 3 {
		c.DB.SetString(c.Args[1], c.Args[2], false)
		c.Dirty(1)
		c.Notify('$', "set", c.Args[1])
		c.W.OK()
		return nil
	}
	o, err := parseOptions(c, 3, false)
	if err != nil {
		return err
	}
	return set(c, c.Args[1], c.Args[2], o)
}

// set is SET with options. The propagated form carries an absolute time and no GET.
func set(c *engine.Call, key, value []byte, o setOptions) error {
	var found bool
	if o.get {
		e, there, err := c.ReadString(key)
		if err != nil {
			return err
		}
		if found = there; found {
			appendString(c, e)
		} else {
			c.W.Null()
		}
	} else {
		_, found = c.LookupWrite(key)
	}
	if (o.nx && found) || (o.xx && !found) {
		if !o.get {
			c.W.Null()
		}
		return nil
	}
	if o.expiry.set {
		c.DB.SetStringExpire(key, value, o.expiry.at)
	} else {
		c.DB.SetString(key, value, o.keepTTL)
	}
	c.Dirty(1)
	c.Notify('$', "set", key)
	switch {
	case o.expiry.set:
		c.Notify('g', "expire", key)
		c.Replace(wordSet, key, value, wordPxat, decimal(int64(o.expiry.at)))
	case o.get:
		argv := make([][]byte, 0, len(c.Args))
		for i, a := range c.Args {
			if i > 2 && is(a, "GET") {
				continue
			}
			argv = append(argv, a)
		}
		c.Replace(argv...)
	}
	if !o.get {
		c.W.OK()
	}
	return nil
}

func setnxCommand(c *engine.Call) error {
	if _, found := c.LookupWrite(c.Args[1]); found {
		c.W.Int(0)
		return nil
	}
	c.DB.SetString(c.Args[1], c.Args[2], false)
	c.Dirty(1)
	c.Notify('$', "set", c.Args[1])
	c.W.Int(1)
	return nil
}

func setexCommand(c *engine.Call) error { return setFor(c, true) }

func psetexCommand(c *engine.Call) error { return setFor(c, false) }

func setFor(c *engine.Call, seconds bool) error {
	x, err := parseExpiry(c, c.Args[2], seconds, false)
	if err != nil {
		return err
	}
	return set(c, c.Args[1], c.Args[3], setOptions{expiry: x})
}

// appendString replies with a string value.
func appendString(c *engine.Call, e kv.Entry) {
	c.W.BulkHeader(e.StringLen())
	c.W.Buf = e.AppendString(c.W.Buf)
	c.W.BulkEnd()
}

func getCommand(c *engine.Call) error {
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Null()
		return nil
	}
	appendString(c, e)
	return nil
}

func getsetCommand(c *engine.Call) error {
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	if found {
		appendString(c, e)
	} else {
		c.W.Null()
	}
	c.DB.SetString(c.Args[1], c.Args[2], false)
	c.Dirty(1)
	c.Notify('$', "set", c.Args[1])
	c.Replace(wordSet, c.Args[1], c.Args[2])
	return nil
}

func getdelCommand(c *engine.Call) error {
	key := c.Args[1]
	e, found, err := c.ReadString(key)
	if err != nil {
		return err
	}
	if !found {
		c.W.Null()
		return nil
	}
	appendString(c, e)
	remove(c, key)
	return nil
}

// remove deletes a key that exists as DEL or UNLINK, as lazyfree-lazy-user-del says, and propagates it so.
func remove(c *engine.Call, key []byte) {
	if c.E.Config().Live.LazyfreeUserDel {
		c.DB.Unlink(key)
		c.Replace(wordUnlink, key)
	} else {
		c.DB.Delete(key)
		c.Replace(wordDel, key)
	}
	c.Dirty(1)
	c.Notify('g', "del", key)
}

func getexCommand(c *engine.Call) error {
	o, err := parseOptions(c, 2, true)
	if err != nil {
		return err
	}
	key := c.Args[1]
	e, found, err := c.ReadString(key)
	if err != nil {
		return err
	}
	if !found {
		c.W.Null()
		return nil
	}
	appendString(c, e)
	switch {
	case o.expiry.set && alreadyExpired(c, o.expiry.at):
		deleteExpired(c, key)
	case o.expiry.set:
		c.DB.SetExpire(key, o.expiry.at)
		c.Replace(wordPexpire, key, decimal(int64(o.expiry.at)))
		c.Dirty(1)
		c.Notify('g', "expire", key)
	case o.persist:
		if c.DB.Persist(key) {
			c.Replace(wordPersist, key)
			c.Dirty(1)
			c.Notify('g', "persist", key)
		}
	}
	return nil
}

func mgetCommand(c *engine.Call) error {
	c.W.Array(len(c.Args) - 1)
	for _, key := range c.Args[1:] {
		e, found := c.LookupRead(key)
		if !found || e.Type() != kv.String {
			c.W.Null()
			continue
		}
		appendString(c, e)
	}
	return nil
}

func msetCommand(c *engine.Call) error {
	if len(c.Args)%2 == 0 {
		return engine.ErrArity("mset")
	}
	setPairs(c)
	c.W.OK()
	return nil
}

func msetnxCommand(c *engine.Call) error {
	if len(c.Args)%2 == 0 {
		return engine.ErrArity("msetnx")
	}
	for i := 1; i < len(c.Args); i += 2 {
		if _, found := c.LookupWrite(c.Args[i]); found {
			c.W.Int(0)
			return nil
		}
	}
	setPairs(c)
	c.W.Int(1)
	return nil
}

func setPairs(c *engine.Call) {
	for i := 1; i < len(c.Args); i += 2 {
		c.DB.SetString(c.Args[i], c.Args[i+1], false)
		c.Notify('$', "set", c.Args[i])
	}
	c.Dirty((len(c.Args) - 1) / 2)
}

func strlenCommand(c *engine.Call) error {
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	c.W.Int(int64(e.StringLen()))
	return nil
}

// checkLength refuses strings that would grow beyond proto-max-bulk-len.
func checkLength(c *engine.Call, size, more int64) error {
	total := size + more
	if total > c.E.Config().Live.ProtoMaxBulkLen || total < size || total < more {
		return engine.ErrStringTooBig
	}
	return nil
}

func appendCommand(c *engine.Call) error {
	key, tail := c.Args[1], c.Args[2]
	e, found, err := c.WriteString(key)
	if err != nil {
		return err
	}
	var n int
	if !found {
		c.DB.SetString(key, tail, false)
		n = len(tail)
	} else {
		if err := checkLength(c, int64(e.StringLen()), int64(len(tail))); err != nil {
			return err
		}
		n = c.DB.AppendString(key, tail)
	}
	c.Dirty(1)
	c.Notify('$', "append", key)
	c.W.Int(int64(n))
	return nil
}

func setrangeCommand(c *engine.Call) error {
	key, value := c.Args[1], c.Args[3]
	offset, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if offset < 0 {
		return engine.ReplyError("ERR offset is out of range")
	}
	e, found, err := c.WriteString(key)
	if err != nil {
		return err
	}
	if len(value) == 0 {
		if found {
			c.W.Int(int64(e.StringLen()))
		} else {
			c.W.Int(0)
		}
		return nil
	}
	if err := checkLength(c, offset, int64(len(value))); err != nil {
		return err
	}
	n := c.DB.SetRange(key, int(offset), value)
	c.Dirty(1)
	c.Notify('$', "setrange", key)
	c.W.Int(int64(n))
	return nil
}

func substrCommand(c *engine.Call) error { return getrangeCommand(c) }

func getrangeCommand(c *engine.Call) error {
	start, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	end, err := integer(c.Args[3])
	if err != nil {
		return err
	}
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	n := int64(0)
	if found {
		n = int64(e.StringLen())
	}
	if start < 0 && end < 0 && start > end {
		n = 0
	}
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	end = min(end, n-1)
	if start > end || n == 0 {
		c.W.BulkString("")
		return nil
	}
	c.W.BulkHeader(int(end - start + 1))
	c.W.Buf = e.AppendRange(c.W.Buf, int(start), int(end)+1)
	c.W.BulkEnd()
	return nil
}
