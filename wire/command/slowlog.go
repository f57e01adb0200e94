package command

import (
	"math"

	"frankenredis/wire/engine"
)

// slowCommands are what shows an operator which commands are run, and which take long.
var slowCommands = []engine.Spec{
	{Name: "monitor", Arity: 1, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Handler: monitorCommand},
	{Name: "slowlog", Arity: -2, Sub: []engine.Spec{
		{Name: "get", Arity: -2, Flags: engine.Admin | engine.Loading | engine.Stale,
			Tips:    []string{"request_policy:all_nodes", "nondeterministic_output"},
			Handler: slowlogGetCommand},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Handler: slowlogHelpCommand},
		{Name: "len", Arity: 2, Flags: engine.Admin | engine.Loading | engine.Stale,
			Tips:    []string{"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"},
			Handler: slowlogLenCommand},
		{Name: "reset", Arity: 2, Flags: engine.Admin | engine.Loading | engine.Stale,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Handler: slowlogResetCommand},
	}},
}

// monitorCommand answers nothing to a client that monitors already, as Redis does.
func monitorCommand(c *engine.Call) error {
	if !c.CanBlock() {
		return engine.ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client")
	}
	if !c.S.IsReplica() && c.E.Monitor(c.S) {
		c.W.OK()
	}
	return nil
}

func slowlogGetCommand(c *engine.Call) error {
	n := 10
	switch len(c.Args) {
	case 2:
	case 3:
		count, err := integer(c.Args[2])
		if err != nil || count < -1 {
			return engine.ReplyError("ERR count should be greater than or equal to -1")
		}
		if n = int(count); count == -1 {
			n = math.MaxInt
		}
	default:
		return errSubcommand(c)
	}
	log := c.E.SlowLog()
	c.W.Array(min(n, log.Len()))
	log.Newest(n, func(s *engine.SlowEntry) {
		c.W.Array(6)
		c.W.Int(s.ID)
		c.W.Int(s.At.Unix())
		c.W.Int(s.Took.Microseconds())
		c.W.Array(len(s.Argv))
		for _, arg := range s.Argv {
			c.W.BulkString(arg)
		}
		c.W.BulkString(s.Addr)
		c.W.BulkString(s.Name)
	})
	return nil
}

func slowlogLenCommand(c *engine.Call) error {
	c.W.Int(int64(c.E.SlowLog().Len()))
	return nil
}

func slowlogResetCommand(c *engine.Call) error {
	c.E.SlowLog().Reset()
	c.W.OK()
	return nil
}

func slowlogHelpCommand(c *engine.Call) error {
	return help(c,
		"GET [<count>]", "    The commands that took long, newest first: 10, or as many as are asked for, or with -1 all.",
		"    Of each: its id, when it ran, how many microseconds it took, its arguments,",
		"    the address of the client and its name.",
		"LEN", "    How many there are.",
		"RESET", "    Forget them.")
}
