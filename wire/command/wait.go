package command

import (
	"math"
	"time"

	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// deadline turns a time limit into an instant; 0 means none.
func deadline(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

func waitCommand(c *engine.Call) error {
	if c.E.Following() {
		return engine.ReplyError("ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured " +
			"to be writable (which is not the default) writes to replicas are just local and are not propagated.")
	}
	want, err := integer(c.Args[1])
	if err != nil {
		return err
	}
	limit, err := timeoutMillis(c, c.Args[2])
	if err != nil {
		return err
	}
	e, s := c.E, c.S
	acked := func() int64 {
		if r := e.Replication(); r != nil {
			return int64(r.Acked(s.LastWrite, false))
		}
		return 0
	}
	if n := acked(); n >= want || !c.CanBlock() {
		c.W.Int(n)
		return nil
	}
	e.RequestAcks()
	c.Block(&session.Wait{
		Deadline:    deadline(limit),
		Unblockable: true,
		Ready:       func() bool { return acked() >= want },
		Resume:      func(bool) { s.W.Int(acked()) },
	})
	return nil
}

func waitaofCommand(c *engine.Call) error {
	local, err := integerIn(c.Args[1], 0, 1)
	if err != nil {
		return err
	}
	replicas, err := integer(c.Args[2])
	if err != nil || replicas < 0 || replicas > math.MaxInt64 {
		return engine.ErrMustBePos
	}
	limit, err := timeoutMillis(c, c.Args[3])
	if err != nil {
		return err
	}
	e, s := c.E, c.S
	if e.Following() {
		return engine.ReplyError("ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and " +
			"are not propagated.")
	}
	if local > 0 && !e.Logged() {
		return engine.ReplyError("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
	}
	acked := func() (here, there int64) {
		if e.Logged() && e.Log().Durable() >= s.LastWrite {
			here = 1
		}
		if r := e.Replication(); r != nil {
			there = int64(r.Acked(s.LastWrite, true))
		}
		return here, there
	}
	reply := func() {
		here, there := acked()
		s.W.Array(2)
		s.W.Int(here)
		s.W.Int(there)
	}
	ready := func() bool {
		here, there := acked()
		return here >= local && there >= replicas
	}
	if ready() || !c.CanBlock() {
		reply()
		return nil
	}
	e.RequestAcks()
	c.Block(&session.Wait{Deadline: deadline(limit), Unblockable: true, Ready: ready, Resume: func(bool) { reply() }})
	return nil
}
