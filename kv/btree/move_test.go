package btree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// scatter takes blocks of the sizes a tree has, between its own.
func (m *model) scatter(rnd *rand.Rand, decoys *[]arena.Ref) {
	for _, n := range [...]int{8, 24, 8 + rnd.IntN(70), 8 + rnd.IntN(200), 8 + rnd.IntN(1024)} {
		*decoys = append(*decoys, m.a.Alloc(n))
	}
}

// move makes one step and notes where the entries are then.
func (m *model) move(pos int) int {
	m.t.Helper()
	refs := map[arena.Ref]int{}
	for i, w := range m.items {
		refs[w.Ref] = i
	}
	return m.d.Move(pos, func(it Item) arena.Ref {
		i, ok := refs[it.Ref]
		if !ok || it != m.items[i].Item {
			m.t.Fatalf("Move(%d) gave %x", pos, it)
		}
		m.items[i].Ref = m.a.Move(it.Ref)
		return m.items[i].Ref
	})
}

func TestMove(t *testing.T) {
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
				var decoys []arena.Ref
				gained := int64(0)
				for _, grow := range []uint64{14, 4, 12} {
					for range steps {
						m.step(rnd.Uint64(), keys, grow)
						m.scatter(rnd, &decoys)
					}
					for _, r := range decoys {
						m.a.Free(r)
					}
					decoys = decoys[:0]
					pages, done := int64(0), false
					for !done {
						pages, done = m.a.Survey(100)
					}
					had := m.a.Stats().Pages
					m.d = m.d.MoveRoot()
					for pos := 0; pos < m.d.Len(); {
						next := m.move(pos)
						if next <= pos {
							t.Fatalf("Move(%d) = %d", pos, next)
						}
						pos = next
					}
					if got := m.a.Stats().Pages; got != had-pages {
						t.Fatalf("moving has left %d pages of %d, want %d", got, had, had-pages)
					}
					gained += pages
					for !m.a.Settle(100) {
					}
					if err := m.a.Check(); err != nil {
						t.Fatal(err)
					}
					m.check()
				}
				if gained == 0 {
					t.Error("nothing ever moved")
				}
				m.freeAll(10)
			})
		}
	}
}

// TestMoveWhileChanging moves between changes, with a view open that must not see any of it.
func TestMoveWhileChanging(t *testing.T) {
	for i := range types {
		kind := &types[i]
		t.Run(kind.name, func(t *testing.T) {
			smallNodes(t)
			rnd := newRand(t)
			m := newModel(t, &kind.t)
			var decoys []arena.Ref
			for range 1500 {
				m.step(rnd.Uint64(), 900, 13)
				m.scatter(rnd, &decoys)
			}
			for _, r := range decoys {
				m.a.Free(r)
			}
			for done := false; !done; {
				_, done = m.a.Survey(100)
			}
			f := m.watch()
			moved := 0
			for i := range 600 {
				m.step(rnd.Uint64(), 900, 8)
				before := slices.Clone(m.items)
				m.move(rnd.IntN(m.d.Len() + 2))
				for i := range before {
					if before[i].Ref != m.items[i].Ref {
						moved++
					}
				}
				if i%50 == 0 {
					m.check()
				}
			}
			if moved == 0 {
				t.Error("nothing ever moved")
			}
			m.endView(f)
			for !m.a.Settle(100) {
			}
			m.check()
			m.freeAll(10)
		})
	}
}
