package geohash

import "math"

// Shape is what a search looks for: a circle, or a box whose sides follow the parallels and meridians. Lengths are in Unit and not
// negative; the centre is on the map.
type Shape struct {
	Lon, Lat      float64 // centre, degrees
	Unit          float64 // metres
	Box           bool
	Radius        float64 // of a circle
	Width, Height float64 // of a box, from side to side
}

// Range is an interval of scores: Min is in it, Max is not.
type Range struct{ Min, Max float64 }

// Contains decodes a score and says whether its place is in the shape, and if so how many metres it is from the centre.
func (s *Shape) Contains(score float64) (lon, lat, metres float64, ok bool) {
	lon, lat = Decode(score)
	if !s.Box {
		metres = Distance(s.Lon, s.Lat, lon, lat)
		return lon, lat, metres, !(metres > s.Radius*s.Unit)
	}
	if latDistance(lat, s.Lat) > s.Height*s.Unit/2 || Distance(lon, lat, s.Lon, lat) > s.Width*s.Unit/2 {
		return lon, lat, 0, false
	}
	return lon, lat, Distance(s.Lon, s.Lat, lon, lat), true
}

// AppendRanges appends at most nine ranges that hold the scores of all places in the shape, in the order in which Redis visits them.
// Within one, results come by score.
//
// In a search so wide that a cell has fewer than nine different ones around it, ranges may repeat; Redis skips one only if it equals
// the last, and so do we.
func (s *Shape) AppendRanges(dst []Range) []Range {
	b := s.bounds()
	centre := encode(s.Lon, s.Lat, MinLatitude, MaxLatitude, steps(s.reach(), s.Lat))
	if centre.step > 1 && centre.tooSmall(b) {
		centre = encode(s.Lon, s.Lat, MinLatitude, MaxLatitude, centre.step-1)
	}
	var south, north, west, east bool // not reached
	if centre.step >= 2 {
		a := centre.area()
		south, north = a.minLat < b.minLat, a.maxLat > b.maxLat
		west, east = a.minLon < b.minLon, a.maxLon > b.maxLon
	}
	last := hash{}
	for i, d := range [9]struct{ dx, dy int }{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}} {
		if south && d.dy < 0 || north && d.dy > 0 || west && d.dx < 0 || east && d.dx > 0 {
			continue
		}
		h := centre.neighbour(d.dx, d.dy)
		if h == last {
			continue
		}
		dst = append(dst, h.scores())
		if i > 0 { // the first is not remembered: Redis takes place 0 for none
			last = h
		}
	}
	return dst
}

// reach is the distance in metres from the centre to the farthest point.
func (s *Shape) reach() float64 {
	if !s.Box {
		return s.Radius * s.Unit
	}
	w, h := s.Width/2, s.Height/2
	return math.Sqrt(float64(w*w)+float64(h*h)) * s.Unit
}

// bounds returns the extent of the shape in degrees, not cut at the map's edges. It need not be right where the shape contains a pole.
func (s *Shape) bounds() area {
	w, h := s.Radius, s.Radius
	if s.Box {
		w, h = s.Width/2, s.Height/2
	}
	dLat := degrees(s.Unit * h / EarthRadius)
	nearer := s.Lat + dLat // the latitude, of the two, that is closer to its pole
	if s.Lat < 0 {
		nearer = s.Lat - dLat
	}
	dLon := degrees(s.Unit * w / EarthRadius / cos(radians(nearer)))
	return area{s.Lon - dLon, s.Lon + dLon, s.Lat - dLat, s.Lat + dLat}
}

// steps returns for how many steps nine cells cover a circle in most cases. Meridians are closer at high latitudes.
func steps(metres, lat float64) uint {
	const halfEquator = 20037726.37 // metres
	if metres == 0 {
		return maxStep
	}
	n := -1
	for ; metres > 0 && metres < halfEquator; metres *= 2 {
		n++
	}
	if math.Abs(lat) > 66 {
		n--
	}
	if math.Abs(lat) > 80 {
		n--
	}
	return uint(min(max(n, 1), maxStep))
}

// tooSmall says that the cells around h do not cover the bounds.
func (h hash) tooSmall(b area) bool {
	return h.neighbour(0, 1).area().maxLat < b.maxLat || h.neighbour(0, -1).area().minLat > b.minLat ||
		h.neighbour(1, 0).area().maxLon < b.maxLon || h.neighbour(-1, 0).area().minLon > b.minLon
}
