package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"frankenredis/conformance/generate"
	"frankenredis/conformance/reference"
	"frankenredis/conformance/testbed"
)

// ruleMaker makes up rules for ACL SETUSER, most of them good.
type ruleMaker struct {
	*rand.Rand
	commands []string // full names
}

var aclCategories = strings.Fields("keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow " +
	"blocking dangerous connection transaction scripting all READ nonsense")

func (m ruleMaker) pick(of ...string) string { return of[m.IntN(len(of))] }

// command is a command, or what could be taken for one.
func (m ruleMaker) command() string {
	name := m.pick(m.commands...)
	if m.IntN(8) == 0 {
		name = strings.ToUpper(name)
	}
	switch m.IntN(12) {
	case 0:
		return name + "|" + m.pick("a", "GET", "0", "", "x|y")
	case 1:
		return m.pick("", "nonsense", "config|nonsense", "config|", "get|get")
	case 2:
		return "select|" + m.pick("0", "1", "Ab")
	}
	return name
}

// rule is a rule that may stand in a selector.
func (m ruleMaker) rule() string {
	glob := m.pick("a", "b*", "*", "k?", "[ab]", "", "A")
	switch m.IntN(11) {
	case 0, 1, 2:
		return m.pick("+", "-") + m.command()
	case 3, 4:
		return m.pick("+@", "-@") + m.pick(aclCategories...)
	case 5:
		return "~" + glob
	case 6:
		return "%" + m.pick("R", "W", "RW", "wr", "r", "RR", "", "X") + m.pick("~", "~", "~", "") + glob
	case 7:
		return "&" + glob
	case 8:
		return m.pick("allkeys", "resetkeys", "allchannels", "resetchannels", "AllCommands", "nocommands", "+@all", "-@all", "&*", "~*")
	case 9:
		return m.pick("resetkeys", "resetchannels", "-@all")
	}
	return m.pick("~a b", "x", "()", "on(", "~x\x00y", "")
}

// words are the arguments of one ACL SETUSER.
func (m ruleMaker) words() []string {
	var out []string
	for range 1 + m.IntN(5) {
		switch m.IntN(9) {
		case 0:
			out = append(out, m.pick("on", "OFF", "nopass", "resetpass", "skip-sanitize-payload", "sanitize-payload", "clearselectors", "reset",
				">a", ">b", "<a", "<b", "#"+strings.Repeat("0a", 32), "!"+strings.Repeat("0a", 32), "#0a", "#"+strings.Repeat("0A", 32)))
		case 1:
			inner := []string{m.rule(), m.rule()}
			if m.IntN(2) == 0 {
				out = append(out, "("+strings.Join(inner, " ")+")")
			} else {
				out = append(out, append(append([]string{m.pick("(", "("+m.rule())}, inner...), m.pick(")", m.rule()+")", m.rule()))...)
			}
		default:
			out = append(out, m.rule())
		}
	}
	return out
}

// Rules made up at random are taken or refused alike, show the same in ACL LIST and GETUSER, and allow the same commands.
func TestRandomACL(t *testing.T) {
	d := newDuel(t, "redict-server")
	commands := knownTo(t, d.servers[0])
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	seeds := 12
	if long() {
		seeds = 400
	}
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	weights := generate.Weights{}
	for _, c := range commands {
		weights[c.Group] = 1
	}
	first := max(*seedFlag, 1)
	for seed := first; seed < first+uint64(seeds); seed++ {
		m := ruleMaker{rand.New(rand.NewPCG(seed, 0)), names}
		samples := generate.New(seed, commands, weights).Commands(120)
		for _, c := range commands {
			if !slices.Contains(c.Flags, "movablekeys") { // all of one word: their keys are where they always are
				samples = append(samples, plainCall(c))
			}
		}
		same := func(args ...string) bool {
			var text [2]string
			for i, c := range d.admin {
				r, err := c.Do(args...)
				ok(t, err)
				text[i] = r.String()
			}
			ours, theirs := text[0], text[1]
			if ours != theirs {
				t.Errorf("seed %d: %q\nours   %s\ntheirs %s", seed, args, ours, theirs)
			}
			return ours == theirs
		}
		same("ACL", "DELUSER", "u")
		for range 15 {
			words := m.words()
			if !same(append([]string{"ACL", "SETUSER", "u"}, words...)...) || !same("ACL", "LIST") || !same("ACL", "GETUSER", "u") {
				t.Fatal("and so on")
			}
		}
		same("ACL", "SETUSER", "u")
		for _, s := range samples {
			if !same(append([]string{"ACL", "DRYRUN", "u"}, s...)...) {
				t.Fatalf("the user is %v", d.admin[1].Call(t, "ACL", "LIST"))
			}
		}
	}
}

// plainCall is a call of a command with as few arguments as may be.
func plainCall(c reference.Command) []string {
	args := strings.Split(c.Name, "|")
	n := c.Arity
	if n < 0 {
		n = -n
	}
	for len(args) < n {
		args = append(args, fmt.Sprintf("%c", 'a'+len(args)%3))
	}
	return args
}

// ACL LOAD and SAVE, and whom a new file disconnects, are alike here and in redict.
func TestACLFile(t *testing.T) {
	var told [2]string
	for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		file := filepath.Join(t.TempDir(), "users.acl")
		write := func(lines ...string) { ok(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644)) }
		write("user a on nopass ~* &foo +@all", "user b on nopass ~* &* +@all", "user c on >x +get")
		s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--aclfile", file}})
		var out strings.Builder
		clients := map[string]*testbed.Client{}
		do := func(name string, args ...string) {
			c := clients[name]
			if c == nil {
				c = s.Dial(t)
				clients[name] = c
				if name[0] != '-' {
					_, err := c.Do("AUTH", name[:1], "x")
					ok(t, err)
				}
			}
			r, err := c.Do(args...)
			if err != nil {
				r.Str = "(closed)"
			}
			fmt.Fprintf(&out, "%s %q: %s\n", name, args, strings.ReplaceAll(r.String(), file, "FILE"))
		}
		everybody := func() {
			for _, name := range []string{"-", "a", "b"} {
				do(name, "ACL", "WHOAMI")
			}
			for _, name := range []string{"a subscribed", "b subscribed", "- subscribed"} {
				do(name, "PING")
			}
			do("-", "ACL", "LIST")
		}
		do("a subscribed", "SUBSCRIBE", "foo")
		do("b subscribed", "SUBSCRIBE", "bar")
		do("- subscribed", "SUBSCRIBE", "zoo")
		do("-", "ACL", "LOAD")
		everybody()
		write("user a on nopass ~* &foo &x +@all -get", "user b on nopass ~* resetchannels &foo +@all")
		do("-", "ACL", "LOAD")
		everybody()
		write("user a on bad +nonsense")
		do("-", "ACL", "LOAD")
		write("user default on nopass ~* resetchannels &bar +@all", "user b on nopass (~* +@all) +acl")
		do("-", "ACL", "LOAD")
		everybody()
		do("-", "ACL", "SETUSER", "n", "on", ">p", "(~x +get)")
		do("-", "ACL", "SAVE")
		text, err := os.ReadFile(file)
		ok(t, err)
		out.Write(text)
		ok(t, os.Remove(file))
		do("-", "ACL", "LOAD")
		everybody()
		told[i] = out.String()
	}
	if told[0] != told[1] {
		t.Errorf("ours:\n%s\ntheirs:\n%s", told[0], told[1])
	}
}

// What is wrong with users in a configuration ends the start with Redis's words.
func TestUserDirectives(t *testing.T) {
	for _, conf := range []string{
		"user x bad", "user x on +get (+get", "user x on\nuser x on", "user x on +nonsense", "user x on (+nonsense)", `user "a b" on`,
		"user x on\naclfile users.acl", "aclfile users.acl", "aclfile wrong.acl",
	} {
		var told [2]string
		for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
			dir := t.TempDir()
			ok(t, os.WriteFile(filepath.Join(dir, "wrong.acl"), []byte("user a +nonsense bad\nuser a\n#\nuser b ~* ~x\n"), 0o644))
			ok(t, os.WriteFile(filepath.Join(dir, "c.conf"), []byte(conf+"\nport 0\nsave ''\n"), 0o644))
			out, code := runServer(t, binary, dir, "", "c.conf")
			if code != 1 {
				t.Errorf("%q: %s ends with %d", conf, binary, code)
			}
			out = strings.NewReplacer("Redict 7.3.6", "Redis 7.2.4", "Redict", "Redis", "redict", "redis").Replace(out)
			for _, line := range strings.Split(out, "\n") {
				if _, text, warning := strings.Cut(line, " # "); warning && !strings.Contains(line, "overcommit") {
					told[i] += text + "\n"
				} else if strings.HasPrefix(out, "\n***") {
					told[i] += line + "\n"
				}
			}
		}
		if told[0] != told[1] || told[0] == "" {
			t.Errorf("%q: ours:\n%s\ntheirs:\n%s", conf, told[0], told[1])
		}
	}
}
