package command_test

import (
	"net"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
	"frankenredis/wire/resp"
)

// peer is a real server and some connections to it.
type peer struct {
	t       testing.TB
	server  *testbed.Server
	clients []*peerClient
	context func(n int) string // what to show when it fails
}

type peerClient struct {
	conn   net.Conn
	reader resp.ReplyReader
	out    []byte
	in     []byte
}

// startPeer starts one of the servers that conformance/peers.sh fetches, or skips the test.
func startPeer(t testing.TB, name string, args ...string) *peer {
	t.Helper()
	return &peer{t: t, server: testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, name), Args: args})}
}

// do sends one command of the i-th client and returns its reply as it stands on the wire.
func (p *peer) do(i int, args ...string) string {
	p.t.Helper()
	for len(p.clients) <= i {
		conn, err := net.DialTimeout("tcp", p.server.Addr(), testbed.ReplyTimeout)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { conn.Close() })
		p.clients = append(p.clients, &peerClient{conn: conn, in: make([]byte, 64<<10)})
	}
	c := p.clients[i]
	c.out = testbed.AppendCommand(c.out[:0], args...)
	if err := c.conn.SetDeadline(time.Now().Add(testbed.ReplyTimeout)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.conn.Write(c.out); err != nil {
		p.t.Fatalf("%.200q: %v", args, err)
	}
	var raw []byte
	for {
		n, err := c.conn.Read(c.in)
		if err != nil {
			p.t.Fatalf("%.200q: %v after %.1000q\n%s", args, err, raw, p.context(60))
		}
		raw = append(raw, c.in[:n]...)
		c.reader.Feed(c.in[:n])
		if _, ok, err := c.reader.Next(); err != nil {
			p.t.Fatalf("%.200q: %v", args, err)
		} else if ok {
			return string(raw)
		}
	}
}
