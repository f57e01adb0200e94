package btree

import (
	"fmt"
	"testing"

	"frankenredis/kv/arena"
)

// clone goes on with a clone of the model's tree, and frees the original.
func (m *model) clone() {
	m.t.Helper()
	i := 0
	copies := make([]want, len(m.items))
	to := m.d.Clone(func(r arena.Ref) arena.Ref {
		if r != m.items[i].Ref {
			m.t.Fatalf("Clone gave %#x as item %d, want %#x", r, i, m.items[i].Ref)
		}
		n := m.a.Usable(r)
		copies[i] = m.items[i]
		copies[i].Ref = m.a.Alloc(n)
		copy(m.a.Mut(copies[i].Ref, n), m.a.At(r, n))
		i++
		return copies[i-1].Ref
	})
	m.check()
	for !m.d.Free(m.a.Free, 100) {
	}
	m.d, m.items = to, copies
	m.check()
}

func TestClone(t *testing.T) {
	for _, small := range []bool{false, true} {
		for i := range types {
			kind := &types[i]
			t.Run(fmt.Sprintf("%s/small=%v", kind.name, small), func(t *testing.T) {
				keys, steps := uint64(1200), 1200
				if small {
					smallNodes(t)
					keys, steps = 300, 600
				}
				rnd := newRand(t)
				m := newModel(t, &kind.t)
				m.clone() // of nothing
				for _, grow := range []uint64{14, 4, 12} {
					for range steps {
						m.step(rnd.Uint64(), keys, grow)
					}
					m.clone()
				}
				m.freeAll(10)
			})
		}
	}
}
