package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"frankenredis/conformance/testbed"
)

// Settings are what the flags say; they are kept in the results.
type Settings struct {
	Server   string   `json:"server"`
	Peer     string   `json:"peer"`
	Load     string   `json:"load"`
	Rounds   int      `json:"rounds"`
	Requests int      `json:"requests"`
	Clients  int      `json:"clients"`
	KeySpace int      `json:"keyspace"`
	Size     int      `json:"value_bytes"`
	Tests    []string `json:"tests"`
	Fsync    []string `json:"fsync"`
	Pipeline []int    `json:"pipeline"`
	Keys     int      `json:"memory_keys"`
	Corpora  string   `json:"memory_corpora"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var s Settings
	flag.StringVar(&s.Server, "server", "bin/frankenredis", "the server to measure")
	flag.StringVar(&s.Peer, "peer", "", "the server to compare with (default: redis-server from conformance/peers.sh or PATH)")
	flag.StringVar(&s.Load, "load", "", "the load generator (default: redis-benchmark from conformance/peers.sh or PATH)")
	flag.IntVar(&s.Rounds, "rounds", 3, "how often each case is run by each contestant")
	flag.IntVar(&s.Requests, "n", 200_000, "requests of a measurement; four times as many with a pipeline, a tenth with one client")
	flag.IntVar(&s.Clients, "c", 50, "clients")
	flag.IntVar(&s.KeySpace, "r", 100_000, "number of different keys")
	flag.IntVar(&s.Size, "d", 64, "bytes of a value")
	flag.IntVar(&s.Keys, "keys", 1_000_000, "elements of each memory measurement; 0 leaves them out")
	flag.StringVar(&s.Corpora, "m", "", "measure the memory only of corpora whose names contain this")
	tests := flag.String("t", "set,get,incr", "commands, as redis-benchmark names them, or of our own: "+ownNames()+"; all: each but the scripts, scripts: all of those")
	fsync := flag.String("fsync", "off,everysec,always", "fsync policies; off is no AOF at all")
	pipeline := flag.String("P", "1,16", "pipeline depths")
	out := flag.String("out", "tools/bench/results", "folder for the results")
	name := flag.String("name", time.Now().Format("2006-01-02-1504"), "name of the results")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "bench measures a server beside redis-server, in turn, under redis-benchmark's load.\n\nFlags:")
		flag.PrintDefaults()
	}
	flag.Parse()
	s.Tests, s.Fsync = strings.Split(*tests, ","), strings.Split(*fsync, ",")
	switch *tests {
	case "all":
		s.Tests = allTests()
	case "scripts":
		s.Tests = scriptNames()
	}
	for _, p := range strings.Split(*pipeline, ",") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			return fmt.Errorf("-P %s: not a pipeline depth", p)
		}
		s.Pipeline = append(s.Pipeline, n)
	}
	for path, program := range map[*string]string{&s.Peer: "redis-server", &s.Load: "redis-benchmark"} {
		if *path != "" {
			continue
		}
		found, ok := testbed.LookPeer(program)
		if !ok {
			return fmt.Errorf("no %s on this machine: run conformance/peers.sh", program)
		}
		*path = found
	}

	report, err := measureAll(s)
	if err != nil {
		return err
	}
	tables := report.Tables()
	fmt.Print("\n", tables)
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	base := filepath.Join(*out, *name)
	if err := report.WriteJSON(base + ".json"); err != nil {
		return err
	}
	fmt.Printf("\nraw results: %s.json\n", base)
	return os.WriteFile(base+".md", []byte(tables), 0o644)
}
