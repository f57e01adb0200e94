package kv

import (
	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
)

// StreamGroup is a consumer group of a stream; it is good as long as the view or edit it comes from, and until the group is
// destroyed.
type StreamGroup struct {
	m arena.Mem
	c cell
}

// StreamConsumer is a consumer of a group.
type StreamConsumer struct {
	m arena.Mem
	c cell
}

// StreamPending is an entry that was delivered and is not acknowledged.
type StreamPending struct {
	ID       StreamID
	Time     Millis // of the last delivery
	Count    int64  // of deliveries
	Consumer StreamConsumer

	ref arena.Ref
}

// NoEntriesRead is StreamGroup.Read when it is not known, and NeverActive a consumer's Active before it got an entry.
const (
	NoEntriesRead = -1
	NeverActive   = Millis(-1)
)

func (s StreamView) groupTree() btree.Reader { return btree.Frozen(s.m, &streamNames, s.groups) }

// Groups is the number of groups.
func (s StreamView) Groups() int { return s.groupTree().Len() }

// Group finds a group.
func (s StreamView) Group(name []byte) (g StreamGroup, found bool) {
	r, found := s.groupTree().Find(btree.Key{Tail: name})
	if !found {
		return g, false
	}
	return StreamGroup{s.m, element(s.m, r)}, true
}

// EachGroup visits the groups in the order of their names until visit returns false.
func (s StreamView) EachGroup(visit func(StreamGroup) bool) {
	s.groupTree().Each(func(it btree.Item) bool { return visit(StreamGroup{s.m, element(s.m, it.Ref)}) })
}

func (g StreamGroup) load(i int) uint64 { return g.m.Load64(g.c.record(i)) }

func (g StreamGroup) pending() btree.Reader {
	return btree.Frozen(g.m, &streamPending, arena.Ref(g.load(groupPending)))
}

func (g StreamGroup) consumers() btree.Reader {
	return btree.Frozen(g.m, &streamNames, arena.Ref(g.load(groupConsumers)))
}

// Name is the group's name, read only.
func (g StreamGroup) Name() []byte { return g.c.key(g.m) }

// Last is the id of the last entry that was delivered.
func (g StreamGroup) Last() StreamID { return StreamID{g.load(groupLast), g.load(groupLast + 1)} }

// Read is how many entries up to Last the stream ever had, or NoEntriesRead.
func (g StreamGroup) Read() int64 { return int64(g.load(groupRead)) }

// Pending is the number of pending entries.
func (g StreamGroup) Pending() int { return g.pending().Len() }

// Consumers is the number of consumers.
func (g StreamGroup) Consumers() int { return g.consumers().Len() }

// Consumer finds a consumer.
func (g StreamGroup) Consumer(name []byte) (c StreamConsumer, found bool) {
	r, found := g.consumers().Find(btree.Key{Tail: name})
	if !found {
		return c, false
	}
	return StreamConsumer{g.m, element(g.m, r)}, true
}

// EachConsumer visits the consumers in the order of their names until visit returns false.
func (g StreamGroup) EachConsumer(visit func(StreamConsumer) bool) {
	g.consumers().Each(func(it btree.Item) bool { return visit(StreamConsumer{g.m, element(g.m, it.Ref)}) })
}

// Find finds a pending entry.
func (g StreamGroup) Find(id StreamID) (p StreamPending, found bool) {
	r, found := g.pending().Find(id.key())
	if !found {
		return p, false
	}
	return loadPending(g.m, btree.Item{W: [2]uint64{id.Ms, id.Seq}, Ref: r}), true
}

// PendingFrom visits the pending entries from an id on until visit returns false.
func (g StreamGroup) PendingFrom(id StreamID, visit func(StreamPending) bool) {
	eachPending(g.m, g.pending(), id, visit)
}

// PendingAt is pending entry i in order.
func (g StreamGroup) PendingAt(i int) StreamPending { return loadPending(g.m, g.pending().At(i)) }

// Name is the consumer's name, read only.
func (c StreamConsumer) Name() []byte { return c.c.key(c.m) }

// Seen is when the consumer last asked for something.
func (c StreamConsumer) Seen() Millis { return Millis(c.m.Load64(c.c.record(consumerSeen))) }

// Active is when the consumer last got something, or NeverActive.
func (c StreamConsumer) Active() Millis { return Millis(c.m.Load64(c.c.record(consumerActive))) }

func (c StreamConsumer) pending() btree.Reader {
	return btree.Frozen(c.m, &streamPending, arena.Ref(c.m.Load64(c.c.record(consumerPending))))
}

// Pending is the number of the consumer's pending entries.
func (c StreamConsumer) Pending() int { return c.pending().Len() }

// PendingFrom visits the consumer's pending entries from an id on until visit returns false.
func (c StreamConsumer) PendingFrom(id StreamID, visit func(StreamPending) bool) {
	eachPending(c.m, c.pending(), id, visit)
}

// Is says whether two are the same consumer.
func (c StreamConsumer) Is(o StreamConsumer) bool { return c.c.ref == o.c.ref }

func eachPending(m arena.Mem, r btree.Reader, id StreamID, visit func(StreamPending) bool) {
	for c := r.Seek(id.key()); c.Valid(); c.Next() {
		if !visit(loadPending(m, c.Item())) {
			return
		}
	}
}

func loadPending(m arena.Mem, it btree.Item) StreamPending {
	owner := arena.Ref(m.Load64(word(it.Ref, nackConsumer)))
	p := StreamPending{ID: idOf(it.W), Time: Millis(m.Load64(word(it.Ref, nackTime))), Count: int64(m.Load64(word(it.Ref, nackCount))),
		ref: it.Ref}
	if owner != 0 {
		p.Consumer = StreamConsumer{m, element(m, owner)}
	}
	return p
}

// TombstonesFrom says whether XDEL may have removed entries from an id on, and the first one there is, on.
func (s *StreamInfo) TombstonesFrom(id StreamID) bool {
	return s.Length > 0 && !s.MaxDeleted.Less(s.First) && !s.MaxDeleted.Less(id)
}

// Distance is how many entries up to an id the stream ever had, or NoEntriesRead where that cannot be told.
func (s *StreamInfo) Distance(id StreamID) int64 {
	if s.Added == 0 {
		return 0
	}
	if s.Length == 0 && !s.Last.Less(id) {
		return s.Added
	}
	switch c := id.Compare(s.Last); {
	case c == 0:
		return s.Added
	case c > 0:
		return NoEntriesRead
	}
	if s.MaxDeleted.Zero() || s.MaxDeleted.Less(s.First) {
		switch c := id.Compare(s.First); {
		case c < 0:
			return s.Added - s.Length
		case c == 0:
			return s.Added - s.Length + 1
		}
	}
	return NoEntriesRead
}

// Lag is how many entries the group has still to be delivered; ok is false when that cannot be told.
func (s StreamView) Lag(g StreamGroup) (lag int64, ok bool) {
	if s.Added == 0 {
		return 0, true
	}
	read := g.Read()
	if read == NoEntriesRead || s.TombstonesFrom(g.Last()) {
		read = s.Distance(g.Last())
	}
	return s.Added - read, read != NoEntriesRead
}

// FirstPending is the first pending entry from an id on.
func (g StreamGroup) FirstPending(id StreamID) (p StreamPending, found bool) {
	g.PendingFrom(id, func(first StreamPending) bool {
		p, found = first, true
		return false
	})
	return p, found
}
