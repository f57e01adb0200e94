package command

import (
	"strings"

	"frankenredis/wire/engine"
)

// help answers a HELP subcommand: the frame is Redis's, the descriptions are ours.
func help(c *engine.Call, lines ...string) error {
	parent, _, _ := strings.Cut(c.Spec.FullName(), "|")
	c.W.Array(len(lines) + 3)
	c.W.Simple(strings.ToUpper(parent) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, l := range lines {
		c.W.Simple(l)
	}
	c.W.Simple("HELP")
	c.W.Simple("    Print this help.")
	return nil
}
