package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"frankenredis/wire/resp"
)

// bed runs what is posted, as the executor does, and serves one connection at a time by a function.
type bed struct {
	t     *testing.T
	d     *Dialer
	posts chan func()
	addr  string
}

func newBed(t *testing.T, serve func(net.Conn)) *bed {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	b := &bed{t: t, posts: make(chan func(), 1024), addr: ln.Addr().String()}
	var dialer net.Dialer
	b.d = New(Options{
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		},
		Post: func(f func()) { b.posts <- f },
	})
	t.Cleanup(func() {
		b.d.Close()
		ln.Close()
		<-done
	})
	return b
}

// until runs what is posted until the condition holds.
func (b *bed) until(what string, ok func() bool) {
	b.t.Helper()
	limit := time.After(2 * time.Minute)
	for !ok() {
		select {
		case f := <-b.posts:
			f()
		case <-limit:
			b.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// answer replies to each request with its last word.
func answer(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var n int
		if _, err := fmt.Sscanf(line, "*%d", &n); err != nil {
			return
		}
		var word string
		for range n {
			_, _ = in.ReadString('\n')
			word, _ = in.ReadString('\n')
		}
		if _, err := c.Write([]byte("+" + word)); err != nil {
			return
		}
	}
}

// Replies come in the order of the commands, each to who asked, also those that were sent before the connection was there.
func TestRepliesInOrder(t *testing.T) {
	b := newBed(t, answer)
	const n = 501
	next := 0
	l := b.d.Open(b.addr, nil, func() { t.Error("lost") })
	for i := range n {
		var reply func(resp.Value)
		if i%3 != 1 {
			reply = func(v resp.Value) {
				if v.Str != fmt.Sprint(i) {
					t.Errorf("reply %q to command %d", v.Str, i)
				}
				next = i
			}
		}
		l.Send(reply, "ECHO", fmt.Sprint(i))
	}
	b.until("the last reply is here", func() bool { return next == n-1 })
	if l.LocalIP() != "127.0.0.1" {
		t.Errorf("own address %q", l.LocalIP())
	}
	l.Close()
}

// Messages of a channel go to who listens, replies to who asked.
func TestMessages(t *testing.T) {
	b := newBed(t, func(c net.Conn) {
		_, _ = c.Write([]byte("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n+PONG\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\ny\r\n"))
		answer(c)
	})
	var heard, replies []string
	l := b.d.Open(b.addr, func(v resp.Value) { heard = append(heard, v.Elems[2].Str) }, func() {})
	l.Send(func(v resp.Value) { replies = append(replies, v.Str) }, "PING")
	b.until("two messages and a reply are here", func() bool { return len(heard) == 2 && len(replies) == 1 })
	if strings.Join(heard, "") != "xy" || replies[0] != "PONG" {
		t.Errorf("messages %q, replies %q", heard, replies)
	}
}

// The end of a connection is told once, whoever ended it, and after Close nothing is called back.
func TestLost(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"closed":    func(net.Conn) {},
		"malformed": func(c net.Conn) { _, _ = c.Write([]byte("?\r\n")); answer(c) },
		"too long":  func(c net.Conn) { _, _ = c.Write([]byte("$16777217\r\n")); answer(c) },
		"too many":  func(c net.Conn) { _, _ = c.Write([]byte("*65537\r\n")); answer(c) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, serve)
			lost := 0
			b.d.Open(b.addr, nil, func() { lost++ })
			b.until("the connection is lost", func() bool { return lost > 0 })
			b.d.Close()
			for len(b.posts) > 0 {
				(<-b.posts)()
			}
			if lost != 1 {
				t.Errorf("told %d times", lost)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		b := newBed(t, answer)
		b.d.o.Dial = func(context.Context, string) (net.Conn, error) { return nil, errors.New("refused") }
		lost := 0
		b.d.Open(b.addr, nil, func() { lost++ })
		b.until("the connection is lost", func() bool { return lost == 1 })
	})
	t.Run("by us", func(t *testing.T) {
		b := newBed(t, answer)
		l := b.d.Open(b.addr, nil, func() { t.Error("lost is called") })
		l.Send(func(resp.Value) { t.Error("a reply after Close") }, "PING")
		l.Close()
		b.d.Close()
		for len(b.posts) > 0 {
			(<-b.posts)()
		}
	})
}
