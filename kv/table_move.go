package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
)

// How the blocks of each kind of value are moved (defrag.go). What refers to a block is named here for every kind of it; a
// new reference anywhere must be followed here.

// tablePlace is how far a walk through a table has come. Any place is legal for any table: what lies behind it is walked.
type tablePlace struct {
	stage  int
	pos    uint64 // cursor or position in the tree or dict of the stage
	index  int    // stream: the group
	second int    // stream: the consumer
}

// next goes to another stage.
func (p *tablePlace) next(stage int) { p.stage, p.pos, p.second = stage, 0, 0 }

// moveElement moves an element, node or record with its blobs and returns its new place.
func (ks *Keyspace) moveElement(r arena.Ref) arena.Ref {
	h := head(ks.a.Load64(r))
	if h.bigKey() {
		ks.moveBlob(word(r, h.keyWord()), lazyThreshold)
	}
	if h.bigValue() {
		ks.moveBlob(word(r, h.valueWord()), lazyThreshold)
	}
	return ks.a.Move(r)
}

// stay is for walks through a second table of the same entries.
func stay(r arena.Ref) arena.Ref { return r }

func stayItem(it btree.Item) arena.Ref { return it.Ref }

// moveBlob moves the blob whose descriptor stands at a place, if it has no more than most chunks, and reports whether it did.
func (ks *Keyspace) moveBlob(at arena.Ref, most int) bool {
	b := loadBlob(ks.a, at)
	n := chunks(b.size)
	if n > most {
		return false
	}
	ks.moveChunks(at, 0, n)
	return true
}

// moveChunks moves some chunks of the blob whose descriptor stands at a place, and the tables above them.
func (ks *Keyspace) moveChunks(at arena.Ref, from, to int) {
	b := loadBlob(ks.a, at)
	if b.top == 0 {
		return
	}
	if top := moveSubtree(ks.a, b.top, b.height, from, min(to, chunks(b.size))); top != b.top {
		b.top = top
		ks.a.Store64(at, b.words()[0])
	}
}

// moveSubtree moves the chunks [from, to) of a subtree, counted from its own first.
func moveSubtree(a *arena.Arena, r arena.Ref, height, from, to int) arena.Ref {
	r = a.Move(r)
	if height == 0 {
		return r
	}
	child := 1 << (fanShift * (height - 1))
	for i := from / child; i*child < to; i++ {
		s := word(r, i)
		c := arena.Ref(a.Load64(s))
		if c == 0 {
			continue
		}
		if n := moveSubtree(a, c, height-1, max(from-i*child, 0), min(to-i*child, child)); n != c {
			a.Store64(s, uint64(n))
		}
	}
	return r
}

func (dictTable) move(ks *Keyspace, t *table, at *tablePlace, budget int) (done bool) {
	if at.pos == 0 {
		t.root = ks.elements(*t).MoveRoot().Root()
	}
	return ks.moveDict(*t, at, budget, ks.moveElement)
}

// moveDict moves about budget elements of a table's dict.
func (ks *Keyspace) moveDict(t table, at *tablePlace, budget int, entry func(arena.Ref) arena.Ref) (done bool) {
	d, seen := ks.elements(t), 0
	for seen < budget {
		seen++ // also for places without elements
		at.pos = d.Move(at.pos, func(r arena.Ref) arena.Ref { seen++; return entry(r) })
		if at.pos == 0 {
			return true
		}
	}
	return false
}

// moveTree moves about budget items of a tree.
func moveTree(tree btree.Tree, at *tablePlace, budget int, entry func(btree.Item) arena.Ref) (done bool) {
	for pos, stop := int(at.pos), int(at.pos)+budget; ; {
		next := tree.Move(pos, entry)
		if next >= tree.Len() {
			at.pos = 0
			return true
		}
		pos = next
		at.pos = uint64(pos)
		if pos >= stop {
			return false
		}
	}
}

// The stages of a sorted set: an element is known to both.
const (
	moveZSetOrder = iota
	moveZSetDict
)

func (zsetTable) move(ks *Keyspace, t *table, at *tablePlace, budget int) (done bool) {
	if at.stage == moveZSetOrder {
		tree := btree.Open(ks.a, &zsetOrder, t.order)
		if at.pos == 0 {
			t.root = ks.elements(*t).MoveRoot().Root()
			tree = tree.MoveRoot()
			t.order = tree.Root()
		}
		d := ks.elements(*t)
		if moveTree(tree, at, budget, func(it btree.Item) arena.Ref {
			r := ks.moveElement(it.Ref)
			if r != it.Ref {
				d.Replace(ks.hashEntry(ks.a, r), it.Ref, r)
			}
			return r
		}) {
			at.next(moveZSetDict)
		}
		return false
	}
	return ks.moveDict(*t, at, budget, stay)
}

func (listTable) move(ks *Keyspace, t *table, at *tablePlace, budget int) (done bool) {
	tree := btree.Open(ks.a, &listNodes, t.root)
	if at.pos == 0 {
		tree = tree.MoveRoot()
		t.root = tree.Root()
	}
	return moveTree(tree, at, budget, func(it btree.Item) arena.Ref { return ks.moveElement(it.Ref) })
}

// The stages of a stream; the last three are gone through for each group.
const (
	moveNodes     = iota
	moveGroups    // the groups' records
	movePending   // a group's pending entries, known to the consumers' trees, too
	moveConsumers // its consumers' records, known to the pending entries
	moveOwned     // the consumers' own trees
)

func (streamTable) move(ks *Keyspace, t *table, at *tablePlace, budget int) (done bool) {
	a := ks.a
	if at.stage == moveNodes && at.pos == 0 {
		t.root = a.Move(t.root)
		moveRootAt(a, &streamNodes, t.root)
		moveRootAt(a, &streamNames, word(t.root, 1))
	}
	h := loadStreamHead(a, t.root)
	groups := btree.Open(a, &streamNames, h.groups)
	switch at.stage {
	case moveNodes:
		if moveTree(btree.Open(a, &streamNodes, h.nodes), at, budget, func(it btree.Item) arena.Ref { return ks.moveElement(it.Ref) }) {
			at.next(moveGroups)
		}
		return false
	case moveGroups:
		if moveTree(groups, at, budget, func(it btree.Item) arena.Ref {
			g := element(a, it.Ref)
			moveRootAt(a, &streamPending, g.record(groupPending))
			moveRootAt(a, &streamNames, g.record(groupConsumers))
			return ks.moveElement(it.Ref)
		}) {
			at.next(movePending)
			at.index = 0
		}
		return false
	}
	if at.index >= groups.Len() {
		return true
	}
	ks.moveGroup(StreamGroup{a, element(a, groups.At(at.index).Ref)}, at, budget)
	return false
}

// moveRootAt moves the root of a tree that stands at a place.
func moveRootAt(a *arena.Arena, t *btree.Type, at arena.Ref) {
	was := arena.Ref(a.Load64(at))
	if now := btree.Open(a, t, was).MoveRoot().Root(); now != was {
		a.Store64(at, uint64(now))
	}
}

// moveGroup goes on in one group, and at its end to the next.
func (ks *Keyspace) moveGroup(g StreamGroup, at *tablePlace, budget int) {
	a := ks.a
	consumers := g.consumersTree(a)
	switch at.stage {
	case movePending:
		if moveTree(g.tree(a), at, budget, func(it btree.Item) arena.Ref {
			n := a.Move(it.Ref)
			if owner := arena.Ref(a.Load64(word(n, nackConsumer))); n != it.Ref && owner != 0 {
				StreamConsumer{a, element(a, owner)}.tree(a).Replace(btree.Key{W: it.W}, n)
			}
			return n
		}) {
			at.next(moveConsumers)
		}
	case moveConsumers:
		if moveTree(consumers, at, budget, func(it btree.Item) arena.Ref { return ks.moveConsumer(it.Ref) }) {
			at.next(moveOwned)
		}
	default:
		if at.second >= consumers.Len() {
			at.next(movePending)
			at.index++
			return
		}
		c := StreamConsumer{a, element(a, consumers.At(at.second).Ref)}
		if moveTree(c.tree(a), at, budget, stayItem) {
			at.second++
		}
	}
}

// moveConsumer moves a consumer's record, unless so many pending entries refer to it that following them all at once would take
// long.
func (ks *Keyspace) moveConsumer(r arena.Ref) arena.Ref {
	a := ks.a
	moveRootAt(a, &streamPending, element(a, r).record(consumerPending))
	own := StreamConsumer{a, element(a, r)}.pending()
	if own.Len() > lazyStep {
		return r
	}
	n := ks.moveElement(r)
	if n != r {
		own.Each(func(it btree.Item) bool {
			a.Store64(word(it.Ref, nackConsumer), uint64(n))
			return true
		})
	}
	return n
}
