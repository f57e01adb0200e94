package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"frankenredis/wire/session"
)

// The table follows tracking-table-max-keys: of every key it forgets the client is told; and a client that has gone is
// forgotten when the key changes.
func TestTrackingTableIsBounded(t *testing.T) {
	b := newBench(t)
	a := b.client()
	b.do(a, "HELLO 3")
	b.do(a, "CLIENT TRACKING ON")
	b.set("tracking-table-max-keys", "10")
	for i := range 500 {
		b.do(a, fmt.Sprintf("GET k%d", i))
	}
	a.W.Buf = a.W.Buf[:0]
	for range 100 {
		if err := b.eng.Turn(); err != nil {
			t.Fatal(err)
		}
	}
	if _, keys, items, _ := b.eng.TrackingCounts(); keys != 10 || items != 10 {
		t.Errorf("%d keys, %d items", keys, items)
	}
	if n := strings.Count(string(a.W.Buf), "invalidate"); n != 490 {
		t.Errorf("told of %d keys", n)
	}
	b.do(b.client(), "CLIENT TRACKING ON")
	b.eng.Detach(a)
	for i := range 500 {
		b.do(b.s, fmt.Sprintf("SET k%d v", i))
	}
	if clients, keys, items, _ := b.eng.TrackingCounts(); clients != 1 || keys != 0 || items != 0 {
		t.Errorf("%d clients, %d keys, %d items", clients, keys, items)
	}
}

// Prefixes live as long as somebody asks for them, and while nobody tracks the keyspace tells of no change.
func TestTrackingLeavesNothingBehind(t *testing.T) {
	b := newBench(t)
	var clients []*session.Session
	for i := range 20 {
		s := b.client()
		clients = append(clients, s)
		b.do(s, "HELLO 3")
		b.do(s, fmt.Sprintf("CLIENT TRACKING ON BCAST PREFIX p%d PREFIX q", i%4))
	}
	if n, _, _, prefixes := b.eng.TrackingCounts(); n != 20 || prefixes != 5 || b.eng.Keyspace().Watching == 0 {
		t.Errorf("%d clients track %d prefixes", n, prefixes)
	}
	for i, s := range clients {
		switch i % 3 {
		case 0:
			b.do(s, "CLIENT TRACKING OFF")
		case 1:
			b.do(s, "RESET")
		default:
			b.eng.Detach(s)
		}
	}
	if n, keys, items, prefixes := b.eng.TrackingCounts(); n+keys+items+prefixes+b.eng.Keyspace().Watching != 0 {
		t.Errorf("%d clients, %d keys, %d items, %d prefixes are left", n, keys, items, prefixes)
	}
}

// All changes of a turn are one message for each prefix, in order, without the client's own.
func TestTrackingBroadcast(t *testing.T) {
	b := newBench(t)
	all, some := b.client(), b.client()
	b.do(all, "HELLO 3")
	b.do(all, "CLIENT TRACKING ON BCAST")
	b.do(some, "HELLO 3")
	b.do(some, "CLIENT TRACKING ON BCAST PREFIX a PREFIX c NOLOOP")
	for _, line := range []string{"SET b 1", "SET a2 1", "SET c 1", "DEL b", "SET a1 1"} {
		b.do(b.s, line)
	}
	b.do(some, "SET a3 1")
	all.W.Buf, some.W.Buf = all.W.Buf[:0], some.W.Buf[:0]
	if err := b.eng.Turn(); err != nil {
		t.Fatal(err)
	}
	message := func(keys ...string) string {
		m := fmt.Sprintf(">2\r\n$10\r\ninvalidate\r\n*%d\r\n", len(keys))
		for _, k := range keys {
			m += fmt.Sprintf("$%d\r\n%s\r\n", len(k), k)
		}
		return m
	}
	if got, want := string(all.W.Buf), message("a1", "a2", "a3", "b", "c"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := string(some.W.Buf), message("a1", "a2")+message("c"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
