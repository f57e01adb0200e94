package sentinel

import (
	"fmt"
	"strconv"

	"frankenredis/wire/resp"
)

// checkSubjectivelyDown judges whether a node is down as far as this Sentinel sees, and gives up connections that look dead.
func (s *Sentinel) checkSubjectivelyDown(n *node) {
	now, p := s.now(), n.asPrimary()
	var silent Millis
	switch {
	case n.pingSent != 0:
		silent = now - n.pingSent
	case n.disconnected:
		silent = now - n.available
	}
	after := n.owner.downAfter
	if n.cmd != nil && now-n.cmdAt > s.times.ReconnectPeriod && n.pingSent != 0 && now-n.pingSent > after/2 && now-n.pong > after/2 {
		s.drop(n, &n.cmd)
	}
	if n.sub != nil && now-n.subAt > s.times.ReconnectPeriod && now-n.subHeard > s.times.PublishPeriod*3 {
		s.drop(n, &n.sub)
	}
	down := silent > after ||
		p != nil && n.reported == replicaKind && now-n.reportedAt > after+s.times.InfoPeriod*2 ||
		p != nil && p.rebooted && now-p.rebootedAt > p.rebootAfter
	switch {
	case down && !n.sDown:
		s.event(Warning, "+sdown", n, "")
		n.sDown, n.sDownSince = true, now
	case !down && n.sDown:
		s.event(Warning, "-sdown", n, "")
		n.sDown, n.killedScript = false, false
	}
}

// checkObjectivelyDown counts who sees a primary down.
func (s *Sentinel) checkObjectivelyDown(p *Primary) {
	seen := 0
	if p.sDown {
		seen = 1
		for _, q := range p.peers {
			if q.saysDown {
				seen++
			}
		}
	}
	switch down := p.sDown && seen >= p.quorum; {
	case down && !p.oDown:
		s.event(Warning, "+odown", &p.node, fmt.Sprintf(" #quorum %d/%d", seen, p.quorum))
		p.oDown, p.oDownSince = true, s.now()
	case !down && p.oDown:
		s.event(Warning, "-odown", &p.node, "")
		p.oDown = false
	}
}

// askOthers asks the other Sentinels whether a primary that is down here is down for them and, in a failover of our own, for
// their vote. Without at once each is asked once in an ask period.
func (s *Sentinel) askOthers(p *Primary, atOnce bool) {
	now := s.now()
	for _, q := range p.peers {
		silent := now - q.answered
		if silent > s.times.AskPeriod*5 {
			q.saysDown, q.leader = false, ""
		}
		if !p.sDown || q.disconnected || s.unsaved || !atOnce && silent < s.times.AskPeriod || q.pending >= maxPending {
			continue
		}
		candidate := "*"
		if p.state > stateNone {
			candidate = s.id
		}
		q.send(func(v resp.Value) { s.answered(q, v) }, "SENTINEL", "is-master-down-by-addr", s.shown(p.addr), strconv.Itoa(p.addr.Port),
			strconv.FormatUint(s.epoch, 10), candidate)
	}
}

// answered takes another Sentinel's opinion: whether the primary is down, its vote or *, and the vote's epoch.
func (s *Sentinel) answered(q *Peer, v resp.Value) {
	if len(v.Elems) != 3 || v.Elems[0].Kind != resp.IntKind || v.Elems[2].Kind != resp.IntKind {
		return
	}
	q.answered = s.now()
	q.saysDown = v.Elems[0].Int == 1
	leader, epoch := v.Elems[1].Str, uint64(v.Elems[2].Int)
	if leader == "*" {
		return
	}
	if q.leaderEpoch != epoch {
		s.log(Notice, fmt.Sprintf("%s voted for %s %d", q.name, leader, epoch))
	}
	q.leader, q.leaderEpoch = leader, epoch
}
