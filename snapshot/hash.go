package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/listpack"
)

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
		return r.readPacked(b, item, kv.Hash, kv.Listpack, verifyPairs)
	case typeHashZiplist:
		return r.readOldPacked(b, item, kv.Hash, fromZiplist, verifyPairs)
	case typeHashZipmap:
		if err := r.readOldPacked(b, item, kv.Hash, fromZipmap, verifyPairs); err != nil {
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

// verifyPairs checks a listpack of pairs of which no first halves are equal, and counts them.
func verifyPairs(p []byte) (n int, err error) {
	return verifyListpack(p, 2, func(first, second int) bool { return true })
}

// verifyListpack checks a listpack of groups of width entries, width 1 or 2, whose first ones are all different, and counts
// them. check looks at the positions of a group's entries.
func verifyListpack(p []byte, width int, check func(first, last int) bool) (n int, err error) {
	seen := make(map[string]struct{})
	first := 0
	var buf [20]byte
	reason := "malformed"
	ok := listpack.Validate(p, func(at int) bool {
		if n%width == 0 {
			key := listpack.AppendValue(buf[:0], p, at)
			if _, twice := seen[string(key)]; twice {
				reason = "an element occurs twice"
				return false
			}
			seen[string(key)] = struct{}{}
			first = at
		}
		n++
		if n%width == 0 && !check(first, at) {
			reason = "elements out of order"
			return false
		}
		return true
	})
	if !ok || n%width != 0 {
		return 0, corrupt("listpack: %s", reason)
	}
	return n / width, nil
}

func (c *Collection) storeHash(db *kv.DB, key []byte) error {
	if c.Packed != nil {
		db.LoadPacked(key, kv.Hash, kv.Listpack, c.Packed)
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
