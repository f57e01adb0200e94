package lab

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// count is a number from the environment.
func count(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}

// random runs random lives: those of the seeds in LAB_SEEDS, as 1-3000, or LAB_STATES crash states from LAB_SEED on, of which there are def, in
// short runs few. It says by the minute where it is, and at once what it finds.
func random(t *testing.T, def int, o Options) {
	t.Helper()
	o.Keep = os.Getenv("LAB_KEEP")
	o.Seed, o.States = uint64(count("LAB_SEED", 1)), count("LAB_STATES", def)
	if testing.Short() {
		o.States = 100
	}
	if seeds := os.Getenv("LAB_SEEDS"); seeds != "" {
		var last uint64
		if n, err := fmt.Sscanf(seeds, "%d-%d", &o.Seed, &last); n != 2 || last < o.Seed {
			t.Fatalf("LAB_SEEDS=%s: %v", seeds, err)
		}
		o.States, o.Lives = 0, int(last-o.Seed)+1
	}
	began := time.Now()
	told, found := began, 0
	o.Progress = func(r Report, next uint64) {
		for ; found < len(r.Violations); found++ {
			t.Log(r.Violations[found])
		}
		if time.Since(told) >= time.Minute {
			told = time.Now()
			t.Logf("%s: %d crash states of %d lives, %.0f a second; all seeds before %d are done", told.Format(time.TimeOnly), r.States, r.Lives,
				float64(r.States)/time.Since(began).Seconds(), next)
		}
	}
	r := Run(o)
	t.Logf("seeds %d to %d, %.0f crash states a second", o.Seed, o.Seed+uint64(r.Lives)-1, float64(r.States)/time.Since(began).Seconds())
	report(t, r)
}

func report(t *testing.T, r Report) {
	t.Helper()
	t.Logf("%d crash states of %d lives with %d units written, %d more were met again", r.States, r.Lives, r.Units, r.Met)
	for _, v := range r.Violations {
		t.Error(v)
	}
}

// Whatever operation a crash stops: the directory starts (I12), with the stream up to some place (I3) between units (I5), which
// covers what was acknowledged (I1, I4) and what was called durable (I8); it goes on from there, also when the start itself
// was stopped (I18).
func TestCampaign(t *testing.T) { random(t, 250, Options{}) }

// The same while calls fail: EIO with each thing a page cache may do after a failed sync, short writes. What is acknowledged is kept;
// a failed rewrite or save leaves the old generation in charge (I21).
func TestCampaignFaults(t *testing.T) { random(t, 150, Options{Faults: true}) }

// TestReplay runs the life of one seed: LAB_SEED, or the first.
func TestReplay(t *testing.T) {
	report(t, Run(Options{Seed: uint64(count("LAB_SEED", 1)), Lives: 1, Keep: os.Getenv("LAB_KEEP"), Faults: os.Getenv("LAB_FAULTS") != ""}))
}
