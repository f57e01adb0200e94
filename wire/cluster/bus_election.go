package cluster

import (
	"fmt"
	"time"
)

// election is a replica's attempt to take its failing primary's place.
type election struct {
	at    time.Time // when it begins to ask for votes
	asked bool
	epoch uint64 // in which it asks
	votes int
	rank  int
	why   string // why it cannot, as last told
	told  time.Time
}

const (
	leastElection = 2 * time.Second
	electionDelay = 500 * time.Millisecond // so that the news of the failure gets about
	rankDelay     = time.Second            // a replica with less data lets one with more go first
	tellAgain     = 10 * time.Second
)

// tendElection goes on with an election, or begins one.
func (b *Bus) tendElection() {
	me, e := b.s.Me, &b.election
	primary, byHand := me.Of, b.manual.ready
	if primary == nil || primary.Flags&Fail == 0 && !byHand || b.set.NoFailover && !byHand || primary.Slots == 0 {
		e.why = ""
		return
	}
	timeout := max(2*b.set.NodeTimeout, leastElection)
	if age, _ := b.host.Heard(); !byHand && b.set.ValidityFactor > 0 {
		if max(age-b.set.NodeTimeout, 0) > b.set.PingReplicas+b.set.NodeTimeout*time.Duration(b.set.ValidityFactor) {
			b.cannot("Disconnected from master for longer than allowed. Please check the 'cluster-replica-validity-factor' configuration option.")
			return
		}
	}
	if b.now.Sub(e.at) > 2*timeout { // begin
		*e = election{at: b.now.Add(electionDelay + time.Duration(b.rng.IntN(int(electionDelay)))), rank: b.rank()}
		e.at = e.at.Add(time.Duration(e.rank) * rankDelay)
		if byHand {
			e.at, e.rank = b.now, 0
		}
		b.log.Info(fmt.Sprintf("Start of election delayed for %d milliseconds (rank #%d, offset %d).", e.at.Sub(b.now).Milliseconds(), e.rank, b.host.End()))
		b.pongAll(true) // the siblings are to know how far this one got
		if !byHand {
			return
		}
	}
	if !e.asked && !byHand {
		if rank := b.rank(); rank > e.rank {
			added := time.Duration(rank-e.rank) * rankDelay
			e.at, e.rank = e.at.Add(added), rank
			b.log.Info(fmt.Sprintf("Replica rank updated to #%d, added %d milliseconds of delay.", rank, added.Milliseconds()))
		}
	}
	switch {
	case b.now.Before(e.at):
		b.cannot("Waiting the delay before I can start a new failover.")
	case b.now.Sub(e.at) > timeout:
		b.cannot("Failover attempt expired.")
	case !e.asked:
		b.s.Epoch++
		e.asked, e.epoch, b.s.Changed = true, b.s.Epoch, true
		b.log.Info(fmt.Sprintf("Starting a failover election for epoch %d.", b.s.Epoch))
		m := b.message(msgVoteRequest)
		if b.manual.until.After(b.now) {
			m.mflags |= mflagForced
		}
		b.broadcast(m)
	case e.votes >= b.s.Size/2+1:
		b.log.Info("Failover election won: I'm the new master.")
		if me.Epoch < e.epoch {
			me.Epoch = e.epoch
			b.log.Info(fmt.Sprintf("configEpoch set to %d after successful failover", me.Epoch))
		}
		b.replacePrimary()
	default:
		b.cannot("Waiting for votes, but majority still not reached.")
	}
}

// cannot tells why there is no failover, not more often than a person can read.
func (b *Bus) cannot(why string) {
	e := &b.election
	if e.why == why && b.now.Sub(e.told) < tellAgain {
		return
	}
	e.why, e.told = why, b.now
	b.log.Info("Currently unable to failover: " + why)
	if e.asked {
		b.log.Info(fmt.Sprintf("Needed quorum: %d. Number of votes received so far: %d", b.s.Size/2+1, e.votes))
	}
}

// rank is how many siblings have more of the primary's stream.
func (b *Bus) rank() (n int) {
	end := b.host.End()
	for _, r := range b.s.nodes {
		if r != b.s.Me && r.Of == b.s.Me.Of && r.Flags&NoFailover == 0 && r.offset > end {
			n++
		}
	}
	return n
}

// vote gives a replica this node's vote, once an epoch, if its primary fails and nobody with a higher epoch serves what it claims.
func (b *Bus) vote(r *Node, m *message) {
	s, me, primary := b.s, b.s.Me, r.Of
	if me.IsReplica() || me.Slots == 0 {
		return
	}
	deny := func(why string) { b.log.Info("Failover auth denied to " + r.ID + " (" + r.Name + "): " + why) }
	switch {
	case m.epoch < s.Epoch:
		deny(fmt.Sprintf("reqEpoch (%d) < curEpoch(%d)", m.epoch, s.Epoch))
		return
	case s.VoteEpoch == s.Epoch:
		deny(fmt.Sprintf("already voted for epoch %d", s.Epoch))
		return
	case r.Flags&Primary != 0:
		deny("it is a master node")
		return
	case primary == nil:
		deny("I don't know its master")
		return
	case primary.Flags&Fail == 0 && m.mflags&mflagForced == 0:
		deny("its master is up")
		return
	case b.now.Sub(primary.bus.voted) < 2*b.set.NodeTimeout:
		deny(fmt.Sprintf("can't vote about this master before %d milliseconds", (2*b.set.NodeTimeout - b.now.Sub(primary.bus.voted)).Milliseconds()))
		return
	}
	for slot, owner := range s.slots {
		if m.slots.has(slot) && owner != nil && owner.Epoch > m.configEpoch {
			deny(fmt.Sprintf("slot %d epoch (%d) > reqEpoch (%d)", slot, owner.Epoch, m.configEpoch))
			return
		}
	}
	primary.bus.voted = b.now
	s.VoteEpoch, s.Changed = s.Epoch, true
	b.log.Info(fmt.Sprintf("Failover auth granted to %s (%s) for epoch %d", r.ID, r.Name, s.Epoch))
	b.send(r.bus.link, b.message(msgVote))
}

// countVote counts a vote for this node.
func (b *Bus) countVote(by *Node, m *message) {
	if by.Flags&Primary != 0 && by.Slots > 0 && m.epoch >= b.election.epoch && b.election.asked {
		b.election.votes++
		if b.s.Me.IsReplica() {
			b.tendElection()
		}
	}
}

// replacePrimary makes this node a primary with all slots of the one it copied.
func (b *Bus) replacePrimary() {
	me, old := b.s.Me, b.s.Me.Of
	if old == nil || me.Flags&Primary != 0 {
		return
	}
	b.setPrimary(me)
	for slot, owner := range b.s.slots {
		if owner == old {
			b.s.Assign(uint16(slot), me)
		}
	}
	b.s.Changed = true
	b.resetManual()
	b.election = election{}
	b.host.Promote()
	b.pongAll(false)
}

// migrate lets this replica go to a primary that has lost all of its own, if it is the one with the lowest id of those that could.
func (b *Bus) migrate(most int) {
	s, me := b.s, b.s.Me
	if !s.OK || me.Of == nil || int64(b.workingReplicas(me.Of, Fail|PFail)) <= b.set.Barrier { // one that is suspected may be none soon
		return
	}
	candidate := me
	var target *Node
	for _, n := range s.Nodes() {
		if n.Flags&Primary == 0 {
			continue
		}
		working := b.workingReplicas(n, Fail)
		orphaned := working == 0 && n.Slots > 0 && n.Flags&(Fail|PFail) == 0 && n.Flags&MigrateTo != 0
		if orphaned && target == nil && !n.bus.orphaned.IsZero() && b.now.Sub(n.bus.orphaned) > orphanDelay {
			target = n
		}
		if working == most {
			for _, r := range s.ReplicasOf(n) {
				if r.Flags&Fail == 0 && r.ID < candidate.ID {
					candidate = r
				}
			}
		}
	}
	if target != nil && candidate == me {
		b.log.Info("Migrating to orphaned master " + target.ID)
		b.Follow(target)
	}
}

// manual is a failover that an administrator asked for.
type manual struct {
	until time.Time // zero: there is none
	of    *Node     // on the primary: the replica that takes over
	at    uint64    // on the replica: the position at which the primary's clients stopped
	known bool      // and whether it is known
	ready bool      // the replica may begin to ask for votes
}

const manualTimeout = 5 * time.Second

// Failover is CLUSTER FAILOVER on a replica. force: also when the primary does not answer; takeover: and without votes.
func (b *Bus) Failover(force, takeover bool, by string, now time.Time) {
	b.now, b.set = now, b.host.Settings()
	b.resetManual()
	b.manual.until = now.Add(manualTimeout)
	switch {
	case takeover:
		b.log.Info("Taking over the master (user request from '" + by + "').")
		b.s.BumpEpoch()
		b.replacePrimary()
	case force:
		b.log.Info("Forced failover user request accepted (user request from '" + by + "').")
		b.manual.ready = true
		b.election.at = time.Time{}
	default:
		b.log.Info("Manual failover user request accepted (user request from '" + by + "').")
		b.election.at = time.Time{}
		b.send(b.s.Me.Of.bus.link, b.message(msgManualFailover))
	}
}

// manualRequested is on the primary: clients that write wait until the replica has everything and has taken over.
func (b *Bus) manualRequested(r *Node) {
	if b.s.Me.Flags&Primary == 0 || r.Of != b.s.Me {
		return
	}
	b.resetManual()
	b.manual.until, b.manual.of = b.now.Add(manualTimeout), r
	b.host.PauseWrites(b.now.Add(2 * manualTimeout))
	b.log.Warn(fmt.Sprintf("Manual failover requested by replica %s (%s).", r.ID, r.Name))
	b.ping(r.bus.link, msgPing)
}

// manualOffset learns where the primary's clients stopped.
func (b *Bus) manualOffset(sender *Node, m *message) {
	if b.manual.until.IsZero() || sender != b.s.Me.Of || m.mflags&mflagPaused == 0 || b.manual.known {
		return
	}
	b.manual.at, b.manual.known = m.offset, true
	b.log.Info(fmt.Sprintf("Received replication offset for paused master manual failover: %d", m.offset))
}

// tendManual ends a manual failover that takes too long, and begins to ask for votes when this replica has everything.
func (b *Bus) tendManual() {
	if b.manual.until.IsZero() {
		return
	}
	if b.now.After(b.manual.until) {
		b.log.Warn("Manual failover timed out.")
		b.resetManual()
		return
	}
	if b.manual.known && !b.manual.ready && b.manual.at == b.host.End() {
		b.manual.ready = true
		b.log.Info("All master replication stream processed, manual failover can start.")
	}
}

// resetManual forgets a manual failover.
func (b *Bus) resetManual() {
	if b.manual.of != nil {
		b.host.PauseWrites(time.Time{})
	}
	b.manual = manual{}
}
