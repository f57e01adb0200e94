package engine_test

import (
	"context"
	"testing"
	"time"

	"frankenredis/wire/engine"
)

// holdUntil adds a command HOLD that holds during work, then sets a key.
func (b *bench) holdUntil(work func(context.Context)) {
	b.eng.Commands().Add(&engine.Spec{Name: "hold", Arity: 1, Flags: engine.Write, Handler: func(c *engine.Call) error {
		if !c.CanHold() {
			return engine.ErrSyntax
		}
		c.Hold(work, func(c *engine.Call) error {
			c.DB.SetString([]byte("held"), []byte("h"), false)
			c.Dirty(1)
			c.Replace([]byte("SET"), []byte("held"), []byte("h"))
			c.W.BulkString("held")
			return nil
		})
		return nil
	}})
}

// A command that holds is one step for everybody: others wait, nothing expires, timers and posted functions rest, and inside
// a transaction neither a reply nor an effect leaves before the whole is done.
func TestHold(t *testing.T) {
	b := newBench(t)
	other := b.client()
	b.want("SET gone v PX 100", "+OK\r\n")
	b.stream()
	for _, c := range []struct{ name, first, reply, stream string }{
		{"alone", "", "$4\r\nheld\r\n", "SET held h"},
		{"in a transaction", "MULTI", "*3\r\n+OK\r\n$4\r\nheld\r\n$1\r\nh\r\n", "MULTI; SET a 1; SET held h; EXEC"},
	} {
		end := make(chan struct{})
		b.holdUntil(func(context.Context) { <-end })
		if c.first == "" {
			b.want("HOLD", "")
		} else {
			b.want("MULTI", "+OK\r\n")
			b.want("SET a 1", "+QUEUED\r\n")
			b.want("HOLD", "+QUEUED\r\n")
			b.want("GET held", "+QUEUED\r\n")
			b.want("EXEC", "")
		}
		posted := false
		b.eng.Post(func() { posted = true })
		b.now = b.now.Add(time.Second)
		if got := b.do(other, "EXISTS gone"); got != "" {
			t.Fatalf("%s: another client got %q", c.name, got)
		}
		b.turn()
		if got := string(b.s.W.Buf) + string(other.W.Buf) + b.stream(); got != "" || posted {
			t.Fatalf("%s: %q left during the hold, posted function run: %v", c.name, got, posted)
		}
		close(end)
		for i := 0; len(other.W.Buf) == 0 && i < 10000; i++ {
			time.Sleep(time.Millisecond)
			b.turn()
		}
		if got := string(b.s.W.Buf); got != c.reply {
			t.Errorf("%s: %q, want %q", c.name, got, c.reply)
		}
		if got := string(other.W.Buf); got != ":0\r\n" || !posted {
			t.Errorf("%s: after the hold the other client got %q, posted function run: %v", c.name, got, posted)
		}
		want := c.stream
		if c.first == "" {
			want += "; DEL gone"
		}
		if got := b.stream(); got != want {
			t.Errorf("%s: streamed %q, want %q", c.name, got, want)
		}
	}
}

// The command goes on to its end when its client does not.
func TestHoldWithoutItsClient(t *testing.T) {
	b := newBench(t)
	s := b.client()
	end := make(chan struct{})
	b.holdUntil(func(context.Context) { <-end })
	b.do(s, "MULTI")
	b.do(s, "HOLD")
	b.do(s, "SET a 1")
	b.do(s, "EXEC")
	b.eng.Detach(s)
	close(end)
	for i := 0; b.eng.Keyspace().DB(0).Len() < 2 && i < 10000; i++ {
		time.Sleep(time.Millisecond)
		b.turn()
	}
	b.want("GET a", "$1\r\n1\r\n")
	if got := b.stream(); got != "MULTI; SELECT 0; SET held h; SET a 1; EXEC" {
		t.Errorf("streamed %q", got)
	}
}
