package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/session"
)

// on runs f on the executor and waits for it.
func (s *testServer) on(f func()) {
	done := make(chan struct{})
	s.eng.Post(func() { f(); close(done) })
	<-done
}

// usage sums up what all connections hold.
func (s *testServer) usage() (u session.Usage) {
	s.on(func() { u = s.usageNow() })
	return u
}

// usageNow is usage for who is on the executor.
func (s *testServer) usageNow() (u session.Usage) {
	s.eng.Sessions(func(s *session.Session) {
		one := s.Conn.Usage()
		u.QueryBytes += one.QueryBytes
		u.ReplyCap += one.ReplyCap
		u.HeldChunks += one.HeldChunks
		u.HeldBytes += one.HeldBytes
	})
	return u
}

// setFrame is the length of "SET <1 byte> <1 byte>" in the stream.
const setFrame = uint64(len("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"))

// A client that went on writing does not make one behind it wait for its later positions.
func TestReleaseOrderAmongClients(t *testing.T) {
	s := start(t, "", true)
	a, b := dial(t, s.plain), dial(t, s.plain)
	selected := uint64(len("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"))
	a.send(t, "SET a 1\r\n")
	a.silent(t, "early")
	b.send(t, "SET b 1\r\n")
	b.silent(t, "early")
	a.send(t, "SET a 2\r\n")
	a.silent(t, "early")
	s.release(selected + setFrame)
	a.expect(t, "+OK\r\n")
	s.release(selected + 2*setFrame)
	b.expect(t, "+OK\r\n")
	a.silent(t, "released too far")
	s.release(selected + 3*setFrame)
	a.expect(t, "+OK\r\n")
}

// A client that sends its commands, ends its side and reads gets its answers, also those that wait for the log.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "", true)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			c := dial(t, addr)
			c.send(t, "SET k v\r\nGET k\r\n")
			if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			c.silent(t, "early")
			s.release(1 << 40)
			c.expect(t, "+OK\r\n$1\r\nv\r\n")
			c.expectClosed(t)
			s.empty(t)
		})
	}
}

// The same when the end of the input comes with the last byte that was wanted, so that one turn sees both.
func TestHalfClosedBehindALargeValue(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "PING\r\n")
		c.expect(t, "+PONG\r\n")
		for _, n := range []int{16<<10 - 34, 100_000, 300_000} {
			c := dial(t, addr)
			c.send(t, "PING\r\n")
			c.expect(t, "+PONG\r\n")
			s.eng.Post(func() { time.Sleep(100 * time.Millisecond) })
			c.send(t, fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", n, strings.Repeat("x", n)))
			if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			c.expect(t, "+OK\r\n")
			c.expectClosed(t)
		}
	})
}

// empty waits until no client is left.
func (s *testServer) empty(t *testing.T) {
	t.Helper()
	s.until(t, "all sessions are gone", func() bool { return s.eng.SessionCount() == 0 })
}

// Reads go on while the log fails: also of a client that met an expired key, which it acknowledges nothing of, and also when
// the log holds as much as it may.
func TestFailingLogDoesNotHoldReads(t *testing.T) {
	s := start(t, "appendfsync everysec\n", true)
	w, r := dial(t, s.plain), dial(t, s.plain)
	w.send(t, "SET k v PX 10\r\n")
	w.silent(t, "early")
	r.send(t, "GET k\r\n") // makes a DEL
	r.silent(t, "early")
	err := errors.New("disk")
	s.log.failure.Store(&err)
	s.log.full.Store(true)
	s.eng.Wake()
	r.expect(t, "$-1\r\n")
	r.send(t, "GET other\r\n")
	r.expect(t, "$-1\r\n")
	w.silent(t, "a write that is not logged was acknowledged")
	s.log.failure.Store(nil)
	s.log.full.Store(false)
	s.release(1 << 40)
	w.expect(t, "+OK\r\n")
}

// What a client sent behind a command that blocked it is executed when the wait ends, not at the next timer.
func TestInputBehindAWait(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "PING\r\n")
		c.expect(t, "+PONG\r\n")
		took := time.Duration(0)
		for range 3 { // a machine that stands still does so once
			began := time.Now()
			c.send(t, strings.Repeat("WAIT 1 5\r\nPING\r\n", 10))
			c.expect(t, strings.Repeat(":0\r\n+PONG\r\n", 10))
			if took = time.Since(began); took < 5*time.Second { // the next timer is up to a second away, ten times
				return
			}
		}
		t.Errorf("ten waits of 5 ms took %v", took)
	})
}

// What is executed after the server was told to stop would be acknowledged and lost: the last snapshot is written, the log
// closed.
func TestNothingIsExecutedAfterStop(t *testing.T) {
	s := start(t, "", false)
	c := dial(t, s.plain)
	c.send(t, "PING\r\n")
	c.expect(t, "+PONG\r\n")
	s.eng.Post(func() {
		c.send(t, "SET k v\r\n")
		s.await(func(fd int) bool {
			var b [1]byte
			n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			return n == 1 && err == nil
		})
		s.eng.Post(s.eng.Stop) // the next turn finds both
	})
	c.expectClosed(t)
}

// await waits, on the executor, until something holds for the descriptor of the one client there is.
func (s *testServer) await(holds func(fd int) bool) {
	fd := -1
	s.eng.Sessions(func(s *session.Session) { fd = s.FD })
	for !holds(fd) {
		time.Sleep(time.Millisecond)
	}
}

// A client that CLIENT REPLY OFF has silenced and that is then ended while its command runs.
func TestSilencedClientIsEnded(t *testing.T) {
	both(t, "", func(t *testing.T, s *testServer, addr string) {
		c := dial(t, addr)
		c.send(t, "PING\r\nCLIENT REPLY OFF\r\nPOST / HTTP/1.1\r\n")
		c.expectClosed(t)
		d := dial(t, addr)
		d.send(t, "PING\r\n")
		d.expect(t, "+PONG\r\n")
	})
}
