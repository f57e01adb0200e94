package cluster

import (
	"fmt"
	"time"
)

// ping sends what this node knows: of itself everything, of others a sample, and of those that it suspects all.
func (b *Bus) ping(l *Link, kind messageType) {
	m := b.message(kind)
	m.mflags |= mflagExtended
	if l.node != nil && kind == msgPing {
		l.node.pingSent = b.now
	}
	if l.node != nil && l.node.bus.extensions {
		me := b.s.Me
		if me.Hostname != "" {
			m.hostname = &me.Hostname
		}
		if me.Name != "" {
			m.name = &me.Name
		}
		m.shard = &me.ShardID
		for id, until := range b.gone {
			if left := until.Sub(b.now); left > 0 {
				m.forgotten = append(m.forgotten, forgotten{id, uint64((left + time.Second - 1) / time.Second)})
			}
		}
	}
	m.gossip = b.sample(l.node)
	b.send(l, m)
}

// leastGossip is how many nodes are told of at least, if there are as many. Otherwise it is a tenth: within twice the node timeout each
// primary is then told of by most others a few times.
const leastGossip = 3

// sample chooses whom to tell about.
func (b *Bus) sample(to *Node) []gossip {
	var known, suspected []*Node
	for _, n := range b.s.Nodes() {
		switch {
		case n == b.s.Me || n == to || n.Flags&(Handshake|NoAddr) != 0:
		case n.Flags&PFail != 0:
			suspected = append(suspected, n)
		case n.bus.link != nil || n.Slots > 0:
			known = append(known, n)
		}
	}
	want := min(max(leastGossip, len(b.s.nodes)/10), len(known))
	for i := range want { // the first of a shuffle
		j := i + b.rng.IntN(len(known)-i)
		known[i], known[j] = known[j], known[i]
	}
	all := make([]gossip, 0, want+len(suspected))
	for _, n := range append(known[:want:want], suspected...) {
		all = append(all, gossip{n.ID, seconds(n.pingSent), seconds(n.bus.pong), n.IP, n.Port, n.BusPort, n.TLSPort, n.Flags &^ (Myself | Meet)})
	}
	return all
}

func seconds(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(t.Unix())
}

// handlePing acts on pings, their answers, and the first message of a node that wants to be known.
func (b *Bus) handlePing(l *Link, sender *Node, m *message) {
	s := b.s
	if m.kind != msgPong {
		if me := s.Me; b.set.AnnounceIP == "" && (m.kind == msgMeet || me.IP == "") {
			if ip := l.conn.LocalIP(); ip != "" && ip != me.IP {
				me.IP, s.Changed = ip, true
				b.log.Info("IP address for this node updated to " + ip)
			}
		}
		if sender == nil && m.kind == msgMeet {
			n := s.node(randomID())
			n.ShardID = randomID()
			n.Flags, n.bus.created = Handshake, b.now
			n.IP, n.Port, n.BusPort, n.TLSPort = address(l, m), m.port, m.busPort, m.second
			s.Changed = true
		}
		if sender == nil && m.kind == msgMeet {
			b.learn(nil, l, m)
		}
		b.ping(l, msgPong)
	}
	if sender == s.Me { // somebody had this node meet itself
		if n := l.node; n != nil && n != s.Me {
			b.forgetNode(n)
		}
		return
	}
	if n := l.node; n != nil && !l.inbound {
		if n.Flags&Handshake != 0 {
			if !b.shakeHands(l, sender, m) {
				return
			}
			sender = n
		} else if n.ID != m.sender {
			// Another node lives at that address now.
			b.log.Info(fmt.Sprintf("PONG contains mismatching sender ID. About node %s in shard %s added %d ms ago, having flags %d",
				n.ID, n.ShardID, b.now.Sub(n.bus.created).Milliseconds(), n.Flags))
			n.Flags |= NoAddr
			n.IP, n.Port, n.BusPort, n.TLSPort = "", 0, 0, 0
			s.Changed = true
			b.drop(l)
			return
		}
	}
	if sender != nil {
		sender.Flags = sender.Flags&^NoFailover | m.flags&NoFailover
		if m.kind == msgPing && sender.Flags&Handshake == 0 {
			b.moved(sender, l, m)
		}
	}
	if n := l.node; n != nil && !l.inbound && m.kind == msgPong {
		n.bus.pong, n.pingSent = b.now, time.Time{}
		if n.Flags&PFail != 0 {
			n.Flags &^= PFail
			s.Changed = true
		} else if n.Flags&Fail != 0 {
			b.clearFailure(n)
		}
	}
	if sender == nil {
		return
	}
	b.learnRole(sender, m)
	b.learnSlots(sender, m)
	if s.nodes[sender.ID] == sender {
		b.learn(sender, l, m)
		b.learnExtensions(sender, m)
	}
}

// shakeHands ends a handshake: the node has told who it is. False: it was known already.
func (b *Bus) shakeHands(l *Link, sender *Node, m *message) bool {
	n := l.node
	if sender != nil && sender != n {
		b.log.Debug("Handshake: we already know node " + sender.ID + ", updating the address if needed.")
		b.moved(sender, l, m)
		b.forgetNode(n)
		return false
	}
	delete(b.s.nodes, n.ID)
	n.ID = m.sender
	b.s.nodes[n.ID] = n
	b.log.Debug("Handshake with node " + n.ID + " completed.")
	n.Flags = n.Flags&^Handshake | m.flags&(Primary|Replica)
	b.s.Changed = true
	return true
}

// address is where a message says its sender is, or where it came from.
func address(l *Link, m *message) string {
	if m.ip != "" {
		return m.ip
	}
	return l.conn.RemoteIP()
}

// moved takes up a node's new address.
func (b *Bus) moved(n *Node, l *Link, m *message) {
	if l == n.bus.link { // what it is connected to is where it is
		return
	}
	ip := address(l, m)
	if ip == "" || n.IP == ip && n.Port == m.port && n.BusPort == m.busPort && n.TLSPort == m.second {
		return
	}
	n.IP, n.Port, n.BusPort, n.TLSPort = ip, m.port, m.busPort, m.second
	n.Flags &^= NoAddr
	if n.bus.link != nil {
		b.drop(n.bus.link)
	}
	b.log.Info(fmt.Sprintf("Address updated for node %s (%s), now %s:%d", n.ID, n.Name, n.IP, n.Port))
	b.s.Changed = true
	if b.s.Me.Of == n {
		b.host.Follow(n.IP, b.replicationPort(n))
	}
}

// learnRole takes over whether the sender is a primary, or whose replica.
func (b *Bus) learnRole(sender *Node, m *message) {
	if m.of == "" {
		b.setPrimary(sender)
		return
	}
	of := b.s.nodes[m.of]
	if sender.Flags&Primary != 0 {
		for i, owner := range b.s.slots {
			if owner == sender {
				b.s.Assign(uint16(i), nil)
			}
		}
		sender.Flags = sender.Flags&^(Primary|MigrateTo) | Replica
		b.s.Changed = true
	}
	if of != nil && of != sender && sender.Of != of {
		b.s.setOf(sender, of)
		b.setShard(sender, of.ShardID)
	}
}

// setPrimary makes a node a primary, if it is not.
func (b *Bus) setPrimary(n *Node) {
	if n.Flags&Primary != 0 {
		return
	}
	if n.Of != nil {
		b.s.setOf(n, nil)
		if n != b.s.Me {
			n.Flags |= MigrateTo
		}
	}
	n.Flags = n.Flags&^Replica | Primary
	b.s.Changed = true
}

// setShard notes a node's shard. A replica is of its primary's.
func (b *Bus) setShard(n *Node, shard string) {
	if n.ShardID != shard {
		n.ShardID, b.s.Changed = shard, true
	}
	if me := b.s.Me; me.Of == n && me.ShardID != shard {
		me.ShardID, b.s.Changed = shard, true
	}
}

// learn takes over what a message tells of other nodes. sender is nil for a node that wants to be known: from that nothing is believed.
func (b *Bus) learn(sender *Node, l *Link, m *message) {
	s := b.s
	for i := range m.gossip {
		g := &m.gossip[i]
		n := s.nodes[g.id]
		if n == nil {
			if sender != nil && g.flags&NoAddr == 0 && g.flags&Handshake == 0 && !b.Forgot(g.id) && g.ip != "" {
				n = s.node(g.id)
				n.ShardID = randomID()
				n.Flags = g.flags & (Primary | Replica | NoFailover)
				n.IP, n.Port, n.BusPort, n.TLSPort, n.bus.created = g.ip, g.port, g.busPort, g.second, b.now
				s.Changed = true
			}
			continue
		}
		if sender != nil && sender.Flags&Primary != 0 && n != s.Me {
			b.report(n, sender, g.flags&(Fail|PFail) != 0)
		}
		if n == s.Me {
			continue
		}
		if g.flags&(Fail|PFail) == 0 && n.pingSent.IsZero() && len(n.bus.reports) == 0 {
			if pong := time.Unix(int64(g.pongReceived), 0); pong.After(n.bus.pong) && pong.Before(b.now.Add(500*time.Millisecond)) {
				n.bus.pong = pong
			}
		}
		if n.Flags&(Fail|PFail) != 0 && g.flags&(NoAddr|Fail|PFail) == 0 && g.ip != "" && (n.IP != g.ip || n.Port != g.port || n.BusPort != g.busPort) {
			if n.bus.link != nil {
				b.drop(n.bus.link)
			}
			n.IP, n.Port, n.BusPort, n.TLSPort = g.ip, g.port, g.busPort, g.second
			n.Flags &^= NoAddr
			s.Changed = true
		}
	}
}

// learnExtensions takes over names, the shard, and whom to forget.
func (b *Bus) learnExtensions(sender *Node, m *message) {
	set := func(field *string, v *string) {
		text := ""
		if v != nil {
			text = *v
		}
		if *field != text {
			*field, b.s.Changed = text, true
		}
	}
	set(&sender.Hostname, m.hostname)
	set(&sender.Name, m.name)
	if m.shard != nil {
		b.setShard(sender, *m.shard)
	}
	for _, f := range m.forgotten {
		n := b.s.nodes[f.id]
		if n == nil || n == b.s.Me || b.s.Me.Of == n || n == sender {
			continue
		}
		b.gone[f.id] = b.now.Add(min(time.Duration(min(f.ttl, uint64(forgetFor/time.Second)))*time.Second, forgetFor))
		b.log.Info(fmt.Sprintf("Node %s was forgotten by %s", f.id, sender.ID))
		b.forgetNode(n)
	}
}
