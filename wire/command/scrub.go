package command

import "frankenredis/wire/engine"

// Commands of ours about the sidecars of the server's files.
var scrubCommands = []engine.Spec{
	{Name: "fr.scrub", Arity: -2, Flags: engine.Admin | engine.NoScript | engine.Stale,
		Tips:    []string{"nondeterministic_output"},
		Handler: scrubCommand},
}

// scrubCommand is FR.SCRUB START | STATUS | STOP | REPAIR [path]. START reads all covered files in the background, STATUS says how far
// that is and what was found, STOP ends it; REPAIR reads them, or the one at path, and repairs what is damaged within the budget.
func scrubCommand(c *engine.Call) error {
	var q engine.ScrubRequest
	most := 2
	switch {
	case is(c.Args[1], "START"):
		q.What = engine.ScrubStart
	case is(c.Args[1], "STATUS"):
		q.What = engine.ScrubStatus
	case is(c.Args[1], "STOP"):
		q.What = engine.ScrubStop
	case is(c.Args[1], "REPAIR"):
		q.What, most = engine.ScrubRepair, 3
	default:
		return engine.ErrSyntax
	}
	if len(c.Args) > most {
		return engine.ErrSyntax
	}
	if len(c.Args) == 3 {
		q.Path = string(c.Args[2])
	}
	return c.E.Scrub(c, q)
}
