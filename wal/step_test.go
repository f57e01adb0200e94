package wal

import (
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever watches is told of each write, of the syncs that replies wait for, and of renames.
func TestTook(t *testing.T) {
	for _, policy := range []Policy{Always, No} {
		var seen [StepRename + 1]atomic.Int64
		o := testOptions(t, newMemFS(), "/log")
		o.Policy = policy
		o.Took = func(step Step, took time.Duration) {
			if took < 0 {
				t.Errorf("step %d took %v", step, took)
			}
			seen[step].Add(1)
		}
		l, err := Create(o, Position{ID: testID, Epoch: 1}, Base{Write: func(w io.Writer) error { _, err := w.Write([]byte("state")); return err }})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			l.Commit(set("k", "v"), 0)
			waitFor(t, "the reply", func() bool { return l.Released() == l.End() })
		}
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		if seen[StepWrite].Load()+seen[StepWriteUnderSync].Load() < 3 || policy == Always && seen[StepSync].Load() < 3 || seen[StepRename].Load() == 0 {
			t.Errorf("policy %v: writes %d, syncs %d, renames %d", policy, seen[StepWrite].Load(), seen[StepSync].Load(), seen[StepRename].Load())
		}
	}
}
