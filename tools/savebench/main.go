package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"frankenredis/conformance/testbed"
)

// Settings are what the flags say; they are kept in the results.
type Settings struct {
	Server   string        `json:"server"`
	Peer     string        `json:"peer"`
	Size     int64         `json:"size_bytes"`
	Rate     int           `json:"requests_per_second"`
	Quiet    time.Duration `json:"quiet_nanoseconds"`
	Commands bool          `json:"load_commands"`
	Temp     string        `json:"-"`
}

func (s Settings) keys() int { return int(s.Size / bytesPerKey) }

// Report is a run.
type Report struct {
	Time     string   `json:"time"`
	Settings Settings `json:"settings"`
	Results  []Result `json:"results"` // the server's, then the peer's
}

// threads is more than this program has at any time: one that comes back from a system call never waits for a processor of the runtime's
// that another one keeps in its own. Both would be measured as the server's.
const threads = 16

// garbage is how much of it the load may make before it is collected: a collection takes both cores for milliseconds, and a run makes
// some 8 MB a second.
const garbage = 2 << 30

func main() {
	runtime.GOMAXPROCS(threads)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(garbage)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "savebench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	var o Settings
	flag.StringVar(&o.Server, "server", "bin/frankenredis", "the server to measure")
	flag.StringVar(&o.Peer, "peer", "", "the server to compare with (default: redis-server from conformance/peers.sh or PATH)")
	mega := flag.Int64("size", 2048, "megabytes of data, as redis-server counts them")
	flag.IntVar(&o.Rate, "rate", 15_000, "requests a second, half of them writes")
	flag.DurationVar(&o.Quiet, "quiet", 15*time.Second, "how long the quiet server is measured")
	flag.BoolVar(&o.Commands, "commands", true, "also load an append-only file of commands")
	temp := flag.String("temp", "", "folder for the data (default: the system's for temporary files)")
	out := flag.String("out", "tools/bench/results", "folder for the results")
	name := flag.String("name", time.Now().Format("2006-01-02-1504")+"-saves", "name of the results")
	flag.Parse()
	o.Size = *mega << 20
	if o.Peer == "" {
		found, ok := testbed.LookPeer("redis-server")
		if !ok {
			return errors.New("no redis-server: make peers")
		}
		o.Peer = found
	}
	if o.Temp, err = os.MkdirTemp(*temp, "savebench"); err != nil {
		return err
	}
	defer os.RemoveAll(o.Temp)
	snapshot, commands, err := prepare(o)
	if err != nil {
		return err
	}
	r := Report{Time: time.Now().UTC().Format(time.RFC3339), Settings: o}
	for _, c := range []struct{ who, binary string }{{"server", o.Server}, {"peer", o.Peer}} {
		res, err := measure(o, c.who, c.binary, snapshot, commands)
		if err != nil {
			return fmt.Errorf("%s: %w", c.who, err)
		}
		r.Results = append(r.Results, res)
	}
	ours, theirs := r.Results[0], &r.Results[1]
	theirs.Commands = ours.Commands // the same file; redis-server does not count them
	if fmt.Sprint(ours.Digests) != fmt.Sprint(theirs.Digests) {
		return fmt.Errorf("the data differs: digests %v and %v", ours.Digests, theirs.Digests)
	}
	r.Settings.Server, r.Settings.Peer = filepath.Base(o.Server), filepath.Base(o.Peer)
	text := table(r)
	fmt.Print("\n", text)
	p, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*out, *name+".json"), append(p, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*out, *name+".md"), []byte(text), 0o644)
}

// table is the report for readers.
func table(r Report) string {
	var b strings.Builder
	ours, theirs := r.Results[0], r.Results[1]
	fmt.Fprintf(&b, "Saves and loads beside redis-server, %s: %d keys, %d MB of used_memory there, %d requests a second, half of them writes.\n\n",
		r.Time, theirs.Keys, theirs.Used>>20, r.Settings.Rate)
	b.WriteString("| | server | redis-server | ratio |\n|---|---|---|---|\n")
	row := func(what, format string, a, c float64) {
		ratio := "-"
		if c != 0 {
			ratio = fmt.Sprintf("%.2f", a/c)
		}
		fmt.Fprintf(&b, "| %s | "+format+" | "+format+" | %s |\n", what, a, c, ratio)
	}
	for i, w := range ours.Windows {
		v := theirs.Windows[i]
		row(w.Name+": p99.9, ms", "%.2f", w.P999, v.P999)
		row(w.Name+": p99.9 against the quiet one", "%.2f", over(w.P999, ours.Windows[0].P999), over(v.P999, theirs.Windows[0].P999))
		row(w.Name+": longest PING, ms", "%.2f", w.Ping, v.Ping)
		if w.Turn > 0 {
			row(w.Name+": longest turn of the executor, ms", "%.2f", w.Turn, 0)
			row(w.Name+": the most processor time of a turn, ms", "%.2f", w.TurnOwn, 0)
			row(w.Name+": of 10,000 turns the longest, ms", "%.2f", w.Turn9999, 0)
			row(w.Name+": longest phase of a turn, ms", "%.2f", w.Phase, 0)
		}
		if i > 0 {
			row(w.Name+": seconds under load", "%.2f", w.Seconds, v.Seconds)
			row(w.Name+": memory copied, MB", "%.1f", float64(w.Copied)/(1<<20), float64(v.Copied)/(1<<20))
			row(w.Name+": copied, share of the data", "%.4f", over(float64(w.Copied), float64(ours.Used)), over(float64(v.Copied), float64(theirs.Used)))
		}
	}
	row("freeze or fork, us", "%.0f", float64(ours.Fork), float64(theirs.Fork))
	row("BGSAVE without load, s", "%.2f", ours.Save, theirs.Save)
	row("rewrite without load, s", "%.2f", ours.Rewrite, theirs.Rewrite)
	row("snapshot: keys loaded a second", "%.0f", over(float64(ours.Keys), ours.LoadRDB), over(float64(theirs.Keys), theirs.LoadRDB))
	row("snapshot: CPU seconds of the load", "%.2f", ours.RDBCPU, theirs.RDBCPU)
	if ours.LoadAOF > 0 {
		row("log: commands loaded a second", "%.0f", over(float64(ours.Commands), ours.LoadAOF), over(float64(theirs.Commands), theirs.LoadAOF))
		row("log: CPU seconds of the load", "%.2f", ours.AOFCPU, theirs.AOFCPU)
	}
	fmt.Fprintf(&b, "\nDEBUG DIGEST after each load was equal on both servers.\n")
	return b.String()
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
