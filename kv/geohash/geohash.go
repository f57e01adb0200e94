package geohash

import (
	"math"
	"strconv"
)

// Limits of the map, all inclusive.
const (
	MinLongitude, MaxLongitude = -180.0, 180.0
	MinLatitude, MaxLatitude   = -85.05112878, 85.05112878 // where a Mercator map is square
)

// maxStep is the number of steps of a score.
const maxStep = 26

// StringLen is the length of what AppendString appends.
const StringLen = 11

// hash is a cell: 2*step bits. The zero hash is none.
type hash struct {
	bits uint64
	step uint
}

// area is the extent of a cell in degrees.
type area struct{ minLon, maxLon, minLat, maxLat float64 }

// OnMap says whether a place is within the limits. NaN is not.
func OnMap(lon, lat float64) bool {
	return lon >= MinLongitude && lon <= MaxLongitude && lat >= MinLatitude && lat <= MaxLatitude
}

// Encode returns the score of a place that is on the map, in degrees.
func Encode(lon, lat float64) float64 {
	return float64(encode(lon, lat, MinLatitude, MaxLatitude, maxStep).bits)
}

// encode returns the cell of a place between the given latitudes.
func encode(lon, lat, minLat, maxLat float64, step uint) hash {
	scale := float64(uint64(1) << step)
	y := (lat - minLat) / (maxLat - minLat) * scale
	x := (lon - MinLongitude) / (MaxLongitude - MinLongitude) * scale
	return hash{spread(uint32(y)) | spread(uint32(x))<<1, step}
}

// area returns the extent of a cell.
func (h hash) area() area {
	scale := float64(uint64(1) << h.step)
	x, y := gather(h.bits>>1), gather(h.bits)
	at := func(i uint32, low, high float64) float64 { return low + float64(float64(i)/scale*(high-low)) }
	return area{at(x, MinLongitude, MaxLongitude), at(x+1, MinLongitude, MaxLongitude),
		at(y, MinLatitude, MaxLatitude), at(y+1, MinLatitude, MaxLatitude)}
}

// Decode returns the middle of a score's cell, in degrees, always on the map. Every score has one, also one that no place leads to.
func Decode(score float64) (lon, lat float64) {
	a := hash{scoreBits(score), maxStep}.area()
	lon = min(max((a.minLon+a.maxLon)/2, MinLongitude), MaxLongitude)
	lat = min(max((a.minLat+a.maxLat)/2, MinLatitude), MaxLatitude)
	return lon, lat
}

// scoreBits converts as C does on x86-64, also what fits no uint64.
func scoreBits(score float64) uint64 {
	const limit = 1 << 63
	switch {
	case score >= 2*limit:
		return 0
	case score >= limit:
		return uint64(int64(score-limit)) ^ limit
	case score >= -limit:
		return uint64(int64(score))
	}
	return limit // less, or no number
}

// AppendString appends the geohash of a score's place as other software understands it: base 32, 11 digits, of which the last is
// always 0. That geohash is of latitudes from -90 to 90.
func AppendString(dst []byte, score float64) []byte {
	const digits = "0123456789bcdefghjkmnpqrstuvwxyz"
	lon, lat := Decode(score)
	h := encode(lon, lat, -90, 90, maxStep)
	for shift := 2*maxStep - 5; shift > 0; shift -= 5 {
		dst = append(dst, digits[h.bits>>shift&31])
	}
	return append(dst, '0') // the 52 bits have two left, not five
}

// spread puts the bits of v at the even places.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// gather is the inverse of spread; it ignores the odd places.
func gather(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// neighbour returns the cell dx columns east and dy rows north, around the map's edges.
func (h hash) neighbour(dx, dy int) hash {
	x, y, mask := gather(h.bits>>1), gather(h.bits), uint32(1)<<h.step-1
	if dx != 0 { // a coordinate that is not moved keeps the bit beyond the map
		x = (x + uint32(dx)) & mask
	}
	if dy != 0 {
		y = (y + uint32(dy)) & mask
	}
	return hash{spread(y) | spread(x)<<1, h.step}
}

// scores returns the range of the scores in a cell.
func (h hash) scores() Range {
	shift := 2 * (maxStep - h.step)
	return Range{float64(h.bits << shift), float64((h.bits + 1) << shift)}
}

// EarthRadius is in metres.
const EarthRadius = 6372797.560856

const radian = math.Pi / 180

func radians(degrees float64) float64 { return float64(degrees * radian) } // not to be fused with what follows
func degrees(radians float64) float64 { return radians / radian }

// Distance returns the metres between two places in degrees, along the great circle of a sphere.
func Distance(lon1, lat1, lon2, lat2 float64) float64 {
	v := sin((radians(lon2) - radians(lon1)) / 2)
	if v == 0 {
		return latDistance(lat1, lat2)
	}
	r1, r2 := radians(lat1), radians(lat2)
	u := sin((r2 - r1) / 2)
	a := float64(u*u) + float64(cos(r1)*cos(r2)*v*v)
	return 2 * EarthRadius * asin(math.Sqrt(a))
}

// latDistance is Distance along a meridian.
func latDistance(lat1, lat2 float64) float64 {
	return EarthRadius * math.Abs(radians(lat2)-radians(lat1))
}

// AppendDistance appends a distance, in any unit, as replies show it: with four decimals. They are those of ten thousand times the
// distance, rounded once as a product and then half to even; printing the distance itself would differ in one of 30,000 distances
// across oceans in feet. Beyond 2^53 / 10^4 there is nothing to round. Not for negative numbers.
func AppendDistance(dst []byte, d float64) []byte {
	const scale = 10000
	n := math.RoundToEven(d * scale)
	if !(n < 1<<53) {
		return strconv.AppendFloat(dst, d, 'f', 4, 64)
	}
	dst = strconv.AppendUint(dst, uint64(n)/scale, 10)
	point := len(dst)
	dst = strconv.AppendUint(dst, scale+uint64(n)%scale, 10) // five digits, the first is only there to keep zeros
	dst[point] = '.'
	return dst
}
