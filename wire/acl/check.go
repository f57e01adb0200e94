package acl

import (
	"strings"

	"frankenredis/wire/glob"
)

// Denial says why something was refused.
type Denial uint8

// The denials; of two, the greater one is told.
const (
	Allowed Denial = iota
	DeniedCommand
	DeniedKey
	DeniedAuth
	DeniedChannel
)

var denialNames = [...]string{"", "command", "key", "auth", "channel"}

// String is the reason ACL LOG shows.
func (d Denial) String() string { return denialNames[d] }

// Key is a key among a command's arguments and what would be done to it.
type Key struct {
	Pos         int
	Read, Write bool // neither: any permission will do
}

// Query is one command to be judged.
type Query struct {
	Command *Command
	Argv    [][]byte
	// Keys finds the keys; it is called at most once, and only if a selector does not allow all.
	Keys func() []Key
	// Channels are the places of channels (of glob patterns, when Patterns is set).
	Channels []int
	Patterns bool

	found []Key
	asked bool
}

func (q *Query) keys() []Key {
	if !q.asked {
		q.found, q.asked = q.Keys(), true
	}
	return q.found
}

// Check judges a command. pos is the place of the argument that is to blame, of a refused command 0.
func (u *User) Check(q *Query) (d Denial, pos int) {
	d = DeniedCommand
	for _, s := range u.selectors {
		found, at := s.check(q)
		if found == Allowed {
			return Allowed, 0
		}
		if found > d || (found == d && at > pos) {
			d, pos = found, at
		}
	}
	return d, pos
}

// ReadsEverything says whether a selector that allows the command lets it read any key besides.
func (u *User) ReadsEverything(q *Query) bool {
	for _, s := range u.selectors {
		if d, _ := s.check(q); d == Allowed && s.readsEverything() {
			return true
		}
	}
	return false
}

func (s *selector) readsEverything() bool {
	for _, k := range s.keys {
		if k.read && k.glob == "*" {
			return true
		}
	}
	return s.everyKey
}

func (s *selector) check(q *Query) (Denial, int) {
	if !s.everyCommand && !q.Command.Free && !s.commands.has(q.Command.id) && !s.firstArgAllowed(q) {
		return DeniedCommand, 0
	}
	if !s.everyKey {
		for _, k := range q.keys() {
			if !s.keyAllowed(k, q.Argv[k.Pos]) {
				return DeniedKey, k.Pos
			}
		}
	}
	if !s.everyChannel {
		for _, pos := range q.Channels {
			if !channelAllowed(s.channels, q.Argv[pos], q.Patterns) {
				return DeniedChannel, pos
			}
		}
	}
	return Allowed, 0
}

func (s *selector) firstArgAllowed(q *Query) bool {
	if len(q.Argv) < 2 {
		return false
	}
	for _, w := range s.firstArgs[q.Command.id] {
		if strings.EqualFold(w, cString(string(q.Argv[1]))) {
			return true
		}
	}
	return false
}

func (s *selector) keyAllowed(k Key, key []byte) bool {
	for _, p := range s.keys {
		if (p.read || !k.Read) && (p.write || !k.Write) && glob.Match([]byte(p.glob), key, false) {
			return true
		}
	}
	return false
}

// channelAllowed says whether a channel matches one of the globs, or a pattern is one of them.
func channelAllowed(globs []string, channel []byte, pattern bool) bool {
	for _, g := range globs {
		if pattern && g == cString(string(channel)) || !pattern && glob.Match([]byte(g), channel, false) {
			return true
		}
	}
	return false
}

// ChannelTest tells which subscriptions a user may keep.
type ChannelTest struct{ globs []string }

// LostChannels compares the channels of a user before and after. nil: none can have been lost.
func LostChannels(before, after *User) *ChannelTest {
	t := &ChannelTest{}
	for _, s := range after.selectors {
		if s.everyChannel {
			return nil
		}
		t.globs = append(t.globs, s.channels...)
	}
	have := make(map[string]bool, len(t.globs))
	for _, g := range t.globs {
		have[g] = true
	}
	for _, s := range before.selectors {
		if s.everyChannel {
			return t
		}
		for _, g := range s.channels {
			if !have[g] {
				return t
			}
		}
	}
	return nil
}

// Keeps says whether a subscription to a channel, or to a pattern, is still allowed.
func (t *ChannelTest) Keeps(name []byte, pattern bool) bool {
	return channelAllowed(t.globs, name, pattern)
}
