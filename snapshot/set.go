package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/intset"
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
