package sentinel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"frankenredis/wire/resp"
)

// sendHello publishes through a node who this Sentinel is and what it believes of the node's primary.
//
// The message is eight fields with commas between: own ip, port, id and current epoch; the primary's name, ip, port and the
// epoch of its configuration.
func (s *Sentinel) sendHello(n *node) {
	if n.disconnected || s.unsaved {
		return // others must not learn an epoch that a crash would take back
	}
	ip, port := s.world.OwnAddress()
	if s.announceIP != "" {
		ip = s.announceIP
	}
	if s.announcePort != 0 {
		port = s.announcePort
	}
	if ip == "" {
		if ip = n.cmd.LocalIP(); ip == "" {
			return // not connected yet
		}
	}
	at := n.owner.current()
	n.helloSent = true
	n.send(func(v resp.Value) {
		n.helloSent = false
		if v.Err() == nil {
			n.published = s.now()
		}
	}, "PUBLISH", HelloChannel, fmt.Sprintf("%s,%d,%s,%d,%s,%s,%d,%d", ip, port, s.id, s.epoch, n.owner.name, s.shown(at), at.Port, n.owner.configEpoch))
}

// hurryHello makes the next hellos about a primary due at once.
func (s *Sentinel) hurryHello(p *Primary) {
	due := func(n *node) { n.published = min(n.published, s.now()-s.times.PublishPeriod-1) }
	due(&p.node)
	for _, r := range p.replicas {
		due(&r.node)
	}
	for _, q := range p.peers {
		due(&q.node)
	}
}

// heard takes what a subscription brings.
func (s *Sentinel) heard(n *node, v resp.Value) {
	n.subHeard = s.now()
	if len(v.Elems) == 3 && v.Elems[0].Str == "message" && v.Elems[1].Str == HelloChannel {
		s.Hello(v.Elems[2].Str)
	}
}

// Hello takes a hello message, of whatever way it came. What is not one is passed over.
func (s *Sentinel) Hello(message string) {
	f := strings.Split(message, ",")
	if len(f) != 8 || f[2] == s.id {
		return
	}
	p := s.find(f[4])
	port, err1 := strconv.Atoi(f[1])
	epoch, err2 := strconv.ParseUint(f[3], 10, 64)
	primaryPort, err3 := strconv.Atoi(f[6])
	configEpoch, err4 := strconv.ParseUint(f[7], 10, 64)
	if p == nil || err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return
	}
	at, err := s.address(f[0], port, true)
	if err != nil {
		return
	}
	primaryAt, err := s.address(f[5], primaryPort, true)
	if err != nil {
		return
	}
	changed := false
	q := s.peer(p, f[2], at)
	if q == nil {
		q = s.meet(p, f[2], at)
		changed = true
	}
	if s.adoptEpoch(p, epoch) {
		changed = true
	}
	if p.configEpoch < configEpoch {
		p.configEpoch = configEpoch
		changed = true
		if !s.same(p.addr, primaryAt) {
			old := p.addr
			s.event(Warning, "+config-update-from", &q.node, "")
			s.switchEvent(p, primaryAt)
			s.switchTo(p, primaryAt)
			s.reconfigureClients(p, "observer", old, primaryAt)
			changed = false // switchTo has saved
		}
	}
	if changed {
		_ = s.save() // tried again by Tick
	}
	q.helloAt = s.now()
}

// peer returns the known Sentinel with that id and address, or nil.
func (s *Sentinel) peer(p *Primary, id string, a Address) *Peer {
	for _, q := range p.peers {
		if q.runID == id && s.same(q.addr, a) {
			return q
		}
	}
	return nil
}

// meet adds a Sentinel that shows up: a new one, or a known one at a new address. Another that had the address before is
// not there any more.
func (s *Sentinel) meet(p *Primary, id string, a Address) *Peer {
	moved := false
	p.peers = slices.DeleteFunc(p.peers, func(q *Peer) bool {
		if q.runID != id {
			return false
		}
		s.hangUp(&q.node)
		moved = true
		return true
	})
	if moved {
		s.event(Notice, "+sentinel-address-switch", &p.node, fmt.Sprintf(" ip %s port %d for %s", s.shown(a), a.Port, id))
		s.moveElsewhere(p, id, a)
	} else {
		for _, q := range p.peers {
			if s.same(q.addr, a) {
				s.event(Notice, "+sentinel-invalid-addr", &q.node, "")
				q.addr.Port = 0 // until a hello tells where it is now
				s.hangUp(&q.node)
			}
		}
	}
	q := s.addPeer(p, id, a)
	if !moved {
		s.event(Notice, "+sentinel", &q.node, "")
	}
	return q
}

// moveElsewhere gives a Sentinel's new address to the other primaries that it watches too.
func (s *Sentinel) moveElsewhere(but *Primary, id string, a Address) {
	for _, p := range s.primaries {
		if p == but {
			continue
		}
		for _, q := range p.peers {
			if q.runID == id && !s.same(q.addr, a) {
				s.hangUp(&q.node)
				q.addr = a
			}
		}
	}
}
