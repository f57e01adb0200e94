package command

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wire/engine"
)

var debugCommands = []engine.Spec{
	{Name: "debug", Arity: -2, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale | engine.Protected,
		Handler: debugCommand},
}

// debugCommand is DEBUG. As in Redis its subcommands are no rows: they are for test beds, and may change.
func debugCommand(c *engine.Call) error {
	args := c.Args
	n := len(args)
	switch word := args[1]; {
	case is(word, "SLEEP") && n == 3:
		return debugSleep(c)
	case is(word, "SET-ACTIVE-EXPIRE") && n == 3:
		c.E.SetActiveExpire(len(args[2]) == 1 && args[2][0] != '0')
		c.W.OK()
	case is(word, "DIGEST") && n == 2:
		d := keyspaceDigest(c.E.Keyspace())
		c.W.Simple(hex.EncodeToString(d[:]))
	case is(word, "DIGEST-VALUE") && n >= 2:
		c.W.Array(n - 2)
		for _, key := range args[2:] {
			var d digest
			if e, found := c.DB.Lookup(key, kv.NoTouch); found {
				d.tossValue(e)
			}
			c.W.Simple(hex.EncodeToString(d[:]))
		}
	case is(word, "OBJECT") && n >= 3:
		return debugObject(c)
	case is(word, "POPULATE") && n >= 3 && n <= 5:
		return debugPopulate(c)
	case is(word, "PROTOCOL") && n == 3:
		return debugProtocol(c)
	case is(word, "RELOAD"):
		return debugReload(c)
	case is(word, "LOG") && n == 3:
		c.E.Logger().Warn("DEBUG LOG: " + string(args[2]))
		c.W.OK()
	case is(word, "ERROR") && n == 3:
		return engine.ReplyError(args[2])
	case is(word, "CONFIG-REWRITE-FORCE-ALL") && n == 2:
		if err := c.E.RewriteConfig(true); err != nil {
			return engine.Errorf("ERR CONFIG-REWRITE-FORCE-ALL failed: %s", strings.TrimPrefix(err.Error(), "ERR "))
		}
		c.W.OK()
	case is(word, "HELP") && n == 2:
		return debugHelp(c)
	default:
		return engine.Errorf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try DEBUG HELP.", word)
	}
	return nil
}

// debugSleep stops the whole server for a time, as the executor must never do otherwise.
func debugSleep(c *engine.Call) error {
	seconds, err := strconv.ParseFloat(string(c.Args[2]), 64)
	if err != nil || math.IsNaN(seconds) {
		seconds = 0 // as strtod with nothing to read
	}
	time.Sleep(time.Duration(min(max(seconds, 0), 1e6) * float64(time.Second)))
	c.W.OK()
	return nil
}

func debugObject(c *engine.Call) error {
	e, found := c.DB.Lookup(c.Args[2], kv.NoTouch)
	if !found {
		return engine.ErrNoSuchKey
	}
	refs := 1
	if n, isInt := e.Int(); isInt && e.Encoding() == kv.Int && n >= 0 && n < 10000 && sharesIntegers(c) {
		refs = math.MaxInt32
	}
	const around = 1 + 2 + 8 // type, version, checksum
	size := len(snapshot.AppendDump(nil, e, c.E.Config().Bool("rdbcompression"))) - around
	idle := int64(e.Idle())
	c.W.Simple(fmt.Sprintf("Value at:0x%x refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d",
		e.Address(), refs, e.Encoding(), size, (int64(c.Now)-idle)/1000&(1<<24-1), idle/1000))
	return nil
}

func debugPopulate(c *engine.Call) error {
	count, err := integer(c.Args[2])
	if err != nil || count < 0 {
		return engine.ErrMustBePos
	}
	prefix, size := []byte("key"), int64(0)
	if len(c.Args) > 3 {
		prefix = c.Args[3]
	}
	if len(c.Args) > 4 {
		if size, err = integer(c.Args[4]); err != nil || size < 0 || size > c.E.Config().Live.ProtoMaxBulkLen {
			return engine.ErrMustBePos
		}
	}
	for i := range count {
		key := fmt.Appendf(nil, "%s:%d", prefix, i)
		if _, found := c.DB.Lookup(key, kv.NoTouch); found {
			continue
		}
		value := fmt.Appendf(nil, "value:%d", i)
		if size > 0 {
			sized := make([]byte, size)
			copy(sized, value)
			value = sized
		}
		c.DB.SetString(key, value, false)
	}
	c.W.OK()
	return nil
}

func debugReload(c *engine.Call) error {
	r := engine.Reload{Flush: true, Save: true}
	for _, a := range c.Args[2:] {
		switch {
		case is(a, "MERGE"): // keys that are there already are replaced, as they always are here
		case is(a, "NOFLUSH"):
			r.Flush = false
		case is(a, "NOSAVE"):
			r.Save = false
		default:
			return engine.ReplyError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
		}
	}
	if err := c.E.Reload(r); err != nil {
		return engine.ReplyError("ERR Error trying to load the RDB dump, check server logs")
	}
	c.W.OK()
	return nil
}

// debugProtocol replies with one value of each type of the protocols.
func debugProtocol(c *engine.Call) error {
	w := c.W
	numbers := func() {
		for i := range int64(3) {
			w.Int(i)
		}
	}
	switch word := c.Args[2]; {
	case is(word, "STRING"):
		w.BulkString("Hello World")
	case is(word, "INTEGER"):
		w.Int(12345)
	case is(word, "DOUBLE"):
		w.Double(3.141)
	case is(word, "NULL"):
		w.Null()
	case is(word, "ARRAY"):
		w.Array(3)
		numbers()
	case is(word, "SET"):
		w.Set(3)
		numbers()
	case is(word, "MAP"):
		w.Map(3)
		for i := range int64(3) {
			w.Int(i)
			w.Bool(i == 1)
		}
	case is(word, "ATTRIB"):
		if w.Proto > 2 {
			w.Attribute(1)
			w.BulkString("key-popularity")
			w.Array(2)
			w.BulkString("key:123")
			w.Int(90)
		}
		w.BulkString("Some real reply following the attribute")
	case is(word, "PUSH"):
		if w.Proto < 3 {
			return engine.ReplyError("ERR RESP2 is not supported by this command")
		}
		w.BulkString("Some real reply following the push reply")
		w.Push(2)
		w.BulkString("server-cpu-usage")
		w.Int(42)
	case is(word, "VERBATIM"):
		w.Verbatim("txt", "This is a verbatim\nstring")
	case is(word, "TRUE"):
		w.Bool(true)
	case is(word, "FALSE"):
		w.Bool(false)
	case is(word, "BIGNUM"):
		w.BigNumber("1234567999999999999999999999999999999")
	default:
		return engine.ReplyError("ERR Wrong protocol type name. Please use one of the following: " +
			"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")
	}
	return nil
}

func debugHelp(c *engine.Call) error {
	return help(c,
		"DIGEST", "    A fingerprint of all databases, whatever the order and the encodings.",
		"DIGEST-VALUE <key> [<key> ...]", "    The same of single values.",
		"ERROR <string>", "    Reply with that error.",
		"LOG <message>", "    Write a line into the server's log.",
		"OBJECT <key>", "    How a value is kept.",
		"POPULATE <count> [<prefix>] [<size>]", "    Make that many string keys, unless they exist.",
		"PROTOCOL <type>", "    Reply with a value of that protocol type.",
		"RELOAD [MERGE] [NOFLUSH] [NOSAVE]", "    Save the data set, empty it and load it again.",
		"SET-ACTIVE-EXPIRE <0|1>", "    Whether keys expire without being looked at.",
		"SLEEP <seconds>", "    Stop the whole server for a time.")
}
