package geohash_test

import (
	"cmp"
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/kv/geohash"
)

var peerRounds = flag.Int("peer.rounds", 8, "maps that are compared with each real server")

type point struct {
	name            string
	lon, lat, score float64
}

var units = []struct {
	name   string
	metres float64
}{{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}}

// Scores, positions, geohashes, distances, and what searches find in which order, are those of a real server.
func TestPeer(t *testing.T) {
	for _, name := range []string{"redict-server", "valkey-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			c := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, name)}).Dial(t)
			for round := range *peerRounds {
				comparePeer(t, c, uint64(round))
				if t.Failed() {
					t.Fatalf("seed %d", round)
				}
			}
		})
	}
}

func comparePeer(t *testing.T, c *testbed.Client, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	c.Call(t, "FLUSHALL")
	place := places(rng)
	var points []point
	args := []string{"GEOADD", "g"}
	for i := range 300 {
		p := point{name: strconv.Itoa(i)}
		p.lon, p.lat = place()
		p.score = geohash.Encode(p.lon, p.lat)
		points = append(points, p)
		args = append(args, number(p.lon), number(p.lat), p.name)
	}
	c.Call(t, args...)
	if seed%4 == 3 { // scores that no place has
		for i := range 20 {
			p := point{name: "forged" + strconv.Itoa(i), score: math.Ldexp(rng.Float64()*2-1, rng.IntN(70))}
			points = append(points, p)
			c.Call(t, "ZADD", "g", number(p.score), p.name)
		}
	}
	for _, p := range points {
		lon, lat := geohash.Decode(p.score)
		r := c.Call(t, "ZSCORE", "g", p.name)
		if score, err := strconv.ParseFloat(r.Str, 64); err != nil || score != p.score {
			t.Errorf("%v: score %v, want %v", p, p.score, r)
		}
		r = c.Call(t, "GEOPOS", "g", p.name).Elems[0]
		if got := long(lon) + " " + long(lat); got != r.Elems[0].Str+" "+r.Elems[1].Str {
			t.Errorf("%v: position %s, want %v", p, got, r)
		}
		r = c.Call(t, "GEOHASH", "g", p.name).Elems[0]
		if got := string(geohash.AppendString(nil, p.score)); got != r.Str {
			t.Errorf("%v: geohash %s, want %v", p, got, r)
		}
	}
	for range 200 {
		a, b, unit := points[rng.IntN(len(points))], points[rng.IntN(len(points))], units[rng.IntN(len(units))]
		lon1, lat1 := geohash.Decode(a.score)
		lon2, lat2 := geohash.Decode(b.score)
		got := fixed(geohash.Distance(lon1, lat1, lon2, lat2) / unit.metres)
		if r := c.Call(t, "GEODIST", "g", a.name, b.name, unit.name); r.Str != got {
			t.Errorf("from %v to %v: %s, want %v", a, b, got, r)
		}
	}
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
	})
	for range 60 {
		comparePeerSearch(t, c, rng, points, place)
	}
}

func comparePeerSearch(t *testing.T, c *testbed.Client, rng *rand.Rand, points []point, place func() (lon, lat float64)) {
	t.Helper()
	unit := units[rng.IntN(len(units))]
	size := func() float64 {
		if rng.IntN(20) == 0 {
			return 0
		}
		return math.Exp2(rng.Float64()*27) / unit.metres
	}
	s := geohash.Shape{Unit: unit.metres, Box: rng.IntN(2) == 0}
	s.Lon, s.Lat = place()
	args := []string{"GEOSEARCH", "g", "FROMLONLAT", number(s.Lon), number(s.Lat)}
	if s.Box {
		s.Width, s.Height = size(), size()
		args = append(args, "BYBOX", number(s.Width), number(s.Height))
	} else {
		s.Radius = size()
		args = append(args, "BYRADIUS", number(s.Radius))
	}
	args = append(args, unit.name, "WITHDIST")
	var got []string
	for _, r := range s.AppendRanges(nil) {
		for _, p := range points {
			if p.score < r.Min || p.score >= r.Max {
				continue
			}
			if _, _, metres, ok := s.Contains(p.score); ok {
				got = append(got, p.name+" "+fixed(metres/unit.metres))
			}
		}
	}
	var want []string
	for _, e := range c.Call(t, args...).Elems {
		want = append(want, e.Elems[0].Str+" "+e.Elems[1].Str)
	}
	if !slices.Equal(got, want) {
		i := 0
		for i < len(got) && i < len(want) && got[i] == want[i] {
			i++
		}
		t.Errorf("%q: %d results, want %d, different from %d on: %q, want %q", args, len(got), len(want), i, got[i:min(i+3, len(got))],
			want[i:min(i+3, len(want))])
	}
}

// places returns a source of places: anywhere, near one place, near the poles, the date line or the map's corners.
func places(rng *rand.Rand) func() (lon, lat float64) {
	const maxLon, maxLat = geohash.MaxLongitude, geohash.MaxLatitude
	kind, spread := rng.IntN(5), math.Exp2(-20*rng.Float64())
	lon0, lat0 := (rng.Float64()*2-1)*maxLon, (rng.Float64()*2-1)*maxLat
	return func() (lon, lat float64) {
		lon, lat = (rng.Float64()*2-1)*maxLon, (rng.Float64()*2-1)*maxLat
		sign := float64(rng.IntN(2)*2 - 1)
		switch kind {
		case 1:
			lon, lat = lon0+lon*spread, lat0+lat*spread
		case 2:
			lat = sign * (maxLat - math.Abs(lat*spread))
		case 3:
			lon = sign * (maxLon - math.Abs(lon*spread))
		case 4:
			lon, lat = float64(rng.IntN(3)-1)*maxLon, float64(rng.IntN(3)-1)*maxLat
		}
		return min(max(lon, -maxLon), maxLon), min(max(lat, -maxLat), maxLat)
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// fixed prints a distance as the server does.
func fixed(f float64) string { return string(geohash.AppendDistance(nil, f)) }

// long prints a coordinate as the server does.
func long(f float64) string {
	s := strconv.FormatFloat(f, 'f', 17, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
