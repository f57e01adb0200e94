package sentinel

import "fmt"

// switchToPromoted ends a failover: the promoted replica is the primary from now on.
func (s *Sentinel) switchToPromoted(p *Primary) {
	to := p.addr
	if p.promoted != nil {
		to = p.promoted.addr
	}
	s.switchEvent(p, to)
	s.switchTo(p, to)
}

// switchEvent tells clients where the primary is.
func (s *Sentinel) switchEvent(p *Primary, to Address) {
	s.tell(Warning, "+switch-master", fmt.Sprintf("%s %s %d %s %d", p.name, s.shown(p.addr), p.addr.Port, s.shown(to), to.Port), p)
}

// switchTo gives a primary another address. The replicas that are known become the new one's, and the old primary does too.
func (s *Sentinel) switchTo(p *Primary, to Address) {
	var replicas []Address
	for _, r := range p.replicas {
		if !s.same(r.addr, to) {
			replicas = append(replicas, r.addr)
		}
	}
	if !s.same(p.addr, to) {
		replicas = append(replicas, p.addr)
	}
	s.reset(p, false)
	p.addr = to
	p.sDownSince, p.oDownSince = 0, 0
	for _, a := range replicas {
		r := s.addReplica(p, a)
		s.event(Notice, "+slave", &r.node, "")
	}
	_ = s.save() // tried again by Tick, and hellos wait for it
}

// reset forgets what was learned of a primary and breaks off a failover; with peers the other Sentinels are forgotten too.
func (s *Sentinel) reset(p *Primary, peers bool) {
	for _, r := range p.replicas {
		s.hangUp(&r.node)
	}
	p.replicas = nil
	if peers {
		for _, q := range p.peers {
			s.hangUp(&q.node)
		}
		p.peers = nil
	}
	s.hangUp(&p.node)
	now := s.now()
	p.sDown, p.oDown, p.killedScript, p.rebooted = false, false, false, false
	p.failing, p.forced, p.promoted = false, false, nil
	p.state, p.stateAt, p.failoverStart = stateNone, 0, 0
	p.leader, p.runID = "", ""
	p.pingSent, p.pinged, p.available, p.pong = now, 0, now, now
	p.reported, p.reportedAt = primaryKind, now
	p.infoAt, p.info = 0, ""
}

// reconfigureClients runs the client-reconfig-script: role is leader or observer.
func (s *Sentinel) reconfigureClients(p *Primary, role string, from, to Address) {
	if p.reconfigure == "" {
		return
	}
	s.queueScript(p.reconfigure, p.name, role, "start", s.shown(from), fmt.Sprint(from.Port), s.shown(to), fmt.Sprint(to.Port))
}
