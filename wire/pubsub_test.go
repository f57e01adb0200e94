package wire_test

import (
	"fmt"
	"strings"
	"testing"
)

func subscribe(t *testing.T, addr, name string) *client {
	t.Helper()
	c := dial(t, addr)
	c.send(t, "SUBSCRIBE "+name+"\r\n")
	c.expect(t, fmt.Sprintf("*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n", len(name), name))
	return c
}

// A subscriber that does not read, and one whose messages of a single turn exceed the limit, are closed. Normal clients have
// limits of their own.
func TestSubscriberOverItsLimitIsClosed(t *testing.T) {
	both(t, "client-output-buffer-limit normal 1kb 0 0 pubsub 1mb 0 0\n", func(t *testing.T, s *testServer, addr string) {
		c, p := subscribe(t, addr, "ch"), dial(t, addr)
		p.send(t, "MULTI\r\n"+strings.Repeat("PUBLISH ch "+strings.Repeat("x", 60000)+"\r\n", 20)+"EXEC\r\n")
		s.until(t, "over the hard limit within a turn", func() bool { return s.eng.Stats().OutputLimitCloses == 1 })
		p.expect(t, "+OK\r\n"+strings.Repeat("+QUEUED\r\n", 20)+"*20\r\n"+strings.Repeat(":1\r\n", 20))
		c.expectClosed(t)
		p.send(t, "PUBLISH ch m\r\n")
		p.expect(t, ":0\r\n")

		subscribe(t, addr, "ch")
		for range 300 { // far more than the sockets' own buffers take, and nobody reads
			p.send(t, "PUBLISH ch "+strings.Repeat("x", 60000)+"\r\n")
		}
		s.until(t, "over the hard limit without reading", func() bool { return s.eng.Stats().OutputLimitCloses == 2 })
	})
}

func TestIdleSubscriberStays(t *testing.T) {
	both(t, "timeout 1\n", func(t *testing.T, s *testServer, addr string) {
		idle := dial(t, addr)
		c := subscribe(t, addr, "ch")
		idle.expectClosed(t)
		p := dial(t, addr)
		p.send(t, "PUBLISH ch m\r\n")
		p.expect(t, ":1\r\n")
		c.expect(t, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n")
	})
}

// I2 holds for messages, too: a keyspace event leaves no earlier than what caused it is durable.
func TestMessagesWaitForTheLog(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "notify-keyspace-events K$\n", true)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			c, w := subscribe(t, addr, "__keyspace@0__:k"), dial(t, addr)
			w.send(t, "SET k v\r\n")
			c.silent(t, "told of what is not covered")
			s.release(1 << 40)
			c.expect(t, "*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:k\r\n$3\r\nset\r\n")
		})
	}
}

// And for what a monitoring client sees.
func TestMonitorWaitsForTheLog(t *testing.T) {
	s := start(t, "", true)
	m, w := dial(t, s.plain), dial(t, s.plain)
	m.send(t, "MONITOR\r\n")
	m.expect(t, "+OK\r\n")
	w.send(t, "SET k v\r\n")
	m.silent(t, "shown what is not covered")
	s.release(1 << 40)
	w.expect(t, "+OK\r\n")
	if line, err := m.r.ReadString('\n'); err != nil || !strings.HasSuffix(line, `] "SET" "k" "v"`+"\r\n") {
		t.Errorf("shown %q (%v)", line, err)
	}
}

// An invalidation leaves no earlier than the change is durable, broadcast or not.
func TestInvalidationsWaitForTheLog(t *testing.T) {
	for _, mode := range []string{"", " BCAST"} {
		s := start(t, "", true)
		c, w := dial(t, s.plain), dial(t, s.plain)
		c.send(t, "CLIENT TRACKING ON"+mode+"\r\nGET k\r\nHELLO 3\r\n")
		c.expect(t, "+OK\r\n$-1\r\n%7\r\n")
		for range 25 { // the rest of the greeting
			if _, err := c.r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		w.send(t, "SET k v\r\n")
		c.silent(t, "told of what is not covered"+mode)
		s.release(1 << 40)
		c.expect(t, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
	}
}

// A key that expires with nobody asking is told at once.
func TestExpiryInvalidates(t *testing.T) {
	for _, mode := range []string{"", " BCAST"} {
		both(t, "", func(t *testing.T, s *testServer, addr string) {
			b, c := subscribe(t, addr, "__redis__:invalidate"), dial(t, addr)
			c.send(t, "SET k v PX 60\r\nCLIENT TRACKING ON REDIRECT 1"+mode+"\r\nGET k\r\n")
			c.expect(t, "+OK\r\n+OK\r\n$1\r\nv\r\n")
			s.on(func() { s.eng.After(150e6, func() { s.eng.Keyspace().ExpireCycle(1e9) }) })
			b.expect(t, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n")
		})
	}
}

// A monitoring client that does not read is closed by the limits of normal clients, also within a turn, and idleness is no reason.
func TestMonitorOverItsLimitIsClosed(t *testing.T) {
	both(t, "timeout 1\nclient-output-buffer-limit normal 1mb 0 0\n", func(t *testing.T, s *testServer, addr string) {
		m, idle := dial(t, addr), dial(t, addr)
		m.send(t, "MONITOR\r\n")
		m.expect(t, "+OK\r\n")
		idle.expectClosed(t)
		w := dial(t, addr)
		w.send(t, "MULTI\r\n"+strings.Repeat("ECHO "+strings.Repeat("x", 60000)+"\r\n", 20)+"DISCARD\r\nPING\r\n")
		w.expect(t, "+OK\r\n"+strings.Repeat("+QUEUED\r\n", 20)+"+OK\r\n+PONG\r\n")
		w.send(t, "MULTI\r\n"+strings.Repeat("SETNX k "+strings.Repeat("x", 60000)+"\r\n", 20)+"EXEC\r\n")
		s.until(t, "over the hard limit within a turn", func() bool { return s.eng.Stats().OutputLimitCloses == 1 })
	})
}

// A key that expires with nobody asking is told at once, not with the next command.
func TestExpiryIsTold(t *testing.T) {
	both(t, "notify-keyspace-events Kx\n", func(t *testing.T, s *testServer, addr string) {
		c, w := subscribe(t, addr, "__keyspace@0__:k"), dial(t, addr)
		w.send(t, "SET k v PX 1\r\n")
		w.expect(t, "+OK\r\n")
		s.on(func() { s.eng.After(50e6, func() { s.eng.Keyspace().ExpireCycle(1e9) }) })
		c.expect(t, "*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:k\r\n$7\r\nexpired\r\n")
	})
}
