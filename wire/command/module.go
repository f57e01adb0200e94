package command

import "frankenredis/wire/engine"

// moduleCommands answer as a Redis that has no modules: there is no interface for them here.
var moduleCommands = []engine.Spec{
	{Name: "module", Arity: -2, Sub: []engine.Spec{
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Handler: moduleHelpCommand},
		{Name: "list", Arity: 2, Flags: engine.Admin | engine.NoScript, Tips: []string{"nondeterministic_output_order"}, Handler: moduleListCommand},
		{Name: "load", Arity: -3, Flags: moduleChange, Handler: moduleLoadCommand},
		{Name: "loadex", Arity: -3, Flags: moduleChange, Handler: moduleLoadexCommand},
		{Name: "unload", Arity: 3, Flags: moduleChange, Handler: moduleUnloadCommand},
	}},
}

const moduleChange = engine.Admin | engine.NoScript | engine.NoAsyncLoading | engine.Protected

const errModuleLoad = engine.ReplyError("ERR Error loading the extension. Please check the server logs.")

func moduleListCommand(c *engine.Call) error {
	c.W.Array(0)
	return nil
}

func moduleLoadCommand(c *engine.Call) error {
	c.E.Logger().Warn("Module " + shown(c.Args[2]) + " failed to load: this server has no module interface")
	return errModuleLoad
}

// moduleLoadexCommand reads its arguments as Redis does, whose complaints about them stand in the log only.
func moduleLoadexCommand(c *engine.Call) error {
	for i := 3; i < len(c.Args); i++ {
		switch {
		case is(c.Args[i], "ARGS"):
			return moduleLoadCommand(c)
		case is(c.Args[i], "CONFIG"):
			if i+2 >= len(c.Args) {
				c.E.Logger().Info("CONFIG specified without name value pair")
				return errModuleLoad
			}
			i += 2
		default:
			c.E.Logger().Info("Syntax Error from arguments to loadex around " + shown(c.Args[i]) + ".")
			return errModuleLoad
		}
	}
	return moduleLoadCommand(c)
}

func moduleUnloadCommand(c *engine.Call) error {
	c.E.Logger().Warn("Error unloading module " + shown(c.Args[2]) + ": no such module with that name")
	return engine.ReplyError("ERR Error unloading module: no such module with that name")
}

func moduleHelpCommand(c *engine.Call) error {
	return help(c,
		"LIST", "    The modules that are loaded: none.",
		"LOAD <path> [<arg> ...]", "    Refused: this server has no module interface.",
		"LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]", "    The same.",
		"UNLOAD <name>", "    Refused: no module is loaded.")
}
