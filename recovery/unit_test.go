package recovery

import (
	"strings"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// I4, I16: a transaction that ends where the watermark stands was durable, and stays, whatever a power failure makes of what was in flight
// behind it: nothing there, zeros, garbage, or the end of it without its beginning.
func TestI16DurableTransaction(t *testing.T) {
	first := newLife(wal.No)
	steps := []func() error{first.start, func() error { return first.write([]string{"SET", "a", strings.Repeat("a", 900)}) },
		func() error { return first.write([]string{"SET", "b", "1"}, []string{"SET", "c", "2"}) }}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	// The process dies, and no line of ours stands behind the transaction; the next one makes it durable.
	l := &life{policy: wal.Always, fs: first.fs.Kill(), bootID: first.bootID, states: first.states}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	end := l.log.End()
	var flight *crashfs.FS
	l.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if flight == nil && e.Op == crashfs.SyncData && strings.HasSuffix(e.Name, ".incr.aof") {
			flight = freeze()
		}
	})
	if err := l.write([]string{"SET", "d", strings.Repeat("d", 1500)}); err != nil {
		t.Fatal(err)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if flight == nil {
		t.Fatal("nothing was in flight")
	}
	for seed := range 200 {
		x := l.die(shot{fs: flight, durable: end, released: end}, seed)
		if x.err != nil || x.lsn < end || x.store.String() != l.states[x.lsn] {
			t.Fatalf("power loss %d: LSN %d, at least %d: %v\n%s", seed, x.lsn, end, x.err, x.logs.text())
		}
	}
}
