package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"frankenredis/wire/session"
)

func (b *bench) fill(n int, tail string) {
	for i := range n {
		b.do(b.s, fmt.Sprintf("SET k%d %s%s", i, strings.Repeat("v", 100), tail))
	}
}

func (b *bench) limitTo(n int64) { b.want(fmt.Sprintf("CONFIG SET maxmemory %d", n), "+OK\r\n") }

// Commands that need memory evict before they run; each evicted key is a unit of its own in front of them, and an event.
func TestEviction(t *testing.T) {
	for _, c := range []struct{ lazy, word string }{{"no", "DEL"}, {"yes", "UNLINK"}} {
		b := newBench(t)
		b.want("CONFIG SET maxmemory-policy allkeys-random lazyfree-lazy-eviction "+c.lazy+" notify-keyspace-events Ee", "+OK\r\n")
		b.fill(1000, "")
		listener := b.client()
		b.do(listener, "SUBSCRIBE __keyevent@0__:evicted")
		listener.W.Buf = listener.W.Buf[:0]
		used := b.eng.UsedMemory()
		b.limitTo(used)
		b.stream()
		for i := range 200 {
			b.want(fmt.Sprintf("SET new%d %s", i, strings.Repeat("v", 100)), "+OK\r\n")
		}
		if now := b.eng.UsedMemory(); now > used+1024 {
			t.Errorf("%d bytes in use, limit %d", now, used)
		}
		n := b.eng.Stats().EvictedKeys
		stream := b.stream()
		if n < 150 || n > 250 || strings.Count(stream, c.word+" ") != int(n) || strings.Contains(stream, "MULTI") {
			t.Errorf("%d evicted; stream %.200s", n, stream)
		}
		if got := strings.Count(string(listener.W.Buf), "evicted"); got != int(n) {
			t.Errorf("%d events of %d", got, n)
		}
		b.want("CONFIG RESETSTAT", "+OK\r\n")
		if b.eng.Stats().EvictedKeys != 0 {
			t.Error("RESETSTAT left evicted_keys")
		}
	}
}

// A limit set below what is in use evicts without any further command, in turns that stay short.
func TestEvictionAfterConfig(t *testing.T) {
	b := newBench(t)
	b.want("CONFIG SET maxmemory-policy allkeys-lru", "+OK\r\n")
	b.fill(20_000, "")
	b.stream()
	limit := b.eng.UsedMemory() / 2
	b.limitTo(limit)
	turns := 0
	for ; b.eng.UsedMemory() > limit; turns++ {
		b.turn()
		if turns > 100_000 {
			t.Fatal("eviction does not go on")
		}
	}
	if turns < 2 {
		t.Errorf("all in %d turns", turns)
	}
	if total, now := b.eng.EvictionExceeded(); total <= 0 || now != 0 {
		t.Errorf("over the limit for %v, now %v", total, now)
	}
}

func TestOOM(t *testing.T) {
	const oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
	for _, policy := range []string{"noeviction", "volatile-lru", "volatile-ttl", "volatile-random", "volatile-lfu"} {
		b := newBench(t)
		b.want("CONFIG SET maxmemory-policy "+policy, "+OK\r\n")
		b.fill(100, "")
		b.limitTo(b.eng.UsedMemory() / 2)
		b.turn()
		b.want("SET a b", oom)
		b.want("GET nokey", "$-1\r\n")
		b.want("DEL k1", ":1\r\n")
		b.want("MULTI", "+OK\r\n")
		b.want("GET k2", "+QUEUED\r\n")
		b.want("EXEC", "*1\r\n$100\r\n"+strings.Repeat("v", 100)+"\r\n")
		b.limitTo(0)
		b.want("MULTI", "+OK\r\n")
		b.want("SET a b", "+QUEUED\r\n")
		b.do(b.client(), "CONFIG SET maxmemory 1")
		b.want("EXEC", "-EXECABORT Transaction discarded because of: "+oom[1:])
		if _, now := b.eng.EvictionExceeded(); now <= 0 {
			t.Errorf("%s: not over the limit", policy)
		}
	}
}

// Freeing that is under way is waited for, not made up for by eviction: bytes of an unlinked value count as good as gone.
func TestEvictionWaitsForFreeing(t *testing.T) {
	b := newBench(t)
	b.want("CONFIG SET maxmemory-policy allkeys-lru lazyfree-lazy-eviction yes", "+OK\r\n")
	b.fill(100, "")
	b.do(b.s, "SET big "+strings.Repeat("v", 64<<20))
	b.limitTo(b.eng.UsedMemory())
	b.want("UNLINK big", ":1\r\n")
	for i := range 300 {
		b.want(fmt.Sprintf("SET x%d y", i), "+OK\r\n")
	}
	if n := b.eng.Stats().EvictedKeys; n != 0 {
		t.Errorf("%d keys evicted", n)
	}
}

// Nothing is evicted while clients are paused, and nothing when the log could not be told.
func TestEvictionRests(t *testing.T) {
	b := newBench(t)
	b.want("CONFIG SET maxmemory-policy allkeys-lru", "+OK\r\n")
	b.fill(100, "")
	b.want("CLIENT PAUSE 100000 WRITE", "+OK\r\n")
	b.limitTo(1)
	b.turn()
	if n := b.eng.Stats().EvictedKeys; n != 0 {
		t.Errorf("%d keys evicted in a pause", n)
	}
	b.want("CLIENT UNPAUSE", "+OK\r\n")
	b.eng.SetLog(&failingLog{b.log, errDisk})
	b.want("GET k1", "$100\r\n"+strings.Repeat("v", 100)+"\r\n")
	if n := b.eng.Stats().EvictedKeys; n != 0 {
		t.Errorf("%d keys evicted behind the log's back", n)
	}
}

// sizedConn is a connection that holds the given reply bytes.
type sizedConn struct {
	noConn
	b      *bench
	s      *session.Session
	held   int
	closed bool
}

func (*sizedConn) Room(int)               {}
func (*sizedConn) Overflowing(int) bool   { return false }
func (c *sizedConn) Usage() session.Usage { return session.Usage{HeldBytes: c.held} }
func (c *sizedConn) Close(bool)           { c.closed = true; c.b.eng.Detach(c.s) }

func TestClientEviction(t *testing.T) {
	b := newBench(t)
	var conns []*sizedConn
	for i := range 10 {
		s := b.client()
		c := &sizedConn{b: b, s: s, held: i * 100_000}
		s.Conn = c
		b.eng.CountClient(s)
		conns = append(conns, c)
	}
	b.do(conns[9].s, "CLIENT NO-EVICT ON")
	b.want("CONFIG SET maxmemory-clients 2mb", "+OK\r\n")
	b.want("PING", "+PONG\r\n")
	// 4.5 MB; 800, 700, 600, 500 kB go, and 1.9 MB are left.
	for i, c := range conns {
		if want := i >= 5 && i < 9; c.closed != want {
			t.Errorf("client of %d bytes: closed %v", c.held, c.closed)
		}
	}
	if n := b.eng.Stats().EvictedClients; n != 4 {
		t.Errorf("%d evicted", n)
	}
	// Percent of maxmemory; nothing below 128 kB counts.
	b.limitTo(1 << 20)
	b.want("CONFIG SET maxmemory-clients 1%", "+OK\r\n")
	b.turn()
	for _, c := range conns[:9] {
		if !c.closed {
			t.Errorf("client of %d bytes stays", c.held)
		}
	}
	if conns[9].closed {
		t.Error("a client with NO-EVICT was evicted")
	}
	if n := b.eng.ClientBytes(); n < 900_000 || n > 910_000 {
		t.Errorf("%d bytes counted", n)
	}
}
