package model

import (
	"os"
	"strconv"
	"testing"
)

func bounds(t *testing.T) Bounds {
	b := Bounds{Units: 3, Ring: 2, Epochs: 2}
	if n, err := strconv.Atoi(os.Getenv("LAB_UNITS")); err == nil {
		b.Units, b.Epochs = uint8(n), 3
	}
	return b
}

// In no reachable state is a promise broken, whatever dies there. LAB_UNITS=6 explores more than a million states.
func TestModel(t *testing.T) {
	r := Explore(bounds(t), None)
	if r.Broken != "" || r.States < 10000 {
		t.Error(r)
	}
	t.Log(r)
}

// Each guard is needed: without it some promise is broken.
func TestModelFaults(t *testing.T) {
	for f := None + 1; f < Faults; f++ {
		r := Explore(Bounds{Units: 3, Ring: 2, Epochs: 2}, f)
		if r.Broken == "" {
			t.Errorf("%v: %v", f, r)
		}
		t.Logf("%v: %v", f, r)
	}
}
