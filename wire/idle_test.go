package wire_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// turns counts the executor's turns in the given time. The test server has one timer a second where the real one has ten
// more, so the test adds such a timer itself.
func (s *testServer) turns(t *testing.T, d time.Duration) int {
	t.Helper()
	var before, after uint64
	s.on(func() { before = s.eng.Stats().Cycles })
	time.Sleep(d)
	s.on(func() { after = s.eng.Stats().Cycles })
	return int(after - before)
}

// An idle server takes about ten turns a second, and no more when clients are there that cannot go on: nothing may spin.
func TestIdleTurns(t *testing.T) {
	for _, c := range []struct {
		name  string
		conf  string
		gated bool
		setup func(t *testing.T, s *testServer, addr string)
		most  int
	}{
		{"nobody there", "", false, func(*testing.T, *testServer, string) {}, 12},
		{"silent clients", "", false, func(t *testing.T, s *testServer, addr string) {
			for range 20 {
				c := dial(t, addr)
				c.send(t, "PING\r\n*2\r\n$3\r\nGET\r\n$5\r\nab") // and half a command
				c.expect(t, "+PONG\r\n")
			}
		}, 30},
		{"blocked clients with input behind", "", false, func(t *testing.T, s *testServer, addr string) {
			for range 20 {
				dial(t, addr).send(t, "WAIT 1 0\r\nPING\r\nPING\r\n")
			}
		}, 30},
		{"blocked clients with a deadline far away", "", false, func(t *testing.T, s *testServer, addr string) {
			for i := range 20 {
				dial(t, addr).send(t, fmt.Sprintf("WAIT 1 %d\r\n", 5000+i))
			}
		}, 30},
		{"paused clients with input behind", "", false, func(t *testing.T, s *testServer, addr string) {
			dial(t, addr).send(t, "CLIENT PAUSE 20000 WRITE\r\n")
			for range 20 {
				dial(t, addr).send(t, "SET k v\r\nPING\r\n")
			}
		}, 30},
		{"replies that wait for the log", "", true, func(t *testing.T, s *testServer, addr string) {
			for range 20 {
				dial(t, addr).send(t, "SET k v\r\nPING\r\n")
			}
		}, 30},
		{"half-closed clients whose replies wait for the log", "", true, func(t *testing.T, s *testServer, addr string) {
			for range 20 {
				c := dial(t, addr)
				c.send(t, "SET k v\r\n")
				if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
		}, 30},
		{"clients on their way out that do not read", "", false, func(t *testing.T, s *testServer, addr string) {
			for range 5 {
				c := dial(t, addr)
				c.send(t, "SETRANGE big 1000000 x\r\n"+strings.Repeat("GET big\r\n", 30)+"QUIT\r\n")
			}
		}, 200}, // the kernel takes a little more now and then
		{"clients that do not read", "", false, func(t *testing.T, s *testServer, addr string) {
			for range 5 {
				c := dial(t, addr)
				c.send(t, "SETRANGE big 1000000 x\r\n"+strings.Repeat("GET big\r\n", 30))
			}
		}, 200}, // the kernel takes a little more now and then
		{"full log, clients with input", "", true, func(t *testing.T, s *testServer, addr string) {
			s.log.full.Store(true)
			s.eng.Wake()
			time.Sleep(20 * time.Millisecond)
			for range 20 {
				dial(t, addr).send(t, "SET k v\r\nPING\r\n")
			}
		}, 80}, // it looks after 10 ms at the latest
	} {
		for _, name := range []string{"epoll", "stream"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := start(t, c.conf, c.gated)
				s.on(func() { s.eng.Every(func() time.Duration { return 100 * time.Millisecond }, func() {}) })
				addr := s.epoll
				if name == "stream" {
					addr = s.stream
				}
				c.setup(t, s, addr)
				time.Sleep(100 * time.Millisecond)
				if n := s.turns(t, 500*time.Millisecond); n < 2 || n > c.most {
					t.Errorf("%d turns in half a second, want 2 to %d", n, c.most)
				}
				if s.log != nil {
					s.log.full.Store(false)
					s.release(1 << 40)
				}
			})
		}
	}
}

// Out of descriptors, the server neither spins nor forgets the connections that it could not accept.
func TestAcceptWithoutDescriptors(t *testing.T) {
	s := start(t, "", false)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	small := old
	small.Cur = 200
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &small); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }()
	var filler []*os.File
	closeAll := func() {
		for _, f := range filler {
			f.Close()
		}
		filler = nil
	}
	defer closeAll()
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		filler = append(filler, f)
	}
	if len(filler) == 0 {
		t.Skip("no descriptor to be had in the first place")
	}
	// The one descriptor that becomes free is the client's own.
	last := len(filler) - 1
	filler[last].Close()
	filler = filler[:last]
	c := dial(t, s.epoll)
	time.Sleep(50 * time.Millisecond)
	if n := s.turns(t, time.Second); n > 40 {
		t.Errorf("%d turns in a second while nothing can be accepted", n)
	}
	closeAll()
	c.send(t, "PING\r\n")
	c.expect(t, "+PONG\r\n")
}

// A client that is held back by a pause, or takes or sends a large value slowly, is not idle.
func TestBusyClientsAreNotIdle(t *testing.T) {
	t.Parallel()
	s := start(t, "timeout 1\n", false)
	held, slow, idle := dial(t, s.epoll), dial(t, s.epoll), dial(t, s.epoll)
	idle.send(t, "PING\r\n")
	idle.expect(t, "+PONG\r\n")
	slow.send(t, "*2\r\n$4\r\nECHO\r\n$40\r\n")
	s.on(func() { s.eng.Pause(time.Now().Add(4*time.Second), false) })
	held.send(t, "SET k v\r\n")
	for range 40 {
		time.Sleep(75 * time.Millisecond)
		slow.send(t, "x")
	}
	slow.send(t, "\r\n")
	slow.expect(t, "$40\r\n"+strings.Repeat("x", 40)+"\r\n")
	idle.expectClosed(t)
	held.expect(t, "+OK\r\n")
}

// The buffer of a client that once had large replies shrinks when it rests.
func TestReplyBufferShrinks(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		t.Parallel()
		c := dial(t, addr)
		c.send(t, "ECHO "+strings.Repeat("x", 9000)+"\r\n")
		if _, err := io.CopyN(io.Discard, c.r, 9000+9); err != nil {
			t.Fatal(err)
		}
		if n := s.usage().ReplyCap; n < 9000 {
			t.Fatalf("reply buffer of %d bytes", n)
		}
		for began := time.Now(); s.usage().ReplyCap > 2048; time.Sleep(100 * time.Millisecond) {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("reply buffer of %d bytes after a rest", s.usage().ReplyCap)
			}
		}
	})
}
