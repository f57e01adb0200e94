package dict

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"frankenredis/kv/arena"
)

// model is a dict beside a map that says what the dict should hold.
type model struct {
	t    testing.TB
	a    *arena.Arena
	d    Dict
	hash func(uint64) uint64
	want map[uint64]uint64 // key to value
	refs map[uint64]arena.Ref
	next uint64 // next value
}

func newModel(t testing.TB, hash func(uint64) uint64) *model {
	a := arena.New(arena.Options{Protect: true})
	return &model{
		t: t, a: a, d: New(a, testType), hash: hash,
		want: map[uint64]uint64{}, refs: map[uint64]arena.Ref{},
	}
}

func (m *model) find(key uint64) {
	r := m.d.Find(m.hash(key), keyBytes(key))
	if r != m.refs[key] {
		m.t.Fatalf("Find(%d) = %#x, want %#x", key, r, m.refs[key])
	}
}

// put inserts a key, or replaces its entry by a new one.
func (m *model) put(key uint64) {
	m.next++
	r := newEntry(m.a, m.hash(key), key, m.next)
	if old := m.d.Find(m.hash(key), keyBytes(key)); old != 0 {
		m.d.Replace(m.hash(key), old, r)
		m.a.Free(old)
	} else {
		m.d.Insert(m.hash(key), r)
	}
	m.want[key], m.refs[key] = m.next, r
}

func (m *model) del(key uint64, byRef bool) {
	old := m.refs[key]
	if byRef && old != 0 {
		if !m.d.DeleteRef(m.hash(key), old) {
			m.t.Fatalf("DeleteRef(%d) found nothing", key)
		}
		if m.d.DeleteRef(m.hash(key), old) {
			m.t.Fatalf("DeleteRef(%d) found it twice", key)
		}
	} else if r := m.d.Delete(m.hash(key), keyBytes(key)); r != old {
		m.t.Fatalf("Delete(%d) = %#x, want %#x", key, r, old)
	}
	if old != 0 {
		m.a.Free(old)
	}
	delete(m.want, key)
	delete(m.refs, key)
}

// step does one random operation on one of keys keys; grow is the chance in 8 that
// it adds rather than removes.
func (m *model) step(x uint64, keys, grow uint64) {
	key := x >> 8 % keys
	switch op := x % 16; {
	case op < 4:
		m.find(key)
	case op < 4+grow:
		m.put(key)
	default:
		m.del(key, x>>4&1 == 0)
	}
}

func values(m arena.Mem, r Reader) map[uint64]uint64 {
	got := map[uint64]uint64{}
	r.Each(func(e arena.Ref) bool {
		got[m.Load64(e+8)] = m.Load64(e + 16)
		return true
	})
	return got
}

func (m *model) compare() {
	m.t.Helper()
	check(m.t, m.d)
	if got := values(m.a, Frozen(m.a, testType, m.d.Root())); !maps.Equal(got, m.want) {
		m.t.Fatalf("the dict holds %d entries, the model %d, and they differ", len(got), len(m.want))
	}
}

// freeAll frees everything and checks that nothing is left in the arena.
func (m *model) freeAll(budget int) {
	m.t.Helper()
	n := 0
	for done := false; !done; {
		left := m.d.Len()
		before := n
		done = m.d.Free(func(r arena.Ref) {
			key := m.a.Load64(r + 8)
			if m.refs[key] != r {
				m.t.Fatalf("Free gave %#x for key %d, want %#x", r, key, m.refs[key])
			}
			delete(m.refs, key)
			m.a.Free(r)
			n++
		}, budget)
		if got := n - before; got > budget+segmentMax && len(m.want) == 0 {
			m.t.Fatalf("Free gave %d entries for a budget of %d", got, budget)
		}
		if !done && m.d.Len() != left-(n-before) {
			m.t.Fatalf("Len after a slice of %d is %d, was %d", n-before, m.d.Len(), left)
		}
	}
	if len(m.refs) != 0 {
		m.t.Fatalf("Free left out %d entries", len(m.refs))
	}
	if used := m.a.Stats().UsedBytes; used != 0 {
		m.t.Fatalf("%d bytes still in use after Free", used)
	}
	if err := m.a.Check(); err != nil {
		m.t.Fatal(err)
	}
	m.a.Close()
}

func TestModel(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			m := newModel(t, hashes[name])
			keys, steps := uint64(4000), 16000
			if crowded(name) {
				keys, steps = 400, 1600
			}
			// Up, around, down to nothing, and up again.
			for _, grow := range []uint64{10, 6, 1, 9} {
				for i := range steps {
					m.step(rnd.Uint64(), keys, grow)
					if i%(steps/4) == 0 {
						m.compare()
					}
				}
				m.compare()
			}
			m.freeAll(10)
		})
	}
}

// TestEmptied removes every entry: what is left must be the root block alone.
func TestEmptied(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, hashes[name])
			empty := m.d.MemBytes()
			n := uint64(3000)
			if crowded(name) {
				n = 400
			}
			for key := range n {
				m.put(key)
			}
			m.compare()
			for key := range n {
				m.del(key, false)
			}
			m.compare()
			if m.d.MemBytes() != empty {
				t.Errorf("an emptied dict takes %d bytes, a new one %d", m.d.MemBytes(), empty)
			}
			m.freeAll(1)
		})
	}
}

// TestFrozen reads views in other goroutines while the dict changes: each sees
// exactly the entries of its moment.
func TestFrozen(t *testing.T) {
	for _, name := range []string{"good", "few", "edges"} {
		t.Run(name, func(t *testing.T) {
			rnd := newRand(t)
			m := newModel(t, hashes[name])
			keys, steps := uint64(3000), 2500
			if crowded(name) {
				keys, steps = 600, 500
			}
			var readers sync.WaitGroup
			errs := make(chan error, 64) // each reader sends at most one, none closes it
			for round := range 12 {
				grow := uint64(9)
				if round%4 == 3 {
					grow = 2
				}
				for range steps {
					m.step(rnd.Uint64(), keys, grow)
				}
				view, want, root := m.a.Freeze(), maps.Clone(m.want), m.d.Root()
				readers.Go(func() {
					defer view.Close()
					r := Frozen(view, testType, root)
					if r.Len() != len(want) {
						errs <- fmt.Errorf("view %d: Len %d, want %d", round, r.Len(), len(want))
						return
					}
					for range 2 {
						if got := values(view, r); !maps.Equal(got, want) {
							errs <- fmt.Errorf("view %d has changed: %d entries, want %d", round, len(got), len(want))
							return
						}
					}
					for key := range keys {
						e := r.Find(m.hash(key), keyBytes(key))
						if v, ok := want[key]; ok != (e != 0) || ok && view.Load64(e+16) != v {
							errs <- fmt.Errorf("view %d: Find(%d) is wrong", round, key)
							return
						}
					}
				})
			}
			readers.Wait()
			select {
			case err := <-errs:
				t.Fatal(err)
			default:
			}
			m.compare()
			m.freeAll(100)
		})
	}
}

// TestFreeNil frees a second dict over the same entries.
func TestFreeNil(t *testing.T) {
	m := newModel(t, mix)
	second := New(m.a, testType)
	for key := range uint64(500) {
		m.put(key)
		second.Insert(m.hash(key), m.refs[key])
	}
	for !second.Free(nil, 100) {
	}
	m.compare()
	m.freeAll(100)
}

// TestSmall: a hash of ten fields must stay small.
func TestSmall(t *testing.T) {
	m := newModel(t, mix)
	for key := range uint64(10) {
		m.put(key)
	}
	if m.d.MemBytes() > 128 {
		t.Errorf("10 entries cost %d bytes", m.d.MemBytes())
	}
	m.freeAll(1000)
}

// TestReading: lookups allocate nothing and copy nothing for views.
func TestReading(t *testing.T) {
	for _, n := range []uint64{20, 2000} {
		m := newModel(t, mix)
		for key := range n {
			m.put(key)
		}
		view := m.a.Freeze()
		key := keyBytes(0)
		rnd := func() uint64 { m.next++; return mix(m.next) }
		allocs := testing.AllocsPerRun(100, func() {
			m.d.Find(m.hash(0), key)
			m.d.warm([]uint64{rnd(), m.hash(0), 0}, true)
			m.d.Scan(rnd()>>16, func(arena.Ref) {})
			m.d.Random(rnd)
		})
		if allocs != 0 {
			t.Errorf("%.1f allocations with %d entries", allocs, n)
		}
		if copied := view.CopiedBytes(); copied != 0 {
			t.Errorf("reading copied %d bytes", copied)
		}
		view.Close()
		m.freeAll(1000)
	}
}

// TestWarm: any hashes, however many, in any dict.
func TestWarm(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		m := newModel(t, hashes[name])
		list := []uint64{0, ^uint64(0), 1 << 63}
		for key := range uint64(200) {
			m.d.warm(list[len(list)-3:], len(list)%2 == 0)
			list = append(list, m.hash(key))
			m.put(key)
		}
		for len(list) > 0 {
			m.d.warm(list[:min(warmMax, len(list))], true)
			m.d.Warm(list)
			m.d.WarmSlots(list)
			list = list[1:]
		}
		m.compare()
	}
	m := newModel(t, mix)
	for key := range uint64(warmFrom) {
		m.put(key)
	}
	m.d.Warm(make([]uint64, 2*warmMax+1))
}

func TestLittleEndian(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Error("words needs a little-endian machine")
	}
}

func TestReplaceAbsentPanics(t *testing.T) {
	m := newModel(t, mix)
	m.put(1)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	m.d.Replace(m.hash(1), m.refs[1]+8, m.refs[1])
}
