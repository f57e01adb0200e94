package command

import (
	"slices"

	"frankenredis/kv"
	"frankenredis/kv/geohash"
	"frankenredis/wire/engine"
)

// geoQuery is one call of GEORADIUS, GEORADIUSBYMEMBER or GEOSEARCH, or a kin of theirs.
type geoQuery struct {
	shape    geohash.Shape
	key      []byte
	storeKey []byte // nil: reply

	storeDist                     bool
	withDist, withHash, withPlace bool
	any, descending, sorted       bool
	count                         int64 // 0: no limit

	zset  kv.ZSetView
	found bool
}

// geoMatch is a member that was found.
type geoMatch struct {
	member   []byte
	score    float64
	distance float64 // metres
}

const errNoSuchMember = engine.ReplyError("ERR could not decode requested zset member")

// geoForm says which command it is.
type geoForm struct {
	byMember, search, mayStore bool
	options                    int // argument number of the first option
}

func georadiusCommand(c *engine.Call) error {
	return geoSearch(c, geoForm{mayStore: true, options: 6})
}

func georadiusRoCommand(c *engine.Call) error { return geoSearch(c, geoForm{options: 6}) }

func georadiusbymemberCommand(c *engine.Call) error {
	return geoSearch(c, geoForm{byMember: true, mayStore: true, options: 5})
}

func georadiusbymemberRoCommand(c *engine.Call) error {
	return geoSearch(c, geoForm{byMember: true, options: 5})
}

func geosearchCommand(c *engine.Call) error { return geoSearch(c, geoForm{search: true, options: 2}) }

func geosearchstoreCommand(c *engine.Call) error {
	return geoSearch(c, geoForm{search: true, mayStore: true, options: 3})
}

func geoSearch(c *engine.Call, form geoForm) error {
	q := geoQuery{key: c.Args[1]}
	if form.search && form.mayStore {
		q.storeKey, q.key = c.Args[1], c.Args[2]
	}
	var err error
	if q.zset, q.found, err = readZSet(c, q.key); err != nil {
		return err
	}
	if err := q.parse(c, form); err != nil {
		return err
	}
	if !q.found {
		if q.storeKey == nil {
			c.W.EmptyArray()
			return nil
		}
		return storeZSet(c, q.storeKey, "", nil)
	}
	matches := q.matches()
	if q.count != 0 && int64(len(matches)) > q.count {
		matches = matches[:q.count]
	}
	if q.storeKey == nil {
		q.reply(c, matches)
		return nil
	}
	result := make([]scored, len(matches))
	for i, m := range matches {
		result[i] = scored{m.member, m.score}
		if q.storeDist {
			result[i].score = m.distance / q.shape.Unit
		}
	}
	event := "georadiusstore"
	if form.search {
		event = "geosearchstore"
	}
	if len(result) > 1 {
		c.Dirty(len(result) - 1) // Redis counts every member here
	}
	return storeZSet(c, q.storeKey, event, result)
}

// parse reads what stands behind the key.
func (q *geoQuery) parse(c *engine.Call, form geoForm) error {
	args := c.Args
	if !form.search && (q.found || !form.byMember) {
		var err error
		if form.byMember {
			err = q.centreOn(args[2])
		} else {
			q.shape.Lon, q.shape.Lat, err = geoPlace(args[2], args[3])
		}
		if err != nil {
			return err
		}
		if err := q.circle(args[form.options-2], args[form.options-1]); err != nil {
			return err
		}
	}
	var centre, extent string // how they were given
	for i := form.options; i < len(args); i++ {
		left := len(args) - 1 - i
		var err error
		switch a := args[i]; {
		case is(a, "WITHDIST"):
			q.withDist = true
		case is(a, "WITHHASH"):
			q.withHash = true
		case is(a, "WITHCOORD"):
			q.withPlace = true
		case is(a, "ANY"):
			q.any = true
		case is(a, "ASC"):
			q.sorted, q.descending = true, false
		case is(a, "DESC"):
			q.sorted, q.descending = true, true
		case is(a, "COUNT") && left >= 1:
			if q.count, err = integer(args[i+1]); err == nil && q.count <= 0 {
				err = engine.ReplyError("ERR COUNT must be > 0")
			}
			i++
		case !form.search && form.mayStore && (is(a, "STORE") || is(a, "STOREDIST")) && left >= 1:
			q.storeKey, q.storeDist = args[i+1], is(a, "STOREDIST")
			i++
		case form.search && is(a, "FROMMEMBER") && left >= 1 && centre != "place":
			centre = "member"
			if q.found {
				err = q.centreOn(args[i+1])
			}
			i++
		case form.search && is(a, "FROMLONLAT") && left >= 2 && centre != "member":
			centre = "place"
			q.shape.Lon, q.shape.Lat, err = geoPlace(args[i+1], args[i+2])
			i += 2
		case form.search && is(a, "BYRADIUS") && left >= 2 && extent != "box":
			extent = "circle"
			err = q.circle(args[i+1], args[i+2])
			i += 2
		case form.search && is(a, "BYBOX") && left >= 3 && extent != "circle":
			extent = "box"
			err = q.box(args[i+1], args[i+2], args[i+3])
			i += 3
		case form.search && form.mayStore && is(a, "STOREDIST"):
			q.storeDist = true
		default:
			return engine.ErrSyntax
		}
		if err != nil {
			return err
		}
	}
	if q.storeKey != nil && (q.withDist || q.withHash || q.withPlace) {
		who := "STORE option in GEORADIUS"
		if form.search {
			who = "GEOSEARCHSTORE"
		}
		return engine.Errorf("ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options", who)
	}
	switch {
	case form.search && centre == "":
		return engine.Errorf("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", shown(args[0]))
	case form.search && extent == "":
		return engine.Errorf("ERR exactly one of BYRADIUS and BYBOX can be specified for %s", shown(args[0]))
	case q.any && q.count == 0:
		return engine.ReplyError("ERR the ANY argument requires COUNT argument")
	}
	if q.count != 0 && !q.any {
		q.sorted = true // the nearest ones, unless asked otherwise
	}
	return nil
}

// centreOn puts the centre where a member is.
func (q *geoQuery) centreOn(member []byte) error {
	score, there := q.zset.Score(member)
	if !there {
		return errNoSuchMember
	}
	q.shape.Lon, q.shape.Lat = geohash.Decode(score)
	return nil
}

func (q *geoQuery) circle(radius, unit []byte) (err error) {
	var ok bool
	if q.shape.Radius, ok = parseDouble(radius); !ok {
		return engine.ReplyError("ERR need numeric radius")
	}
	if q.shape.Radius < 0 {
		return engine.ReplyError("ERR radius cannot be negative")
	}
	q.shape.Unit, err = geoUnit(unit)
	return err
}

func (q *geoQuery) box(width, height, unit []byte) (err error) {
	var ok bool
	if q.shape.Width, ok = parseDouble(width); !ok {
		return engine.ReplyError("ERR need numeric width")
	}
	if q.shape.Height, ok = parseDouble(height); !ok {
		return engine.ReplyError("ERR need numeric height")
	}
	if q.shape.Width < 0 || q.shape.Height < 0 {
		return engine.ReplyError("ERR height or width cannot be negative")
	}
	q.shape.Box = true
	q.shape.Unit, err = geoUnit(unit)
	return err
}

// matches finds the members in the shape, in the order asked for.
func (q *geoQuery) matches() []geoMatch {
	var found []geoMatch
	var few [9]geohash.Range
	enough := func() bool { return q.any && int64(len(found)) >= q.count }
	for _, cells := range q.shape.AppendRanges(few[:0]) {
		if enough() {
			break
		}
		r := scoreRange{min: cells.Min, max: cells.Max, maxEx: true}
		from, to := r.positions(q.zset)
		if from == to {
			continue
		}
		for cur := q.zset.At(from); cur.Pos() < to && !enough(); cur.Next() {
			score := cur.Score()
			if _, _, metres, in := q.shape.Contains(score); in {
				found = append(found, geoMatch{cur.Member().Append(nil), score, metres})
			}
		}
	}
	if q.sorted {
		slices.SortStableFunc(found, func(a, b geoMatch) int {
			d := 0
			if a.distance < b.distance {
				d = -1
			} else if a.distance > b.distance {
				d = 1
			}
			if q.descending {
				d = -d
			}
			return d
		})
	}
	return found
}

func (q *geoQuery) reply(c *engine.Call, matches []geoMatch) {
	parts := 1
	for _, with := range [...]bool{q.withDist, q.withHash, q.withPlace} {
		if with {
			parts++
		}
	}
	c.W.Array(len(matches))
	for i := range matches {
		m := &matches[i]
		if parts > 1 {
			c.W.Array(parts)
		}
		c.W.Bulk(m.member)
		if q.withDist {
			replyDistance(c, m.distance/q.shape.Unit)
		}
		if q.withHash {
			c.W.Int(int64(m.score))
		}
		if q.withPlace {
			replyPlace(c, m.score)
		}
	}
}
