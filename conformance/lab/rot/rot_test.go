package rot

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// number reads a number from the environment.
func number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// campaign is a row of Worlds that faults are dealt out to. A World is made when its first fault comes.
type campaign struct {
	shapes []Shape
	shares []uint64 // how many faults of so many a World gets
	worlds []func() (*World, error)
}

func newCampaign(seed uint64) *campaign {
	c := &campaign{}
	add := func(share uint64, sh Shape) {
		sh.Seed = seed
		c.shapes, c.shares = append(c.shapes, sh), append(c.shares, share)
		c.worlds = append(c.worlds, sync.OnceValues(func() (*World, error) { return NewWorld(sh) }))
	}
	key := []byte("a key of sixteen")
	add(400, Shape{Log: true, Size: Small})
	add(300, Shape{Log: true, Size: Middle})
	add(100, Shape{Log: true, Ring: true, Size: Small})
	add(80, Shape{Log: true, Size: Small, Key: key})
	add(120, Shape{Size: Small})
	add(100, Shape{Size: Middle})
	add(30, Shape{Size: Middle, Key: key})
	add(6, Shape{Log: true, Size: Large})
	add(4, Shape{Size: Large})
	return c
}

// world is the number of the one that fault n goes to.
func (c *campaign) world(n uint64) int {
	sum := uint64(0)
	for _, share := range c.shares {
		sum += share
	}
	at := n * 7919 % sum
	for i, share := range c.shares {
		if at < share {
			return i
		}
		at -= share
	}
	return 0
}

// judge tries fault n; without a Fault it was none.
func (c *campaign) judge(seed, n uint64) (*Fault, Verdict, error) {
	w, err := c.worlds[c.world(n)]()
	if err != nil {
		return nil, Verdict{}, err
	}
	f := w.NewFault(seed, n)
	if len(f.Files) == 0 {
		return nil, Verdict{}, nil // the damage left everything as it was
	}
	v, err := w.Judge(f)
	return f, v, err
}

// TestRot tries FR_FAULTS faults (default 250) of seed FR_SEED, or the one that FR_FAULT names.
func TestRot(t *testing.T) {
	seed, faults := number("FR_SEED", 1), number("FR_FAULTS", 250)
	c := newCampaign(seed)
	if _, one := os.LookupEnv("FR_FAULT"); one {
		f, v, err := c.judge(seed, number("FR_FAULT", 0))
		if t.Logf("%v: %+v", f, v); err != nil {
			t.Error(err)
		}
		return
	}
	large := faults > 5000 // files of more than one stripe are for the long form
	var (
		mu     sync.Mutex
		counts = map[string]int{}
		next   uint64
		wg     sync.WaitGroup
	)
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= faults {
					return
				}
				if c.shapes[c.world(n)].Size == Large && !large {
					continue
				}
				f, v, err := c.judge(seed, n)
				if f == nil && err == nil {
					continue
				}
				mu.Lock()
				if f != nil {
					count(counts, f, v)
				}
				if err != nil {
					counts["BROKEN"]++
					if counts["BROKEN"] <= 20 {
						t.Error(err)
					}
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%7d %s", counts[what], what))
	}
	t.Logf("seed %d, %s\n%s", seed, time.Since(began).Round(time.Second), strings.Join(lines, "\n"))
	// Each gate must have been reached.
	if counts["hardened: repaired"] < counts["faults"]/10 || counts["repair: files beyond"] == 0 || counts["strict: refused"] < counts["faults"]/10 {
		t.Errorf("the campaign does not reach what it is for: %v", counts)
	}
}

// count adds a fault to the figures.
func count(counts map[string]int, f *Fault, v Verdict) {
	counts["faults"]++
	counts["damaged files"] += len(f.Files)
	counts["strict: "+v.Strict]++
	counts["hardened: "+v.Hardened]++
	counts["repair: files repaired"] += v.Repaired
	counts["repair: files beyond"] += v.Lost
	for i := range f.Files {
		counts["kind: "+f.Kinds[i]]++
		counts["file: "+class(f.Files[i])]++
	}
}

// class is what sort of file name is.
func class(name string) string {
	switch {
	case strings.HasPrefix(name, "heal/catalog"):
		return "catalog"
	case strings.HasPrefix(name, "heal/"):
		return "sidecar"
	case strings.HasSuffix(name, ".incr.aof"):
		return "increment"
	case strings.Contains(name, ".base."):
		return "base"
	case strings.HasSuffix(name, ".manifest"):
		return "manifest"
	case strings.Contains(name, ".manifest."):
		return "companion"
	case strings.HasSuffix(name, ".ring.fr"):
		return "ring"
	case strings.HasSuffix(name, ".fr"):
		return "epoch and watermark"
	case strings.HasSuffix(name, ".jsonl"):
		return "ledger"
	case name == "dump.rdb":
		return "dump"
	}
	return "configuration and users"
}
