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
	{Name: "lcs", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatString,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, Last: 1}},
		Handler: lcsCommand},
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
		GetKeys: setKeys,
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
	wordSet     = []byte("SET")
	wordDel     = []byte("DEL")
	wordUnlink  = []byte("UNLINK")
	wordPxat    = []byte("PXAT")
	wordKeepTTL = []byte("KEEPTTL")
	wordPersist = []byte("PERSIST")
	wordPexpire = []byte("PEXPIREAT")
)

// errExpiry says that a time limit is out of range.
func errExpiry(c *engine.Call) error {
	return engine.Errorf("ERR invalid expire time in '%s' command", c.Spec.FullName())
}

// expiry is a time limit as a command gives it.
type expiry struct {
	text     []byte // nil: there is none
	seconds  bool   // else milliseconds
	absolute bool   // else from now on
}

// at reads the limit and returns the instant.
func (x expiry) at(c *engine.Call) (kv.Millis, error) {
	n, err := integer(x.text)
	if err != nil {
		return 0, err
	}
	if n <= 0 || (x.seconds && n > math.MaxInt64/1000) {
		return 0, errExpiry(c)
	}
	if x.seconds {
		n *= 1000
	}
	if !x.absolute {
		if n > math.MaxInt64-int64(c.Now) {
			return 0, errExpiry(c)
		}
		n += int64(c.Now)
	}
	return kv.Millis(n), nil
}

// setOptions are the options of SET and, as far as they go, GETEX.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	expiry                        expiry
}

// parseOptions reads options behind argument number from. GETEX knows other words than SET. An option may be given again,
// the last one counts; EX, PX, EXAT, PXAT, KEEPTTL and PERSIST exclude each other.
func parseOptions(c *engine.Call, from int, getex bool) (o setOptions, err error) {
	args := c.Args
	timed := "" // which of those that exclude each other was given
	only := func(word string) bool { return timed == "" || timed == word }
	for i := from; i < len(args); i++ {
		a := args[i]
		switch {
		case is(a, "NX") && !o.xx && !getex:
			o.nx = true
		case is(a, "XX") && !o.nx && !getex:
			o.xx = true
		case is(a, "GET") && !getex:
			o.get = true
		case is(a, "KEEPTTL") && !getex && only("KEEPTTL"):
			o.keepTTL, timed = true, "KEEPTTL"
		case is(a, "PERSIST") && getex && only("PERSIST"):
			o.persist, timed = true, "PERSIST"
		default:
			if i++; i == len(args) {
				return o, engine.ErrSyntax
			}
			switch {
			case is(a, "EX") && only("EX"):
				o.expiry, timed = expiry{text: args[i], seconds: true}, "EX"
			case is(a, "PX") && only("PX"):
				o.expiry, timed = expiry{text: args[i]}, "PX"
			case is(a, "EXAT") && only("EXAT"):
				o.expiry, timed = expiry{text: args[i], seconds: true, absolute: true}, "EXAT"
			case is(a, "PXAT") && only("PXAT"):
				o.expiry, timed = expiry{text: args[i], absolute: true}, "PXAT"
			default:
				return o, engine.ErrSyntax
			}
		}
	}
	return o, nil
}

// setKeys tells what SET does with its key: without GET it only overwrites.
func setKeys(argv [][]byte) ([]engine.KeyRef, bool) {
	for _, a := range argv[3:] {
		if is(a, "GET") {
			return []engine.KeyRef{{Pos: 1, Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate}}, true
		}
	}
	return []engine.KeyRef{{Pos: 1, Flags: engine.KeyOW | engine.KeyUpdate}}, true
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

// set is SET with options. The propagated form carries an absolute time, and no GET unless it came with PXAT.
func set(c *engine.Call, key, value []byte, o setOptions) error {
	var at kv.Millis
	timed := o.expiry.text != nil
	if timed {
		var err error
		if at, err = o.expiry.at(c); err != nil {
			return err
		}
	}
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
	if timed {
		c.DB.SetStringExpire(key, value, at)
	} else {
		c.DB.SetString(key, value, o.keepTTL)
	}
	c.Dirty(1)
	c.Notify('$', "set", key)
	switch {
	case timed && o.expiry.absolute && !o.expiry.seconds: // as received
		c.Notify('g', "expire", key)
	case timed:
		c.Notify('g', "expire", key)
		c.Replace(wordSet, key, value, wordPxat, decimal(int64(at)))
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
	return set(c, c.Args[1], c.Args[3], setOptions{expiry: expiry{text: c.Args[2], seconds: seconds}})
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
	var at kv.Millis
	if o.expiry.text != nil {
		if at, err = o.expiry.at(c); err != nil {
			return err
		}
	}
	appendString(c, e)
	switch {
	case o.expiry.text != nil && alreadyExpired(c, at):
		deleteExpired(c, key)
	case o.expiry.text != nil:
		c.DB.SetExpire(key, at)
		c.Replace(wordPexpire, key, decimal(int64(at)))
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

// checkLength refuses strings that would grow beyond proto-max-bulk-len, unless a log that is replayed made them so.
func checkLength(c *engine.Call, size, more int64) error {
	total := size + more
	if (total > c.E.Config().Live.ProtoMaxBulkLen && !c.Obeyed()) || total < size || total < more {
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
