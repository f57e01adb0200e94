package generate

import "slices"

// Shrink leaves commands out of a stream while fails still holds, until none can be left out alone. The last command stays: it is
// the one that shows the failure. fails must hold for the stream itself; it is asked at most limit times.
func Shrink(stream [][]string, limit int, fails func([][]string) bool) [][]string {
	for size := len(stream) / 2; size >= 1; {
		shrunk := false
		for at := 0; at+size < len(stream) && limit > 0; {
			try := slices.Concat(stream[:at], stream[at+size:])
			limit--
			if fails(try) {
				stream, shrunk = try, true
			} else {
				at += size
			}
		}
		if size > 1 {
			size /= 2
		} else if !shrunk || limit <= 0 {
			break
		}
	}
	return stream
}
