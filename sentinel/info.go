package sentinel

import (
	"strconv"
	"strings"
)

// readInfo takes a server's answer to INFO.
func (s *Sentinel) readInfo(n *node, text string) {
	now := s.now()
	n.info = text
	role, found := n.reported, false
	r := n.asReplica()
	if r != nil {
		r.linkDown = 0
	}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch {
		case !ok:
		case name == "run_id":
			s.sawRunID(n, value)
		case name == "role" && value == "master":
			role, found = primaryKind, true
		case name == "role" && value == "slave":
			role, found = replicaKind, true
		case n.kind == primaryKind && strings.HasPrefix(name, "slave") && len(name) > 5 && name[5] >= '0' && name[5] <= '9':
			s.sawReplica(n.owner, value)
		case r != nil && found && role == replicaKind:
			s.sawReplicaField(r, name, value)
		case r != nil && name == "master_link_down_since_seconds":
			s.sawReplicaField(r, name, value)
		}
	}
	n.infoAt = now
	if found && role != n.reported {
		n.reportedAt, n.reported = now, role
		if r != nil {
			r.followsAt = now
		}
		sign := "-role-change"
		if role == n.kind {
			sign = "+role-change"
		}
		s.event(Verbose, sign, n, " new reported role is "+role.String())
	}
	if !found || s.tilt || r == nil {
		return
	}
	if role == primaryKind {
		s.replicaIsPrimary(r)
	} else {
		s.replicaFollows(r)
	}
}

func (s *Sentinel) sawRunID(n *node, id string) {
	if n.runID != "" && n.runID != id {
		s.event(Notice, "+reboot", n, "")
		if p := n.asPrimary(); p != nil && p.rebootAfter != 0 {
			p.rebooted, p.rebootedAt = true, s.now()
		}
	}
	n.runID = id
}

// sawReplica takes a line of a primary's INFO that names a replica.
func (s *Sentinel) sawReplica(p *Primary, value string) {
	host, port := "", 0
	for field := range strings.SplitSeq(value, ",") {
		switch name, v, _ := strings.Cut(field, "="); name {
		case "ip":
			host = v
		case "port":
			port, _ = strconv.Atoi(v)
		}
	}
	if host == "" || port <= 0 {
		return
	}
	a, err := s.address(host, port, true)
	if err != nil || s.replicaAt(p, a) != nil {
		return
	}
	r := s.addReplica(p, a)
	s.event(Notice, "+slave", &r.node, "")
	_ = s.save() // tried again by Tick; nobody rests on it
}

func (s *Sentinel) sawReplicaField(r *Replica, name, value string) {
	number, _ := strconv.ParseInt(value, 10, 64)
	switch name {
	case "master_host":
		if !strings.EqualFold(r.primaryHost, value) {
			r.primaryHost, r.followsAt = value, s.now()
		}
	case "master_port":
		if r.primaryPort != int(number) {
			r.primaryPort, r.followsAt = int(number), s.now()
		}
	case "master_link_status":
		r.linkUp = value == "up"
	case "master_link_down_since_seconds":
		r.linkDown = Millis(max(number, 0) * 1000)
	case "slave_priority":
		r.priority = int(number)
	case "slave_repl_offset":
		r.offset = number
	case "replica_announced":
		r.announced = number != 0
	}
}

// replicaIsPrimary acts on a replica that says it is a primary: the one being promoted has done it; any other, most likely an
// old primary that came back, is made a replica again, after giving news of a failover elsewhere the time to come.
func (s *Sentinel) replicaIsPrimary(r *Replica) {
	p, now := r.owner, s.now()
	if r.chosen && p.failing && p.state == stateWaitPromotion {
		p.configEpoch = p.failoverEpoch
		p.state, p.stateAt = stateReconfReplicas, now
		_ = s.save() // until it succeeds, by Tick, no hello tells of the new epoch
		s.event(Warning, "+promoted-slave", &r.node, "")
		if s.crashPromoted {
			s.world.Crash()
		}
		s.event(Warning, "+failover-state-reconf-slaves", &p.node, "")
		s.reconfigureClients(p, "leader", p.addr, r.addr)
		s.hurryHello(p)
		return
	}
	wait := s.times.PublishPeriod * 4
	if !r.chosen && s.looksSane(p) && s.upFor(&r.node, wait) && now-r.reportedAt > wait {
		if s.follow(&r.node, p.addr) {
			s.event(Notice, "+convert-to-slave", &r.node, "")
		}
	}
}

// replicaFollows acts on what a replica follows.
func (s *Sentinel) replicaFollows(r *Replica) {
	p, now := r.owner, s.now()
	if !s.follows(r, p.addr) {
		if wait := p.timeout; s.looksSane(p) && s.upFor(&r.node, wait) && now-r.followsAt > wait {
			if s.follow(&r.node, p.addr) {
				s.event(Notice, "+fix-slave-config", &r.node, "")
			}
		}
	}
	if r.reconfSent && p.promoted != nil && s.follows(r, p.promoted.addr) {
		r.reconfSent, r.reconfBegun = false, true
		s.event(Notice, "+slave-reconf-inprog", &r.node, "")
	}
	if r.reconfBegun && r.linkUp {
		r.reconfBegun, r.reconfDone = false, true
		s.event(Notice, "+slave-reconf-done", &r.node, "")
	}
}

// follows says whether a replica says that it follows a.
func (s *Sentinel) follows(r *Replica, a Address) bool {
	return r.primaryPort == a.Port && (r.primaryHost == a.IP || strings.EqualFold(r.primaryHost, a.Host))
}

// looksSane says whether a primary is one in its own eyes and up: then others can be made to follow it.
func (s *Sentinel) looksSane(p *Primary) bool {
	return p.reported == primaryKind && !p.sDown && !p.oDown && s.now()-p.infoAt < s.times.InfoPeriod*2
}

// upFor says whether a node has not been down for so long.
func (s *Sentinel) upFor(n *node, wait Millis) bool {
	last := max(n.sDownSince, n.oDownSince)
	return last == 0 || s.now()-last > wait
}
