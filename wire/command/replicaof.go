package command

import (
	"math"
	"strings"
	"time"

	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

const (
	replicaofFlags = engine.Admin | engine.NoScript | engine.Stale | engine.NoAsyncLoading
	syncFlags      = engine.Admin | engine.NoScript | engine.NoAsyncLoading | engine.NoMulti
)

var replicaofCommands = []engine.Spec{
	{Name: "failover", Arity: -1, Flags: engine.Admin | engine.NoScript | engine.Stale, Handler: failoverCommand},
	{Name: "psync", Arity: -3, Flags: syncFlags, Handler: psyncCommand},
	{Name: "replicaof", Arity: 3, Flags: replicaofFlags, Handler: replicaofCommand},
	{Name: "replconf", Arity: -1, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale | engine.AllowBusy,
		Handler: replconfCommand},
	{Name: "role", Arity: 1, Flags: engine.NoScript | engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatAdmin | engine.CatDangerous,
		Handler: roleCommand},
	{Name: "sync", Arity: 1, Flags: syncFlags, Handler: syncCommand},
	{Name: "slaveof", Arity: 3, Flags: replicaofFlags, Handler: replicaofCommand},
}

func failoverCommand(c *engine.Call) error {
	q := engine.FailoverRequest{}
	for i := 1; i < len(c.Args); i++ {
		switch word, left := c.Args[i], len(c.Args)-i-1; {
		case is(word, "TIMEOUT") && left >= 1 && q.Timeout == 0:
			ms, err := integer(c.Args[i+1])
			if err != nil {
				return err
			}
			if ms <= 0 {
				return engine.ReplyError("ERR FAILOVER timeout must be greater than 0")
			}
			q.Timeout = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
			i++
		case is(word, "ABORT") && len(c.Args) == 2:
			q.Abort = true
		case is(word, "TO") && left >= 2 && q.Host == "":
			port, err := integer(c.Args[i+2])
			if err != nil {
				return err
			}
			q.Host, q.Port = string(c.Args[i+1]), int(port)
			i += 2
		case is(word, "FORCE") && !q.Force:
			q.Force = true
		default:
			return engine.ErrSyntax
		}
	}
	return c.E.Failover(c, q)
}

func replicaofCommand(c *engine.Call) error {
	if is(c.Args[1], "NO") && is(c.Args[2], "ONE") {
		return c.E.ReplicaOf(c, "", 0)
	}
	port, err := integer(c.Args[2])
	if err != nil || port < 0 || port > 65535 {
		return engine.ReplyError("ERR Invalid master port")
	}
	return c.E.ReplicaOf(c, string(c.Args[1]), int(port))
}

// replconfCommand is what primaries and replicas say to each other. A primary that asks how far this server is (GETACK) is answered by
// whoever applies its stream (see engine.Engine.ApplyStream); in a log that question is a byte of the stream like any other.
func replconfCommand(c *engine.Call) error {
	if len(c.Args)%2 == 0 {
		return engine.ErrSyntax
	}
	if c.S.Primary || c.E.Loading() && is(c.Args[1], "GETACK") {
		return nil
	}
	s := c.S
	if s.Replica == nil {
		s.Replica = &session.Replica{}
	}
	p := s.Replica
	for i := 1; i < len(c.Args); i += 2 {
		value := c.Args[i+1]
		switch word := c.Args[i]; {
		case is(word, "LISTENING-PORT"):
			n, err := integer(value)
			if err != nil {
				return err
			}
			p.Port = int(n)
		case is(word, "IP-ADDRESS"):
			if len(value) >= 255 {
				return engine.Errorf("ERR REPLCONF ip-address provided by replica instance is too long: %d bytes", len(value))
			}
			p.IP = string(value)
		case is(word, "CAPA"):
			p.EOF = p.EOF || is(value, "EOF")
			p.PSYNC2 = p.PSYNC2 || is(value, "PSYNC2")
		case is(word, "ACK"):
			if !s.IsReplica() {
				return nil
			}
			applied, err := integer(value)
			if err != nil || applied < 0 {
				return nil
			}
			durable := int64(0)
			if len(c.Args) > i+3 && is(c.Args[i+2], "FACK") {
				if durable, err = integer(c.Args[i+3]); err != nil || durable < 0 {
					return nil
				}
			}
			c.E.ReplicaAck(s, wal.LSN(applied), wal.LSN(durable))
			return nil
		case is(word, "GETACK"):
			return nil // only a replica answers, and only its primary
		case is(word, "RDB-ONLY"):
			n, err := integerIn(value, 0, 1)
			if err != nil {
				return err
			}
			p.RDBOnly = n == 1
		case is(word, "RDB-FILTER-ONLY"):
			p.FunctionOnly = false
			for _, part := range strings.Fields(string(value)) {
				if !strings.EqualFold(part, "functions") {
					return engine.Errorf("ERR Unsupported rdb-filter-only option: %s", part)
				}
				p.FunctionOnly = true
			}
		default:
			return engine.Errorf("ERR Unrecognized REPLCONF option: %s", shown(word))
		}
	}
	c.W.OK()
	return nil
}

func psyncCommand(c *engine.Call) error {
	offset, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if err := checkFiltered(c); err != nil {
		return err
	}
	takeOver := len(c.Args) > 3 && is(c.Args[3], "FAILOVER")
	return c.E.SyncReplica(c, engine.SyncRequest{ID: string(c.Args[1]), Offset: offset, TakeOver: takeOver})
}

func syncCommand(c *engine.Call) error {
	if err := checkFiltered(c); err != nil {
		return err
	}
	return c.E.SyncReplica(c, engine.SyncRequest{})
}

// checkFiltered refuses a part of the data set to who cannot take it as a stream: what is sent as a file is whole.
func checkFiltered(c *engine.Call) error {
	if p := c.S.Replica; p != nil && p.FunctionOnly && !p.EOF && !c.S.IsReplica() {
		return engine.ReplyError("ERR Filtered replica requires EOF capability")
	}
	return nil
}

func roleCommand(c *engine.Call) error {
	c.E.Role(c.W)
	return nil
}
