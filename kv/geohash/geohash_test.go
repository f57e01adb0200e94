package geohash_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"frankenredis/kv/geohash"
)

func TestKnownPlaces(t *testing.T) {
	for _, c := range []struct {
		name     string
		lon, lat float64
		score    float64
		text     string
	}{
		{"origin", 0, 0, 3377699720527872, "s0000000000"},
		{"south west corner", -180, -85.05112878, 0, "00bh0hbj200"},
		{"north east corner, beyond 52 bits", 180, 85.05112878, 13510798882111488, "bp05b5048p0"},
		{"date line, beyond 52 bits", 180, 0, 10133099161583616, "80000000000"},
		{"north edge, beyond 52 bits", 0, 85.05112878, 6755399441055744, "up05b5048p0"},
	} {
		if got := geohash.Encode(c.lon, c.lat); got != c.score {
			t.Errorf("%s: score %.0f, want %.0f", c.name, got, c.score)
		}
		if got := string(geohash.AppendString(nil, c.score)); got != c.text {
			t.Errorf("%s: geohash %s, want %s", c.name, got, c.text)
		}
	}
}

func TestOnMap(t *testing.T) {
	for _, c := range []struct {
		lon, lat float64
		want     bool
	}{
		{0, 0, true}, {180, 85.05112878, true}, {-180, -85.05112878, true}, {180.1, 0, false}, {0, 85.0511288, false},
		{0, -85.0511288, false}, {-180.1, 0, false}, {math.NaN(), 0, false}, {0, math.NaN(), false},
	} {
		if got := geohash.OnMap(c.lon, c.lat); got != c.want {
			t.Errorf("%v %v: %v", c.lon, c.lat, got)
		}
	}
}

// Observed of Redis: what lies in the middle after scaling goes to the even digit, whatever the exact distance is nearer to.
func TestAppendDistance(t *testing.T) {
	for _, c := range []struct {
		d    float64
		want string
	}{
		{0, "0.0000"}, {0.00004, "0.0000"}, {0.00005, "0.0000"}, {0.00015, "0.0001"}, {1, "1.0000"}, {0.99996, "1.0000"}, {166274.1516, "166274.1516"},
		{47532504.33805, "47532504.3380"}, {38278999.69755, "38278999.6976"}, {32587059.606450003, "32587059.6064"},
		{4902489.25935, "4902489.2594"}, {1e15, "1000000000000000.0000"},
	} {
		if got := string(geohash.AppendDistance(nil, c.d)); got != c.want {
			t.Errorf("%v: %s, want %s", c.d, got, c.want)
		}
	}
}

// A place is decoded to within a cell, and its decoded place has the same score.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		lon, lat := (rng.Float64()*2-1)*180, (rng.Float64()*2-1)*85.05
		score := geohash.Encode(lon, lat)
		lon2, lat2 := geohash.Decode(score)
		if math.Abs(lon-lon2) > 360./(1<<26) || math.Abs(lat-lat2) > 171./(1<<26) || geohash.Encode(lon2, lat2) != score {
			t.Fatalf("%v %v: %v %v", lon, lat, lon2, lat2)
		}
	}
}

// Every score is decoded to a place on the map.
func TestDecodeAnyScore(t *testing.T) {
	scores := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300, -1e300, 1 << 52, 1 << 63, 1 << 64, -(1 << 63), 0.5}
	for _, score := range scores {
		if lon, lat := geohash.Decode(score); !geohash.OnMap(lon, lat) {
			t.Errorf("%v: %v %v", score, lon, lat)
		}
		if s := geohash.AppendString(nil, score); len(s) != geohash.StringLen {
			t.Errorf("%v: %s", score, s)
		}
	}
}

// A search terminates and gives at most nine ranges, whatever its numbers.
func TestRangesOfAnyShape(t *testing.T) {
	sizes := []float64{0, math.SmallestNonzeroFloat64, 1e-9, 1, 1e7, 1e9, 1e300, math.MaxFloat64, math.Inf(1), math.NaN(), -1}
	for _, w := range sizes {
		for _, h := range sizes {
			for _, box := range []bool{false, true} {
				s := geohash.Shape{Lon: 180, Lat: -85, Unit: 1000, Box: box, Radius: w, Width: w, Height: h}
				r := s.AppendRanges(nil)
				if len(r) == 0 || len(r) > 9 {
					t.Errorf("%+v: %v", s, r)
				}
			}
		}
	}
}

func ExampleShape() {
	catania, palermo := geohash.Encode(15.087269, 37.502669), geohash.Encode(13.361389, 38.115556)
	s := geohash.Shape{Lon: 15, Lat: 37, Unit: 1000, Radius: 100}
	for _, score := range []float64{catania, palermo} {
		_, _, metres, ok := s.Contains(score)
		fmt.Printf("%s %v %.1f km\n", geohash.AppendString(nil, score), ok, metres/1000)
	}
	// Output:
	// sqdtr74hyu0 true 56.4 km
	// sqc8b49rny0 false 190.4 km
}

func BenchmarkContains(b *testing.B) {
	s := geohash.Shape{Lon: 15, Lat: 37, Unit: 1000, Radius: 200}
	score := geohash.Encode(13.361389, 38.115556)
	for b.Loop() {
		s.Contains(score)
	}
}

func BenchmarkEncode(b *testing.B) {
	for b.Loop() {
		geohash.Encode(13.361389, 38.115556)
	}
}
