package snapshot

import "frankenredis/kv"

// Item is one key of a snapshot, or a part of one.
type Item struct {
	DB  int
	Key []byte

	// Value is a string's bytes; nil when IsInt.
	Value []byte
	// Int is the value when the snapshot holds it in an integer encoding (IsInt); it stands for its decimal digits.
	Int   int64
	IsInt bool
	// Compressed says that the snapshot holds the value as an LZF block.
	Compressed bool
	// Coll is a value that is not a string, or a part of one; nil for a string.
	Coll *Collection

	// Module is the name of the module's type whose value was passed over; see Options.SkipModules.
	Module string

	// ExpireMs is the expiry in Unix milliseconds, NoExpiry when there is none. It may lie in the past.
	ExpireMs int64
	// Idle is how long the key was not used, in seconds, when the snapshot was made under an LRU policy; else -1.
	Idle int64
	// Freq is the key's access frequency (0..255) when the snapshot was made under an LFU policy; else -1.
	Freq int

	// Hash is Options.Hash of the key.
	Hash uint64

	// Pos is where the key's first opcode stands in the input, End where its value ends.
	Pos, End int64
}

// Collection is a value that is not a string. A large one comes in parts, one item each, in order and with the same key: all
// but the last say More, all but the first Part.
type Collection struct {
	Type kv.Type
	// Enc is Listpack or Intset when Packed holds the whole value in Redis's own format, verified to the last byte. Else it
	// is a table's encoding, and the rest holds elements.
	Enc    kv.Encoding
	Packed []byte
	// Elems are a set's or sorted set's members, a hash's fields and values in turn, a list's nodes, a stream's nodes (id and
	// listpack in turn).
	Elems   [][]byte
	Scores  []float64      // of a sorted set, beside Elems
	Order   []kv.Hashed    // of a hash, a set or a sorted set: Elems by their hashes; nil without Options.Hash
	Stream  []StreamRecord // of a stream, behind the nodes
	Loose   bool           // of a list: Elems are its elements
	Plain   []bool         // of a list, beside Elems: the node is one element, else a listpack
	Ziplist bool           // of a list: it was one ziplist; Redis does not pack it, however short it is
	Zipmap  bool           // of a hash: it was one, and long elements make it a table
	// Pack is a small set that is a table in the snapshot as a listpack, for who may store it so; Longest is its longest member, in bytes. Elems
	// are there, too. nil without Options.Hash.
	Pack    []byte
	Longest int
	// Empty says that the value has no elements: such a key is passed over, as Redis does.
	Empty      bool
	Part, More bool
	// Count is how many elements the whole value has as the snapshot says, of a hash, a set or a sorted set that is a table there.
	Count uint64
}

// Begins says that the item is a key, or the first part of one: what is to be counted.
func (it *Item) Begins() bool { return it.Coll == nil || !it.Coll.Part }

// ValueBytes is the length of the value, or of this part of it, without what the snapshot adds around it.
func (it *Item) ValueBytes() int64 {
	n := int64(len(it.Value))
	if c := it.Coll; c != nil {
		n += int64(len(c.Packed)) + 8*int64(len(c.Scores))
		for _, e := range c.Elems {
			n += int64(len(e))
		}
	}
	return n
}

// NoExpiry is Item.ExpireMs of a key that never expires.
const NoExpiry = -1

// Batch is a run of consecutive items that share memory. The bytes of its items are valid until the batch is handed to
// Reader.Next again; they must not be changed. The zero value is ready; NewBatch makes one of another size.
type Batch struct {
	Items []Item
	// End is the position in the input behind the last item.
	End int64

	bound    int // bytes after which a batch ends, if not 0
	buf      []byte
	colls    []Collection // what Items point to, as far as there was room
	elemSlab [][]byte     // what these have as Elems, as far as there was room
	scores   []float64    // likewise
	order    []kv.Hashed  // likewise
	tasks    []task       // what a Finisher has to do
	elems    int          // of all collections, with the room that was taken for them
}

const (
	// batchItems and batchBytes bound a batch: enough to make handing it over cheap, little enough to stay in the
	// second-level cache and to let the receiver do something else in between.
	batchItems = 512
	batchBytes = 64 << 10
	// smallItem is what a small key and its value take up in a snapshot, in bytes, and leastFor for how many bytes of a snapshot a batch
	// is made at least.
	smallItem, leastFor = 16, 256
	// leastSlab is for how many elements memory is taken at least, and mostElems how many end a batch at the latest.
	leastSlab, mostElems = 128, 4 * runElems
)

// NewBatch makes a batch of at most so many items, and of about so many bytes of keys and values; it takes the memory at
// once.
func NewBatch(items, bytes int) *Batch {
	return &Batch{Items: make([]Item, 0, max(items, 1)), buf: make([]byte, 0, bytes)}
}

// BatchFor makes a batch for so many bytes of a snapshot: of the usual size, or smaller if there is less to read. Negative: nobody knows how
// many, as of a snapshot that a primary sends while it makes it.
func BatchFor(size int64) *Batch {
	if size < 0 {
		return NewBatch(batchItems, batchBytes)
	}
	size = max(size, leastFor)
	return NewBatch(int(min(batchItems, size/smallItem)), int(min(batchBytes, size+size/4)))
}

// Bound ends batches after so many bytes of keys and values, if they have room for more; 0: when they are full.
func (b *Batch) Bound(bytes int) { b.bound = bytes }

func (b *Batch) reset(pos int64) {
	if b.Items == nil {
		*b = *NewBatch(batchItems, batchBytes)
	}
	// Large values have memory of their own, which must not outlive their batch.
	clear(b.Items)
	clear(b.colls)
	clear(b.elemSlab)
	b.Items, b.colls, b.elemSlab, b.buf, b.End = b.Items[:0], b.colls[:0], b.elemSlab[:0], b.buf[:0], pos
	b.scores, b.order, b.elems = b.scores[:0], b.order[:0], 0
	clear(b.tasks)
	b.tasks = b.tasks[:0]
}

func (b *Batch) full() bool {
	n := len(b.buf)
	return len(b.Items) == cap(b.Items) || cap(b.buf)-n < cap(b.buf)/8 || b.bound > 0 && n >= b.bound || b.elems >= min(4*cap(b.Items), mostElems)
}

// collection returns a copy of c that stays valid as long as the batch (b nil: as long as anybody wants).
func (b *Batch) collection(c Collection) *Collection {
	if b == nil {
		own := c
		return &own
	}
	if len(b.colls) == cap(b.colls) {
		b.colls = make([]Collection, 0, min(cap(b.Items), max(64, 2*cap(b.colls)))) // those before stay where they are
	}
	b.colls = append(b.colls, c)
	return &b.colls[len(b.colls)-1]
}

// room returns an empty slice with room for n elements that stays valid as long as the batch, in slab, which is given more memory when it is
// used up; at most is as much as is taken beyond n.
func room[T any](slab *[]T, n, atMost int) []T {
	if cap(*slab)-len(*slab) < n {
		*slab = make([]T, 0, max(n, leastSlab, min(atMost, 2*cap(*slab)))) // those before stay where they are
	}
	at := len(*slab)
	*slab = (*slab)[:at+n]
	return (*slab)[at:at:len(*slab)]
}

// makeRoom gives a collection memory for n strings, and n scores if it has such, that stays valid as long as the batch.
func (b *Batch) makeRoom(c *Collection, n int) {
	if b == nil {
		return
	}
	b.elems += n
	most := min(4*cap(b.Items), mostElems)
	c.Elems = room(&b.elemSlab, n, most)
	if c.Type == kv.ZSet {
		c.Scores = room(&b.scores, n, most)
	}
}

// next is one more item, zero.
func (b *Batch) next() *Item {
	b.Items = append(b.Items, Item{})
	return &b.Items[len(b.Items)-1]
}

// own returns an empty slice with room for n bytes that stays valid as long as the batch, or nil when n bytes are more
// than the batch has left.
func (b *Batch) own(n int) []byte {
	at := len(b.buf)
	if n > cap(b.buf)-at {
		return nil
	}
	b.buf = b.buf[:at+n]
	return b.buf[at:at:len(b.buf)]
}
