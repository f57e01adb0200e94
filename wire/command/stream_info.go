package command

import (
	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// infoStream is the stream at Args[2].
func infoStream(c *engine.Call) (s kv.StreamView, err error) {
	s, found, err := readStream(c, c.Args[2])
	if err == nil && !found {
		err = engine.ErrNoSuchKey
	}
	return s, err
}

func xinfoStreamCommand(c *engine.Call) error {
	s, err := infoStream(c)
	if err != nil {
		return err
	}
	options := c.Args[3:]
	full, count := len(options) > 0, int64(10)
	if full {
		if len(options) != 1 && len(options) != 3 || !is(options[0], "FULL") || len(options) == 3 && !is(options[1], "COUNT") {
			return errSubcommand(c)
		}
		if len(options) == 3 {
			n, err := integer(options[2])
			if err != nil {
				return err
			}
			if n >= 0 {
				count = n
			}
		}
	}
	w := c.W
	if full {
		w.Map(9)
	} else {
		w.Map(10)
	}
	infoInt(c, "length", s.Length)
	infoInt(c, "radix-tree-keys", int64(s.Nodes()))
	infoInt(c, "radix-tree-nodes", int64(s.RadixNodes()))
	infoID(c, "last-generated-id", s.Last)
	infoID(c, "max-deleted-entry-id", s.MaxDeleted)
	infoInt(c, "entries-added", s.Added)
	infoID(c, "recorded-first-entry-id", s.First)
	if !full {
		infoInt(c, "groups", int64(s.Groups()))
		infoEdge(c, "first-entry", s, false)
		infoEdge(c, "last-entry", s, true)
		return nil
	}
	w.BulkString("entries")
	it := s.Range(kv.StreamID{}, kv.MaxStreamID, false)
	replyEntries(c, &it, count, nil)
	w.BulkString("groups")
	w.Array(s.Groups())
	s.EachGroup(func(g kv.StreamGroup) bool {
		w.Map(7)
		infoGroup(c, s, g)
		infoInt(c, "pel-count", int64(g.Pending()))
		infoPending(c, g.Pending(), count, 4, func(visit func(kv.StreamPending) bool) { g.PendingFrom(kv.StreamID{}, visit) })
		w.BulkString("consumers")
		w.Array(g.Consumers())
		g.EachConsumer(func(o kv.StreamConsumer) bool {
			w.Map(5)
			w.BulkString("name")
			w.Bulk(o.Name())
			infoInt(c, "seen-time", int64(o.Seen()))
			infoInt(c, "active-time", int64(o.Active()))
			infoInt(c, "pel-count", int64(o.Pending()))
			infoPending(c, o.Pending(), count, 3, func(visit func(kv.StreamPending) bool) { o.PendingFrom(kv.StreamID{}, visit) })
			return true
		})
		return true
	})
	return nil
}

func infoInt(c *engine.Call, name string, n int64) {
	c.W.BulkString(name)
	c.W.Int(n)
}

func infoID(c *engine.Call, name string, id kv.StreamID) {
	c.W.BulkString(name)
	bulkStreamID(c, id)
}

// infoEdge replies the first or last entry, or null.
func infoEdge(c *engine.Call, name string, s kv.StreamView, last bool) {
	c.W.BulkString(name)
	it := s.Range(kv.StreamID{}, kv.MaxStreamID, last)
	if !it.Next() {
		c.W.Null()
		return
	}
	replyEntry(c, &it)
}

// infoGroup replies how far a group is.
func infoGroup(c *engine.Call, s kv.StreamView, g kv.StreamGroup) {
	c.W.BulkString("name")
	c.W.Bulk(g.Name())
	infoID(c, "last-delivered-id", g.Last())
	infoProgress(c, s, g)
}

func infoProgress(c *engine.Call, s kv.StreamView, g kv.StreamGroup) {
	c.W.BulkString("entries-read")
	if read := g.Read(); read != kv.NoEntriesRead {
		c.W.Int(read)
	} else {
		c.W.Null()
	}
	c.W.BulkString("lag")
	if lag, ok := s.Lag(g); ok {
		c.W.Int(lag)
	} else {
		c.W.Null()
	}
}

// infoPending replies pending entries, at most so many if most is not zero: id, consumer (only of 4 things), time, deliveries.
func infoPending(c *engine.Call, n int, most int64, things int, each func(visit func(kv.StreamPending) bool)) {
	if most != 0 {
		n = int(min(int64(n), most))
	}
	c.W.BulkString("pending")
	c.W.Array(n)
	each(func(p kv.StreamPending) bool {
		if n == 0 {
			return false
		}
		n--
		c.W.Array(things)
		bulkStreamID(c, p.ID)
		if things == 4 {
			c.W.Bulk(p.Consumer.Name())
		}
		c.W.Int(int64(p.Time))
		c.W.Int(p.Count)
		return true
	})
}

func xinfoGroupsCommand(c *engine.Call) error {
	s, err := infoStream(c)
	if err != nil {
		return err
	}
	c.W.Array(s.Groups())
	s.EachGroup(func(g kv.StreamGroup) bool {
		c.W.Map(6)
		c.W.BulkString("name")
		c.W.Bulk(g.Name())
		infoInt(c, "consumers", int64(g.Consumers()))
		infoInt(c, "pending", int64(g.Pending()))
		infoID(c, "last-delivered-id", g.Last())
		infoProgress(c, s, g)
		return true
	})
	return nil
}

func xinfoConsumersCommand(c *engine.Call) error {
	s, err := infoStream(c)
	if err != nil {
		return err
	}
	g, found := s.Group(c.Args[3])
	if !found {
		return errNoGroup(c.Args[3], c.Args[2])
	}
	c.W.Array(g.Consumers())
	g.EachConsumer(func(o kv.StreamConsumer) bool {
		c.W.Map(4)
		c.W.BulkString("name")
		c.W.Bulk(o.Name())
		infoInt(c, "pending", int64(o.Pending()))
		infoInt(c, "idle", max(int64(c.Now-o.Seen()), 0))
		inactive := int64(-1)
		if active := o.Active(); active != kv.NeverActive {
			inactive = int64(c.Now - active)
		}
		infoInt(c, "inactive", inactive)
		return true
	})
	return nil
}

func xinfoHelpCommand(c *engine.Call) error {
	return help(c,
		"CONSUMERS <key> <groupname>",
		"    List the consumers of a group.",
		"GROUPS <key>",
		"    List the groups of a stream.",
		"STREAM <key> [FULL [COUNT <count>]",
		"    Describe a stream, with FULL its entries and groups, too.")
}
