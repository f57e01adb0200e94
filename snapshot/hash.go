package snapshot

import "frankenredis/kv"

// hash writes a hash that is a table.
func (e *encoder) hash(v kv.Value) {
	h := v.Hash()
	e.length(uint64(h.Len()))
	h.Each(func(field, value kv.Elem) bool {
		e.elem(field)
		e.elem(value)
		e.settle()
		return e.err == nil
	})
}

// readHash reads a hash in any of its forms.
func (r *Reader) readHash(typ byte, b *Batch, item *Item) error {
	switch typ {
	case typeHashListpack:
		return r.readPacked(b, item, kv.Hash, kv.Listpack, (*uniques).pairs)
	case typeHashZiplist:
		return r.readOldPacked(b, item, kv.Hash, fromZiplist, (*uniques).pairs)
	case typeHashZipmap:
		if err := r.readOldPacked(b, item, kv.Hash, fromZipmap, (*uniques).pairs); err != nil {
			return err
		}
		item.Coll.Zipmap = true
		return nil
	}
	n, err := r.plainLen("number of fields")
	if err != nil {
		return err
	}
	r.counted(item, Collection{Type: kv.Hash, Enc: kv.Hashtable}, n, readPair, nil)
	return nil
}

// readPair reads a field with its value.
func readPair(r *Reader, b *Batch, c *Collection) (size int, err error) {
	for _, what := range [...]string{"field", "value"} {
		p, err := r.readElem(b, what)
		if err != nil {
			return 0, err
		}
		c.Elems = append(c.Elems, p)
		size += len(p)
	}
	return size, nil
}

func (c *Collection) storeHash(db *kv.DB, key []byte) error {
	if c.Packed != nil {
		c.storePacked(db, key)
		e, err := db.EditHash(key)
		if err != nil {
			return err
		}
		e.Refit(c.Zipmap)
		e.Done()
		return nil
	}
	e, err := db.EditHash(key)
	if err != nil {
		return err
	}
	twice := false
	for i := 0; i+1 < len(c.Elems) && !twice; i += 2 {
		twice = !e.Set(c.Elems[i], c.Elems[i+1])
	}
	e.Done()
	if twice {
		return ErrDuplicate
	}
	return nil
}
