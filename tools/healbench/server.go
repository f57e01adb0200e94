package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"frankenredis/conformance/testbed"
)

// side is one of two servers that differ in fr-sidecars only.
type side struct {
	name string
	s    *testbed.Server
	c    *testbed.Client

	rates, cpus []float64 // requests a second, and processor seconds of the server for each run
	saves       []float64 // seconds
}

// pair starts both.
func (b *bench) pair(args ...string) (sides []*side, end func(), err error) {
	end = func() {
		for _, x := range sides {
			if x.c != nil {
				x.c.Close()
			}
			x.s.Kill()
		}
	}
	for _, yes := range []string{"yes", "no"} {
		dir, err := os.MkdirTemp(b.dir, "server")
		if err != nil {
			return nil, end, err
		}
		s, err := testbed.Launch(testbed.Options{Binary: b.server, Dir: dir, Args: append([]string{"--save", "", "--fr-sidecars", yes,
			"--auto-aof-rewrite-percentage", "0", "--enable-debug-command", "yes"}, args...)})
		if err != nil {
			return nil, end, err
		}
		x := &side{name: yes, s: s}
		sides = append(sides, x)
		if x.c, err = s.DialErr(); err != nil {
			return nil, end, err
		}
	}
	return sides, end, nil
}

func (x *side) do(args ...string) (string, error) {
	r, err := x.c.Do(args...)
	if err == nil {
		err = r.Err()
	}
	return r.Str, err
}

// field is one of INFO's.
func (x *side) field(name string) string {
	text, _ := x.do("INFO", "everything")
	for line := range strings.Lines(text) {
		if n, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && n == name {
			return v
		}
	}
	return ""
}

// await waits until a field has a value.
func (x *side) await(name, value string) error {
	for range 60_000 {
		if x.field(name) == value {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s does not become %s", name, value)
}

// writes measures SETs.
func (b *bench) writes() error {
	program, ok := testbed.LookPeer("redis-benchmark")
	if !ok {
		return errors.New("no redis-benchmark: make peers")
	}
	for _, value := range []int{64, 1024} {
		sides, end, err := b.pair("--appendonly", "yes", "--appendfsync", "everysec")
		if err == nil {
			err = b.takeTurns(program, sides, value)
		}
		end()
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) takeTurns(program string, sides []*side, value int) error {
	requests := b.requests
	if value > 64 {
		requests /= 3
	}
	for round := range b.rounds + 1 { // the first warms up
		if round%2 == 1 {
			slices.Reverse(sides)
		}
		for _, x := range sides {
			if err := x.writeRun(program, requests, value, round > 0); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(sides, func(x, y *side) int { return -strings.Compare(x.name, y.name) }) // yes, no
	yes, no := sides[0], sides[1]
	if err := yes.await("fr_sidecars_bytes_behind", "0"); err != nil {
		return err
	}
	log, err := folderBytes(filepath.Join(yes.s.Dir, "appendonlydir"))
	if err != nil {
		return err
	}
	cover, err := folderBytes(filepath.Join(yes.s.Dir, "heal"))
	if err != nil {
		return err
	}
	rates, cpus := ratios(yes.rates, no.rates), ratios(yes.cpus, no.cpus)
	fmt.Printf("SET of %4d bytes, %d rounds: throughput with sidecars %.3f of that without (%.3f to %.3f), %.0f and %.0f a second; "+
		"processor time %.3f (%.3f to %.3f); disk +%.1f %% of %d MB\n", value, b.rounds, median(rates), slices.Min(rates), slices.Max(rates),
		median(yes.rates), median(no.rates), median(cpus), slices.Min(cpus), slices.Max(cpus), 100*float64(cover)/float64(log), log>>20)
	return nil
}

// writeRun is one run of redis-benchmark. The time that the worker takes to catch up counts, too.
func (x *side) writeRun(program string, requests, value int, counts bool) error {
	before, err := testbed.CPU(x.s.PID())
	if err != nil {
		return err
	}
	out, err := exec.Command(program, "-p", strconv.Itoa(x.s.Port), "-t", "set", "-n", strconv.Itoa(requests), "-d", strconv.Itoa(value), "-r", "1000000", "-P", "16",
		"-c", "50", "--csv").Output()
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) < 2 {
		return fmt.Errorf("redis-benchmark said %q: %v", out, err)
	}
	rate, err := strconv.ParseFloat(rows[len(rows)-1][1], 64)
	if err != nil {
		return err
	}
	time.Sleep(1200 * time.Millisecond) // a sync, and the cover behind it
	if x.name == "yes" {
		if err := x.await("fr_sidecars_bytes_behind", "0"); err != nil {
			return err
		}
	}
	after, err := testbed.CPU(x.s.PID())
	if err == nil && counts {
		x.rates, x.cpus = append(x.rates, rate), append(x.cpus, (after-before).Seconds())
	}
	return err
}

// saves measures BGSAVE.
func (b *bench) saves() error {
	const value = 1000
	sides, end, err := b.pair("--rdbcompression", "no") // the values are all alike
	defer end()
	if err != nil {
		return err
	}
	for _, x := range sides {
		if _, err := x.do("DEBUG", "POPULATE", strconv.FormatInt(b.size/value, 10), "key", strconv.Itoa(value)); err != nil {
			return err
		}
	}
	for round := range b.rounds + 1 {
		for _, x := range sides {
			began := time.Now()
			if _, err := x.do("BGSAVE"); err != nil {
				return err
			}
			if err := x.await("rdb_bgsave_in_progress", "0"); err != nil {
				return err
			}
			took := time.Since(began).Seconds()
			if round > 0 {
				x.saves = append(x.saves, took)
			}
			if x.name == "yes" { // the cover is made behind the save, and not in the other's time
				time.Sleep(500 * time.Millisecond)
				if err := x.await("fr_sidecars_waiting", "0"); err != nil {
					return err
				}
			}
		}
	}
	yes, no := sides[0], sides[1]
	r := ratios(yes.saves, no.saves)
	info, err := os.Stat(filepath.Join(yes.s.Dir, "dump.rdb"))
	if err != nil {
		return err
	}
	cover, err := folderBytes(filepath.Join(yes.s.Dir, "heal"))
	fmt.Printf("BGSAVE of %d MB, %d rounds: %.2f s with sidecars, %.2f without: %.3f (%.3f to %.3f); disk +%.1f %%\n", info.Size()>>20, b.rounds,
		median(yes.saves), median(no.saves), median(r), slices.Min(r), slices.Max(r), 100*float64(cover)/float64(info.Size()))
	return err
}

func ratios(a, b []float64) (r []float64) {
	for i := range a {
		r = append(r, a[i]/b[i])
	}
	return r
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
