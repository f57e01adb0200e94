package wire_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// gatedLog is a log whose durability the test decides.
type gatedLog struct {
	end      wal.LSN
	released atomic.Uint64
	full     atomic.Bool
	failure  atomic.Pointer[error]
	stream   []byte // executor only
}

func (l *gatedLog) CommitIdle(p []byte, db int) func() {
	l.Commit(p, db)
	return nil
}

func (l *gatedLog) Commit(p []byte, _ int) {
	l.stream = append(l.stream, p...)
	l.end += wal.LSN(len(p))
}
func (l *gatedLog) End() wal.LSN      { return l.end }
func (l *gatedLog) Released() wal.LSN { return wal.LSN(l.released.Load()) }
func (l *gatedLog) Durable() wal.LSN  { return wal.LSN(l.released.Load()) }
func (l *gatedLog) Full() bool        { return l.full.Load() }
func (l *gatedLog) Err() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// testServer is an executor with a port for TCP and one for TLS.
type testServer struct {
	eng    *engine.Engine
	cfg    *config.Store
	log    *gatedLog
	plain  string
	secure string // begins with overTLS
	// tendClients is what the transports do once a second. Executor only.
	tendClients func()
}

// until waits until a condition holds that is looked at on the executor.
func (s *testServer) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	holds := false
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if s.on(func() { holds = cond() }); holds {
			return
		}
	}
	t.Fatalf("not within 20 seconds: %s", what)
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func start(t *testing.T, conf string, gated bool) *testServer {
	t.Helper()
	return startAt(t, conf, gated, nil)
}

// startAt is start with a clock of the test's own; nil: the machine's.
func startAt(t *testing.T, conf string, gated bool, clock func() time.Time) *testServer {
	t.Helper()
	cfg, err := config.LoadText(conf, config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	ks := kv.New(kv.Options{Databases: 16, RandomSeed: 1})
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: cfg, Poller: r, Seed: 1, Clock: clock})
	s := &testServer{eng: e, cfg: cfg}
	if gated {
		s.log = &gatedLog{}
		e.SetLog(s.log)
	}
	r.Bind(e)
	port := freePort(t)
	if err := r.Listen(wire.TCP, []string{"127.0.0.1"}, port, 64); err != nil {
		t.Fatal(err)
	}
	s.plain = "127.0.0.1:" + strconv.Itoa(port)
	securePort := freePort(t)
	r.SetTLS(&tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	if err := r.Listen(wire.TLS, []string{"127.0.0.1"}, securePort, 64); err != nil {
		t.Fatal(err)
	}
	s.secure = overTLS + "127.0.0.1:" + strconv.Itoa(securePort)
	s.tendClients = r.ReapIdle
	done := make(chan error, 1)
	go func() {
		err := e.Run()
		r.Close()
		done <- err
	}()
	t.Cleanup(func() {
		e.Stop()
		if err := <-done; err != nil {
			t.Errorf("executor: %v", err)
		}
		ks.Close()
	})
	return s
}

// both runs a test with and without TLS.
func both(t *testing.T, conf string, f func(t *testing.T, s *testServer, addr string)) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, conf, false)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			f(t, s, addr)
		})
	}
}

type client struct {
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	c, err := connect(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return &client{c, bufio.NewReader(c)}
}

// overTLS stands before the address of a port that speaks TLS.
const overTLS = "tls:"

// connect connects to a test server's address.
func connect(addr string) (net.Conn, error) {
	if host, ok := strings.CutPrefix(addr, overTLS); ok {
		return tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true})
	}
	return net.Dial("tcp", addr)
}

// socketOf is the socket below a connection.
func socketOf(c net.Conn) *net.TCPConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*net.TCPConn)
}

// certificate is one for tests, made once.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := testCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var testCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	made := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &made, &made, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func (c *client) send(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func (c *client) expect(t *testing.T, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
		t.Fatalf("reply %q (%v), want %q", got[:n], err, want)
	}
}

func (c *client) expectClosed(t *testing.T) {
	t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		t.Fatalf("connection still open: read %q", b)
	}
}

// silent checks that nothing arrives for a while.
func (c *client) silent(t *testing.T, why string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	b, err := c.r.ReadByte()
	var timeout net.Error
	if err == nil || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("%s: read %q, %v", why, b, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
}

func TestCommandsOverBothTransports(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "SET k v\r\nGET k\r\n*2\r\n$3\r\nGET\r\n$1\r\nx\r\n")
		c.expect(t, "+OK\r\n$1\r\nv\r\n$-1\r\n")
		c.send(t, "HELLO 3\r\n")
		c.expect(t, "%7\r\n")
	})
}

func TestByteByByte(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		for _, b := range []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nGET k\r\n") {
			c.send(t, string(b))
		}
		c.expect(t, "+OK\r\n$5\r\nhello\r\n")
	})
}

func TestLongPipelineUnread(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		const n = 100_000
		c.send(t, strings.Repeat("PING\r\n", n))
		other := dial(t, addr)
		other.send(t, "ECHO hi\r\n")
		other.expect(t, "$2\r\nhi\r\n")
		for range n {
			c.expect(t, "+PONG\r\n")
		}
	})
}

func TestProtocolErrorThenClose(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "PING\r\n*1\r\n$-2\r\nPING\r\n")
		c.expect(t, "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n")
		c.expectClosed(t)
	})
}

func TestQuitSendsItsReply(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "QUIT\r\nSET after quit\r\n")
		c.expect(t, "+OK\r\n")
		c.expectClosed(t)
		d := dial(t, addr)
		d.send(t, "EXISTS after\r\n")
		d.expect(t, ":0\r\n")
	})
}

func TestMaxClients(t *testing.T) {
	both(t, "maxclients 2\n", func(t *testing.T, s *testServer, addr string) {
		a, b := dial(t, addr), dial(t, addr)
		for _, c := range []*client{a, b} {
			c.send(t, "PING\r\n")
			c.expect(t, "+PONG\r\n")
		}
		if addr == s.secure {
			if c, err := connect(addr); err == nil { // there is no handshake in which the text could be read
				c.Close()
				t.Error("a third client got in")
			}
			return
		}
		c := dial(t, addr)
		c.expect(t, "-ERR max number of clients reached\r\n")
		c.expectClosed(t)
	})
}

func TestOutputLimitCloses(t *testing.T) {
	both(t, "client-output-buffer-limit normal 1mb 0 0\n", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "SETRANGE big 1000000 x\r\n")
		c.expect(t, ":1000001\r\n")
		for range 64 { // far more than the sockets' own buffers take, and nobody reads
			if _, err := io.WriteString(c, "GET big\r\n"); err != nil {
				break // closed already
			}
		}
		s.until(t, "a client over its output limit is closed", func() bool { return s.eng.Stats().OutputLimitCloses == 1 })
	})
}

func TestQueryLimitCloses(t *testing.T) {
	both(t, "client-query-buffer-limit 1mb\nproto-max-bulk-len 512mb\n", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		_, _ = io.WriteString(c, "*2\r\n$4\r\nECHO\r\n$4000000\r\n")
		_, err := io.Copy(c, strings.NewReader(strings.Repeat("x", 4000000)))
		if err == nil {
			c.expectClosed(t)
		}
	})
}

func TestIdleClientIsClosed(t *testing.T) {
	both(t, "timeout 1\n", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "PING\r\n")
		c.expect(t, "+PONG\r\n")
		c.expectClosed(t)
	})
}

func TestAuthenticationIsRequired(t *testing.T) {
	both(t, "requirepass secret\n", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "GET k\r\nAUTH wrong\r\nAUTH secret\r\nGET k\r\n")
		c.expect(t, "-NOAUTH Authentication required.\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n$-1\r\n")
	})
}

// I2: no client sees an effect before the log covers it: neither the writer its acknowledgement nor a reader the value;
// and replies leave in order.
func TestRepliesWaitForTheLog(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "", true)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			w, r := dial(t, addr), dial(t, addr)
			r.send(t, "PING\r\n")
			r.expect(t, "+PONG\r\n") // nothing pending: nothing waits
			w.send(t, "SET k v\r\n")
			w.silent(t, "acknowledged before the log covered it")
			r.send(t, "GET k\r\nPING\r\n")
			r.silent(t, "a reader saw what is not covered")
			s.release(1 << 40)
			w.expect(t, "+OK\r\n")
			r.expect(t, "$1\r\nv\r\n+PONG\r\n")
		})
	}
}

func (s *testServer) release(to uint64) {
	s.log.released.Store(to)
	s.eng.Wake()
}

// I2: what is released is a prefix: a later reply never leaves before an earlier one of the same client.
func TestReleaseInSteps(t *testing.T) {
	s := start(t, "", true)
	c := dial(t, s.plain)
	select0 := uint64(len("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"))
	one := uint64(len("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"))
	c.send(t, "SET a 1\r\n")
	c.silent(t, "early")
	c.send(t, "SET b 2\r\n")
	c.silent(t, "early")
	s.release(select0 + one - 1)
	c.silent(t, "released one byte short")
	s.release(select0 + one)
	c.expect(t, "+OK\r\n")
	c.silent(t, "second reply with the first")
	s.release(select0 + 2*one)
	c.expect(t, "+OK\r\n")
}

// Under a failing log writes are refused and their replies wait; reads go on (not under always).
func TestReadsGoOnWhileTheLogFails(t *testing.T) {
	s := start(t, "appendfsync everysec\n", true)
	w, r := dial(t, s.plain), dial(t, s.plain)
	w.send(t, "SET k v\r\n")
	w.silent(t, "early")
	err := errors.New("No space left on device")
	s.log.failure.Store(&err)
	s.eng.Wake()
	r.send(t, "GET k\r\nSET k 2\r\n")
	r.expect(t, "$1\r\nv\r\n-MISCONF Errors writing to the AOF file: No space left on device\r\n")
	w.silent(t, "a write that is not logged was acknowledged")
	s.log.failure.Store(nil)
	s.release(1 << 40)
	w.expect(t, "+OK\r\n")
}

// A log that is full holds readers back; nothing is lost and nothing spins.
func TestFullLogHoldsInput(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "", true)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			s.release(1 << 40)
			c := dial(t, addr)
			c.send(t, "PING\r\n")
			c.expect(t, "+PONG\r\n")
			s.log.full.Store(true)
			s.eng.Wake()
			time.Sleep(20 * time.Millisecond)
			c.send(t, "SET k v\r\n")
			c.silent(t, "executed while the log was full")
			s.log.full.Store(false)
			s.eng.Wake()
			c.expect(t, "+OK\r\n")
		})
	}
}

func TestUnixSocketAndIPv6(t *testing.T) {
	cfg := config.Defaults()
	r, err := wire.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	ks := kv.New(kv.Options{Databases: 1})
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: cfg, Poller: r})
	r.Bind(e)
	path := t.TempDir() + "/s.sock"
	if err := r.ListenUnix(path, 0o700, 16); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	if err := r.Listen(wire.TCP, []string{"127.0.0.1", "-::1"}, port, 16); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Run() }()
	defer func() { e.Stop(); <-done; r.Close(); ks.Close() }()
	for _, addr := range [][2]string{{"unix", path}, {"tcp", fmt.Sprintf("127.0.0.1:%d", port)}, {"tcp6", fmt.Sprintf("[::1]:%d", port)}} {
		c, err := net.Dial(addr[0], addr[1])
		if err != nil {
			if addr[0] == "tcp6" {
				t.Logf("no IPv6 here: %v", err)
				continue
			}
			t.Fatal(err)
		}
		fmt.Fprint(c, "PING\r\n")
		b := make([]byte, 7)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "+PONG\r\n" {
			t.Fatalf("%v: %q %v", addr, b, err)
		}
		c.Close()
	}
}
