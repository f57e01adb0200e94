package command

import (
	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// rangeKind is what the ends of a range are.
type rangeKind uint8

const (
	byRank rangeKind = iota
	byScore
	byLex
)

// zrange is one call of the ZRANGE family.
type zrange struct {
	kind       rangeKind
	reverse    bool
	withScores bool
	limited    bool
	offset     int64
	count      int64 // -1: no limit
	min, max   []byte
	start, end int64
	scores     scoreRange
	lex        lexRange
}

func zrangeCommand(c *engine.Call) error { return replyRange(c, zrange{}, true) }

func zrevrangeCommand(c *engine.Call) error { return replyRange(c, zrange{reverse: true}, false) }

func zrangebyscoreCommand(c *engine.Call) error { return replyRange(c, zrange{kind: byScore}, false) }

func zrevrangebyscoreCommand(c *engine.Call) error {
	return replyRange(c, zrange{kind: byScore, reverse: true}, false)
}

func zrangebylexCommand(c *engine.Call) error { return replyRange(c, zrange{kind: byLex}, false) }

func zrevrangebylexCommand(c *engine.Call) error {
	return replyRange(c, zrange{kind: byLex, reverse: true}, false)
}

// parse reads the ends of the range and the options behind them, from argument number at on. open: the kind and direction
// are options, as in ZRANGE and ZRANGESTORE.
func (r *zrange) parse(c *engine.Call, at int, open, store bool) error {
	r.min, r.max, r.count = c.Args[at], c.Args[at+1], -1
	args := c.Args[at+2:]
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case !store && is(a, "WITHSCORES"):
			r.withScores = true
		case is(a, "LIMIT") && i+2 < len(args):
			var err error
			if r.offset, err = integer(args[i+1]); err != nil {
				return err
			}
			if r.count, err = integer(args[i+2]); err != nil {
				return err
			}
			r.limited = true
			i += 2
		case open && !r.reverse && is(a, "REV"):
			r.reverse = true
		case open && r.kind == byRank && is(a, "BYLEX"):
			r.kind = byLex
		case open && r.kind == byRank && is(a, "BYSCORE"):
			r.kind = byScore
		default:
			return engine.ErrSyntax
		}
	}
	if r.limited && r.kind == byRank && r.count == -1 { // Redis takes a LIMIT of -1 for none
		r.limited = false
	}
	if r.limited && r.kind == byRank {
		return engine.ReplyError("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	}
	if r.withScores && r.kind == byLex {
		return engine.ReplyError("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
	}
	if r.reverse && r.kind != byRank {
		r.min, r.max = r.max, r.min
	}
	return r.parseEnds()
}

func (r *zrange) parseEnds() (err error) {
	switch r.kind {
	case byRank:
		if r.start, err = integer(r.min); err != nil {
			return err
		}
		r.end, err = integer(r.max)
	case byScore:
		r.scores, err = parseScoreRange(r.min, r.max)
	case byLex:
		r.lex, err = parseLexRange(r.min, r.max)
	}
	return err
}

// positions is the part of the set in the range without the limit, [from, to), by position from the lowest.
func (r *zrange) positions(z kv.ZSetView) (from, to int) {
	switch r.kind {
	case byScore:
		return r.scores.positions(z)
	case byLex:
		return r.lex.positions(z)
	}
	from, to = rankRange(r.start, r.end, z.Len())
	if r.reverse {
		n := z.Len()
		from, to = n-to, n-from
	}
	return from, to
}

// rankRange makes a range of positions, counted from the end when negative, [from, to) of n; empty ranges are 0, 0.
func rankRange(start, end int64, n int) (from, to int) {
	size := int64(n)
	if start < 0 {
		start = max(start+size, 0)
	}
	if end < 0 {
		end += size
	}
	end = min(end, size-1)
	if start > end || start >= size {
		return 0, 0
	}
	return int(start), int(end) + 1
}

// each visits the members of the range in its direction, with scores if asked for; count hears first how many there are.
func (r *zrange) each(z kv.ZSetView, scores bool, count func(n int), visit func(m kv.Elem, score float64)) {
	from, to := r.positions(z)
	if r.limited {
		if r.offset < 0 || r.offset >= int64(to-from) {
			from, to = 0, 0
		} else if r.reverse {
			to -= int(r.offset)
			if r.count >= 0 {
				from = max(from, to-int(min(r.count, int64(to))))
			}
		} else {
			from += int(r.offset)
			if r.count >= 0 {
				to = from + int(min(r.count, int64(to-from)))
			}
		}
	}
	count(to - from)
	z.Range(from, to, r.reverse, scores, visit)
}

func replyRange(c *engine.Call, r zrange, open bool) error {
	if err := r.parse(c, 2, open, false); err != nil {
		return err
	}
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.EmptyArray()
		return nil
	}
	p := pairs{c, r.withScores}
	r.each(z, r.withScores, p.header, p.write)
	return nil
}

func zrangestoreCommand(c *engine.Call) error {
	var r zrange
	if err := r.parse(c, 3, true, true); err != nil {
		return err
	}
	z, found, err := readZSet(c, c.Args[2])
	if err != nil {
		return err
	}
	var result []scored
	if found {
		r.each(z, true, func(n int) { result = make([]scored, 0, n) }, func(m kv.Elem, score float64) {
			result = append(result, scored{m.Append(nil), score})
		})
	}
	if r.kind != byRank {
		return storeZSetAs(c, c.Args[1], "zrangestore", result, 0, 0) // Redis does not know how many there will be
	}
	return storeZSetAs(c, c.Args[1], "zrangestore", result, len(result), 0)
}

// scored is a member of a result.
type scored struct {
	member []byte
	score  float64
}

// storeZSet puts a result in place of whatever the destination held, and replies its size.
func storeZSet(c *engine.Call, key []byte, event string, result []scored) error {
	longest := 0
	for i := range result {
		longest = max(longest, len(result[i].member))
	}
	return storeZSetAs(c, key, event, result, len(result), longest)
}

// storeZSetAs is storeZSet with what Redis knows of the result when it chooses the encoding.
func storeZSetAs(c *engine.Call, key []byte, event string, result []scored, expected, longest int) error {
	_, there := c.LookupWrite(key)
	if len(result) == 0 {
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
	z, err := c.DB.EditZSet(key, expected, longest)
	if err != nil {
		return err
	}
	for i := range result {
		z.Add(result[i].member, result[i].score)
	}
	z.Done()
	c.Notify('z', event, key)
	c.Dirty(1)
	c.W.Int(int64(len(result)))
	return nil
}

func zcountCommand(c *engine.Call) error { return countRange(c, byScore) }

func zlexcountCommand(c *engine.Call) error { return countRange(c, byLex) }

func countRange(c *engine.Call, kind rangeKind) error {
	r := zrange{kind: kind, min: c.Args[2], max: c.Args[3]}
	if err := r.parseEnds(); err != nil {
		return err
	}
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	from, to := 0, 0
	if found {
		from, to = r.positions(z)
	}
	c.W.Int(int64(to - from))
	return nil
}

func zremrangebyrankCommand(c *engine.Call) error { return removeRange(c, byRank, "zremrangebyrank") }

func zremrangebyscoreCommand(c *engine.Call) error {
	return removeRange(c, byScore, "zremrangebyscore")
}

func zremrangebylexCommand(c *engine.Call) error { return removeRange(c, byLex, "zremrangebylex") }

func removeRange(c *engine.Call, kind rangeKind, event string) error {
	r := zrange{kind: kind, min: c.Args[2], max: c.Args[3]}
	if err := r.parseEnds(); err != nil {
		return err
	}
	e, found := c.LookupWrite(c.Args[1])
	if !found {
		c.W.Int(0)
		return nil
	}
	if e.Type() != kv.ZSet {
		return engine.ErrWrongType
	}
	from, to := r.positions(e.ZSet())
	if from < to {
		z, err := c.DB.EditZSet(c.Args[1], 0, 0)
		if err != nil {
			panic("command: a sorted set became another type: " + err.Error())
		}
		removePositions(c, c.Args[1], &z, event, from, to)
	}
	c.W.Int(int64(to - from))
	return nil
}

// removePositions removes members by position, and the key when none is left. It ends the edit.
func removePositions(c *engine.Call, key []byte, z *kv.ZSetEdit, event string, from, to int) {
	z.DeleteRange(from, to)
	gone := z.Done()
	c.Notify('z', event, key)
	if gone {
		c.Notify('g', "del", key)
	}
	c.Dirty(to - from)
}
