package acl

import (
	"maps"
	"slices"
	"strings"
)

// selector is one set of permissions.
type selector struct {
	everyCommand, everyKey, everyChannel bool
	// future: commands that this server does not have yet would be allowed, too. It is what the last +@all or -@all said.
	future   bool
	keys     []keyPattern
	channels []string
	commands bits
	// firstArgs are the first arguments with which commands are allowed that are not allowed otherwise, by command id.
	firstArgs map[int][]string
	rules     []string // with sign, in order: "+get", "-@read", "+select|0"
}

// keyPattern is a glob and what may be done to keys that match it.
type keyPattern struct {
	glob        string
	read, write bool
}

func (p keyPattern) String() string {
	switch {
	case p.read && p.write:
		return "~" + p.glob
	case p.write:
		return "%W~" + p.glob
	}
	return "%R~" + p.glob
}

// bits is a set of command ids.
type bits []uint64

func (b bits) has(id int) bool { return b[id/64]>>(id%64)&1 != 0 }

func (b bits) set(id int, on bool) {
	if on {
		b[id/64] |= 1 << (id % 64)
	} else {
		b[id/64] &^= 1 << (id % 64)
	}
}

func newSelector(c *Catalog, everyChannel bool) *selector {
	return &selector{everyChannel: everyChannel, commands: make(bits, c.count/64+1)}
}

func (s *selector) clone() *selector {
	n := *s
	n.keys, n.channels = slices.Clone(s.keys), slices.Clone(s.channels)
	n.commands, n.rules = slices.Clone(s.commands), slices.Clone(s.rules)
	n.firstArgs = maps.Clone(s.firstArgs)
	for id, words := range n.firstArgs {
		n.firstArgs[id] = slices.Clone(words)
	}
	return &n
}

// everything says whether nothing at all is refused.
func (s *selector) everything() bool { return s.everyCommand && s.everyKey && s.everyChannel }

// apply executes one rule about commands, keys or channels.
func (s *selector) apply(c *Catalog, rule string) error {
	word := cString(rule)
	switch low := strings.ToLower(word); {
	case low == "allkeys" || low == "~*":
		s.everyKey, s.keys = true, nil
	case low == "resetkeys":
		s.everyKey, s.keys = false, nil
	case low == "allchannels" || low == "&*":
		s.everyChannel, s.channels = true, nil
	case low == "resetchannels":
		s.everyChannel, s.channels = false, nil
	case low == "allcommands" || low == "+@all":
		s.allCommands(true)
	case low == "nocommands" || low == "-@all":
		s.allCommands(false)
	case rule[0] == '~' || rule[0] == '%':
		return s.addKeys(rule)
	case rule[0] == '&':
		return s.addChannels(rule[1:])
	case strings.HasPrefix(word, "+@") || strings.HasPrefix(word, "-@"):
		return s.changeCategory(c, word[2:], word[0] == '+')
	case rule[0] == '+' && strings.Contains(word, "|"):
		return s.allowSub(c, word[1:])
	case rule[0] == '+' || rule[0] == '-':
		cmd := c.lookup(word[1:])
		if cmd == nil {
			return errUnknown
		}
		s.change(cmd, rule[0] == '+')
		s.note(cmd.Name, rule[0] == '+')
	default:
		return errSyntax
	}
	return nil
}

func (s *selector) allCommands(on bool) {
	fill := uint64(0)
	if on {
		fill = ^fill
	}
	for i := range s.commands {
		s.commands[i] = fill
	}
	s.everyCommand, s.future = on, on
	s.firstArgs, s.rules = nil, nil
}

// addKeys executes "~glob", "%R~glob", "%W~glob" or "%RW~glob".
func (s *selector) addKeys(rule string) error {
	if s.everyKey {
		return errAfterKeys
	}
	p := keyPattern{glob: rule[1:], read: true, write: true}
	if rule[0] == '%' {
		p = keyPattern{}
		flags, glob, _ := strings.Cut(rule[1:], "~")
		for _, f := range []byte(flags) {
			switch {
			case (f == 'R' || f == 'r') && !p.read:
				p.read = true
			case (f == 'W' || f == 'w') && !p.write:
				p.write = true
			default:
				return errSyntax
			}
		}
		if flags == "" {
			return errSyntax
		}
		p.glob = glob
	}
	if hasSpaces(p.glob) {
		return errSyntax
	}
	for i := range s.keys {
		if k := &s.keys[i]; k.glob == p.glob {
			k.read, k.write = k.read || p.read, k.write || p.write
			return nil
		}
	}
	s.keys = append(s.keys, p)
	return nil
}

func (s *selector) addChannels(glob string) error {
	switch {
	case s.everyChannel:
		return errAfterChans
	case hasSpaces(glob):
		return errSyntax
	case !slices.Contains(s.channels, glob):
		s.channels = append(s.channels, glob)
	}
	return nil
}

func (s *selector) changeCategory(c *Catalog, name string, allow bool) error {
	bit := c.category(name)
	if bit == 0 {
		return errUnknown
	}
	for _, cmd := range c.top {
		if cmd.Categories&bit != 0 {
			s.change(cmd, allow)
		}
		for _, sub := range cmd.Sub {
			if sub.Categories&bit != 0 {
				s.change(sub, allow)
			}
		}
	}
	s.note("@"+name, allow)
	return nil
}

// allowSub executes "+command|subcommand", or for a command without subcommands "+command|first-argument".
func (s *selector) allowSub(c *Catalog, name string) error {
	at := strings.LastIndexByte(name, '|')
	cmd, sub := c.lookup(name[:at]), name[at+1:]
	switch {
	case cmd == nil:
		return errUnknown
	case cmd.parent != nil:
		return errFirstArg
	case sub == "":
		return errSyntax
	case len(cmd.Sub) > 0:
		found := c.lookup(name)
		if found == nil {
			return errUnknown
		}
		s.change(found, true)
	default:
		if s.firstArgs == nil {
			s.firstArgs = make(map[int][]string)
		}
		if !slices.ContainsFunc(s.firstArgs[cmd.id], func(w string) bool { return strings.EqualFold(w, sub) }) {
			s.firstArgs[cmd.id] = append(s.firstArgs[cmd.id], sub)
		}
	}
	s.note(name, true)
	return nil
}

// change allows or forbids a command with all of its subcommands.
func (s *selector) change(cmd *Command, allow bool) {
	s.commands.set(cmd.id, allow)
	for _, sub := range cmd.Sub {
		s.commands.set(sub.id, allow)
	}
	delete(s.firstArgs, cmd.id)
	s.everyCommand = s.everyCommand && allow
}

// note remembers a rule in place of earlier ones about the same thing or a part of it.
func (s *selector) note(name string, allow bool) {
	name = strings.ToLower(name)
	s.rules = slices.DeleteFunc(s.rules, func(r string) bool {
		return r[1:] == name || strings.HasPrefix(r[1:], name+"|")
	})
	sign := "-"
	if allow {
		sign = "+"
	}
	s.rules = append(s.rules, sign+name)
}

// describeCommands is what makes the set of commands again.
func (s *selector) describeCommands() string {
	first := "-@all"
	if s.future {
		first = "+@all"
	}
	return strings.Join(append([]string{first}, s.rules...), " ")
}

func (s *selector) describeKeys() string {
	if s.everyKey {
		return "~*"
	}
	words := make([]string, len(s.keys))
	for i, k := range s.keys {
		words[i] = k.String()
	}
	return strings.Join(words, " ")
}

func (s *selector) describeChannels() string {
	if s.everyChannel {
		return "&*"
	}
	words := make([]string, len(s.channels))
	for i, ch := range s.channels {
		words[i] = "&" + ch
	}
	return strings.Join(words, " ")
}

// describe is all rules of a selector, the way ACL LIST shows it.
func (s *selector) describe() string {
	var words []string
	if k := s.describeKeys(); k != "" {
		words = append(words, k)
	}
	if !s.everyChannel {
		words = append(words, "resetchannels")
	}
	if ch := s.describeChannels(); ch != "" {
		words = append(words, ch)
	}
	return strings.Join(append(words, s.describeCommands()), " ")
}
