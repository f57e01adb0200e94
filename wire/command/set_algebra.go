package command

import (
	"slices"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// sources are the sets a command combines; one that does not exist is empty.
type sources []source

type source struct {
	kv.SetView
	db    *kv.DB
	found bool
	probe *kv.SetProbe // once it is to be asked for members
}

func (s *source) len() int {
	if !s.found {
		return 0
	}
	return s.Len()
}

// expect prepares the set for being asked for so many members.
func (s *source) expect(asked int) {
	if !s.found {
		return
	}
	if s.probe == nil {
		s.probe = s.db.ProbeSet(s.SetView)
	}
	s.probe.Expect(asked)
}

// has says whether a member of another set is in this one.
func (s *source) has(m kv.Elem) bool { return s.probe.Has(m) }

// each visits the members that are in another set, or with in false those that are not, until visit returns false. Both are there.
func (s *source) each(other *source, in bool, visit func(m kv.Elem) bool) {
	if s.IsTable() && other.IsTable() {
		s.db.JoinSets(s.SetView, other.SetView, in, visit)
		return
	}
	other.expect(s.Len())
	s.Each(func(m kv.Elem) bool { return other.has(m) != in || visit(m) })
}

// readSources looks the keys up. Any other type is an error.
func readSources(c *engine.Call, keys [][]byte) (sources, error) {
	all := make(sources, len(keys))
	for i, key := range keys {
		s, found, err := readSet(c, key)
		if err != nil {
			return nil, err
		}
		all[i] = source{SetView: s, db: c.DB, found: found}
	}
	return all, nil
}

// intersect visits the members that are in all sets until visit returns false.
func (all sources) intersect(visit func(m kv.Elem) bool) {
	for i := range all {
		if !all[i].found {
			return
		}
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b source) int { return a.Len() - b.Len() })
	if len(sorted) == 1 {
		sorted[0].Each(visit)
		return
	}
	others := sorted[2:]
	for i := range others {
		others[i].expect(sorted[0].Len())
	}
	sorted[0].each(&sorted[1], true, func(m kv.Elem) bool {
		for i := range others {
			if !others[i].has(m) {
				return true
			}
		}
		return visit(m)
	})
}

// subtract visits the members of the first set that are in none of the others.
func (all sources) subtract(visit func(m kv.Elem) bool) {
	if !all[0].found {
		return
	}
	others := slices.Clone(all[1:])
	slices.SortStableFunc(others, func(a, b source) int { return b.len() - a.len() }) // the largest is the likeliest to have it
	all[0].outside(others, visit)
}

// outside visits the members that are in none of the others until visit returns false, and reports whether it never did.
func (s *source) outside(others sources, visit func(m kv.Elem) bool) (more bool) {
	more = true
	found := make([]*source, 0, len(others))
	for i := range others {
		if others[i].found {
			found = append(found, &others[i])
		}
	}
	if len(found) == 0 {
		s.Each(func(m kv.Elem) bool { more = visit(m); return more })
		return more
	}
	first, rest := found[0], found[1:]
	for _, other := range rest {
		other.expect(s.Len())
	}
	s.each(first, false, func(m kv.Elem) bool {
		for _, other := range rest {
			if other.has(m) {
				return true
			}
		}
		more = visit(m)
		return more
	})
	return more
}

// union visits the members of all sets, each once.
func (all sources) union(visit func(m kv.Elem) bool) {
	for i := range all {
		if all[i].found && !all[i].outside(all[:i], visit) {
			return
		}
	}
}

// combination is one of the ways to combine sets.
type combination func(all sources, visit func(m kv.Elem) bool)

func sinterCommand(c *engine.Call) error { return replyCombined(c, sources.intersect) }

func sdiffCommand(c *engine.Call) error { return replyCombined(c, sources.subtract) }

func sunionCommand(c *engine.Call) error { return replyCombined(c, sources.union) }

func replyCombined(c *engine.Call, combine combination) error {
	all, err := readSources(c, c.Args[1:])
	if err != nil {
		return err
	}
	at, n := len(c.W.Buf), 0
	combine(all, func(m kv.Elem) bool {
		bulkElem(c, m)
		n++
		return true
	})
	c.W.SetAt(at, n)
	return nil
}

func sinterstoreCommand(c *engine.Call) error {
	return storeCombined(c, "sinterstore", sources.intersect)
}

func sdiffstoreCommand(c *engine.Call) error { return storeCombined(c, "sdiffstore", sources.subtract) }

func sunionstoreCommand(c *engine.Call) error { return storeCombined(c, "sunionstore", sources.union) }

// storeCombined puts the result in place of whatever the destination held.
func storeCombined(c *engine.Call, event string, combine combination) error {
	all, err := readSources(c, c.Args[2:])
	if err != nil {
		return err
	}
	// Collected first: the destination may be one of the sources.
	var members [][]byte
	combine(all, func(m kv.Elem) bool {
		members = append(members, m.Append(nil))
		return true
	})
	key := c.Args[1]
	_, there := c.LookupWrite(key)
	if len(members) == 0 {
		if there {
			c.DB.Delete(key)
			c.Notify('g', "del", key)
			c.Dirty(1)
		}
		c.W.Int(0)
		return nil
	}
	if there {
		c.DB.Clear(key)
	}
	s, err := c.DB.EditSet(key, members[0], 0)
	if err != nil {
		return err
	}
	for _, m := range members {
		s.Add(m)
	}
	s.Done()
	c.Notify('s', event, key)
	c.Dirty(1)
	c.W.Int(int64(len(members)))
	return nil
}

func sintercardCommand(c *engine.Call) error {
	keys, limit, err := cardinalityArguments(c)
	if err != nil {
		return err
	}
	all, err := readSources(c, keys)
	if err != nil {
		return err
	}
	n := int64(0)
	all.intersect(func(kv.Elem) bool {
		n++
		return limit == 0 || n < limit
	})
	c.W.Int(n)
	return nil
}

// cardinalityArguments reads the keys and the limit of SINTERCARD and ZINTERCARD.
func cardinalityArguments(c *engine.Call) (keys [][]byte, limit int64, err error) {
	n, err := integer(c.Args[1])
	if err != nil || n < 1 {
		return nil, 0, engine.ReplyError("ERR numkeys should be greater than 0")
	}
	if n > int64(len(c.Args)-2) {
		return nil, 0, engine.ReplyError("ERR Number of keys can't be greater than number of args")
	}
	keys = c.Args[2 : 2+n]
	for i := 2 + int(n); i < len(c.Args); i++ {
		if !is(c.Args[i], "LIMIT") || i+1 == len(c.Args) {
			return nil, 0, engine.ErrSyntax
		}
		i++
		if limit, err = integer(c.Args[i]); err != nil || limit < 0 {
			return nil, 0, engine.ReplyError("ERR LIMIT can't be negative")
		}
	}
	return keys, limit, nil
}
