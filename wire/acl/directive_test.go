package acl

import (
	"strings"
	"testing"
)

func TestDirectiveCheck(t *testing.T) {
	for _, c := range []struct {
		directives string // one on each line; the last is looked at
		wrong      int
		want       string
	}{
		{"x on +get (+set ~a)", 0, ""},
		{"x on +nonsense", 0, ""},
		{"x bad", -1, "Syntax error"},
		{"x on bad", 0, "Syntax error"},
		{"x on +get (+get", 1, "Wrong format"},
		{"x on\nx on", 0, "Duplicate user found. A user can only be defined once in config files"},
	} {
		check := DirectiveCheck(testCatalog())
		var wrong int
		var err error
		for _, line := range strings.Split(c.directives, "\n") {
			wrong, err = check(strings.Fields(line))
		}
		if wrong != c.wrong || (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%q: %d, %v", c.directives, wrong, err)
		}
	}
}

func TestDefine(t *testing.T) {
	for _, c := range []struct{ name, rules, want string }{
		{"u", "on;~a", ""},
		{"default", "on;>x", ""},
		{"a b", "on", "Spaces not allowed in ACL usernames"},
		{"u", "on;+x", "Error loading ACL rule '+x' for the user named 'u': Unknown command or category name in ACL"},
	} {
		s := NewUsers(testCatalog())
		u, err := s.Define(append([]string{c.name}, strings.Split(c.rules, ";")...))
		switch {
		case c.want == "" && (err != nil || s.Get(c.name) != u || u.Unlimited()):
			t.Errorf("%s %s: %v, %v", c.name, c.rules, u, err)
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%s %s: %v", c.name, c.rules, err)
		}
	}
}
