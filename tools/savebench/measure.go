package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"frankenredis/conformance/testbed"
)

// Window is what clients saw for a while.
type Window struct {
	Name     string  `json:"name"` // quiet, bgsave, rewrite
	Seconds  float64 `json:"seconds"`
	Requests int     `json:"requests"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	P999     float64 `json:"p999_ms"`
	Max      float64 `json:"max_ms"`
	Ping     float64 `json:"longest_ping_ms"`
	Phase    float64 `json:"longest_phase_ms,omitempty"` // of our executor
	Turn     float64 `json:"longest_turn_ms,omitempty"`  // the same, from its histogram
	Turn9999 float64 `json:"turn_p9999_ms,omitempty"`    // likewise
	TurnOwn  float64 `json:"turn_own_ms,omitempty"`      // the most processor time of a turn
	Copied   int64   `json:"copied_bytes"`
	Grown    int64   `json:"rss_grown_bytes"`
	CPU      float64 `json:"cpu_seconds"`
}

// Result is what was measured of one server.
type Result struct {
	Who      string   `json:"who"`
	Keys     int64    `json:"keys"`
	Used     int64    `json:"used_memory_bytes"`
	Windows  []Window `json:"windows"`
	Fork     int64    `json:"latest_fork_usec"`
	Save     float64  `json:"bgsave_idle_seconds"`
	SaveSize int64    `json:"snapshot_bytes"`
	Rewrite  float64  `json:"rewrite_idle_seconds"`
	LoadRDB  float64  `json:"load_snapshot_seconds"`
	LoadAOF  float64  `json:"load_commands_seconds"`
	RDBCPU   float64  `json:"load_snapshot_cpu_seconds"`
	AOFCPU   float64  `json:"load_commands_cpu_seconds"`
	Commands int64    `json:"commands"` // in the append-only file
	Digests  []string `json:"digests"`  // after the snapshot and after the commands
}

// bench is one server under measurement.
type bench struct {
	o   Settings
	dir string
	res Result
	s   *testbed.Server
	c   *testbed.Client
}

var base = []string{"--save", "", "--auto-aof-rewrite-percentage", "0", "--appendfsync", "everysec", "--enable-debug-command", "yes"}

// start begins a server over a directory and returns how long it took to answer, and the CPU that cost.
func (b *bench) start(binary, dir string, args ...string) (seconds, cpu float64, err error) {
	began := time.Now()
	b.s, err = testbed.Launch(testbed.Options{Binary: binary, Dir: dir, Args: append(append([]string{}, base...), args...), NoWait: true})
	if err != nil {
		return 0, 0, err
	}
	for b.c == nil {
		if c, derr := b.s.DialErr(); derr == nil {
			if r, perr := c.Do("PING"); perr == nil && r.Str == "PONG" {
				c.Patience = 10 * time.Minute // a digest of gigabytes
				b.c = c
				break
			}
			c.Close()
		}
		if !b.s.Running() {
			return 0, 0, fmt.Errorf("the server ended:\n%s", b.s.LogTail(5))
		}
		time.Sleep(5 * time.Millisecond)
	}
	took, err := testbed.CPU(b.s.PID())
	return time.Since(began).Seconds(), took.Seconds(), err
}

func (b *bench) end() {
	if b.c != nil {
		b.c.Close()
		b.c = nil
	}
	if b.s != nil {
		b.s.Kill()
		b.s = nil
	}
}

func (b *bench) do(args ...string) (string, error) {
	r, err := b.c.Do(args...)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return r.Str, nil
}

func (b *bench) info(section string) (map[string]string, error) {
	text, err := b.do("INFO", section)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = v
		}
	}
	return fields, err
}

func (b *bench) number(name string) int64 {
	f, _ := b.info("everything")
	n, _ := strconv.ParseInt(f[name], 10, 64)
	return n
}

// job has a command begin a background job and returns how long that took to its end: while one of the fields busy of INFO is not 0, and
// with status ok. A job that has failed is an error although the server may try again.
func (b *bench) job(command []string, status string, busy ...string) (time.Duration, error) {
	began := time.Now()
	if _, err := b.do(command...); err != nil {
		return 0, err
	}
	for {
		time.Sleep(20 * time.Millisecond)
		f, err := b.info("persistence") // the rest would take its time, and clients would wait for it
		switch {
		case err != nil:
			return 0, err
		case f[status] != "ok":
			return 0, fmt.Errorf("%s: %s:%s\n%s", strings.Join(command, " "), status, f[status], b.s.LogTail(600))
		case !slices.ContainsFunc(busy, func(field string) bool { return f[field] != "0" }):
			return time.Since(began), nil
		}
	}
}

func (b *bench) save() (time.Duration, error) {
	return b.job([]string{"BGSAVE"}, "rdb_last_bgsave_status", "rdb_bgsave_in_progress")
}

func (b *bench) rewrite() (time.Duration, error) { return b.rewriteBy("BGREWRITEAOF") }

// rewriteBy waits for the rewrite that a command begins.
func (b *bench) rewriteBy(command ...string) (time.Duration, error) {
	return b.job(command, "aof_last_bgrewrite_status", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
}

// window measures what clients see while during runs.
func (b *bench) window(name, copied string, l *openLoop, p *pinger, during func() error) error {
	if _, err := b.do("CONFIG", "RESETSTAT"); err != nil {
		return err
	}
	before, _ := testbed.RSS(b.s.PID())
	cpu, _ := testbed.CPU(b.s.PID())
	peak, stop, done := before, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				if n, err := testbed.RSS(b.s.PID()); err == nil {
					peak = max(peak, n)
				}
			}
		}
	}()
	l.take()
	p.take()
	began := time.Now()
	err := during()
	lags := l.take()
	w := Window{Name: name, Seconds: time.Since(began).Seconds(), Requests: len(lags), Ping: ms(p.take())}
	close(stop)
	<-done
	if err != nil {
		return err
	}
	after, _ := testbed.CPU(b.s.PID())
	w.CPU, w.Grown = (after - cpu).Seconds(), peak-before
	w.P50, w.P99, w.P999, w.Max = ms(quantile(lags, 0.5)), ms(quantile(lags, 0.99)), ms(quantile(lags, 0.999)), ms(quantile(lags, 1))
	if copied != "" {
		w.Copied = b.number(copied)
	}
	f, _ := b.info("everything")
	for field, v := range f {
		if strings.HasPrefix(field, "fr_phase_") && field != "fr_phase_poll" {
			if _, usec, ok := strings.Cut(v, "max_usec="); ok {
				n, _ := strconv.ParseFloat(usec, 64)
				w.Phase = max(w.Phase, n/1000)
			}
		}
	}
	for part := range strings.SplitSeq(f["fr_turn"], ",") {
		name, v, _ := strings.Cut(part, "=")
		usec, _ := strconv.ParseFloat(v, 64)
		switch name {
		case "max_usec":
			w.Turn = usec / 1000
		case "p99.99_usec":
			w.Turn9999 = usec / 1000
		case "max_own_usec":
			w.TurnOwn = usec / 1000
		}
	}
	b.res.Windows = append(b.res.Windows, w)
	fmt.Printf("  %-8s %5.1f s, %7d requests: p50 %.2f, p99 %.2f, p99.9 %.2f, max %.1f ms; longest ping %.2f ms, turn %.2f ms (of processor time %.2f), phase %.2f ms; copied %d MB\n",
		name, w.Seconds, w.Requests, w.P50, w.P99, w.P999, w.Max, w.Ping, w.Turn, w.TurnOwn, w.Phase, w.Copied>>20)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// clients measures what saving costs clients. The server has its data.
func (b *bench) clients() error {
	// The monitor counts the processor time of turns, too; no event is so long that it would be noted.
	if _, err := b.do("CONFIG", "SET", "latency-monitor-threshold", "1000000"); err != nil {
		return err
	}
	l, err := startLoop(b.s, b.o.Rate, b.o.keys())
	if err != nil {
		return err
	}
	p, err := startPinger(b.s)
	if err != nil {
		_ = l.end()
		return err
	}
	time.Sleep(time.Second)
	err = b.window("quiet", "", l, p, func() error { time.Sleep(b.o.Quiet); return nil })
	if err == nil {
		err = b.window("bgsave", "rdb_last_cow_size", l, p, func() error { _, err := b.save(); return err })
	}
	b.res.Fork = b.number("latest_fork_usec")
	if err == nil {
		err = b.window("rewrite", "aof_last_cow_size", l, p, func() error { _, err := b.rewrite(); return err })
	}
	// Both are ended whatever happened before, and the first failure is told.
	return cmp.Or(err, l.end(), p.end())
}

// measure runs all of it for one server, from the snapshot and the log of commands that were made before.
func measure(o Settings, who, binary, snapshot, commands string) (Result, error) {
	b := &bench{o: o, res: Result{Who: who}}
	defer b.end()
	fmt.Printf("%s:\n", who)
	dir := filepath.Join(o.Temp, who)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return b.res, err
	}
	if err := os.Link(snapshot, filepath.Join(dir, "dump.rdb")); err != nil {
		return b.res, err
	}
	var err error
	if b.res.LoadRDB, b.res.RDBCPU, err = b.start(binary, dir, "--appendonly", "no"); err != nil {
		return b.res, err
	}
	digest, err := b.do("DEBUG", "DIGEST")
	if err != nil {
		return b.res, err
	}
	b.res.Digests = append(b.res.Digests, digest)
	b.res.Used = b.number("used_memory")
	r, err := b.c.Do("DBSIZE")
	if err != nil {
		return b.res, err
	}
	b.res.Keys = r.Int
	fmt.Printf("  snapshot loaded in %.2f s: %.0f keys a second\n", b.res.LoadRDB, float64(b.res.Keys)/b.res.LoadRDB)
	took, err := b.save()
	if err != nil {
		return b.res, err
	}
	b.res.Save = took.Seconds()
	if info, err := os.Stat(filepath.Join(dir, "dump.rdb")); err == nil {
		b.res.SaveSize = info.Size()
	}
	if took, err = b.rewriteBy("CONFIG", "SET", "appendonly", "yes"); err != nil {
		return b.res, err
	}
	b.res.Rewrite = took.Seconds()
	fmt.Printf("  without load: BGSAVE %.2f s, rewrite %.2f s\n", b.res.Save, b.res.Rewrite)
	if err := b.clients(); err != nil {
		return b.res, err
	}
	b.end()
	_ = os.RemoveAll(dir)

	if commands == "" {
		return b.res, nil
	}
	dir = filepath.Join(o.Temp, who+"-commands")
	if err := linkTree(commands, filepath.Join(dir, "appendonlydir")); err != nil {
		return b.res, err
	}
	if b.res.LoadAOF, b.res.AOFCPU, err = b.start(binary, dir, "--appendonly", "yes"); err != nil {
		return b.res, err
	}
	if digest, err = b.do("DEBUG", "DIGEST"); err != nil {
		return b.res, err
	}
	b.res.Digests = append(b.res.Digests, digest)
	b.res.Commands = b.number("fr_loaded_commands")
	fmt.Printf("  commands loaded in %.2f s\n", b.res.LoadAOF)
	return b.res, nil
}

// linkTree gives the files of a folder names in another. An increment, which servers append to, is copied.
func linkTree(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if strings.Contains(e.Name(), ".base.") {
			err = os.Link(src, dst)
		} else {
			var p []byte
			if p, err = os.ReadFile(src); err == nil {
				err = os.WriteFile(dst, p, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare has the peer make the data set: a snapshot, and a log of commands.
func prepare(o Settings) (snapshot, commands string, err error) {
	b := &bench{o: o}
	defer b.end()
	dir := filepath.Join(o.Temp, "made")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", "", err
	}
	if _, _, err := b.start(o.Peer, dir, "--appendonly", "no", "--aof-use-rdb-preamble", "no"); err != nil {
		return "", "", err
	}
	fmt.Printf("filling %s with %d keys ...\n", o.Peer, o.keys())
	if err := fill(b.s, o.keys()); err != nil {
		return "", "", err
	}
	if _, err := b.save(); err != nil {
		return "", "", err
	}
	snapshot = filepath.Join(dir, "dump.rdb")
	if !o.Commands {
		return snapshot, "", nil
	}
	if _, err := b.rewrite(); err != nil {
		return "", "", err
	}
	return snapshot, filepath.Join(dir, "appendonlydir"), nil
}
