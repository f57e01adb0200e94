package sentinel

import (
	"strings"

	"frankenredis/wire/resp"
)

// link is how a node is spoken to: a connection for commands and, to servers, one that hears the hello channel.
type link struct {
	cmd, sub     Conn
	disconnected bool // one of those that there should be is missing
	pending      int  // commands without a reply yet

	cmdAt, subAt Millis // when each was opened
	subHeard     Millis // when the subscription last brought anything
	available    Millis // when PING last got a reply of a server in service
	pong         Millis // when PING last got any reply
	pinged       Millis // when PING was last sent
	pingSent     Millis // when the PING was sent that still waits for a good reply; 0: none does
	reconnected  Millis // when connecting was last tried

	infoAsked, helloSent, lookedUp bool // under way
}

// maxPending bounds the commands that a node owes replies for.
const maxPending = 100

// reconnect opens what is missing, at most once in a ping period.
func (s *Sentinel) reconnect(n *node) {
	now := s.now()
	if !n.disconnected || n.addr.Port == 0 || now-n.reconnected < s.times.PingPeriod {
		return
	}
	n.reconnected = now
	if n.cmd == nil {
		s.lookAgain(n)
		n.pending, n.infoAsked, n.helloSent = 0, false, false
		n.cmdAt = now
		n.cmd = s.world.Dial(n.addr, nil, func() { s.lost(n, &n.cmd) })
		s.greet(n, n.cmd, "cmd")
		s.ping(n)
	}
	if n.kind != peerKind && n.sub == nil {
		n.subAt = now
		n.sub = s.world.Dial(n.addr, func(v resp.Value) { s.heard(n, v) }, func() { s.lost(n, &n.sub) })
		s.greet(n, n.sub, "pubsub")
		n.sub.Send(nil, n.owner.command("SUBSCRIBE"), HelloChannel)
	}
	n.disconnected = false
}

// lookAgain asks where a node that was named by a host name is now: a server that is away may come back at another address.
func (s *Sentinel) lookAgain(n *node) {
	if !s.resolveNames || n.lookedUp || n.addr.numeric() {
		return
	}
	at := n.addr
	n.lookedUp = true
	s.world.Lookup(at.Host, func(ip string) {
		n.lookedUp = false
		switch {
		case ip == "":
			s.log(Warning, "Failed to resolve hostname '"+at.Host+"'")
		case n.addr == at && ip != at.IP:
			s.hangUp(n)
			n.addr.IP = ip
			n.reconnected = 0 // at the next tick
		}
	})
}

// lost is told that a connection ended.
func (s *Sentinel) lost(n *node, which *Conn) {
	*which = nil
	n.disconnected = true
	if which == &n.cmd {
		n.pending = 0
	}
}

// drop ends a connection.
func (s *Sentinel) drop(n *node, which *Conn) {
	if *which != nil {
		(*which).Close()
		s.lost(n, which)
	}
}

// hangUp ends both.
func (s *Sentinel) hangUp(n *node) {
	s.drop(n, &n.cmd)
	s.drop(n, &n.sub)
}

// hangUpServers ends the connections to a primary and its replicas, which are made anew.
func (s *Sentinel) hangUpServers(p *Primary) {
	s.hangUp(&p.node)
	for _, r := range p.replicas {
		s.hangUp(&r.node)
	}
}

// greet logs in and names the connection.
func (s *Sentinel) greet(n *node, c Conn, what string) {
	user, pass := n.owner.user, n.owner.pass
	if n.kind == peerKind {
		if user, pass = s.peerUser, s.peerPass; pass == "" {
			// Sentinels that all ask for one password log in with what they ask for.
			user, pass = "", s.world.ServerPassword()
		}
	}
	name := func(word string) string {
		if n.kind == peerKind {
			return word
		}
		return n.owner.command(word)
	}
	switch {
	case pass != "" && user != "":
		c.Send(nil, name("AUTH"), user, pass)
	case pass != "":
		c.Send(nil, name("AUTH"), pass)
	}
	c.Send(nil, name("CLIENT"), "SETNAME", "sentinel-"+s.id[:8]+"-"+what)
}

// send sends a command to a node; reply may be nil.
func (n *node) send(reply func(resp.Value), argv ...string) {
	if n.cmd == nil {
		return // its end is told, or will be
	}
	if n.kind != peerKind {
		argv[0] = n.owner.command(argv[0])
	}
	n.pending++
	n.cmd.Send(func(v resp.Value) {
		n.pending--
		if reply != nil {
			reply(v)
		}
	}, argv...)
}

// sendPeriodic sends INFO, PING and hellos as they are due.
func (s *Sentinel) sendPeriodic(n *node) {
	if n.disconnected || n.pending >= maxPending {
		return
	}
	now := s.now()
	period := s.times.InfoPeriod
	if r := n.asReplica(); r != nil && (n.owner.oDown || n.owner.failing || r.linkDown != 0) {
		period = 1000
	}
	if n.kind != peerKind && !n.infoAsked && (n.infoAt == 0 || now-n.infoAt > period) {
		n.infoAsked = true
		n.send(func(v resp.Value) {
			n.infoAsked = false
			if v.Kind == resp.BulkKind || v.Kind == resp.VerbatimKind {
				s.readInfo(n, v.Str)
			}
		}, "INFO")
	}
	pingPeriod := min(n.owner.downAfter, s.times.PingPeriod)
	if now-n.pong > pingPeriod && now-n.pinged > pingPeriod/2 {
		s.ping(n)
	}
	if now-n.published > s.times.PublishPeriod && !n.helloSent {
		s.sendHello(n)
	}
}

func (s *Sentinel) ping(n *node) {
	n.pinged = s.now()
	if n.pingSent == 0 {
		n.pingSent = n.pinged
	}
	n.send(func(v resp.Value) {
		n.pong = s.now()
		text := v.Str
		if strings.HasPrefix(text, "PONG") || strings.HasPrefix(text, "LOADING") || strings.HasPrefix(text, "MASTERDOWN") {
			n.available, n.pingSent = n.pong, 0
			if p := n.asPrimary(); p != nil && strings.HasPrefix(text, "PONG") {
				p.rebooted = false
			}
			return
		}
		if strings.HasPrefix(text, "BUSY") && n.sDown && !n.killedScript {
			n.killedScript = true
			n.send(nil, "SCRIPT", "KILL")
		}
	}, "PING")
}

// asPrimary is the Primary a node is, or nil.
func (n *node) asPrimary() *Primary {
	if n.kind == primaryKind {
		return n.owner
	}
	return nil
}

// asReplica is the Replica a node is, or nil.
func (n *node) asReplica() *Replica {
	if n.kind != replicaKind {
		return nil
	}
	for _, r := range n.owner.replicas {
		if &r.node == n {
			return r
		}
	}
	return nil
}
