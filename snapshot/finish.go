package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/listpack"
)

// Finisher does what need not be done while a snapshot is read, and takes as long: it checks what is packed, and puts the elements of tables in
// order. It is given every batch of one Reader, in order. It belongs to one goroutine, which may be another than the Reader's.
type Finisher struct {
	hash     func(key []byte) uint64 // Options.Hash
	seen     uniques
	arranger kv.Arranger
	nodes    nodeSums
	keys     int64
}

// NewFinisher returns what finishes the batches of a Reader with these options.
func NewFinisher(o Options) *Finisher { return &Finisher{hash: o.Hash} }

// Keys counts the keys finished so far.
func (f *Finisher) Keys() int64 { return f.keys }

// task is what is still to be done about something in a batch.
type task struct {
	kind taskKind
	item int // number of the item in the batch
	// What an Error says, should it fail.
	key      []byte
	db       int
	pos, end int64

	packed []byte         // of the first three kinds
	verify verifier       // of checkPacked
	coll   *Collection    // of checkPacked and arrangeTable
	id     kv.StreamID    // of checkNode
	info   *kv.StreamInfo // of checkHead
}

type taskKind uint8

const (
	checkPacked   taskKind = iota // a whole value
	checkListNode                 // a listpack
	checkNode                     // a node of a stream
	checkHead                     // what a stream says of itself: all its nodes stand before
	arrangeTable                  // all elements of a part
)

// add notes a task of the value that is being read.
func (r *Reader) add(b *Batch, t task) {
	t.item, t.key, t.db, t.pos, t.end = r.item, r.key, r.db, r.elemPos, r.src.pos()
	b.tasks = append(b.tasks, t)
}

// settle does what there is to do, unless it is left to a Finisher of the caller's.
func (r *Reader) settle(b *Batch) error {
	if r.o.Later {
		return nil
	}
	err := r.finisher.tasks(b)
	if err != nil {
		r.err = err
	}
	return err
}

// Finish finishes a batch that Next has filled, also one that came with an error. An error is an *Error; b then holds what stands before it, and
// it comes before any that Next returned with the batch.
func (f *Finisher) Finish(b *Batch) error {
	err := f.tasks(b)
	for i := range b.Items {
		if c := b.Items[i].Coll; c == nil || !c.More {
			f.keys++
		}
	}
	return err
}

func (f *Finisher) tasks(b *Batch) error {
	for i := range b.tasks {
		t := &b.tasks[i]
		err := f.do(b, t)
		if err == nil {
			continue
		}
		e := err.(*Error) // corrupt
		e.Pos, e.At, e.DB, e.Key = t.pos, t.end, t.db, append([]byte{}, t.key...)
		b.Items, b.tasks = b.Items[:min(t.item, len(b.Items))], b.tasks[:0]
		return e
	}
	clear(b.tasks)
	b.tasks = b.tasks[:0]
	return nil
}

func (f *Finisher) do(b *Batch, t *task) error {
	switch c := t.coll; t.kind {
	case checkPacked:
		n, err := t.verify(&f.seen, t.packed)
		c.Empty = n == 0
		return err
	case checkListNode:
		if !listpack.Validate(t.packed, nil) {
			return corrupt("list node: malformed listpack")
		}
	case checkNode:
		return f.nodes.verify(t.id, t.packed)
	case checkHead:
		return f.nodes.head(t.info)
	case arrangeTable:
		if c.Type != kv.Set || c.Part || c.More || !f.packSet(b, c) {
			f.arrange(b, c)
		}
	}
	return nil
}

// arrange gives a part of a collection its Order.
func (f *Finisher) arrange(b *Batch, c *Collection) {
	m, width := kv.Members{Elems: c.Elems}, c.width()
	n := len(c.Elems) / width
	f.arranger.Arrange(&m, width, f.hash, room(&b.order, n, min(4*cap(b.Items), mostElems)))
	c.Order = m.Order
}
