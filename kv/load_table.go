package kv

import (
	"math"
	"math/bits"
	"slices"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/dict"
)

// Members are elements of a hash, a set or a sorted set that a snapshot brings, some thousands of them at a time.
type Members struct {
	Elems  [][]byte  // members, or fields and values in turn
	Scores []float64 // of a sorted set's, beside Elems
	// Order are the elements (of a hash: the pairs) in the ascending order of their hashes; see Arranger.
	Order []Hashed
}

// Hashed is an element's hash and its number.
type Hashed struct {
	Hash uint64
	Num  uint32
}

// Arranger makes Members.Order. It keeps its memory from one call to the next. The zero value is ready.
type Arranger struct {
	found  []Hashed
	starts []uint32
}

// Arrange gives m its Order, in the memory of order as far as that suffices. each is how many of Elems an element has: 2 of a hash, else 1. hash
// is that of elements: DB.Hash, or dict.Hash with Options.HashSeed where there is no database.
func (a *Arranger) Arrange(m *Members, each int, hash func([]byte) uint64, order []Hashed) {
	n := len(m.Elems) / each
	m.Order = slices.Grow(order[:0], n)[:n]
	// One pass brings each into or near its place: hashes are uniform, so about one of them leads to each place.
	shift := 64 - bits.Len(uint(n))
	a.found = slices.Grow(a.found[:0], n)
	a.starts = slices.Grow(a.starts[:0], 1<<(64-shift)+1)[:1<<(64-shift)+1]
	clear(a.starts)
	for i := range n {
		h := hash(m.Elems[i*each])
		a.found = append(a.found, Hashed{h, uint32(i)})
		a.starts[h>>shift+1]++
	}
	for i := 1; i < len(a.starts); i++ {
		a.starts[i] += a.starts[i-1]
	}
	for _, e := range a.found {
		place := &a.starts[e.Hash>>shift]
		m.Order[*place] = e
		*place++
	}
	for i := 1; i < n; i++ {
		e, j := m.Order[i], i
		for ; j > 0 && m.Order[j-1].Hash > e.Hash; j-- {
			m.Order[j] = m.Order[j-1]
		}
		m.Order[j] = e
	}
}

// loading is what LoadTable works with.
type loading struct {
	refs []arena.Ref
	run  []dict.Hashed
}

// LoadTable adds elements to the table under a key that is new, or to which only LoadTable has added. It is the shorter way than edits: it
// never looks at whether the value could be packed, places elements segment by segment, and puts a sorted set whose members come highest
// first, as in snapshots, together without looking for their places. False: an element occurs twice, and an unknown part of them is not
// there. A value of another type is ErrWrongType.
func (db *DB) LoadTable(key []byte, typ Type, m *Members) (distinct bool, err error) {
	ks := db.ks
	enc, each := Hashtable, 1
	switch typ {
	case ZSet:
		enc = Skiplist
	case Hash:
		each = 2
	}
	var e edit
	if err := e.begin(db, key, typ, enc); err != nil {
		return false, err
	}
	switch {
	case e.enc != enc:
		panic("kv: LoadTable of a packed value")
	case e.old.ref != 0:
	case typ == ZSet:
		e.table = table{root: ks.newElements().Root(), order: btree.New(ks.a, &zsetOrder).Root()}
	default:
		e.table = table{root: ks.newElements().Root()}
	}
	l := &ks.loading
	l.refs, l.run = l.refs[:0], l.run[:0]
	for i := 0; i < len(m.Elems); i += each {
		name := m.Elems[i]
		hash := uint64(0)
		if len(name) > maxInlineKey {
			hash = ks.hashMember(name) // which it keeps
		}
		switch typ {
		case ZSet:
			l.refs = append(l.refs, ks.newScored(hash, name, math.Float64bits(m.Scores[i])))
		case Hash:
			l.refs = append(l.refs, ks.newElement(hash, name, m.Elems[i+1]))
		default:
			l.refs = append(l.refs, ks.newElement(hash, name, nil))
		}
	}
	for _, o := range m.Order {
		l.run = append(l.run, dict.Hashed{Hash: o.Hash, Ref: l.refs[o.Num]})
	}
	d := ks.elements(e.table)
	n := d.InsertRun(l.run, func(i int) []byte { return m.Elems[int(m.Order[i].Num)*each] })
	for _, left := range l.run[n:] {
		ks.freeElement(left.Ref)
	}
	distinct = n == len(l.run)
	if distinct && typ == ZSet {
		ks.loadOrder(btree.Open(ks.a, &zsetOrder, e.table.order), m, l.refs)
	}
	e.changed = true
	e.finish(d.Len())
	return distinct, nil
}

// loadOrder puts new members into the order of a sorted set.
func (ks *Keyspace) loadOrder(t btree.Tree, m *Members, refs []arena.Ref) {
	f := btree.NewFront(t)
	i := 0
	for i < len(refs) && f.Add(zsetKey(m.Elems[i], m.Scores[i]), refs[i], 0) {
		i++
	}
	f.Done()
	for ; i < len(refs); i++ {
		if !t.Insert(zsetKey(m.Elems[i], m.Scores[i]), refs[i], 0) {
			panic("kv: a member that is in the order already")
		}
	}
}

// Tables says whether a hash, set or sorted set of so many elements is a table, however long they are.
func (db *DB) Tables(typ Type, n uint64) bool {
	l := &db.ks.limits
	switch typ {
	case Hash:
		return n > uint64(l.HashEntries)
	case Set:
		return n > uint64(max(l.intsetMost(), l.SetListpackEntries))
	case ZSet:
		return n > uint64(l.ZSetEntries)
	}
	return false
}
