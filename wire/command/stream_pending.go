package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

func xpendingCommand(c *engine.Call) error {
	args := c.Args
	summary := len(args) == 3
	if !summary && (len(args) < 6 || len(args) > 9) {
		return engine.ErrSyntax
	}
	var from, to kv.StreamID
	var count, idle int64
	var consumer []byte
	if !summary {
		at := 3
		var err error
		if is(args[3], "IDLE") {
			if idle, err = integer(args[4]); err != nil {
				return err
			}
			if len(args) < 8 {
				return engine.ErrSyntax
			}
			at = 5
		}
		if count, err = integer(args[at+2]); err != nil {
			return err
		}
		if from, to, err = parseInterval(args[at], args[at+1]); err != nil {
			return err
		}
		if at+3 < len(args) {
			consumer = args[at+3]
		}
	}
	s, found, err := readStream(c, args[1])
	if err != nil {
		return err
	}
	var group kv.StreamGroup
	if found {
		group, found = s.Group(args[2])
	}
	if !found {
		return errNoKeyOrGroup(args[1], args[2])
	}
	if summary {
		replyPending(c, group)
		return nil
	}
	at, n := len(c.W.Buf), int64(0)
	visit := func(p kv.StreamPending) bool {
		if n >= count || to.Less(p.ID) {
			return false
		}
		elapsed := int64(c.Now - p.Time)
		if idle != 0 && elapsed < idle {
			return true
		}
		n++
		c.W.Array(4)
		bulkStreamID(c, p.ID)
		c.W.Bulk(p.Consumer.Name())
		c.W.Int(max(elapsed, 0))
		c.W.Int(p.Count)
		return true
	}
	if consumer == nil {
		group.PendingFrom(from, visit)
	} else if owner, there := group.Consumer(consumer); there {
		owner.PendingFrom(from, visit)
	}
	c.W.ArrayAt(at, int(n))
	return nil
}

// replyPending is XPENDING's summary.
func replyPending(c *engine.Call, group kv.StreamGroup) {
	c.W.Array(4)
	n := group.Pending()
	c.W.Int(int64(n))
	if n == 0 {
		c.W.Null()
		c.W.Null()
		c.W.NullArray()
		return
	}
	bulkStreamID(c, group.PendingAt(0).ID)
	bulkStreamID(c, group.PendingAt(n-1).ID)
	at, owners := len(c.W.Buf), 0
	group.EachConsumer(func(owner kv.StreamConsumer) bool {
		if p := owner.Pending(); p > 0 {
			owners++
			c.W.Array(2)
			c.W.Bulk(owner.Name())
			c.W.BulkInt(int64(p))
		}
		return true
	})
	c.W.ArrayAt(at, owners)
}

// claimOptions are the arguments of XCLAIM behind the ids.
type claimOptions struct {
	idle         int64
	ids          [][]byte
	time         int64 // -1: now
	count        int64 // -1: one more
	force, just  bool
	last         kv.StreamID
	lastIsHigher bool
}

func parseClaimOptions(c *engine.Call) (o claimOptions, err error) {
	number := func(arg []byte, what string) (n int64) {
		if err == nil {
			if n, err = integer(arg); err != nil {
				err = engine.ReplyError("ERR Invalid " + what + " for XCLAIM")
			}
		}
		return n
	}
	args := c.Args
	o.time, o.count = -1, -1
	if o.idle = max(number(args[4], "min-idle-time argument"), 0); err != nil {
		return o, err
	}
	i := 5
	for i < len(args) {
		if _, err := parseStreamID(args[i], 0, true, nil); err != nil {
			break
		}
		i++
	}
	o.ids = args[5:i]
	for ; i < len(args) && err == nil; i++ {
		more := i+1 < len(args)
		switch {
		case is(args[i], "FORCE"):
			o.force = true
		case is(args[i], "JUSTID"):
			o.just = true
		case is(args[i], "IDLE") && more:
			i++
			o.time = int64(c.Now) - number(args[i], "IDLE option argument")
		case is(args[i], "TIME") && more:
			i++
			o.time = number(args[i], "TIME option argument")
		case is(args[i], "RETRYCOUNT") && more:
			i++
			o.count = number(args[i], "RETRYCOUNT option argument")
		case is(args[i], "LASTID") && more:
			i++
			o.last, err = parseStreamID(args[i], 0, true, nil)
		default:
			return o, engine.Errorf("ERR Unrecognized XCLAIM option '%s'", shown(args[i]))
		}
	}
	// A time in the future, or before all time, is a slip of the client's clock.
	if o.time < 0 || o.time > int64(c.Now) {
		o.time = int64(c.Now)
	}
	return o, err
}

// editPending begins the change of the group that Args[2] names in the stream at Args[1], where e was found.
func editPending(c *engine.Call, e kv.Entry, found bool) (s kv.StreamEdit, group kv.StreamGroup, err error) {
	if found && e.Type() != kv.Stream {
		return s, group, engine.ErrWrongType
	}
	if found {
		_, found = e.Stream().Group(c.Args[2])
	}
	if !found {
		return s, group, errNoKeyOrGroup(c.Args[1], c.Args[2])
	}
	if s, err = c.DB.EditStream(c.Args[1]); err == nil {
		group, _ = s.View().Group(c.Args[2])
	}
	return s, group, err
}

// claimant is the consumer of the name in Args[3], made if there is none, and seen now.
func claimant(c *engine.Call, s *kv.StreamEdit, group kv.StreamGroup) kv.StreamConsumer {
	consumer, created := s.CreateConsumer(group, c.Args[3], c.Now, kv.NeverActive)
	if created {
		c.Dirty(1)
		c.Notify('t', "xgroup-createconsumer", c.Args[1])
		return consumer
	}
	consumer, _ = group.Consumer(c.Args[3])
	s.Seen(consumer, c.Now)
	return consumer
}

func xclaimCommand(c *engine.Call) error {
	v, found, err := readStream(c, c.Args[1])
	if err != nil {
		return err
	}
	if found {
		_, found = v.Group(c.Args[2])
	}
	if !found {
		return errNoKeyOrGroup(c.Args[1], c.Args[2])
	}
	o, err := parseClaimOptions(c)
	if err != nil {
		return err
	}
	s, err := c.DB.EditStream(c.Args[1])
	if err != nil {
		return err
	}
	c.NoPropagate() // each claim is an effect of its own
	group, _ := s.View().Group(c.Args[2])
	advanced := group.Last().Less(o.last)
	if advanced {
		s.SetGroup(group, o.last, group.Read())
	}
	consumer := claimant(c, &s, group)
	at, n := len(c.W.Buf), 0
	for _, arg := range o.ids {
		id, _ := parseStreamID(arg, 0, true, nil)
		p, pending := group.Find(id)
		if !s.View().Has(id) {
			if pending {
				replaceClaimArg(c, c.Args[1], c.Args[2], group, id, arg)
				advanced = false
				s.Ack(group, id)
				c.Dirty(1)
			}
			continue
		}
		if !pending && !o.force || pending && o.idle != 0 && int64(c.Now-p.Time) < o.idle {
			continue
		}
		count := p.Count
		if !pending {
			count = 1
		}
		if o.count >= 0 {
			count = o.count
		} else if !o.just {
			count++
		}
		s.Deliver(group, consumer, id, kv.Millis(o.time), count)
		s.Active(consumer, c.Now)
		replyClaimed(c, &s, id, o.just)
		n++
		replaceClaimArg(c, c.Args[1], c.Args[2], group, id, arg)
		advanced = false
		c.Dirty(1)
	}
	if advanced {
		replaceGroup(c, c.Args[1], c.Args[2], group)
		c.Dirty(1)
	}
	s.Done()
	c.W.ArrayAt(at, n)
	return nil
}

// replyClaimed replies an entry that was claimed.
func replyClaimed(c *engine.Call, s *kv.StreamEdit, id kv.StreamID, just bool) {
	if just {
		bulkStreamID(c, id)
		return
	}
	it := s.View().Range(id, id, false)
	it.Next()
	replyEntry(c, &it)
}

const (
	// claimAttempts is how many pending entries XAUTOCLAIM looks at for each that it may claim.
	claimAttempts = 10
	// claimMost is the highest count Redis can take memory for, 16 bytes an id, in an address space of 47 bits.
	claimMost = 1 << 47 / 16
)

func xautoclaimCommand(c *engine.Call) error {
	args := c.Args
	e, there := c.LookupRead(args[1])
	idle, err := integer(args[4])
	if err != nil {
		return engine.ReplyError("ERR Invalid min-idle-time argument for XAUTOCLAIM")
	}
	from, err := parseLow(args[5])
	if err != nil {
		return err
	}
	count, just := int64(100), false
	for i := 6; i < len(args); i++ {
		switch {
		case is(args[i], "COUNT") && i+1 < len(args):
			i++
			if count, err = integer(args[i]); err != nil || count < 1 || count > math.MaxInt64/16 {
				return engine.ReplyError("ERR COUNT must be > 0")
			}
		case is(args[i], "JUSTID"):
			just = true
		default:
			return engine.ErrSyntax
		}
	}
	s, group, err := editPending(c, e, there)
	if err != nil {
		return err
	}
	if count >= claimMost {
		s.Done()
		return engine.ReplyError("ERR Insufficient memory, failed allocating transient memory, COUNT too high.")
	}
	c.NoPropagate()
	consumer := claimant(c, &s, group)
	var deleted []kv.StreamID
	body, n := len(c.W.Buf), 0
	next, more := from, true
	for attempts := count * claimAttempts; attempts > 0 && count > 0; attempts-- {
		p, found := group.FirstPending(next)
		if !found {
			more = false
			break
		}
		if next, more = p.ID.Next(); !more {
			attempts = 0
		}
		if !s.View().Has(p.ID) {
			replaceClaim(c, args[1], args[2], group, p.ID)
			c.Dirty(1)
			s.Ack(group, p.ID)
			deleted = append(deleted, p.ID)
			count--
			continue
		}
		if idle > 0 && int64(c.Now-p.Time) < idle {
			continue
		}
		if !just {
			p.Count++
		}
		s.Deliver(group, consumer, p.ID, c.Now, p.Count)
		s.Active(consumer, c.Now)
		replyClaimed(c, &s, p.ID, just)
		n++
		count--
		replaceClaim(c, args[1], args[2], group, p.ID)
		c.Dirty(1)
	}
	var cursor kv.StreamID
	if more {
		if p, found := group.FirstPending(next); found {
			cursor = p.ID
		}
	}
	s.Done()
	// The cursor goes ahead of what is already written.
	c.W.ArrayAt(body, n)
	claimed := append([]byte(nil), c.W.Buf[body:]...)
	c.W.Buf = c.W.Buf[:body]
	c.W.Array(3)
	bulkStreamID(c, cursor)
	c.W.Raw(claimed)
	c.W.Array(len(deleted))
	for _, id := range deleted {
		bulkStreamID(c, id)
	}
	return nil
}
