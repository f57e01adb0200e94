package main

import (
	"fmt"
	"strings"
	"time"

	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// failover is FAILOVER on the primary that gives its role away. Clients may not write from the request to the end, so that the replica
// that takes over can have everything. Executor only.
type failover struct {
	phase failoverPhase
	host  string // the replica that is to take over; "": the first that has everything
	port  int
	until time.Time // when waiting ends; zero: never
	force bool      // and then the target takes over as it is
}

type failoverPhase int

const (
	noFailover       failoverPhase = iota
	waitingForSync                 // the target does not have everything yet
	failoverUnderWay               // this server follows the target, and asks it to take over
)

// String is INFO's word.
func (p failoverPhase) String() string {
	return [...]string{"no-failover", "waiting-for-sync", "failover-in-progress"}[p]
}

// target is the log's word for who is to take over.
func (f *failover) target() string {
	if f.host == "" {
		return "any replica"
	}
	return fmt.Sprintf("%s:%d", f.host, f.port)
}

// failOver is FAILOVER.
func (s *server) failOver(c *engine.Call, q engine.FailoverRequest) error {
	f := &s.failover
	s.forgetReplicas()
	switch {
	case q.Abort && f.phase == noFailover:
		return engine.ReplyError("ERR No failover in progress.")
	case q.Abort:
		return s.abortFailover(c, "Failover manually aborted")
	case f.phase != noFailover:
		return engine.ReplyError("ERR FAILOVER already in progress.")
	case s.eng.Following():
		return engine.ReplyError("ERR FAILOVER is not valid when server is a replica.")
	case len(s.replicas.list) == 0:
		return engine.ReplyError("ERR FAILOVER requires connected replicas.")
	case q.Force && (q.Timeout == 0 || q.Host == ""):
		return engine.ReplyError("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
	}
	if q.Host != "" {
		switch target := s.findReplica(q.Host, q.Port); {
		case target == nil:
			return engine.ReplyError("ERR FAILOVER target HOST and PORT is not a replica.")
		case !isConnected(target):
			return engine.ReplyError("ERR FAILOVER target replica is not online.")
		}
	}
	*f = failover{phase: waitingForSync, host: q.Host, port: q.Port, force: q.Force}
	if q.Timeout > 0 {
		f.until = time.Now().Add(q.Timeout)
	}
	s.logger.Info("FAILOVER requested to " + f.target() + ".")
	s.eng.Pause(time.Now().Add(forEver), false)
	c.W.OK()
	return nil
}

// findReplica finds a replica by where it says it can be reached.
func (s *server) findReplica(host string, port int) *session.Session {
	for _, c := range s.replicas.list {
		if h, p := replicaAddress(c); p == port && strings.EqualFold(h, host) {
			return c
		}
	}
	return nil
}

// tendFailover goes on with a failover that waits.
func (s *server) tendFailover() {
	f := &s.failover
	if f.phase != waitingForSync {
		return
	}
	if !f.until.IsZero() && !time.Now().Before(f.until) {
		if !f.force {
			_ = s.abortFailover(nil, "Replica never caught up before timeout")
			return
		}
		s.logger.Info("FAILOVER to " + f.target() + " time out exceeded, failing over.")
		s.handOver()
		return
	}
	s.forgetReplicas()
	for _, c := range s.replicas.list {
		host, port := replicaAddress(c)
		if !isOnline(c) || c.Replica.Acked != s.eng.StreamEnd() ||
			f.host != "" && (!strings.EqualFold(host, f.host) || port != f.port) {
			continue
		}
		f.host, f.port = host, port
		s.logger.Info("Failover target " + f.target() + " is synced, failing over.")
		s.handOver()
		return
	}
}

// handOver follows the target, and asks it to take over.
func (s *server) handOver() {
	s.failover.phase = failoverUnderWay
	s.replica.failover = true
	s.follow(s.failover.host, s.failover.port)
}

// endFailover lets clients write again, who learn from whoever is the primary now what becomes of it.
func (s *server) endFailover() {
	if s.failover.phase == noFailover {
		return
	}
	s.failover = failover{}
	s.replica.failover = false
	s.eng.Unpause()
}

// abortFailover makes this server a primary that is written to, as it was. c is the client that asked for it, or nil.
func (s *server) abortFailover(c *engine.Call, why string) error {
	f := s.failover
	if f.phase == noFailover {
		return nil
	}
	s.logger.Info("FAILOVER to " + f.target() + " aborted: " + why)
	done := func(c *engine.Call) error {
		s.endFailover()
		if c != nil {
			c.W.OK()
		}
		return nil
	}
	if f.phase == failoverUnderWay {
		return s.promote(c, done)
	}
	return done(c)
}

// takeOver is PSYNC with FAILOVER: the primary of this server wants it to be the primary, and to follow it.
func (s *server) takeOver(c *engine.Call, id string, offset int64) error {
	s.logger.Info("Failover request received for replid " + id + ".")
	switch {
	case !s.eng.Following():
		return engine.ReplyError("ERR PSYNC FAILOVER can't be sent to a master.")
	case !strings.EqualFold(id, s.load.result.Position.ID.String()):
		return engine.ReplyError("ERR PSYNC FAILOVER replid must match my replid.")
	}
	by := s.eng.DescribeClient(c.S)
	return s.promote(c, func(c *engine.Call) error {
		s.logger.Info(fmt.Sprintf("MASTER MODE enabled (failover request from '%s')", by))
		return s.syncRequest(c, engine.SyncRequest{ID: id, Offset: offset})
	})
}
