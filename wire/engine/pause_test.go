package engine_test

import (
	"testing"
	"time"
)

// A write is held back where a transaction is only being queued too, and CLIENT UNPAUSE under a pause of everything: both
// as in Redis.
func TestPauseHoldsWhatRedisHolds(t *testing.T) {
	b := newBench(t)
	admin := b.client()
	b.want("MULTI", "+OK\r\n")
	b.do(admin, "CLIENT PAUSE 1000 WRITE")
	b.want("SET k v", "")
	b.do(admin, "CLIENT UNPAUSE")
	b.turn()
	if got := string(b.s.W.Buf); got != "+QUEUED\r\n" {
		t.Fatalf("after the pause: %q", got)
	}
	b.want("DISCARD", "+OK\r\n")

	b.do(admin, "CLIENT PAUSE 1000 ALL")
	if got := b.do(admin, "CLIENT UNPAUSE"); got != "" {
		t.Fatalf("CLIENT UNPAUSE during a pause of everything: %q", got)
	}
	b.now = b.now.Add(1100 * time.Millisecond)
	b.turn()
	if got := string(admin.W.Buf); got != "+OK\r\n" {
		t.Fatalf("after the pause: %q", got)
	}
}

// A pause is for fail-overs: the data set stands still, so nothing expires, though what is past its time is not seen.
func TestNothingExpiresDuringAPause(t *testing.T) {
	b := newBench(t)
	b.want("SET k v PX 100", "+OK\r\n")
	b.want("CLIENT PAUSE 1000 WRITE", "+OK\r\n")
	b.stream()
	b.now = b.now.Add(500 * time.Millisecond)
	b.turn()
	b.eng.Keyspace().ExpireCycle(time.Second)
	b.want("GET k", "$-1\r\n")
	if n := b.eng.Keyspace().DB(0).Len(); n != 1 {
		t.Errorf("%d keys, want the expired one still there", n)
	}
	if got := b.stream(); got != "" {
		t.Errorf("streamed during the pause: %s", got)
	}
	b.now = b.now.Add(time.Second)
	b.turn()
	b.want("GET k", "$-1\r\n")
	if got := b.stream(); got != "DEL k" {
		t.Errorf("after the pause: %s", got)
	}
}

// Clients that come, are held back and go leave nothing behind, however long the pause lasts.
func TestPostponedClientsAreForgotten(t *testing.T) {
	b := newBench(t)
	b.want("CLIENT PAUSE 1000000 WRITE", "+OK\r\n")
	for range 100 {
		s := b.client()
		b.do(s, "SET k v")
		b.eng.Detach(s)
	}
	if n := b.eng.PostponedCount(); n != 0 {
		t.Errorf("%d clients that are gone are still held back", n)
	}
	if n := b.eng.SessionCount(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}
