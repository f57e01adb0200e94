package generate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"frankenredis/conformance/reference"
)

var everything = Weights{"string": 4, "bitmap": 2, "generic": 2, "list": 1, "hash": 1, "set": 1, "sorted-set": 1, "geo": 1, "stream": 1,
	"hyperloglog": 1, "transactions": 1, "connection": 1, "server": 1, "scripting": 1, "pubsub": 1}

// A seed is a stream: a failure could not be shown again otherwise.
func TestSeeds(t *testing.T) {
	stream := func(seed uint64) [][]string { return New(seed, reference.Commands(), everything).Commands(3000) }
	a, b, c := stream(1), stream(1), stream(2)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed gives two streams")
	}
	if reflect.DeepEqual(a, c) {
		t.Error("two seeds give one stream")
	}
}

// Every command that is neither excluded nor a container comes, and nothing that is excluded.
func TestCoverage(t *testing.T) {
	g := New(7, reference.Commands(), everything)
	came := map[string]bool{}
	for range 20000 {
		c := g.pick()
		g.make(c)
		came[c.Name] = true
	}
	all := reference.Commands()
	for _, c := range all {
		wanted := everything[c.Group] > 0 && Excluded(&c) == "" && !isContainer(&c)
		if came[c.Name] != wanted {
			t.Errorf("%s: came %v, wanted %v", c.Name, came[c.Name], wanted)
		}
	}
	if names := g.Names(); len(names) != len(came) {
		t.Errorf("%d names, %d came", len(names), len(came))
	}
	for name := range excluded {
		if !slices.ContainsFunc(all, func(c reference.Command) bool { return c.Name == name }) {
			t.Errorf("excluded, but no command: %s", name)
		}
	}
}

// Of a well-formed command the arity is that of the reference, and each of the tree's words and forms comes.
func TestWellFormed(t *testing.T) {
	g := New(3, reference.Commands(), everything)
	seen := map[string]map[string]bool{}
	for range 20000 {
		c := g.pick()
		args := g.make(c)
		// One more is the option too many that make brings in now and then. A subcommand's arity counts its parent's name.
		if n := len(args); c.Arity > 0 && n != c.Arity && n != c.Arity+1 || n < max(c.Arity, -c.Arity) {
			t.Fatalf("%s (arity %d): %q", c.Name, c.Arity, args)
		}
		if seen[c.Name] == nil {
			seen[c.Name] = map[string]bool{}
		}
		for _, a := range args {
			seen[c.Name][a] = true
		}
	}
	for name, words := range map[string]string{
		"set": "NX XX GET EX PX EXAT PXAT KEEPTTL", "bitfield": "GET SET INCRBY OVERFLOW WRAP SAT FAIL", "zrange": "BYSCORE REV LIMIT WITHSCORES",
		"xread": "COUNT STREAMS", "zunion": "WEIGHTS AGGREGATE SUM MIN MAX",
	} {
		for _, w := range strings.Fields(words) {
			if !seen[name][w] {
				t.Errorf("%s never came with %s", name, w)
			}
		}
	}
	if seen["xread"]["BLOCK"] || seen["hello"]["AUTH"] {
		t.Error("an argument came that is left out")
	}
}

func TestNewWithoutCommands(t *testing.T) {
	if New(1, nil, everything) != nil || New(1, reference.Commands(), Weights{"nosuch": 1}) != nil {
		t.Error("a generator of nothing")
	}
}

// Payloads end as DUMP's do: version, then checksum.
func TestPayload(t *testing.T) {
	const want = "\x00\x05hello\x0b\x00"
	got := payload(11, "\x00\x05hello")
	if !strings.HasPrefix(got, want) || len(got) != len(want)+8 {
		t.Errorf("%q", got)
	}
	// The check value of this CRC in the catalogues.
	if sum := fmt.Sprintf("%x", checksum([]byte("123456789"))); sum != "e9c6d914c4b8d9ca" {
		t.Errorf("CRC-64 of the check string: %s", sum)
	}
}

func TestShrink(t *testing.T) {
	var stream [][]string
	for i := range 300 {
		stream = append(stream, []string{fmt.Sprint(i)})
	}
	needs := func(s [][]string) bool { // 17 and 230, and the last
		var found int
		for _, c := range s {
			if c[0] == "17" || c[0] == "230" {
				found++
			}
		}
		return found == 2 && s[len(s)-1][0] == "299"
	}
	got := Shrink(stream, 1000, needs)
	if want := [][]string{{"17"}, {"230"}, {"299"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	asked := 0
	Shrink(stream, 5, func([][]string) bool { asked++; return false })
	if asked != 5 {
		t.Errorf("asked %d times, 5 allowed", asked)
	}
}

func ExampleGenerator() {
	g := New(1, reference.Commands(), Weights{"string": 1})
	fmt.Println(len(g.Commands(10)))
	// Output: 10
}
