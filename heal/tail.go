package heal

import (
	"slices"

	"frankenredis/wal/disk"
)

// tailCells are the copies of an open stripe's cells.
type tailCells struct {
	stripe int            // the highest that the tail file names; -1: none
	cells  map[int][]byte // by number in the stripe
	end    int64          // covered bytes of the stripe
	whole  bool
	// torn: one of the slots that say how far the file is covered does not. If a crash tore it the other is as good. If damage spoilt it the other may
	// be too old; as a crash spoils one thing at a time, whatever else is not as it should be tells (whole).
	torn   bool
	unread error // the first of the disk, which did not give a part: there may be more cells, and the end further
}

// readTail reads the tail file of a growing file's entry.
func (s *Store) readTail(f disk.File, b bound) (*tailCells, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	t := &tailCells{stripe: -1, cells: map[int][]byte{}, whole: true}
	r := &gapReader{r: f}
	sound := make([]bool, max((size+slotSize-1)/slotSize, partialSlots)) // the slots with a packet
	named := int64(-1)                                                   // up to where slots say that the stripe is covered; -1: they do not
	err = s.d.scan(r, size, b, func(id packetID, pos int64, payload []byte) {
		if id.kind != kindTail || id.part > stripeCells || len(payload) > cellSize {
			return
		}
		if pos%slotSize == 0 {
			sound[pos/slotSize] = true
		}
		stripe, cell := int(id.stripe), int(id.part)
		if stripe < t.stripe {
			return // left from one that has its parity
		}
		if stripe > t.stripe {
			t.stripe, named = stripe, -1
			clear(t.cells)
		}
		if pos < partialSlots*slotSize {
			named = max(named, int64(cell)*cellSize+int64(len(payload)))
		}
		if len(payload) >= len(t.cells[cell]) {
			t.cells[cell] = append([]byte{}, payload...)
		}
	})
	if err != nil {
		return nil, err
	}
	for c, p := range t.cells {
		t.end = max(t.end, int64(c)*cellSize+int64(len(p)))
	}
	if sound[0] && sound[1] && named >= 0 {
		t.dropBehind(named)
	}
	for c := range int((t.end + cellSize - 1) / cellSize) {
		if want := min(t.end-int64(c)*cellSize, cellSize); int64(len(t.cells[c])) != want {
			t.whole = false
		}
	}
	if t.unread = r.err; t.unread != nil {
		t.whole = false
	}
	t.torn = !sound[0] || !sound[1]
	if t.torn && size > 0 && (!sound[0] && !sound[1] || slices.Contains(sound[partialSlots:], false)) {
		t.whole = false
	}
	return t, nil
}

// dropBehind drops copies behind a gap, where slots say that the stripe is covered up to named: a crash left them of cells that were being copied,
// and of which no slot tells yet.
func (t *tailCells) dropBehind(named int64) {
	for c := int(named / cellSize); int64(c)*cellSize < t.end; c++ {
		if len(t.cells[c]) == cellSize {
			continue
		}
		t.end = max(named, int64(c)*cellSize+int64(len(t.cells[c])))
		for other := range t.cells {
			if other > c {
				delete(t.cells, other)
			}
		}
	}
}

// open drops the copies if they are of a stripe before the one that is open.
func (t *tailCells) open(stripe int) {
	if t.stripe < stripe {
		t.stripe, t.cells, t.end = stripe, map[int][]byte{}, 0
	}
}
