package command

import (
	"strconv"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// streamOptions are the options of XADD and XTRIM.
type streamOptions struct {
	at     int // XADD: where the id stands
	id     kv.StreamID
	given  bool // the id is not "*"
	auto   bool // its sequence number is
	noMake bool
	trims  bool
	trim   kv.StreamTrim
	trimAt int // where the threshold stands
}

// parseStreamOptions reads what stands before the fields of XADD, the id included, or all of XTRIM's options.
func parseStreamOptions(c *engine.Call, add bool) (o streamOptions, err error) {
	limit, limited := int64(0), false
	args := c.Args
	i := 2
options:
	for ; i < len(args); i++ {
		more := len(args) - 1 - i
		byCount := is(args[i], "MAXLEN")
		switch {
		case add && shown(args[i]) == "*":
			break options
		case (byCount || is(args[i], "MINID")) && more > 0:
			if o.trims {
				return o, engine.ReplyError("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
			}
			o.trims = true
			if next := shown(args[i+1]); more >= 2 && (next == "~" || next == "=") {
				o.trim.Nodes = next == "~"
				i++
			}
			i++
			o.trimAt = i
			if byCount {
				if o.trim.Most, err = integer(args[i]); err != nil {
					return o, err
				}
				if o.trim.Most < 0 {
					return o, engine.ReplyError("ERR The MAXLEN argument must be >= 0.")
				}
				continue
			}
			id, err := parseStreamID(args[i], 0, true, nil)
			if err != nil {
				return o, err
			}
			o.trim.By = &id
		case is(args[i], "LIMIT") && more > 0:
			i++
			if limit, err = integer(args[i]); err != nil {
				return o, err
			}
			if limit < 0 {
				return o, engine.ReplyError("ERR The LIMIT argument must be >= 0.")
			}
			limited = true
		case add && is(args[i], "NOMKSTREAM"):
			o.noMake = true
		case add:
			if o.id, err = parseStreamID(args[i], 0, true, &o.auto); err != nil {
				return o, err
			}
			o.given = true
			break options
		default:
			return o, engine.ErrSyntax
		}
	}
	o.at = i
	if limit != 0 && !o.trims {
		return o, engine.ReplyError("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
	}
	if !add && !o.trims {
		return o, engine.ReplyError("ERR syntax error, XTRIM must be called with a trimming strategy")
	}
	switch {
	case c.Obeyed():
		// What is in the log says exactly what was trimmed, and may still have a limit.
	case limited && !o.trim.Nodes:
		return o, engine.ReplyError("ERR syntax error, LIMIT cannot be used without the special ~ option")
	case limited:
		o.trim.Limit = limit
	case o.trim.Nodes:
		// A hundred nodes at once, or what keeps the executor for no longer.
		n := int64(c.E.Keyspace().Limits().StreamEntries)
		if n > 1000000/100 {
			n = 1000000 / 100
		}
		if o.trim.Limit = 100 * n; n <= 0 {
			o.trim.Limit = 10000
		}
	}
	return o, nil
}

// exactly stands before the threshold of an exact trimming.
var exactly = []byte("=")

// replaceTrimmed propagates an XADD with the id that was made, and an approximate trimming as the exact one that it was.
func replaceTrimmed(c *engine.Call, s *kv.StreamEdit, o *streamOptions, id kv.StreamID) {
	made := !id.Zero() && (!o.given || o.auto)
	if !made && !o.trim.Nodes || !c.Streams() {
		return
	}
	var few [16][]byte
	var idText, trimText [streamIDLen]byte
	argv := append(few[:0], c.Args...)
	if made {
		argv[o.at] = appendStreamID(idText[:0], id)
	}
	if o.trim.Nodes {
		argv[o.trimAt-1] = exactly
		if o.trim.By == nil {
			argv[o.trimAt] = strconv.AppendInt(trimText[:0], s.Length, 10)
		} else {
			first, ok := s.View().Edge(false, true)
			if !ok {
				first = kv.MaxStreamID
			}
			argv[o.trimAt] = appendStreamID(trimText[:0], first)
		}
	}
	c.Replace(argv...)
}

func xsetidCommand(c *engine.Call) error {
	id, err := parseStreamID(c.Args[2], 0, true, nil)
	if err != nil {
		return err
	}
	var maxDeleted kv.StreamID
	added := int64(-1)
	for i := 3; i < len(c.Args); i += 2 {
		switch {
		case is(c.Args[i], "ENTRIESADDED") && i+1 < len(c.Args):
			if added, err = integer(c.Args[i+1]); err != nil {
				return err
			}
			if added < 0 {
				return engine.ReplyError("ERR entries_added must be positive")
			}
		case is(c.Args[i], "MAXDELETEDID") && i+1 < len(c.Args):
			if maxDeleted, err = parseStreamID(c.Args[i+1], 0, true, nil); err != nil {
				return err
			}
			if id.Less(maxDeleted) {
				return engine.ReplyError("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
			}
		default:
			return engine.ErrSyntax
		}
	}
	found, err := writeStream(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		return engine.ErrNoSuchKey
	}
	s, err := c.DB.EditStream(c.Args[1])
	if err != nil {
		return err
	}
	top, _ := s.View().Edge(true, false)
	switch {
	case id.Less(s.MaxDeleted):
		err = engine.ReplyError("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
	case s.Length > 0 && id.Less(top):
		err = engine.ReplyError("ERR The ID specified in XSETID is smaller than the target stream top item")
	case s.Length > 0 && added != -1 && s.Length > added:
		err = engine.ReplyError("ERR The entries_added specified in XSETID is smaller than the target stream length")
	}
	if err != nil {
		s.Done()
		return err
	}
	if added == -1 {
		added = s.Added
	}
	if maxDeleted.Zero() {
		maxDeleted = s.MaxDeleted
	}
	s.SetInfo(id, maxDeleted, added)
	s.Done()
	c.Dirty(1)
	c.Notify('t', "xsetid", c.Args[1])
	c.W.OK()
	return nil
}
