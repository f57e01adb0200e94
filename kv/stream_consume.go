package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
)

// Changes of groups. Groups and consumers come from the edit's View.

func (e *StreamEdit) groupsTree() btree.Tree { return btree.Open(e.mem(), &streamNames, e.groups) }

func (g StreamGroup) tree(a *arena.Arena) btree.Tree {
	return btree.Open(a, &streamPending, arena.Ref(g.load(groupPending)))
}

func (g StreamGroup) consumersTree(a *arena.Arena) btree.Tree {
	return btree.Open(a, &streamNames, arena.Ref(g.load(groupConsumers)))
}

func (c StreamConsumer) tree(a *arena.Arena) btree.Tree {
	return btree.Open(a, &streamPending, arena.Ref(c.m.Load64(c.c.record(consumerPending))))
}

// CreateGroup makes a group; false when there is one of this name.
func (e *StreamEdit) CreateGroup(name []byte, last StreamID, read int64) (g StreamGroup, created bool) {
	if _, there := e.View().Group(name); there {
		return g, false
	}
	a := e.mem()
	pending, consumers := btree.New(a, &streamPending), btree.New(a, &streamNames)
	r := e.ks().newRecord(name, last.Ms, last.Seq, uint64(read), uint64(pending.Root()), uint64(consumers.Root()))
	e.groupsTree().Insert(btree.Key{Tail: name}, r, 0)
	return StreamGroup{a, element(a, r)}, true
}

// DestroyGroup removes a group with its consumers and pending entries; false when there is none of this name.
func (e *StreamEdit) DestroyGroup(name []byte) bool {
	r, there := e.groupsTree().Delete(btree.Key{Tail: name})
	if !there {
		return false
	}
	ks := e.ks()
	for ks.freeGroup(r, lazyStep, ks.freeElement) <= 0 {
	}
	ks.freeElement(r)
	return true
}

// SetGroup says what was delivered last, and how many entries that makes.
func (e *StreamEdit) SetGroup(g StreamGroup, last StreamID, read int64) {
	a := e.mem()
	a.Store64(g.c.record(groupLast), last.Ms)
	a.Store64(g.c.record(groupLast+1), last.Seq)
	a.Store64(g.c.record(groupRead), uint64(read))
}

// Advance notes that the entry of an id above the group's Last is delivered.
func (e *StreamEdit) Advance(g StreamGroup, id StreamID) {
	read := g.Read()
	if read != NoEntriesRead && !e.TombstonesFrom(id) {
		read++
	} else if e.Added > 0 {
		read = e.Distance(id)
	}
	e.SetGroup(g, id, read)
}

// CreateConsumer makes a consumer, seen now; false when there is one of this name.
func (e *StreamEdit) CreateConsumer(g StreamGroup, name []byte, seen, active Millis) (c StreamConsumer, created bool) {
	if _, there := g.Consumer(name); there {
		return c, false
	}
	a := e.mem()
	r := e.ks().newRecord(name, uint64(seen), uint64(active), uint64(btree.New(a, &streamPending).Root()))
	g.consumersTree(a).Insert(btree.Key{Tail: name}, r, 0)
	return StreamConsumer{a, element(a, r)}, true
}

// DeleteConsumer removes a consumer and with it what it has pending.
func (e *StreamEdit) DeleteConsumer(g StreamGroup, c StreamConsumer) {
	a := e.mem()
	own := c.tree(a)
	pending := g.tree(a)
	for _, it := range items(own.Reader) {
		pending.Delete(btree.Key{W: it.W})
		a.Free(it.Ref)
	}
	for !own.Free(nil, lazyStep) {
	}
	g.consumersTree(a).Delete(btree.Key{Tail: c.Name()})
	e.ks().freeElement(c.c.ref)
}

// Seen notes that the consumer asked for something.
func (e *StreamEdit) Seen(c StreamConsumer, now Millis) {
	e.mem().Store64(c.c.record(consumerSeen), uint64(now))
}

// Active notes that the consumer got something.
func (e *StreamEdit) Active(c StreamConsumer, now Millis) {
	e.mem().Store64(c.c.record(consumerActive), uint64(now))
}

// Deliver makes an entry pending with a consumer, whoever had it before.
func (e *StreamEdit) Deliver(g StreamGroup, c StreamConsumer, id StreamID, now Millis, count int64) {
	a := e.mem()
	p, there := g.Find(id)
	if !there {
		r := a.Alloc(8 * nackWords)
		b := a.Mut(r, 8*nackWords)
		putWord(b, nackTime, uint64(now))
		putWord(b, nackCount, uint64(count))
		putWord(b, nackConsumer, uint64(c.c.ref))
		g.tree(a).Insert(id.key(), r, 0)
		c.tree(a).Insert(id.key(), r, 0)
		return
	}
	b := a.Mut(p.ref, 8*nackWords)
	putWord(b, nackTime, uint64(now))
	putWord(b, nackCount, uint64(count))
	if !p.Consumer.Is(c) {
		putWord(b, nackConsumer, uint64(c.c.ref))
		if p.Consumer.c.ref != 0 {
			p.Consumer.tree(a).Delete(id.key())
		}
		c.tree(a).Insert(id.key(), p.ref, 0)
	}
}

// Ack makes an entry not pending any more and reports whether it was.
func (e *StreamEdit) Ack(g StreamGroup, id StreamID) bool {
	p, there := g.Find(id)
	if !there {
		return false
	}
	a := e.mem()
	g.tree(a).Delete(id.key())
	if p.Consumer.c.ref != 0 {
		p.Consumer.tree(a).Delete(id.key())
	}
	a.Free(p.ref)
	return true
}

// What follows builds a stream of what a snapshot says, part by part; the caller has verified nodes.

// LoadNode adds a node behind all others; false when its id is not above theirs. Length is the caller's to set with LoadInfo.
func (e *StreamEdit) LoadNode(id StreamID, p []byte) bool {
	e.changed = true
	tree := e.tree()
	if n := tree.Len(); n > 0 && !idOf(tree.At(n-1).W).Less(id) {
		return false
	}
	return tree.Insert(id.key(), e.storeNode(p, false), 0)
}

// LoadInfo sets all that the stream knows of itself.
func (e *StreamEdit) LoadInfo(i StreamInfo) {
	e.StreamInfo = i
	e.changed, e.headChanged = true, true
}

// LoadPending makes an entry pending with nobody yet; false when it is already pending.
func (e *StreamEdit) LoadPending(g StreamGroup, id StreamID, at Millis, count int64) bool {
	a := e.mem()
	r := a.Alloc(8 * nackWords)
	b := a.Mut(r, 8*nackWords)
	putWord(b, nackTime, uint64(at))
	putWord(b, nackCount, uint64(count))
	putWord(b, nackConsumer, 0)
	if !g.tree(a).Insert(id.key(), r, 0) {
		a.Free(r)
		return false
	}
	return true
}

// LoadOwner gives a pending entry that nobody has to a consumer; false when there is none.
func (e *StreamEdit) LoadOwner(g StreamGroup, c StreamConsumer, id StreamID) bool {
	p, there := g.Find(id)
	if !there || p.Consumer.c.ref != 0 {
		return false
	}
	a := e.mem()
	a.Store64(word(p.ref, nackConsumer), uint64(c.c.ref))
	return c.tree(a).Insert(id.key(), p.ref, 0)
}
