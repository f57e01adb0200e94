package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var setCommands = []engine.Spec{
	{Name: "sadd", Arity: -3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: saddCommand},
	{Name: "scard", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: scardCommand},
	{Name: "sdiff", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, Last: -1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: sdiffCommand},
	{Name: "sdiffstore", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, Last: -1}},
		Handler: sdiffstoreCommand},
	{Name: "sinter", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, Last: -1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: sinterCommand},
	{Name: "sintercard", Arity: -3, Flags: engine.ReadOnly | engine.MovableKeys, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: sintercardCommand},
	{Name: "sinterstore", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, Last: -1}},
		Handler: sinterstoreCommand},
	{Name: "sismember", Arity: 3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: sismemberCommand},
	{Name: "smembers", Arity: 2, Flags: engine.ReadOnly, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: smembersCommand},
	{Name: "smismember", Arity: -3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: smismemberCommand},
	{Name: "smove", Arity: 4, Flags: engine.Write | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
		Handler: smoveCommand},
	{Name: "spop", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: spopCommand},
	{Name: "srandmember", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: srandmemberCommand},
	{Name: "srem", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: sremCommand},
	{Name: "sscan", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: sscanCommand},
	{Name: "sunion", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, Last: -1}},
		Tips:    []string{"nondeterministic_output_order"},
		Handler: sunionCommand},
	{Name: "sunionstore", Arity: -3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, Last: -1}},
		Handler: sunionstoreCommand},
}

var wordSrem = []byte("SREM")

// readSet is the set at key for reading; found is false when there is none.
func readSet(c *engine.Call, key []byte) (s kv.SetView, found bool, err error) {
	e, found := c.LookupRead(key)
	if !found {
		return s, false, nil
	}
	if e.Type() != kv.Set {
		return s, false, engine.ErrWrongType
	}
	return e.Set(), true, nil
}

// setEntry is the entry of a set for reading.
func setEntry(c *engine.Call) (e kv.Entry, found bool, err error) {
	e, found = c.LookupRead(c.Args[1])
	if found && e.Type() != kv.Set {
		return e, false, engine.ErrWrongType
	}
	return e, found, nil
}

func saddCommand(c *engine.Call) error {
	members := c.Args[2:]
	s, err := c.DB.EditSet(c.Args[1], members[0], len(members))
	if err != nil {
		return err
	}
	if s.Found() {
		s.Expect(len(members))
	}
	added := 0
	for _, m := range members {
		if s.Add(m) {
			added++
		}
	}
	s.Done()
	if added > 0 {
		c.Notify('s', "sadd", c.Args[1])
		c.Dirty(added)
	}
	c.W.Int(int64(added))
	return nil
}

func sremCommand(c *engine.Call) error {
	s, err := c.DB.EditSet(c.Args[1], nil, 0)
	if err != nil {
		return err
	}
	removed := 0
	for _, m := range c.Args[2:] {
		if s.Delete(m) {
			if removed++; s.Len() == 0 {
				break
			}
		}
	}
	gone := s.Done()
	if removed > 0 {
		c.Notify('s', "srem", c.Args[1])
		if gone {
			c.Notify('g', "del", c.Args[1])
		}
		c.Dirty(removed)
	}
	c.W.Int(int64(removed))
	return nil
}

func smoveCommand(c *engine.Call) error {
	from, to, member := c.Args[1], c.Args[2], c.Args[3]
	src, found := c.LookupWrite(from)
	dst, there := c.LookupWrite(to)
	if !found {
		c.W.Int(0)
		return nil
	}
	if src.Type() != kv.Set || (there && dst.Type() != kv.Set) {
		return engine.ErrWrongType
	}
	if string(from) == string(to) {
		replyBool(c, src.Set().Has(member))
		return nil
	}
	s, err := c.DB.EditSet(from, nil, 0)
	if err != nil {
		return err
	}
	if !s.Delete(member) {
		s.Done()
		c.W.Int(0)
		return nil
	}
	gone := s.Done()
	c.Notify('s', "srem", from)
	if gone {
		c.Notify('g', "del", from)
	}
	d, err := c.DB.EditSet(to, member, 1)
	if err != nil {
		return err
	}
	added := d.Add(member)
	d.Done()
	c.Dirty(1)
	if added {
		c.Dirty(1)
		c.Notify('s', "sadd", to)
	}
	c.W.Int(1)
	return nil
}

// replyBool replies 1 or 0.
func replyBool(c *engine.Call, b bool) {
	n := int64(0)
	if b {
		n = 1
	}
	c.W.Int(n)
}

func sismemberCommand(c *engine.Call) error {
	s, found, err := readSet(c, c.Args[1])
	if err != nil {
		return err
	}
	replyBool(c, found && s.Has(c.Args[2]))
	return nil
}

func smismemberCommand(c *engine.Call) error {
	s, found, err := readSet(c, c.Args[1])
	if err != nil {
		return err
	}
	c.W.Array(len(c.Args) - 2)
	for _, m := range c.Args[2:] {
		replyBool(c, found && s.Has(m))
	}
	return nil
}

func scardCommand(c *engine.Call) error {
	s, found, err := readSet(c, c.Args[1])
	if err != nil {
		return err
	}
	n := 0
	if found {
		n = s.Len()
	}
	c.W.Int(int64(n))
	return nil
}

func smembersCommand(c *engine.Call) error {
	s, found, err := readSet(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Set(0)
		return nil
	}
	c.W.Set(s.Len())
	s.Each(func(m kv.Elem) bool {
		bulkElem(c, m)
		return true
	})
	return nil
}

func sscanCommand(c *engine.Call) error {
	return scanElements(c, kv.Set, func(e kv.Entry, cursor uint64, visit func(kv.Elem, func())) uint64 {
		return e.ScanSet(cursor, func(m kv.Elem) {
			visit(m, func() { bulkElem(c, m) })
		})
	}, 1)
}

func srandmemberCommand(c *engine.Call) error {
	if len(c.Args) > 3 {
		return engine.ErrSyntax
	}
	if len(c.Args) == 2 {
		e, found, err := setEntry(c)
		switch {
		case err != nil:
			return err
		case !found:
			c.W.Null()
		default:
			bulkElem(c, e.RandomSet())
		}
		return nil
	}
	count, err := integerIn(c.Args[2], -math.MaxInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	e, found, err := setEntry(c)
	if err != nil {
		return err
	}
	switch {
	case !found || count == 0:
		c.W.EmptyArray()
	case count < 0:
		c.W.Array(int(-count))
		for ; count < 0 && !c.Overflowing(); count++ {
			bulkElem(c, e.RandomSet())
		}
	default:
		n := int(min(count, int64(e.Set().Len())))
		c.W.Array(n)
		e.SampleSet(n, func(m kv.Elem) { bulkElem(c, m) })
	}
	return nil
}

func spopCommand(c *engine.Call) error {
	if len(c.Args) > 3 {
		return engine.ErrSyntax
	}
	if len(c.Args) == 3 {
		return popMembers(c)
	}
	e, found := c.LookupWrite(c.Args[1])
	if !found {
		c.W.Null()
		return nil
	}
	if e.Type() != kv.Set {
		return engine.ErrWrongType
	}
	member := e.RandomSet().Append(nil)
	s, err := c.DB.EditSet(c.Args[1], nil, 0)
	if err != nil {
		return err
	}
	s.Delete(member)
	gone := s.Done()
	c.Notify('s', "spop", c.Args[1])
	c.Replace(wordSrem, c.Args[1], member)
	c.W.Bulk(member)
	if gone {
		c.Notify('g', "del", c.Args[1])
	}
	c.Dirty(1)
	return nil
}

// popMembers is SPOP with a count.
func popMembers(c *engine.Call) error {
	count, err := integer(c.Args[2])
	if err != nil || count < 0 {
		return engine.ErrMustBePos
	}
	e, found := c.LookupWrite(c.Args[1])
	if !found {
		c.W.Set(0)
		return nil
	}
	if e.Type() != kv.Set {
		return engine.ErrWrongType
	}
	if count == 0 {
		c.W.Set(0)
		return nil
	}
	size := e.Set().Len()
	c.Notify('s', "spop", c.Args[1])
	if count >= int64(size) {
		c.W.Set(size)
		e.Set().Each(func(m kv.Elem) bool {
			bulkElem(c, m)
			return true
		})
		word, remove := wordDel, c.DB.Delete
		if c.E.Config().Bool("lazyfree-lazy-server-del") {
			word, remove = wordUnlink, c.DB.Unlink
		}
		remove(c.Args[1])
		c.Notify('g', "del", c.Args[1])
		c.Dirty(size)
		c.Replace(word, c.Args[1])
		return nil
	}
	n := int(count)
	s, err := c.DB.EditSet(c.Args[1], nil, 0)
	if err != nil {
		return err
	}
	c.W.Set(n)
	remove := removal{c: c}
	s.TakeRandom(n, func(m kv.Elem) {
		bulkElem(c, m)
		remove.add(m)
	})
	s.Done()
	remove.end()
	c.Dirty(n)
	return nil
}

// removal is what is propagated of members that were removed: SREMs.
type removal struct {
	c       *engine.Call
	members []byte // one behind the other
	ends    []int
}

func (r *removal) add(m kv.Elem) {
	if !r.c.Streams() {
		return
	}
	r.members = m.Append(r.members)
	if r.ends = append(r.ends, len(r.members)); len(r.ends) == popChunk {
		r.end()
	}
}

// end propagates what was added.
func (r *removal) end() {
	if len(r.ends) == 0 {
		return
	}
	argv := append(make([][]byte, 0, 2+len(r.ends)), wordSrem, r.c.Args[1])
	from := 0
	for _, end := range r.ends {
		argv = append(argv, r.members[from:end])
		from = end
	}
	r.c.Replace(argv...)
	r.members, r.ends = r.members[:0], r.ends[:0]
}

// popChunk is how many members one SREM of a propagated SPOP names at most.
const popChunk = 1024
