package main

import (
	"fmt"
	"time"

	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// closing is a shutdown that waits for replicas to have everything (shutdown-timeout).
type closing struct {
	on      bool
	request engine.ShutdownRequest
	until   time.Time
}

// forEver is how long clients wait when something else ends the pause.
const forEver = 100 * 365 * 24 * time.Hour

// awaitReplicas holds a shutdown up while replicas lag: clients may not write meanwhile. It says whether the shutdown waits.
func (s *server) awaitReplicas(r engine.ShutdownRequest) bool {
	limit := s.cfg.Int("shutdown-timeout")
	if r.Now || limit == 0 || s.inSync() {
		return false
	}
	s.logger.Info("Waiting for replicas before shutting down.")
	s.closing = closing{on: true, request: r, until: time.Now().Add(time.Duration(limit) * time.Second)}
	s.eng.Pause(time.Now().Add(forEver), false)
	return true
}

// inSync says that every replica has confirmed everything.
func (s *server) inSync() bool {
	s.forgetReplicas()
	for _, c := range s.replicas.list {
		if c.Replica.Acked != s.eng.StreamEnd() {
			return false
		}
	}
	return true
}

// tendShutdown goes on with a shutdown that waits.
func (s *server) tendShutdown() {
	c := &s.closing
	if !c.on || (!s.inSync() && time.Now().Before(c.until)) {
		return
	}
	s.eng.Commit()
	if s.finishShutdown(c.request) != nil {
		s.endClosing() // the log says why the server goes on
	}
}

// abortShutdown is SHUTDOWN ABORT.
func (s *server) abortShutdown() error {
	if !s.closing.on {
		return engine.ReplyError("ERR No shutdown in progress.")
	}
	s.logger.Info("Shutdown manually aborted.")
	s.endClosing()
	return nil
}

func (s *server) endClosing() {
	s.closing = closing{}
	s.eng.Unpause()
}

// tellReplicas logs which replicas a shutdown leaves behind.
func (s *server) tellReplicas() {
	list, lagging := s.replicas.list, 0
	for _, c := range list {
		p := c.Replica
		if p.Acked == s.eng.StreamEnd() {
			continue
		}
		lagging++
		lag := int64(0)
		if p.State == session.Online {
			lag = int64(time.Since(p.Heard) / time.Second)
		}
		s.logger.Info(fmt.Sprintf("Lagging replica %s reported offset %d behind master, lag=%d, state=%s.", replicaName(c),
			int64(s.eng.StreamEnd())-int64(p.Acked), lag, s.replicaState(c)))
	}
	if len(list) > 0 {
		s.logger.Info(fmt.Sprintf("%d of %d replicas are in sync when shutting down.", len(list)-lagging, len(list)))
	}
}
