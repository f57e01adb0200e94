package dict

import (
	"maps"
	"math"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// TestScanGuarantee promises: an entry that is in the dict during a whole scan is
// visited, whatever the dict goes through between the steps.
func TestScanGuarantee(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			stay, come, churn := uint64(500), uint64(6000), 40 // keys below stay are always there
			if crowded(name) {
				stay, come, churn = 150, 600, 4 // all of a chain is one step
			}
			for _, grow := range []bool{true, false} {
				m := newModel(t, hashes[name])
				for key := range stay {
					m.put(key)
				}
				if !grow {
					for key := range come {
						m.put(key)
					}
				}
				seen := map[uint64]bool{}
				next := stay
				steps := 0
				for cursor := uint64(0); ; steps++ {
					cursor = m.d.Scan(cursor, func(r arena.Ref) { seen[m.a.Load64(r+8)] = true })
					if cursor == 0 {
						break
					}
					if cursor >= 1<<48 {
						t.Fatalf("cursor %#x is wider than 48 bits", cursor)
					}
					if steps > 100000 {
						t.Fatal("the scan does not end")
					}
					for range churn {
						if key := stay + rnd.Uint64N(come-stay); grow && next < come {
							m.put(next)
							next++
						} else {
							m.del(key, true)
						}
					}
				}
				for key := range stay {
					if !seen[key] {
						t.Errorf("key %d was not visited (grow %v)", key, grow)
					}
				}
				m.compare()
				m.freeAll(1 << 20)
			}
		})
	}
}

// TestScanOnce: without changes a scan visits each entry exactly once, in small steps.
func TestScanOnce(t *testing.T) {
	for _, n := range []uint64{0, 1, 9, 64, 65, 1000, 50000} {
		m := newModel(t, mix)
		for key := range n {
			m.put(key)
		}
		seen := map[uint64]int{}
		steps := 0
		for cursor := uint64(0); ; {
			step := 0
			cursor = m.d.Scan(cursor, func(r arena.Ref) {
				seen[m.a.Load64(r+8)]++
				step++
			})
			if steps++; step > scanStep+4 {
				t.Fatalf("%d entries in one step", step)
			}
			if cursor == 0 {
				break
			}
		}
		for key := range n {
			if seen[key] != 1 {
				t.Fatalf("key %d of %d visited %d times", key, n, seen[key])
			}
		}
		if uint64(len(seen)) != n {
			t.Fatalf("%d keys visited, want %d", len(seen), n)
		}
		if steps > 1+int(n)/4 {
			t.Errorf("%d steps for %d entries", steps, n)
		}
		m.freeAll(1 << 20)
	}
}

// TestScanDeletes empties the dict from within the scan.
func TestScanDeletes(t *testing.T) {
	for _, name := range []string{"good", "few", "edges", "zero"} {
		m := newModel(t, hashes[name])
		for key := range uint64(1000) {
			m.put(key)
		}
		for cursor := uint64(0); ; {
			cursor = m.d.Scan(cursor, func(r arena.Ref) { m.del(m.a.Load64(r+8), true) })
			if cursor == 0 {
				break
			}
		}
		if m.d.Len() != 0 {
			t.Errorf("%s: %d entries left", name, m.d.Len())
		}
		m.freeAll(1)
	}
}

// TestScanAnyCursor: a client may send any number.
func TestScanAnyCursor(t *testing.T) {
	rnd := newRand(t)
	m := newModel(t, mix)
	for key := range uint64(1000) {
		m.put(key)
	}
	for range 100 {
		cursor := rnd.Uint64()
		for steps := 0; ; steps++ {
			if cursor = m.d.Scan(cursor, func(arena.Ref) {}); cursor == 0 {
				break
			}
			if steps > 1000 {
				t.Fatal("the scan does not end")
			}
		}
	}
}

// TestRandomFair compares how often each entry is drawn with the chi-square
// distribution, in dicts whose segments differ as much as they can.
func TestRandomFair(t *testing.T) {
	shapes := map[string]func(m *model){
		"one segment": func(m *model) {
			for key := range uint64(20) {
				m.put(key)
			}
		},
		"two segments": func(m *model) {
			for key := range uint64(70) {
				m.put(key)
			}
		},
		"splitting": func(m *model) { // some segments split, some not
			for key := range uint64(400) {
				m.put(key)
			}
		},
		"half emptied": func(m *model) { // the lower half of the hash space is nearly empty
			for key := range uint64(2000) {
				m.put(key)
			}
			for key := range uint64(2000) {
				if m.hash(key)>>63 == 0 && key%50 != 0 {
					m.del(key, true)
				}
			}
		},
		"crowded": func(m *model) { // half of it in 1/256 of the hash space
			for key := range uint64(30000) {
				if m.hash(key)>>56 == 0x5a || key < 100 {
					m.put(key)
				}
			}
		},
	}
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, mix)
			shapes[name](m)
			chiSquare(t, m)
		})
	}
	for _, name := range []string{"same", "few", "edges", "steep"} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, hashes[name])
			for key := range uint64(300) {
				m.put(key)
			}
			chiSquare(t, m)
		})
	}
}

func chiSquare(t *testing.T, m *model) {
	rnd := newRand(t)
	check(t, m.d)
	const each = 60 // draws expected of each entry
	n := m.d.Len()
	drawn := map[arena.Ref]int{}
	for range n * each {
		drawn[m.d.Random(rnd.Uint64)]++
	}
	chi := 0.0
	for _, r := range m.refs {
		diff := float64(drawn[r] - each)
		chi += diff * diff / each
		delete(drawn, r)
	}
	if len(drawn) != 0 {
		t.Fatalf("%d refs drawn that are not in the dict", len(drawn))
	}
	// With n-1 degrees of freedom the sum is nearly normal around n-1 with variance 2(n-1); five
	// deviations (and the skew of few entries) come by chance once in a million runs.
	df := float64(n - 1)
	if bound := df + 5*math.Sqrt(2*df) + 15; chi > bound {
		t.Errorf("chi-square %.1f with %d entries, at most %.1f expected", chi, n, bound)
	}
}

func TestRandomEmpty(t *testing.T) {
	m := newModel(t, mix)
	if r := m.d.Random(func() uint64 { return 0 }); r != 0 {
		t.Errorf("Random of an empty dict is %#x", r)
	}
}
