package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

// census counts keys by prefix, and commands by name. Its memory is bounded: what comes after maxGroups different prefixes is
// counted together.
type census struct {
	sep      []byte
	prefixes map[string]*prefixEvent
	commands map[string]*usageEvent
	others   prefixEvent
}

const maxGroups = 100_000

func newCensus(sep string) *census {
	return &census{sep: []byte(sep), prefixes: map[string]*prefixEvent{}, commands: map[string]*usageEvent{}}
}

// group is what a key is counted under.
func (c *census) group(key []byte) *prefixEvent {
	prefix := key[:0]
	if i := bytes.Index(key, c.sep); i >= 0 {
		prefix = key[:i+len(c.sep)]
	}
	g := c.prefixes[string(prefix)]
	if g == nil {
		if len(c.prefixes) == maxGroups {
			return &c.others
		}
		g = &prefixEvent{name: bytes.Clone(prefix)}
		c.prefixes[string(prefix)] = g
	}
	return g
}

// item counts a key of an RDB, or a part of one.
func (c *census) item(it *snapshot.Item) {
	g := c.group(it.Key)
	n := it.ValueBytes()
	g.ValueBytes += n
	if !it.Begins() {
		return
	}
	g.Keys++
	if it.ExpireMs != snapshot.NoExpiry {
		g.Expiring++
	}
	name := kv.String.String()
	switch {
	case it.Coll != nil:
		name = it.Coll.Type.String()
	case it.Module != "":
		name = "module"
	}
	if g.Types == nil {
		g.Types = map[string]int64{}
	}
	g.Types[name]++
}

// frame counts a command of an increment; its first argument is taken for a key.
func (c *census) frame(fr *wal.Frame) {
	if fr.Kind != wal.CommandFrame {
		return
	}
	u := c.commands[string(fr.Args[0])]
	if u == nil && len(c.commands) < maxGroups {
		u = &usageEvent{name: bytes.ToUpper(fr.Args[0])}
		c.commands[string(fr.Args[0])] = u
	}
	if u != nil {
		u.Count++
		u.Bytes += fr.Size
	}
	if len(fr.Args) < 2 || strings.EqualFold(string(fr.Args[0]), "select") {
		return
	}
	g := c.group(fr.Args[1])
	g.Commands++
	g.CommandBytes += fr.Size
}

// tell prints the top largest of each kind.
func (c *census) tell(p *printer, top int, show func([]byte) string) {
	var prefixes []*prefixEvent
	for _, g := range c.prefixes {
		prefixes = append(prefixes, g)
	}
	slices.SortFunc(prefixes, func(a, b *prefixEvent) int {
		return cmp.Or(cmp.Compare(b.ValueBytes+b.CommandBytes, a.ValueBytes+a.CommandBytes), bytes.Compare(a.name, b.name))
	})
	for _, g := range prefixes[:min(max(top, 0), len(prefixes))] {
		g.Kind, g.Prefix = "prefix", show(g.name)
		p.event(g)
	}
	if c.others.Keys+c.others.Commands > 0 {
		c.others.Kind, c.others.Prefix = "prefix", "..."
		p.event(&c.others)
	}
	var commands []*usageEvent
	for _, u := range c.commands {
		commands = append(commands, u)
	}
	slices.SortFunc(commands, func(a, b *usageEvent) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), bytes.Compare(a.name, b.name))
	})
	for _, u := range commands[:min(max(top, 0), len(commands))] {
		u.Kind, u.Command = "usage", show(u.name)
		p.event(u)
	}
}

// prefixEvent is what there is under one prefix; the empty one has the keys without a separator.
type prefixEvent struct {
	name         []byte
	Kind         string           `json:"kind"`
	Prefix       string           `json:"prefix"`
	Keys         int64            `json:"keys"`
	Expiring     int64            `json:"expiring"`
	ValueBytes   int64            `json:"value_bytes"`
	Types        map[string]int64 `json:"types,omitempty"`
	Commands     int64            `json:"commands"`
	CommandBytes int64            `json:"command_bytes"`
}

func (e *prefixEvent) text() string {
	var types []string
	for name, n := range e.Types {
		types = append(types, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(types)
	parts := []string{fmt.Sprintf("%q", e.Prefix)}
	if e.Keys > 0 {
		parts = append(parts, count(e.Keys, "key"), fmt.Sprintf("%d expiring", e.Expiring), fmt.Sprintf("%d bytes of values", e.ValueBytes), strings.Join(types, ", "))
	}
	if e.Commands > 0 {
		parts = append(parts, fmt.Sprintf("%s of %d bytes", count(e.Commands, "command"), e.CommandBytes))
	}
	return label(e.Kind) + words(parts...)
}

// usageEvent is how often a command stands in the log.
type usageEvent struct {
	name    []byte
	Kind    string `json:"kind"`
	Command string `json:"command"`
	Count   int64  `json:"count"`
	Bytes   int64  `json:"bytes"`
}

func (e *usageEvent) text() string {
	return label(e.Kind) + words(e.Command, count(e.Count, "time"), fmt.Sprintf("%d bytes", e.Bytes))
}
