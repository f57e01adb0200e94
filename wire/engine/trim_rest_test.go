package engine

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// A server that executes commands is not at rest, though they make no garbage.
func TestTrimWaitsForRest(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	tr := trimmer{samples: heapSamples(), stats: &Counters{}}
	kept := make([]byte, 2*trimSmall)
	tr.look() // the heap has just grown
	for range 5 {
		tr.stats.Commands += trimCommands
		tr.look()
		if tr.busy.Load() {
			t.Fatal("the heap is collected under load")
		}
	}
	for n := 0; !tr.busy.Load() && tr.settled.Load() == 0; n++ {
		if n == 100 {
			t.Fatal("the heap is not collected at rest")
		}
		tr.look()
	}
	for tr.busy.Load() {
		runtime.Gosched()
	}
	runtime.KeepAlive(kept)
}
