package generate

import (
	"math/rand/v2"
	"slices"
	"strings"

	"frankenredis/conformance/reference"
)

// Weights says how often commands of a group come, relative to the other groups named. A group that is not named does not come.
type Weights map[string]int

// Generator makes commands. It is for one goroutine.
type Generator struct {
	rnd    *rand.Rand
	groups []group
	total  int
	kinds  []string // the kinds of keys in use

	// Of the command being made:
	cmd       *reference.Command
	announced int  // keys that a numkeys argument has announced, or -1
	counted   int  // keys in the last list of keys: lists beside it are as long
	lex       bool // it works on the sorted sets whose members all have the score 0
}

// group is the commands of one group of the reference.
type group struct {
	name     string
	weight   int
	commands []*reference.Command
	total    int // sum of the commands' own weights
}

// New returns a generator over those commands that belong to a weighted group and are neither excluded nor containers of
// subcommands. It returns nil when there are none.
func New(seed uint64, commands []reference.Command, weights Weights) *Generator {
	g := &Generator{rnd: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15))}
	names := make([]string, 0, len(weights))
	for name := range weights {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		gr := group{name: name, weight: weights[name]}
		for i := range commands {
			c := &commands[i]
			if c.Group == name && !isContainer(c) && Excluded(c) == "" {
				gr.commands = append(gr.commands, c)
				gr.total += frequency(c)
			}
		}
		if len(gr.commands) == 0 {
			continue
		}
		g.groups = append(g.groups, gr)
		g.total += gr.weight
		if keyNames[name] != "" {
			g.kinds = append(g.kinds, name)
		}
	}
	if len(g.groups) == 0 {
		return nil
	}
	if len(g.kinds) == 0 {
		g.kinds = []string{"string"}
	}
	return g
}

// isContainer reports whether a command does nothing without a subcommand: COMMAND alone does not count.
func isContainer(c *reference.Command) bool {
	return len(c.Arguments) == 0 && c.Arity == -2
}

// frequency is a command's weight within its group: what empties everything comes seldom, what creates comes often.
func frequency(c *reference.Command) int {
	switch c.Name {
	case "flushall", "flushdb", "swapdb", "discard":
		return 1
	case "select", "reset", "hello":
		return 3
	case "set", "hset", "zadd", "sadd", "rpush", "xadd", "geoadd", "pfadd", "setbit", "exec":
		return 30
	case "exists", "touch", "sort", "sort_ro", "object|freq":
		return 5
	}
	if slices.Contains(c.Flags, "write") {
		return 12
	}
	return 8
}

// Names lists the commands in use, as the reference writes them.
func (g *Generator) Names() []string {
	var names []string
	for _, gr := range g.groups {
		for _, c := range gr.commands {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Commands returns the next n commands. Before each SORT comes one that reads a number and has no effect: Redis's SORT takes an
// errno that an earlier command left behind for its own (see the ledger's entry undefined).
func (g *Generator) Commands(n int) [][]string {
	all := make([][]string, 0, n+1)
	for len(all) < n {
		c := g.Command()
		if judgeDiffers(c) {
			continue
		}
		if strings.HasPrefix(g.cmd.Name, "sort") {
			all = append(all, []string{"ZUNION", "1", "nosuch", "WEIGHTS", "1"})
		}
		all = append(all, c)
	}
	return all[:n]
}

// Command returns the next command.
func (g *Generator) Command() []string {
	args := g.make(g.pick())
	if g.oneIn(12) && !nests[g.cmd.Name] {
		args = g.spoil(args)
	}
	return args
}

// pick chooses a command.
func (g *Generator) pick() *reference.Command {
	n := g.rnd.IntN(g.total)
	for i := range g.groups {
		gr := &g.groups[i]
		if n -= gr.weight; n >= 0 {
			continue
		}
		m := g.rnd.IntN(gr.total)
		for _, c := range gr.commands {
			if m -= frequency(c); m < 0 {
				return c
			}
		}
	}
	panic("generate: weights do not add up")
}

// make makes one well-formed command, as far as the tree tells.
func (g *Generator) make(c *reference.Command) []string {
	g.cmd, g.announced, g.counted = c, -1, 0
	g.lex = strings.Contains(c.Name, "lex") || c.Name == "zadd" && g.oneIn(5)
	args := strings.Split(strings.ToUpper(c.Name), "|")
	if nests[c.Name] {
		return append(args, g.make(g.pick())...)
	}
	var parts [][]string
	var options []int // places in parts that hold an option, which may stand anywhere among options
	for i := range c.Arguments {
		a := &c.Arguments[i]
		part := g.argument(a)
		if len(part) == 0 {
			continue
		}
		if has(a, "optional") {
			options = append(options, len(parts))
		}
		parts = append(parts, part)
	}
	if len(options) > 1 && g.oneIn(3) {
		i, j := g.rnd.IntN(len(options)), g.rnd.IntN(len(options))
		parts[options[i]], parts[options[j]] = parts[options[j]], parts[options[i]]
	}
	for _, part := range parts {
		args = append(args, part...)
	}
	// Options that exclude each other stand in one oneof, which yields one of them: bring in another.
	if tokens := tokensOf(c.Name, c.Arguments, nil); len(tokens) > 0 && g.oneIn(12) {
		args = append(args, g.from(tokens))
	}
	return args
}

// nests are the commands whose arguments are a command.
var nests = map[string]bool{"command|getkeys": true, "command|getkeysandflags": true}

// tokensOf collects the words in a command's tree, but for those of arguments that never come.
func tokensOf(command string, args []reference.Argument, tokens []string) []string {
	for i := range args {
		if leftOut[command+" "+args[i].Name] != "" {
			continue
		}
		if t := args[i].Token; t != nil {
			tokens = append(tokens, *t)
		}
		tokens = tokensOf(command, args[i].Arguments, tokens)
	}
	return tokens
}

// spoil makes a slip, as people and clients do. Values stay where they stand when they are lifetimes, which could become
// milliseconds, or scores that must be equal, or cursors.
func (g *Generator) spoil(args []string) []string {
	exact := g.lex || strings.HasSuffix(g.cmd.Name, "scan") || hasLifetime(g.cmd.Arguments)
	i := g.rnd.IntN(len(args))
	switch g.rnd.IntN(8) {
	case 0: // one more
		return append(args, g.from(values))
	case 1: // one less, from the end
		if len(args) > 1 {
			return args[:len(args)-1]
		}
	case 2, 3:
		if len(args[i]) < 64 {
			args[i] = strings.ToLower(args[i])
		}
	case 4:
		args[i] = strings.ToUpper(args[i])
	case 5:
		if i > 0 && !exact {
			args[i] = g.from(values)
		}
	case 6: // the same twice
		if i > 0 && !exact {
			args = slices.Insert(args, i, args[i])
		}
	case 7: // two in the wrong order
		if i > 1 && !exact {
			args[i], args[i-1] = args[i-1], args[i]
		}
	}
	return args
}

// hasLifetime reports whether a tree has a place for a time to live.
func hasLifetime(args []reference.Argument) bool {
	return slices.ContainsFunc(args, func(a reference.Argument) bool {
		return a.Name == "seconds" || a.Name == "milliseconds" || a.Name == "ttl" || a.Type == "unix-time" || hasLifetime(a.Arguments)
	})
}

func (g *Generator) oneIn(n int) bool { return g.rnd.IntN(n) == 0 }

func (g *Generator) from(words []string) string { return words[g.rnd.IntN(len(words))] }
