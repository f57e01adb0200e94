package command

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"frankenredis/kv/geohash"
	"frankenredis/wire/engine"
)

var geoCommands = []engine.Spec{
	{Name: "geoadd", Arity: -5, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: geoaddCommand},
	{Name: "geodist", Arity: -4, Flags: engine.ReadOnly, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: geodistCommand},
	{Name: "geohash", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: geohashCommand},
	{Name: "geopos", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: geoposCommand},
	{Name: "georadius", Arity: -6, Flags: engine.Write | engine.DenyOOM | engine.MovableKeys, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}, {Flags: engine.KeyOW | engine.KeyUpdate, Keyword: "STORE", StartFrom: 6}, {Flags: engine.KeyOW | engine.KeyUpdate, Keyword: "STOREDIST", StartFrom: 6}},
		Handler: georadiusCommand},
	{Name: "georadius_ro", Arity: -6, Flags: engine.ReadOnly, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: georadiusRoCommand},
	{Name: "georadiusbymember", Arity: -5, Flags: engine.Write | engine.DenyOOM | engine.MovableKeys, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}, {Flags: engine.KeyOW | engine.KeyUpdate, Keyword: "STORE", StartFrom: 5}, {Flags: engine.KeyOW | engine.KeyUpdate, Keyword: "STOREDIST", StartFrom: 5}},
		Handler: georadiusbymemberCommand},
	{Name: "georadiusbymember_ro", Arity: -5, Flags: engine.ReadOnly, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: georadiusbymemberRoCommand},
	{Name: "geosearch", Arity: -7, Flags: engine.ReadOnly, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: geosearchCommand},
	{Name: "geosearchstore", Arity: -8, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatGeo,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 2}},
		Handler: geosearchstoreCommand},
}

var wordZadd = []byte("zadd")

// geoPlace reads a longitude and a latitude.
func geoPlace(lonArg, latArg []byte) (lon, lat float64, err error) {
	lon, ok := parseDouble(lonArg)
	if !ok {
		return 0, 0, engine.ErrNotFloat
	}
	if lat, ok = parseDouble(latArg); !ok {
		return 0, 0, engine.ErrNotFloat
	}
	if !geohash.OnMap(lon, lat) {
		return 0, 0, engine.ReplyError("ERR invalid longitude,latitude pair " + degrees(lon) + "," + degrees(lat))
	}
	return lon, lat, nil
}

// degrees prints as C's %f does.
func degrees(x float64) string {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(x, 'f', 6, 64)), "+")
	}
	return strconv.FormatFloat(x, 'f', 6, 64)
}

// geoUnit reads a unit of length, in metres.
func geoUnit(arg []byte) (metres float64, err error) {
	switch {
	case is(arg, "M"):
		return 1, nil
	case is(arg, "KM"):
		return 1000, nil
	case is(arg, "FT"):
		return 0.3048, nil
	case is(arg, "MI"):
		return 1609.34, nil
	}
	return 0, engine.ReplyError("ERR unsupported unit provided. please use M, KM, FT, MI")
}

func geoaddCommand(c *engine.Call) error {
	o, from := addOptions{}, 2
options:
	for ; from < len(c.Args); from++ {
		switch a := c.Args[from]; {
		case is(a, "NX"):
			o.nx = true
		case is(a, "XX"):
			o.xx = true
		case is(a, "CH"):
			o.ch = true
		default:
			break options
		}
	}
	triples := c.Args[from:]
	if len(triples)%3 != 0 || len(triples) == 0 || (o.nx && o.xx) {
		return engine.ErrSyntax
	}
	// It is a ZADD from here on, and propagated as one.
	argv := append([][]byte{wordZadd}, c.Args[1:from]...)
	scores := make([][]byte, 0, len(triples)/3*2)
	for ; len(triples) > 0; triples = triples[3:] {
		lon, lat, err := geoPlace(triples[0], triples[1])
		if err != nil {
			return err
		}
		scores = append(scores, decimal(int64(geohash.Encode(lon, lat))), triples[2])
	}
	dirty := c.E.DirtyCount()
	if err := addScores(c, scores, o); err != nil {
		return err
	}
	if c.E.DirtyCount() != dirty {
		c.Replace(append(argv, scores...)...)
	}
	return nil
}

func geodistCommand(c *engine.Call) error {
	unit := 1.0
	if len(c.Args) == 5 {
		var err error
		if unit, err = geoUnit(c.Args[4]); err != nil {
			return err
		}
	} else if len(c.Args) > 5 {
		return engine.ErrSyntax
	}
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	if found {
		a, ok1 := z.Score(c.Args[2])
		b, ok2 := z.Score(c.Args[3])
		if ok1 && ok2 {
			lon1, lat1 := geohash.Decode(a)
			lon2, lat2 := geohash.Decode(b)
			replyDistance(c, geohash.Distance(lon1, lat1, lon2, lat2)/unit)
			return nil
		}
	}
	c.W.Null()
	return nil
}

// replyDistance replies a length with four decimals.
func replyDistance(c *engine.Call, d float64) {
	var text [64]byte
	c.W.Bulk(geohash.AppendDistance(text[:0], d))
}

func geohashCommand(c *engine.Call) error {
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	c.W.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		if found {
			if score, there := z.Score(member); there {
				var text [geohash.StringLen]byte
				c.W.Bulk(geohash.AppendString(text[:0], score))
				continue
			}
		}
		c.W.Null()
	}
	return nil
}

func geoposCommand(c *engine.Call) error {
	z, found, err := readZSet(c, c.Args[1])
	if err != nil {
		return err
	}
	c.W.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		if found {
			if score, there := z.Score(member); there {
				replyPlace(c, score)
				continue
			}
		}
		c.W.NullArray()
	}
	return nil
}

// replyPlace replies the longitude and latitude of a score.
func replyPlace(c *engine.Call, score float64) {
	lon, lat := geohash.Decode(score)
	c.W.Array(2)
	replyHuman(c, lon)
	replyHuman(c, lat)
}

// replyHuman replies a number as Redis prints long doubles for people; in RESP3 as a double.
func replyHuman(c *engine.Call, f float64) {
	text := formatLongDouble(new(big.Float).SetPrec(longDoubleBits).SetFloat64(f))
	if c.W.Proto >= 3 {
		c.W.Raw([]byte("," + text + "\r\n"))
		return
	}
	c.W.BulkString(text)
}
