package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// debugSession is a script under the debugger: after each thing that the server says the client sends the next of commands, and hangs up behind
// the last. A command with a line end in it is sent as it is.
type debugSession struct {
	name     string
	eval     []string
	commands string // one a line, arguments with spaces between them
	raw      []string
}

const manySteps = "s\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns\ns"

// debugSessions are what every debugging client can meet, and what none should.
var debugSessions = []debugSession{
	{name: "one line", eval: []string{"return 1", "0"}, commands: "s"},
	{name: "loops", eval: []string{"local a = 1\nlocal b = {1,2,{3}}\nfor i=1,2 do\n  a = a + i\nend\nfor k,v in ipairs(b) do\n  a = 3\nend\nwhile a < 5 do a = a + 1 end\n" +
		"repeat\n a = a - 1\nuntil a < 3\nif a\n and b then\n a = 2\nend\nreturn a", "0"}, commands: manySteps},
	{name: "loops of one line", eval: []string{"for i=1,3 do end\nlocal n = 0\nwhile n < 2 do n = n + 1 end\nrepeat n = n - 1 until n == 0 return n", "0"}, commands: manySteps},
	{name: "iterators", eval: []string{"local t = {a=1}\nfor k in pairs(t) do\n t[k] = 2\nend\nfor w in string.gmatch('a b', '%a') do\n t[w] = 1\nend\nreturn t.b", "0"}, commands: manySteps},
	{name: "conditions", eval: []string{"local a, b = 1, nil\nif a == 1 then\n b = not a\nelseif a then\n b = 1\nelse\n b = 2\nend\nlocal c = a\n and b\n or 3\nreturn c == nil\n or c", "0"}, commands: manySteps},
	{name: "no end", eval: []string{"while true do end", "0"}, commands: "s\ns\ns\nabort"},
	{name: "variables", eval: []string{"local x={a=1,b={c=2}} local n=nil local f=1.5 local t=true local z='a\\nb\\1\"'\nlocal function g(q)\n local inner = q\n return x, inner\nend\n" +
		"local x = 'shadow'\ng(5)\ng(6) return redis.call('get','nokey')", "2", "k1", "k2", "a1", "a2 \n"},
		commands: "p\nprint x\ns\np\ns\np\ns\ns\np\np x\np q\np zz\np KEYS\nprint ARGV\np a b\nt\ntrace\nS\nCONTINUE"},
	{name: "source", eval: []string{"local a\na = 1\na = 2\na = 3\na = 4\na = 5\na = 6\na = 7\nreturn a\n\r\n", "0"},
		commands: "l\nl 1\nl 2 1\nlist 0\nl -3\nl 4 -1\nl 99\nl 5x\nw\nwhole\ns\ns\nl\nl 1 2 3"},
	{name: "breakpoints", eval: []string{"local a = 1\na = 2\nredis.debug(a)\nfor i = 1, 2 do\n a = i\nend\nreturn a", "0"},
		commands: "b\nb 5\nb 5\nb 99\nb x 4 -4 -77 07\nb\nw\nc\nb -5 2\nb 0\nb\nb 7\nc\nc"},
	{name: "breakpoint of the script", eval: []string{"redis.debug('x',{1,2},{a={b=1}})\nredis.breakpoint() redis.debug(1)\nreturn redis.breakpoint()", "0"}, commands: "c\nr ping\ns\ns"},
	{name: "breakpoint of eval", eval: []string{"local a\na = 1\nreturn a", "0"}, commands: "e redis.breakpoint()\nc\nc"},
	{name: "eval", eval: []string{"local x = 1\nreturn x", "1", "k"},
		commands: "e 1+1\ne x = 1\ne x\ne return {1,2}\ne a b c\ne error(\"boo\")\ne redis.call(\"set\",\"a\",1)\ne KEYS\ne print\ne redis.call\ne\ne {1,nil,3}\ne {f=1,1}\ne 1,2\n" +
			"e local a = 1\ne -0.0\ne 1e20\ne 123456789\ne 0.1\ne 100000\ne 1/0\ne cjson.null\ne redis.debug(5)\ne {}\neval {{}}\nc"},
	{name: "commands", eval: []string{"return 1", "0"},
		commands: "r set foo bar\nr get foo\nr nosuch\nredis lrange foo 0 -1\nr\nredis\nr hset h f v\nr hgetall h\nr get none\nr keys h\nr eval 1\nr lrange none 0 -1\nr mget foo none h\nr set\nx\nh2\nr config get port\nc"},
	{name: "maxlen", eval: []string{"local s = string.rep('x', 300)\nreturn s", "0"}, commands: "s\nm\np s\np s\nm 0\np s\nm 10\np\nm 100\nm 1 2\nmaxlen x\nmaxlen -5\nr set big " + strings.Repeat("y", 300) + "\nr get big\nc"},
	{name: "known maxlen", eval: []string{"local s = string.rep('x', 300)\nreturn s", "0"}, commands: "m 60\ns\np\nc"},
	{name: "calls", eval: []string{"redis.call('set','a','1')\nredis.call('incr','a')\nredis.pcall('lpush','a','1')\nredis.call('mset','a',1,'b',2,'c',3,'d',4,'e',5,'f',6)\nredis.call('lpush','a','1')\nreturn 2", "0"}, commands: manySteps},
	{name: "calls unseen", eval: []string{"redis.call('set','a','1')\nredis.pcall('nosuch')\nreturn redis.call('get','a')", "0"}, commands: "c"},
	{name: "RESP3", eval: []string{"redis.setresp(3) redis.call('hset','h2','f','v') redis.call('sadd','st','m') redis.call('zadd','zs','1.5','m')\nlocal a = redis.call('hgetall','h2')\n" +
		"a = redis.call('smembers','st') a = redis.call('zscore','zs','m') a = redis.call('get','nokey')\nredis.call('zrange','zs',0,-1,'withscores')\nreturn redis.call('zscore', 'zs', 'm')", "0"}, commands: "s\ns\ns\nr zscore zs m\nr zscore zs q\ns\ns\ns"},
	{name: "tables", eval: []string{"local t={} t[1]=1 t[2]=2 t[4]=4 local u = {x=1} u.u = u local d = {{{{{{{{{{{{1}}}}}}}}}}}} local f = function() end local c=coroutine.create(f) " +
		"local e = {} local n=0/0 local i = 1/0 local big=2^53 local m = setmetatable({}, {__index = error, __tostring = error})\nreturn 1", "0"}, commands: "s\np\np d\nc"},
	{name: "coroutines", eval: []string{"local co = coroutine.wrap(function(a)\n local b = a\n coroutine.yield(b)\n return 2\nend)\nco(1)\nlocal z = co()\nreturn z", "0"}, commands: "s\ns\ns\ns\np\nt\np z\ns\ns\ns\np\ns\ns\ns\ns"},
	{name: "calls of functions", eval: []string{"local function f(n)\n if n == 0 then\n  return 0\n end\n return f(n-1)\nend\nlocal function g(n) if n == 0 then\n  return 0 end\n local x = g(n-1)\n return x\nend\n" +
		"local t = {m=g}\nf(2)\nt.m(2)\nreturn 1", "0"}, commands: "b 3 8\nc\nt\np\nc\nt\np\np x\nc"},
	{name: "metamethods", eval: []string{"local a = setmetatable({},{__index=function(t,k)\n return 1 end})\nlocal b = a.x\ntable.sort({2,1},function(x,y)\n return x < y\nend)\npcall(function()\n error('x') end)\nreturn 1", "0"},
		commands: "s\ns\ns\nt\ns\nt\ns\nt\np\ns\ns\nt\ns\ns\ns\nt\ns\ns\ns"},
	{name: "varargs", eval: []string{"local function f(a, ...)\n local b, c = ...\n return select('#', ...), arg\nend\nreturn f(1, 2, 3)", "0"}, commands: "s\ns\np\ns\np\ns\ns"},
	{name: "error", eval: []string{"local a\nerror('x')\nreturn 1", "0"}, commands: "s\ns\ns"},
	{name: "error of a call", eval: []string{"return redis.call('lpush','a',1)", "0"}, commands: "s\ns"},
	{name: "errors made", eval: []string{"local a = 1\nredis.error_reply('MY err')\nredis.pcall('get')\nredis.log(9)\nreturn redis.status_reply(1)", "0"}, commands: "s\ns\ns\ns\ns"},
	{name: "error reply", eval: []string{"local a = 1\nreturn redis.error_reply('MY err')", "0"}, commands: "s\ns"},
	{name: "global", eval: []string{"a = 1", "0"}, commands: "s\ns"},
	{name: "abort", eval: []string{"return 1", "0"}, commands: "a"},
	{name: "does not compile", eval: []string{"return (", "0"}},
	{name: "no number of keys", eval: []string{"return 1", "x"}},
	{name: "too many keys", eval: []string{"return 1", "5"}},
	{name: "shebang", eval: []string{"#!lua flags=no-writes\nlocal a = 1\nreturn a", "0"}, commands: "w\ns\ns\ns"},
	{name: "bad shebang", eval: []string{"#!lua flags=nosuch\nlocal a = 1", "0"}},
	{name: "empty", eval: []string{"", "0"}, commands: "w\nl\nb 1\np\nc"},
	{name: "lines that are empty", eval: []string{"\n\n\nreturn 1", "0"}, commands: "w\nl\nb 1\nc"},
	{name: "pipelined", eval: []string{"local a\nreturn 1", "0"}, raw: []string{"*1\r\n$1\r\np\r\n*1\r\n$1\r\ns\r\n", "*1\r\n$1\r\ns\r\n", "*1\r\n$1\r\ns\r\n"}},
	{name: "inline", eval: []string{"return 1", "0"}, raw: []string{"PING\r\n"}},
	{name: "no arguments", eval: []string{"return 1", "0"}, raw: []string{"*0\r\n"}},
	{name: "empty argument", eval: []string{"return 1", "0"}, raw: []string{"*1\r\n$0\r\n\r\n"}},
	{name: "long argument", eval: []string{"return 1", "0"}, raw: []string{"*1\r\n$1025\r\n"}},
	{name: "wrong length", eval: []string{"return 1", "0"}, raw: []string{"*1\r\n$1\r\npp\r\n"}},
	{name: "too many arguments", eval: []string{"return 1", "0"}, raw: []string{"*1025\r\n"}},
	{name: "no bulk", eval: []string{"return 1", "0"}, raw: []string{"*1\r\n:1\r\n"}},
	{name: "rubbish before", eval: []string{"return 1", "0"}, raw: []string{"garbage*1\r\n$1\r\np\r\n", "*1\r\n$1\r\ns\r\n"}},
	{name: "too much", eval: []string{"return 1", "0"}, raw: []string{"*" + strings.Repeat("1", 1<<20)}},
}

// debugModes are the arguments of SCRIPT DEBUG that turn it on: on the data set while the server stands still, or on a copy.
var debugModes = []string{"SYNC", "YES"}

// debugged matches what two servers name differently.
var debugged = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`Redict`), "Redis"}, {regexp.MustCompile(`redict`), "redis"}, {regexp.MustCompile(`@0x[0-9a-f]+`), "@0x"}, {regexp.MustCompile(`"port","\d+"`), `"port"`},
}

// talk runs a session and returns what was said.
func (d *debugSession) talk(t *testing.T, srv *testbed.Server, mode string) (said []string) {
	t.Helper()
	c := srv.Dial(t)
	c.Call(t, "SCRIPT", "DEBUG", mode)
	ok(t, c.Send(append([]string{"EVAL"}, d.eval...)...))
	commands := d.raw
	if d.raw == nil && d.commands != "" {
		for _, line := range strings.Split(d.commands, "\n") {
			commands = append(commands, string(testbed.AppendCommand(nil, strings.Split(line, " ")...)))
		}
	}
	for {
		r, err := c.Receive()
		if err != nil {
			return append(said, "end")
		}
		text := testbed.Format(r)
		for _, d := range debugged {
			text = d.from.ReplaceAllString(text, d.to)
		}
		said = append(said, text)
		switch ended := strings.Contains(text, "<endsession>"); {
		case ended || r.Kind != testbed.Array:
		case len(commands) == 0:
			_ = c.Close()
			return said
		default:
			if err := c.SendRaw([]byte(commands[0])); err != nil {
				return append(said, "cannot send")
			}
			commands = commands[1:]
		}
	}
}

// What the debugger of scripts says, in both modes: the same as redict, message by message, until the connection ends.
func TestDebugger(t *testing.T) {
	t.Parallel()
	got, want := testbed.Start(t, testbed.Options{}), testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server")})
	for _, mode := range debugModes {
		for _, d := range debugSessions {
			t.Run(mode+"/"+d.name, func(t *testing.T) {
				g, w := d.talk(t, got, mode), d.talk(t, want, mode)
				if len(w) < 2 {
					t.Fatalf("the peer said only %q", w)
				}
				for i := range max(len(g), len(w)) {
					if at(g, i) != at(w, i) {
						t.Fatalf("message %d:\n%s\nwant\n%s", i, at(g, i), at(w, i))
					}
				}
			})
		}
		for _, key := range []string{"foo", "a", "big"} {
			g, w := got.Dial(t).Call(t, "GET", key), want.Dial(t).Call(t, "GET", key)
			if fmt.Sprint(g) != fmt.Sprint(w) {
				t.Errorf("%s: %s is %q, want %q", mode, key, g, w)
			}
		}
	}
}

// say sends a command of the debugger, or of Redis, and returns the answer as text, or what went wrong.
func say(c *testbed.Client, args ...string) string {
	r, err := c.Do(args...)
	if err != nil {
		return "end"
	}
	text := testbed.Format(r)
	for _, d := range debugged {
		text = d.from.ReplaceAllString(text, d.to)
	}
	return text
}

// begin starts a session over a script and returns the client, which has heard of the first stop.
func begin(t *testing.T, srv *testbed.Server, mode, source string) *testbed.Client {
	t.Helper()
	c := srv.Dial(t)
	c.Call(t, "SCRIPT", "DEBUG", mode)
	c.Call(t, "EVAL", source, "0")
	return c
}

const endless = "local i = 0\nwhile true do i = i + 1 end"

// debugStates are what a session does to the server and its other clients, and they to it; each returns what was seen.
var debugStates = []struct {
	name string
	only string // the mode; "": both
	run  func(t *testing.T, srv *testbed.Server, mode string) []string
}{
	{"SCRIPT DEBUG", "SYNC", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		for _, args := range [][]string{{"SCRIPT", "DEBUG"}, {"SCRIPT", "DEBUG", "YES", "x"}, {"SCRIPT", "DEBUG", "maybe"}, {"SCRIPT", "DEBUG", "no"}, {"SCRIPT", "DEBUG", "sync"},
			{"EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"}, {"EVALSHA_RO", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"}, {"SCRIPT", "DEBUG", "NO"},
			{"EVAL", "return redis.breakpoint()", "0"}, {"MULTI"}, {"SCRIPT", "DEBUG", "SYNC"}, {"EXEC"}, {"SCRIPT", "DEBUG", "SYNC"}, {"RESET"}, {"EVAL_RO", "return 1", "0"}, {"s"}} {
			seen = append(seen, say(c, args...))
		}
		pipeline := srv.Dial(t)
		ok(t, pipeline.SendRaw(testbed.AppendCommand(testbed.AppendCommand(nil, "PING"), "SCRIPT", "DEBUG", "SYNC")))
		for range 2 {
			r, err := pipeline.Receive()
			ok(t, err)
			seen = append(seen, testbed.Format(r))
		}
		return seen
	}},
	{"transaction", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		for _, args := range [][]string{{"SCRIPT", "DEBUG", mode}, {"MULTI"}, {"SET", "x", "1"}, {"EVAL", "return redis.call('GET', 'x')", "0"}, {"SET", "x", "2"}, {"EXEC"}, {"s"}} {
			seen = append(seen, say(c, args...))
		}
		_, err := c.Receive()
		return append(seen, fmt.Sprint(err != nil), say(srv.Dial(t), "GET", "x"))
	}},
	{"user", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		say(srv.Dial(t), "ACL", "SETUSER", "u", "on", "nopass", "~a*", "+@all", "-del")
		c := srv.Dial(t)
		for _, args := range [][]string{{"AUTH", "u", "x"}, {"SCRIPT", "DEBUG", mode}, {"EVAL", "redis.pcall('get','q')\nredis.pcall('del','a')\nreturn 1", "0"}, {"r", "get", "q"}, {"s"}, {"s"}, {"s"}} {
			seen = append(seen, say(c, args...))
		}
		return seen
	}},
	{"others", "SYNC", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := begin(t, srv, mode, "redis.call('SET', 'o', '1')\nreturn 1")
		other := srv.Dial(t)
		ok(t, other.Send("GET", "o"))
		seen = append(seen, say(c, "s"))
		n, err := testbed.Unread(other.Conn)
		ok(t, err)
		seen = append(seen, fmt.Sprint(n), say(c, "s"))
		r, err := other.Receive()
		ok(t, err)
		return append(seen, testbed.Format(r))
	}},
	{"client leaves", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := begin(t, srv, mode, "redis.call('SET', 'left', '1')\nredis.breakpoint()\nreturn redis.call('SET', 'left', '2')")
		_ = c.Close()
		return []string{say(srv.Dial(t), "GET", "left")}
	}},
	{"memory", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		admin := srv.Dial(t)
		admin.Call(t, "CONFIG", "SET", "maxmemory", "1")
		c := begin(t, srv, mode, "return redis.call('SET', 'q', '3')")
		seen = append(seen, say(c, "s"))
		admin.Call(t, "CONFIG", "SET", "maxmemory", "0")
		return seen
	}},
	{"endless", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		srv.Dial(t).Call(t, "CONFIG", "SET", "busy-reply-threshold", "50")
		c := begin(t, srv, mode, endless)
		seen = append(seen, say(c, "c"), say(c, "c"), say(c, "a"))
		gone := begin(t, srv, mode, endless)
		_ = gone.Close()
		return append(seen, say(srv.Dial(t), "PING"))
	}},
	{"cached", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := begin(t, srv, mode, "return 7777")
		return append(seen, say(c, "c"), say(srv.Dial(t), "SCRIPT", "EXISTS", "7e3ff2b1ac1d7d0d9f64cb0a1eaa23ff0fd2e2a7"), say(srv.Dial(t), "EVAL", "return 7777", "0"))
	}},
	{"function", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		for _, args := range [][]string{{"FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return {type(redis.breakpoint), type(redis.debug), type(redis.replicate_commands)} end)"},
			{"SCRIPT", "DEBUG", mode}, {"FCALL", "f", "0"}} {
			seen = append(seen, say(c, args...))
		}
		return seen
	}},
	{"replica", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		srv.Dial(t).Call(t, "REPLICAOF", "127.0.0.1", "1")
		c := begin(t, srv, mode, "redis.pcall('SET', 'q', '3')\nreturn 1")
		return append(seen, say(c, "s"), say(c, "s"))
	}},
	{"pipeline", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", mode)
		var p []byte
		for _, args := range [][]string{{"SET", "p", "1"}, {"EVAL", "return redis.call('INCR', 'p')", "0"}, {"s"}, {"PING"}} {
			p = testbed.AppendCommand(p, args...)
		}
		ok(t, c.SendRaw(p))
		r, err := c.Receive()
		ok(t, err)
		seen = append(seen, testbed.Format(r), say(c, "s"))
		for {
			if r, err = c.Receive(); err != nil {
				return append(seen, say(srv.Dial(t), "GET", "p"))
			}
			seen = append(seen, testbed.Format(r))
		}
	}},
	{"client", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		for _, args := range [][]string{{"HELLO", "3"}, {"SELECT", "3"}, {"CLIENT", "SETNAME", "somebody"}, {"HSET", "h", "f", "v"}, {"SCRIPT", "DEBUG", mode}, {"EVAL", "redis.setresp(3)\nredis.call('HGETALL', 'h')\n" +
			"return redis.call('HGETALL', 'h')", "0"}, {"s"}, {"r", "dbsize"}, {"s"}, {"s"}} {
			if text := say(c, args...); args[0] != "HELLO" {
				seen = append(seen, text)
			}
		}
		r, err := c.Receive()
		return append(seen, testbed.Format(r), fmt.Sprint(err != nil))
	}},
	{"min-replicas-to-write", "", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		srv.Dial(t).Call(t, "CONFIG", "SET", "min-replicas-to-write", "1")
		c := begin(t, srv, mode, "redis.pcall('SET', 'q', '3')\nreturn redis.pcall('GET', 'q')")
		return append(seen, say(c, "s"), say(c, "s"))
	}},
	{"data", "YES", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		admin := srv.Dial(t)
		for _, line := range []string{"SET int 12345", "SET str abc", "APPEND raw xyz", "SET later x EX 1000", "RPUSH list a b c", "SADD ints 1 2 3", "SADD set a b", "HSET hash f v g w", "ZADD zset 1.5 a 2 b",
			"XADD stream 1-1 f v", "XGROUP CREATE stream g 0", "XREADGROUP GROUP g c STREAMS stream >", "PFADD hll a b c", "SETBIT bits 7 1", "FUNCTION LOAD #!lua\u00a0name=l\nredis.register_function('f',function()return\u00a01\u00a0end)",
			"SELECT 5", "SET five 5", "SELECT 0"} {
			args := strings.Split(line, " ")
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "\u00a0", " ")
			}
			if text := say(admin, args...); strings.Contains(text, "ERR") {
				t.Fatalf("%s: %s", line, text)
			}
		}
		c := begin(t, srv, mode, "return 1")
		for _, line := range []string{"r dbsize", "r get int", "r object encoding int", "r object encoding str", "r object encoding raw", "r object encoding list", "r lrange list 0 -1", "r object encoding ints",
			"r smembers ints", "r object encoding set", "r hgetall hash", "r zrange zset 0 -1 withscores", "r xinfo groups stream", "r xpending stream g", "r pfcount hll", "r getbit bits 7", "r ttl later", "r select 5", "r get five",
			"r fcall f 0", "r flushall", "r dbsize", "r swapdb 0 5", "r publish a b", "r debug jmap", "r shutdown", "r save", "r config get port", "r script load x", "r multi", "r wait 0 0", "r evalsha x 0", "r info nosuch", "r blpop none 0", "c"} {
			seen = append(seen, line+": "+say(c, strings.Split(line, " ")...))
		}
		return append(seen, say(admin, "DBSIZE"))
	}},
	{"at once", "YES", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		admin := srv.Dial(t)
		a := begin(t, srv, mode, "redis.call('INCR', 'n')\nreturn redis.call('GET', 'n')")
		say(admin, "SET", "n", "10")
		b := begin(t, srv, mode, "redis.call('INCR', 'n')\nreturn redis.call('GET', 'n')")
		clients := len(strings.Split(strings.TrimSpace(admin.Call(t, "CLIENT", "LIST").Str), "\n"))
		return append(seen, fmt.Sprint(clients), say(a, "s"), say(b, "s"), say(admin, "INCR", "n"), say(a, "s"), say(b, "s"), say(admin, "GET", "n"))
	}},
	{"monitored", "YES", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		m := srv.Dial(t)
		m.Call(t, "MONITOR")
		c := begin(t, srv, mode, "redis.call('SET', 'q', '3')\nreturn 1")
		seen = append(seen, say(c, "s"), say(c, "s"))
		say(srv.Dial(t), "PING")
		for {
			r, err := m.Receive()
			ok(t, err)
			_, text, _ := strings.Cut(testbed.Format(r), "]")
			if seen = append(seen, text); strings.Contains(text, "PING") {
				return seen
			}
		}
	}},
	{"subscribing", "YES", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", mode)
		for _, args := range [][]string{{"MULTI"}, {"EVAL", "return 1", "0"}, {"SUBSCRIBE", "channel"}, {"PSUBSCRIBE", "c*"}, {"EXEC"}} {
			seen = append(seen, say(c, args...))
		}
		return append(seen, say(srv.Dial(t), "PUBLISH", "channel", "x"), say(srv.Dial(t), "PUBSUB", "CHANNELS"), say(c, "s"))
	}},
	{"silent", "YES", func(t *testing.T, srv *testbed.Server, mode string) (seen []string) {
		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", mode)
		var p []byte
		for _, args := range [][]string{{"PING"}, {"CLIENT", "REPLY", "OFF"}, {"MULTI"}, {"EVAL", "return 1", "0"}, {"SET", "q", "1"}, {"EXEC"}} {
			p = testbed.AppendCommand(p, args...)
		}
		ok(t, c.SendRaw(p))
		r, err := c.Receive()
		ok(t, err)
		return append(seen, testbed.Format(r), say(c, "s"), say(srv.Dial(t), "GET", "q"))
	}},
}

// ended waits for the end of a process that was told to end.
func ended(srv *testbed.Server) bool {
	for limit := time.Now().Add(testbed.StartTimeout); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if !srv.Running() {
			return true
		}
	}
	return false
}

// A session and the rest of the server, as at redict.
func TestDebuggerStates(t *testing.T) {
	t.Parallel()
	for _, state := range debugStates {
		for _, mode := range debugModes {
			if state.only != "" && state.only != mode {
				continue
			}
			t.Run(mode+"/"+state.name, func(t *testing.T) {
				got, want := testbed.Start(t, testbed.Options{}), testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server")})
				g, w := state.run(t, got, mode), state.run(t, want, mode)
				for i := range max(len(g), len(w)) {
					if at(g, i) != at(w, i) {
						t.Errorf("answer %d:\n%s\nwant\n%s", i, at(g, i), at(w, i))
					}
				}
				if len(w) == 0 {
					t.Error("the peer said nothing")
				}
			})
		}
	}
}

// A server that is told to end does not wait for the client of the debugger, as Redis would: the script runs to its end, its effects are kept and its
// reply is sent.
func TestDebuggerTerminated(t *testing.T) {
	t.Parallel()
	srv := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := begin(t, srv, "SYNC", "redis.call('SET', 'k', '1')\nredis.breakpoint()\nreturn redis.call('INCR', 'k')")
	ok(t, srv.Signal(syscall.SIGTERM))
	heard := ""
	for {
		r, err := c.Receive()
		if err != nil {
			break
		}
		heard += testbed.Format(r) + " "
	}
	if !strings.HasSuffix(heard, "<endsession> (integer) 2 ") {
		t.Errorf("heard %s", heard)
	}
	if !ended(srv) {
		t.Fatal("it goes on")
	}
	ok(t, srv.Restart())
	if got := say(srv.Dial(t), "GET", "k"); got != `"2"` {
		t.Errorf("k is %s", got)
	}
}

// Nor does it wait for what the client has evaluated, which no stop ends.
func TestDebuggerTerminatedInLoop(t *testing.T) {
	t.Parallel()
	srv := testbed.Start(t, testbed.Options{Args: []string{"--busy-reply-threshold", "50"}})
	c := begin(t, srv, "SYNC", "return 1")
	ok(t, c.Send("e", "while true do end"))
	waitFor(t, "the code to be taken", func() bool {
		n, err := testbed.Unread(c.Conn)
		return err == nil && n == 0
	})
	ok(t, srv.Signal(syscall.SIGTERM))
	if !ended(srv) {
		t.Fatal("it goes on")
	}
}

// I2: a session begins when what came before it in the same turn is in the log, also right after a start, when sidecars and the commit ring are
// still to be made ready, and within a transaction. The server stands still for no longer than that takes.
func TestDebuggerWaitsForLog(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"everysec", "always"} {
		for _, behind := range [][][]string{{debuggedRead}, {{"MULTI"}, {"SET", "other", "1"}, debuggedRead, {"EXEC"}}} {
			t.Run(policy+"/"+behind[0][0], func(t *testing.T) {
				srv := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--appendfsync", policy}})
				c := srv.Dial(t)
				c.Call(t, "SCRIPT", "DEBUG", "SYNC")
				p := testbed.AppendCommand(nil, "SET", "k", "2")
				for _, args := range behind {
					p = testbed.AppendCommand(p, args...)
				}
				ok(t, c.SendRaw(p))
				r, err := c.Receive()
				ok(t, err)
				if got := testbed.Format(r); !strings.Contains(got, "* Stopped at 1") {
					t.Fatalf("%s", got)
				}
				srv.Kill() // what was shown is there again
				ok(t, srv.Restart())
				if got := say(srv.Dial(t), "MGET", "k", "other"); got != "1) \"2\"\n2) (nil)" {
					t.Errorf("k and other are %s", got)
				}
			})
		}
	}
}

// debuggedRead is what a client debugs in the tests of the log.
var debuggedRead = []string{"EVAL", "return redis.call('GET', 'k')", "0"}

// While the log fails a session is refused at once where it would show what is not in the log, and the server goes on; when there is room again it
// begins.
func TestDebuggerOnFullDisk(t *testing.T) {
	mount, dir := smallDisk(t)
	srv := testbed.Start(t, testbed.Options{Dir: dir, Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}})
	value := strings.Repeat("v", 10_000)
	writer := srv.Dial(t)
	quit := make(chan struct{})
	go func() {
		defer close(quit)
		for n := 0; ; n++ {
			if r, err := writer.Do("SET", fmt.Sprint(n), value); err != nil || r.Str != "OK" {
				return
			}
		}
	}()
	full := func() bool {
		c := srv.Dial(t)
		defer c.Close()
		return infoFields(c.Call(t, "INFO", "persistence").Str)["aof_last_write_status"] == "err"
	}
	waitFor(t, "a disk that is full", full)
	for _, mode := range debugModes {
		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", mode)
		if got := say(c, debuggedRead...); !strings.Contains(got, "ERR The debugger can't begin") {
			t.Errorf("%s: %s", mode, got)
		}
		if got := say(srv.Dial(t), "GET", "k"); got != "(nil)" {
			t.Errorf("%s: k is %s", mode, got)
		}
	}
	ok(t, os.Remove(filepath.Join(mount, "ballast")))
	waitFor(t, "room", func() bool { return !full() })
	_ = writer.Close()
	<-quit
	for _, mode := range debugModes {
		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", mode)
		if got := say(c, debuggedRead...); !strings.Contains(got, "* Stopped at 1") {
			t.Errorf("%s: %s", mode, got)
		}
		_ = c.Close()
	}
}

// children are the processes that a server has started.
func children(t *testing.T, srv *testbed.Server) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	ok(t, err)
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var state string
		var parent int
		if _, err := fmt.Sscan(string(text[strings.LastIndexByte(string(text), ')')+1:]), &state, &parent); err != nil || parent != srv.PID() {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		ok(t, err)
		pids = append(pids, pid)
	}
	return pids
}

// The process of a session apart ends with it: when the script has ended, when the client goes away, and when the server ends, which nothing keeps
// waiting. One that is killed takes nothing with it but its client's connection.
func TestDebuggerApart(t *testing.T) {
	t.Parallel()
	srv := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	admin := srv.Dial(t)
	admin.Call(t, "SET", "k", "1")
	source := "redis.call('SET', 'k', '2')\nreturn redis.call('GET', 'k')"
	none := func() bool { return len(children(t, srv)) == 0 }

	c := begin(t, srv, "YES", source)
	pids := children(t, srv)
	if len(pids) != 1 {
		t.Fatalf("%d processes", len(pids))
	}
	socket, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/4", pids[0]))
	ok(t, err)
	waitFor(t, "the server to let go of the connection", func() bool {
		all, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", srv.PID()))
		ok(t, err)
		return len(all) > 0 && !slices.ContainsFunc(all, func(path string) bool {
			link, _ := os.Readlink(path)
			return link == socket
		})
	})
	if got := say(c, "c"); got != "1) <endsession>" {
		t.Errorf("%s", got)
	}
	waitFor(t, "the end of a process behind its session", none)

	c = begin(t, srv, "YES", source)
	_ = c.Close()
	waitFor(t, "the end of a process behind its client", none)

	c = begin(t, srv, "YES", source)
	if pids = children(t, srv); len(pids) == 1 {
		ok(t, syscall.Kill(pids[0], syscall.SIGTERM)) // as a terminal sends to all of a group; not its business
		if got := say(c, "s"); !strings.Contains(got, "Stopped at 2") {
			t.Errorf("after a SIGTERM: %s", got)
		}
		ok(t, syscall.Kill(pids[0], syscall.SIGKILL))
	}
	if got := say(c, "s"); got != "end" {
		t.Errorf("a session that was killed says %s", got)
	}
	waitFor(t, "the end of a process that was killed", none)
	if got := say(admin, "INCR", "k"); got != "(integer) 2" {
		t.Errorf("k is %s", got)
	}

	c, other := begin(t, srv, "YES", endless), begin(t, srv, "YES", source)
	pids = children(t, srv)
	ok(t, c.Send("c"))
	code, err := srv.Stop()
	if code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	for _, c := range []*testbed.Client{c, other} {
		if r, err := c.Receive(); err == nil {
			t.Errorf("behind the end: %s", testbed.Format(r))
		}
	}
	for _, pid := range pids {
		if !strings.Contains(srv.LogText(), fmt.Sprintf("Killing debugging session %d\n", pid)) {
			t.Errorf("nothing is said of process %d", pid)
		}
	}
	if len(pids) != 2 || !strings.Contains(srv.LogText(), "Redis forked for debugging eval\n") || !strings.Contains(srv.LogText(), "Lua debugging session child exiting\n") {
		t.Errorf("%d processes; the log:\n%s", len(pids), srv.LogText())
	}
}

// What a server sets for a process of its own starts nothing when anybody else sets it.
func TestDebuggeeAlone(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"", "1", "1:0", fmt.Sprintf("%d:0123456789abcdef", os.Getpid())} {
		c := exec.Command(testbed.Subject(t), "--port", "0")
		c.Env = append(os.Environ(), "FRANKENREDIS_DEBUGGEE="+mark)
		out, err := c.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "no variable for people") {
			t.Errorf("%q: %v, %s", mark, err, out)
		}
	}
}

// Over TLS a script is debugged in place, and not by another process, which would not have the keys: Redis forks all the same, and ends the
// connection for both.
func TestDebuggerOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, t.TempDir())
	a.issue(t, "server", time.Hour)
	a.issue(t, "client", time.Hour)
	port := testbed.FreePort("127.0.0.1")
	testbed.Start(t, testbed.Options{Args: a.args(port)})
	c, _, err := dialTLS(t, port, a.client(t, "client"))
	ok(t, err)
	for _, step := range []struct{ args, want string }{
		{"SCRIPT DEBUG YES", "OK"}, {"EVAL return(1) 0", "ERR The debugger can't take this connection"}, {"PING", "PONG"},
		{"SCRIPT DEBUG SYNC", "OK"}, {"EVAL return(1) 0", "* Stopped at 1"}, {"s", "<endsession>"},
	} {
		if got := say(c, strings.Split(step.args, " ")...); !strings.Contains(got, step.want) {
			t.Errorf("%s: %s, want %s", step.args, got, step.want)
		}
	}
}

// In a cluster a script that is debugged apart may use the keys of its slot, and is told of the cluster.
func TestDebuggerInCluster(t *testing.T) {
	t.Parallel()
	talk := func(binary string) (seen []string) {
		srv := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(testbed.FreePort("127.0.0.1"))}})
		admin := srv.Dial(t)
		admin.Call(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
		waitFor(t, "the cluster's health", func() bool { return strings.Contains(admin.Call(t, "CLUSTER", "INFO").Str, "cluster_state:ok") })
		admin.Call(t, "SET", "a", "1")
		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", "YES")
		c.Call(t, "EVAL", "return redis.call('INCR', KEYS[1])", "1", "a")
		for _, line := range []string{"m 0", "r get a", "r get b", "r cluster keyslot a", "r publish x y", "r spublish a y", "r cluster links"} {
			seen = append(seen, say(c, strings.Split(line, " ")...))
		}
		state := say(c, "r", "cluster", "info")
		return append(seen, fmt.Sprint(strings.Contains(state, "cluster_state:ok"), strings.Contains(state, "cluster_slots_ok:16384")), say(c, "c"), say(admin, "GET", "a"))
	}
	got, want := talk(""), talk(testbed.Peer(t, "redict-server"))
	for i := range want {
		if at(got, i) != want[i] {
			t.Errorf("answer %d:\n%s\nwant\n%s", i, at(got, i), want[i])
		}
	}
}
