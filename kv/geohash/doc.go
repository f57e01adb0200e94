// Package geohash turns places on Earth into scores of a sorted set and back, and finds the scores near a place, as the GEO commands
// of Redis do. Pure functions of numbers; it knows no sets.
//
// # Layout
//
// A hash of s steps has 2s bits: longitude and latitude, each halved s times, interleaved. A score is a hash of 26 steps, 52 bits,
// which a float64 holds exactly. All places of a shorter hash have scores in one range.
//
//	 51  50  49  48        1   0
//	+---+---+---+---+-   -+---+---+
//	|lon|lat|lon|lat| ... |lon|lat|   longitude -180 to 180, latitude -85.05112878 to 85.05112878
//	+---+---+---+---+-   -+---+---+
//
// The upper limits belong to the map but not to its last cell, so there a score has bits 52 or 53 too.
//
// A search takes the cell of its centre, of a size that the shape cannot reach over the next cells, and those of the eight
// around it that it can touch:
//
//	+---+---+---+
//	| 6 | 1 | 5 |    The order in which Ranges gives them, and so that of the results of a GEOSEARCH that does not sort.
//	+---+---+---+
//	| 4 | 0 | 3 |
//	+---+---+---+
//	| 8 | 2 | 7 |
//	+---+---+---+
//
// # Accuracy
//
// Distances are printed with a tenth of a millimetre, and near the antipodes one unit in the last place of a sine is centimetres. So
// sine, cosine and arc sine are computed with some 100 bits and rounded once (trig.go), which is what the C library of real
// servers delivers in all but very few cases; package math is off more often.
//
// # Source
//
// Redis 7.2.4 src/geo.c, geohash.c, geohash_helper.c, by their behaviour; the textual form: Niemeyer's geohash.org.
package geohash
