package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/kv/listpack"
	"frankenredis/wire/engine"
)

var streamCommands = []engine.Spec{
	{Name: "xack", Arity: -4, Flags: engine.Write | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: xackCommand},
	{Name: "xadd", Arity: -5, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Notes: "UPDATE, because entries may be trimmed as one is added", Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: xaddCommand},
	{Name: "xautoclaim", Arity: -6, Flags: engine.Write | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: xautoclaimCommand},
	{Name: "xclaim", Arity: -6, Flags: engine.Write | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: xclaimCommand},
	{Name: "xdel", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: xdelCommand},
	{Name: "xgroup", Arity: -2,
		Sub: []engine.Spec{
			{Name: "create", Arity: -5, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
				Handler: xgroupCreateCommand},
			{Name: "createconsumer", Arity: 5, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
				Handler: xgroupCreateConsumerCommand},
			{Name: "delconsumer", Arity: 5, Flags: engine.Write, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 2}},
				Handler: xgroupDelConsumerCommand},
			{Name: "destroy", Arity: 4, Flags: engine.Write, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 2}},
				Handler: xgroupDestroyCommand},
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatStream,
				Handler: xgroupHelpCommand},
			{Name: "setid", Arity: -5, Flags: engine.Write, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 2}},
				Handler: xgroupSetIDCommand},
		}},
	{Name: "xinfo", Arity: -2,
		Sub: []engine.Spec{
			{Name: "consumers", Arity: 4, Flags: engine.ReadOnly, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 2}},
				Tips:    []string{"nondeterministic_output"},
				Handler: xinfoConsumersCommand},
			{Name: "groups", Arity: 3, Flags: engine.ReadOnly, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 2}},
				Handler: xinfoGroupsCommand},
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatStream,
				Handler: xinfoHelpCommand},
			{Name: "stream", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatStream,
				Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 2}},
				Handler: xinfoStreamCommand},
		}},
	{Name: "xlen", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: xlenCommand},
	{Name: "xpending", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: xpendingCommand},
	{Name: "xrange", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: xrangeCommand},
	{Name: "xread", Arity: -4, Flags: engine.ReadOnly | engine.Blocking | engine.MovableKeys, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Keyword: "STREAMS", StartFrom: 1, Last: -1, Limit: 2}},
		GetKeys: streamKeys,
		Handler: xreadCommand},
	{Name: "xreadgroup", Arity: -7, Flags: engine.Write | engine.Blocking | engine.MovableKeys, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Keyword: "STREAMS", StartFrom: 4, Last: -1, Limit: 2}},
		GetKeys: streamKeys,
		Handler: xreadGroupCommand},
	{Name: "xrevrange", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: xrevrangeCommand},
	{Name: "xsetid", Arity: -3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: xsetidCommand},
	{Name: "xtrim", Arity: -4, Flags: engine.Write, Categories: engine.CatStream,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: xtrimCommand},
}

// readStream is the stream at key for reading; found is false when there is none.
func readStream(c *engine.Call, key []byte) (s kv.StreamView, found bool, err error) {
	e, found := c.LookupRead(key)
	if !found {
		return s, false, nil
	}
	if e.Type() != kv.Stream {
		return s, false, engine.ErrWrongType
	}
	return e.Stream(), true, nil
}

// writeStream says whether there is a stream at key to be changed.
func writeStream(c *engine.Call, key []byte) (found bool, err error) {
	e, found := c.LookupWrite(key)
	if found && e.Type() != kv.Stream {
		return false, engine.ErrWrongType
	}
	return found, nil
}

func xaddCommand(c *engine.Call) error {
	o, err := parseStreamOptions(c, true)
	if err != nil {
		return err
	}
	fields := c.Args[o.at+1:]
	if len(fields) < 2 || len(fields)%2 != 0 {
		return engine.ErrArity(c.Spec.FullName())
	}
	if o.given && !o.auto && o.id.Zero() {
		return engine.ReplyError("ERR The ID specified in XADD must be greater than 0-0")
	}
	s, err := c.DB.EditStream(c.Args[1])
	if err != nil {
		return err
	}
	if !s.Found() && o.noMake {
		s.Done()
		c.W.Null()
		return nil
	}
	id, err := nextStreamID(&s, &o, c.Now)
	size := 0
	for _, f := range fields {
		size += len(f)
	}
	if err == nil && size > listpack.MaxBytes {
		err = engine.ReplyError("ERR Elements are too large to be stored")
	}
	if err != nil {
		s.Done()
		return err
	}
	s.Create()
	s.Append(id, fields)
	trimmed := int64(0)
	if o.trims {
		trimmed = s.Trim(o.trim)
	}
	replaceTrimmed(c, &s, &o, id)
	s.Done()
	bulkStreamID(c, id)
	c.Notify('t', "xadd", c.Args[1])
	if trimmed > 0 {
		c.Notify('t', "xtrim", c.Args[1])
	}
	c.Dirty(1)
	return nil
}

// nextStreamID is the id of an entry that is added.
func nextStreamID(s *kv.StreamEdit, o *streamOptions, now kv.Millis) (id kv.StreamID, err error) {
	if s.Last == kv.MaxStreamID {
		return id, engine.ReplyError("ERR The stream has exhausted the last possible ID, unable to add more items")
	}
	ok := true
	switch {
	case !o.given && uint64(now) > s.Last.Ms:
		id = kv.StreamID{Ms: uint64(now)}
	case !o.given:
		id, ok = s.Last.Next()
	case o.auto && o.id.Ms == s.Last.Ms:
		id = kv.StreamID{Ms: o.id.Ms, Seq: s.Last.Seq + 1}
		ok = s.Last.Seq < math.MaxUint64
	default:
		id = o.id
	}
	if !ok || !s.Last.Less(id) {
		return id, engine.ReplyError("ERR The ID specified in XADD is equal or smaller than the target stream top item")
	}
	return id, nil
}

func xlenCommand(c *engine.Call) error {
	s, found, err := readStream(c, c.Args[1])
	if err != nil {
		return err
	}
	n := int64(0)
	if found {
		n = s.Length
	}
	c.W.Int(n)
	return nil
}

func xrangeCommand(c *engine.Call) error { return streamRange(c, c.Args[2], c.Args[3], false) }

func xrevrangeCommand(c *engine.Call) error { return streamRange(c, c.Args[3], c.Args[2], true) }

// streamRange is XRANGE and XREVRANGE.
func streamRange(c *engine.Call, low, high []byte, rev bool) error {
	from, to, err := parseInterval(low, high)
	if err != nil {
		return err
	}
	count := int64(-1)
	for i := 4; i < len(c.Args); i += 2 {
		if !is(c.Args[i], "COUNT") || i+1 == len(c.Args) {
			return engine.ErrSyntax
		}
		if count, err = integer(c.Args[i+1]); err != nil {
			return err
		}
		count = max(count, 0)
	}
	s, found, err := readStream(c, c.Args[1])
	switch {
	case err != nil:
		return err
	case !found:
		c.W.EmptyArray()
	case count == 0:
		c.W.NullArray()
	default:
		it := s.Range(from, to, rev)
		replyEntries(c, &it, max(count, 0), nil)
	}
	return nil
}

// replyEntries replies the entries of an iterator, at most so many if count is not zero, and returns how many. visit, if not nil, gets
// each id.
func replyEntries(c *engine.Call, it *kv.StreamIter, count int64, visit func(kv.StreamID)) (n int64) {
	at := len(c.W.Buf)
	for (count == 0 || n < count) && it.Next() {
		replyEntry(c, it)
		if visit != nil {
			visit(it.ID())
		}
		n++
	}
	c.W.ArrayAt(at, int(n))
	return n
}

// replyEntry replies the entry that an iterator is on.
func replyEntry(c *engine.Call, it *kv.StreamIter) {
	c.W.Array(2)
	bulkStreamID(c, it.ID())
	c.W.Array(2 * it.Fields())
	it.Each(func(field, value kv.Elem) {
		bulkElem(c, field)
		bulkElem(c, value)
	})
}

func xdelCommand(c *engine.Call) error {
	found, err := writeStream(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	for _, arg := range c.Args[2:] {
		if _, err := parseStreamID(arg, 0, true, nil); err != nil {
			return err
		}
	}
	s, err := c.DB.EditStream(c.Args[1])
	if err != nil {
		return err
	}
	deleted := 0
	for _, arg := range c.Args[2:] {
		if id, _ := parseStreamID(arg, 0, true, nil); s.Delete(id) {
			deleted++
		}
	}
	s.Done()
	if deleted > 0 {
		c.Notify('t', "xdel", c.Args[1])
		c.Dirty(deleted)
	}
	c.W.Int(int64(deleted))
	return nil
}

func xtrimCommand(c *engine.Call) error {
	o, err := parseStreamOptions(c, false)
	if err != nil {
		return err
	}
	found, err := writeStream(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	s, err := c.DB.EditStream(c.Args[1])
	if err != nil {
		return err
	}
	trimmed := s.Trim(o.trim)
	if trimmed > 0 {
		replaceTrimmed(c, &s, &o, kv.StreamID{})
	}
	s.Done()
	if trimmed > 0 {
		c.Notify('t', "xtrim", c.Args[1])
		c.Dirty(int(trimmed))
	}
	c.W.Int(trimmed)
	return nil
}
