package wire_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// heap is the collected heap in use, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// flood sends as much as the server takes within the time; the answers are left unread.
func flood(c net.Conn, text string, d time.Duration) (sent int64) {
	p := []byte(strings.Repeat(text, max(1, (64<<10)/len(text))))
	_ = c.SetWriteDeadline(time.Now().Add(d))
	for {
		n, err := c.Write(p)
		sent += int64(n)
		if err != nil {
			return sent
		}
	}
}

// Whatever a client sends or leaves unread, what it costs is bounded by a parameter, and given back when it goes.
func TestHostileClientsAreBounded(t *testing.T) {
	const mb = 1 << 20
	limits := "client-query-buffer-limit 1mb\nclient-output-buffer-limit normal 2mb 0 0\nfr-log-pending-limit 2mb\n"
	for _, c := range []struct {
		name  string
		conf  string
		gated bool // nothing is released
		first string
		text  string
		most  int64 // of heap
	}{
		{"never ends its command", limits, false, "", "*1000000\r\n" + strings.Repeat("$10\r\n0123456789\r\n", 50), 8 * mb},
		{"announces half a gigabyte", limits, false, "*2\r\n$4\r\nECHO\r\n$536870912\r\n", "x", 16 * mb},
		{"a line without end", limits, false, "", "x", 4 * mb},
		{"a transaction without end", limits, false, "MULTI\r\n", "SET k v\r\n", 24 * mb},
		{"a transaction without end, of small commands", limits, false, "MULTI\r\n", "*1\r\n$4\r\nPING\r\n", 16 * mb},
		{"sends while blocked", limits, false, "WAIT 1 0\r\n", "PING\r\n", 8 * mb},
		{"sends while paused", limits, false, "CLIENT PAUSE 100000 ALL\r\n", "PING\r\n", 8 * mb},
		{"does not read", limits, false, "SETRANGE k 9999 x\r\n", "GET k\r\n", 24 * mb},
		{"does not read small replies", limits, false, "", "PING\r\n", 12 * mb},
		{"reads, while the log stands still", limits, true, "SETRANGE k 99999 x\r\n", "GET k\r\n", 16 * mb},
		{"a stranger's pipeline", limits + "requirepass x\n", false, "", "GET k\r\n", 24 * mb},
	} {
		for _, name := range []string{"plain", "tls"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				s := start(t, c.conf, c.gated)
				addr := s.plain
				if name == "tls" {
					addr = s.secure
				}
				before := heap()
				hostile, err := connect(addr)
				if err != nil {
					t.Fatal(err)
				}
				defer hostile.Close()
				fmt.Fprint(hostile, c.first)
				sent := make(chan int64)
				go func() { sent <- flood(hostile, c.text, 300*time.Millisecond) }()
				var used, peak int64
				for over := false; !over; {
					peak = max(peak, heap()-before)
					select {
					case n := <-sent:
						over = true
						t.Logf("sent %d KiB, %d KiB in use at most", n>>10, peak>>10)
					default:
					}
				}
				if peak > c.most {
					t.Errorf("%d KiB in use for one client, want at most %d", peak>>10, c.most>>10)
				}
				hostile.Close()
				s.empty(t)
				s.on(s.eng.Unpause)
				for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
					if used = heap() - before; used <= 3*mb {
						break
					}
					if time.Now().After(deadline) { // what moved its bytes has had the time to end
						t.Errorf("%d KiB in use after it had gone", used>>10)
						break
					}
				}
				if c.gated {
					s.release(1 << 40)
				}
				if !strings.Contains(c.conf, "requirepass") {
					other := dial(t, addr)
					other.send(t, "ECHO hi\r\n")
					other.expect(t, "$2\r\nhi\r\n")
				}
			})
		}
	}
}

// The output limit goes by memory: many small replies behind a full socket, made while others write, do not cost a buffer each.
func TestUnreadSmallRepliesShareBuffers(t *testing.T) {
	s := start(t, "", true)
	s.release(1 << 40)
	lazy, w := dial(t, s.plain), dial(t, s.plain)
	lazy.send(t, "SETRANGE big 8000000 x\r\nGET big\r\n") // more than the sockets' buffers take
	lazy.expect(t, ":8000001\r\n")
	s.until(t, "the sockets are full", func() bool { return s.usageNow().HeldBytes > 0 })
	before := s.usage()
	const n = 2000
	for range n {
		lazy.send(t, "PING\r\n")
		w.send(t, "SET k v\r\n")
		w.expect(t, "+OK\r\n")
	}
	after := s.usage()
	if got := after.HeldChunks - before.HeldChunks; got > n/20 {
		t.Errorf("%d small replies are %d pieces", n, got)
	}
	if got := after.HeldBytes - before.HeldBytes; got > 40*n {
		t.Errorf("%d small replies take %d bytes", n, got)
	}
	lazy.expect(t, "$8000001\r\n")
	if _, err := io.CopyN(io.Discard, lazy.r, 8000003); err != nil {
		t.Fatal(err)
	}
	lazy.expect(t, strings.Repeat("+PONG\r\n", n))
	if held := s.usage(); held.HeldBytes != 0 || held.HeldChunks != 0 {
		t.Errorf("after all was read: %+v", held)
	}
}

// Replies that wait for the log are bounded as a whole: at the bound, reading stops, for all, until the log goes on.
func TestRepliesHeldForTheLogAreBounded(t *testing.T) {
	for _, name := range []string{"plain", "tls"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "fr-log-pending-limit 1mb\n", true)
			addr := s.plain
			if name == "tls" {
				addr = s.secure
			}
			const size, each, clients = 100_000, 10, 8
			w := dial(t, addr)
			w.send(t, fmt.Sprintf("SETRANGE big %d x\r\n", size-1))
			w.silent(t, "early")
			var all []*client
			for range clients {
				c := dial(t, addr)
				c.send(t, strings.Repeat("GET big\r\n", each))
				all = append(all, c)
			}
			time.Sleep(200 * time.Millisecond)
			if held := s.usage().HeldBytes; held > 4<<20 {
				t.Errorf("%d bytes are held", held)
			}
			s.release(1 << 40)
			for _, c := range all {
				for range each {
					c.expect(t, fmt.Sprintf("$%d\r\n", size))
					if _, err := io.CopyN(io.Discard, c.r, size+2); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
