package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// A client may send 100,000 commands before it reads the first reply.
func TestPipelineReadLate(t *testing.T) {
	const n = 100_000
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	var out []byte
	for i := range n {
		if i%2 == 0 {
			out = testbed.AppendCommand(out, "INCR", "n")
		} else {
			out = testbed.AppendCommand(out, "GET", "n")
		}
	}
	ok(t, c.SendRaw(out))
	for i := range n {
		r, err := c.Receive()
		if err != nil || r.String() != strconv.Itoa(i/2+1) {
			t.Fatalf("reply %d is %v, %v", i, r, err)
		}
	}
}

// Replies that nobody reads are bounded by client-output-buffer-limit: the client is closed, the others are served, the memory comes
// back.
func TestOutputBufferLimit(t *testing.T) {
	s := testbed.Start(t, testbed.Options{})
	c := s.Dial(t)
	c.Call(t, "CONFIG", "SET", "client-output-buffer-limit", "normal 20mb 0 0")
	c.Call(t, "SET", "big", strings.Repeat("x", 1<<20))
	greedy := s.Dial(t)
	greedy.Call(t, "PING")
	var out []byte
	for range 2000 {
		out = testbed.AppendCommand(out, "GET", "big")
	}
	ok(t, greedy.SendRaw(out))
	waitFor(t, "the end of the client that reads nothing", func() bool { return infoInt(t, c, "clients", "connected_clients") == 1 })
	got, err := io.Copy(io.Discard, greedy.Conn)
	if err != nil && !strings.Contains(err.Error(), "reset") || got > 200<<20 {
		t.Errorf("the closed client read %d bytes, %v", got, err)
	}
	peak, err := testbed.Peak(s.PID())
	if err != nil || peak > 300<<20 {
		t.Errorf("peak memory %d MB, %v, with a limit of 20 MB of replies", peak>>20, err)
	}
}

// While one client sends a value of 200 MB, and while it reads it, another is served: its pings are answered at ten places of the value on its
// way in, and at five on its way out.
func TestBigValueDoesNotBlockOthers(t *testing.T) {
	const size = 200 << 20
	s := testbed.Start(t, testbed.Options{})
	big := s.Dial(t)
	header := fmt.Sprintf("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n", size)
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB

	pings := startPinging(t, s)
	ok(t, big.SendRaw([]byte(header)))
	for i := range size / len(chunk) {
		ok(t, big.SendRaw(chunk))
		pings.meanwhile(t, i, 20)
	}
	ok(t, big.SendRaw([]byte("\r\n")))
	if r, err := big.Receive(); err != nil || r.Str != "OK" {
		t.Fatalf("SET of 200 MB: %v, %v", r, err)
	}
	ok(t, pings.end())

	pings = startPinging(t, s)
	ok(t, big.Send("GET", "big"))
	ok(t, big.Conn.SetReadDeadline(time.Now().Add(testbed.ReplyTimeout)))
	br := bufio.NewReaderSize(big.Conn, 1<<20)
	if line, err := br.ReadString('\n'); err != nil || line != fmt.Sprintf("$%d\r\n", size) {
		t.Fatalf("GET of 200 MB: %q, %v", line, err)
	}
	buf := make([]byte, len(chunk))
	for i := range size / len(chunk) {
		if _, err := io.ReadFull(br, buf); err != nil || !bytes.Equal(buf, chunk) {
			t.Fatalf("MiB %d of the value: %v", i, err)
		}
		pings.meanwhile(t, i, 40)
	}
	ok(t, pings.end())
}

// pinger pings from a client of its own.
type pinger struct {
	answered atomic.Int64
	quit     chan struct{}
	failed   chan error // how it ended
}

// startPinging pings until end is called.
func startPinging(t *testing.T, s *testbed.Server) *pinger {
	t.Helper()
	c := s.Dial(t)
	p := &pinger{quit: make(chan struct{}), failed: make(chan error, 1)}
	go func() {
		for {
			select {
			case <-p.quit:
				p.failed <- nil
				return
			default:
			}
			if r, err := c.Do("PING"); err != nil || r.Str != "PONG" {
				p.failed <- fmt.Errorf("PING: %v, %v", r, err)
				return
			}
			p.answered.Add(1)
		}
	}()
	return p
}

// meanwhile waits at each so many-th place for an answer to a ping that was sent there.
func (p *pinger) meanwhile(t *testing.T, place, each int) {
	t.Helper()
	if place%each == each/2 {
		before := p.answered.Load()
		waitFor(t, "an answer to a ping", func() bool { return p.answered.Load() >= before+2 })
	}
}

func (p *pinger) end() error {
	close(p.quit)
	return <-p.failed
}

// One client too many is told so and closed; a place that becomes free is given again.
func TestMaxClients(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--maxclients", "10"}})
	var clients []*testbed.Client
	for range 10 {
		c := s.Dial(t)
		c.Call(t, "PING")
		clients = append(clients, c)
		waitForClients(t, c, len(clients))
	}
	extra := s.Dial(t)
	if r, err := extra.Receive(); err != nil || r.Str != "ERR max number of clients reached" {
		t.Errorf("client 11: %v, %v", r, err)
	}
	if _, err := extra.Receive(); err == nil {
		t.Error("client 11 is not closed")
	}
	if n := infoInt(t, clients[0], "stats", "rejected_connections"); n != 1 {
		t.Errorf("rejected_connections:%d", n)
	}
	clients[9].Close()
	waitForClients(t, clients[0], 9)
	s.Dial(t).Call(t, "PING")
	clients[0].Call(t, "CONFIG", "SET", "maxclients", "20")
	for range 10 {
		s.Dial(t).Call(t, "PING")
	}
}

// Idle clients are closed after the timeout; one that talks is not.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--timeout", "1"}})
	idle, busy := s.Dial(t), s.Dial(t)
	idle.Call(t, "PING")
	quit := make(chan struct{})
	lost := make(chan error, 1)
	go func() {
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-quit:
				lost <- nil
				return
			case <-time.After(50 * time.Millisecond):
			}
			_, err := busy.Do("PING")
			if err != nil && time.Since(last) > 900*time.Millisecond { // the machine stood still: it did not talk, either
				if busy, err = s.DialErr(); err == nil {
					defer busy.Close()
				}
			}
			if err != nil {
				lost <- err
				return
			}
		}
	}()
	if _, err := idle.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("an idle client got %v instead of its connection's end", err)
	}
	close(quit)
	if err := <-lost; err != nil {
		t.Errorf("a busy client was closed: %v", err)
	}
}

// Without a password and without a bound address only the loopback is served.
func TestProtectedMode(t *testing.T) {
	outside := outsideAddress(t)
	s := testbed.Start(t, testbed.Options{Args: []string{"--bind", "*"}})
	dial := func() *testbed.Client {
		c, err := testbed.Dial("tcp", net.JoinHostPort(outside, strconv.Itoa(s.Port)))
		ok(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	inside := s.Dial(t)
	inside.Call(t, "PING")
	c := dial()
	r, err := c.Receive()
	if err != nil || !strings.HasPrefix(r.Str, "DENIED R") || !strings.Contains(r.Str, "protected mode") {
		t.Errorf("from %s: %v, %v", outside, r, err)
	}
	if _, err := c.Receive(); err == nil {
		t.Errorf("a connection from %s is not closed", outside)
	}
	inside.Call(t, "CONFIG", "SET", "requirepass", "secret")
	if r, err := dial().Do("PING"); err != nil || !strings.HasPrefix(r.Str, "NOAUTH") {
		t.Errorf("with a password, from %s: %v, %v", outside, r, err)
	}
	inside.Call(t, "CONFIG", "SET", "requirepass", "")
	inside.Call(t, "CONFIG", "SET", "protected-mode", "no")
	dial().Call(t, "PING")
}

// outsideAddress is an address of this machine that is not the loopback's. Packets to it never leave the machine.
func outsideAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	ok(t, err)
	for _, a := range addrs {
		if ip, _, err := net.ParseCIDR(a.String()); err == nil && ip.To4() != nil && !ip.IsLoopback() {
			return ip.String()
		}
	}
	t.Skip("this machine has no address but the loopback: protected mode was NOT tested")
	return ""
}

// A unix socket, with the permissions asked for, alone or beside TCP.
func TestUnixSocket(t *testing.T) {
	dir := testbed.TempDir(t)
	path := filepath.Join(dir, "s.sock")
	ok(t, os.WriteFile(path, nil, 0o644)) // a name reserved by an empty file is taken over
	s := testbed.Start(t, testbed.Options{Dir: dir, Args: []string{"--unixsocket", "s.sock", "--unixsocketperm", "700"}})
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode()&os.ModeSocket == 0 || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
	c, err := testbed.Dial("unix", path)
	ok(t, err)
	defer c.Close()
	c.Call(t, "SET", "k", "by unix socket")
	if v := s.Dial(t).Call(t, "GET", "k").Str; v != "by unix socket" {
		t.Errorf("over TCP: %q", v)
	}
	list := c.Call(t, "CLIENT", "LIST", "ID", c.Call(t, "CLIENT", "ID").String()).Str
	if want := regexp.MustCompile(` addr=` + regexp.QuoteMeta(path) + `:0 .* flags=U `); !want.MatchString(list) &&
		!regexp.MustCompile(` addr=s\.sock:0 .* flags=U `).MatchString(list) {
		t.Errorf("CLIENT LIST: %s", list)
	}
	stop(t, s)
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there after the stop")
	}
}

// IPv6, alone and beside IPv4.
func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6 loopback, so it was NOT tested: %v", err)
	}
	l.Close()
	s := testbed.Start(t, testbed.Options{Bind: "::1"})
	c := s.Dial(t)
	info := c.Call(t, "CLIENT", "INFO").Str
	if !strings.Contains(info, fmt.Sprintf(" laddr=[::1]:%d ", s.Port)) || !strings.Contains(info, " addr=[::1]:") {
		t.Errorf("CLIENT INFO: %s", info)
	}
	both := testbed.Start(t, testbed.Options{Args: []string{"--bind", "127.0.0.1", "::1", "-::ffff"}})
	both.Dial(t).Call(t, "PING")
	c6, err := testbed.Dial("tcp", net.JoinHostPort("::1", strconv.Itoa(both.Port)))
	ok(t, err)
	c6.Call(t, "PING")
	c6.Close()
}

// maxmemory without an eviction policy: memory stays bounded however much is sent, and falls as soon as keys go.
func TestMaxMemory(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--maxmemory", "30mb"}})
	c := s.Dial(t)
	refused := 0
	value := strings.Repeat("v", 10_000)
	for i := range 5000 {
		r, err := c.Do("SET", strconv.Itoa(i), value)
		ok(t, err)
		if strings.HasPrefix(r.Str, "OOM command not allowed when used memory > 'maxmemory'.") {
			refused++
		}
	}
	stored := c.Call(t, "DBSIZE").Int
	if refused == 0 || stored < 1000 || stored+int64(refused) != 5000 {
		t.Errorf("%d keys of 10 kB stored, %d refused, with maxmemory 30 MB", stored, refused)
	}
	used := infoInt(t, c, "memory", "used_memory")
	c.Call(t, "FLUSHALL", "SYNC")
	if now := infoInt(t, c, "memory", "used_memory"); used-now < 10<<20 {
		t.Errorf("used_memory went from %d to %d with FLUSHALL SYNC", used, now)
	}
	c.Call(t, "SET", "k", "v")
}

// The hard limit holds for one reply as well, whether or not the client would take it: the client is closed and gets none of it, and what
// would go on making it for a long time stops. A transaction is carried out all the same.
func TestReplyOverLimit(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		s := testbed.Start(t, testbed.Options{Binary: binary})
		c := s.Dial(t)
		c.Call(t, "CONFIG", "SET", "client-output-buffer-limit", "normal 100kb 0 0")
		value := strings.Repeat("x", 60_000)
		c.Call(t, "SET", "big", value)
		c.Call(t, "HSET", "h", "f", "v")
		c.Call(t, "SADD", "s", "m")
		c.Call(t, "ZADD", "z", "1", "m")
		for i := range 20 {
			c.Call(t, "SET", strings.Repeat("k", 10_000)+strconv.Itoa(i), "")
		}
		if got := c.Call(t, "GET", "big").Str; got != value {
			t.Errorf("%s: a reply within the limit: %d bytes", binary, len(got))
		}
		const many = "-4000000000000000000"
		for _, command := range [][]string{
			{"MGET", "big", "big"}, {"HRANDFIELD", "h", many}, {"HRANDFIELD", "h", many, "WITHVALUES"}, {"SRANDMEMBER", "s", many},
			{"ZRANDMEMBER", "z", many, "WITHSCORES"}, {"KEYS", "*"},
		} {
			if r, err := s.Dial(t).Do(command...); err == nil {
				t.Errorf("%s: %v: a reply of %d elements", binary, command, len(r.Elems))
			}
		}
		m := s.Dial(t)
		for _, command := range [][]string{{"MULTI"}, {"GET", "big"}, {"GET", "big"}, {"SET", "done", "yes"}} {
			m.Call(t, command...)
		}
		if _, err := m.Do("EXEC"); err == nil {
			t.Errorf("%s: EXEC has an answer", binary)
		}
		if got := c.Call(t, "GET", "done").Str; got != "yes" {
			t.Errorf("%s: a transaction was not carried out: %q", binary, got)
		}
		if n := infoInt(t, c, "stats", "client_output_buffer_limit_disconnections"); n != 7 {
			t.Errorf("%s: %d clients were closed, want 7", binary, n)
		}
	}
}
