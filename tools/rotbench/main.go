// Command rotbench damages what servers leave behind and tells what each makes of it, and of the remedy that comes with it: ours in both
// modes with frctl repair, and redis-server with redis-check-aof --fix.
//
//	rotbench [-faults n] [-seed n] [-server SERVER] [-frctl FRCTL] [-peer REDIS-SERVER]
//
// Each server writes a directory of its own, of strings, half of them in the base and half in an increment, and one with a snapshot only,
// and is stopped in order. A fault damages one file of a copy: base, increment, manifest or snapshot, by the kinds of package
// conformance/rot, the same kind with the same random numbers for every server. Then the server is started on it, and where it refuses the
// remedy is applied and it is started once more. What it serves is compared key by key. An older snapshot put in the place of a newer one is
// left out: nobody can tell it from what a person does on purpose.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"frankenredis/conformance/rot"
	"frankenredis/conformance/testbed"
)

const (
	keys  = 8000
	value = 120
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rotbench:", err)
		os.Exit(1)
	}
}

func run() error {
	faults := flag.Int("faults", 300, "how many")
	seed := flag.Uint64("seed", 1, "where the random numbers begin")
	ours := flag.String("server", "bin/frankenredis", "our server")
	frctl := flag.String("frctl", "bin/frctl", "our tool")
	peer := flag.String("peer", "", "the server to compare with (default: redis-server from conformance/peers.sh or PATH)")
	flag.Parse()
	if *peer == "" {
		found, ok := testbed.LookPeer("redis-server")
		if !ok {
			return errors.New("no redis-server: make peers")
		}
		*peer = found
	}
	check, ok := testbed.LookPeer("redis-check-aof")
	if !ok {
		return errors.New("no redis-check-aof: make peers")
	}
	temp, err := os.MkdirTemp("", "rotbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	repair := remedy{program: *frctl, args: func(dir string) []string { return []string{"repair", dir} }}
	fix := remedy{program: check, input: "y\n", args: func(dir string) []string {
		return []string{"--fix", filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")}
	}}
	contestants := []*contestant{
		{name: "strict, frctl repair", binary: *ours, remedy: repair},
		{name: "hardened", binary: *ours, args: []string{"--fr-mode", "hardened"}, remedy: repair},
		{name: filepath.Base(*peer) + ", redis-check-aof --fix", binary: *peer, remedy: fix},
	}
	for i, c := range contestants {
		c.home = filepath.Join(temp, fmt.Sprint(i))
		if err := c.prepare(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for n := range *faults {
		rng := rand.New(rand.NewPCG(*seed, uint64(n)))
		class := classes[rng.IntN(len(classes))]
		kinds := rot.Kinds()
		kind := kinds[rng.IntN(len(kinds))]
		if class.world == snapshot && kind.Name == "an older version" {
			continue
		}
		for _, c := range contestants {
			if err := c.try(class, kind, *seed, uint64(n)); err != nil {
				return fmt.Errorf("%s, fault %d (%s of %s): %w", c.name, n, kind.Name, class.name, err)
			}
		}
	}
	report(contestants)
	return nil
}

// world is one of the two directories of a server.
type world int

const (
	log world = iota
	snapshot
)

var worldArgs = [...][]string{
	log:      {"--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"},
	snapshot: {"--appendonly", "no"},
}

// classes are the files that are damaged: by a pattern below the directory.
var classes = []struct {
	name, pattern string
	world         world
}{
	{"base", "appendonlydir/*.base.rdb", log},
	{"increment", "appendonlydir/*.incr.aof", log},
	{"increment", "appendonlydir/*.incr.aof", log},
	{"manifest", "appendonlydir/*.manifest", log},
	{"snapshot", "dump.rdb", snapshot},
}

func report(contestants []*contestant) {
	row := func(what string, cell func(*contestant) string) {
		cells := []string{what}
		for _, c := range contestants {
			cells = append(cells, cell(c))
		}
		fmt.Printf("| %s |\n", strings.Join(cells, " | "))
	}
	row("", func(c *contestant) string { return c.name })
	row("---", func(*contestant) string { return "---" })
	row("faults", func(c *contestant) string { return fmt.Sprint(c.faults) })
	row("starts: all as it was", func(c *contestant) string { return fmt.Sprint(c.right) })
	row("starts: other data, or less, and nothing is said", func(c *contestant) string { return fmt.Sprint(c.wrong) })
	row("starts: less data, and a warning says so", func(c *contestant) string { return fmt.Sprint(c.told) })
	row("refuses", func(c *contestant) string { return fmt.Sprint(c.refused) })
	row("of these, after the remedy: all as it was", func(c *contestant) string { return fmt.Sprint(c.mended) })
	row("other data, or less", func(c *contestant) string { return fmt.Sprint(c.short) })
	row("still refuses", func(c *contestant) string { return fmt.Sprint(c.hopeless) })
	row("keys wrong or lost while it serves", func(c *contestant) string {
		return fmt.Sprintf("%d (%.1f %%)", c.lostKeys, 100*float64(c.lostKeys)/float64(c.faults*keys))
	})
}
