package snapshot

import (
	"encoding/binary"

	"frankenredis/kv"
)

// A stream stands in a snapshot as its nodes, then what it knows of itself, then its groups:
//
//	count, count x (id of 16 bytes, listpack)
//	length, last id | from type 19: first id, highest deleted id, entries ever added
//	count, count x group: name, last id, from type 19: entries read
//	    count, count x pending: id, 8 bytes time of delivery, deliveries
//	    count, count x consumer: name, 8 bytes seen, from type 21: 8 bytes active
//	        count, count x id of 16 bytes, all of them pending
//
// Numbers and the halves of ids are lengths, ids of 16 bytes big endian, times little endian.

// StreamRecord is one thing a stream has beside its nodes.
type StreamRecord struct {
	Kind StreamRecordKind
	Info *kv.StreamInfo // of StreamHead
	Name []byte         // of a group or consumer
	ID   kv.StreamID    // last of a group, else of an entry
	Time kv.Millis      // of delivery, or when a consumer was seen
	N    int64          // entries a group has read, deliveries of an entry, or when a consumer was active
}

// StreamRecordKind says what a StreamRecord is.
type StreamRecordKind uint8

// The kinds. Owned and Pending belong to the consumer and group before them; a part that begins in the midst of them
// says again where: StreamInGroup, StreamInConsumer.
const (
	StreamHead StreamRecordKind = iota
	StreamGroup
	StreamInGroup
	StreamPending
	StreamConsumer
	StreamInConsumer
	StreamOwned
)

// recordBytes is what a record counts for in a part.
const recordBytes = 160

// stream writes a stream as one of the types there are.
func (e *encoder) stream(typ byte, v kv.Value) {
	s := v.Stream()
	e.length(uint64(s.Nodes()))
	s.EachNode(func(id kv.StreamID, p []byte) bool {
		e.length(16)
		e.rawID(id)
		e.str(p)
		e.settle()
		return e.err == nil
	})
	info := s.Info()
	e.length(uint64(info.Length))
	e.id(info.Last)
	if typ != typeStream {
		e.id(info.First)
		e.id(info.MaxDeleted)
		e.length(uint64(info.Added))
	}
	e.length(uint64(s.Groups()))
	s.EachGroup(func(g kv.StreamGroup) bool {
		e.str(g.Name())
		e.id(g.Last())
		if typ != typeStream {
			e.length(uint64(g.Read()))
		}
		e.length(uint64(g.Pending()))
		g.PendingFrom(kv.StreamID{}, func(p kv.StreamPending) bool {
			e.rawID(p.ID)
			e.millis(p.Time)
			e.length(uint64(p.Count))
			e.settle()
			return e.err == nil
		})
		e.length(uint64(g.Consumers()))
		g.EachConsumer(func(c kv.StreamConsumer) bool {
			e.str(c.Name())
			e.millis(c.Seen())
			if typ == typeStream3 {
				e.millis(c.Active())
			}
			e.length(uint64(c.Pending()))
			c.PendingFrom(kv.StreamID{}, func(p kv.StreamPending) bool {
				e.rawID(p.ID)
				e.settle()
				return e.err == nil
			})
			return e.err == nil
		})
		return e.err == nil
	})
}

func (e *encoder) id(id kv.StreamID) {
	e.length(id.Ms)
	e.length(id.Seq)
}

func (e *encoder) rawID(id kv.StreamID) {
	e.buf = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(e.buf, id.Ms), id.Seq)
}

func (e *encoder) millis(t kv.Millis) { e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(t)) }

// streamReader reads a stream one thing at a time; what is still to come is known as it goes.
type streamReader struct {
	typ   byte
	nodes uint64 // still to be read
	info  kv.StreamInfo

	head              bool   // was read
	groups            uint64 // still to be read; the same below
	pending           uint64
	counted           bool // the group's consumers
	consumers, owned  uint64
	group, consumer   []byte
	inGroup, inOwners bool
}

// readStream begins a stream.
func (r *Reader) readStream(typ byte, item *Item) error {
	n, err := r.plainLen("number of nodes")
	if err != nil {
		return err
	}
	s := &streamReader{typ: typ, nodes: n}
	r.counted(item, Collection{Type: kv.Stream, Enc: kv.StreamTree}, 1, s.read, nil)
	return nil
}

// read reads what is next. While more follows it is counted as left.
func (s *streamReader) read(r *Reader, b *Batch, c *Collection) (size int, err error) {
	if c.Part && len(c.Stream) == 0 && s.inGroup {
		c.Stream = append(c.Stream, StreamRecord{Kind: StreamInGroup, Name: s.group})
		if s.inOwners {
			c.Stream = append(c.Stream, StreamRecord{Kind: StreamInConsumer, Name: s.consumer})
		}
	}
	size = recordBytes
	switch {
	case s.nodes > 0:
		s.nodes--
		size, err = s.readNode(r, b, c)
	case !s.head:
		s.head = true
		err = s.readHead(r, b, c)
	case s.pending > 0:
		s.pending--
		err = s.readPending(r, c)
	case s.inGroup && !s.counted:
		s.counted = true
		s.consumers, err = r.plainLen("number of consumers")
	case s.owned > 0:
		s.owned--
		err = s.readOwned(r, c)
	case s.consumers > 0:
		s.consumers--
		err = s.readConsumer(r, b, c)
	case s.groups > 0:
		s.groups--
		err = s.readGroup(r, b, c)
	}
	if s.nodes > 0 || !s.head || s.pending > 0 || (s.inGroup && !s.counted) || s.owned > 0 || s.consumers > 0 || s.groups > 0 {
		r.rest.left++
	}
	return size, err
}

// readNode reads a node.
func (s *streamReader) readNode(r *Reader, b *Batch, c *Collection) (size int, err error) {
	key, err := r.readElem(b, "id of a node")
	if err != nil {
		return 0, err
	}
	if len(key) != 16 {
		return 0, corrupt("id of a node of %d bytes", len(key))
	}
	p, err := r.readElem(b, "node")
	if err != nil {
		return 0, err
	}
	c.Elems = append(c.Elems, key, p)
	return len(p) + recordBytes, s.check(r, b, task{kind: checkNode, packed: p, id: nodeID(key)})
}

// check does a task, or has it done: of the oldest type, which does not say all that it has, what stands in its nodes is needed at once.
func (s *streamReader) check(r *Reader, b *Batch, t task) error {
	if s.typ == typeStream {
		return r.finisher.do(b, &t)
	}
	r.add(b, t)
	return nil
}

// nodeID is the id of a node as it stands in a snapshot.
func nodeID(p []byte) kv.StreamID {
	return kv.StreamID{Ms: binary.BigEndian.Uint64(p), Seq: binary.BigEndian.Uint64(p[8:])}
}

func readID(r *Reader) (id kv.StreamID, err error) {
	if id.Ms, err = r.plainLen("id"); err == nil {
		id.Seq, err = r.plainLen("id")
	}
	return id, err
}

func readRawID(r *Reader) (id kv.StreamID, err error) {
	if err := r.src.need(16); err != nil {
		return id, err
	}
	id = kv.StreamID{Ms: binary.BigEndian.Uint64(r.src.win), Seq: binary.BigEndian.Uint64(r.src.win[8:])}
	r.src.win = r.src.win[16:]
	return id, nil
}

func readMillis(r *Reader) (kv.Millis, error) {
	if err := r.src.need(8); err != nil {
		return 0, err
	}
	t := kv.Millis(binary.LittleEndian.Uint64(r.src.win))
	r.src.win = r.src.win[8:]
	return t, nil
}

// readHead reads what the stream knows of itself, and the number of groups.
func (s *streamReader) readHead(r *Reader, b *Batch, c *Collection) error {
	n, err := r.plainLen("length")
	if err != nil {
		return err
	}
	i := &s.info
	i.Length = int64(n)
	if i.Last, err = readID(r); err != nil {
		return err
	}
	c.Stream = append(c.Stream, StreamRecord{Kind: StreamHead, Info: i})
	nodes := r.finisher.nodes // of the oldest type
	if err := s.check(r, b, task{kind: checkHead, info: i}); err != nil {
		return err
	}
	if s.typ == typeStream {
		i.Added, i.First = i.Length, nodes.first
		if nodes.live == 0 {
			i.First = kv.MaxStreamID
		}
	} else {
		if i.First, err = readID(r); err != nil {
			return err
		}
		if i.MaxDeleted, err = readID(r); err != nil {
			return err
		}
		added, err := r.plainLen("entries added")
		if err != nil {
			return err
		}
		i.Added = int64(added)
	}
	s.groups, err = r.plainLen("number of groups")
	return err
}

func (s *streamReader) readGroup(r *Reader, b *Batch, c *Collection) error {
	name, err := r.readElem(b, "group")
	if err != nil {
		return err
	}
	g := StreamRecord{Kind: StreamGroup, Name: name}
	if g.ID, err = readID(r); err != nil {
		return err
	}
	if s.typ == typeStream {
		g.N = s.info.Distance(g.ID)
	} else {
		n, err := r.plainLen("entries read")
		if err != nil {
			return err
		}
		g.N = int64(n)
	}
	if s.pending, err = r.plainLen("number of pending entries"); err != nil {
		return err
	}
	s.group = append([]byte{}, name...) // it outlives the batch
	s.inGroup, s.inOwners, s.counted = true, false, false
	c.Stream = append(c.Stream, g)
	return nil
}

func (s *streamReader) readPending(r *Reader, c *Collection) error {
	id, err := readRawID(r)
	if err != nil {
		return err
	}
	t, err := readMillis(r)
	if err != nil {
		return err
	}
	n, err := r.plainLen("deliveries")
	if err != nil {
		return err
	}
	c.Stream = append(c.Stream, StreamRecord{Kind: StreamPending, ID: id, Time: t, N: int64(n)})
	return nil
}

func (s *streamReader) readConsumer(r *Reader, b *Batch, c *Collection) error {
	name, err := r.readElem(b, "consumer")
	if err != nil {
		return err
	}
	seen, err := readMillis(r)
	if err != nil {
		return err
	}
	active := seen
	if s.typ == typeStream3 {
		if active, err = readMillis(r); err != nil {
			return err
		}
	}
	if s.owned, err = r.plainLen("number of a consumer's entries"); err != nil {
		return err
	}
	s.consumer = append([]byte{}, name...)
	s.inOwners = true
	c.Stream = append(c.Stream, StreamRecord{Kind: StreamConsumer, Name: name, Time: seen, N: int64(active)})
	return nil
}

func (s *streamReader) readOwned(r *Reader, c *Collection) error {
	id, err := readRawID(r)
	if err == nil {
		c.Stream = append(c.Stream, StreamRecord{Kind: StreamOwned, ID: id})
	}
	return err
}

var (
	errLostPending = corrupt("stream: a consumer has an entry that is not pending, or another one has it")
	errNoConsumer  = corrupt("stream: a pending entry without a consumer")
)

// soundGroups checks up front, of a whole value that is not a large one, what storing it would find: that nothing is there twice,
// and that each pending entry has one consumer.
func soundGroups(items []Item) error {
	groups, consumers := map[string]bool{}, map[string]bool{}
	owned := map[kv.StreamID]bool{} // the group's pending entries: has it a consumer?
	left := 0                       // of them, those that have none yet
	once := func(seen map[string]bool, name []byte) bool {
		twice := seen[string(name)]
		seen[string(name)] = true
		return !twice
	}
	for i := range items {
		for _, rec := range items[i].Coll.Stream {
			ok := true
			switch rec.Kind {
			case StreamGroup:
				if left > 0 {
					return errNoConsumer
				}
				ok = once(groups, rec.Name)
				clear(consumers)
				clear(owned)
			case StreamPending:
				_, twice := owned[rec.ID]
				ok = !twice
				owned[rec.ID] = false
				left++
			case StreamConsumer:
				ok = once(consumers, rec.Name)
			case StreamOwned:
				if has, pending := owned[rec.ID]; has || !pending {
					return errLostPending
				}
				owned[rec.ID] = true
				left--
			}
			if !ok {
				return ErrDuplicate
			}
		}
	}
	if left > 0 {
		return errNoConsumer
	}
	return nil
}

func (c *Collection) storeStream(db *kv.DB, key []byte) error {
	e, err := db.EditStream(key)
	if err != nil {
		return err
	}
	e.Create()
	err = c.fillStream(&e)
	e.Done()
	return err
}

func (c *Collection) fillStream(e *kv.StreamEdit) error {
	for i := 0; i+1 < len(c.Elems); i += 2 {
		if !e.LoadNode(nodeID(c.Elems[i]), c.Elems[i+1]) {
			return ErrDuplicate
		}
	}
	var group kv.StreamGroup
	var consumer kv.StreamConsumer
	ok := true
	for i := range c.Stream {
		switch rec := &c.Stream[i]; rec.Kind {
		case StreamHead:
			e.LoadInfo(*rec.Info)
		case StreamGroup:
			group, ok = e.CreateGroup(rec.Name, rec.ID, rec.N)
		case StreamInGroup:
			group, ok = e.View().Group(rec.Name)
		case StreamPending:
			ok = e.LoadPending(group, rec.ID, rec.Time, rec.N)
		case StreamConsumer:
			consumer, ok = e.CreateConsumer(group, rec.Name, rec.Time, kv.Millis(rec.N))
		case StreamInConsumer:
			consumer, ok = group.Consumer(rec.Name)
		case StreamOwned:
			if !e.LoadOwner(group, consumer, rec.ID) {
				return errLostPending
			}
		}
		if !ok {
			return ErrDuplicate
		}
	}
	if c.More {
		return nil
	}
	e.View().EachGroup(func(g kv.StreamGroup) bool {
		left := g.Pending()
		g.EachConsumer(func(c kv.StreamConsumer) bool {
			left -= c.Pending()
			return true
		})
		ok = left == 0
		return ok
	})
	if !ok {
		return errNoConsumer
	}
	return nil
}
