package dict

import (
	"maps"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// clone goes on with a clone of the model's dict, and frees the original.
func (m *model) clone() {
	m.t.Helper()
	old := maps.Clone(m.refs)
	to := m.d.Clone(func(refs []arena.Ref) {
		for i, r := range refs {
			key := m.a.Load64(r + 8)
			if m.refs[key] != r || old[key] != r {
				m.t.Fatalf("Clone gave %#x for key %d, want %#x, once", r, key, old[key])
			}
			n := m.a.Alloc(entrySize)
			copy(m.a.Mut(n, entrySize), m.a.At(r, entrySize))
			m.refs[key], refs[i] = n, n
		}
	})
	m.compareWith(m.d)
	for !m.d.Free(m.a.Free, 100) {
	}
	m.d = to
	m.compare()
}

// compareWith compares another dict of the same keys and values with the model.
func (m *model) compareWith(d Dict) {
	m.t.Helper()
	check(m.t, d)
	if got := values(m.a, Frozen(m.a, testType, d.Root())); !maps.Equal(got, m.want) {
		m.t.Fatalf("the dict holds %d entries, the model %d, and they differ", len(got), len(m.want))
	}
}

func TestClone(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			m := newModel(t, hashes[name])
			keys, steps := uint64(3000), 5000
			if crowded(name) {
				keys, steps = 400, 800
			}
			m.clone() // of nothing
			for _, grow := range []uint64{10, 3, 1, 10, 6} {
				for range steps {
					m.step(rnd.Uint64(), keys, grow)
				}
				m.clone()
			}
			m.freeAll(10)
		})
	}
}
