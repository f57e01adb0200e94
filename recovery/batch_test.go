package recovery

import (
	"math"
	"runtime"
	"strings"
	"testing"
)

// Each command of a log comes with the hash of its first argument, by which the keyspace finds keys without computing it again; one without arguments
// comes with none, and without Options.Hash all do.
func TestCommandsComeHashed(t *testing.T) {
	long := strings.Repeat("k", batchBytes) // memory of its own
	files := stock(frame("SELECT", "0") + frame("SET", "b", "2") + frame("MULTI") + frame("DEL", "b", "c") + frame("EXEC") + frame("SET", long, "v"))
	sum := func(key []byte) (h uint64) {
		for _, b := range key {
			h = h*31 + uint64(b)
		}
		return h + 1
	}
	for _, hash := range []func([]byte) uint64{sum, nil} {
		seen := map[string]bool{}
		o := runBoot(t, "/data", func(o *Options) {
			o.FS, o.Hash = newMemFS(files), hash
			apply := o.Apply
			o.Apply = func(batch []Command) error {
				for _, c := range batch {
					seen[string(c.Args[0])] = true
					want := uint64(0)
					if hash != nil && len(c.Args) > 1 {
						want = hash(c.Args[1])
					}
					if c.Hash != want {
						t.Errorf("%.40q: hash %x, want %x", c.Args, c.Hash, want)
					}
				}
				return apply(batch)
			}
		})
		if o.err != nil || !seen["SET"] || !seen["DEL"] {
			t.Fatal(o.err, seen)
		}
	}
}

// A start takes memory by what there is to load, not by what a batch may hold: a small directory is loaded in a few tens of kilobytes.
func TestSmallDirectoryTakesLittle(t *testing.T) {
	files := stock(frame("SELECT", "0") + frame("SET", "b", "2") + frame("DEL", "a"))
	least := uint64(math.MaxUint64)
	for range 5 { // others may take memory meanwhile
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o := runBoot(t, "/data", func(o *Options) { o.FS = newMemFS(files) })
		runtime.ReadMemStats(&after)
		if o.err != nil {
			t.Fatal(o.err)
		}
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if least > 256<<10 {
		t.Errorf("%d bytes allocated", least)
	}
}
