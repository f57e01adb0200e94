package lab

import (
	"math/rand/v2"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// What a power loss left is looked into once, and held against all that was promised each time it is met; after a kill it is always looked into.
func TestMetAgain(t *testing.T) {
	c := Config{Policy: wal.No}
	l := newLife(NewReal(c), rand.New(rand.NewPCG(1, 1)))
	l.photograph(func(crashfs.Event) bool { return false })
	if err := begun(l); err != nil {
		t.Fatal(err)
	}
	l.final()
	s := l.take()[0]
	defer l.stop()
	j := &judge{engine: func() Engine { return NewReal(c) }, rng: rand.New(rand.NewPCG(2, 2))}
	look := func(seed int, states, met int) {
		t.Helper()
		if v := j.look(l, s, seed); v != nil {
			t.Error(v)
		}
		if j.states != states || j.met != met {
			t.Errorf("%d states, %d met again; want %d, %d", j.states, j.met, states, met)
		}
	}
	look(0, 1, 0)
	look(0, 1, 1)
	look(1, 2, 1) // nothing was synced of the units, so this is another
	look(-1, 3, 1)
	look(-1, 4, 1)
	s.boot += "'"
	look(0, 5, 1)
	look(0, 5, 2)
	s.promise.Durable = l.ends[len(l.ends)-1]
	if v := j.look(l, s, 0); v == nil || v.Promise != "I8" {
		t.Errorf("%d units of %d were promised, and are not there: %v", l.units(s.promise.Durable), len(l.ends)-1, v)
	}
	if j.met != 3 {
		t.Errorf("%d met again", j.met)
	}
	j.again = 1
	s.promise.Durable = 0
	if v := j.look(l, s, 0); v != nil || j.states <= 5 {
		t.Errorf("%v; %d states, though second deaths are looked into now", v, j.states)
	}
	look(0, j.states, j.met+1)
}
