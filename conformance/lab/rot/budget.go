package rot

import (
	"bytes"

	"frankenredis/conformance/rot"
	"frankenredis/heal"
)

// harm is what damage to one covered file amounts to, reckoned from the description of the sidecars' format alone: the sidecar itself is
// taken to be whole.
type harm struct {
	bad, lost map[int]bool // numbers of cells
}

const (
	smallFile   = 65536
	shardCells  = 64
	stripeCells = 64 * shardCells
	leastBurst  = 64 << 10 // bytes in a row that every stripe survives
)

// harmOf compares a file with what it was; now is nil if it is gone.
func harmOf(e heal.Entry, was, now string) harm {
	h := harm{bad: map[int]bool{}, lost: map[int]bool{}}
	cells := (len(was) + rot.Cell - 1) / rot.Cell
	for c := range cells {
		if !bytes.Equal(cellOf(was, c), cellOf(now[:min(len(now), len(was))], c)) {
			h.bad[c] = true
		}
	}
	switch {
	case e.Growing:
		// Behind the last complete stripe every cell has a copy.
		for stripe := range cells / stripeCells {
			if (stripe+1)*stripeCells*rot.Cell <= len(was) {
				h.lose(stripe*stripeCells, stripeCells, e.K, e.M)
			}
		}
	case len(was) >= smallFile: // smaller ones have three copies
		for from := 0; from < cells; from += e.K * shardCells {
			h.lose(from, min(cells-from, e.K*shardCells), e.K, e.M)
		}
	}
	return h
}

func cellOf(text string, c int) []byte {
	p := make([]byte, rot.Cell)
	copy(p, text[min(c*rot.Cell, len(text)):min((c+1)*rot.Cell, len(text))])
	return p
}

// lose finds the rows of a stripe that miss too many cells.
func (h harm) lose(from, cells, k, m int) {
	rows := max((cells+k-1)/k, (leastBurst/rot.Cell+m)/m)
	for row := range rows {
		var gone []int
		for c := row; c < cells; c += rows {
			if h.bad[from+c] {
				gone = append(gone, from+c)
			}
		}
		if len(gone) > m {
			for _, c := range gone {
				h.lost[c] = true
			}
		}
	}
}

// cellsOf are the cells that ranges of a report name; ok is false if one is not made of whole cells.
func cellsOf(ranges []heal.Range, size int64) (cells map[int]bool, ok bool) {
	cells = map[int]bool{}
	for _, g := range ranges {
		end := g.Pos + g.Bytes
		if g.Pos%rot.Cell != 0 || end%rot.Cell != 0 && end != size {
			return nil, false
		}
		for c := g.Pos / rot.Cell; c*rot.Cell < end; c++ {
			cells[int(c)] = true
		}
	}
	return cells, true
}
