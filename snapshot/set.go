package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// set writes a set that is a table.
func (e *encoder) set(v kv.Value) {
	s := v.Set()
	e.length(uint64(s.Len()))
	s.Each(func(member kv.Elem) bool {
		e.elem(member)
		e.settle()
		return e.err == nil
	})
}

// readSet reads a set in any of its forms.
func (r *Reader) readSet(typ byte, b *Batch, item *Item) error {
	switch typ {
	case typeSetIntset:
		return r.readPacked(b, item, kv.Set, kv.Intset, func(_ *uniques, p []byte) (int, error) {
			if !intset.Validate(p) {
				return 0, corrupt("malformed intset")
			}
			return intset.Len(p), nil
		})
	case typeSetListpack:
		return r.readPacked(b, item, kv.Set, kv.Listpack, (*uniques).members)
	}
	n, err := r.plainLen("number of members")
	if err != nil {
		return err
	}
	r.counted(item, Collection{Type: kv.Set, Enc: kv.Hashtable}, n, readMember, nil)
	return nil
}

// packedMembers and packedMember are Redis's limits of a packed set, in members and in bytes of one, as they are unless configured.
const (
	packedMembers = 128
	packedMember  = 64
)

// packSet packs a whole set that was written as a table, as servers before 7.2 did with small ones, too, unless all members were numbers:
// under the usual limits it is packed when it is stored, and here that is no work of the executor's. It is left alone if it may become an intset
// first, which changes its order, or holds a member twice.
func (f *Finisher) packSet(b *Batch, c *Collection) bool {
	first := c.Elems[0]
	if len(c.Elems) > packedMembers || len(first) == 0 || first[0] == '-' || first[0]-'0' <= 9 {
		return false
	}
	size := uint64(listpack.Overhead)
	c.Longest = 0
	for _, e := range c.Elems {
		if len(e) > packedMember {
			return false
		}
		c.Longest = max(c.Longest, len(e))
		size += uint64(len(e)) + listpack.MostAround
	}
	p := listpack.New(ownedBy(b, size))
	f.seen.reset(len(c.Elems))
	for _, e := range c.Elems {
		at := len(p) - 1
		p = listpack.Append(p, e)
		if !f.seen.add(p, at, e) {
			return false
		}
	}
	c.Pack = p
	return true
}

// readMember reads a member of a set.
func readMember(r *Reader, b *Batch, c *Collection) (size int, err error) {
	p, err := r.readElem(b, "member")
	if err != nil {
		return 0, err
	}
	c.Elems = append(c.Elems, p)
	return len(p), nil
}

func (c *Collection) storeSet(db *kv.DB, key []byte) error {
	if c.Packed != nil {
		c.storePacked(db, key)
		e, err := db.EditSet(key, nil, 0)
		if err != nil {
			return err
		}
		e.Refit()
		e.Done()
		return nil
	}
	e, err := db.EditSet(key, c.Elems[0], int(c.Count)) // few enough, else it would be a table
	if err != nil {
		return err
	}
	twice := false
	for i := 0; i < len(c.Elems) && !twice; i++ {
		twice = !e.Add(c.Elems[i])
	}
	e.Done()
	if twice {
		return ErrDuplicate
	}
	return nil
}
