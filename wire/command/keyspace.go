package command

import (
	"strconv"

	"frankenredis/kv"
	"frankenredis/wire/engine"
	"frankenredis/wire/glob"
)

var keyspaceCommands = []engine.Spec{
	{Name: "copy", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}, {Flags: engine.KeyOW | engine.KeyUpdate, Index: 2}},
		Handler: copyCommand},
	{Name: "dbsize", Arity: 1, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Tips:    []string{"request_policy:all_shards", "response_policy:agg_sum"},
		Handler: dbsizeCommand},
	{Name: "del", Arity: -2, Flags: engine.Write, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRM | engine.KeyDelete, Index: 1, Last: -1}},
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Handler: delCommand},
	{Name: "exists", Arity: -2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1, Last: -1}},
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Handler: existsCommand},
	{Name: "flushall", Arity: -1, Flags: engine.Write, Categories: engine.CatKeyspace | engine.CatDangerous,
		Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Handler: flushallCommand},
	{Name: "flushdb", Arity: -1, Flags: engine.Write, Categories: engine.CatKeyspace | engine.CatDangerous,
		Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Handler: flushdbCommand},
	{Name: "keys", Arity: 2, Flags: engine.ReadOnly, Categories: engine.CatKeyspace | engine.CatDangerous,
		Tips:    []string{"request_policy:all_shards", "nondeterministic_output_order"},
		Handler: keysCommand},
	{Name: "move", Arity: 3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: moveCommand},
	{Name: "object", Arity: -2,
		Sub: []engine.Spec{
			{Name: "encoding", Arity: 3, Flags: engine.ReadOnly, Categories: engine.CatKeyspace,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 2}},
				Tips:    []string{"nondeterministic_output"},
				Handler: objectEncodingCommand},
			{Name: "freq", Arity: 3, Flags: engine.ReadOnly, Categories: engine.CatKeyspace,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 2}},
				Tips:    []string{"nondeterministic_output"},
				Handler: objectFreqCommand},
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatKeyspace,
				Handler: objectHelpCommand},
			{Name: "idletime", Arity: 3, Flags: engine.ReadOnly, Categories: engine.CatKeyspace,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 2}},
				Tips:    []string{"nondeterministic_output"},
				Handler: objectIdletimeCommand},
			{Name: "refcount", Arity: 3, Flags: engine.ReadOnly, Categories: engine.CatKeyspace,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 2}},
				Tips:    []string{"nondeterministic_output"},
				Handler: objectRefcountCommand},
		}},
	{Name: "randomkey", Arity: 1, Flags: engine.ReadOnly | engine.Scattered, Categories: engine.CatKeyspace,
		Tips:    []string{"request_policy:all_shards", "response_policy:special", "nondeterministic_output"},
		Handler: randomkeyCommand},
	{Name: "rename", Arity: 3, Flags: engine.Write, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyOW | engine.KeyUpdate, Index: 2}},
		Handler: renameCommand},
	{Name: "renamenx", Arity: 3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyOW | engine.KeyInsert, Index: 2}},
		Handler: renamenxCommand},
	{Name: "scan", Arity: -2, Flags: engine.ReadOnly | engine.Scattered, Categories: engine.CatKeyspace,
		Tips:    []string{"nondeterministic_output", "request_policy:special", "response_policy:special"},
		Handler: scanCommand},
	{Name: "swapdb", Arity: 3, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace | engine.CatDangerous,
		Handler: swapdbCommand},
	{Name: "touch", Arity: -2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1, Last: -1}},
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Handler: touchCommand},
	{Name: "type", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: typeCommand},
	{Name: "unlink", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRM | engine.KeyDelete, Index: 1, Last: -1}},
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Handler: unlinkCommand},
}

func delCommand(c *engine.Call) error {
	return deleteKeys(c, c.E.Config().Live.LazyfreeUserDel)
}

func unlinkCommand(c *engine.Call) error { return deleteKeys(c, true) }

func deleteKeys(c *engine.Call, lazy bool) error {
	n := 0
	for _, key := range c.Args[1:] {
		if _, found := c.DB.Lookup(key, kv.NoTouch); !found {
			continue
		}
		if lazy {
			c.DB.Unlink(key)
		} else {
			c.DB.Delete(key)
		}
		c.Notify('g', "del", key)
		n++
	}
	c.Dirty(n)
	c.W.Int(int64(n))
	return nil
}

func existsCommand(c *engine.Call) error {
	n := int64(0)
	for _, key := range c.Args[1:] {
		if _, found := c.Peek(key); found {
			n++
		}
	}
	c.W.Int(n)
	return nil
}

func touchCommand(c *engine.Call) error {
	defer func(off bool) { c.S.NoTouch = off }(c.S.NoTouch)
	c.S.NoTouch = false // CLIENT NO-TOUCH is about all other commands
	n := int64(0)
	for _, key := range c.Args[1:] {
		if _, found := c.LookupRead(key); found {
			n++
		}
	}
	c.W.Int(n)
	return nil
}

func typeCommand(c *engine.Call) error {
	e, found := c.Peek(c.Args[1])
	if !found {
		c.W.Simple("none")
		return nil
	}
	c.W.Simple(e.Type().String())
	return nil
}

func dbsizeCommand(c *engine.Call) error {
	c.W.Int(int64(c.DB.Len()))
	return nil
}

func randomkeyCommand(c *engine.Call) error {
	e, found := c.DB.Random()
	if !found {
		c.W.Null()
		return nil
	}
	c.W.Bulk(e.Key())
	return nil
}

func keysCommand(c *engine.Call) error {
	pattern := c.Args[1]
	all := len(pattern) == 1 && pattern[0] == '*'
	// The count is known only at the end: the header goes in front then.
	at := len(c.W.Buf)
	n := 0
	c.DB.Each(func(e kv.Entry) bool {
		if key := e.Key(); !e.Expired() && (all || glob.Match(pattern, key, false)) {
			c.W.Bulk(key)
			n++
		}
		return !c.Overflowing()
	})
	insertArrayHeader(c, at, n)
	return nil
}

// insertArrayHeader puts the header of an array of n elements in front of what stands in the reply from at on.
func insertArrayHeader(c *engine.Call, at, n int) {
	head := strconv.AppendInt([]byte{'*'}, int64(n), 10)
	head = append(head, '\r', '\n')
	c.W.Buf = append(c.W.Buf, head...)
	copy(c.W.Buf[at+len(head):], c.W.Buf[at:len(c.W.Buf)-len(head)])
	copy(c.W.Buf[at:], head)
}

// typeWords are the words SCAN's TYPE option knows.
var typeWords = map[string]kv.Type{"string": kv.String, "list": kv.List, "set": kv.Set, "zset": kv.ZSet, "hash": kv.Hash,
	"stream": kv.Stream}

func scanCommand(c *engine.Call) error {
	cursor, ok := parseCursor(c.Args[1])
	if !ok {
		return engine.ReplyError("ERR invalid cursor")
	}
	count := int64(10)
	var pattern []byte
	var wantType kv.Type
	typed, known := false, false
	for i := 2; i < len(c.Args); i += 2 {
		switch {
		case i+1 >= len(c.Args):
			return engine.ErrSyntax
		case is(c.Args[i], "COUNT"):
			var err error
			if count, err = integer(c.Args[i+1]); err != nil {
				return err
			}
			if count < 1 {
				return engine.ErrSyntax
			}
		case is(c.Args[i], "MATCH"):
			pattern = c.Args[i+1]
			if len(pattern) == 1 && pattern[0] == '*' {
				pattern = nil
			}
		case is(c.Args[i], "TYPE"):
			typed = true
			wantType, known = typeWord(c.Args[i+1])
		default:
			return engine.ErrSyntax
		}
	}
	// As in Redis: at most ten times COUNT steps, so that a sparse table does not hold the server up.
	steps := count
	if steps < 1<<32 {
		steps *= 10
	}
	visited := int64(0)
	head := len(c.W.Buf)
	n := 0
	// As in Redis, an expired key that does not match stays.
	var match func(key []byte) bool
	if pattern != nil {
		match = func(key []byte) bool { return glob.Match(pattern, key, false) }
	}
	for {
		cursor = c.DB.ScanFor(cursor, match, func(e kv.Entry) {
			visited++
			key := e.Key()
			if match != nil && !match(key) {
				return
			}
			if typed && (!known || e.Type() != wantType) {
				return
			}
			c.W.Bulk(key)
			n++
		})
		steps--
		if cursor == 0 || steps <= 0 || visited >= count {
			break
		}
	}
	insertArrayHeader(c, head, n)
	insertScanHeader(c, head, cursor)
	return nil
}

// insertScanHeader puts the pair's header and the cursor in front of the elements.
func insertScanHeader(c *engine.Call, at int, cursor uint64) {
	elements := append([]byte(nil), c.W.Buf[at:]...)
	c.W.Buf = c.W.Buf[:at]
	c.W.Array(2)
	c.W.Bulk(strconv.AppendUint(nil, cursor, 10))
	c.W.Raw(elements)
}

func typeWord(arg []byte) (kv.Type, bool) {
	for word, t := range typeWords {
		if len(word) == len(arg) && equalFold(arg, word) {
			return t, true
		}
	}
	return 0, false
}

func equalFold(arg []byte, low string) bool {
	for i, ch := range arg {
		if ch >= 'A' && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		if ch != low[i] {
			return false
		}
	}
	return true
}

// parseCursor reads what strtoul reads, without space in front and nothing behind: also a sign, and nothing at all for zero.
func parseCursor(arg []byte) (uint64, bool) {
	if len(arg) == 0 {
		return 0, true
	}
	digits, negative := arg, arg[0] == '-'
	if negative || arg[0] == '+' {
		digits = arg[1:]
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

func renameCommand(c *engine.Call) error {
	_, err := rename(c, false)
	if err == nil {
		c.W.OK()
	}
	return err
}

func renamenxCommand(c *engine.Call) error {
	done, err := rename(c, true)
	if err == nil {
		if done {
			c.W.Int(1)
		} else {
			c.W.Int(0)
		}
	}
	return err
}

func rename(c *engine.Call, onlyNew bool) (bool, error) {
	src, dst := c.Args[1], c.Args[2]
	if _, found := c.LookupWrite(src); !found {
		return false, engine.ErrNoSuchKey
	}
	if string(src) == string(dst) {
		return !onlyNew, nil
	}
	if _, found := c.LookupWrite(dst); found && onlyNew {
		return false, nil
	}
	c.DB.Rename(src, dst)
	c.Dirty(1)
	c.Notify('g', "rename_from", src)
	c.Notify('g', "rename_to", dst)
	return true, nil
}

func moveCommand(c *engine.Call) error {
	if c.E.Cluster() != nil {
		return engine.ReplyError("ERR MOVE is not allowed in cluster mode")
	}
	n, err := database(c, c.Args[2])
	if err != nil {
		return err
	}
	to := c.E.Keyspace().DB(n)
	if to == c.DB {
		return engine.ReplyError("ERR source and destination objects are the same")
	}
	key := c.Args[1]
	if _, found := c.LookupWrite(key); !found {
		c.W.Int(0)
		return nil
	}
	if _, taken := to.Lookup(key, kv.NoTouch); taken {
		c.W.Int(0)
		return nil
	}
	c.DB.Move(key, to)
	c.Dirty(1)
	c.Notify('g', "move_from", key)
	c.E.Notify('g', "move_to", to.ID(), key)
	c.W.Int(1)
	return nil
}

func copyCommand(c *engine.Call) error {
	src, dst := c.Args[1], c.Args[2]
	to := c.DB
	replace := false
	for i := 3; i < len(c.Args); i++ {
		switch {
		case is(c.Args[i], "REPLACE"):
			replace = true
		case is(c.Args[i], "DB") && i+1 < len(c.Args):
			i++
			n, err := database(c, c.Args[i])
			if err != nil {
				return err
			}
			to = c.E.Keyspace().DB(n)
		default:
			return engine.ErrSyntax
		}
	}
	if to == c.DB && string(src) == string(dst) {
		return engine.ReplyError("ERR source and destination objects are the same")
	}
	if _, found := c.Peek(src); !found {
		c.W.Int(0)
		return nil
	}
	if _, taken := to.Lookup(dst, kv.NoTouch); taken && !replace {
		c.W.Int(0)
		return nil
	} else if taken {
		to.Delete(dst)
	}
	c.DB.CopyTo(src, to, dst)
	c.Dirty(1)
	c.E.Notify('g', "copy_to", to.ID(), dst)
	c.W.Int(1)
	return nil
}

// flushMode reads the one optional argument of FLUSHDB and FLUSHALL.
func flushMode(c *engine.Call) (async bool, err error) {
	switch {
	case len(c.Args) == 1:
		return c.E.Config().Live.LazyfreeUserFlush, nil
	case len(c.Args) == 2 && is(c.Args[1], "SYNC"):
		return false, nil
	case len(c.Args) == 2 && is(c.Args[1], "ASYNC"):
		return true, nil
	}
	return false, engine.ErrSyntax
}

func flushdbCommand(c *engine.Call) error {
	async, err := flushMode(c)
	if err != nil {
		return err
	}
	c.E.Flushed()
	c.Dirty(c.DB.Flush(async))
	// Propagated even when there was nothing: a replica may hold keys this side has lost to expiry.
	c.ForcePropagate()
	c.W.OK()
	return nil
}

func flushallCommand(c *engine.Call) error {
	async, err := flushMode(c)
	if err != nil {
		return err
	}
	emptyAll(c, async)
	c.W.OK()
	return nil
}

// emptyAll removes all keys of all databases.
func emptyAll(c *engine.Call, async bool) {
	c.E.Flushed()
	ks := c.E.Keyspace()
	n := 0
	for i := range ks.Len() {
		n += ks.DB(i).Flush(async)
	}
	c.Dirty(n)
	c.ForcePropagate()
	c.E.Emptied()
}

func swapdbCommand(c *engine.Call) error {
	if c.E.Cluster() != nil {
		return engine.ReplyError("ERR SWAPDB is not allowed in cluster mode")
	}
	first, err := swapIndex(c.Args[1], "ERR invalid first DB index")
	if err != nil {
		return err
	}
	second, err := swapIndex(c.Args[2], "ERR invalid second DB index")
	if err != nil {
		return err
	}
	ks := c.E.Keyspace()
	if first < 0 || second < 0 || first >= int64(ks.Len()) || second >= int64(ks.Len()) {
		return engine.ErrDBIndex
	}
	if first != second {
		c.E.SwapDatabases(int(first), int(second))
	}
	c.Dirty(1)
	c.W.OK()
	return nil
}

func swapIndex(arg []byte, text engine.ReplyError) (int64, error) {
	n, err := integer(arg)
	if err != nil || n < -1<<31 || n >= 1<<31 {
		return 0, text
	}
	return n, nil
}

// objectEntry finds the key of an OBJECT subcommand without recording an access.
func objectEntry(c *engine.Call) (kv.Entry, bool) { return c.Inspect(c.Args[2]) }

func objectEncodingCommand(c *engine.Call) error {
	e, found := objectEntry(c)
	if !found {
		c.W.Null()
		return nil
	}
	c.W.BulkString(e.Encoding().String())
	return nil
}

func objectRefcountCommand(c *engine.Call) error {
	e, found := objectEntry(c)
	if !found {
		c.W.Null()
		return nil
	}
	// Redis shares the integers 0 to 9999, unless a policy needs an access time for each key.
	if n, isInt := e.Int(); isInt && e.Encoding() == kv.Int && n >= 0 && n < 10000 && sharesIntegers(c) {
		c.W.Int(1<<31 - 1)
		return nil
	}
	c.W.Int(1)
	return nil
}

func sharesIntegers(c *engine.Call) bool {
	if c.E.Config().Live.MaxMemory == 0 {
		return true
	}
	switch c.E.Config().Enum("maxmemory-policy") {
	case "noeviction", "allkeys-random", "volatile-random", "volatile-ttl":
		return true
	}
	return false
}

func objectIdletimeCommand(c *engine.Call) error {
	e, found := objectEntry(c)
	if !found {
		c.W.Null()
		return nil
	}
	if lfuPolicy(c) {
		return engine.ReplyError("ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when " +
			"switching between policies at runtime LRU and LFU data will take some time to adjust.")
	}
	c.W.Int(int64(e.Idle()) / 1000)
	return nil
}

func objectFreqCommand(c *engine.Call) error {
	e, found := objectEntry(c)
	if !found {
		c.W.Null()
		return nil
	}
	if !lfuPolicy(c) {
		return engine.ReplyError("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that " +
			"when switching between policies at runtime LRU and LFU data will take some time to adjust.")
	}
	c.W.Int(int64(e.Freq()))
	return nil
}

func lfuPolicy(c *engine.Call) bool {
	switch c.E.Config().Enum("maxmemory-policy") {
	case "allkeys-lfu", "volatile-lfu":
		return true
	}
	return false
}

func objectHelpCommand(c *engine.Call) error {
	return help(c,
		"ENCODING <key>", "    How the value of <key> is represented in memory.",
		"FREQ <key>", "    The logarithmic access counter of <key>; needs an LFU maxmemory policy.",
		"IDLETIME <key>", "    Seconds since <key> was last used; needs a policy that is not LFU.",
		"REFCOUNT <key>", "    How many references the value of <key> has.")
}
