package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"frankenredis/conformance/testbed"
)

// The contestants. Again is the server a second time.
const (
	Server = "server"
	Peer   = "peer"
	Again  = "again"
)

// Case is one kind of load.
type Case struct {
	Fsync    string `json:"fsync"` // off, everysec, always, no
	Clients  int    `json:"clients"`
	Pipeline int    `json:"pipeline"`
	Requests int    `json:"requests"`
}

// Sample is one measurement of one command.
type Sample struct {
	Case    Case    `json:"case"`
	Round   int     `json:"round"`
	Who     string  `json:"who"`
	Test    string  `json:"test"`
	PerSec  float64 `json:"requests_per_second"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	CPU     float64 `json:"server_cpu_us_per_command"`
	Seconds float64 `json:"seconds"`
}

// cases lists what is measured: every policy with every pipeline, and always with a single client, where each write waits for
// its own sync.
func cases(s Settings) []Case {
	var all []Case
	for _, fsync := range s.Fsync {
		for _, p := range s.Pipeline {
			n := s.Requests
			if p > 1 {
				n *= 4
			}
			all = append(all, Case{fsync, s.Clients, p, n})
		}
		if fsync == "always" && s.Clients > 1 {
			all = append(all, Case{fsync, 1, 1, max(1, s.Requests/10)})
		}
	}
	return all
}

func measureAll(s Settings) (*Report, error) {
	report := newReport(s)
	orders := [][]string{{Server, Peer, Again}, {Peer, Again, Server}, {Again, Server, Peer}}
	for _, c := range cases(s) {
		for round := range s.Rounds {
			for _, who := range orders[round%len(orders)] {
				fmt.Printf("fsync %-8s %2d clients, pipeline %2d, round %d/%d: %s\n", c.Fsync, c.Clients, c.Pipeline, round+1, s.Rounds, who)
				samples, err := measure(s, c, round, who)
				if err != nil {
					return nil, fmt.Errorf("%s, %+v: %w", who, c, err)
				}
				report.Samples = append(report.Samples, samples...)
			}
		}
	}
	if s.Keys > 0 {
		for _, kind := range corpora {
			if !strings.Contains(kind.name, s.Corpora) {
				continue
			}
			for _, who := range []string{Server, Peer} {
				fmt.Printf("memory of %d elements, %s: %s\n", s.Keys, kind.name, who)
				m, err := measureMemory(s, kind, who)
				if err != nil {
					return nil, fmt.Errorf("memory of %s, %s: %w", kind.name, who, err)
				}
				report.Memory = append(report.Memory, m)
			}
		}
	}
	return report, nil
}

func (s Settings) binary(who string) string {
	if who == Peer {
		return s.Peer
	}
	return s.Server
}

// withServer runs f against a fresh server in an empty directory.
func withServer(s Settings, who string, args []string, f func(*testbed.Server) error) error {
	base, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(base)
	dir := filepath.Join(base, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	server, err := testbed.Launch(testbed.Options{Binary: s.binary(who), Dir: dir, Args: args})
	if server != nil {
		defer server.Kill()
	}
	if err != nil {
		return err
	}
	return f(server)
}

// measure runs every command of a case against one contestant.
func measure(s Settings, c Case, round int, who string) (samples []Sample, err error) {
	args := []string{"--appendonly", "no"}
	if c.Fsync != "off" {
		args = []string{"--appendonly", "yes", "--appendfsync", c.Fsync}
	}
	err = withServer(s, who, args, func(server *testbed.Server) error {
		for _, test := range s.Tests {
			if _, err := load(s, c, server, test, max(1, c.Requests/10)); err != nil { // warm up
				return err
			}
			before, err := testbed.CPU(server.PID())
			if err != nil {
				return err
			}
			start := time.Now()
			sample, err := load(s, c, server, test, c.Requests)
			if err != nil {
				return err
			}
			sample.Seconds = time.Since(start).Seconds()
			after, err := testbed.CPU(server.PID())
			if err != nil {
				return err
			}
			sample.Case, sample.Round, sample.Who = c, round, who
			sample.CPU = float64((after - before).Microseconds()) / float64(c.Requests)
			samples = append(samples, sample)
		}
		return nil
	})
	return samples, err
}

// load runs redis-benchmark once and reads its table.
func load(s Settings, c Case, server *testbed.Server, test string, requests int) (Sample, error) {
	args := []string{"-p", strconv.Itoa(server.Port), "-n", strconv.Itoa(requests), "-c", strconv.Itoa(c.Clients),
		"-P", strconv.Itoa(c.Pipeline), "-r", strconv.Itoa(s.KeySpace), "-d", strconv.Itoa(s.Size), "--precision", "3", "--csv"}
	own, err := prepareOwn(server, test)
	if err != nil {
		return Sample{}, err
	}
	if own != nil {
		args = append(args, own...)
	} else {
		args = append(args, "-t", test)
	}
	out, err := exec.Command(s.Load, args...).Output()
	if err != nil {
		return Sample{}, fmt.Errorf("%s: %w\n%s", s.Load, err, out)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) < 2 {
		return Sample{}, fmt.Errorf("%s printed %q (%v)", s.Load, out, err)
	}
	row := rows[len(rows)-1] // before it stands what the test needed, as LRANGE its LPUSH
	sample := Sample{Test: row[0]}
	if own != nil {
		sample.Test = test
	}
	for i, column := range rows[0] {
		var into *float64
		switch column {
		case "rps":
			into = &sample.PerSec
		case "p50_latency_ms":
			into = &sample.P50
		case "p99_latency_ms":
			into = &sample.P99
		default:
			continue
		}
		if *into, err = strconv.ParseFloat(row[i], 64); err != nil {
			return Sample{}, err
		}
	}
	if sample.PerSec == 0 {
		return Sample{}, fmt.Errorf("%s printed %q", s.Load, out)
	}
	return sample, nil
}
