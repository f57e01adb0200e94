package engine

import (
	"math"

	"frankenredis/wal"
	"frankenredis/wire/session"
)

// A script that is debugged apart runs in another process, on a copy of the data set whose changes nobody will ever see. That process has an
// engine as well, without a log, replicas or listeners.

// Circumstances are what commands depend on besides the data set, the parameters and their client.
type Circumstances struct {
	Following, LinkUp bool // of a replica
	ReadOnly          bool // as SetReadOnly
	Full              bool // nothing more is to be stored (maxmemory)
	FewReplicas       bool // writes are refused for want of replicas
	Refusal           string
}

// Circumstances returns what holds for the command under way.
func (e *Engine) Circumstances() Circumstances {
	c := Circumstances{Following: e.following.on, LinkUp: e.following.up, ReadOnly: e.following.readOnly, Full: e.full, FewReplicas: e.tooFewReplicas()}
	if err := e.refuseWrites(); err != nil {
		c.Refusal = err.Error()
	}
	return c
}

// DebugApart has the command run by another process. It is refused as a dialogue is.
func (c *Call) DebugApart() error {
	e := c.E
	if e.hooks.DebugApart == nil {
		return errNoTalk
	}
	if e.log != nil && e.log.Err() != nil && e.Released() < e.StreamEnd() {
		return errUncovered
	}
	return e.hooks.DebugApart(c)
}

// RunApart runs a command that another process has let in, under the circumstances that it found there, which hold from then on.
func (e *Engine) RunApart(s *session.Session, argv [][]byte, c Circumstances) error {
	spec, err := e.resolve(argv)
	if err != nil {
		return err
	}
	e.Follow(c.Following)
	e.SetLinkUp(c.LinkUp)
	e.SetReadOnly(c.ReadOnly)
	good := fixedReplicas(math.MaxInt)
	if c.FewReplicas {
		good = 0
	}
	e.SetReplication(good)
	if c.Refusal != "" {
		e.SetDenyWrites(func() error { return ReplyError(c.Refusal) })
	}
	e.readClock()
	e.full = c.Full
	s.Executing = true
	e.call(s, spec, argv)
	s.Executing = false
	return nil
}

// fixedReplicas is a number of replicas that keep up, and have heard of nothing.
type fixedReplicas int

func (n fixedReplicas) Acked(wal.LSN, bool) int { return 0 }
func (n fixedReplicas) Good(int64) int          { return int(n) }
func (n fixedReplicas) Online() bool            { return false }
