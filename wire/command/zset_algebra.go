package command

import (
	"bytes"
	"math"
	"slices"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// weighed is a source of ZUNION and its kin: a sorted set, or a set, whose members count 1.
type weighed struct {
	zset   kv.ZSetView
	set    kv.SetView
	scored bool
	found  bool
	weight float64
}

func (s *weighed) len() int {
	switch {
	case !s.found:
		return 0
	case s.scored:
		return s.zset.Len()
	}
	return s.set.Len()
}

// score is a member's score times the weight.
func (s *weighed) score(member []byte) (float64, bool) {
	score, there := 1.0, false
	switch {
	case !s.found:
	case s.scored:
		score, there = s.zset.Score(member)
	default:
		there = s.set.Has(member)
	}
	return s.weigh(score), there
}

// weigh multiplies; zero times infinity counts as zero.
func (s *weighed) weigh(score float64) float64 {
	if score *= s.weight; math.IsNaN(score) {
		return 0
	}
	return score
}

// each visits all members with their weighed scores until visit returns false.
func (s *weighed) each(visit func(m kv.Elem, score float64) bool) {
	switch {
	case !s.found:
	case s.scored:
		for c := s.zset.At(0); c.Valid(); c.Next() {
			if !visit(c.Member(), s.weigh(c.Score())) {
				return
			}
		}
	default:
		one := s.weigh(1)
		s.set.Each(func(m kv.Elem) bool { return visit(m, one) })
	}
}

// aggregate is how the scores of one member are put together.
type aggregate func(a, b float64) float64

func sumScores(a, b float64) float64 {
	if a += b; math.IsNaN(a) {
		return 0 // infinities of both signs cancel out
	}
	return a
}

func minScore(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

func maxScore(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// combined is one call of ZUNION and its kin.
type combined struct {
	sources    []weighed
	aggregate  aggregate
	withScores bool
	limit      int64
}

// operation says which one.
type operation uint8

const (
	unionOf operation = iota
	intersectionOf
	differenceOf
	cardinalityOf // of the intersection
)

// parseCombined reads the sources, whose number stands at argument number at, and the options.
func parseCombined(c *engine.Call, at int, op operation, store bool) (z combined, err error) {
	n, err := integer(c.Args[at])
	if err != nil {
		return z, err
	}
	if n < 1 {
		return z, engine.Errorf("ERR at least 1 input key is needed for '%s' command", c.Spec.FullName())
	}
	rest := c.Args[at+1:]
	if n > int64(len(rest)) {
		return z, engine.ErrSyntax
	}
	for _, key := range rest[:n] {
		s := weighed{weight: 1}
		e, found := c.LookupRead(key)
		if s.found = found; found {
			switch e.Type() {
			case kv.ZSet:
				s.zset, s.scored = e.ZSet(), true
			case kv.Set:
				s.set = e.Set()
			default:
				return z, engine.ErrWrongType
			}
		}
		z.sources = append(z.sources, s)
	}
	z.aggregate = sumScores
	for rest = rest[n:]; len(rest) > 0; {
		combines := op == unionOf || op == intersectionOf
		switch a := rest[0]; {
		case combines && is(a, "WEIGHTS") && len(rest) > int(n):
			for i := range z.sources {
				var ok bool
				if z.sources[i].weight, ok = parseDouble(rest[1+i]); !ok {
					return z, engine.ReplyError("ERR weight value is not a float")
				}
			}
			rest = rest[1+n:]
		case combines && is(a, "AGGREGATE") && len(rest) > 1:
			switch word := rest[1]; {
			case is(word, "SUM"):
				z.aggregate = sumScores
			case is(word, "MIN"):
				z.aggregate = minScore
			case is(word, "MAX"):
				z.aggregate = maxScore
			default:
				return z, engine.ErrSyntax
			}
			rest = rest[2:]
		case !store && op != cardinalityOf && is(a, "WITHSCORES"):
			z.withScores = true
			rest = rest[1:]
		case op == cardinalityOf && is(a, "LIMIT") && len(rest) > 1:
			if z.limit, err = integer(rest[1]); err != nil || z.limit < 0 {
				return z, engine.ReplyError("ERR LIMIT can't be negative")
			}
			rest = rest[2:]
		default:
			return z, engine.ErrSyntax
		}
	}
	if op != differenceOf {
		// From the smallest on: less work, and the order in which Redis adds scores up.
		slices.SortStableFunc(z.sources, func(a, b weighed) int { return a.len() - b.len() })
	}
	return z, nil
}

// union is the members of all sources, in no order.
func (z *combined) union() []scored {
	var result []scored
	at := make(map[string]int)
	var buf [20]byte
	for i := range z.sources {
		z.sources[i].each(func(m kv.Elem, score float64) bool {
			member := m.Bytes(buf[:])
			if j, there := at[string(member)]; there {
				result[j].score = z.aggregate(result[j].score, score)
				return true
			}
			at[string(member)] = len(result)
			result = append(result, scored{bytes.Clone(member), score})
			return true
		})
	}
	return result
}

// intersect visits the members that are in all sources until visit returns false. The member is good during the call.
func (z *combined) intersect(visit func(member []byte, score float64) bool) {
	var buf [20]byte
	z.sources[0].each(func(m kv.Elem, score float64) bool {
		member := m.Bytes(buf[:])
		for i := range z.sources[1:] {
			other, there := z.sources[1+i].score(member)
			if !there {
				return true
			}
			score = z.aggregate(score, other)
		}
		return visit(member, score)
	})
}

// difference is the members of the first source that are in none of the others.
func (z *combined) difference() []scored {
	var result []scored
	var buf [20]byte
	z.sources[0].each(func(m kv.Elem, score float64) bool {
		member := m.Bytes(buf[:])
		for i := range z.sources[1:] {
			if _, there := z.sources[1+i].score(member); there {
				return true
			}
		}
		result = append(result, scored{bytes.Clone(member), score})
		return true
	})
	return result
}

// combine is the result in a sorted set's order.
func combine(c *engine.Call, at int, op operation, store bool) (result []scored, withScores bool, err error) {
	z, err := parseCombined(c, at, op, store)
	if err != nil {
		return nil, false, err
	}
	switch op {
	case unionOf:
		result = z.union()
	case differenceOf:
		result = z.difference()
	default:
		z.intersect(func(member []byte, score float64) bool {
			result = append(result, scored{bytes.Clone(member), score})
			return true
		})
	}
	slices.SortFunc(result, func(a, b scored) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return bytes.Compare(a.member, b.member)
	})
	return result, z.withScores, nil
}

func zunionCommand(c *engine.Call) error { return replyCombinedScores(c, unionOf) }

func zinterCommand(c *engine.Call) error { return replyCombinedScores(c, intersectionOf) }

func zdiffCommand(c *engine.Call) error { return replyCombinedScores(c, differenceOf) }

func replyCombinedScores(c *engine.Call, op operation) error {
	result, withScores, err := combine(c, 1, op, false)
	if err != nil {
		return err
	}
	p := pairs{c, withScores}
	p.header(len(result))
	for i := range result {
		p.write(kv.BytesElem(result[i].member), result[i].score)
	}
	return nil
}

func zunionstoreCommand(c *engine.Call) error { return storeCombinedScores(c, unionOf, "zunionstore") }

func zinterstoreCommand(c *engine.Call) error {
	return storeCombinedScores(c, intersectionOf, "zinterstore")
}

func zdiffstoreCommand(c *engine.Call) error {
	return storeCombinedScores(c, differenceOf, "zdiffstore")
}

func storeCombinedScores(c *engine.Call, op operation, event string) error {
	result, _, err := combine(c, 2, op, true)
	if err != nil {
		return err
	}
	return storeZSet(c, c.Args[1], event, result)
}

func zintercardCommand(c *engine.Call) error {
	z, err := parseCombined(c, 1, cardinalityOf, false)
	if err != nil {
		return err
	}
	n := int64(0)
	z.intersect(func([]byte, float64) bool {
		n++
		return z.limit == 0 || n < z.limit
	})
	c.W.Int(n)
	return nil
}
