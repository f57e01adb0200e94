package acl

import "strings"

// Command is what rules need to know of a command.
type Command struct {
	Name       string // full: "get", "config|set"
	Categories uint64 // bit i: the i-th name of the catalog's categories
	Free       bool   // every client may run it, logged in or not
	Sub        []*Command

	id     int // its bit in a selector
	parent *Command
}

// Catalog is all commands and categories that rules can name.
type Catalog struct {
	byName     map[string]*Command
	top        []*Command
	categories []string
	count      int
}

// NewCatalog numbers the commands; they must not be changed any more. Categories are named without "@".
func NewCatalog(commands []*Command, categories []string) *Catalog {
	c := &Catalog{byName: make(map[string]*Command), top: commands, categories: categories}
	add := func(cmd *Command) {
		cmd.id = c.count
		c.byName[cmd.Name] = cmd
		c.count++
	}
	for _, cmd := range commands {
		add(cmd)
		for _, sub := range cmd.Sub {
			sub.parent = cmd
			add(sub)
		}
	}
	return c
}

// lookup finds "get" or "config|set" in any case, or nil.
func (c *Catalog) lookup(name string) *Command { return c.byName[strings.ToLower(name)] }

// category returns the bit of a category's name in any case, without "@"; 0 when there is none.
func (c *Catalog) category(name string) uint64 {
	for i, n := range c.categories {
		if strings.EqualFold(n, name) {
			return 1 << i
		}
	}
	return 0
}

// Categories lists the names of all categories.
func (c *Catalog) Categories() []string { return c.categories }

// InCategory lists the full names of a category's commands; ok is false when there is no such category.
func (c *Catalog) InCategory(name string) (commands []string, ok bool) {
	bit := c.category(name)
	for _, cmd := range c.top {
		if cmd.Categories&bit != 0 {
			commands = append(commands, cmd.Name)
		}
		for _, sub := range cmd.Sub {
			if sub.Categories&bit != 0 {
				commands = append(commands, sub.Name)
			}
		}
	}
	return commands, bit != 0
}
