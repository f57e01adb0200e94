// Flips changes one random bit at a time in the append-only folder of a server that was stopped in order, sidecars absent, and says what
// a start makes of it: ours in this process, through package recovery, and for a sample of the same flips by starting servers. Whatever it
// prints was seen in the run; it ends with status 1 if ours once took up other data or cut a file.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	server, peer  string
	flips, starts int
	seed          uint64
	commands      int
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.server, "server", "bin/frankenredis", "the server whose folder it is")
	flag.StringVar(&o.peer, "peer", "/opt/peers/bin/redis-server", `the server to compare with; "": none`)
	flag.IntVar(&o.flips, "n", 10_000, "flips")
	flag.IntVar(&o.starts, "starts", 300, "of them, so many that are also given to each server")
	flag.IntVar(&o.commands, "commands", 3_000, "commands in the log, half of them rewritten into its base")
	flag.Uint64Var(&o.seed, "seed", 1, "of the data and the flips")
	flag.Parse()
	dir, err := os.MkdirTemp(memoryDir(), "flips")
	if err == nil {
		defer os.RemoveAll(dir)
		err = run(&o, dir)
	}
	if err != nil {
		os.RemoveAll(dir)
		log.Fatal(err)
	}
}

// memoryDir is a folder where files cost no disk.
func memoryDir() string {
	if _, err := os.Stat("/dev/shm"); err == nil {
		return "/dev/shm"
	}
	return ""
}

func run(o *options, dir string) error {
	source := filepath.Join(dir, "source")
	if err := makeFolder(o, source); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	files, err := readFolder(filepath.Join(source, folder))
	if err != nil {
		return err
	}
	var names []string
	for _, f := range files {
		names = append(names, fmt.Sprintf("%s %d", f.name, len(f.bytes)))
	}
	fmt.Printf("files: %s\n", strings.Join(names, ", "))
	flips := makeFlips(files, o)
	began := time.Now()
	ours, err := judgeRecovery(filepath.Join(dir, "in-process"), files, flips)
	if err != nil {
		return err
	}
	fmt.Printf("%d flips in process, seed %d, %.1f s for a thousand\n", len(flips), o.seed, time.Since(began).Seconds()*1000/float64(len(flips)))
	fmt.Print(ours)
	for _, server := range []string{o.server, o.peer} {
		if server == "" || o.starts == 0 {
			continue
		}
		t, err := judgeServer(server, filepath.Join(dir, "started"), files, flips, o.starts)
		if err != nil {
			return fmt.Errorf("%s: %w", server, err)
		}
		fmt.Printf("%s, started with %d of the same flips, of those in base, increment and manifest\n%s", filepath.Base(server), t.total(), t)
		if server == o.server && t.other > 0 {
			return fmt.Errorf("%s served other data", server)
		}
	}
	if ours.other > 0 || ours.cut > 0 {
		return fmt.Errorf("%d took up other data, %d cut a file", ours.other, ours.cut)
	}
	return nil
}

// file is one file of the folder.
type file struct {
	name  string
	bytes []byte
}

// flip is one bit of one file.
type flip struct {
	file, pos int
	bit       byte
}

// makeFlips takes bits at random, each bit of the folder with the same chance.
func makeFlips(files []file, o *options) []flip {
	rnd := rand.New(rand.NewPCG(o.seed, 2))
	total := 0
	for _, f := range files {
		total += len(f.bytes)
	}
	flips := make([]flip, o.flips)
	for i := range flips {
		pos, n := rnd.IntN(total), 0
		for ; pos >= len(files[n].bytes); n++ {
			pos -= len(files[n].bytes)
		}
		flips[i] = flip{n, pos, 1 << rnd.IntN(8)}
	}
	return flips
}

// readFolder reads what is not empty; an empty file is the lock.
func readFolder(dir string) (files []file, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if len(raw) > 0 {
			files = append(files, file{e.Name(), raw})
		}
	}
	return files, err
}

// place writes the folder with one bit changed; nil: as it was.
func place(dir string, files []file, f *flip) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
		return err
	}
	for i := range files {
		raw := files[i].bytes
		if f != nil && f.file == i {
			raw = append([]byte(nil), raw...)
			raw[f.pos] ^= f.bit
		}
		if err := os.WriteFile(filepath.Join(dir, folder, files[i].name), raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// shrank says whether a file of the log is shorter now than it was.
func shrank(dir string, files []file) bool {
	for i := range files {
		st, err := os.Stat(filepath.Join(dir, folder, files[i].name))
		if strings.HasSuffix(files[i].name, ".incr.aof") && (err != nil || st.Size() < int64(len(files[i].bytes))) {
			return true
		}
	}
	return false
}

// tally counts outcomes.
type tally struct {
	same, other, refused int
	cut, unnamed         int // of them: a file was made shorter; a refusal did not say where
	examples             []string
}

func (t *tally) total() int { return t.same + t.other + t.refused }

// String gives the counts, a line each.
func (t *tally) String() string {
	percent := func(n int) string { return fmt.Sprintf("%6d  %5.1f %%", n, 100*float64(n)/float64(max(t.total(), 1))) }
	return fmt.Sprintf("  refuses        %s  (without the place: %d)\n  serves it all  %s\n  serves other   %s  (a file cut: %d)\n%s",
		percent(t.refused), t.unnamed, percent(t.same), percent(t.other), t.cut, strings.Join(t.examples, ""))
}

const examplesMax = 5

func (t *tally) example(f file, at *flip, text string) {
	if len(t.examples) < examplesMax {
		t.examples = append(t.examples, fmt.Sprintf("    %s byte %d bit %#x: %s\n", f.name, at.pos, at.bit, text))
	}
}

// sum is the digest of what was loaded, in order.
type sum = [sha256.Size]byte
