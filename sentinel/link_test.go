package sentinel

import (
	"slices"
	"strings"
	"testing"

	"frankenredis/wire/resp"
)

// said keeps what is sent.
type said struct{ lines []string }

func (c *said) Send(_ func(resp.Value), argv ...string) {
	c.lines = append(c.lines, strings.Join(argv, " "))
}
func (c *said) LocalIP() string { return "" }
func (c *said) Close()          {}

// A Sentinel logs in at another one by sentinel-user and sentinel-pass, or by the password that its own clients need.
func TestPeerLogin(t *testing.T) {
	s := newSim(t, 1, 1)
	w := s.watch[0]
	q := w.machine.addPeer(w.machine.find("m"), two, Address{Host: "127.0.0.9", IP: "127.0.0.9", Port: 1})
	for _, c := range []struct{ user, pass, requirepass, want string }{
		{"", "", "", ""}, {"u", "", "", ""}, {"", "p", "r", "AUTH p"}, {"u", "p", "r", "AUTH u p"}, {"", "", "r", "AUTH r"}, {"u", "", "r", "AUTH r"},
	} {
		w.machine.peerUser, w.machine.peerPass, w.requirepass = c.user, c.pass, c.requirepass
		conn := &said{}
		w.machine.greet(&q.node, conn, "cmd")
		got := ""
		if i := slices.IndexFunc(conn.lines, func(l string) bool { return strings.HasPrefix(l, "AUTH") }); i >= 0 {
			got = conn.lines[i]
		}
		if got != c.want {
			t.Errorf("%+v: sent %q", c, conn.lines)
		}
	}
}

// A server that was named by a host name is found again where that name leads now, whether it led anywhere at the start or not.
func TestNameMoves(t *testing.T) {
	s := newSim(t, 1, 0)
	w := s.addWatcher("resolve-hostnames yes", "monitor m db 6379 2", "down-after-milliseconds m 1000")
	p := w.machine.find("m")
	for i, h := range []*host{s.hosts[0], s.addServer("")} {
		s.names = map[string]string{"db": h.ip}
		s.run(5_000)
		if host, _, _ := w.machine.Address("m"); host != h.ip || p.sDown || p.disconnected {
			t.Fatalf("move %d: it is looked for at %q, down %v, disconnected %v", i, host, p.sDown, p.disconnected)
		}
		h.alive = false
		h.life++
		s.run(5_000)
		if !p.sDown {
			t.Fatalf("move %d: it is not down", i)
		}
	}
}

// A new login counts at once: the servers are connected to anew.
func TestServerLogin(t *testing.T) {
	for _, option := range []string{"auth-user", "auth-pass"} {
		s := newSim(t, 1, 1)
		s.run(15_000)
		m := s.watch[0].machine
		p := m.find("m")
		nodes := []*node{&p.node, &p.replicas[0].node, &p.replicas[1].node}
		var before []Conn
		for _, n := range nodes {
			before = append(before, n.cmd, n.sub)
		}
		if err := m.Set("m", []string{option, "x"}); err != nil {
			t.Fatal(err)
		}
		s.run(3_000)
		for _, n := range nodes {
			if n.disconnected || slices.Contains(before, n.cmd) || slices.Contains(before, n.sub) {
				t.Errorf("%s: %s was not connected to anew", option, n.name)
			}
		}
	}
}
