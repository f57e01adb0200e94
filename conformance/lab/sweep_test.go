package lab

import "testing"

// Every protocol, stopped and failed at every call with every fault, under always and everysec. LAB_EVERY=1 is the whole sweep, else
// each so many-th call with some of the faults.
func TestSweep(t *testing.T) {
	every := count("LAB_EVERY", 61)
	if testing.Short() {
		every = 499
	}
	for i, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			r := (&sweeper{every: every}).sweep(i)
			t.Logf("%-34s %5d calls, %6d crash states, %d violations", r.Protocol, r.Calls, r.States, len(r.Violations))
			for _, v := range r.Violations {
				t.Error(v)
			}
			if r.Calls == 0 {
				t.Error("never stopped")
			}
		})
	}
}
