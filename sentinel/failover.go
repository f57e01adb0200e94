package sentinel

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// failoverState is how far a failover has come.
type failoverState uint8

const (
	stateNone failoverState = iota
	stateWaitStart
	stateSelectReplica
	stateSendNoOne
	stateWaitPromotion
	stateReconfReplicas
	stateUpdateConfig
)

// String is the word of SENTINEL MASTER.
func (f failoverState) String() string {
	return [...]string{"none", "wait_start", "select_slave", "send_slaveof_noone", "wait_promotion", "reconf_slaves", "update_config"}[f]
}

// startFailoverIfNeeded begins a failover of a primary that is objectively down, unless there was one lately.
func (s *Sentinel) startFailoverIfNeeded(p *Primary) bool {
	if !p.oDown || p.failing || s.unsaved {
		return false
	}
	now := s.now()
	if now-p.failoverStart < p.timeout*2 {
		if p.delayLogged != p.failoverStart {
			p.delayLogged = p.failoverStart
			until := time.UnixMilli(int64(p.failoverStart + p.timeout*2))
			s.log(Notice, "Next failover delay: I will not start a failover before "+until.Format(time.ANSIC))
		}
		return false
	}
	return s.startFailover(p) == nil
}

// startFailover opens a new epoch for a failover, durable before anybody is asked to vote in it. After an error nothing has begun.
func (s *Sentinel) startFailover(p *Primary) error {
	s.epoch++
	if err := s.save(); err != nil {
		// The number is not used again: a vote asked for in it could be remembered by others.
		return err
	}
	now := s.now()
	p.state, p.stateAt, p.failing = stateWaitStart, now, true
	p.failoverEpoch = s.epoch
	s.tell(Warning, "+new-epoch", strconv.FormatUint(s.epoch, 10), p)
	s.event(Warning, "+try-failover", &p.node, "")
	p.failoverStart = now + Millis(s.world.Random(maxDesync))
	return nil
}

// failoverStep goes on with a failover.
func (s *Sentinel) failoverStep(p *Primary) {
	if !p.failing {
		return
	}
	switch p.state {
	case stateWaitStart:
		s.awaitElection(p)
	case stateSelectReplica:
		r := s.selectReplica(p)
		if r == nil {
			s.event(Warning, "-failover-abort-no-good-slave", &p.node, "")
			s.abortFailover(p)
			return
		}
		s.event(Warning, "+selected-slave", &r.node, "")
		r.chosen, p.promoted = true, r
		s.enter(p, stateSendNoOne)
		s.event(Notice, "+failover-state-send-slaveof-noone", &r.node, "")
	case stateSendNoOne:
		if p.promoted.disconnected {
			s.abortLate(p)
			return
		}
		if s.follow(&p.promoted.node, Address{}) {
			s.event(Notice, "+failover-state-wait-promotion", &p.promoted.node, "")
			s.enter(p, stateWaitPromotion)
		}
	case stateWaitPromotion:
		s.abortLate(p) // INFO shows the promotion
	case stateReconfReplicas:
		s.reconfigureNext(p)
	}
}

func (s *Sentinel) enter(p *Primary, state failoverState) { p.state, p.stateAt = state, s.now() }

// awaitElection goes on once this Sentinel is the leader, and gives up when it was not elected in time. Who was asked by an
// administrator needs no election.
func (s *Sentinel) awaitElection(p *Primary) {
	if s.leaderOf(p, p.failoverEpoch) != s.id && !p.forced {
		if s.now()-p.failoverStart > min(s.times.ElectionTimeout, p.timeout) {
			s.event(Warning, "-failover-abort-not-elected", &p.node, "")
			s.abortFailover(p)
		}
		return
	}
	s.event(Warning, "+elected-leader", &p.node, "")
	if s.crashElected {
		s.world.Crash()
	}
	s.enter(p, stateSelectReplica)
	s.event(Warning, "+failover-state-select-slave", &p.node, "")
}

// abortLate gives up when a state has lasted for the failover's timeout.
func (s *Sentinel) abortLate(p *Primary) {
	if s.now()-p.stateAt > p.timeout {
		s.event(Warning, "-failover-abort-slave-timeout", &p.node, "")
		s.abortFailover(p)
	}
}

// abortFailover leaves everything to the next try. A replica is promoted from here on only by another failover.
func (s *Sentinel) abortFailover(p *Primary) {
	p.failing, p.forced = false, false
	s.enter(p, stateNone)
	if p.promoted != nil {
		p.promoted.chosen, p.promoted = false, nil
	}
}

// selectReplica returns the best replica to promote, or nil: one that is up, heard of lately and not cut off from the primary for
// too long. Of those the smallest priority (0: never), the largest offset and then the smallest run id.
func (s *Sentinel) selectReplica(p *Primary) *Replica {
	now := s.now()
	longest, fresh := p.downAfter*10, s.times.InfoPeriod*3
	if p.sDown {
		longest += now - p.sDownSince
		fresh = s.times.PingPeriod * 5
	}
	var good []*Replica
	for _, r := range p.replicas {
		if r.sDown || r.disconnected || now-r.available > s.times.PingPeriod*5 || r.priority == 0 ||
			now-r.infoAt > fresh || r.linkDown > longest {
			continue
		}
		good = append(good, r)
	}
	if len(good) == 0 {
		return nil
	}
	return slices.MinFunc(good, func(a, b *Replica) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(b.offset, a.offset), compareIDs(a.runID, b.runID))
	})
}

// compareIDs orders run ids; one that is not known goes last.
func compareIDs(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

// follow makes a server follow the one at a, the zero Address meaning no one, as one transaction: the role, its
// configuration file, and the end of its clients' connections, so that these ask again where the primary is. It says whether it was sent.
func (s *Sentinel) follow(n *node, a Address) bool {
	if n.cmd == nil {
		return false
	}
	host, port := "NO", "ONE"
	if a != (Address{}) {
		host, port = s.shown(a), strconv.Itoa(a.Port)
	}
	config, client := n.owner.command("CONFIG"), n.owner.command("CLIENT")
	n.send(nil, "MULTI")
	n.send(nil, "SLAVEOF", host, port)
	n.send(nil, config, "REWRITE")
	n.send(nil, client, "KILL", "TYPE", "normal")
	n.send(nil, client, "KILL", "TYPE", "pubsub")
	n.send(nil, "EXEC")
	return true
}

// reconfigureNext makes replicas follow the promoted one, parallel-syncs at a time.
func (s *Sentinel) reconfigureNext(p *Primary) {
	now, busy := s.now(), 0
	for _, r := range p.replicas {
		if r.reconfSent || r.reconfBegun {
			busy++
		}
	}
	for _, r := range p.replicas {
		if busy >= p.parallelSyncs {
			break
		}
		if r.chosen || r.reconfDone {
			continue
		}
		if r.reconfSent && now-r.reconfAt > s.times.ReconfTimeout {
			s.event(Notice, "-slave-reconf-sent-timeout", &r.node, "")
			r.reconfSent, r.reconfDone = false, true
			continue
		}
		if r.reconfSent || r.reconfBegun || r.disconnected {
			continue
		}
		if s.follow(&r.node, p.promoted.addr) {
			r.reconfSent, r.reconfAt = true, now
			s.event(Notice, "+slave-reconf-sent", &r.node, "")
			busy++
		}
	}
	s.endFailoverIfDone(p)
}

// endFailoverIfDone ends a failover when all replicas that are up follow the promoted one, or its timeout has passed: then the
// others are told once more, and what becomes of it is seen later.
func (s *Sentinel) endFailoverIfDone(p *Primary) {
	if p.promoted.sDown {
		return
	}
	left := 0
	for _, r := range p.replicas {
		if !r.chosen && !r.reconfDone && !r.sDown {
			left++
		}
	}
	late := s.now()-p.stateAt > p.timeout
	if left > 0 && !late {
		return
	}
	if left > 0 {
		s.event(Warning, "+failover-end-for-timeout", &p.node, "")
	}
	s.event(Warning, "+failover-end", &p.node, "")
	s.enter(p, stateUpdateConfig)
	if !late {
		return
	}
	for _, r := range p.replicas {
		if r.chosen || r.reconfDone || r.reconfSent || r.disconnected {
			continue
		}
		if s.follow(&r.node, p.promoted.addr) {
			s.event(Notice, "+slave-reconf-sent-be", &r.node, "")
			r.reconfSent = true
		}
	}
}

// Refusals of a failover on demand.
var (
	errInProgress = errors.New("INPROG Failover already in progress")
	errNoGood     = errors.New("NOGOODSLAVE No suitable replica to promote")
)

// Failover is SENTINEL FAILOVER: it needs nobody's agreement.
func (s *Sentinel) Failover(name string) error {
	p := s.find(name)
	switch {
	case p == nil:
		return ErrNoPrimary
	case p.failing:
		return errInProgress
	case s.selectReplica(p) == nil:
		return errNoGood
	}
	s.log(Notice, "Executing user requested FAILOVER of '"+name+"'")
	if err := s.startFailover(p); err != nil {
		return ErrUnsaved
	}
	p.forced = true
	return nil
}
