package command_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes random commands from templates. In a template, words beginning with $ stand for arguments:
//
//	$k key   $v value   $n integer   $f float   $db database   $p pattern
//	$sec $ms   a span of time, in seconds and milliseconds   $SEC $MS   an instant
//
// and {a|b c|d}3 stands for zero to three of the alternatives, in any order and with repetitions.
type generator struct {
	*rand.Rand
	templates []string
}

func newGenerator(seed uint64, templates ...[]string) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	for _, t := range templates {
		g.templates = append(g.templates, t...)
	}
	return g
}

// The pools hold more of what is at the edge than of what is usual, and some of what is wrong.
var pools = map[string][]string{
	"$k": {"a", "b", "c", "d", "e", "f", "g", "key:1", "key:2", "", "a\x00b", "\xff\xfe", "kk\r\nkk", "a", "b", "c"},
	"$v": {"", "x", "hello world", "0", "1", "-1", "42", "007", "+5", "-0", " 3", "3 ", "9999", "10000", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "3.14", "-2.50", "1e3",
		"5e-3", "0x1A", "inf", "-inf", "nan", "1e400", "1e-5000", ".5", "5.", "1_000", "\x00", "\x80\xff\x00\x01", "a\r\nb",
		strings.Repeat("s", 44), strings.Repeat("t", 45), strings.Repeat("1", 20), strings.Repeat("2", 44), strings.Repeat("L", 300),
		"ohmytext", "mynewtext"},
	"$l": {"ohmytext", "mynewtext", "abcbdab", "bdcaba", "aaaa", "aa", "", "abcabcabc", "xabcxabc", "12345", "1245", "\x00\x00a", strings.Repeat("ab", 40), strings.Repeat("abc", 30)},
	"$n": {"0", "1", "2", "-1", "-2", "3", "5", "7", "8", "10", "20", "44", "45", "100", "-100", "9999", "10000", "1000000",
		"2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808", "-9223372036854775809", "1.5", "abc", "", " 1", "1 ", "+1", "01", "-0", "0x10", "1e2", "\x001"},
	"$f": {"0", "1", "-1", "0.1", "0.2", "-0.3", "3.0e3", "5e-3", "1e17", "1e18", "-1e19", "123456789.123456789", "1e300", "-1e300",
		"1.7e308", "1e4000", "-1e4000", "1e4932", "1.2e4932", "-1e4932", "1e4940", "1e-4940", "1e-5000", "inf", "-inf", "+inf",
		"infinity", "nan", "-nan", "nan(1)", "abc", "", " 1", "1 ", "+1", ".5", "5.", ".", "-", "1e", "1e+", "0x10", "0x1p-3", "0x.8p1",
		"1_0", "1,5", "0x", "00012", "9223372036854775807", "10000000000000000000000000000000000000",
		"0.00000000000000001", "0.000000000000000004", "1.00000000000000000009"},
	"$db":  {"0", "1", "2", "3", "0", "1", "4", "16", "-1", "abc", "", "1.0", "2147483648", "4294967296", "9223372036854775808", "01"},
	"$bit": {"0", "1", "7", "8", "9", "100", "1000", "70000", "8388607", "4294967296", "-1", "abc", "", "1.5", "#1", "9223372036854775807"},
	"$F":   {"u1", "u2", "u7", "u8", "u16", "u31", "u63", "i1", "i2", "i5", "i8", "i16", "i33", "i63", "i64", "u64", "i65", "u0", "i", "x8", "", "u8\x00", "u+8", "I8", "u1", "i8", "u8"},
	"$o":   {"0", "1", "3", "7", "8", "13", "100", "#0", "#1", "#3", "#-1", "#", "-1", "100000", "4294967296", "#2305843009213693952", "#9223372036854775807", "abc", "", "5000", "#1000"},
	"$i": {"0", "1", "-1", "2", "100", "-100", "127", "128", "255", "256", "-128", "-129", "65535", "9223372036854775807", "-9223372036854775808",
		"-9223372036854775807", "4611686018427387904", "-4611686018427387905", "9223372036854775808", "abc", ""},
	"$p":   {"*", "a*", "*b*", "?", "[a-c]", "[^a]", "key:?", "\\*", "nosuch", "", "**", "[", "a\\", "*\xff*", "[c-a]", "key:[12]"},
	"$sec": {"9223372036854775", "9223372036854776", "9223372036854775807", "-9223372036854775808", "-9223372036854775", "0", "-1", "-100", "abc", "", "1.5", "10000000000"},
	"$ms":  {"9223372036854775807", "9223370000000000000", "-9223372036854775808", "0", "-1", "-100000", "abc", "", "1.5", "10000000000"},
	"$SEC": {"33177117420", "33177117421", "32503680000", "9223372036854775", "9223372036854776", "1", "0", "-1", "1000000000", "abc", "", "9223372036854775807", "-9223372036854775808"},
	"$MS":  {"33177117420000", "33177117420123", "32503680000500", "9223372036854775807", "9223372036854775808", "1", "0", "-1", "1000000000000", "abc", "", "-9223372036854775808"},
}

func (g *generator) oneOf(words []string) string { return words[g.IntN(len(words))] }

// argument resolves one word of a template.
func (g *generator) argument(word string) string {
	if !strings.HasPrefix(word, "$") {
		return word
	}
	pool, ok := pools[word]
	if !ok {
		panic("no pool " + word)
	}
	// Usual values often enough for commands to succeed.
	if strings.HasPrefix(word, "$n") && g.IntN(3) == 0 {
		return strconv.Itoa(g.IntN(60) - 5)
	}
	if word == "$bit" && g.IntN(2) == 0 {
		return strconv.Itoa(g.IntN(700))
	}
	if (word == "$v" || word == "$f") && g.IntN(6) == 0 {
		return strconv.FormatFloat(float64(g.IntN(2000000)-1000000)/float64([]int{1, 10, 1000, 7}[g.IntN(4)]), 'g', -1, 64)
	}
	// Spans differ by more than the two servers' clocks do when GT and LT compare them.
	if word == "$sec" && g.IntN(3) == 0 {
		return strconv.Itoa(100 + g.IntN(1000000))
	}
	if word == "$ms" && g.IntN(3) == 0 {
		return strconv.Itoa(100000 + 1000*g.IntN(1000000))
	}
	if word == "$v" && g.IntN(20) == 0 {
		n := []int{60, 1000, 5000, 9000, 70000}[g.IntN(5)] + g.IntN(100)
		return strings.Repeat(string([]byte{byte(g.IntN(256)), byte(g.IntN(256)), 'z'}), n/3)
	}
	return g.oneOf(pool)
}

// command returns one random command.
func (g *generator) command() []string { return g.expand(g.oneOf(g.templates)) }

// expand makes a command of a template, now and then with a slip: an argument too many, too few, or in another case.
func (g *generator) expand(template string) []string {
	var args []string
	for rest := template; rest != ""; {
		if rest[0] == '{' {
			end := strings.IndexByte(rest, '}')
			choices := strings.Split(rest[1:end], "|")
			most := int(rest[end+1] - '0')
			for range g.IntN(most + 1) {
				for _, w := range strings.Fields(g.oneOf(choices)) {
					args = append(args, g.argument(w))
				}
			}
			rest = strings.TrimLeft(rest[end+2:], " ")
			continue
		}
		word, more, _ := strings.Cut(rest, " ")
		args = append(args, g.argument(word))
		rest = more
	}
	if args[0] == "SHUTDOWN" {
		return args // a slip would be obeyed
	}
	switch g.IntN(40) {
	case 0:
		args = append(args, g.argument("$v"))
	case 1:
		if len(args) > 1 {
			args = args[:len(args)-1]
		}
	case 2, 3, 4:
		i := g.IntN(len(args))
		if len(args[i]) < 20 {
			args[i] = strings.ToLower(args[i])
		}
	case 5:
		i := g.IntN(len(args))
		args[i] = strings.ToUpper(args[i])
	}
	return args
}

var stringTemplates = []string{
	"SET $k $v", "SET $k $v", "SET $k $v {NX|XX|GET|KEEPTTL|EX $sec|PX $ms|EXAT $SEC|PXAT $MS|bogus|PERSIST}4",
	"SET $k $v {NX|XX|GET|KEEPTTL}2", "SET $k $v EX $sec", "SET $k $v PXAT $MS", "SET $k $v EX 1000", "SET $k $v PX 1000000 GET",
	"GET $k", "GET $k", "MGET $k $k $k", "MSET $k $v $k $v", "MSET $k $v", "MSETNX $k $v $k $v", "MSETNX $k $v",
	"INCR $k", "DECR $k", "INCRBY $k $n", "DECRBY $k $n", "INCRBYFLOAT $k $f", "INCRBYFLOAT $k $f",
	"APPEND $k $v", "APPEND $k x", "STRLEN $k", "GETSET $k $v", "GETDEL $k",
	"GETEX $k", "GETEX $k {EX $sec|PX $ms|EXAT $SEC|PXAT $MS|PERSIST|NX|KEEPTTL|GET}2", "GETEX $k PX 1000000", "GETEX $k PERSIST",
	"SETNX $k $v", "SETEX $k $sec $v", "PSETEX $k $ms $v", "GETRANGE $k $n $n", "SUBSTR $k $n $n",
	"SETRANGE $k 3 $v", "SETRANGE $k 0 $v", "SETRANGE $k 50 $v", "SETRANGE $k -1 $v", "SETRANGE $k 536870912 $v", "SETRANGE $k abc $v",
	"SETRANGE $k 9223372036854775807 $v", "SETRANGE $k 70000 $v", "OBJECT ENCODING $k", "OBJECT REFCOUNT $k",
}

// lcsTemplates want short strings that have something in common.
var lcsTemplates = []string{
	"LCS $k $k", "LCS $k $k LEN", "LCS $k $k IDX", "LCS $k $k IDX WITHMATCHLEN", "LCS $k $k IDX MINMATCHLEN 3 WITHMATCHLEN",
	"LCS $k $k {IDX|LEN|WITHMATCHLEN|MINMATCHLEN $n|MINMATCHLEN 2|bogus|MINMATCHLEN}3", "SET $k $l", "SET $k $l", "SET $k $v", "APPEND $k $l", "DEL $k",
	"HSET $k f v",
}

var bitmapTemplates = []string{
	"SETBIT $k $bit {0|1|2|-1|abc|$v}1", "SETBIT $k $bit 1", "SETBIT $k $bit 1", "SETBIT $k $bit 0", "SETBIT $k $bit 0", "GETBIT $k $bit", "GETBIT $k $bit",
	"BITCOUNT $k", "BITCOUNT $k $n $n", "BITCOUNT $k $n $n BIT", "BITCOUNT $k $n $n {BYTE|BIT|bogus}2", "BITCOUNT $k $n",
	"BITPOS $k 1", "BITPOS $k 0", "BITPOS $k $n", "BITPOS $k 0 $n", "BITPOS $k 1 $n", "BITPOS $k 0 $n $n", "BITPOS $k 1 $n $n", "BITPOS $k 0 $n $n BIT",
	"BITPOS $k 1 $n $n BIT", "BITPOS $k {0|1}1 $n $n {BYTE|BIT|bogus}2",
	"BITOP AND $k $k $k", "BITOP OR $k $k $k $k", "BITOP XOR $k $k $k", "BITOP NOT $k $k", "BITOP NOT $k $k $k", "BITOP AND $k $k", "BITOP bogus $k $k",
	"BITFIELD $k {GET $F $o|SET $F $o $i|INCRBY $F $o $i|OVERFLOW SAT|OVERFLOW FAIL|OVERFLOW WRAP|OVERFLOW bogus|bogus|GET|OVERFLOW}5",
	"BITFIELD $k OVERFLOW SAT INCRBY i8 8 $i INCRBY u4 0 $i SET i13 20 $i SET u13 33 $i", "BITFIELD $k OVERFLOW FAIL INCRBY i8 8 $i INCRBY u4 0 $i SET i13 20 $i",
	"BITFIELD $k INCRBY i8 8 $i INCRBY u4 0 $i SET i13 20 $i SET u13 33 $i", "BITFIELD $k OVERFLOW SAT INCRBY $F #3 $i", "BITFIELD $k OVERFLOW FAIL SET $F 100 $i",
	"BITFIELD_RO $k {GET $F $o|GET u8 0|SET u8 0 1|OVERFLOW SAT}3", "BITFIELD_RO $k GET $F 3 GET $F #1",
	"SET $k $v", "SET $k $v", "SETRANGE $k 70000 $v", "DEL $k", "HSET $k f v", "APPEND $k $v", "GET $k", "STRLEN $k", "OBJECT ENCODING $k", "EXPIRE $k 1000", "TTL $k",
}

var keyspaceTemplates = []string{
	"DEL $k", "DEL $k $k $k", "UNLINK $k $k", "EXISTS $k", "EXISTS $k $k $k", "TOUCH $k $k", "TYPE $k", "KEYS $p", "SCAN 0 COUNT 1000",
	"SCAN 0 {COUNT 1000|MATCH $p|TYPE string|TYPE list|TYPE bogus|COUNT 0|COUNT -1|COUNT abc|bogus}3 COUNT 1000", "SCAN abc", "SCAN 0 bogus",
	"SCAN 1x",
	"RENAME $k $k", "RENAMENX $k $k", "MOVE $k $db", "COPY $k $k {REPLACE|DB $db|bogus|DB}3", "COPY $k $k", "COPY $k $k REPLACE DB $db",
	"DBSIZE", "OBJECT ENCODING $k", "OBJECT ENCODING $k", "OBJECT FREQ $k", "OBJECT bogus $k",
	"OBJECT",
}

var debugTemplates = []string{
	"DEBUG OBJECT nokey", "DEBUG DIGEST", "DEBUG DIGEST", "DEBUG DIGEST-VALUE $k $k", "DEBUG DIGEST-VALUE {$k|nokey}3", "DEBUG ERROR $v", "DEBUG PROTOCOL $v",
	"DEBUG PROTOCOL {STRING|INTEGER|DOUBLE|BIGNUM|NULL|ARRAY|SET|MAP|VERBATIM|TRUE|FALSE}1", "DEBUG POPULATE {3|0|-1|abc}1 bogus bogus", "DEBUG POPULATE 3 $k", "DEBUG POPULATE 3 $k 20",
	"DEBUG SLEEP 0", "DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG QUICKLIST-PACKED-THRESHOLD $v", "DEBUG QUICKLIST-PACKED-THRESHOLD $n", "DEBUG REPLYBUFFER PEAK-RESET-TIME $n",
	"DEBUG REPLYBUFFER {PEAK-RESET-TIME NEVER|RESIZING 1|RESIZING $v|bogus $v}1", "DEBUG PAUSE-CRON 0", "DEBUG HTSTATS 100$n", "DEBUG HTSTATS-KEY nokey", "DEBUG $v", "DEBUG $v $v",
	"DEBUG SET-SKIP-CHECKSUM-VALIDATION {0|1}1", "DEBUG LEAK $v", "DEBUG RELOAD bogus bogus", "DEBUG JMAP", "DEBUG STRINGMATCH-LEN 3 $p",
	"SET $k $v", "SET $k $v", "SET $k $v EX 1000", "HSET $k f $v", "DEL $k",
}

var databaseTemplates = []string{"SELECT $db", "SELECT 0", "SELECT 1", "SWAPDB $db $db", "FLUSHDB", "FLUSHALL", "FLUSHDB {SYNC|ASYNC|bogus}2",
	"FLUSHALL {SYNC|ASYNC|bogus}2"}

var expireTemplates = []string{
	"EXPIRE $k $sec", "EXPIRE $k $sec {NX|XX|GT|LT|bogus}2", "PEXPIRE $k $ms {NX|XX|GT|LT}2", "EXPIREAT $k $SEC {NX|XX|GT|LT}2",
	"PEXPIREAT $k $MS {NX|XX|GT|LT}2", "EXPIRE $k $sec", "PEXPIRE $k $ms", "PEXPIREAT $k 33177117420001",
	"TTL $k", "PTTL $k", "EXPIRETIME $k", "PEXPIRETIME $k", "PERSIST $k",
}

// shortTemplates make keys that expire at once: a comparison waits now and then, so that both servers see them so.
var shortTemplates = []string{"SET $k $v PX 2", "PEXPIRE $k 2", "GETEX $k PX 2", "PSETEX $k 2 $v"}

var transactionTemplates = []string{"MULTI", "MULTI", "EXEC", "EXEC", "EXEC", "DISCARD", "WATCH $k", "WATCH $k $k", "UNWATCH"}

var connectionTemplates = []string{"PING", "PING $v", "ECHO $v", "NOSUCH $v $v", "GET", "nosuch", "CLIENT GETNAME", "CLIENT SETNAME $v", "CLIENT SETNAME ok",
	"CLIENT NO-EVICT {ON|OFF|bogus}1", "CLIENT NO-TOUCH {ON|OFF|bogus}1", "CLIENT SETINFO LIB-NAME $v", "CLIENT SETINFO lib-ver 1.2", "CLIENT SETINFO bogus $v",
	"CLIENT UNBLOCK $n {TIMEOUT|ERROR|bogus}2", "CLIENT PAUSE abc", "CLIENT PAUSE -1 {WRITE|bogus}1", "CLIENT UNPAUSE", "CLIENT bogus",
	"CLIENT REPLY ON", "CLIENT REPLY bogus", "CLIENT KILL ID 99999999", "CLIENT KILL $v", "CLIENT KILL {ID $n|TYPE bogus|SKIPME yes|SKIPME bogus|ADDR 1:1|USER x}2 LADDR 1:2",
	"CLIENT LIST {TYPE bogus|TYPE pubsub|TYPE replica|ID abc|ID 99999999|bogus}2 ID 99999998",
	"AUTH $v", "AUTH default $v", "AUTH bogus $v", "AUTH a b c", "HELLO $n", "HELLO 3 {bogus|AUTH bogus x|SETNAME $v|SETNAME|AUTH x}2 bogus",
	"RESET", "WAIT 0 10", "WAIT 1 1", "WAIT $n abc", "WAIT 1 -1", "WAIT abc 0", "WAITAOF 0 0 0", "WAITAOF $n 0 1", "WAITAOF 0 $n 1", "WAITAOF 0 0 abc",
	"TIME", "LASTSAVE", "SHUTDOWN bogus", "SHUTDOWN ABORT NOW", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN ABORT",
}

var serverTemplates = []string{"COMMAND GETKEYS GET $k", "COMMAND GETKEYS SET $k $v {NX|GET|EX 10}2", "COMMAND GETKEYSANDFLAGS SET $k $v {NX|GET|EX 10}2",
	"COMMAND GETKEYS MSET $k $v $k", "COMMAND GETKEYS DEL $k $k $k", "COMMAND GETKEYSANDFLAGS RENAME $k $k", "COMMAND GETKEYS COPY $k $k", "COMMAND GETKEYS PING",
	"COMMAND GETKEYS bogus", "COMMAND GETKEYS OBJECT ENCODING $k", "COMMAND GETKEYS OBJECT bogus $k", "COMMAND GETKEYS OBJECT", "COMMAND GETKEYS CONFIG GET x", "COMMAND GETKEYS COMMAND COUNT",
	"COMMAND INFO bogus get|x client|kill", "COMMAND LIST FILTERBY MODULE x", "COMMAND LIST FILTERBY bogus x", "COMMAND LIST bogus", "COMMAND LIST FILTERBY ACLCAT", "COMMAND bogus",
	"COMMAND LIST FILTERBY ACLCAT transaction", "COMMAND LIST FILTERBY ACLCAT bogus", "COMMAND LIST FILTERBY PATTERN mset*", "COMMAND LIST FILTERBY PATTERN object|*", "COMMAND COUNT $v",
	"CONFIG GET", "CONFIG SET", "CONFIG SET", "CONFIG SET bogus 1", "CONFIG GET bogus", "CONFIG SET maxmemory 1 maxmemory 2", "CONFIG bogus", "CONFIG RESETSTAT x"}
