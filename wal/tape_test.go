package wal

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// The tape against the simplest thing that does the same: a slice.
func TestTape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := LSN(rapid.Uint64Range(0, 1<<40).Draw(t, "start"))
		var tp tape
		tp.reset(start)
		first := start
		var model []byte // of everything from start on
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				n := rapid.SampledFrom([]int{1, 7, 1000, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 5}).Draw(t, "bytes")
				p := bytes.Repeat([]byte{byte(len(model))}, n)
				tp.append(p)
				model = append(model, p...)
			case 2:
				first += LSN(rapid.Uint64Range(0, uint64(tp.end-first)).Draw(t, "drop"))
				tp.drop(first)
			case 3:
				if tp.trim(); len(tp.spare) > mostSpare {
					t.Fatalf("%d chunks lie ready", len(tp.spare))
				}
			}
			if tp.first != first || tp.end != start+LSN(len(model)) {
				t.Fatalf("holds %d to %d, want %d to %d", tp.first, tp.end, first, start+LSN(len(model)))
			}
			from := first + LSN(rapid.Uint64Range(0, uint64(tp.end-first)).Draw(t, "from"))
			for at := from; at < tp.end; {
				p := tp.piece(at, tp.end)
				if len(p) == 0 || !bytes.Equal(p, model[at-start:at-start+LSN(len(p))]) {
					t.Fatalf("wrong piece of %d bytes at %d", len(p), at)
				}
				at += LSN(len(p))
			}
			if held := len(tp.chunks) * chunkSize; held > int(tp.end-first)+2*chunkSize {
				t.Fatalf("%d bytes of chunks for %d", held, tp.end-first)
			}
		}
	})
}

// One huge value does not hold its size once it is dropped: on a server at rest nothing comes that would let go of it.
func TestTapeLetsGo(t *testing.T) {
	var tp tape
	tp.reset(0)
	tp.append(make([]byte, 3*mostSpare*chunkSize))
	tp.drop(tp.end)
	tp.trim()
	if held := len(tp.spare) + len(tp.chunks); held > mostSpare+1 {
		t.Errorf("%d chunks are held", held)
	}
}
