package conformance

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
)

// hostileInputs are bytes that no honest client sends. The server answers each exactly as Redis does, byte for byte, and closes
// the connection exactly when Redis does.
var hostileInputs = []hostileInput{
	{"negative bulk", "*2\r\n$3\r\nGET\r\n$-2\r\nx\r\n"},
	{"null bulk", "*2\r\n$3\r\nGET\r\n$-1\r\n"},
	{"bulk length of minus zero", "*1\r\n$-0\r\n\r\nPING\r\n"},
	{"bulk length with plus", "*1\r\n$+4\r\nPING\r\n"},
	{"bulk length with zeros", "*1\r\n$04\r\nPING\r\n"},
	{"bulk length with blank", "*1\r\n$ 4\r\nPING\r\n"},
	{"bulk length empty", "*1\r\n$\r\nPING\r\n"},
	{"bulk length word", "*1\r\n$four\r\nPING\r\n"},
	{"bulk length 2^63-1", "*1\r\n$9223372036854775807\r\n"},
	{"bulk length 2^63", "*1\r\n$9223372036854775808\r\n"},
	{"bulk length 2^63-2", "*1\r\n$9223372036854775806\r\nPING\r\n"},
	{"bulk length -2^63", "*1\r\n$-9223372036854775808\r\n"},
	{"bulk length 2^64", "*1\r\n$18446744073709551616\r\n"},
	{"bulk length 2^64-1", "*1\r\n$18446744073709551615\r\n"},
	{"bulk length over the limit", "*1\r\n$536870913\r\n"},
	{"bulk length 2^32", "*1\r\n$4294967296\r\n"},
	{"bulk longer than said", "*1\r\n$4\r\nPINGPONG\r\n"},
	{"bulk shorter than said", "*1\r\n$6\r\nPING\r\nPING\r\n"},
	{"bulk with other end", "*1\r\n$4\r\nPINGxxPING\r\n"},
	{"bulk missing", "*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"},
	{"no dollar", "*1\r\nPING\r\n"},
	{"colon for dollar", "*1\r\n:4\r\nPING\r\n"},
	{"unprintable for dollar", "*1\r\n\x014\r\nPING\r\n"},
	{"quote for dollar", "*1\r\n\"4\r\nPING\r\n"},
	{"count 2^63-1", "*9223372036854775807\r\n$4\r\nPING\r\n"},
	{"count 2^63", "*9223372036854775808\r\n"},
	{"count -2^63", "*-9223372036854775808\r\nPING\r\n"},
	{"count 2^31-1", "*2147483647\r\n"},
	{"count 2^31", "*2147483648\r\n"},
	{"count over the limit", "*1048577\r\n"},
	{"count at the limit", "*1048576\r\n$4\r\nPING\r\n"},
	{"count zero", "*0\r\nPING\r\n"},
	{"count minus one", "*-1\r\nPING\r\n"},
	{"count minus ten", "*-10\r\nPING\r\n"},
	{"count word", "*abc\r\nPING\r\n"},
	{"count empty", "*\r\nPING\r\n"},
	{"count with blank", "* 1\r\n$4\r\nPING\r\n"},
	{"count with plus", "*+1\r\n$4\r\nPING\r\n"},
	{"count with zeros", "*01\r\n$4\r\nPING\r\n"},
	{"count then LF only", "*1\n$4\nPING\n"},
	{"count line endless", "*" + strings.Repeat("1", 70000)},
	{"bulk line endless", "*1\r\n$" + strings.Repeat("1", 70000)},
	{"bulk line of blanks", "*1\r\n" + strings.Repeat(" ", 70000)},
	{"many empty commands", strings.Repeat("*0\r\n", 50000) + "PING\r\n"},
	{"many null commands", strings.Repeat("*-1\r\n", 50000) + "PING\r\n"},
	{"many empty lines", strings.Repeat("\r\n", 1000000) + "PING\r\n"},
	{"many bare newlines", strings.Repeat("\n", 100000) + "PING\r\n"},
	{"many blank lines", strings.Repeat("   \r\n", 100000) + "PING\r\n"},
	{"unbalanced double quote", "SET k \"v\r\nPING\r\n"},
	{"unbalanced single quote", "SET k 'v\r\nPING\r\n"},
	{"text behind a quote", "SET k \"v\"w\r\nPING\r\n"},
	{"quoted line", "PING \"a\\x00\\xff\\r\\n b\"\r\n"},
	{"single quoted line", "PING 'a\\'b\\n'\r\n"},
	{"bad hex escape", "PING \"\\xzz\"\r\n"},
	{"backslash at the end", "PING \"\\\r\nPING\r\n"},
	{"empty quoted command", "\"\"\r\nPING\r\n"},
	{"tabs", "PING\ta\r\n\tPING\t\r\n"},
	{"LF only", "PING\nPING a\n"},
	{"CR inside", "PING a\rb\r\nPING\r\n"},
	{"NUL inside", "PING a\x00b\r\nPING\r\n"},
	{"NUL first", "\x00PING\r\nPING\r\n"},
	{"inline of the limit", "PING " + strings.Repeat("x", 65536-7) + "\r\nPING\r\n"},
	{"inline over the limit", strings.Repeat("x", 70000)},
	{"inline far over the limit", strings.Repeat("x ", 500000)},
	{"inline over the limit with an end", "PING " + strings.Repeat("x", 100000) + "\r\nPING\r\n"},
	{"many inline arguments", "MGET " + strings.Repeat("k ", 30000) + "\r\n"},
	{"HTTP GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"HTTP POST", "POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n"},
	{"Host header first", "Host: x\r\nPING\r\n"},
	{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"},
	{"RESP3 map for a command", "%1\r\n$4\r\nPING\r\n$1\r\nx\r\n"},
	{"reply for a command", "+OK\r\n:1\r\n-ERR x\r\nPING\r\n"},
	{"inline in a pipeline", "*1\r\n$4\r\nPING\r\nPING a\r\n*2\r\n$4\r\nPING\r\n$1\r\nb\r\n\r\nPING c\r\n"},
	{"nested count", "*2\r\n*1\r\n$4\r\nPING\r\n"},
	{"error in the middle of a pipeline", "*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n*1\r\n$4\r\nPING\r\n"},
	{"empty command name", "*1\r\n$0\r\n\r\nPING\r\n"},
	{"command name with NUL", "*1\r\n$5\r\nPI\x00NG\r\nPING\r\n"},
	{"long command name", "*1\r\n$5000\r\n" + strings.Repeat("n", 5000) + "\r\nPING\r\n"},
	{"long arguments of an unknown command", "*3\r\n$2\r\nno\r\n$5000\r\n" + strings.Repeat("a", 5000) + "\r\n$2\r\n\r\n\r\nPING\r\n"},
	{"QUIT in a pipeline", "PING\r\nQUIT\r\nPING\r\nPING\r\n"},
	{"half a command", "*2\r\n$4\r\nECHO\r\n$10\r\nabc"},
	{"half a count", "*2"},
	{"only a star", "*"},
	{"only CR", "\r"},
	{"CR without LF", "PING\rPING\r"},
}

func TestHostileInput(t *testing.T) {
	compareHostile(t, nil)
}

// Before AUTH Redis allows ten arguments of 16 KiB only.
func TestHostileInputBeforeAuth(t *testing.T) {
	compareHostile(t, []string{"--requirepass", "secret"}, []hostileInput{
		{"eleven arguments", "*11\r\n"},
		{"ten arguments", "*10\r\n$4\r\nPING\r\n"},
		{"long argument", "*2\r\n$4\r\nAUTH\r\n$16385\r\n"},
		{"argument of the limit", "*2\r\n$4\r\nAUTH\r\n$16384\r\n" + strings.Repeat("x", 16384) + "\r\n"},
		{"many inline arguments", strings.Repeat("a ", 20) + "\r\nPING\r\n"},
		{"pipeline that logs in", "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*12\r\n$4\r\nMGET\r\n" + strings.Repeat("$1\r\nk\r\n", 11)},
	}...)
}

type hostileInput struct{ name, send string }

// compareHostile sends each input to the subject and to a real server and compares all they answer. Throughout, another client of
// the subject is served.
func compareHostile(t *testing.T, args []string, more ...hostileInput) {
	subject := testbed.Start(t, testbed.Options{Args: args})
	real := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: args})
	bystander := subject.Dial(t)
	served := func() {
		if _, err := bystander.Do("PING"); err != nil { // NOAUTH is an answer, too
			t.Fatalf("another client is not served: %v", err)
		}
	}
	inputs := append(more, hostileInputs...)
	before, err := testbed.RSS(subject.PID())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for _, in := range inputs {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer func() { <-slots; wg.Done() }()
			want, wantClosed, err := provoke(real, in.send, nil)
			if err != nil {
				t.Errorf("%s: the real server: %v", in.name, err)
				return
			}
			got, gotClosed, err := provoke(subject, in.send, func(got []byte, closed bool) bool {
				return len(got) >= len(want) && (closed || !wantClosed)
			})
			if err != nil || !bytes.Equal(got, want) || gotClosed != wantClosed {
				t.Errorf("%s: sent %s\nwanted %s, closed %v\ngot    %s, closed %v, error %v", in.name, short(in.send),
					short(string(want)), wantClosed, short(string(got)), gotClosed, err)
			}
		}()
		served()
	}
	wg.Wait()
	served()
	after, err := testbed.RSS(subject.PID())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown > 100<<20 {
		t.Errorf("resident memory grew by %d MB over inputs of a few MB", grown>>20)
	}
}

// provoke sends bytes on a new connection and returns all that comes back and whether the server closed the connection. It is over when the
// server has closed, or has taken all bytes and then served another client a few times: a server of one thread has said by then what it has to
// say. One of more threads is also given the time for what is expected of it.
func provoke(s *testbed.Server, send string, expected func(got []byte, closed bool) bool) (got []byte, closed bool, err error) {
	c, err := s.DialErr()
	if err != nil {
		return nil, false, err
	}
	defer c.Close()
	other, err := s.DialErr()
	if err != nil {
		return nil, false, err
	}
	defer other.Close()
	sent := make(chan error, 1)
	go func() { sent <- c.SendRaw([]byte(send)) }() // the server may answer, or close, before it has read all
	sending, taken := true, false
	eventually(func() bool {
		if got, closed, err = readThere(c.Conn, got); closed || err != nil {
			return true
		}
		select {
		case err = <-sent:
			sending = false
		default:
		}
		if !sending && err == nil && !taken {
			var n int
			n, err = testbed.Unread(c.Conn)
			taken = n == 0
		}
		return err != nil || taken && (expected == nil || expected(got, closed))
	})
	for i := 0; i < 3 && err == nil; i++ {
		_, err = other.Do("PING") // NOAUTH is an answer, too
	}
	if err == nil && !closed {
		got, closed, err = readThere(c.Conn, got)
	}
	if err != nil && expected == nil {
		err = fmt.Errorf("%w after %d bytes, of which all were taken: %v", err, len(got), taken)
	}
	return got, closed, err
}

// readThere appends what has come over a connection by now, without waiting, and says whether it has ended.
func readThere(conn net.Conn, got []byte) (all []byte, closed bool, err error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return got, false, err
	}
	buf := make([]byte, 64<<10)
	for {
		n := 0
		var failed error
		if err := raw.Read(func(fd uintptr) bool { n, failed = unix.Read(int(fd), buf); return true }); err != nil {
			return got, false, err
		}
		switch {
		case failed == unix.EAGAIN:
			return got, false, nil
		case failed == unix.EINTR:
		case n <= 0: // the end, or a reset: the server is done with this connection
			return got, true, nil
		default:
			got = append(got, buf[:n]...)
		}
	}
}

// A command that arrives one byte at a time is as good as any other, and costs no more than its bytes.
func TestByteByByte(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	c := s.Dial(t)
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		if err := tcp.SetNoDelay(true); err != nil {
			t.Fatal(err)
		}
	}
	var stream []byte
	var want strings.Builder
	for i := range 20 {
		stream = testbed.AppendCommand(stream, "SET", fmt.Sprintf("k%d", i), strings.Repeat("v", 37*i))
		want.WriteString("+OK\r\n")
		stream = append(stream, fmt.Sprintf("STRLEN k%d\r\n", i)...)
		fmt.Fprintf(&want, ":%d\r\n", 37*i)
	}
	for i := range stream {
		if err := c.SendRaw(stream[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.ReadN(want.Len())
	if err != nil || string(got) != want.String() {
		t.Errorf("%v\ngot %s", err, short(string(got)))
	}
}

// A client may name a length, or a thousand, and send nothing: memory is taken for bytes that came, not for announced ones.
func TestAnnouncedLengthsTakeNoMemory(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	bystander := s.Dial(t)
	bystander.Call(t, "PING")
	before, err := testbed.RSS(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		c := s.Dial(t)
		send := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\nbegin"
		if i%2 == 1 {
			send = "*1000000\r\n$4\r\nMGET\r\n$1\r\nk"
		}
		if err := c.SendRaw([]byte(send)); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		bystander.Call(t, "PING")
	}
	after, err := testbed.RSS(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	// Redis itself sets the query buffer to the announced size, as address space that is never touched.
	if grown := after - before; grown > 200<<20 {
		t.Errorf("200 half commands that announce 50 GB took %d MB", grown>>20)
	}
}

// short prints what a failure message can bear.
func short(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%q... (%d bytes)", s[:300], len(s))
	}
	return fmt.Sprintf("%q", s)
}
