package wire_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/session"
)

// restful wants the executor to take from least to most turns in half a second, sooner or later: what spins, or sleeps for
// ever, does so in every half second, and a busy machine is long at what came before, or counts more than one as one.
func (s *testServer) restful(t *testing.T, least, most int) {
	t.Helper()
	var before, after uint64
	for range 20 {
		s.on(func() { before = s.eng.Stats().Cycles })
		time.Sleep(500 * time.Millisecond)
		s.on(func() { after = s.eng.Stats().Cycles })
		if n := int(after - before); n >= least && n <= most {
			return
		}
	}
	t.Errorf("%d turns in half a second, and no better before; want %d to %d", after-before, least, most)
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
				if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
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
		for _, name := range []string{"plain", "tls"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := start(t, c.conf, c.gated)
				// The real server has a timer ten times a second, this one but every second.
				s.on(func() { s.eng.Every(func() time.Duration { return 100 * time.Millisecond }, func() {}) })
				addr := s.plain
				if name == "tls" {
					addr = s.secure
				}
				c.setup(t, s, addr)
				s.restful(t, 2, c.most)
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
	c := dial(t, s.plain)
	s.restful(t, 1, 20)
	closeAll()
	c.send(t, "PING\r\n")
	c.expect(t, "+PONG\r\n")
}

// A client that is held back by a pause, or takes or sends a large value slowly, is not idle.
func TestBusyClientsAreNotIdle(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			var ahead atomic.Int64 // how far the server's clock is
			began := time.Now()
			s := startAt(t, "timeout 10\n", false, func() time.Time { return began.Add(time.Duration(ahead.Load())) })
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			held, slow, idle := dial(t, addr), dial(t, addr), dial(t, addr)
			idle.send(t, "PING\r\n")
			idle.expect(t, "+PONG\r\n")
			slow.send(t, "*2\r\n$4\r\nECHO\r\n$40\r\n")
			s.on(func() { s.eng.Pause(began.Add(50*time.Second), false) })
			held.send(t, "SET k v\r\n")
			s.until(t, "the command is held back", func() (held bool) {
				s.eng.Sessions(func(s *session.Session) { held = held || s.Postponed != nil })
				return held
			})
			for range 5 {
				var before uint64
				s.on(func() { before = s.eng.Stats().NetInput })
				slow.send(t, "12345678")
				s.until(t, "the input is there", func() bool { return s.eng.Stats().NetInput == before+8 })
				ahead.Add(int64(9 * time.Second))
				s.on(func() {})     // a turn that reads the clock
				s.on(s.tendClients) // what a timer does once a second
			}
			slow.send(t, "\r\n")
			slow.expect(t, "$40\r\n"+strings.Repeat("12345678", 5)+"\r\n")
			idle.expectClosed(t)
			ahead.Add(int64(9 * time.Second)) // the pause is over
			s.eng.Wake()
			held.expect(t, "+OK\r\n")
		})
	}
}

// A clock that is set back or ahead by an hour holds nobody up: clients are served, those that wait are told in time, and keys expire by the
// new time.
func TestClockSteps(t *testing.T) {
	both(t, "", func(t *testing.T, _ *testServer, addr string) {
		var ahead atomic.Int64
		s := startAt(t, "timeout 0\n", false, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		if strings.HasPrefix(addr, overTLS) {
			addr = s.secure
		} else {
			addr = s.plain
		}
		c, waiting := dial(t, addr), dial(t, addr)
		c.send(t, "SET k v EX 1800\r\n")
		c.expect(t, "+OK\r\n")
		for _, step := range []time.Duration{-time.Hour, time.Hour, 2 * time.Hour} {
			var before uint64
			s.on(func() { before = s.eng.Stats().NetOutput })
			waiting.send(t, "BLPOP nothing 0.2\r\n")
			s.until(t, "the client waits", func() (waits bool) {
				waits = s.eng.Stats().NetOutput > before // or has waited, if the machine stood still
				s.eng.Sessions(func(s *session.Session) { waits = waits || s.Wait != nil })
				return waits
			})
			ahead.Store(int64(step))
			s.on(func() {}) // a turn that reads the clock
			waiting.expect(t, "*-1\r\n")
			c.send(t, "PING\r\n")
			c.expect(t, "+PONG\r\n")
			c.send(t, "EXISTS k\r\n")
			c.expect(t, map[bool]string{true: ":1\r\n", false: ":0\r\n"}[step < 0])
		}
	})
}

// The buffer of a client that once had large replies shrinks when it rests.
func TestReplyBufferShrinks(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			var ahead atomic.Int64
			began := time.Now()
			s := startAt(t, "", false, func() time.Time { return began.Add(time.Duration(ahead.Load())) })
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			c := dial(t, addr)
			c.send(t, "ECHO "+strings.Repeat("x", 9000)+"\r\n")
			if _, err := io.CopyN(io.Discard, c.r, 9000+9); err != nil {
				t.Fatal(err)
			}
			s.on(s.tendClients)
			if n := s.usage().ReplyCap; n < 9000 {
				t.Fatalf("reply buffer of %d bytes", n)
			}
			ahead.Add(int64(3 * time.Second))
			s.on(func() {}) // a turn that reads the clock
			s.on(s.tendClients)
			if n := s.usage().ReplyCap; n > 2048 {
				t.Fatalf("reply buffer of %d bytes after a rest", n)
			}
		})
	}
}
