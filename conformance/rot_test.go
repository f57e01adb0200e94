package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"frankenredis/conformance/rot"
	"frankenredis/conformance/testbed"
)

// A server that is written to all the while finds and mends what goes bad below it, also in the increment that it appends to: after each
// fault and FR.SCRUB REPAIR every file that was hit is bit for bit what it was, as far as it went, and at the end all is there, also
// after a restart. FR_FAULTS is how many faults (default 25), FR_SEED where the random numbers begin.
func TestRotWhileWriting(t *testing.T) {
	t.Parallel()
	faults, seed := 25, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("FR_FAULTS")); err == nil {
		faults = n
	}
	if n, err := strconv.ParseUint(os.Getenv("FR_SEED"), 10, 64); err == nil {
		seed = n
	}
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--save", "3600 100000", "--auto-aof-rewrite-percentage", "0"}})
	c := s.Dial(t)
	load := startWriter(t, s)
	for i := range 2000 {
		c.Call(t, "SET", fmt.Sprintf("key:%d", i), strings.Repeat("v", 200))
	}
	c.Call(t, "BGREWRITEAOF")
	awaitInfo(t, c, "persistence", "aof_rewrites", 1)
	waitForRewrite(t, c)
	c.Call(t, "SAVE")
	for i := range 2000 {
		c.Call(t, "SET", fmt.Sprintf("more:%d", i), strings.Repeat("w", 200))
	}
	status := func() string { return c.Call(t, "INFO", "sidecars").Str }
	waitForText(t, status, "fr_sidecars_waiting:0")
	waitForText(t, status, "fr_sidecars_growing:2")
	acked := load.end(t)
	waitForText(t, func() string { return c.Call(t, "INFO", "frankenredis").Str }, "fr_log_bytes_at_risk:0")
	waitForText(t, status, "fr_sidecars_bytes_behind:0")
	log := "appendonlydir/appendonly.aof.2.incr.aof"
	covered := len(readFile(t, filepath.Join(s.Dir, log))) // what is written from here on is not, for a while
	load = startWriter(t, s)
	names := []string{"dump.rdb", "appendonlydir/appendonly.aof.2.base.rdb", log, log}
	for n := range faults {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		name := names[rng.IntN(len(names))]
		kinds := []string{"one bit", "512 bytes garbage", "4 KiB zero", "4 KiB garbage", "64 KiB garbage", "cells swapped"}
		kind, err := rot.Named(kinds[rng.IntN(len(kinds))])
		ok(t, err)
		path := filepath.Join(s.Dir, name)
		was := readFile(t, path)
		if name == log {
			was = was[:min(covered, 300_000)]
		}
		bad := kind.Damage(rng, rot.File{Bytes: []byte(was)})
		if string(bad) == was {
			continue
		}
		waitForText(t, status, "fr_sidecars_scrubbing:0") // the one before goes on behind its repair, and would find this first
		before := infoInt(t, c, "sidecars", "fr_sidecars_files_repaired")
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		ok(t, err)
		_, err = f.WriteAt(bad, 0)
		ok(t, err)
		ok(t, f.Close())
		c.Call(t, "FR.SCRUB", "REPAIR")
		awaitInfo(t, c, "sidecars", "fr_sidecars_files_repaired", before+1)
		if got := readFile(t, path); !strings.HasPrefix(got, was) {
			t.Fatalf("FR_SEED=%d, fault %d: %s, %s: it is not what it was", seed, n, name, kind.Name)
		}
	}
	acked += load.end(t)
	if got := c.Call(t, "GET", "counter").Str; got != strconv.Itoa(acked) {
		t.Errorf("%s of %d acknowledged writes", got, acked)
	}
	c.Close()
	stop(t, s)
	ok(t, s.Restart())
	c = s.Dial(t)
	if got := c.Call(t, "GET", "counter").Str; got != strconv.Itoa(acked) || c.Call(t, "DBSIZE").Int != 4001 {
		t.Errorf("after a restart %s of %d acknowledged writes", got, acked)
	}
	c.Close()
}

// writer counts on a connection of its own.
type writer struct {
	stop  chan struct{} // closed by end
	done  sync.WaitGroup
	acked int
	err   error
}

func startWriter(t *testing.T, s *testbed.Server) *writer {
	t.Helper()
	w, c := &writer{stop: make(chan struct{})}, s.Dial(t)
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		defer c.Close()
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			r, err := c.Do("INCR", "counter")
			if err == nil {
				err = r.Err()
			}
			if w.err = err; err != nil {
				return
			}
			w.acked++
		}
	}()
	return w
}

func (w *writer) end(t *testing.T) int {
	t.Helper()
	close(w.stop)
	w.done.Wait()
	ok(t, w.err)
	return w.acked
}
