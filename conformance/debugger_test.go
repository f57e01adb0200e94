package conformance

import (
	"fmt"
	"regexp"
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

// debugModes are the arguments of SCRIPT DEBUG that turn it on.
var debugModes = []string{"SYNC"}

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
	run  func(t *testing.T, srv *testbed.Server) []string
}{
	{"SCRIPT DEBUG", func(t *testing.T, srv *testbed.Server) (seen []string) {
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
	{"transaction", func(t *testing.T, srv *testbed.Server) (seen []string) {
		c := srv.Dial(t)
		for _, args := range [][]string{{"SCRIPT", "DEBUG", "SYNC"}, {"MULTI"}, {"SET", "x", "1"}, {"EVAL", "return redis.call('GET', 'x')", "0"}, {"SET", "x", "2"}, {"EXEC"}, {"s"}} {
			seen = append(seen, say(c, args...))
		}
		_, err := c.Receive()
		return append(seen, fmt.Sprint(err != nil), say(srv.Dial(t), "GET", "x"))
	}},
	{"user", func(t *testing.T, srv *testbed.Server) (seen []string) {
		say(srv.Dial(t), "ACL", "SETUSER", "u", "on", "nopass", "~a*", "+@all", "-del")
		c := srv.Dial(t)
		for _, args := range [][]string{{"AUTH", "u", "x"}, {"SCRIPT", "DEBUG", "SYNC"}, {"EVAL", "redis.pcall('get','q')\nredis.pcall('del','a')\nreturn 1", "0"}, {"r", "get", "q"}, {"s"}, {"s"}, {"s"}} {
			seen = append(seen, say(c, args...))
		}
		return seen
	}},
	{"others", func(t *testing.T, srv *testbed.Server) (seen []string) {
		c := begin(t, srv, "SYNC", "redis.call('SET', 'o', '1')\nreturn 1")
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
	{"client leaves", func(t *testing.T, srv *testbed.Server) (seen []string) {
		c := begin(t, srv, "SYNC", "redis.call('SET', 'left', '1')\nredis.breakpoint()\nreturn redis.call('SET', 'left', '2')")
		_ = c.Close()
		return []string{say(srv.Dial(t), "GET", "left")}
	}},
	{"memory", func(t *testing.T, srv *testbed.Server) (seen []string) {
		admin := srv.Dial(t)
		admin.Call(t, "CONFIG", "SET", "maxmemory", "1")
		c := begin(t, srv, "SYNC", "return redis.call('SET', 'q', '3')")
		seen = append(seen, say(c, "s"))
		admin.Call(t, "CONFIG", "SET", "maxmemory", "0")
		return seen
	}},
	{"endless", func(t *testing.T, srv *testbed.Server) (seen []string) {
		srv.Dial(t).Call(t, "CONFIG", "SET", "busy-reply-threshold", "50")
		c := begin(t, srv, "SYNC", endless)
		seen = append(seen, say(c, "c"), say(c, "c"), say(c, "a"))
		gone := begin(t, srv, "SYNC", endless)
		_ = gone.Close()
		return append(seen, say(srv.Dial(t), "PING"))
	}},
	{"cached", func(t *testing.T, srv *testbed.Server) (seen []string) {
		c := begin(t, srv, "SYNC", "return 7777")
		return append(seen, say(c, "c"), say(srv.Dial(t), "SCRIPT", "EXISTS", "7e3ff2b1ac1d7d0d9f64cb0a1eaa23ff0fd2e2a7"), say(srv.Dial(t), "EVAL", "return 7777", "0"))
	}},
	{"function", func(t *testing.T, srv *testbed.Server) (seen []string) {
		c := srv.Dial(t)
		for _, args := range [][]string{{"FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return {type(redis.breakpoint), type(redis.debug), type(redis.replicate_commands)} end)"},
			{"SCRIPT", "DEBUG", "SYNC"}, {"FCALL", "f", "0"}} {
			seen = append(seen, say(c, args...))
		}
		return seen
	}},
	{"replica", func(t *testing.T, srv *testbed.Server) (seen []string) {
		srv.Dial(t).Call(t, "REPLICAOF", "127.0.0.1", "1")
		c := begin(t, srv, "SYNC", "redis.pcall('SET', 'q', '3')\nreturn 1")
		return append(seen, say(c, "s"), say(c, "s"))
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
		t.Run(state.name, func(t *testing.T) {
			got, want := testbed.Start(t, testbed.Options{}), testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server")})
			g, w := state.run(t, got), state.run(t, want)
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

// I2: a session begins when what came before it in the same turn is in the log. Within a transaction that cannot be waited for: there it is refused,
// and the server goes on.
func TestDebuggerWaitsForLog(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"everysec", "always"} {
		srv := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--appendfsync", policy}})
		eval := []string{"EVAL", "return redis.call('GET', 'k')", "0"}

		c := srv.Dial(t)
		c.Call(t, "SCRIPT", "DEBUG", "SYNC")
		var p []byte
		for _, args := range [][]string{{"SET", "k", "2"}, {"MULTI"}, eval, {"EXEC"}} {
			p = testbed.AppendCommand(p, args...)
		}
		ok(t, c.SendRaw(p))
		got := ""
		for range 4 {
			r, err := c.Receive()
			ok(t, err)
			got = testbed.Format(r)
		}
		if !strings.Contains(got, "ERR The debugger can't begin before") {
			t.Errorf("%s: %s", policy, got)
		}
		if got := say(srv.Dial(t), "GET", "k"); got != `"2"` {
			t.Errorf("%s: k is %s", policy, got)
		}
	}
}
