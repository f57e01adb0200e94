package generate

import (
	"slices"
	"strconv"

	"frankenredis/conformance/reference"
)

// argument makes what stands for one node of the tree, or nothing for an option that does not come.
func (g *Generator) argument(a *reference.Argument) []string {
	if leftOut[g.cmd.Name+" "+a.Name] != "" {
		return nil
	}
	keys := a.Type == "key" && has(a, "multiple") && g.announced >= 0
	if has(a, "optional") && !keys && g.rnd.IntN(100) >= 35 {
		return nil
	}
	n := 1
	if has(a, "multiple") {
		n = g.repetitions(a)
	}
	var out []string
	for i := range n {
		if a.Token != nil && a.Type != "pure-token" && (i == 0 || has(a, "multiple_token")) {
			out = append(out, *a.Token)
		}
		out = append(out, g.node(a)...)
	}
	return out
}

// repetitions says how often a node comes that may come more than once.
func (g *Generator) repetitions(a *reference.Argument) int {
	n := 1
	for n < 5 && g.oneIn(2) {
		n++
	}
	switch {
	case a.Type == "key":
		if g.announced >= 0 && !g.oneIn(30) {
			n = g.announced
		}
		g.counted = n
	case (a.Name == "id" || a.Name == "weight") && g.counted > 0 && !g.oneIn(15):
		n = g.counted
	}
	return n
}

// node makes one occurrence of a node, without its token.
func (g *Generator) node(a *reference.Argument) []string {
	switch a.Type {
	case "pure-token":
		return []string{*a.Token}
	case "oneof":
		fit := slices.DeleteFunc(slices.Clone(a.Arguments), func(b reference.Argument) bool { return leftOut[g.cmd.Name+" "+b.Name] != "" })
		if len(fit) == 0 {
			return nil
		}
		return g.argument(&fit[g.rnd.IntN(len(fit))])
	case "block":
		var out []string
		for i := range a.Arguments {
			out = append(out, g.argument(&a.Arguments[i])...)
		}
		return out
	case "key":
		return []string{g.key()}
	case "integer":
		if a.Name == "numkeys" {
			return []string{g.numkeys()}
		}
	}
	return []string{g.leaf(a)}
}

// numkeys announces how many keys follow, seldom wrongly.
func (g *Generator) numkeys() string {
	g.announced = 1 + g.rnd.IntN(3)
	if g.cmd.Group == "scripting" {
		g.announced = g.rnd.IntN(3)
	}
	if g.oneIn(20) {
		return g.from(integers)
	}
	return strconv.Itoa(g.announced)
}

// keyNames gives each kind of value the first letter of its keys.
var keyNames = map[string]string{"string": "s", "bitmap": "b", "hyperloglog": "p", "list": "l", "hash": "h", "set": "e",
	"sorted-set": "z", "geo": "g", "stream": "x"}

// oddKeys are as good as any others.
var oddKeys = []string{"", "a\x00b", "\xff\xfe", "k\r\nk", "{tag}s1", "?", "[a]"}

// key chooses a key: mostly of the command's own kind.
func (g *Generator) key() string {
	if g.lex {
		return "y" + strconv.Itoa(1+g.rnd.IntN(3))
	}
	kind := g.cmd.Group
	if keyNames[kind] == "" || g.oneIn(8) {
		kind = g.from(g.kinds)
	}
	if g.oneIn(30) {
		return g.from(oddKeys)
	}
	return keyNames[kind] + strconv.Itoa(1+g.rnd.IntN(4))
}

func has(a *reference.Argument, flag string) bool { return slices.Contains(a.Flags, flag) }
