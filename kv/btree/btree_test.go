package btree

import (
	"encoding/binary"
	"slices"
	"testing"
	"unsafe"

	"frankenredis/kv/arena"
)

// leaves returns how many items each leaf has.
func leaves(d Tree) (counts []int) {
	for i := 0; i < d.Len(); {
		n := d.seekPos(i, nil).n
		counts = append(counts, n)
		i += n
	}
	return counts
}

// TestFill grows trees at either end: no leaf but the newest may be less than full.
func TestFill(t *testing.T) {
	const n = 3000
	place := map[string]func(i int) int{
		"end":   func(i int) int { return i },
		"start": func(int) int { return 0 },
	}
	for i := range types {
		for name, at := range place {
			t.Run(types[i].name+"/"+name, func(t *testing.T) {
				kind := &types[i].t
				a := arena.New(arena.Options{})
				defer a.Close()
				d := New(a, kind)
				for i := range n {
					x := uint64(at(i))
					if name == "start" {
						x = uint64(n - i)
					}
					k := Key{W: [2]uint64{x, x}, Tail: binary.BigEndian.AppendUint64(nil, x)}
					if kind.ordered() {
						d.Insert(k, newEntry(a, 1, k.Tail), 1)
					} else {
						d.InsertAt(at(i), newEntry(a, 1, nil), 1)
					}
				}
				full := kind.leaf().max
				counts := leaves(d)
				if name == "start" {
					slices.Reverse(counts)
				}
				for i, got := range counts {
					if want := min(full, n-i*full); got != want {
						t.Fatalf("leaf %d of %d has %d items, want %d", i, len(counts), got, want)
					}
				}
				if err := d.Check(entryTail); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestBytes says what small trees take.
func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		t     Type
		items int
		want  int64
	}{
		{Type{}, 0, 24},
		{Type{}, 1, 24 + 16},
		{Type{Weighted: true}, 0, 32},
		{Type{Weighted: true}, 1, 32 + 16},
		{Type{Words: 1}, 1, 24 + 16},
		{Type{Words: 1}, 3, 24 + 3*16},
		{Type{Words: 2}, 1, 24 + 24},
		{Type{Words: 2}, 4, 24 + 4*24},
	} {
		a := arena.New(arena.Options{})
		d := New(a, &tt.t)
		for i := range tt.items {
			if tt.t.ordered() {
				d.Insert(Key{W: [2]uint64{uint64(i)}}, 8, 1)
			} else {
				d.InsertAt(i, 8, 1)
			}
		}
		if got := d.MemBytes(); got != tt.want || got != a.UsedBytes() {
			t.Errorf("%d items of %+v take %d bytes, the arena says %d, want %d", tt.items, tt.t, got, a.UsedBytes(), tt.want)
		}
		a.Close()
	}
}

// TestBuilder builds trees of all sizes around the full nodes, and changes them afterwards.
func TestBuilder(t *testing.T) {
	for i := range types {
		t.Run(types[i].name, func(t *testing.T) {
			smallNodes(t)
			kind := &types[i].t
			for _, n := range []int{0, 1, 4, 5, 16, 17, 20, 21, 64, 65, 150} {
				m := newModel(t, kind)
				src := newModel(t, kind)
				for x := 0; len(src.items) < n; x++ {
					if kind.ordered() {
						src.insert(src.key(uint64(x)))
					} else {
						src.insertAt(len(src.items))
					}
				}
				for !m.d.Free(nil, 1) {
				}
				b := NewBuilder(m.a, kind)
				for _, w := range src.items {
					k := Key{W: w.W, Tail: []byte(w.tail)}
					w := m.entry(k)
					if !b.Add(k, w.Ref, w.Weight) {
						t.Fatalf("Add refuses item %d", len(m.items))
					}
					if kind.ordered() && b.Add(k, w.Ref, w.Weight) {
						t.Fatal("Add takes an item twice")
					}
					m.items = append(m.items, w)
				}
				m.d = b.Tree()
				m.check()
				full := kind.leaf().max
				for i, got := range leaves(m.d) {
					if want := min(full, n-i*full); got != want {
						t.Fatalf("leaf %d of %d items has %d, want %d", i, n, got, want)
					}
				}
				for x := range uint64(15) {
					m.step(mix(x), 100, 8)
					m.check()
				}
				src.freeAll(100)
				m.freeAll(3)
			}
		})
	}
}

// TestFront puts items before trees of all sizes around the full nodes, in several turns, and changes them afterwards. Leaves must be full,
// except those that were there and the first.
func TestFront(t *testing.T) {
	for i := range types {
		kind := &types[i].t
		if !kind.ordered() {
			continue
		}
		t.Run(types[i].name, func(t *testing.T) {
			smallNodes(t)
			for _, n := range []int{1, 3, 4, 5, 16, 17, 21, 64, 65, 150} {
				src := newModel(t, kind)
				for x := uint64(0); len(src.items) < 3*n; x++ {
					src.insert(src.key(x))
				}
				m := newModel(t, kind)
				for _, turn := range [][2]int{{2 * n, 3 * n}, {n, 2 * n}, {1, n}, {0, 1}} {
					f := NewFront(m.d)
					for i := turn[1] - 1; i >= turn[0]; i-- {
						it := src.items[i]
						k := Key{W: it.W, Tail: []byte(it.tail)}
						w := m.entry(k)
						if !f.Add(k, w.Ref, w.Weight) {
							t.Fatalf("Add refuses item %d of %d", i, 3*n)
						}
						if f.Add(k, w.Ref, w.Weight) {
							t.Fatal("Add takes an item twice")
						}
						m.items = slices.Insert(m.items, 0, w)
					}
					f.Done()
					m.check()
				}
				counts := leaves(m.d)
				for i, got := range counts[1:] {
					if got != kind.leaf().max {
						t.Fatalf("leaf %d of %d has %d items", i+1, len(counts), got)
					}
				}
				NewFront(m.d).Done()
				m.check()
				for x := range uint64(15) {
					m.step(mix(x), 100, 8)
					m.check()
				}
				src.freeAll(100)
				m.freeAll(3)
			}
		})
	}
}

// TestDeleteRange removes every range of trees of some sizes.
func TestDeleteRange(t *testing.T) {
	for _, kind := range []*Type{&types[1].t, &types[3].t} {
		smallNodes(t)
		for _, n := range []int{1, 5, 17, 40} {
			for i := 0; i <= n; i += 1 + n/10 {
				for j := i; j <= n; j += 1 + n/10 {
					m := newModel(t, kind)
					for x := range uint64(n) {
						if kind.ordered() {
							m.insert(m.key(x))
						} else {
							m.insertAt(int(x))
						}
					}
					m.deleteRange(i, j)
					m.check()
					m.freeAll(10)
				}
			}
		}
	}
}

// TestRange takes the items of a range of scores, with bounds before and behind all members of a score.
func TestRange(t *testing.T) {
	a := arena.New(arena.Options{})
	defer a.Close()
	d := New(a, &types[3].t)
	for score := range uint64(50) {
		for _, member := range []string{"", "a", "b", "\xff\xff\xff"} {
			tail := []byte(member)
			d.Insert(Key{W: [2]uint64{score}, Tail: tail}, newEntry(a, score, tail), 0)
		}
	}
	for _, tt := range []struct {
		name   string
		lo, hi Key
		from   int
		to     int
	}{
		{"10 <= score <= 12", Key{W: [2]uint64{10}}, Key{W: [2]uint64{12}, Beyond: true}, 40, 52},
		{"10 < score <= 12", Key{W: [2]uint64{10}, Beyond: true}, Key{W: [2]uint64{12}, Beyond: true}, 44, 52},
		{"10 <= score < 12", Key{W: [2]uint64{10}}, Key{W: [2]uint64{12}}, 40, 48},
		{"from a member", Key{W: [2]uint64{10}, Tail: []byte("aa")}, Key{W: [2]uint64{11}, Tail: []byte("b")}, 42, 46},
		{"all", Key{}, Key{W: [2]uint64{^uint64(0)}, Beyond: true}, 0, 200},
	} {
		from, _ := d.Rank(tt.lo)
		to, _ := d.Rank(tt.hi)
		if from != tt.from || to != tt.to {
			t.Errorf("%s: positions [%d, %d), want [%d, %d)", tt.name, from, to, tt.from, tt.to)
		}
	}
}

// TestCheck breaks trees in all ways Check is to see.
func TestCheck(t *testing.T) {
	node := func(d Tree, level int) (arena.Ref, *shape) {
		var p path
		d.seekPos(d.Len()/2, &p)
		return p.steps[level].ref, d.t.shape(level)
	}
	for _, tt := range []struct {
		name  string
		spoil func(d Tree)
	}{
		{"length", func(d Tree) { d.add(rootLen, 1) }},
		{"weight", func(d Tree) { d.add(rootWeight, 1) }},
		{"bytes", func(d Tree) { d.add(rootAux, 8<<heightBits) }},
		{"order of words", func(d Tree) { r, sh := node(d, 0); d.slot(r, sh, 1)[1] = 1 << 60 }},
		{"order of tails", func(d Tree) {
			r, sh := node(d, 0)
			w := words(d.a.Mut(r, sh.bytes(3)))
			w[sh.stride+2], w[2*sh.stride+2] = w[2*sh.stride+2], w[sh.stride+2]
			copy(w[2*sh.stride:], w[sh.stride:sh.stride+2])
		}},
		{"an item's weight", func(d Tree) { r, sh := node(d, 0); d.slot(r, sh, 1)[3]++ }},
		{"a count", func(d Tree) { r, sh := node(d, 1); d.slot(r, sh, 1)[4]++ }},
		{"a sum of weights", func(d Tree) { r, sh := node(d, 1); d.slot(r, sh, 1)[5]++ }},
		{"a first key", func(d Tree) { r, sh := node(d, 2); d.slot(r, sh, 0)[1]++ }},
		{"a first ref", func(d Tree) { r, sh := node(d, 1); d.slot(r, sh, 1)[2]++ }},
		{"a number of slots", func(d Tree) { r, sh := node(d, 1); d.slot(r, sh, 1)[3] -= 1 << slotShift }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newModel(t, &types[len(types)-1].t)
			for x := range uint64(1000) {
				m.insert(m.key(x))
			}
			m.check()
			if m.d.height() < 2 {
				t.Fatalf("a tree of %d levels", m.d.height())
			}
			tt.spoil(m.d)
			if err := m.d.Check(entryTail); err == nil {
				t.Fatal("Check sees nothing")
			}
			m.a.Close()
		})
	}
}

// TestPanics calls with positions that are not there.
func TestPanics(t *testing.T) {
	a := arena.New(arena.Options{})
	defer a.Close()
	list, stream := New(a, &types[1].t), New(a, &types[5].t)
	for i := range 3 {
		list.InsertAt(i, 8, 2)
		stream.Insert(Key{W: [2]uint64{uint64(i)}}, 8, 0)
	}
	for name, call := range map[string]func(){
		"At":             func() { list.At(3) },
		"At before":      func() { list.At(-1) },
		"InsertAt":       func() { list.InsertAt(4, 8, 1) },
		"InsertAt keyed": func() { stream.InsertAt(0, 8, 1) },
		"Insert":         func() { list.Insert(Key{}, 8, 1) },
		"Insert Beyond":  func() { stream.Insert(Key{Beyond: true}, 8, 1) },
		"SetAt":          func() { list.SetAt(3, 8, 1) },
		"DeleteAt":       func() { list.DeleteAt(3) },
		"DeleteRange":    func() { list.DeleteRange(2, 1, nil) },
		"DeleteRange to": func() { list.DeleteRange(2, 4, nil) },
		"AtWeight":       func() { list.AtWeight(6) },
		"AtWeight none":  func() { stream.AtWeight(0) },
		"SeekAt":         func() { list.SeekAt(4) },
		"WeightBefore":   func() { list.WeightBefore(4) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
	if list.Len() != 3 || list.Weight() != 6 || stream.Len() != 3 {
		t.Error("a call that panicked has changed something")
	}
}

func TestByteOrder(t *testing.T) {
	x := uint64(1)
	if *(*byte)(unsafe.Pointer(&x)) != 1 {
		t.Fatal("the package needs a little-endian machine")
	}
}

// TestHeight checks that maxHeight is out of reach for every shape of nodes.
func TestHeight(t *testing.T) {
	for i := range types {
		kind := &types[i].t
		items := float64(kind.leaf().merge+1) / 2
		for range maxHeight - 1 {
			// Two neighbours have more than merge, so a node has more than half of it on average.
			items *= float64(kind.inner().merge+1) / 2
		}
		if items < 1e12 {
			t.Errorf("%s: %v items can make a tree too high", types[i].name, items)
		}
	}
}
