package command

import (
	"slices"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// sources are the sets a command combines.
type sources []source

type source struct {
	kv.SetView
	db     *kv.DB
	found  bool // else it is empty
	probed bool // probe is to be asked for members
	probe  kv.SetProbe
}

// fewSources are as many as are combined without memory of their own.
const fewSources = 4

// expect prepares the set for being asked for so many members.
func (s *source) expect(asked int) {
	if !s.probed {
		s.probe, s.probed = s.db.ProbeSet(s.SetView), true
	}
	s.probe.Expect(asked)
}

// has says whether a member of another set is in this one.
func (s *source) has(m kv.Elem) bool { return s.probe.Has(m) }

// each visits the members that are in another set, or with in false those that are not, until visit returns false.
func (s *source) each(other *source, in bool, visit func(m kv.Elem) bool) {
	if s.Joins(other.SetView) {
		s.db.JoinSets(s.SetView, other.SetView, in, visit)
		return
	}
	other.expect(s.Len())
	s.Each(func(m kv.Elem) bool { return other.has(m) != in || visit(m) })
}

// readSources looks the keys up; all is empty and may have room for a few. Any other type is an error. close ends their use.
func readSources(c *engine.Call, keys [][]byte, all sources) (sources, error) {
	for _, key := range keys {
		s, found, err := readSet(c, key)
		if err != nil {
			return nil, err
		}
		all = append(all, source{SetView: s, db: c.DB, found: found})
	}
	return all, nil
}

func (all sources) close() {
	for i := range all {
		if all[i].probed {
			all[i].probe.Close()
		}
	}
}

// present leaves out the sets that do not exist.
func (all sources) present() sources {
	return slices.DeleteFunc(all, func(s source) bool { return !s.found })
}

// combination is one of the ways to combine sets.
type combination uint8

const (
	intersection combination = iota
	difference
	union
)

// combine visits the members of the result until visit returns false. It changes all.
func (all sources) combine(how combination, visit func(m kv.Elem) bool) {
	switch how {
	case intersection:
		all.intersect(visit)
	case difference:
		if all[0].found {
			others := all[1:].present()
			// The largest is the likeliest to have a member.
			slices.SortStableFunc(others, func(a, b source) int { return b.Len() - a.Len() })
			all[0].outside(others, visit)
		}
	case union:
		all = all.present()
		for i := range all {
			if !all[i].outside(all[:i], visit) {
				return
			}
		}
	}
}

// intersect visits the members that are in all sets until visit returns false.
func (all sources) intersect(visit func(m kv.Elem) bool) {
	for i := range all {
		if !all[i].found {
			return
		}
	}
	slices.SortStableFunc(all, func(a, b source) int { return a.Len() - b.Len() })
	if len(all) == 1 {
		all[0].Each(visit)
		return
	}
	others := all[2:]
	for i := range others {
		others[i].expect(all[0].Len())
	}
	all[0].each(&all[1], true, func(m kv.Elem) bool {
		for i := range others {
			if !others[i].has(m) {
				return true
			}
		}
		return visit(m)
	})
}

// outside visits the members that are in none of the others until visit returns false, and reports whether it never did.
func (s *source) outside(others sources, visit func(m kv.Elem) bool) (more bool) {
	more = true
	if len(others) == 0 {
		s.Each(func(m kv.Elem) bool { more = visit(m); return more })
		return more
	}
	rest := others[1:]
	for i := range rest {
		rest[i].expect(s.Len())
	}
	s.each(&others[0], false, func(m kv.Elem) bool {
		for i := range rest {
			if rest[i].has(m) {
				return true
			}
		}
		more = visit(m)
		return more
	})
	return more
}

func sinterCommand(c *engine.Call) error { return replyCombined(c, intersection) }

func sdiffCommand(c *engine.Call) error { return replyCombined(c, difference) }

func sunionCommand(c *engine.Call) error { return replyCombined(c, union) }

func replyCombined(c *engine.Call, how combination) error {
	var few [fewSources]source
	all, err := readSources(c, c.Args[1:], few[:0])
	if err != nil {
		return err
	}
	at, n := len(c.W.Buf), 0
	all.combine(how, func(m kv.Elem) bool {
		bulkElem(c, m)
		n++
		return true
	})
	all.close()
	c.W.SetAt(at, n)
	return nil
}

func sinterstoreCommand(c *engine.Call) error {
	return storeCombined(c, "sinterstore", intersection)
}

func sdiffstoreCommand(c *engine.Call) error { return storeCombined(c, "sdiffstore", difference) }

func sunionstoreCommand(c *engine.Call) error { return storeCombined(c, "sunionstore", union) }

// storeCombined puts the result in place of whatever the destination held.
func storeCombined(c *engine.Call, event string, how combination) error {
	var few [fewSources]source
	all, err := readSources(c, c.Args[2:], few[:0])
	if err != nil {
		return err
	}
	// Collected first: the destination may be one of the sources.
	var members [][]byte
	all.combine(how, func(m kv.Elem) bool {
		members = append(members, m.Append(nil))
		return true
	})
	all.close()
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
	var few [fewSources]source
	all, err := readSources(c, keys, few[:0])
	if err != nil {
		return err
	}
	n := int64(0)
	all.intersect(func(kv.Elem) bool {
		n++
		return limit == 0 || n < limit
	})
	all.close()
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
