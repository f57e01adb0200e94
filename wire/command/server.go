package command

import (
	"errors"
	"strconv"

	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

var serverCommands = []engine.Spec{
	commandRow,
	{Name: "config", Arity: -2,
		Sub: []engine.Spec{
			{Name: "get", Arity: -3, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale,
				Handler: configGetCommand},
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale,
				Handler: configHelpCommand},
			{Name: "resetstat", Arity: 2, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale,
				Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Handler: configResetstatCommand},
			{Name: "rewrite", Arity: 2, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale,
				Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Handler: configRewriteCommand},
			{Name: "set", Arity: -4, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale,
				Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Handler: configSetCommand},
		}},
	{Name: "info", Arity: -1, Flags: engine.Loading | engine.Stale, Categories: engine.CatDangerous,
		Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
		Handler: infoCommand},
	{Name: "bgrewriteaof", Arity: 1, Flags: engine.Admin | engine.NoScript | engine.NoAsyncLoading,
		Handler: bgrewriteaofCommand},
	{Name: "bgsave", Arity: -1, Flags: engine.Admin | engine.NoScript | engine.NoAsyncLoading,
		Handler: bgsaveCommand},
	{Name: "lastsave", Arity: 1, Flags: engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatAdmin | engine.CatDangerous,
		Tips:    []string{"nondeterministic_output"},
		Handler: lastsaveCommand},
	memoryRow,
	{Name: "save", Arity: 1, Flags: engine.Admin | engine.NoScript | engine.NoAsyncLoading | engine.NoMulti,
		Handler: saveCommand},
	{Name: "shutdown", Arity: -1, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale | engine.NoMulti | engine.AllowBusy,
		Handler: shutdownCommand},
	{Name: "time", Arity: 1, Flags: engine.Loading | engine.Stale | engine.Fast,
		Tips:    []string{"nondeterministic_output"},
		Handler: timeCommand},
	{Name: "wait", Arity: 3, Flags: engine.Blocking, Categories: engine.CatConnection,
		Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
		Handler: waitCommand},
	{Name: "waitaof", Arity: 4, Flags: engine.Blocking, Categories: engine.CatConnection,
		Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
		Handler: waitaofCommand},
}

func timeCommand(c *engine.Call) error {
	now := c.E.TimeOfDay()
	c.W.Array(2)
	c.W.Bulk(strconv.AppendInt(nil, now.Unix(), 10))
	c.W.Bulk(strconv.AppendInt(nil, int64(now.Nanosecond()/1000), 10))
	return nil
}

func infoCommand(c *engine.Call) error {
	names := make([]string, 0, len(c.Args)-1)
	for _, a := range c.Args[1:] {
		names = append(names, string(a))
	}
	c.W.Verbatim("txt", c.E.InfoText(names))
	return nil
}

func configGetCommand(c *engine.Call) error {
	patterns := make([]string, 0, len(c.Args)-2)
	for _, a := range c.Args[2:] {
		patterns = append(patterns, string(a))
	}
	pairs := c.E.Config().Get(patterns)
	c.W.Map(len(pairs))
	for _, p := range pairs {
		c.W.BulkString(p.Name)
		c.W.BulkString(p.Value)
	}
	return nil
}

func configSetCommand(c *engine.Call) error {
	if len(c.Args)%2 != 0 {
		return engine.ErrSyntax
	}
	pairs := make([]config.Pair, 0, len(c.Args)/2)
	for i := 2; i < len(c.Args); i += 2 {
		if config.IsSensitive(string(c.Args[i])) {
			c.Redact(i + 1)
		}
		pairs = append(pairs, config.Pair{Name: string(c.Args[i]), Value: string(c.Args[i+1])})
	}
	if err := c.E.Config().Set(pairs, config.Access{Local: c.E.IsLocal(c.S), Loading: c.E.Loading()}); err != nil {
		if refused := (*config.SetError)(nil); errors.As(err, &refused) && refused.Applied != "" {
			c.E.Logger().Warn("Failed applying new configuration. Possibly related to new " + refused.Applied + " setting. Restoring previous settings.")
		}
		return engine.ReplyError(err.Error())
	}
	c.W.OK()
	return nil
}

func configResetstatCommand(c *engine.Call) error {
	c.E.ResetStats()
	c.W.OK()
	return nil
}

func configRewriteCommand(c *engine.Call) error {
	if err := c.E.RewriteConfig(false); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func configHelpCommand(c *engine.Call) error {
	return help(c,
		"GET <pattern>", "    The parameters whose names fit, with their values.",
		"SET <directive> <value>", "    Change parameters: all of them or, on an error, none.",
		"RESETSTAT", "    Set the counters of INFO to zero.",
		"REWRITE", "    Write what was changed into the configuration file.")
}

func lastsaveCommand(c *engine.Call) error {
	c.W.Int(c.E.LastSave())
	return nil
}

func saveCommand(c *engine.Call) error {
	if err := c.E.Save(); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func bgsaveCommand(c *engine.Call) error {
	schedule := len(c.Args) == 2 && is(c.Args[1], "SCHEDULE")
	if len(c.Args) > 1 && !schedule {
		return engine.ErrSyntax
	}
	said, err := c.E.BackgroundSave(schedule)
	if err != nil {
		return err
	}
	c.W.Simple(said)
	return nil
}

func bgrewriteaofCommand(c *engine.Call) error {
	said, err := c.E.BackgroundRewrite()
	if err != nil {
		return err
	}
	c.W.Simple(said)
	return nil
}

// errShutdown says that the server goes on.
const errShutdown = engine.ReplyError("ERR Errors trying to SHUTDOWN. Check logs.")

func shutdownCommand(c *engine.Call) error {
	r := engine.ShutdownRequest{}
	abort := false
	for _, a := range c.Args[1:] {
		switch {
		case is(a, "NOSAVE"):
			r.NoSave = true
		case is(a, "SAVE"):
			r.Save = true
		case is(a, "NOW"):
			r.Now = true
		case is(a, "FORCE"):
			r.Force = true
		case is(a, "ABORT"):
			abort = true
		default:
			return engine.ErrSyntax
		}
	}
	if (abort && len(c.Args) > 2) || (r.Save && r.NoSave) {
		return engine.ErrSyntax
	}
	if abort {
		if err := c.E.AbortShutdown(); err != nil {
			return err
		}
		c.W.OK()
		return nil
	}
	if c.E.Busy() && !r.NoSave {
		return c.E.BusyError()
	}
	err := c.E.Shutdown(r)
	if errors.Is(err, engine.ErrShutdownWaits) {
		e, s := c.E, c.S
		c.Block(&session.Wait{Ready: func() bool { return !e.ShuttingDown() }, Resume: func(bool) {
			e.ReplyError(s, errShutdown)
		}})
		return nil
	}
	if err != nil {
		return errShutdown
	}
	c.S.CloseAfterReply = true
	return nil
}
