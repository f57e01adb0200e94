package command

import "frankenredis/wire/engine"

var transactionCommands = []engine.Spec{
	{Name: "discard", Arity: 1, Flags: engine.Control | engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.AllowBusy, Categories: engine.CatTransaction,
		Handler: discardCommand},
	{Name: "exec", Arity: 1, Flags: engine.Control | engine.NoScript | engine.Loading | engine.Stale | engine.SkipSlowlog, Categories: engine.CatTransaction,
		Handler: execCommand},
	{Name: "multi", Arity: 1, Flags: engine.Control | engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.AllowBusy, Categories: engine.CatTransaction,
		Handler: multiCommand},
	{Name: "unwatch", Arity: 1, Flags: engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.AllowBusy, Categories: engine.CatTransaction,
		Handler: unwatchCommand},
	{Name: "watch", Arity: -2, Flags: engine.Control | engine.NoScript | engine.Loading | engine.Stale | engine.Fast | engine.AllowBusy, Categories: engine.CatTransaction,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1, Last: -1}},
		Handler: watchCommand},
}

func multiCommand(c *engine.Call) error {
	if err := c.E.BeginTransaction(c.S); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func execCommand(c *engine.Call) error { return c.E.ExecTransaction(c) }

func discardCommand(c *engine.Call) error {
	if err := c.E.DiscardTransaction(c.S); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func watchCommand(c *engine.Call) error {
	for _, key := range c.Args[1:] {
		if err := c.E.Watch(c.S, key); err != nil {
			return err
		}
	}
	c.W.OK()
	return nil
}

func unwatchCommand(c *engine.Call) error {
	c.E.Unwatch(c.S)
	c.W.OK()
	return nil
}
