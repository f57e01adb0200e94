package command

import (
	"strings"

	"frankenredis/wire/engine"
	"frankenredis/wire/glob"
)

var commandRow = engine.Spec{Name: "command", Arity: -1, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
	Tips:    []string{"nondeterministic_output_order"},
	Handler: commandCommand,
	Sub: []engine.Spec{
		{Name: "count", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: commandCountCommand},
		{Name: "docs", Arity: -2, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"nondeterministic_output_order"},
			Handler: commandDocsCommand},
		{Name: "getkeys", Arity: -3, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: commandGetkeysCommand},
		{Name: "getkeysandflags", Arity: -3, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: commandGetkeysandflagsCommand},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: commandHelpCommand},
		{Name: "info", Arity: -2, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"nondeterministic_output_order"},
			Handler: commandInfoCommand},
		{Name: "list", Arity: -2, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"nondeterministic_output_order"},
			Handler: commandListCommand},
	}}

func commandCommand(c *engine.Call) error {
	all := c.E.Commands().All()
	c.W.Array(len(all))
	for _, s := range all {
		describe(c, s)
	}
	return nil
}

func commandCountCommand(c *engine.Call) error {
	c.W.Int(int64(len(c.E.Commands().All())))
	return nil
}

func commandInfoCommand(c *engine.Call) error {
	if len(c.Args) == 2 {
		return commandCommand(c)
	}
	c.W.Array(len(c.Args) - 2)
	for _, name := range c.Args[2:] {
		if s := findCommand(c, name); s != nil {
			describe(c, s)
		} else {
			c.W.Null()
		}
	}
	return nil
}

// findCommand finds "get" or "client|kill".
func findCommand(c *engine.Call, name []byte) *engine.Spec {
	parent, sub, nested := strings.Cut(string(name), "|")
	s := c.E.Commands().Lookup([]byte(parent))
	if s != nil && nested {
		return s.Subcommand([]byte(sub))
	}
	return s
}

// describe writes one element of COMMAND INFO.
func describe(c *engine.Call, s *engine.Spec) {
	first, last, step := s.LegacyRange()
	c.W.Array(10)
	c.W.BulkString(s.FullName())
	c.W.Int(int64(s.Arity))
	statusSet(c, s.Flags.Names())
	c.W.Int(int64(first))
	c.W.Int(int64(last))
	c.W.Int(int64(step))
	statusSet(c, s.Categories.Names())
	c.W.Set(len(s.Tips))
	for _, t := range s.Tips {
		c.W.BulkString(t)
	}
	c.W.Set(len(s.Keys))
	for i := range s.Keys {
		describeKeys(c, &s.Keys[i])
	}
	if len(s.Sub) == 0 {
		c.W.Set(0)
	} else {
		c.W.Array(len(s.Sub)) // not a set, as in Redis
	}
	for i := range s.Sub {
		describe(c, &s.Sub[i])
	}
}

func statusSet(c *engine.Call, words []string) {
	c.W.Set(len(words))
	for _, w := range words {
		c.W.Simple(w)
	}
}

func describeKeys(c *engine.Call, k *engine.KeySpec) {
	n := 3
	if k.Notes != "" {
		n++
	}
	c.W.Map(n)
	if k.Notes != "" {
		c.W.BulkString("notes")
		c.W.BulkString(k.Notes)
	}
	c.W.BulkString("flags")
	statusSet(c, k.Flags.Names())
	c.W.BulkString("begin_search")
	c.W.Map(2)
	c.W.BulkString("type")
	switch {
	case k.Unknown:
		c.W.BulkString("unknown")
		c.W.BulkString("spec")
		c.W.Map(0)
	case k.Keyword != "":
		c.W.BulkString("keyword")
		c.W.BulkString("spec")
		c.W.Map(2)
		c.W.BulkString("keyword")
		c.W.BulkString(k.Keyword)
		field(c, "startfrom", k.StartFrom)
	default:
		c.W.BulkString("index")
		c.W.BulkString("spec")
		c.W.Map(1)
		field(c, "index", k.Index)
	}
	step := max(k.Step, 1)
	c.W.BulkString("find_keys")
	c.W.Map(2)
	c.W.BulkString("type")
	switch {
	case k.Unknown:
		c.W.BulkString("unknown")
		c.W.BulkString("spec")
		c.W.Map(0)
	case k.KeyNum:
		c.W.BulkString("keynum")
		c.W.BulkString("spec")
		c.W.Map(3)
		field(c, "keynumidx", k.KeyNumIndex)
		field(c, "firstkey", k.FirstKey)
		field(c, "keystep", step)
	default:
		c.W.BulkString("range")
		c.W.BulkString("spec")
		c.W.Map(3)
		field(c, "lastkey", k.Last)
		field(c, "keystep", step)
		field(c, "limit", k.Limit)
	}
}

func field(c *engine.Call, name string, n int) {
	c.W.BulkString(name)
	c.W.Int(int64(n))
}

func commandListCommand(c *engine.Call) error {
	keep := func(*engine.Spec) bool { return true }
	if len(c.Args) > 2 {
		if len(c.Args) != 5 || !is(c.Args[2], "FILTERBY") {
			return engine.ErrSyntax
		}
		switch value := c.Args[4]; {
		case is(c.Args[3], "MODULE"):
			keep = func(*engine.Spec) bool { return false }
		case is(c.Args[3], "ACLCAT"):
			cat := engine.CategoryByName(strings.ToLower(string(value)))
			keep = func(s *engine.Spec) bool { return s.Categories&cat != 0 }
		case is(c.Args[3], "PATTERN"):
			keep = func(s *engine.Spec) bool { return glob.Match(value, []byte(s.FullName()), true) }
		default:
			return engine.ErrSyntax
		}
	}
	at, n := len(c.W.Buf), 0
	add := func(s *engine.Spec) {
		if keep(s) {
			c.W.BulkString(s.FullName())
			n++
		}
	}
	for _, s := range c.E.Commands().All() {
		add(s)
		for i := range s.Sub {
			add(&s.Sub[i])
		}
	}
	insertArrayHeader(c, at, n)
	return nil
}

func commandGetkeysCommand(c *engine.Call) error { return getKeys(c, false) }

func commandGetkeysandflagsCommand(c *engine.Call) error { return getKeys(c, true) }

func getKeys(c *engine.Call, flags bool) error {
	argv := c.Args[2:]
	s := c.E.Commands().Lookup(argv[0])
	if s != nil && len(s.Sub) > 0 && len(argv) > 1 {
		s = s.Subcommand(argv[1])
	}
	if s == nil {
		return engine.ReplyError("ERR Invalid command specified")
	}
	if !hasKeys(s) {
		return engine.ReplyError("ERR The command has no key arguments")
	}
	if (s.Arity > 0 && len(argv) != s.Arity) || len(argv) < -s.Arity {
		return engine.ReplyError("ERR Invalid number of arguments specified for command")
	}
	keys, ok := s.FindKeys(argv)
	if (!ok || len(keys) == 0) && s.Flags&engine.NoMandatoryKeys == 0 {
		return engine.ReplyError("ERR Invalid arguments specified for command")
	}
	c.W.Array(len(keys))
	for _, k := range keys {
		if flags {
			c.W.Array(2)
			c.W.Bulk(argv[k.Pos])
			statusSet(c, k.Flags.Names())
		} else {
			c.W.Bulk(argv[k.Pos])
		}
	}
	return nil
}

// hasKeys tells whether a command has key arguments at all; channels, which key specs show too, are none.
func hasKeys(s *engine.Spec) bool {
	for i := range s.Keys {
		if s.Keys[i].Flags&engine.KeyNotKey == 0 {
			return true
		}
	}
	return s.GetKeys != nil
}

func commandHelpCommand(c *engine.Call) error {
	return help(c,
		"(no subcommand)", "    The facts of all commands.",
		"COUNT", "    How many commands there are.",
		"LIST", "    The names of commands, or with FILTERBY of those of a MODULE <name>, an ACLCAT <category> or a PATTERN <pattern>.",
		"INFO [<command-name> ...]", "    The facts of commands.",
		"DOCS [<command-name> ...]", "    What commands are for, and their arguments.",
		"GETKEYS <full-command>", "    The keys in a full command.",
		"GETKEYSANDFLAGS <full-command>", "    The same with what is done to each.")
}
