package dict

import "frankenredis/kv/arena"

// Stats says how a dict lies in memory.
type Stats struct {
	Entries  int
	Slots    int // room for entries in the blocks of segments and chains
	Segments int // that have entries, chains included
	// Lengths counts the segments by how many entries they have.
	Lengths map[int]int
}

// Stats looks at all of the dict's directory; it is for DEBUG HTSTATS.
func (d Dict) Stats() Stats {
	s := Stats{Entries: d.Len(), Lengths: make(map[int]int)}
	eachWord(d.a, d.root, func(w word) bool {
		n := w.count()
		if w.kind() == kindChain {
			n = 0
			chainEach(d.a, w, func(_ arena.Ref, slots []uint64) bool {
				n += len(slots)
				s.Slots += chainMax
				return true
			})
		} else if n > 0 {
			s.Slots += d.a.Usable(w.ref()) / wordSize
		}
		s.Lengths[n]++
		if n > 0 {
			s.Segments++
		}
		return true
	})
	return s
}
