package btree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// compareItems reads a tree in all ways and compares it with what it should hold.
func compareItems(r Reader, items []want) error {
	if r.Len() != len(items) {
		return fmt.Errorf("Len is %d, want %d", r.Len(), len(items))
	}
	i, weight := 0, uint64(0)
	var err error
	see := func(how string, i int, it Item) bool {
		if w := items[i]; it != w.Item {
			err = fmt.Errorf("%s: item %d is %x, want %x", how, i, it, w.Item)
		} else if v := r.m.Load64(it.Ref) >> 8; v != w.value {
			err = fmt.Errorf("%s: item %d has the value %d, want %d", how, i, v, w.value)
		} else if tail := string(entryTail(r.m, it.Ref)); tail != w.tail {
			err = fmt.Errorf("%s: item %d has the tail %x, want %x", how, i, tail, w.tail)
		}
		return err == nil
	}
	if all := r.Each(func(it Item) bool {
		i++
		weight += it.Weight
		return see("Each", i-1, it)
	}); all && i != len(items) {
		return fmt.Errorf("Each gave %d items of %d", i, len(items))
	}
	if err == nil && weight != r.Weight() {
		return fmt.Errorf("Weight is %d, want %d", r.Weight(), weight)
	}
	c := r.SeekAt(-1)
	for c.Next() && see("Next", c.Pos(), c.Item()) {
	}
	if err == nil && (c.Pos() != len(items) || c.Valid() || c.Next()) {
		return fmt.Errorf("Next ends at %d of %d", c.Pos(), len(items))
	}
	for c.Prev() && see("Prev", c.Pos(), c.Item()) {
		if c.Ref() != c.Item().Ref {
			return fmt.Errorf("the cursor's Ref and Item differ")
		}
	}
	if err == nil && (c.Pos() != -1 || c.Valid() || c.Prev()) {
		return fmt.Errorf("Prev ends at %d", c.Pos())
	}
	return err
}

// probe looks up a place of the tree in all ways.
func (m *model) probe(x uint64) {
	m.t.Helper()
	if m.kind.ordered() {
		k := m.key(x >> 8)
		switch x % 8 {
		case 0:
			k.Beyond = true
		case 1:
			k.Tail = nil
		case 2:
			k.W[0] += uint64(min(1, m.kind.Words))
		}
		i, found := search(m.items, k)
		if got, ok := m.d.Rank(k); got != i || ok != found {
			m.t.Fatalf("Rank(%v) = %d, %v, want %d, %v", k, got, ok, i, found)
		}
		if r, ok := m.d.Find(k); ok != found || ok && r != m.items[i].Ref {
			m.t.Fatalf("Find(%v) = %#x, %v, want %v", k, r, ok, found)
		}
		c := m.d.Seek(k)
		if c.Pos() != i || c.Valid() != (i < len(m.items)) || c.Valid() && c.Item() != m.items[i].Item {
			m.t.Fatalf("Seek(%v) is at %d, want %d", k, c.Pos(), i)
		}
		if back := c; back.Prev() != (i > 0) || i > 0 && back.Item() != m.items[i-1].Item {
			m.t.Fatalf("Prev of Seek(%v) is wrong", k)
		}
		if c.Next() != (i+1 < len(m.items)) || c.Valid() && c.Item() != m.items[i+1].Item {
			m.t.Fatalf("Next of Seek(%v) is wrong", k)
		}
	}
	if len(m.items) == 0 {
		return
	}
	i := int(x >> 8 % uint64(len(m.items)))
	if it := m.d.At(i); it != m.items[i].Item {
		m.t.Fatalf("At(%d) = %x, want %x", i, it, m.items[i].Item)
	}
	if m.kind.Weighted {
		sum := uint64(0)
		for _, w := range m.items[:i] {
			sum += w.Weight
		}
		if got := m.d.WeightBefore(i); got != sum {
			m.t.Fatalf("WeightBefore(%d) = %d, want %d", i, got, sum)
		}
		if w := m.items[i].Weight; w > 0 {
			off := x % w
			if j, it, o := m.d.AtWeight(sum + off); j != i || it != m.items[i].Item || o != off {
				m.t.Fatalf("AtWeight(%d) = %d, %x, %d, want %d, %x, %d", sum+off, j, it, o, i, m.items[i].Item, off)
			}
		}
	}
}

// step does one random operation on one of keys keys; grow is the chance in 16 that it adds rather than removes.
func (m *model) step(x, keys, grow uint64) {
	k := x >> 16 % keys
	n := uint64(len(m.items))
	add := x>>4%16 < grow
	switch op := x % 16; {
	case op < 2:
		m.probe(x >> 8)
	case op < 4 && n > 0:
		m.setAt(int(k%n), op == 2 && m.kind.ordered())
	case op == 4 && n > 0 && x>>8%16 == 0:
		i := k % n
		m.deleteRange(int(i), int(i+min(n-i, x>>12%(20-grow)*n/32)))
	case add && m.kind.ordered():
		m.insert(m.key(k))
	case add:
		at := k % (n + 1)
		switch op {
		case 5, 6:
			at = 0
		case 7, 8, 9:
			at = n
		}
		m.insertAt(int(at))
	case op < 12 && m.kind.ordered():
		m.delete(m.key(k))
	case n > 0:
		m.deleteAt(int(k % n))
	}
}

// frozenTree is a view and the model of its time.
type frozenTree struct {
	view  *arena.View
	r     Reader
	items []want
	done  chan error // the goroutine that watch starts sends its one finding
}

func (m *model) freeze() frozenTree {
	view := m.a.Freeze()
	return frozenTree{view, Frozen(view, m.kind, m.d.Root()), slices.Clone(m.items), make(chan error, 1)}
}

// watch has another goroutine compare the view with the model of its time.
func (m *model) watch() frozenTree {
	f := m.freeze()
	go func() {
		err := f.compare()
		if err == nil {
			err = f.compare()
		}
		f.done <- err
	}()
	return f
}

func (f frozenTree) compare() error {
	if err := compareItems(f.r, f.items); err != nil {
		return fmt.Errorf("in a view: %w", err)
	}
	for i, w := range f.items {
		if i%5 != 0 || !f.r.t.ordered() {
			continue
		}
		if got, ok := f.r.Rank(Key{W: w.W, Tail: []byte(w.tail)}); !ok || got != i {
			return fmt.Errorf("in a view: Rank is %d, %v, want %d", got, ok, i)
		}
	}
	return nil
}

// endView waits for the goroutine and closes the view.
func (m *model) endView(f frozenTree) {
	m.t.Helper()
	if err := <-f.done; err != nil {
		m.t.Fatal(err)
	}
	f.view.Close()
}

func (m *model) run(rnd *rand.Rand, keys uint64, steps int) {
	// Up, around, down to nothing, and up again.
	for _, grow := range []uint64{14, 8, 1, 12} {
		f := m.watch()
		for i := range steps {
			m.step(rnd.Uint64(), keys, grow)
			if i%(steps/6) == 0 {
				m.check()
				m.endView(f)
				f = m.watch()
			}
		}
		m.endView(f)
		m.check()
	}
}

func TestModel(t *testing.T) {
	for _, small := range []bool{false, true} {
		for i := range types {
			kind := &types[i]
			t.Run(fmt.Sprintf("%s/small=%v", kind.name, small), func(t *testing.T) {
				keys, steps := uint64(1200), 1600
				if small {
					smallNodes(t)
					keys, steps = 300, 800
				}
				m := newModel(t, &kind.t)
				m.run(newRand(t), keys, steps)
				m.freeAll(10)
			})
		}
	}
}

// TestEveryStep checks the whole tree after each operation on a small one.
func TestEveryStep(t *testing.T) {
	for i := range types {
		kind := &types[i]
		t.Run(kind.name, func(t *testing.T) {
			smallNodes(t)
			rnd := newRand(t)
			m := newModel(t, &kind.t)
			for range 2 {
				for _, grow := range []uint64{13, 2} {
					for range 100 {
						m.step(rnd.Uint64(), 120, grow)
						m.check()
					}
				}
			}
			m.freeAll(1)
		})
	}
}
