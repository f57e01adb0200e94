package snapshot

import (
	"fmt"
	"strconv"

	"frankenredis/kv"
)

// A part of a collection ends at one of these: enough to make handing it over cheap, little enough that storing it keeps the
// executor for less than a turn's budget.
const (
	partElems = 1024
	partBytes = 256 << 10
	// Of a value whose elements are hashed, so that they are stored by the thousand, the parts are larger: the more of a part fall into each
	// segment of the table, the less is done for each.
	runElems = 32 << 10
	runBytes = 1 << 20
)

// rest is what is still to be read of a collection that comes in parts.
type rest struct {
	item Item // with the key
	coll Collection
	left uint64 // elements, as the type counts them
	part bool   // some were handed out
	// read reads one element into c and returns about how many bytes it took; end, if not nil, what stands behind the last.
	read func(r *Reader, b *Batch, c *Collection) (size int, err error)
	end  func(r *Reader, b *Batch, c *Collection) error
}

// readCollection reads the value of any type but string: wholly into item.Coll, or its beginning, with r.rest for the parts
// that follow. The reader's decoders stand in the files of the types.
func (r *Reader) readCollection(typ byte, name string, b *Batch, item *Item) error {
	switch typ {
	case typeHash, typeHashListpack, typeHashZiplist, typeHashZipmap:
		return r.readHash(typ, b, item)
	case typeSet, typeSetIntset, typeSetListpack:
		return r.readSet(typ, b, item)
	case typeZSet, typeZSet2, typeZSetListpack, typeZSetZiplist:
		return r.readZSet(typ, b, item)
	case typeList, typeListZiplist, typeListQuicklist, typeListNodes:
		return r.readList(typ, b, item)
	case typeStream, typeStream2, typeStream3:
		return r.readStream(typ, item)
	}
	if typ == typeModule || typ == typeModule2 {
		return r.readModule(typ, item)
	}
	return &Error{Err: ErrUnsupported, Reason: fmt.Sprintf("value type %d (%s)", typ, name)}
}

// counted prepares the reading of n elements in parts. No elements make an empty value, which is passed over.
func (r *Reader) counted(item *Item, c Collection, n uint64, read func(r *Reader, b *Batch, c *Collection) (int, error),
	end func(r *Reader, b *Batch, c *Collection) error) {
	if n == 0 && end == nil {
		c.Empty = true
		item.Coll = &c
		return
	}
	c.Count = n
	r.parts = rest{coll: c, left: n, read: read, end: end}
	r.rest = &r.parts
}

// readPart reads the next part of a collection and adds it to b.
func (r *Reader) readPart(b *Batch) error {
	p := r.rest
	c := b.collection(p.coll)
	c.Part = p.part
	p.part = true
	r.item = len(b.Items)
	mostElems, mostBytes, width := partElems, partBytes, c.width()
	hashed := r.o.Hash != nil && width > 0
	if hashed {
		mostElems, mostBytes = runElems, max(partBytes, min(runBytes, cap(b.buf)/8))
	}
	b.makeRoom(c, int(min(uint64(max(width, 2))*min(p.left, 1<<30), uint64(mostElems))))
	for bytes := 0; p.left > 0 && len(c.Elems) < mostElems && bytes < mostBytes; p.left-- {
		n, err := p.read(r, b, c)
		if err != nil {
			return err
		}
		bytes += n
	}
	if p.left == 0 && p.end != nil {
		if err := p.end(r, b, c); err != nil {
			return err
		}
	}
	c.More = p.left > 0
	if hashed {
		r.add(b, task{kind: arrangeTable, coll: c})
	}
	if err := r.settle(b); err != nil {
		return err
	}
	item := b.next()
	*item = p.item
	item.Coll = c
	if c.More {
		item.End = r.src.pos()
		return nil
	}
	r.rest = nil
	r.delivered(item)
	return nil
}

// width is how many strings an element has, of a type that is a table of elements; else 0.
func (c *Collection) width() int {
	switch c.Type {
	case kv.Hash:
		return 2
	case kv.Set, kv.ZSet:
		return 1
	}
	return 0
}

// readElem reads one string of a collection as bytes.
func (r *Reader) readElem(b *Batch, what string) ([]byte, error) {
	s, err := r.readString(b, what)
	if err != nil {
		return nil, err
	}
	if s.isInt {
		return strconv.AppendInt(ownedBy(b, 20), s.num, 10), nil
	}
	return s.bytes, nil
}

// readPacked reads a packed value into item; verify checks its bytes and returns the number of elements.
func (r *Reader) readPacked(b *Batch, item *Item, typ kv.Type, enc kv.Encoding, verify verifier) error {
	p, err := r.readElem(b, "value")
	if err != nil {
		return err
	}
	item.Coll = b.collection(Collection{Type: typ, Enc: enc, Packed: p})
	r.add(b, task{kind: checkPacked, packed: p, coll: item.Coll, verify: verify})
	return nil
}

// distinct says that no element of a hash, set or sorted set occurs twice in the parts of a value: RESTORE wants to know before
// it removes what the key held.
func distinct(items []Item) bool {
	seen := make(map[string]struct{})
	for i := range items {
		c := items[i].Coll
		step := c.width()
		if step == 0 {
			return true
		}
		for j := 0; j < len(c.Elems); j += step {
			if _, twice := seen[string(c.Elems[j])]; twice {
				return false
			}
			seen[string(c.Elems[j])] = struct{}{}
		}
	}
	return true
}
