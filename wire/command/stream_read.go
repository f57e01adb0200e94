package command

import (
	"time"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// readOptions are the arguments of XREAD and XREADGROUP.
type readOptions struct {
	forGroup        bool // XREADGROUP
	group, consumer []byte
	count           int64 // 0: all
	block           bool
	limit           time.Duration
	noAck           bool
	keys, ids       [][]byte
}

func parseReadOptions(c *engine.Call, forGroup bool) (o readOptions, err error) {
	o.forGroup = forGroup
	args := c.Args
	for i := 1; i < len(args) && o.keys == nil; i++ {
		more := len(args) - i - 1
		switch {
		case is(args[i], "BLOCK") && more > 0:
			i++
			o.block = true
			if o.limit, err = timeoutMillis(c, args[i]); err != nil {
				return o, err
			}
		case is(args[i], "COUNT") && more > 0:
			i++
			if o.count, err = integer(args[i]); err != nil {
				return o, err
			}
			o.count = max(o.count, 0)
		case is(args[i], "STREAMS") && more > 0:
			if more%2 != 0 {
				symbol := '$'
				if forGroup {
					symbol = '>'
				}
				return o, engine.Errorf("ERR Unbalanced '%s' list of streams: for each stream key an ID or '%c' must be specified.",
					c.Spec.FullName(), symbol)
			}
			o.keys, o.ids = args[i+1:i+1+more/2], args[i+1+more/2:]
		case is(args[i], "GROUP") && more >= 2:
			if !forGroup {
				return o, engine.ReplyError("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
			}
			o.group, o.consumer = args[i+1], args[i+2]
			i += 2
		case is(args[i], "NOACK"):
			if !forGroup {
				return o, engine.ReplyError("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
			}
			o.noAck = true
		default:
			return o, engine.ErrSyntax
		}
	}
	if o.keys == nil {
		return o, engine.ErrSyntax
	}
	if forGroup && o.group == nil {
		return o, engine.ReplyError("ERR Missing GROUP option for XREADGROUP")
	}
	return o, nil
}

func xreadCommand(c *engine.Call) error { return readStreams(c, false) }

func xreadGroupCommand(c *engine.Call) error {
	c.NoPropagate() // what it did is propagated as XCLAIM and XGROUP
	return readStreams(c, true)
}

// readStreams is XREAD and XREADGROUP.
func readStreams(c *engine.Call, forGroup bool) error {
	o, err := parseReadOptions(c, forGroup)
	if err != nil {
		return err
	}
	var few [8]kv.StreamID
	after := few[:0]
	for i, key := range o.keys {
		id, err := readFrom(c, &o, key, o.ids[i])
		if err != nil {
			return err
		}
		after = append(after, id)
	}
	at, served := len(c.W.Buf), 0
	for i, key := range o.keys {
		s, found, err := readStream(c, key)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if forGroup {
			if readForGroup(c, &o, key, after[i]) {
				served++
			}
			continue
		}
		if top, ok := s.Edge(true, false); !ok || !after[i].Less(top) {
			continue
		}
		served++
		beginStream(c, key)
		from, _ := after[i].Next()
		it := s.Range(from, kv.MaxStreamID, false)
		replyEntries(c, &it, o.count, nil)
	}
	switch {
	case served > 0 && c.W.Proto == 3:
		c.W.MapAt(at, served)
	case served > 0:
		c.W.ArrayAt(at, served)
	case !o.block || !c.CanBlock():
		c.W.NullArray()
	default:
		// "$" means the end as it is now, also when the command is run again.
		argv := append(make([][]byte, 0, len(c.Args)), c.Args...)
		for i := range o.ids {
			if shown(o.ids[i]) == "$" {
				argv[len(argv)-len(o.ids)+i] = appendStreamID(nil, after[i])
			}
		}
		c.RunAgainAs(argv)
		c.BlockOnKeys(o.keys, kv.Stream, c.BlockDeadline(o.limit), forGroup)
	}
	return nil
}

// readFrom is the id behind which a stream is to be read; for a group's new entries it is the last id there can be.
func readFrom(c *engine.Call, o *readOptions, key, arg []byte) (id kv.StreamID, err error) {
	s, found, err := readStream(c, key)
	if err != nil {
		return id, err
	}
	if o.forGroup {
		there := false
		if found {
			_, there = s.Group(o.group)
		}
		if !there {
			return id, engine.Errorf("NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option",
				shown(key), shown(o.group))
		}
	}
	switch shown(arg) {
	case "$":
		if o.forGroup {
			return id, engine.ReplyError("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of " +
				"this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.")
		}
		if found {
			id = s.Last
		}
		return id, nil
	case ">":
		if !o.forGroup {
			return id, engine.ReplyError("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
		}
		return kv.MaxStreamID, nil
	}
	return parseStreamID(arg, 0, true, nil)
}

// beginStream begins what is replied of one stream.
func beginStream(c *engine.Call, key []byte) {
	if c.W.Proto != 3 {
		c.W.Array(2)
	}
	c.W.Bulk(key)
}

// readForGroup serves a consumer one stream and reports whether there was something to reply. The group exists.
func readForGroup(c *engine.Call, o *readOptions, key []byte, after kv.StreamID) (served bool) {
	s, err := c.DB.EditStream(key)
	if err != nil {
		panic("command: " + err.Error()) // it was a stream a moment ago
	}
	group, _ := s.View().Group(o.group)
	fresh := after == kv.MaxStreamID
	top, any := s.View().Edge(true, false)
	consumer, created := s.CreateConsumer(group, o.consumer, c.Now, kv.NeverActive)
	if created {
		c.Notify('t', "xgroup-createconsumer", key)
		c.Dirty(1)
		if o.noAck {
			c.Replace(wordXGroup, wordCreateConsumer, key, o.group, o.consumer)
		}
	} else {
		consumer, _ = group.Consumer(o.consumer)
		s.Seen(consumer, c.Now)
	}
	switch {
	case !fresh:
		beginStream(c, key)
		replyHistory(c, &s, group, consumer, after, o.count)
	case any && group.Last().Less(top):
		beginStream(c, key)
		deliver(c, o, &s, key, group, consumer)
	default:
		s.Done()
		return false
	}
	s.Done()
	c.Dirty(1)
	return true
}

// deliver replies entries that the group has not seen, and makes them pending.
func deliver(c *engine.Call, o *readOptions, s *kv.StreamEdit, key []byte, group kv.StreamGroup, consumer kv.StreamConsumer) {
	var few [32]kv.StreamID
	ids := few[:0]
	from, _ := group.Last().Next()
	it := s.View().Range(from, kv.MaxStreamID, false)
	replyEntries(c, &it, o.count, func(id kv.StreamID) { ids = append(ids, id) })
	for _, id := range ids {
		s.Advance(group, id)
		if o.noAck {
			continue
		}
		s.Deliver(group, consumer, id, c.Now, 1)
		s.Active(consumer, c.Now)
		replaceClaim(c, key, o.group, group, id)
	}
	replaceGroup(c, key, o.group, group)
}

// replyHistory replies what the consumer has pending behind an id; of entries that are deleted, the id alone.
func replyHistory(c *engine.Call, s *kv.StreamEdit, group kv.StreamGroup, consumer kv.StreamConsumer, after kv.StreamID, count int64) {
	var few [32]kv.StreamID
	ids := few[:0]
	if from, ok := after.Next(); ok {
		consumer.PendingFrom(from, func(p kv.StreamPending) bool {
			ids = append(ids, p.ID)
			return count == 0 || int64(len(ids)) < count
		})
	}
	c.W.Array(len(ids))
	for _, id := range ids {
		it := s.View().Range(id, id, false)
		if !it.Next() {
			c.W.Array(2)
			bulkStreamID(c, id)
			c.W.NullArray()
			continue
		}
		replyEntry(c, &it)
		p, _ := group.Find(id)
		s.Deliver(group, consumer, id, c.Now, p.Count+1)
	}
}

var (
	wordXGroup         = []byte("XGROUP")
	wordCreateConsumer = []byte("CREATECONSUMER")
	wordSetID          = []byte("SETID")
	wordEntriesRead    = []byte("ENTRIESREAD")
	wordXClaim         = []byte("XCLAIM")
	wordTime           = []byte("TIME")
	wordRetryCount     = []byte("RETRYCOUNT")
	wordForce          = []byte("FORCE")
	wordJustID         = []byte("JUSTID")
	wordLastID         = []byte("LASTID")
	wordZero           = []byte("0")
)

// replaceClaim propagates who has a pending entry now.
func replaceClaim(c *engine.Call, key, name []byte, group kv.StreamGroup, id kv.StreamID) {
	replaceClaimArg(c, key, name, group, id, appendStreamID(nil, id))
}

// replaceClaimArg is replaceClaim with the id as the client wrote it.
func replaceClaimArg(c *engine.Call, key, name []byte, group kv.StreamGroup, id kv.StreamID, arg []byte) {
	p, _ := group.Find(id)
	c.Replace(wordXClaim, key, name, p.Consumer.Name(), wordZero, arg, wordTime, decimal(int64(p.Time)), wordRetryCount,
		decimal(p.Count), wordForce, wordJustID, wordLastID, appendStreamID(nil, group.Last()))
}

// replaceGroup propagates how far a group is.
func replaceGroup(c *engine.Call, key, name []byte, group kv.StreamGroup) {
	c.Replace(wordXGroup, wordSetID, key, name, appendStreamID(nil, group.Last()), wordEntriesRead, decimal(group.Read()))
}

// streamKeys finds the keys behind the option STREAMS where the key spec does not: it may be a group's or a stream's name, too.
// Nothing is told of what happens to the keys.
func streamKeys(argv [][]byte) (keys []engine.KeyRef, ok bool) {
	for i := 1; i < len(argv); i++ {
		switch {
		case is(argv[i], "BLOCK"), is(argv[i], "COUNT"):
			i++
		case is(argv[i], "GROUP"):
			i += 2
		case is(argv[i], "NOACK"):
		case is(argv[i], "STREAMS"):
			n := len(argv) - i - 1
			if n%2 != 0 {
				return nil, false
			}
			for pos := i + 1; pos <= i+n/2; pos++ {
				keys = append(keys, engine.KeyRef{Pos: pos})
			}
			return keys, n > 0
		default:
			return nil, false
		}
	}
	return nil, false
}
