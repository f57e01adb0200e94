package sentinel

import "fmt"

// vote gives this Sentinel's vote in an epoch to candidate, unless it was given already; it returns to whom it belongs, and in
// which epoch. "": nobody, or nobody that a crash could not take it from again.
//
// A vote is durable before it is told. Should saving fail it stays given here, so that no one else gets it, but it does not
// count until a later save has succeeded.
func (s *Sentinel) vote(p *Primary, epoch uint64, candidate string) (leader string, in uint64) {
	changed := s.adoptEpoch(p, epoch)
	given := p.leaderEpoch < epoch && s.epoch <= epoch
	if given {
		p.leader, p.leaderEpoch = candidate, epoch
		changed = true
	}
	if changed || s.unsaved {
		if s.save() != nil {
			return "", 0
		}
	}
	if given {
		s.tell(Warning, "+vote-for-leader", fmt.Sprintf("%s %d", candidate, epoch), p)
		if candidate != s.id {
			// The other one has its time; this one is no candidate meanwhile.
			p.failoverStart = s.now() + Millis(s.world.Random(maxDesync))
		}
	}
	return p.leader, p.leaderEpoch
}

// leaderOf returns who has been elected to fail over p in an epoch, "" if nobody has: more than half of all known Sentinels
// must have voted for it, and at least the quorum. This one's own vote goes to who is ahead, else to itself.
func (s *Sentinel) leaderOf(p *Primary, epoch uint64) string {
	votes := make(map[string]int)
	winner := ""
	count := func(id string) {
		if votes[id]++; winner == "" || votes[id] > votes[winner] {
			winner = id
		}
	}
	for _, q := range p.peers {
		if q.leader != "" && q.leaderEpoch == epoch {
			count(q.leader)
		}
	}
	candidate := s.id
	if winner != "" {
		candidate = winner
	}
	if own, in := s.vote(p, epoch, candidate); own != "" && in == epoch {
		count(own)
	}
	if most := votes[winner]; most < (len(p.peers)+1)/2+1 || most < p.quorum {
		return ""
	}
	return winner
}

// DownByAddress answers SENTINEL IS-MASTER-DOWN-BY-ADDR: whether the primary there is down for this Sentinel and, unless
// candidate is *, whom it votes for ("*": nobody) in which epoch.
func (s *Sentinel) DownByAddress(ip string, port int, epoch uint64, candidate string) (down bool, leader string, in uint64) {
	var p *Primary
	for _, o := range s.primaries {
		if o.addr.Port == port && (o.addr.IP == ip || s.resolveNames && o.addr.Host == ip) {
			p = o
		}
	}
	leader = "*"
	if p == nil {
		return false, leader, 0
	}
	if candidate != "*" {
		if l, e := s.vote(p, epoch, candidate); l != "" {
			leader, in = l, e
		}
	}
	return p.sDown && !s.tilt, leader, in
}
