package command

import (
	"frankenredis/wire/acl"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

var connectionCommands = []engine.Spec{
	{Name: "auth", Arity: -2, Flags: engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.NoAuth | engine.AllowBusy, Categories: engine.CatConnection,
		Handler: authCommand},
	clientRow,
	{Name: "echo", Arity: 2, Flags: engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatConnection,
		Handler: echoCommand},
	{Name: "hello", Arity: -1, Flags: engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.NoAuth | engine.AllowBusy, Categories: engine.CatConnection,
		Handler: helloCommand},
	{Name: "ping", Arity: -1, Flags: engine.Subscribed | engine.Fast, Categories: engine.CatConnection,
		Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Handler: pingCommand},
	{Name: "quit", Arity: -1, Flags: engine.Subscribed | engine.Control | engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.NoAuth | engine.AllowBusy, Categories: engine.CatConnection,
		Handler: quitCommand},
	{Name: "reset", Arity: 1, Flags: engine.Subscribed | engine.Control | engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.NoAuth | engine.AllowBusy, Categories: engine.CatConnection,
		Handler: resetCommand},
	{Name: "select", Arity: 2, Flags: engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatConnection,
		Handler: selectCommand},
}

const errWrongPass = engine.ReplyError("WRONGPASS invalid username-password pair or user is disabled.")

// authenticate logs a client in.
func authenticate(c *engine.Call, user string, password []byte) error {
	if !c.E.Authenticate(c.S, user, password, c.Args) {
		return errWrongPass
	}
	return nil
}

func authCommand(c *engine.Call) error {
	user, password := acl.DefaultName, c.Args[1]
	if len(c.Args) <= 3 {
		for i := 1; i < len(c.Args); i++ {
			c.Redact(i)
		}
	}
	switch len(c.Args) {
	case 2:
		if c.E.Users().Default().AnyPassword() {
			return engine.ReplyError("ERR AUTH <password> called without any password configured for the default user. " +
				"Are you sure your configuration is correct?")
		}
	case 3:
		user, password = string(c.Args[1]), c.Args[2]
	default:
		return engine.ErrSyntax
	}
	if err := authenticate(c, user, password); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func helloCommand(c *engine.Call) error {
	proto := c.W.Proto
	next := 1
	if len(c.Args) > 1 {
		n, err := integer(c.Args[1])
		if err != nil {
			return engine.ReplyError("ERR Protocol version is not an integer or out of range")
		}
		if n < 2 || n > 3 {
			return engine.ReplyError("NOPROTO unsupported protocol version")
		}
		proto, next = int(n), 2
	}
	var user, password, name []byte
	named := false
	for ; next < len(c.Args); next++ {
		left := len(c.Args) - 1 - next
		switch {
		case is(c.Args[next], "AUTH") && left >= 2:
			user, password = c.Args[next+1], c.Args[next+2]
			c.Redact(next + 1)
			c.Redact(next + 2)
			next += 2
		case is(c.Args[next], "SETNAME") && left >= 1:
			name, named = c.Args[next+1], true
			if err := checkName(name); err != nil {
				return err
			}
			next++
		default:
			return engine.Errorf("ERR Syntax error in HELLO option '%s'", shown(c.Args[next]))
		}
	}
	if user != nil {
		if err := authenticate(c, string(user), password); err != nil {
			return err
		}
	}
	if c.E.AuthNeeded(c.S) {
		return engine.ReplyError("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
			"<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version " +
			"at the same time")
	}
	if named {
		c.S.Name = string(name)
	}
	c.W.Proto = proto
	sentinel := c.E.Mode() == engine.SentinelMode // which has no role
	fields := 7
	if sentinel {
		fields--
	}
	c.W.Map(fields)
	c.W.BulkString("server")
	c.W.BulkString("redis")
	c.W.BulkString("version")
	c.W.BulkString(engine.RedisVersion)
	c.W.BulkString("proto")
	c.W.Int(int64(proto))
	c.W.BulkString("id")
	c.W.Int(c.S.ID)
	c.W.BulkString("mode")
	c.W.BulkString(c.E.Mode())
	if !sentinel {
		c.W.BulkString("role")
		c.W.BulkString("master")
	}
	c.W.BulkString("modules")
	c.W.Array(0)
	return nil
}

func pingCommand(c *engine.Call) error {
	switch {
	case len(c.Args) > 2:
		return engine.ErrArity("ping")
	case c.W.Proto != 3 && c.S.Subs.Any():
		c.W.Array(2) // shaped as a message, for that is what the client waits for
		c.W.BulkString("pong")
		if len(c.Args) == 2 {
			c.W.Bulk(c.Args[1])
		} else {
			c.W.BulkString("")
		}
	case len(c.Args) == 2:
		c.W.Bulk(c.Args[1])
	default:
		c.W.Simple("PONG")
	}
	return nil
}

func echoCommand(c *engine.Call) error {
	c.W.Bulk(c.Args[1])
	return nil
}

func selectCommand(c *engine.Call) error {
	if c.E.Cluster() != nil {
		if n, err := integer(c.Args[1]); err == nil && n != 0 {
			return engine.ReplyError("ERR SELECT is not allowed in cluster mode")
		}
	}
	n, err := database(c, c.Args[1])
	if err != nil {
		return err
	}
	c.S.DB = n
	c.W.OK()
	return nil
}

func quitCommand(c *engine.Call) error {
	c.W.OK()
	c.S.CloseAfterReply = true
	return nil
}

// resetCommand makes the connection as new.
func resetCommand(c *engine.Call) error {
	s := c.S
	if s.IsReplica() || s.Primary {
		return engine.ReplyError("ERR can only reset normal client connections")
	}
	c.E.Unwatch(s)
	s.ResetTransaction()
	c.E.PubSub().LeaveAll(&s.Subs)
	c.E.Unmonitor(s)
	c.E.Untrack(s)
	s.DB, s.Name = 0, ""
	if s.Reply != session.Skip { // which mutes this reply, too
		s.Reply = session.ReplyOn
	}
	s.NoEvict, s.NoTouch, s.ReadOnly, s.Asking = false, false, false, false
	c.E.Anonymous(s)
	s.W.Proto = 2
	c.W.Simple("RESET")
	return nil
}
