package heal

// State is what became of a file.
type State string

// The states.
const (
	Clean    State = "clean"
	Sidecar  State = "sidecar"  // the file is clean, its sidecar is damaged or missing
	Damaged  State = "damaged"  // within the budget
	Extended State = "extended" // as covered, with bytes behind: appended to, or replaced
	Beyond   State = "beyond"   // beyond the budget, or replaced by another file
)

// Range is a run of bytes of a file.
type Range struct {
	Pos   int64 `json:"pos"`
	Bytes int64 `json:"bytes"`
}

// Report is what was found in one file.
type Report struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Size  int64  `json:"size"`  // as covered, bytes
	Found int64  `json:"found"` // as it is; -1: missing
	Cells int    `json:"cells"` // damaged ones
	// Bad are the damaged cells as runs, Lost those of them that cannot be brought back; at most maxRanges of each are listed.
	Bad  []Range `json:"bad,omitempty"`
	Lost []Range `json:"lost,omitempty"`
	// Unproven are cells of a growing file whose copies are lost: nothing is known of them. They are not damage, and listed as Bad is.
	Unproven   []Range  `json:"unproven,omitempty"`
	Sidecar    bool     `json:"sidecar"` // it is whole
	Budget     int64    `json:"budget"`  // bytes in a row that each stripe can lose
	Growing    bool     `json:"growing,omitempty"`
	Repaired   bool     `json:"repaired"` // by this call
	Quarantine []string `json:"quarantine,omitempty"`
}

const maxRanges = 10_000

// addRange adds a run of n bytes at pos, which does not lie before the last one. Beyond maxRanges it is not listed.
func addRange(to []Range, pos, n int64) []Range {
	if l := len(to); l > 0 && to[l-1].Pos+to[l-1].Bytes == pos {
		to[l-1].Bytes += n
		return to
	}
	if len(to) == maxRanges {
		return to
	}
	return append(to, Range{pos, n})
}

// addOnce adds a range unless it is known: a file may be read more than once.
func addOnce(to []Range, g Range) []Range {
	for _, k := range to {
		if k.Pos <= g.Pos && g.Pos+g.Bytes <= k.Pos+k.Bytes {
			return to
		}
	}
	return addRange(to, g.Pos, g.Bytes)
}

// touches tells whether any of the n bytes from pos on is in one of the ranges.
func touches(ranges []Range, pos, n int64) bool {
	for _, g := range ranges {
		if g.Pos < pos+n && pos < g.Pos+g.Bytes {
			return true
		}
	}
	return false
}
