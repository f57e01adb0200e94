package testbed

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSplitArgs(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{``, nil},
		{`  set k  v `, []string{"set", "k", "v"}},
		{`set "" ''`, []string{"set", "", ""}},
		{`set k "a b\x00\xff\n\t\r\a\b\\\"\q"`, []string{"set", "k", "a b\x00\xff\n\t\r\a\b\\\"q"}},
		{`set k 'a\n\'b"'`, []string{"set", "k", `a\n'b"`}},
		{`a"b c"`, []string{"ab c"}},
		{`"\x4g"`, []string{"x4g"}},
	} {
		got, err := SplitArgs(c.line)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("SplitArgs(%q) = %q, %v; want %q", c.line, got, err, c.want)
		}
	}
	for _, line := range []string{`"a`, `'a`, `"a"b`, `'a'b`, `"a\`} {
		if got, err := SplitArgs(line); err == nil {
			t.Errorf("SplitArgs(%q) = %q; want an error", line, got)
		}
	}
}

func TestReadReply(t *testing.T) {
	for _, c := range []struct{ wire, want string }{
		{"+OK\r\n", `OK`},
		{"-ERR no\r\n", `(error) ERR no`},
		{":-7\r\n", `(integer) -7`},
		{"$3\r\na\r\n\r\n", `"a\r\n"`},
		{"$-1\r\n", `(nil)`},
		{"*-1\r\n", `(nil)`},
		{"*0\r\n", `(empty array)`},
		{"_\r\n", `(nil)`},
		{"#t\r\n", `(true)`},
		{",1.5\r\n", `(double) 1.5`},
		{"=7\r\ntxt:a b\r\n", `a b`},
		{"*2\r\n*2\r\n:1\r\n:2\r\n$1\r\nx\r\n", "1) 1) (integer) 1\n   2) (integer) 2\n2) \"x\""},
		{"%1\r\n+a\r\n*2\r\n:1\r\n:2\r\n", "1# a => \n   1) (integer) 1\n   2) (integer) 2"},
		{"~1\r\n+a\r\n", "1~ a"},
		{">1\r\n+a\r\n", "1> a"},
		{"|1\r\n+a\r\n:1\r\n+OK\r\n", "OK"},
	} {
		r, err := ReadReply(bufio.NewReader(strings.NewReader(c.wire)))
		if got := Format(r); err != nil || got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.wire, got, err, c.want)
		}
	}
	for _, wire := range []string{"$1\r\na\r\n", "*2\r\n%1\r\n+a\r\n$-1\r\n*-1\r\n", "|1\r\n+a\r\n:1\r\n+OK\r\n", "-E " + strings.Repeat("x", 5000) + "\r\n"} {
		raw, err := appendRaw(nil, bufio.NewReaderSize(strings.NewReader(wire+"+NEXT\r\n"), 16))
		if _, perr := ParseRaw(raw); err != nil || perr != nil || string(raw) != wire {
			t.Errorf("raw bytes of %q: %q, %v, %v", wire, raw, err, perr)
		}
	}
	if _, err := ParseRaw([]byte("+OK\r\n+OK\r\n")); err == nil {
		t.Error("two replies taken for one")
	}
	for _, wire := range []string{"", "\r\n", "+OK\n", "$1\r\nab\r\n", "$-2\r\n", "*x\r\n", ":x\r\n", "?\r\n", "*2\r\n:1\r\n", "=3\r\ntxt\r\n", "#x\r\n"} {
		if r, err := ReadReply(bufio.NewReader(strings.NewReader(wire))); err == nil {
			t.Errorf("%q: %q; want an error", wire, Format(r))
		}
	}
}

// The scripts' replies are meant to be what redis-cli prints, so redis-cli is asked, on a server of its own.
func TestFormatAgreesWithRedisCLI(t *testing.T) {
	cli := Peer(t, "redis-cli")
	server := Peer(t, "redis-server")
	theirs, ours := Start(t, Options{Binary: server}), Start(t, Options{Binary: server})
	c := ours.Dial(t)
	for _, proto := range []string{"2", "3"} {
		c.Call(t, "HELLO", proto)
		for _, line := range []string{
			`flushall`, `set k "a\x00\xff\r\n\t\"\\ b"`, `get k`, `get nokey`, `strlen k`, `incr k`, `keys nokey*`, `command getkeys get k`,
			`command info get set nosuch`, `config get maxmemory`, `object help`, `command docs ping get`,
			`eval "return {1,{2,{3,'x'}},'y',{}, redis.status_reply('fine')}" 0`, `hset h f v g w`, `hgetall h`, `hgetall noh`,
			`zadd z 1.5 m 2 n`, `zrange z 0 -1 withscores`, `sadd s 1`, `smembers s`, `smembers nos`, `xadd x 1-1 f v`,
			`xinfo stream x full`, `client trackinginfo`, `geoadd g 1 2 m`, `geopos g m`, `no such command`,
		} {
			cmd := exec.Command(cli, "--no-raw", "-"+proto, "-p", strconv.Itoa(theirs.Port))
			cmd.Stdin = strings.NewReader(line + "\n")
			want, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			args, err := SplitArgs(line)
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Do(args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := Format(r); got != strings.TrimRight(string(want), "\n") {
				t.Errorf("%s (RESP%s): we print\n%s\nredis-cli prints\n%s", line, proto, got, want)
			}
		}
	}
}

// A test that records nothing itself has one line, with its outcome; one that records its cases has only these.
func TestLog(t *testing.T) {
	path := t.TempDir() + "/log"
	t.Setenv("FR_TESTLOG", path)
	t.Run("plain", func(t *testing.T) { track(t); track(t) })
	t.Run("skipped", func(t *testing.T) { track(t); t.SkipNow() })
	t.Run("own", func(t *testing.T) {
		track(t)
		Record(t, Entry{Suite: "s", Case: "c", Seed: 7, Digests: []string{"a", "b"}, Outcome: Fail, Reason: "why", Replay: "go"})
	})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, e.Suite+" "+e.Case+" "+e.Outcome)
	}
	want := []string{"process TestLog/plain pass", "process TestLog/skipped skip", "s c fail"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A server lives as long as its owner wants: threads of this process that end do not take it along.
func TestServerOutlivesThreads(t *testing.T) {
	s := Start(t, Options{Binary: Peer(t, "redis-server")})
	for range 64 {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		}()
		<-ended
	}
	if r, err := s.Dial(t).Do("PING"); err != nil || r.Str != "PONG" {
		t.Errorf("PING after 64 threads ended: %q, %v", r.Str, err)
	}
}

// A program that is being started has copies of all descriptors for a while; here the copy lasts.
func TestCloseWithACopy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	copied, err := c.Conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	peer.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer of a closed connection reads: %v", err)
	}
}
