package engine

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// The working set lies outside the collected heap; what lies in it is mostly what passes through: arguments, replies, the
// stream. A few huge values make it large, and a server that then rests would not collect again for minutes: the memory of
// a value that is long sent, or deleted, would stay with the process.

// trimFrom is the size of the collected heap, garbage included, from which it is worth looking at, in bytes.
const trimFrom = 64 << 20

// A smaller heap is collected when it rests with so much more in it than the last collection of ours left, in bytes; it rests when it
// grows by less than trimStill a second, and hardly a command comes: most make no garbage, and would have to wait for the pages that are given
// up. What a load leaves behind, or the start, would else stay beside the data for good.
const (
	trimSmall    = 256 << 10
	trimStill    = 64 << 10
	trimCommands = 100 // a second
)

// trimCode is for how much more of files than behind the last release there must be mapped at rest for the program's own file to be given up
// again, in bytes: commands touch pages of it without leaving garbage.
const trimCode = 1 << 20

// trimRests is for how many looks at most it rests when collecting has brought little.
const trimRests = 64

// trimmer gives back what the collected heap does not need, once it has stopped growing. Executor only.
type trimmer struct {
	samples []metrics.Sample
	stats   *Counters
	served  uint64 // commands at the last look; more than there are now behind CONFIG RESETSTAT
	objects uint64 // bytes of the heap at the last look
	before  uint64 // the same when the last collection of ours began; 0: that was looked at
	rests   int    // looks to let pass
	pause   int    // the same after the next collection that brings little: what is garbage cannot be seen, only tried
	busy    atomic.Bool
	settled atomic.Uint64 // bytes of a small heap behind its last collection, or less; written by the collection while busy
	worked  bool          // commands have run since files' pages were last looked at
	files   atomic.Int64  // bytes of files that were mapped behind the last release; written by that while busy
}

// begin has the heap looked at once a second.
func (t *trimmer) begin(e *Engine) {
	t.samples, t.stats = heapSamples(), e.Stats()
	e.Every(func() time.Duration { return time.Second }, t.look)
}

// heapSamples are for metrics.Read: the bytes of the collected heap, garbage included.
func heapSamples() []metrics.Sample {
	return []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
}

// look begins a collection in the background if the heap is large and at rest.
func (t *trimmer) look() {
	if t.busy.Load() {
		return
	}
	metrics.Read(t.samples)
	now := t.samples[0].Value.Uint64()
	resting := now < t.objects+trimFrom/16
	still := now < t.objects+trimStill && t.stats.Commands-t.served < trimCommands
	t.worked = t.worked || t.stats.Commands-t.served >= trimCommands
	t.objects, t.served = now, t.stats.Commands
	if now < trimFrom {
		t.lookSmall(now, still)
	}
	if still && t.worked && !t.busy.Load() {
		t.worked = false
		if mappedFiles() >= t.files.Load()+trimCode {
			t.collect(t.releaseCode)
		}
	}
	switch {
	case !resting:
		t.rests, t.pause = 0, 1
	case t.before > 0 && now+trimFrom/2 > t.before:
		t.rests, t.pause = t.pause, min(2*t.pause, trimRests)
	}
	t.before = 0
	if !resting || now < trimFrom {
		return
	}
	if t.rests > 0 {
		t.rests--
		return
	}
	t.before = now
	t.collect(debug.FreeOSMemory)
}

// lookSmall is the part of look for a heap below trimFrom.
func (t *trimmer) lookSmall(now uint64, still bool) {
	if now < t.settled.Load() {
		t.settled.Store(now)
	}
	if still && now >= t.settled.Load()+trimSmall {
		t.collect(func() {
			runtime.GC() // what lies in pools goes with the second collection
			debug.FreeOSMemory()
			t.releaseCode()
			samples := heapSamples() // at once: by the next look a load may have come
			metrics.Read(samples)
			t.settled.Store(samples[0].Value.Uint64())
		})
	}
}

// releaseCode gives up the mapped pages of the program's own file and remembers how much of files is mapped then. Called while busy.
func (t *trimmer) releaseCode() {
	releaseCode()
	t.files.Store(mappedFiles())
}

// collect runs f, which collects or gives back, in the background.
func (t *trimmer) collect(f func()) {
	t.busy.Store(true)
	Background(func() {
		f()
		t.busy.Store(false)
	})
}
