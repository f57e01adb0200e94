package main

import (
	"fmt"
	"strings"
	"testing"
)

// An edit is an edit, whatever of the text it changes; damage that shows is told from it.
func TestDamageOfText(t *testing.T) {
	id, other := strings.Repeat("07c3", 10), strings.Repeat("a94e", 10)
	hash := strings.Repeat("5e88", 16)
	node := func(id, slots string) string {
		return id + " 10.0.0.6:7000@17000,,tls-port=0,shard-id=" + other + " myself,master - 0 0 1 connected " + slots + "\n"
	}
	flipped := func(s string, at int) string { return s[:at] + string(s[at]^1) + s[at+1:] }
	for _, c := range []struct{ what, was, is, want string }{
		{"a digit of a parameter", "maxclients 500\nport 1\n", "maxclients 700\nport 1\n", ""},
		{"an address", node(id, "0-16383"), strings.Replace(node(id, "0-16383"), "0.6", "0.7", 1), ""},
		{"slots", node(id, "0-16383"), node(id, "0-100"), ""},
		{"another node", node(id, ""), node(strings.Repeat("19fb", 10), ""), ""},
		{"a line less", "a 1\nb 2\n", "a 1\n", ""},
		{"a line more", "a 1\n", "a 1\nb 2\n", ""},
		{"no newline at the end", "a 1\n", "a 1", ""},
		{"carriage returns and tabs", "a 1\n", "a\t1\r\n", ""},
		{"letters beyond ASCII", "a 1\n", "# für\na 1\n", ""},
		{"another password", "user a on #" + hash + "\n", "user a on #" + strings.Repeat("1d70", 16) + "\n", ""},
		{"what it was is lost", "", "a 1\n", ""},
		{"nothing", "a 1\n", "", "empty"},
		{"a zero byte", "a 1\n", "a\x001\n", "no text has"},
		{"the high bit", "a 1\n", "a\xa01\n", "highest bit"},
		{"a letter of an old code", "a 1\n", "# f\xfcr\na 1\n", ""},
		{"a zero byte, and what it was is lost", "", "a\x001\n", "no text has"},
		{"a word cut", "maxclients 500\n", "maxclients 50", "ends within"},
		{"a bit of an id", node(id, ""), flipped(node(id, ""), 7), "1 of 40 digits"},
		{"a bit of a shard's id", node(id, ""), flipped(node(id, ""), 95), "1 of 40 digits"},
		{"a bit of a hash", "user a on #" + hash + "\n", flipped("user a on #"+hash+"\n", 20), "1 of 64 digits"},
		{"a letter of an id made large", node(other, ""), "A" + node(other, "")[1:], "1 of 40 digits"}, // it stands there twice
	} {
		got := damageOfText([]byte(c.was), []byte(c.is))
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q\n%s", c.what, got, c.want, fmt.Sprint(c.is))
		}
	}
	// Each bit of an id shows, also one that makes no digit of it.
	was := node(other, "")
	for at := range other {
		for bit := range 8 {
			is := []byte(was)
			is[at] ^= 1 << bit
			if damageOfText([]byte(was), is) == "" {
				t.Errorf("the id became %q, and that is an edit", is[:len(other)])
			}
		}
	}
}
