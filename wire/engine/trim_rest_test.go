package engine

import (
	"io"
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

// What commands have touched of the program's file is given up at rest, also when they left no garbage.
func TestCodeGoesAtRest(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	pagemap, mem := ownFile(t, "pagemap"), ownFile(t, "mem")
	ranges := programRanges()
	tr := trimmer{samples: heapSamples(), stats: &Counters{}}
	tr.releaseCode()
	for _, r := range ranges { // reading it so has all of it mapped
		if _, err := io.Copy(io.Discard, io.NewSectionReader(mem, int64(r.start), int64(r.end-r.start))); err != nil {
			t.Fatal(err)
		}
	}
	before := mappedPages(t, pagemap, ranges)
	for range 5 {
		tr.stats.Commands += trimCommands
		tr.settled.Store(1 << 40) // the heap is not what this is about
		tr.look()
		if tr.busy.Load() {
			t.Fatal("the program's pages are given up under load")
		}
	}
	for n := 0; !tr.busy.Load() && mappedPages(t, pagemap, ranges) > before/2; n++ {
		if n == 100 {
			t.Fatalf("%d pages are mapped at rest, %d before", mappedPages(t, pagemap, ranges), before)
		}
		tr.settled.Store(1 << 40)
		tr.look()
	}
	for tr.busy.Load() {
		runtime.Gosched()
	}
	if after := mappedPages(t, pagemap, ranges); after > before/2 {
		t.Errorf("%d pages are mapped at rest, %d before", after, before)
	}
}
