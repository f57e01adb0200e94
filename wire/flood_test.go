package wire_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// descriptors counts this process's.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Connections that come and go in all manners leave neither sessions nor descriptors, and never touch those that got their
// descriptor numbers next.
func TestFloodOfConnections(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "", true)
			s.release(1 << 40)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			witness := dial(t, addr)
			witness.send(t, "PING\r\n")
			witness.expect(t, "+PONG\r\n")
			before := descriptors(t)
			const clients, rounds = 8, 150
			var wg sync.WaitGroup
			for id := range clients {
				wg.Add(1)
				go func() {
					defer wg.Done()
					rng := rand.New(rand.NewPCG(uint64(id), 1))
					for i := range rounds {
						comeAndGo(t, addr, rng, fmt.Sprintf("%d:%d", id, i))
					}
				}()
			}
			for i := range 300 { // meanwhile: nobody else's answers, and none is lost
				witness.send(t, fmt.Sprintf("ECHO %d\r\n", i))
				witness.expect(t, fmt.Sprintf("$%d\r\n%d\r\n", len(fmt.Sprint(i)), i))
			}
			wg.Wait()
			left, open := 0, 0
			for range 12_000 {
				s.on(func() { left = s.eng.SessionCount() })
				if open = descriptors(t); left == 1 && open <= before {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			t.Errorf("%d sessions are left, want 1; %d descriptors, before it were %d", left, open, before)
		})
	}
}

// comeAndGo is one connection with a random life and end.
func comeAndGo(t *testing.T, addr string, rng *rand.Rand, word string) {
	nc, err := connect(addr)
	if err != nil {
		t.Error(err)
		return
	}
	c := nc.(interface {
		net.Conn
		CloseWrite() error
	})
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	reset := func() { _ = socketOf(c).SetLinger(0) } // Close sends RST
	send := func(text string) { _, _ = c.Write([]byte(text)) }
	echo := "ECHO " + word + "\r\n"
	check := func(n int) {
		want := strings.Repeat(fmt.Sprintf("$%d\r\n%s\r\n", len(word), word), n)
		got := make([]byte, len(want))
		for at := 0; at < len(got); {
			k, err := c.Read(got[at:])
			if err != nil || string(got[at:at+k]) != want[at:at+k] {
				t.Errorf("%s: got %q, %v", word, got[:at+k], err)
				return
			}
			at += k
		}
	}
	switch rng.IntN(11) {
	case 0: // nothing at all
	case 1:
		reset()
	case 2:
		send(echo)
		check(1)
	case 3: // a pipeline, cut off while it is answered
		send(strings.Repeat(echo, 2000))
		reset()
	case 4: // half a command
		send(echo + "*2\r\n$3\r\nGET\r\n$100\r\nabc")
		check(1)
	case 5:
		send(echo + "QUIT\r\n" + echo)
		check(1)
	case 6: // blocked when it goes
		send(echo + "WAIT 5 0\r\nPING\r\n")
		check(1)
		if rng.IntN(2) == 0 {
			reset()
		}
	case 7:
		send(strings.Repeat(echo, 50))
		_ = c.CloseWrite()
		check(50)
	case 8: // protocol error
		send(echo + "*1\r\n$-5\r\n")
		check(1)
	case 9: // inside a transaction, watching
		send(echo + "WATCH a b c\r\nMULTI\r\nSET a " + word + "\r\n")
		check(1)
		reset()
	case 10: // ends the others of its kind: those that are blocked
		send(echo + "SET " + word + " v\r\n")
		check(1)
	}
}

// Clients end each other: each finds descriptors in the same batch of events that are closed, or somebody else's, by now.
func TestClientsKillEachOther(t *testing.T) {
	s := start(t, "", false)
	const clients, rounds = 6, 60
	var wg sync.WaitGroup
	for range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range rounds {
				c, err := net.Dial("tcp", s.plain)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
				if _, err := c.Write([]byte("CLIENT KILL TYPE normal\r\nPING\r\n")); err == nil {
					buf := make([]byte, 256)
					n, err := c.Read(buf)
					if err == nil && buf[0] != ':' {
						t.Errorf("got %q", buf[:n])
					}
				}
				c.Close()
			}
		}()
	}
	wg.Wait()
	s.empty(t)
}

// A client that reads as fast as it is sent to gets a large reply in shares, one a turn, so that others are served between.
func TestLargeReplyIsPaced(t *testing.T) {
	s := start(t, "", false)
	const size = 64 << 20
	c := dial(t, s.plain)
	c.send(t, fmt.Sprintf("SETRANGE big %d x\r\n", size-1))
	c.expect(t, fmt.Sprintf(":%d\r\n", size))
	var before, after uint64
	s.on(func() { before = s.eng.Stats().Cycles })
	c.send(t, "GET big\r\nPING\r\n")
	c.expect(t, fmt.Sprintf("$%d\r\n", size))
	if _, err := io.CopyN(io.Discard, c.r, size+2); err != nil {
		t.Fatal(err)
	}
	c.expect(t, "+PONG\r\n")
	s.on(func() { after = s.eng.Stats().Cycles })
	if turns := after - before; turns < size>>20 {
		t.Errorf("%d MiB were sent within %d turns", size>>20, turns)
	}
}

// One that ends its side while it takes a reply in shares gets as much of it as its socket takes, and is not left behind.
func TestHalfClosedWhilePaced(t *testing.T) {
	s := start(t, "", false)
	c := dial(t, s.plain)
	c.send(t, "SETRANGE big 67108863 x\r\n")
	c.expect(t, ":67108864\r\n")
	c.send(t, "GET big\r\n")
	c.expect(t, "$67108864\r\n")
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c.r); n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	s.empty(t)
}
