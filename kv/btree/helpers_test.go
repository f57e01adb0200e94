package btree

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// Test entries are a word with the tail's length and a value, then the tail.
func newEntry(a *arena.Arena, value uint64, tail []byte) arena.Ref {
	r := a.Alloc(8 + len(tail))
	b := a.Mut(r, 8+len(tail))
	words(b)[0] = value<<8 | uint64(len(tail))
	copy(b[8:], tail)
	return r
}

func entryTail(m arena.Mem, r arena.Ref) []byte {
	n := int(m.Load64(r) & 0xff)
	return m.At(r, 8+n)[8:]
}

func entryCompare(m arena.Mem, r arena.Ref, tail []byte) int {
	return bytes.Compare(entryTail(m, r), tail)
}

// types are the kinds of trees the tests make.
var types = []struct {
	name string
	t    Type
}{
	{"sequence", Type{}},
	{"list", Type{Weighted: true}},
	{"names", Type{Compare: entryCompare}},
	{"zset", Type{Words: 1, Compare: entryCompare}},
	{"word", Type{Words: 1}},
	{"stream", Type{Words: 2}},
	{"weighted stream", Type{Words: 2, Weighted: true}},
	{"all", Type{Words: 2, Weighted: true, Compare: entryCompare}},
}

// smallNodes makes nodes of 4 slots for a test, so that few items make high trees.
func smallNodes(t testing.TB) {
	leaf, inner := leafShapes, innerShapes
	for stride := 1; stride <= maxStride; stride++ {
		leafShapes[stride] = makeShape(stride, 4)
		innerShapes[stride] = makeShape(stride, 4)
	}
	t.Cleanup(func() { leafShapes, innerShapes = leaf, inner })
}

func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

// want is an item of the model.
type want struct {
	Item
	tail  string
	value uint64
}

// model is a tree beside a slice that says what the tree should hold.
type model struct {
	t     testing.TB
	a     *arena.Arena
	kind  *Type
	d     Tree
	items []want
	next  uint64 // next value
}

func newModel(t testing.TB, kind *Type) *model {
	a := arena.New(arena.Options{Protect: true})
	return &model{t: t, a: a, kind: kind, d: New(a, kind)}
}

// key is key number x: neighbours often share words, and the order is not that of the numbers.
func (m *model) key(x uint64) Key {
	var k Key
	switch {
	case m.kind.Words == 1 && m.kind.Compare == nil:
		k.W[0] = x * 0x9e3779b97f4a7c15
	case m.kind.Words == 1:
		k.W[0] = x / 7 << 61
	case m.kind.Words == 2 && m.kind.Compare == nil:
		k.W = [2]uint64{x / 5, x % 5 << 62}
	case m.kind.Words == 2:
		k.W = [2]uint64{x / 25, x / 5 % 5}
	}
	if m.kind.Compare != nil {
		k.Tail = []byte{byte(x >> 8), byte(x)}
		if x%2 == 0 {
			k.Tail = append(k.Tail, make([]byte, x%61)...)
		}
	}
	return k
}

func compareKey(w want, k Key) int {
	if c := slices.Compare(w.W[:], k.W[:]); c != 0 {
		return c
	}
	if k.Beyond {
		return -1
	}
	return bytes.Compare([]byte(w.tail), k.Tail)
}

func search(items []want, k Key) (int, bool) {
	return slices.BinarySearchFunc(items, k, compareKey)
}

func (m *model) entry(k Key) want {
	m.next++
	w := want{Item: Item{W: k.W, Ref: newEntry(m.a, m.next, k.Tail)}, tail: string(k.Tail), value: m.next}
	if m.kind.Weighted {
		w.Weight = m.next * 7 % 10
		if m.next%50 == 0 {
			w.Weight = 1 << 40
		}
	}
	return w
}

func (m *model) insert(k Key) {
	i, found := search(m.items, k)
	w := m.entry(k)
	if m.d.Insert(k, w.Ref, w.Weight) == found {
		m.t.Fatalf("Insert(%v) says %v, present %v", k, !found, found)
	}
	if found {
		m.a.Free(w.Ref)
		return
	}
	m.items = slices.Insert(m.items, i, w)
}

func (m *model) insertAt(i int) {
	w := m.entry(Key{})
	m.d.InsertAt(i, w.Ref, w.Weight)
	m.items = slices.Insert(m.items, i, w)
}

func (m *model) delete(k Key) {
	i, found := search(m.items, k)
	r, ok := m.d.Delete(k)
	if ok != found || found && r != m.items[i].Ref {
		m.t.Fatalf("Delete(%v) = %#x, %v", k, r, ok)
	}
	if found {
		m.a.Free(r)
		m.items = slices.Delete(m.items, i, i+1)
	}
}

func (m *model) deleteAt(i int) {
	if it := m.d.DeleteAt(i); it != m.items[i].Item {
		m.t.Fatalf("DeleteAt(%d) = %x, want %x", i, it, m.items[i])
	}
	m.a.Free(m.items[i].Ref)
	m.items = slices.Delete(m.items, i, i+1)
}

func (m *model) deleteRange(i, j int) {
	at := i
	m.d.DeleteRange(i, j, func(refs []arena.Ref) {
		for _, r := range refs {
			if at >= j || r != m.items[at].Ref {
				m.t.Fatalf("DeleteRange(%d, %d) gave %#x as number %d", i, j, r, at-i)
			}
			at++
			m.a.Free(r)
		}
	})
	if at != j {
		m.t.Fatalf("DeleteRange(%d, %d) gave %d", i, j, at-i)
	}
	m.items = slices.Delete(m.items, i, j)
}

func (m *model) setAt(i int, byKey bool) {
	old := m.items[i]
	w := m.entry(Key{W: old.W, Tail: []byte(old.tail)})
	if byKey {
		w.Weight = old.Weight
		r, ok := m.d.Replace(Key{W: old.W, Tail: []byte(old.tail)}, w.Ref)
		if !ok || r != old.Ref {
			m.t.Fatalf("Replace of item %d = %#x, %v", i, r, ok)
		}
	} else if r := m.d.SetAt(i, w.Ref, w.Weight); r != old.Ref {
		m.t.Fatalf("SetAt(%d) = %#x, want %#x", i, r, old.Ref)
	}
	m.a.Free(old.Ref)
	m.items[i] = w
	m.reweighEnd(i%2 == 0)
}

// reweighEnd changes the weight of an item at an end through a Spot, first alone, then with its ref.
func (m *model) reweighEnd(last bool) {
	var s Spot
	if !m.d.t.Weighted || !s.SeekEnd(m.d, last) {
		return
	}
	i := 0
	if last {
		i = len(m.items) - 1
	}
	w := &m.items[i]
	if s.Item.Ref != w.Ref || s.Item.Weight != w.Weight {
		m.t.Fatalf("SeekEnd(%v) finds %+v, want item %d, %+v", last, s.Item, i, *w)
	}
	s.Reweigh(3)
	s.Reweigh(-1)
	w.Weight += 2
	s.Set(w.Ref, w.Weight+5)
	w.Weight += 5
}

// check compares everything and verifies the tree.
func (m *model) check() {
	m.t.Helper()
	if err := m.d.Check(entryTail); err != nil {
		m.t.Fatal(err)
	}
	if err := compareItems(m.d.Reader, m.items); err != nil {
		m.t.Fatal(err)
	}
}

// freeAll frees everything in slices and checks that nothing is left in the arena.
func (m *model) freeAll(budget int) {
	m.t.Helper()
	for done := false; !done; {
		before := len(m.items)
		done = m.d.Free(func(r arena.Ref) {
			w := m.items[len(m.items)-1]
			if r != w.Ref {
				m.t.Fatalf("Free gave %#x, want %#x", r, w.Ref)
			}
			m.a.Free(r)
			m.items = m.items[:len(m.items)-1]
		}, budget)
		if got := before - len(m.items); got > budget+maxSlots {
			m.t.Fatalf("Free gave %d items for a budget of %d", got, budget)
		}
		if !done && m.d.Len() != len(m.items) {
			m.t.Fatalf("Len is %d between slices, want %d", m.d.Len(), len(m.items))
		}
	}
	if len(m.items) != 0 {
		m.t.Fatalf("Free left out %d items", len(m.items))
	}
	if used := m.a.Stats().UsedBytes; used != 0 {
		m.t.Fatalf("%d bytes still in use after Free", used)
	}
	if err := m.a.Check(); err != nil {
		m.t.Fatal(err)
	}
	m.a.Close()
}
