package command

import (
	"bytes"
	"slices"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var sortCommands = []engine.Spec{
	{Name: "sort", Arity: -2, Flags: engine.Write | engine.DenyOOM | engine.MovableKeys,
		Categories: engine.CatSet | engine.CatSortedSet | engine.CatList | engine.CatDangerous,
		Keys: []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1},
			{Flags: engine.KeyRO | engine.KeyAccess, Unknown: true, Notes: "BY and GET: the keys come of a pattern and the elements"},
			{Flags: engine.KeyOW | engine.KeyUpdate, Unknown: true, Notes: "STORE: the last one counts, and the word may be an option's argument"}},
		GetKeys: sortKeys,
		Handler: sortCommand},
	{Name: "sort_ro", Arity: -2, Flags: engine.ReadOnly | engine.MovableKeys,
		Categories: engine.CatSet | engine.CatSortedSet | engine.CatList | engine.CatDangerous,
		Keys: []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1},
			{Flags: engine.KeyRO | engine.KeyAccess, Unknown: true, Notes: "BY and GET: the keys come of a pattern and the elements"}},
		GetKeys: sortRoKeys,
		Handler: sortRoCommand},
}

const errNotWeight = engine.ReplyError("ERR One or more scores can't be converted into double")

// sorting is one call of SORT or SORT_RO.
type sorting struct {
	key, store   []byte // store nil: reply
	by           *keyPattern
	get          []keyPattern
	desc, alpha  bool
	native       bool // not sorted: in the value's own order
	offset, most int64
}

func sortCommand(c *engine.Call) error { return sortElements(c, true) }

func sortRoCommand(c *engine.Call) error { return sortElements(c, false) }

func parseSorting(c *engine.Call, mayStore bool) (s sorting, err error) {
	args := c.Args
	s.key, s.most = args[1], -1
	free, clustered := c.ReadsEverything(), c.E.Cluster() != nil
	for i := 2; i < len(args); i++ {
		left := len(args) - 1 - i
		switch a := args[i]; {
		case is(a, "ASC"):
			s.desc = false
		case is(a, "DESC"):
			s.desc = true
		case is(a, "ALPHA"):
			s.alpha = true
		case is(a, "LIMIT") && left >= 2:
			if s.offset, err = integer(args[i+1]); err != nil {
				return s, err
			}
			if s.most, err = integer(args[i+2]); err != nil {
				return s, err
			}
			i += 2
		case mayStore && is(a, "STORE") && left >= 1:
			i++
			s.store = args[i]
		case is(a, "BY") && left >= 1:
			i++
			// Once asked not to sort, as in Redis, a later pattern changes nothing.
			if p := parseKeyPattern(args[i]); p.substitutes {
				if clustered {
					return s, engine.ReplyError("ERR BY option of SORT denied in Cluster mode.")
				}
				if !free {
					return s, engine.ReplyError("ERR BY option of SORT denied due to insufficient ACL permissions.")
				}
				s.by = &p
			} else {
				s.native = true
			}
		case is(a, "GET") && left >= 1:
			i++
			if clustered {
				return s, engine.ReplyError("ERR GET option of SORT denied in Cluster mode.")
			}
			if !free {
				return s, engine.ReplyError("ERR GET option of SORT denied due to insufficient ACL permissions.")
			}
			s.get = append(s.get, parseKeyPattern(args[i]))
		default:
			return s, engine.ErrSyntax
		}
	}
	return s, nil
}

func sortElements(c *engine.Call, mayStore bool) error {
	s, err := parseSorting(c, mayStore)
	if err != nil {
		return err
	}
	e, found := c.LookupRead(s.key)
	if found {
		switch e.Type() {
		case kv.List:
		case kv.Set:
			if s.native && s.store != nil {
				// What is stored must not depend on a table's order.
				s.native, s.alpha, s.by = false, true, nil
			}
		case kv.ZSet:
			if e.Encoding() == kv.Listpack { // as in Redis, for good
				c.DB.UnpackZSet(s.key)
				e, _ = c.DB.Lookup(s.key, kv.NoTouch)
			}
		default:
			return engine.ErrWrongType
		}
	}
	var elems []sortElem
	if found {
		if elems, err = s.elements(c, e); err != nil {
			return err
		}
	}
	if s.store != nil {
		return s.storeResult(c, elems)
	}
	s.reply(c, elems)
	return nil
}

// span is the part of n elements that LIMIT asks for.
func (s *sorting) span(n int) (from, to int) {
	start := min(max(s.offset, 0), int64(n))
	most := min(max(s.most, -1), int64(n))
	if most < 0 {
		return int(start), n
	}
	return int(start), int(min(start+most, int64(n)))
}

// elements is the result, before GET.
func (s *sorting) elements(c *engine.Call, e kv.Entry) ([]sortElem, error) {
	n := elemCount(e)
	from, to := s.span(n)
	if s.native && e.Type() != kv.Set {
		return nativeOrder(e, from, to, s.desc), nil
	}
	all := copyElems(e, n)
	if s.native {
		return all[from:to], nil
	}
	if s.by != nil && s.alpha && s.store != nil && !e.Encoding().IsPacked() && e.Type() != kv.List {
		// Elements of equal weight keep their order: not that of a table, which another run of the log may not have.
		slices.SortFunc(all, func(x, y sortElem) int { return bytes.Compare(x.elem, y.elem) })
	}
	if err := s.weigh(c, all); err != nil {
		return nil, err
	}
	compare := s.comparison()
	if s.by != nil && (from != 0 || to != n) {
		sortPart(all, from, to, compare)
	} else {
		slices.SortStableFunc(all, compare)
	}
	return all[from:to], nil
}

// reply replies the result, or what GET makes of it.
func (s *sorting) reply(c *engine.Call, elems []sortElem) {
	if len(s.get) == 0 {
		c.W.Array(len(elems))
		for i := range elems {
			c.W.Bulk(elems[i].elem)
		}
		return
	}
	c.W.Array(len(elems) * len(s.get))
	for i := range elems {
		for j := range s.get {
			v, found := s.get[j].lookup(c, elems[i].elem)
			if !found {
				c.W.Null()
				continue
			}
			v.bulk(c)
		}
	}
}

// storeResult makes the result a list, where a value that GET did not find is an empty one.
func (s *sorting) storeResult(c *engine.Call, elems []sortElem) error {
	values := make([][]byte, 0, len(elems)*max(len(s.get), 1))
	for i := range elems {
		if len(s.get) == 0 {
			values = append(values, elems[i].elem)
			continue
		}
		for j := range s.get {
			var value []byte
			if v, found := s.get[j].lookup(c, elems[i].elem); found {
				value = v.append(nil)
			}
			values = append(values, value)
		}
	}
	c.W.Int(int64(len(values)))
	if len(values) == 0 {
		if c.DB.DeleteAny(s.store) {
			c.Notify('g', "del", s.store)
			c.Dirty(1)
		}
		return nil
	}
	c.LookupWrite(s.store) // one that has expired ends as such
	c.DB.Clear(s.store)
	l := editList(c, s.store)
	l.Unpack()
	for _, v := range values {
		l.PushTail(v)
	}
	l.Pack()
	l.Done()
	c.Notify('l', "sortstore", s.store)
	c.Dirty(len(values))
	return nil
}

// sortKeys finds the key and, when there is one, the destination: that of the last STORE that is no option's argument.
func sortKeys(argv [][]byte) ([]engine.KeyRef, bool) {
	keys := []engine.KeyRef{{Pos: 1, Flags: engine.KeyRO | engine.KeyAccess}}
	for i := 2; i < len(argv); i++ {
		switch a := argv[i]; {
		case is(a, "LIMIT"):
			i += 2
		case is(a, "GET"), is(a, "BY"):
			i++
		case is(a, "STORE") && i+1 < len(argv):
			keys = append(keys[:1], engine.KeyRef{Pos: i + 1, Flags: engine.KeyOW | engine.KeyUpdate})
		}
	}
	return keys, true
}

func sortRoKeys([][]byte) ([]engine.KeyRef, bool) {
	return []engine.KeyRef{{Pos: 1, Flags: engine.KeyRO | engine.KeyAccess}}, true
}
