package acl

import (
	"strings"
	"testing"
)

// testCatalog is a small world of commands.
func testCatalog() *Catalog {
	return NewCatalog([]*Command{
		{Name: "get", Categories: 1}, {Name: "set", Categories: 2}, {Name: "select"}, {Name: "auth", Free: true},
		{Name: "config", Sub: []*Command{{Name: "config|get", Categories: 1}, {Name: "config|set", Categories: 2}}},
	}, []string{"read", "write"})
}

func set(t *testing.T, s *Users, name, rules string) error {
	t.Helper()
	return s.Set(name, strings.Split(rules, ";"), func(now, then *User) {})
}

func TestRules(t *testing.T) {
	const none = "off sanitize-payload resetchannels -@all"
	for rules, want := range map[string]string{
		"":                                    none,
		"on;nopass;allkeys;allchannels;+@all": "on nopass sanitize-payload ~* &* +@all",
		"+GET;-set;+get":                      "off sanitize-payload resetchannels -@all -set +get",
		"+config|get;+config":                 "off sanitize-payload resetchannels -@all +config",
		"+config;+config|get":                 "off sanitize-payload resetchannels -@all +config +config|get",
		"+@all;-@READ;+select|AB;+select|ab":  "off sanitize-payload resetchannels +@all -@read +select|ab",
		"%R~a;%W~a;%r~b;~c":                   "off sanitize-payload ~a %R~b ~c resetchannels -@all",
		"&x;&x;&y":                            "off sanitize-payload resetchannels &x &y -@all",
		"(;+get;~a;);(%W~b &c)":               none + " (~a resetchannels -@all +get) (%W~b resetchannels &c -@all)",
		"(+get);clearselectors":               none,
		"on;nopass;+get;~a;(+set);reset":      none,
		">a;>a;nopass;skip-sanitize-payload":  "off nopass skip-sanitize-payload resetchannels -@all",
		"#" + strings.Repeat("0a", 32):        "off sanitize-payload #" + strings.Repeat("0a", 32) + " resetchannels -@all",
		">a;<a;#" + strings.Repeat("0b", 32):  "off sanitize-payload #" + strings.Repeat("0b", 32) + " resetchannels -@all",
		"+get;+nonsense":                      "Error in ACL SETUSER modifier '+nonsense': Unknown command or category name in ACL",
		"+config|get|x":                       "Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported",
		"+config|":                            "Error in ACL SETUSER modifier '+config|': Syntax error",
		"%RR~x":                               "Error in ACL SETUSER modifier '%RR~x': Syntax error",
		"<a":                                  "Error in ACL SETUSER modifier '<a': The password you are trying to remove from the user does not exist",
		"#0A":                                 "Error in ACL SETUSER modifier '#0A': The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
		"on;(;+get":                           "Unmatched parenthesis in acl selector starting at '('.",
		"~*;~a":                               "Error in ACL SETUSER modifier '~a': " + string(errAfterKeys),
		"&*;&a":                               "Error in ACL SETUSER modifier '&a': " + string(errAfterChans),
	} {
		s := NewUsers(testCatalog())
		got := ""
		if err := set(t, s, "u", rules); err != nil {
			got = err.Error()
			if s.Get("u") != nil {
				t.Errorf("%q was refused, and the user is there", rules)
			}
		} else {
			got = s.Get("u").String()
			again := NewUsers(testCatalog())
			if err := set(t, again, "u", strings.Join(strings.Fields(got), ";")); err != nil || again.Get("u").String() != got {
				t.Errorf("%q: what is shown does not make the same user: %v", rules, err)
			}
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", rules, got, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	s := NewUsers(testCatalog())
	for _, c := range []struct {
		rules, password string
		accepted        bool
	}{
		{">a", "a", false}, {"on", "a", true}, {">b", "b", true}, {"<a", "a", false}, {"", "b", true}, {"nopass", "x", true},
		{"resetpass", "", false}, {">", "", true}, {"off", "", false},
	} {
		if err := set(t, s, "u", c.rules); err != nil {
			t.Fatal(err)
		}
		if got := s.Get("u").Accepts([]byte(c.password)); got != c.accepted {
			t.Errorf("after %q, %q: %v", c.rules, c.password, got)
		}
	}
}

// Whatever a client sends as rules: no panic, and what is refused changes nothing.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{"on;+get;(~a +set)", "(;%R~x;)", "+config|get;-@read;&x", "\x00;+\x00;(\x00);%;#;<", "(\"a\" '')"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rules string) {
		s := NewUsers(testCatalog())
		if err := set(t, s, "u", "on;>p;+get;~a;&c;(+set)"); err != nil {
			t.Fatal(err)
		}
		before := s.Get("u").String()
		if err := set(t, s, "u", rules); err != nil && s.Get("u").String() != before {
			t.Errorf("%q was refused (%v) and changed the user to %s", rules, err, s.Get("u"))
		}
		s.Get("u").Check(&Query{Command: s.catalog.lookup("get"), Argv: [][]byte{[]byte("get"), []byte("a")}, Keys: func() []Key { return []Key{{Pos: 1, Read: true}} }})
		if _, err := s.ParseFile("f", "user x "+rules); err == nil {
			_, _ = DirectiveCheck(s.catalog)(append([]string{"x"}, strings.Split(rules, " ")...))
		}
	})
}
