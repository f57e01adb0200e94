package acl

import (
	"slices"
	"strings"
	"testing"
)

func TestParseFile(t *testing.T) {
	const end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
	for text, want := range map[string]string{
		"":                          "default on nopass sanitize-payload ~* &* +@all",
		"user a on\r\n\n user b\n":  "a on sanitize-payload resetchannels -@all,b off sanitize-payload resetchannels -@all,default on nopass sanitize-payload ~* &* +@all",
		"user default on +get":      "default on sanitize-payload resetchannels -@all +get",
		"# c\nuser":                 "f:1 should start with user keyword followed by the username. f:2 should start with user keyword followed by the username. " + end,
		"user a\nuser a":            "WARNING: Duplicate user 'a' found on line 2. " + end,
		"user a\tb on":              "'f:1: username 'a\tb' contains invalid characters. " + end,
		"user a bad +x worse +@y":   "f:1: Syntax error. f:1: Error in applying operation '+x': Unknown command or category name in ACL. f:1: Error in applying operation '+@y': Unknown command or category name in ACL. " + end,
		"user a (+get":              "f:1: Unmatched parenthesis in selector definition." + end,
		"user a (~b  +get)\nuser b": "a off sanitize-payload resetchannels -@all (~b resetchannels -@all +get),b off sanitize-payload resetchannels -@all,default on nopass sanitize-payload ~* &* +@all",
	} {
		s := NewUsers(testCatalog())
		next, err := s.ParseFile("f", text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(next.Lines(), ",")
			back, err := s.ParseFile("f", "user "+strings.Join(next.Lines(), "\nuser "))
			if err != nil || !slices.Equal(back.Lines(), next.Lines()) {
				t.Errorf("%q: what is written reads as something else: %v", text, err)
			}
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestReplace(t *testing.T) {
	s := NewUsers(testCatalog())
	for _, name := range []string{"a", "b"} {
		if err := set(t, s, name, "on"); err != nil {
			t.Fatal(err)
		}
	}
	def, b := s.Default(), s.Get("b")
	next, err := s.ParseFile("f", "user b off\nuser c\nuser default off")
	if err != nil {
		t.Fatal(err)
	}
	var moves []string
	s.Replace(next, func(old, now *User) {
		to := "nobody"
		if now != nil {
			to = now.Name
		}
		moves = append(moves, old.Name+" "+to)
		if old.Name == "b" && (old != b || now == b) {
			t.Error("b stayed as it was")
		}
	})
	slices.Sort(moves)
	if !slices.Equal(moves, []string{"a nobody", "b b"}) || s.Default() != def || s.Get("default") != def || def.Enabled() {
		t.Errorf("moves %q, default %v", moves, def)
	}
}
