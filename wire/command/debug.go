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

// debugSub is a subcommand of DEBUG. As in Redis they are no rows: they are for test beds, and may change.
type debugSub struct {
	name    string
	min     int // words of the whole command
	max     int // 0: any number
	usage   string
	what    string
	handler func(c *engine.Call) error
}

// debugSubs are in order of name. HELP reads them, and is not one of them for that.
var debugSubs = []debugSub{
	{"AOF-FLUSH-SLEEP", 3, 3, "<microseconds>", "Sleep so long before each write to the append-only file.", debugFlushSleep},
	{"ASSERT", 2, 0, "", "Crash as by a broken assertion.", debugAssert},
	{"CHANGE-REPL-ID", 2, 2, "", "Give the replication stream a new id, and forget the second one.", debugChangeReplID},
	{"CLIENT-EVICTION", 2, 2, "", "How much memory clients take, by size, with maxmemory-clients.", debugClientEviction},
	{"CLUSTERLINK", 5, 5, "KILL <to|from|all> <node-id>", "Cut a link to another node of a cluster.", debugClusterLink},
	{"CONFIG-REWRITE-FORCE-ALL", 2, 2, "", "CONFIG REWRITE, with all parameters that stand at their default.", debugRewriteAll},
	{"CRASH-AND-RECOVER", 2, 0, "[<milliseconds>]", "Start again after a time, without saving anything first.", debugCrashAndRecover},
	{"DIGEST", 2, 2, "", "A fingerprint of all databases, whatever the order and the encodings.", debugDigest},
	{"DIGEST-VALUE", 2, 0, "<key> [<key> ...]", "The same of single values.", debugDigestValue},
	{"DROP-CLUSTER-PACKET-FILTER", 3, 3, "<packet-type>", "Drop packets of that type from other nodes of a cluster; -1: none.", debugDropPackets},
	{"ERROR", 3, 3, "<string>", "Reply with that error.", debugError},
	{"HTSTATS", 3, 0, "<db> [full]", "How the tables of a database lie in memory.", debugHTStats},
	{"HTSTATS-KEY", 3, 0, "<key> [full]", "The same of the table of a hash, a set or a sorted set.", debugHTStatsKey},
	{"LEAK", 3, 3, "<string>", "Keep a copy in memory that nothing refers to.", debugLeak},
	{"LISTPACK", 3, 3, "<key>", "Write the entries of a listpack to standard output.", debugListpack},
	{"LOADAOF", 2, 0, "", "Empty the data set and load it again from the append-only file.", debugLoadAOF},
	{"LOG", 3, 3, "<message>", "Write a line into the server's log.", debugLog},
	{"OBJECT", 3, 3, "<key>", "How a value is kept.", debugObject},
	{"OOM", 2, 0, "", "Crash as for lack of memory.", debugOOM},
	{"PANIC", 2, 0, "", "Crash as by a panic.", debugPanic},
	{"PAUSE-CRON", 3, 3, "<0|1>", "Let everything periodic rest.", debugPauseCron},
	{"POPULATE", 3, 5, "<count> [<prefix>] [<size>]", "Make that many string keys, unless they exist.", debugPopulate},
	{"PROTOCOL", 3, 3, "<type>", "Reply with a value of that protocol type.", debugProtocol},
	{"QUICKLIST", 3, 4, "<key> [<0|1>]", "Write the nodes of a list to standard output; 1: with their entries.", debugQuicklist},
	{"QUICKLIST-PACKED-THRESHOLD", 3, 3, "<size>", "From which size on an element of a list has a node to itself; 0: the default.", debugPlainFrom},
	{"RELOAD", 2, 0, "[MERGE] [NOFLUSH] [NOSAVE]", "Save the data set, empty it and load it again.", debugReload},
	{"REPLYBUFFER", 4, 4, "PEAK-RESET-TIME <NEVER|RESET|milliseconds> | RESIZING <0|1>", "How long a client's largest reply is kept in mind; whether reply buffers shrink.", debugReplyBuffer},
	{"REPLICATE", 3, 0, "<command> [<argument> ...]", "Send a command to the replicas that is not executed here; not with an append-only file.", debugReplicate},
	{"RESTART", 2, 0, "[<milliseconds>]", "Save configuration and data set, and start again after a time.", debugRestart},
	{"SDSLEN", 3, 3, "<key>", "How many bytes a key and its string take.", debugSDSLen},
	{"SEGFAULT", 2, 0, "", "Crash as by an invalid access to memory.", debugSegfault},
	{"SET-ACTIVE-EXPIRE", 3, 3, "<0|1>", "Whether keys expire without being looked at.", debugActiveExpire},
	{"SET-DISABLE-DENY-SCRIPTS", 3, 3, "<0|1>", "Whether scripts may call what is denied to them.", debugAllowInScripts},
	{"SET-SKIP-CHECKSUM-VALIDATION", 3, 3, "<0|1>", "Whether checksums of RDB files and RESTORE's payloads are passed over.", debugSkipChecksums},
	{"SLEEP", 3, 3, "<seconds>", "Stop the whole server for a time.", debugSleep},
	{"STRINGMATCH-TEST", 2, 2, "", "Match random patterns against random strings.", debugMatchTest},
	{"STRUCTSIZE", 2, 2, "", "Bytes that entries, references to them and strings take beyond their contents.", debugStructSize},
}

func debugCommand(c *engine.Call) error {
	n := len(c.Args)
	if is(c.Args[1], "HELP") && n == 2 {
		return debugHelp(c)
	}
	for i := range debugSubs {
		d := &debugSubs[i]
		if is(c.Args[1], d.name) && n >= d.min && (d.max == 0 || n <= d.max) {
			return d.handler(c)
		}
	}
	return errSubcommand(c)
}

func debugHelp(c *engine.Call) error {
	var lines []string
	for i := range debugSubs {
		d := &debugSubs[i]
		lines = append(lines, strings.TrimRight(d.name+" "+d.usage, " "), "    "+d.what)
	}
	return help(c, lines...)
}

// leadingInt is what C's atoi makes of an argument: 0 when there is no number.
func leadingInt(arg []byte) int64 {
	s := strings.TrimLeft(shown(arg), " \t\n\v\f\r")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 32)
	return n
}

func debugDigest(c *engine.Call) error {
	d := keyspaceDigest(c.E.Keyspace())
	c.W.Simple(hex.EncodeToString(d[:]))
	return nil
}

func debugDigestValue(c *engine.Call) error {
	c.W.Array(len(c.Args) - 2)
	for _, key := range c.Args[2:] {
		var d digest
		if e, found := c.DB.Lookup(key, kv.NoTouch|kv.NoExpire); found {
			d.tossValue(e)
		}
		c.W.Simple(hex.EncodeToString(d[:]))
	}
	return nil
}

// debugError answers an error that no counter counts, as in Redis.
func debugError(c *engine.Call) error {
	c.W.Error(string(c.Args[2]))
	return nil
}

func debugLog(c *engine.Call) error {
	c.E.Logger().Warn("DEBUG LOG: " + string(c.Args[2]))
	c.W.OK()
	return nil
}

// debugSleep stops the whole server for a time, as the executor must never do otherwise.
func debugSleep(c *engine.Call) error {
	seconds := leadingFloat(shown(c.Args[2]))
	time.Sleep(time.Duration(min(max(seconds, 0), 1e6) * float64(time.Second)))
	c.W.OK()
	return nil
}

// leadingFloat is what C's strtod makes of a string: 0 when there is no number.
func leadingFloat(s string) float64 {
	const longest = 64
	for s = s[:min(len(s), longest)]; s != ""; s = s[:len(s)-1] {
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) {
			return f
		}
	}
	return 0
}

// describeValue is the reply of DEBUG OBJECT.
func describeValue(c *engine.Call, e kv.Entry) string {
	refs := 1
	if n, isInt := e.Int(); isInt && e.Encoding() == kv.Int && n >= 0 && n < 10000 && sharesIntegers(c) {
		refs = math.MaxInt32
	}
	const around = 1 + 2 + 8 // type, version, checksum
	size := len(snapshot.AppendDump(nil, e, c.E.Config().Bool("rdbcompression"))) - around
	idle := int64(e.Idle())
	s := fmt.Sprintf("Value at:0x%x refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d",
		e.Address(), refs, e.Encoding(), size, (int64(c.Now)-idle)/1000&(1<<24-1), idle/1000)
	if e.Encoding() != kv.Quicklist {
		return s
	}
	l := e.List()
	fill, depth := l.Limits()
	compressed, sum := 0, 0
	if depth > 0 {
		compressed = 1 // that nodes may be, as in Redis
	}
	l.Nodes(func(n kv.ListNode) bool {
		sum += len(n.Bytes)
		return true
	})
	return fmt.Sprintf("%s ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d ql_uncompressed_size:%d",
		s, l.NodeCount(), float64(l.Len())/float64(l.NodeCount()), fill, compressed, sum)
}

func debugPopulate(c *engine.Call) error {
	count, err := integer(c.Args[2])
	if err != nil || count < 0 {
		return engine.ErrMustBePos
	}
	prefix, size := "key", int64(0)
	if len(c.Args) > 3 {
		prefix = shown(c.Args[3])
	}
	if len(c.Args) > 4 {
		if size, err = integer(c.Args[4]); err != nil || size < 0 {
			return engine.ErrMustBePos
		}
	}
	const longest = 127 // Redis prints keys into 128 bytes
	for i := range count {
		key := fmt.Appendf(nil, "%s:%d", prefix, i)
		key = key[:min(len(key), longest)]
		if _, found := c.DB.Lookup(key, kv.NoTouch); found {
			continue
		}
		if size > c.E.Config().Live.ProtoMaxBulkLen {
			return engine.ErrMustBePos // Redis would end for lack of memory
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
		case is(a, "MERGE"):
			r.Merge = true
		case is(a, "NOFLUSH"):
			r.Flush = false
		case is(a, "NOSAVE"):
			r.Save = false
		default:
			return engine.ReplyError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
		}
	}
	if err := c.E.Reload(r); err != nil {
		return engine.ReplyError("ERR Error trying to load the RDB dump, check server logs.")
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
