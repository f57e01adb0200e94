package conformance

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/generate"
	"frankenredis/conformance/reference"
	"frankenredis/conformance/testbed"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "the first seed of the random comparison, and the only one unless -seeds is given; 0 for all")
	seedsFlag  = flag.Int("seeds", 0, "seeds of the random comparison for each family; 0 for the usual number")
	lengthFlag = flag.Int("length", 300, "commands of one seed of the random comparison")
)

// family is a mixture of commands that share keys, by group of the reference. It is run when the server has commands of its first group.
type family struct {
	name    string
	weights generate.Weights
	seeds   int // usually
	many    int // with FR_LONG
	// instead is the ledger's entry for which valkey is the judge and not redict.
	instead string
}

// families are what is compared at random. The first group is the one they are about.
var families = []family{
	{"string", generate.Weights{"string": 6, "bitmap": 1, "generic": 2}, 30, 1000, ""},
	{"bitmap", generate.Weights{"bitmap": 6, "string": 2, "generic": 1}, 20, 1000, ""},
	{"generic", generate.Weights{"generic": 8, "string": 2, "bitmap": 1, "list": 2, "hash": 2, "set": 2, "sorted-set": 2, "stream": 2}, 30, 1000, ""},
	{"hyperloglog", generate.Weights{"hyperloglog": 6, "string": 1, "generic": 1}, 10, 200, "redict-hyperloglog"},
	{"list", generate.Weights{"list": 8, "generic": 1}, 20, 200, ""},
	{"hash", generate.Weights{"hash": 8, "generic": 1}, 20, 200, ""},
	{"set", generate.Weights{"set": 8, "generic": 1}, 20, 200, ""},
	{"sorted-set", generate.Weights{"sorted-set": 8, "generic": 1}, 20, 200, ""},
	{"geo", generate.Weights{"geo": 8, "sorted-set": 1, "generic": 1}, 10, 200, ""},
	{"stream", generate.Weights{"stream": 8, "generic": 1}, 20, 200, ""},
	{"transactions", generate.Weights{"transactions": 4, "string": 3, "generic": 2, "connection": 1}, 20, 200, ""},
	{"connection", generate.Weights{"connection": 4, "server": 4, "pubsub": 1, "transactions": 1, "string": 2}, 15, 200, ""},
	{"scripting", generate.Weights{"scripting": 5, "string": 2, "generic": 1}, 10, 200, ""},
}

// Random commands get the same replies, byte for byte, from our server and from a judge, in both protocols, and leave the same data
// behind. Only what the server has a row for is asked for, so that a new family is compared from its first day.
func TestRandom(t *testing.T) {
	d, valkey := newDuel(t, "redict-server"), newDuel(t, "valkey-server")
	commands := knownTo(t, d.servers[0])
	for _, f := range families {
		probe := generate.New(1, commands, generate.Weights{f.name: 1})
		g := generate.New(1, commands, f.weights)
		if probe == nil || g == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			d := d
			if f.instead != "" && allowed(t, f.instead) {
				d = valkey
			}
			for _, proto := range []int{2, 3} {
				t.Run(fmt.Sprintf("resp%d", proto), func(t *testing.T) { compareRandom(t, d, f, commands, proto) })
			}
		})
	}
}

// knownTo returns the facts of those commands that a server has, as COMMAND LIST tells.
func knownTo(t *testing.T, s *testbed.Server) []reference.Command {
	t.Helper()
	have := map[string]bool{}
	for _, e := range s.Dial(t).Call(t, "COMMAND", "LIST").Elems {
		have[strings.ToLower(e.Str)] = true
	}
	all := slices.DeleteFunc(reference.Commands(), func(c reference.Command) bool { return !have[c.Name] })
	if len(all) == 0 {
		t.Fatal("COMMAND LIST names no command of 7.2.4")
	}
	return all
}

// maxDifferences ends a family's comparison.
const maxDifferences = 5

// run is which seeds of a family to play: so many in the short form, many in the long one, or what -seed and -seeds say.
func (f family) run(short int) (first uint64, n int) {
	first, n = 1, short
	if long() {
		n = f.many
	}
	if *seedsFlag > 0 {
		n = *seedsFlag
	}
	if *seedFlag > 0 {
		first = *seedFlag
		if *seedsFlag == 0 {
			n = 1
		}
	}
	return first, n
}

func compareRandom(t *testing.T, d *duel, f family, commands []reference.Command, proto int) {
	first, n := f.run(f.seeds)
	start := time.Now()
	shown := map[string]bool{}
	for seed := first; seed < first+uint64(n); seed++ {
		stream := generate.New(seed, commands, f.weights).Commands(*lengthFlag)
		began := time.Now()
		found, digests, err := d.play(stream, proto, batch)
		e := testbed.Entry{Suite: "random", Case: f.name, Seed: seed, Mode: fmt.Sprintf("resp%d", proto), Digests: digests[:], Millis: testbed.Millis(began),
			Outcome: testbed.Pass, Replay: replayCommand(f.name, proto, seed)}
		switch {
		case err != nil:
			e.Outcome, e.Reason = testbed.Fail, err.Error()
			testbed.Record(t, e)
			t.Fatalf("seed %d: %v\nreplay: %s", seed, err, e.Replay)
		case found != nil:
			args := stream[found.index]
			e.Outcome, e.Reason = testbed.Fail, fmt.Sprintf("command %d, %s", found.index, args[0])
			key := args[0] + found.ours + "\x00" + found.theirs
			if found.data {
				e.Reason, key = fmt.Sprintf("digests after command %d", found.index), fmt.Sprint(seed)
			}
			if !shown[key] {
				shown[key] = true
				least, why := d.shrink(stream, proto, found)
				if least == nil {
					least, why = stream[max(0, found.index-10):found.index+1], found
				}
				t.Errorf("seed %d, %d of %d commands:\n%s\nreplay: %s", seed, len(least), found.index+1, why.describe(least), e.Replay)
			}
		}
		testbed.Record(t, e)
		if len(shown) >= maxDifferences {
			t.Fatal("and so on")
		}
	}
	t.Logf("%d seeds of %d commands in %v", n, *lengthFlag, time.Since(start).Round(time.Millisecond))
}

// replayCommand is how to try one seed alone. It is good for a server with the same rows: they decide what a seed generates.
func replayCommand(family string, proto int, seed uint64) string {
	cmd := fmt.Sprintf("go test ./conformance -count=1 -run '^TestRandom$/^%s$/^resp%d$' -seed %d", family, proto, seed)
	if *lengthFlag != 300 {
		cmd += fmt.Sprintf(" -length %d", *lengthFlag)
	}
	return cmd
}
