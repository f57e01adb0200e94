package acl

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		rules, command string
		keys           []Key // of the words behind the command
		channels       []int
		patterns       bool
		want           Denial
		pos            int
	}{
		{"", "get a", nil, nil, false, DeniedCommand, 0},
		{"", "auth a", nil, nil, false, Allowed, 0},
		{"+get", "get a", []Key{{1, true, false}}, nil, false, DeniedKey, 1},
		{"+get;%R~a*", "get ab", []Key{{1, true, false}}, nil, false, Allowed, 0},
		{"+set;%R~a*", "set ab", []Key{{1, false, true}}, nil, false, DeniedKey, 1},
		{"+set;%R~a", "set a", []Key{{1, false, false}}, nil, false, Allowed, 0},
		{"+set;~a", "set a b", []Key{{1, true, true}, {2, true, true}}, nil, false, DeniedKey, 2},
		{"(+get ~a);(+set ~b)", "get b", []Key{{1, true, false}}, nil, false, DeniedKey, 1},
		{"(+get ~a);(+get ~b)", "get a b", []Key{{1, true, false}, {2, true, false}}, nil, false, DeniedKey, 2},
		{"+select|0", "select 0", nil, nil, false, Allowed, 0},
		{"+select|0", "select 1", nil, nil, false, DeniedCommand, 0},
		{"+get;&a*", "get ab", nil, []int{1}, false, Allowed, 0},
		{"+get;&a*", "get ab", nil, []int{1}, true, DeniedChannel, 1},
		{"+get;&a*", "get a*", nil, []int{1}, true, Allowed, 0},
		{"+get;(+get ~a &x)", "get a b", []Key{{1, true, false}}, []int{2}, false, DeniedChannel, 2},
		{"+@all;~*;&*", "set a b", []Key{{1, true, true}}, []int{2}, false, Allowed, 0},
	} {
		s := NewUsers(testCatalog())
		if err := set(t, s, "u", c.rules); err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(c.command)
		q := &Query{Command: s.catalog.lookup(words[0]), Channels: c.channels, Patterns: c.patterns, Keys: func() []Key { return c.keys }}
		for _, w := range words {
			q.Argv = append(q.Argv, []byte(w))
		}
		if d, pos := s.Get("u").Check(q); d != c.want || pos != c.pos {
			t.Errorf("%q, %q: %v at %d, want %v at %d", c.rules, c.command, d, pos, c.want, c.pos)
		}
		if free := s.Get("u").Unlimited(); free != strings.Contains(c.rules, "&*") {
			t.Errorf("%q: unlimited %v", c.rules, free)
		}
	}
}

func TestLostChannels(t *testing.T) {
	for _, c := range []struct {
		before, after, name string
		pattern, keeps      bool
	}{
		{"&a", "resetchannels;&a;&b", "z", false, true}, // nobody is asked
		{"&*", "resetchannels;&a*", "ab", false, true},
		{"&*", "resetchannels;&a*", "b", false, false},
		{"&*", "resetchannels;&a*", "ab*", true, false},
		{"&a*", "resetchannels;(&a*)", "ab*", true, true},
		{"&a", "allchannels", "b", false, true},
		{"&a", "resetchannels", "a", false, false},
	} {
		s := NewUsers(testCatalog())
		if err := set(t, s, "u", c.before); err != nil {
			t.Fatal(err)
		}
		keeps := true
		err := s.Set("u", strings.Split(c.after, ";"), func(now, then *User) {
			if test := LostChannels(now, then); test != nil {
				keeps = test.Keeps([]byte(c.name), c.pattern)
			}
		})
		if err != nil || keeps != c.keeps {
			t.Errorf("%q then %q: %q is kept: %v, %v", c.before, c.after, c.name, keeps, err)
		}
	}
}
