package lab

import (
	"os"
	"strconv"
	"testing"
)

// count is a number from the environment.
func count(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}

func report(t *testing.T, r Report) {
	t.Helper()
	t.Logf("%d crash states of %d lives with %d units written", r.States, r.Lives, r.Units)
	for _, v := range r.Violations {
		t.Error(v)
	}
}

// Whatever operation a crash stops: the directory starts (I12), with the stream up to some place (I3) between units (I5), which
// covers what was acknowledged (I1, I4) and what was called durable (I8); it goes on from there, also when the start itself
// was stopped (I18).
func TestCampaign(t *testing.T) {
	states := count("LAB_STATES", 250)
	if testing.Short() {
		states = 100
	}
	report(t, Run(Options{Seed: uint64(count("LAB_SEED", 1)), States: states, Keep: os.Getenv("LAB_KEEP")}))
}

// The same while calls fail: EIO with each thing a page cache may do after a failed sync, short writes. What is acknowledged is kept;
// a failed rewrite or save leaves the old generation in charge (I21).
func TestCampaignFaults(t *testing.T) {
	states := count("LAB_STATES", 150)
	if testing.Short() {
		states = 100
	}
	report(t, Run(Options{Seed: uint64(count("LAB_SEED", 1)), States: states, Faults: true, Keep: os.Getenv("LAB_KEEP")}))
}

// TestReplay runs the life of one seed: LAB_SEED, or the first.
func TestReplay(t *testing.T) {
	report(t, Run(Options{Seed: uint64(count("LAB_SEED", 1)), Lives: 1, Keep: os.Getenv("LAB_KEEP"), Faults: os.Getenv("LAB_FAULTS") != ""}))
}
