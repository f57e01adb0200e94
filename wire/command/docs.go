package command

import "frankenredis/wire/engine"

// commandDocsCommand answers COMMAND DOCS: for all commands, or for those named, what they do and which arguments they take.
// Names that no command has are passed over.
func commandDocsCommand(c *engine.Call) error {
	if len(c.Args) == 2 {
		all := c.E.Commands().All()
		c.W.Map(len(all))
		for _, s := range all {
			writeDocs(c, s)
		}
		return nil
	}
	at, n := len(c.W.Buf), 0
	for _, name := range c.Args[2:] {
		if s := findCommand(c, name); s != nil {
			writeDocs(c, s)
			n++
		}
	}
	c.W.MapAt(at, n)
	return nil
}

// unwritten stands for a command about which nothing is written: Redis puts those that it did not bring along, its modules',
// into this group and says nothing else.
var unwritten = commandDocs{Group: "module"}

// writeDocs writes a command's name and the map that belongs to it.
func writeDocs(c *engine.Call, s *engine.Spec) {
	w := c.W
	w.BulkString(s.FullName())
	d := findDocs(s.FullName())
	if d == nil {
		d = &unwritten
	}
	at, n := len(w.Buf), 0
	text := func(key, value string) {
		if value != "" {
			w.BulkString(key)
			w.BulkString(value)
			n++
		}
	}
	text("summary", d.Summary)
	text("since", d.Since)
	text("group", d.Group)
	text("complexity", d.Complexity)
	if len(d.DocFlags) > 0 {
		w.BulkString("doc_flags")
		statusSet(c, d.DocFlags)
		n++
	}
	text("deprecated_since", d.DeprecatedSince)
	text("replaced_by", d.ReplacedBy)
	if len(d.History) > 0 {
		w.BulkString("history")
		w.Set(len(d.History))
		for _, change := range d.History {
			w.Array(2)
			w.BulkString(change[0])
			w.BulkString(change[1])
		}
		n++
	}
	if len(d.Arguments) > 0 {
		w.BulkString("arguments")
		writeArguments(c, d.Arguments)
		n++
	}
	if len(s.Sub) > 0 {
		w.BulkString("subcommands")
		w.Map(len(s.Sub))
		for i := range s.Sub {
			writeDocs(c, &s.Sub[i])
		}
		n++
	}
	w.MapAt(at, n)
}

func writeArguments(c *engine.Call, arguments []docsArgument) {
	w := c.W
	w.Array(len(arguments))
	for i := range arguments {
		a := &arguments[i]
		at, n := len(w.Buf), 0
		text := func(key, value string) {
			w.BulkString(key)
			w.BulkString(value)
			n++
		}
		text("name", a.Name)
		text("type", a.Type)
		switch {
		case len(a.Arguments) > 0: // shown by its parts
		case a.DisplayText != "":
			text("display_text", a.DisplayText)
		default:
			text("display_text", a.Name)
		}
		if a.KeySpec != nil {
			w.BulkString("key_spec_index")
			w.Int(int64(*a.KeySpec))
			n++
		}
		if a.Token != nil {
			text("token", *a.Token)
		}
		if a.Since != "" {
			text("since", a.Since)
		}
		if a.DeprecatedSince != "" {
			text("deprecated_since", a.DeprecatedSince)
		}
		if len(a.Flags) > 0 {
			w.BulkString("flags")
			statusSet(c, a.Flags)
			n++
		}
		if len(a.Arguments) > 0 {
			w.BulkString("arguments")
			writeArguments(c, a.Arguments)
			n++
		}
		w.MapAt(at, n)
	}
}
