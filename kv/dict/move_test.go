package dict

import (
	"maps"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// scatter takes a block of a size that a dict has: when such blocks are freed, what was made between them lies scattered.
func scatter(a *arena.Arena, x uint64, refs *[]arena.Ref) {
	*refs = append(*refs, a.Alloc(entrySize), a.Alloc(entrySize))
	if x%4 < 3 {
		*refs = append(*refs, a.Alloc(int(16+mix(x)%512)))
	} else {
		*refs = append(*refs, a.Alloc(int(8<<(mix(x)%9))+8))
	}
}

// compact moves everything that lies in sparse pages, and expects that to free all pages it was said to.
func (m *model) compact() (pages int64) {
	m.t.Helper()
	done := false
	for !done {
		pages, done = m.a.Survey(100)
	}
	had := m.a.Stats().Pages
	m.d = m.d.MoveRoot()
	for cursor := uint64(0); ; {
		cursor = m.d.Move(cursor, func(r arena.Ref) arena.Ref {
			n := m.a.Move(r)
			m.refs[m.a.Load64(n+8)] = n
			return n
		})
		if cursor == 0 {
			break
		}
	}
	if got := m.a.Stats().Pages; got != had-pages {
		m.t.Fatalf("moving has left %d pages of %d, want %d", got, had, had-pages)
	}
	for !m.a.Settle(100) {
	}
	if err := m.a.Check(); err != nil {
		m.t.Fatal(err)
	}
	return pages
}

func TestMove(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			m := newModel(t, hashes[name])
			keys, steps := uint64(3000), 6000
			if crowded(name) {
				keys, steps = 400, 800
			}
			var decoys []arena.Ref
			gained := int64(0)
			for _, grow := range []uint64{10, 3, 1, 10, 6} {
				for range steps {
					m.step(rnd.Uint64(), keys, grow)
					scatter(m.a, rnd.Uint64(), &decoys)
				}
				for _, r := range decoys {
					m.a.Free(r)
				}
				decoys = decoys[:0]
				gained += m.compact()
				m.compare()
			}
			if gained == 0 {
				t.Error("nothing ever moved")
			}
			m.freeAll(10)
		})
	}
}

// TestMoveWhileChanging moves step by step between changes, with a view open that must not see any of it.
func TestMoveWhileChanging(t *testing.T) {
	for _, name := range []string{"good", "few", "edges"} {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			m := newModel(t, hashes[name])
			var decoys []arena.Ref
			for range 2000 {
				m.step(rnd.Uint64(), 600, 10)
				scatter(m.a, rnd.Uint64(), &decoys)
			}
			for _, r := range decoys {
				m.a.Free(r)
			}
			for done := false; !done; {
				_, done = m.a.Survey(100)
			}
			view, want, root := m.a.Freeze(), maps.Clone(m.want), m.d.Root()
			cursor, moved := uint64(0), 0
			for i := range 3000 {
				m.step(rnd.Uint64(), 600, 5)
				cursor = m.d.Move(cursor, func(r arena.Ref) arena.Ref {
					n := m.a.Move(r)
					if n != r {
						moved++
					}
					m.refs[m.a.Load64(n+8)] = n
					return n
				})
				if i%500 == 0 {
					m.compare()
				}
			}
			if moved == 0 {
				t.Error("nothing ever moved")
			}
			if got := values(view, Frozen(view, testType, root)); !maps.Equal(got, want) {
				t.Error("the view has changed")
			}
			view.Close()
			for !m.a.Settle(100) {
			}
			m.compare()
			m.freeAll(10)
		})
	}
}
