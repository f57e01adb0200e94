package main

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"frankenredis/conformance/reference"
	"frankenredis/wire/resp"
)

// facts are what a capture yields, both sorted by name.
type facts struct {
	commands   []reference.Command
	parameters []reference.Parameter
	dropped    []string
}

// asRedis gives a relative's values the name that Redis has there.
var asRedis = strings.NewReplacer("Redict", "Redis", "redict", "redis")

// capture asks a server for its surface.
func capture(s *server) (*facts, error) {
	info, err := s.do("COMMAND")
	if err != nil {
		return nil, err
	}
	docs, err := s.do("COMMAND", "DOCS")
	if err != nil {
		return nil, err
	}
	config, err := s.do("CONFIG", "GET", "*")
	if err != nil {
		return nil, err
	}
	c := capturer{byName: map[string]*reference.Command{}}
	c.info(info)
	c.docs(docs)
	f := &facts{parameters: c.config(config)}
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		f.commands = append(f.commands, *c.byName[name])
	}
	slices.Sort(c.dropped)
	f.dropped = c.dropped
	if err := errors.Join(errors.Join(c.problems...), c.sieve.err()); err != nil {
		return nil, err
	}
	for _, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return reference.Encode(f.commands) },
		func() ([]byte, error) { return reference.Encode(f.parameters) },
	} {
		data, err := encode()
		if err != nil {
			return nil, err
		}
		if at := bytes.Index(bytes.ToLower(data), []byte("redict")); at >= 0 {
			return nil, fmt.Errorf("a relative's name is among the facts: %.60s", data[at:])
		}
	}
	return f, nil
}

// capturer turns replies into facts. What it does not understand it notes as a problem, so that no field goes missing.
type capturer struct {
	sieve
	byName   map[string]*reference.Command
	problems []error
}

func (c *capturer) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(format, args...))
}

// info takes the elements of COMMAND INFO, and those of subcommands within them.
func (c *capturer) info(list resp.Value) {
	for _, v := range list.Elems {
		if len(v.Elems) != 10 {
			c.problem("COMMAND INFO: an element of %d fields", len(v.Elems))
			continue
		}
		f := v.Elems
		cmd := &reference.Command{
			Name: f[0].Str, Arity: int(f[1].Int), Flags: words(f[2]),
			FirstKey: int(f[3].Int), LastKey: int(f[4].Int), Step: int(f[5].Int),
			Categories: words(f[6]), Tips: words(f[7]),
		}
		for _, spec := range f[8].Elems {
			cmd.KeySpecs = append(cmd.KeySpecs, c.keySpec(cmd.Name, spec))
		}
		c.byName[cmd.Name] = cmd
		c.info(f[9])
	}
}

func (c *capturer) keySpec(name string, v resp.Value) (k reference.KeySpec) {
	for key, v := range pairs(v) {
		switch key {
		case "notes":
			k.Notes = true
		case "flags":
			k.Flags = words(v)
		case "begin_search":
			k.Begin = c.search(name, v)
		case "find_keys":
			k.Find = c.search(name, v)
		default:
			c.problem("%s: key spec field %q", name, key)
		}
	}
	return k
}

func (c *capturer) search(name string, v resp.Value) (s reference.Search) {
	var spec resp.Value
	for key, v := range pairs(v) {
		switch key {
		case "type":
			s.Type = v.Str
		case "spec":
			spec = v
		default:
			c.problem("%s: key spec field %q", name, key)
		}
	}
	numbers := map[string]*int{
		"index": &s.Index, "startfrom": &s.StartFrom, "lastkey": &s.LastKey, "keynumidx": &s.KeyNum,
		"firstkey": &s.FirstKey, "keystep": &s.KeyStep, "limit": &s.Limit,
	}
	for key, v := range pairs(spec) {
		if p := numbers[key]; p != nil {
			*p = int(v.Int)
		} else if key == "keyword" {
			s.Keyword = v.Str
		} else {
			c.problem("%s: key spec field %q", name, key)
		}
	}
	return s
}

// docs takes the map of COMMAND DOCS, and those of subcommands within it.
func (c *capturer) docs(all resp.Value) {
	for name, v := range pairs(all) {
		cmd := c.byName[name]
		if cmd == nil {
			c.problem("%s: in COMMAND DOCS only", name)
			continue
		}
		for key, v := range pairs(v) {
			c.doc(cmd, key, v)
		}
		if c.drop("command "+name, cmd.Since) {
			delete(c.byName, name)
		}
	}
}

func (c *capturer) doc(cmd *reference.Command, key string, v resp.Value) {
	switch key {
	case "summary":
	case "since":
		cmd.Since = v.Str
	case "group":
		cmd.Group = v.Str
	case "complexity":
		cmd.Complexity = formulas(v.Str)
	case "doc_flags":
		cmd.DocFlags = words(v)
	case "deprecated_since":
		cmd.DeprecatedSince = v.Str
	case "replaced_by":
		cmd.ReplacedBy = v.Str
	case "history":
		for _, change := range v.Elems {
			version := change.Elems[0].Str
			if !c.drop("change of "+cmd.Name+" in "+version, version) {
				cmd.History = append(cmd.History, version)
			}
		}
	case "arguments":
		cmd.Arguments = c.arguments(cmd.Name, v)
	case "subcommands":
		c.docs(v)
	default:
		c.problem("%s: field %q", cmd.Name, key)
	}
}

func (c *capturer) arguments(name string, list resp.Value) []reference.Argument {
	var all []reference.Argument
	for _, v := range list.Elems {
		var a reference.Argument
		for key, v := range pairs(v) {
			switch key {
			case "name":
				a.Name = v.Str
			case "type":
				a.Type = v.Str
			case "display_text":
				a.DisplayText = v.Str
			case "key_spec_index":
				n := int(v.Int)
				a.KeySpec = &n
			case "token":
				a.Token = &v.Str
			case "since":
				a.Since = v.Str
			case "deprecated_since":
				a.DeprecatedSince = v.Str
			case "flags":
				a.Flags = words(v)
			case "arguments":
				a.Arguments = c.arguments(name, v)
			default:
				c.problem("%s: argument field %q", name, key)
			}
		}
		if a.DisplayText == a.Name {
			a.DisplayText = ""
		}
		if !c.drop("argument "+name+" "+a.Name, a.Since) {
			all = append(all, a)
		}
	}
	return all
}

// config takes the map of CONFIG GET *.
func (c *capturer) config(all resp.Value) []reference.Parameter {
	values := map[string]string{}
	for name, v := range pairs(all) {
		if !c.drop("parameter "+name, "") {
			values[name] = asRedis.Replace(v.Str)
		}
	}
	var out []reference.Parameter
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p := reference.Parameter{Name: name}
		if value, ok := overridden[name]; !ok {
			value = values[name]
			p.Default = &value
		} else if name != "dir" {
			p.Default = &value
		}
		out = append(out, p)
	}
	return out
}

// formulas returns the O() terms of a text, each once; terms joined by a plus are one formula. The result is never nil.
func formulas(text string) []string {
	out := []string{}
	for {
		at := strings.Index(text, "O(")
		if at < 0 {
			return out
		}
		text = text[at:]
		end := term(text)
		for {
			rest := strings.TrimLeft(text[end:], " ")
			plus, ok := strings.CutPrefix(rest, "+")
			plus = strings.TrimLeft(plus, " ")
			if !ok || !strings.HasPrefix(plus, "O(") {
				break
			}
			end = len(text) - len(plus) + term(plus)
		}
		if f := text[:end]; !slices.Contains(out, f) {
			out = append(out, f)
		}
		text = text[end:]
	}
}

// term is the length of the O() term that text begins with; the rest of the text when its parentheses do not close.
func term(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// words returns the texts of an array's or set's elements.
func words(v resp.Value) []string {
	var out []string
	for _, e := range v.Elems {
		out = append(out, e.Str)
	}
	return out
}

// pairs walks a map whose keys are texts.
func pairs(v resp.Value) iter.Seq2[string, resp.Value] {
	return func(yield func(string, resp.Value) bool) {
		for i := 0; i+1 < len(v.Elems); i += 2 {
			if !yield(v.Elems[i].Str, v.Elems[i+1]) {
				return
			}
		}
	}
}
