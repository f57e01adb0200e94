package command

import "frankenredis/wire/engine"

const replicaofFlags = engine.Admin | engine.NoScript | engine.Stale | engine.NoAsyncLoading

var replicaofCommands = []engine.Spec{
	{Name: "replicaof", Arity: 3, Flags: replicaofFlags, Handler: replicaofCommand},
	{Name: "replconf", Arity: -1, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale | engine.AllowBusy,
		Handler: replconfCommand},
	{Name: "role", Arity: 1, Flags: engine.NoScript | engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatAdmin | engine.CatDangerous,
		Handler: roleCommand},
	{Name: "slaveof", Arity: 3, Flags: replicaofFlags, Handler: replicaofCommand},
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
	if (c.S.Primary || c.E.Loading()) && is(c.Args[1], "GETACK") {
		return nil
	}
	return engine.Errorf("ERR Unrecognized REPLCONF option: %s", shown(c.Args[1]))
}

func roleCommand(c *engine.Call) error {
	c.E.Role(c.W)
	return nil
}
