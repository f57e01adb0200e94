package cluster

import (
	"cmp"
	"fmt"
	"time"
)

// TickEvery is how often Tick is to be called.
const TickEvery = 100 * time.Millisecond

const (
	pingTicks      = 10 // ticks between two pings to a node chosen at random
	pingSample     = 5  // of so many nodes the one that answered longest ago is asked
	leastHandshake = time.Second
	orphanDelay    = 5 * time.Second
)

// Tick does what time asks for: it makes links, pings, suspects who does not answer, and tends elections.
func (b *Bus) Tick(now time.Time) {
	b.now, b.set = now, b.host.Settings()
	b.ticks++
	b.tendLinks()
	if b.ticks%pingTicks == 0 {
		b.pingOldest()
	}
	orphans, most, mine := b.tendNodes()
	me := b.s.Me
	b.tendManual()
	if !me.IsReplica() {
		return
	}
	if me.Of != nil && me.Of.IP != "" {
		if host, port := b.host.Following(); host != me.Of.IP || port != b.replicationPort(me.Of) {
			b.host.Follow(me.Of.IP, b.replicationPort(me.Of))
		}
	}
	b.tendElection()
	if orphans > 0 && most >= 2 && mine == most && b.set.Migration {
		b.migrate(most)
	}
}

// tendLinks makes the links that are missing and gives up handshakes that nobody answers.
func (b *Bus) tendLinks() {
	handshake := max(b.set.NodeTimeout, leastHandshake)
	b.suspects = 0
	for _, n := range b.s.Nodes() {
		if n == b.s.Me || n.Flags&NoAddr != 0 {
			continue
		}
		if n.Flags&PFail != 0 {
			b.suspects++
		}
		if n.Flags&Handshake != 0 && b.now.Sub(n.bus.created) > handshake {
			b.forgetNode(n)
			continue
		}
		if l := n.bus.link; l != nil && b.set.LinkLimit > 0 && l.conn != nil && int64(l.conn.Queued()) > b.set.LinkLimit {
			b.overrun(l)
		}
		if l := n.bus.inbound; l != nil && b.set.LinkLimit > 0 && int64(l.conn.Queued()) > b.set.LinkLimit {
			b.overrun(l)
		}
		if n.bus.link == nil && n.IP != "" {
			l := &Link{node: n, created: b.now}
			n.bus.link = l
			b.links[l] = struct{}{}
			if n.pingSent.IsZero() {
				n.pingSent = b.now // what cannot be connected to does not answer either
			}
			b.host.Dial(l, n.IP, n.BusPort)
		}
	}
}

// overrun ends a link over which too much waits to be sent.
func (b *Bus) overrun(l *Link) {
	b.log.Warn(fmt.Sprintf("Freeing outbound cluster link to node %s after exceeding memory limit, %d bytes wait", l.node.ID, l.conn.Queued()))
	b.overLimit++
	b.drop(l)
}

// pingOldest asks one of a few nodes that nothing was heard of for long.
func (b *Bus) pingOldest() {
	var oldest *Node
	all := b.s.Nodes()
	for range pingSample {
		n := all[b.rng.IntN(len(all))]
		if n.bus.link == nil || n.bus.link.conn == nil || !n.pingSent.IsZero() || n.Flags&(Myself|Handshake) != 0 {
			continue
		}
		if oldest == nil || n.bus.pong.Before(oldest.bus.pong) {
			oldest = n
		}
	}
	if oldest != nil {
		b.ping(oldest.bus.link, msgPing)
	}
}

// tendNodes looks at each node's answers. It counts primaries without a working replica (for a replica that may move), the most working
// replicas of any primary, and those of this node's own.
func (b *Bus) tendNodes() (orphans, most, mine int) {
	me, timeout := b.s.Me, b.set.NodeTimeout
	for _, n := range b.s.Nodes() {
		if n.Flags&(Myself|NoAddr|Handshake) != 0 {
			continue
		}
		if me.IsReplica() && n.Flags&Primary != 0 && n.Flags&Fail == 0 {
			working := b.workingReplicas(n, Fail)
			most = max(most, working)
			if me.Of == n {
				mine = working
			}
			if working > 0 || n.Slots == 0 || n.Flags&MigrateTo == 0 {
				n.bus.orphaned = time.Time{}
			} else {
				if n.bus.orphaned.IsZero() {
					n.bus.orphaned = b.now
				}
				orphans++
			}
		}
		l := n.bus.link
		silent := func() time.Duration { return min(b.now.Sub(n.pingSent), b.now.Sub(n.bus.heard)) }
		if l != nil && b.now.Sub(l.created) > timeout && !n.pingSent.IsZero() && silent() > timeout/2 {
			b.drop(l) // perhaps it is the connection
			l = nil
		}
		if l != nil && l.conn != nil && n.pingSent.IsZero() && b.now.Sub(n.bus.pong) > cmp.Or(b.set.PingEvery, timeout/2) {
			b.ping(l, msgPing)
			continue
		}
		if l != nil && b.manual.of == n && me.Flags&Primary != 0 {
			b.ping(l, msgPing) // it waits for the position at which this node's clients stopped
			continue
		}
		if n.pingSent.IsZero() || silent() <= timeout || n.Flags&(PFail|Fail) != 0 {
			continue
		}
		b.log.Debug("*** NODE " + n.ID + " possibly failing")
		n.Flags |= PFail
		b.s.Changed = true
		if b.s.Size == 1 && me.Flags&Primary != 0 && me.Slots > 0 {
			b.judgeFailure(n) // there is nobody else to report it
		}
	}
	return orphans, most, mine
}

// workingReplicas is how many replicas of a node have none of the flags that count as failing.
func (b *Bus) workingReplicas(of *Node, failing Flags) (n int) {
	for _, r := range b.s.nodes {
		if r.Of == of && r.Flags&failing == 0 {
			n++
		}
	}
	return n
}
