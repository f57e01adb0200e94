package command

import (
	"math"

	"frankenredis/kv"
	"frankenredis/kv/double"
	"frankenredis/wire/engine"
)

var zsetCommands = []engine.Spec{
	{Name: "bzmpop", Arity: -5, Flags: engine.Write | engine.Blocking | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 2, KeyNum: true, FirstKey: 1}},
		Handler: bzmpopCommand},
	{Name: "bzpopmax", Arity: -3, Flags: engine.Write | engine.Blocking | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1, Last: -2}},
		Handler: bzpopmaxCommand},
	{Name: "bzpopmin", Arity: -3, Flags: engine.Write | engine.Blocking | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1, Last: -2}},
		Handler: bzpopminCommand},
	{Name: "zadd", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: zaddCommand},
	{Name: "zcard", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: zcardCommand},
	{Name: "zcount", Arity: 4, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zcountCommand},
	{Name: "zdiff", Arity: -3, Flags: engine.ReadOnly | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: zdiffCommand},
	{Name: "zdiffstore", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, KeyNum: true, FirstKey: 1}},
		Handler: zdiffstoreCommand},
	{Name: "zincrby", Arity: 4, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: zincrbyCommand},
	{Name: "zinter", Arity: -3, Flags: engine.ReadOnly | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: zinterCommand},
	{Name: "zintercard", Arity: -3, Flags: engine.ReadOnly | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: zintercardCommand},
	{Name: "zinterstore", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, KeyNum: true, FirstKey: 1}},
		Handler: zinterstoreCommand},
	{Name: "zlexcount", Arity: 4, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zlexcountCommand},
	{Name: "zmpop", Arity: -4, Flags: engine.Write | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: zmpopCommand},
	{Name: "zmscore", Arity: -3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zmscoreCommand},
	{Name: "zpopmax", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}},
		Handler: zpopmaxCommand},
	{Name: "zpopmin", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}},
		Handler: zpopminCommand},
	{Name: "zrandmember", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: zrandmemberCommand},
	{Name: "zrange", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrangeCommand},
	{Name: "zrangebylex", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrangebylexCommand},
	{Name: "zrangebyscore", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrangebyscoreCommand},
	{Name: "zrangestore", Arity: -5, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2}},
		Handler: zrangestoreCommand},
	{Name: "zrank", Arity: -3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrankCommand},
	{Name: "zrem", Arity: -3, Flags: engine.Write | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: zremCommand},
	{Name: "zremrangebylex", Arity: 4, Flags: engine.Write, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: zremrangebylexCommand},
	{Name: "zremrangebyrank", Arity: 4, Flags: engine.Write, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: zremrangebyrankCommand},
	{Name: "zremrangebyscore", Arity: 4, Flags: engine.Write, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: zremrangebyscoreCommand},
	{Name: "zrevrange", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrevrangeCommand},
	{Name: "zrevrangebylex", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrevrangebylexCommand},
	{Name: "zrevrangebyscore", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrevrangebyscoreCommand},
	{Name: "zrevrank", Arity: -3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zrevrankCommand},
	{Name: "zscan", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: zscanCommand},
	{Name: "zscore", Arity: 3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: zscoreCommand},
	{Name: "zunion", Arity: -3, Flags: engine.ReadOnly | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: zunionCommand},
	{Name: "zunionstore", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.MovableKeys, Categories: engine.CatSortedSet,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2, KeyNum: true, FirstKey: 1}},
		Handler: zunionstoreCommand},
}

const errScoreNaN = engine.ReplyError("ERR resulting score is not a number (NaN)")

// readZSet is the sorted set at key for reading; found is false when there is none.
func readZSet(c *engine.Call, key []byte) (z kv.ZSetView, found bool, err error) {
	e, found := c.LookupRead(key)
	if !found {
		return z, false, nil
	}
	if e.Type() != kv.ZSet {
		return z, false, engine.ErrWrongType
	}
	return e.ZSet(), true, nil
}

// addOptions are the options of ZADD.
type addOptions struct{ nx, xx, gt, lt, ch, incr bool }

func parseAddOptions(c *engine.Call) (o addOptions, from int) {
	for from = 2; from < len(c.Args); from++ {
		switch a := c.Args[from]; {
		case is(a, "NX"):
			o.nx = true
		case is(a, "XX"):
			o.xx = true
		case is(a, "CH"):
			o.ch = true
		case is(a, "INCR"):
			o.incr = true
		case is(a, "GT"):
			o.gt = true
		case is(a, "LT"):
			o.lt = true
		default:
			return o, from
		}
	}
	return o, from
}

func zaddCommand(c *engine.Call) error {
	o, from := parseAddOptions(c)
	pairs := c.Args[from:]
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		return engine.ErrSyntax
	case o.nx && o.xx:
		return engine.ReplyError("ERR XX and NX options at the same time are not compatible")
	case (o.gt && o.nx) || (o.lt && o.nx) || (o.gt && o.lt):
		return engine.ReplyError("ERR GT, LT, and/or NX options at the same time are not compatible")
	case o.incr && len(pairs) > 2:
		return engine.ReplyError("ERR INCR option supports a single increment-element pair")
	}
	return addScores(c, pairs, o)
}

// zincrbyCommand takes a word that is one of ZADD's options for that option, as Redis does, after which nothing is right any more.
func zincrbyCommand(c *engine.Call) error {
	if _, from := parseAddOptions(c); from > 2 {
		return engine.ErrSyntax
	}
	return addScores(c, c.Args[2:], addOptions{incr: true})
}

// addScores is ZADD and ZINCRBY behind their options: pairs of score and member.
func addScores(c *engine.Call, pairs [][]byte, o addOptions) error {
	key := c.Args[1]
	var few [8]float64
	scores := few[:0]
	for i := 0; i < len(pairs); i += 2 {
		f, ok := parseDouble(pairs[i])
		if !ok {
			return engine.ErrNotFloat
		}
		scores = append(scores, f)
	}
	z, err := c.DB.EditZSet(key, len(scores), len(pairs[1]))
	if err != nil {
		return err
	}
	var added, updated int
	done := false // by INCR
	var result float64
	switch {
	case z.Found():
		z.Expect(len(scores))
	case o.xx:
		scores = nil
	}
	for i, score := range scores {
		member := pairs[2*i+1]
		current, there := z.Score(member)
		switch {
		case there && o.nx, !there && o.xx:
			continue
		case !there:
			z.Add(member, score)
			added++
		default:
			if o.incr {
				if score += current; math.IsNaN(score) {
					z.Done()
					return errScoreNaN
				}
			}
			if (o.lt && score >= current) || (o.gt && score <= current) {
				continue
			}
			if score != current {
				z.Move(member, current, score)
				updated++
			}
		}
		result, done = score, true
	}
	z.Done()
	c.Dirty(added + updated)
	if added+updated > 0 {
		event := "zadd"
		if o.incr {
			event = "zincr"
		}
		c.Notify('z', event, key)
	}
	switch {
	case !o.incr && o.ch:
		c.W.Int(int64(added + updated))
	case !o.incr:
		c.W.Int(int64(added))
	case done:
		c.W.Double(result)
	default:
		c.W.Null()
	}
	return nil
}

func zremCommand(c *engine.Call) error {
	z, err := c.DB.EditZSet(c.Args[1], 0, 0)
	if err != nil {
		return err
	}
	removed := 0
	for _, m := range c.Args[2:] {
		if z.Delete(m) {
			if removed++; z.Len() == 0 {
				break
			}
		}
	}
	gone := z.Done()
	if removed > 0 {
		c.Notify('z', "zrem", c.Args[1])
		if gone {
			c.Notify('g', "del", c.Args[1])
		}
		c.Dirty(removed)
	}
	c.W.Int(int64(removed))
	return nil
}

func zcardCommand(c *engine.Call) error {
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	n := 0
	if found {
		n = z.Len()
	}
	c.W.Int(int64(n))
	return nil
}

func zscoreCommand(c *engine.Call) error {
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	replyScore(c, z, found, c.Args[2])
	return nil
}

func zmscoreCommand(c *engine.Call) error {
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	c.W.Array(len(c.Args) - 2)
	for _, m := range c.Args[2:] {
		replyScore(c, z, found, m)
	}
	return nil
}

// replyScore replies the score of a member, or null.
func replyScore(c *engine.Call, z kv.ZSetView, found bool, member []byte) {
	if found {
		if score, there := z.Score(member); there {
			c.W.Double(score)
			return
		}
	}
	c.W.Null()
}

func zrankCommand(c *engine.Call) error { return rank(c, false) }

func zrevrankCommand(c *engine.Call) error { return rank(c, true) }

func rank(c *engine.Call, fromHighest bool) error {
	if len(c.Args) > 4 {
		return engine.ErrArity(c.Spec.FullName())
	}
	withScore := len(c.Args) == 4
	if withScore && !is(c.Args[3], "WITHSCORE") {
		return engine.ErrSyntax
	}
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	var pos int
	var score float64
	if found {
		pos, score, found = z.Rank(c.Args[2])
	}
	switch {
	case !found && withScore:
		c.W.NullArray()
		return nil
	case !found:
		c.W.Null()
		return nil
	case fromHighest:
		pos = z.Len() - 1 - pos
	}
	if withScore {
		c.W.Array(2)
	}
	c.W.Int(int64(pos))
	if withScore {
		c.W.Double(score)
	}
	return nil
}

func zscanCommand(c *engine.Call) error {
	return scanElements(c, kv.ZSet, func(e kv.Entry, cursor uint64, visit func(kv.Elem, func())) uint64 {
		// As in Redis: a packed set shows what it holds, a table's scores go through C's %.17g.
		print := double.Append
		if !e.Encoding().IsPacked() {
			print = double.Append17
		}
		return e.ScanZSet(cursor, func(m kv.Elem, score float64) {
			visit(m, func() {
				var text [double.MaxSize]byte
				bulkElem(c, m)
				c.W.Bulk(print(text[:0], score))
			})
		})
	}, 2)
}

func zrandmemberCommand(c *engine.Call) error {
	if len(c.Args) == 2 {
		e, found, err := zsetEntry(c)
		switch {
		case err != nil:
			return err
		case !found:
			c.W.Null()
		default:
			member, _ := e.RandomZSet()
			bulkElem(c, member)
		}
		return nil
	}
	count, err := integerIn(c.Args[2], -math.MaxInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	withScores := len(c.Args) == 4
	if len(c.Args) > 4 || (withScores && !is(c.Args[3], "WITHSCORES")) {
		return engine.ErrSyntax
	}
	if withScores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		return engine.ErrOutOfRange
	}
	e, found, err := zsetEntry(c)
	if err != nil {
		return err
	}
	if !found || count == 0 {
		c.W.EmptyArray()
		return nil
	}
	p := pairs{c, withScores}
	if count < 0 {
		p.header(int(-count))
		for ; count < 0 && !c.Overflowing(); count++ {
			p.write(e.RandomZSet())
		}
		return nil
	}
	n := int(min(count, int64(e.ZSet().Len())))
	p.header(n)
	e.SampleZSet(n, p.write)
	return nil
}

// zsetEntry is the entry of a sorted set for reading.
func zsetEntry(c *engine.Call) (e kv.Entry, found bool, err error) {
	e, found = c.LookupRead(c.Args[1])
	if found && e.Type() != kv.ZSet {
		return e, false, engine.ErrWrongType
	}
	return e, found, nil
}

// pairs replies members, with their scores if asked for: in RESP2 one flat array, in RESP3 an array of pairs.
type pairs struct {
	c      *engine.Call
	scores bool
}

func (p pairs) header(n int) {
	if p.scores && p.c.W.Proto < 3 {
		n *= 2
	}
	p.c.W.Array(n)
}

func (p pairs) write(member kv.Elem, score float64) {
	if p.scores && p.c.W.Proto >= 3 {
		p.c.W.Array(2)
	}
	bulkElem(p.c, member)
	if p.scores {
		p.c.W.Double(score)
	}
}
