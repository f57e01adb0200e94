package model

import "testing"

// Every path of the machine is taken, and a path that leaves out a step which another one waits for is not.
func TestAccept(t *testing.T) {
	b := Bounds{Units: 10, Ring: 10, Epochs: 3}
	path := []Event{{"commit", 1}, {"write ring", 1}, {"sync ring", 1}, {"reply", 1}, {"write increment", 1}, {"sync increment", 1},
		{"reuse ring", 1}, {"freeze", 1}, {Name: "write base"}, {Name: "sync base"}, {Name: "name base"}, {Name: SyncFolder},
		{Name: "ready manifest"}, {Name: "name manifest"}, {Name: SyncFolder}, {Name: "unlink old"}, {Name: "unlink old"}, {"commit", 2},
		{"write increment", 2}, {"crash", 2}, {"commit", 3}}
	if n := Accept(b, path); n != len(path) {
		t.Fatalf("stops at %d: %+v", n, path[n])
	}
	// Each step that is left out, and how far the rest is followed then.
	for without, taken := range map[int]int{0: 0, 1: 1, 2: 2, 4: 4, 5: 5, 8: 8, 9: 9, 11: 11, 12: 12, 14: 14, 18: 18} {
		rest := append(append([]Event{}, path[:without]...), path[without+1:]...)
		if n := Accept(b, rest); n != taken {
			t.Errorf("without %+v: %d events are taken of %d", path[without], n, len(rest))
		}
	}
}
