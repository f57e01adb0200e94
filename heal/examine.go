package heal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"frankenredis/wal/disk"
)

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
	Bad        []Range  `json:"bad,omitempty"`
	Lost       []Range  `json:"lost,omitempty"`
	Sidecar    bool     `json:"sidecar"`  // it is whole
	Budget     int64    `json:"budget"`   // bytes in a row that each stripe can lose
	Repaired   bool     `json:"repaired"` // by this call
	Quarantine []string `json:"quarantine,omitempty"`
}

const maxRanges = 10_000

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

// index is where the valid packets of a sidecar stand.
type index struct {
	f      disk.File
	tables [][]byte
	parity map[[2]uint32]int64 // stripe and part to position
	whole  bool
}

// read scans a sidecar. Packets that the entry's shape has no place for are dropped.
func (x *index) read(s *Store, f disk.File, name string, e Entry) error {
	sh := e.shape()
	x.f, x.tables, x.parity = f, make([][]byte, sh.stripes()), map[[2]uint32]int64{}
	size, err := f.Size()
	if err != nil {
		return err
	}
	seen := map[packetID]bool{}
	total := 0
	err = s.d.scan(f, size, e.bound(), func(id packetID, pos int64, payload []byte) {
		if id.kind == kindInfo {
			if id.stripe != 0 || id.part >= copies || !bytes.Equal(payload, sh.info(name)) {
				return
			}
		} else {
			if int64(id.stripe) >= int64(len(x.tables)) {
				return
			}
			_, _, rows, cells := sh.stripe(int(id.stripe))
			switch {
			case id.kind == kindTable && id.part < copies && len(payload) == 16*cells:
				if x.tables[id.stripe] == nil {
					x.tables[id.stripe] = bytes.Clone(payload)
				}
			case id.kind == kindParity && int64(id.part) < int64(sh.M*rows) && len(payload) == cellSize:
				x.parity[[2]uint32{id.stripe, id.part}] = pos
				total++
				return
			default:
				return
			}
		}
		if !seen[id] {
			seen[id] = true
			total++
		}
	})
	packets, bytes := sh.packets(name)
	x.whole = err == nil && total == packets && size == bytes
	return err
}

// Verify reads a file and its sidecar and changes nothing.
func (s *Store) Verify(name string) (Report, error) { return s.examine(name, nil) }

// examine looks at a file; out, unless nil, is given each stripe as it should be, in order. It stops giving at the first loss.
func (s *Store) examine(name string, out func(off int64, p []byte, bad []Range, was []byte) error) (Report, error) {
	e, ok := s.cat.entries[name]
	r := Report{Name: name, Found: -1}
	if !ok {
		return r, fmt.Errorf("%s: %w", s.path(name), ErrUncovered)
	}
	sh := e.shape()
	r.Size, r.Budget = e.Size, sh.burst()

	x := index{tables: make([][]byte, sh.stripes())}
	side, err := s.o.FS.Open(s.sidecarPath(name, e))
	switch {
	case err == nil:
		defer side.Close()
		if err := x.read(s, side, name, e); err != nil {
			return r, fmt.Errorf("%s: %w", side.Name(), err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return r, err
	}
	f, err := s.o.FS.Open(s.path(name))
	switch {
	case err == nil:
		defer f.Close()
		if r.Found, err = f.Size(); err != nil {
			return r, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return r, err
	}
	v := &examination{s: s, e: e, sh: sh, f: f, x: &x, r: &r, cells: s.d.cells(e.bound())}
	if v.code, err = newCodec(sh.Profile, binary.LittleEndian.Uint64(e.UUID[:8])); err != nil {
		return r, err
	}
	if err := v.anchor(); err != nil {
		return r, err
	}
	for i := range sh.stripes() {
		if err := v.stripe(i, out); err != nil {
			return r, err
		}
	}
	r.Sidecar = x.whole
	switch {
	case len(r.Lost) > 0:
		r.State = Beyond
	case r.Cells > 0 || r.Found < r.Size:
		r.State = Damaged
	case r.Found > r.Size:
		r.State = Extended
	case !x.whole:
		r.State = Sidecar
	default:
		r.State = Clean
	}
	return r, nil
}

// examination is one look at one file.
type examination struct {
	s            *Store
	e            Entry
	sh           shape
	f            disk.File // nil: missing
	x            *index
	r            *Report
	code         *codec
	cells        func(uint64, []byte) Sum
	unproved     bool // no tables give the root: nothing of the file can be told good from bad
	data, before []byte
}

// load reads stripe i into data, zeros for what is not there, and calls each with its cells.
func (v *examination) load(i int, each func(c int, cell []byte)) error {
	off, n, rows, count := v.sh.stripe(i)
	room := v.sh.K * rows * cellSize
	if v.data == nil {
		v.data = make([]byte, room)
	}
	v.data = v.data[:room]
	const piece = 64 * cellSize // small enough to be digested from the cache
	for at := 0; at < count*cellSize; at += piece {
		want := v.data[at:min(at+piece, n)]
		got := 0
		if v.f != nil {
			var err error
			if got, err = v.f.ReadAt(want, off+int64(at)); err != nil && err != io.EOF {
				v.readCells(want, off+int64(at))
				got = len(want)
			}
		}
		clear(want[got:])
		if at+piece >= n {
			clear(v.data[n:])
		}
		for c := at / cellSize; c < min((at+piece)/cellSize, count); c++ {
			each(c, v.data[c*cellSize:(c+1)*cellSize])
		}
	}
	return nil
}

// readCells reads p cell by cell: one that the device does not give counts as zeros, which is damage like another.
func (v *examination) readCells(p []byte, pos int64) {
	for at := 0; at < len(p); at += cellSize {
		cell := p[at:min(at+cellSize, len(p))]
		if n, err := v.f.ReadAt(cell, pos+int64(at)); err == io.EOF {
			clear(cell[n:])
		} else if err != nil {
			clear(cell)
		}
	}
}

// anchor makes the tables ones that give the root, from the data where the sidecar lacks them.
func (v *examination) anchor() error {
	for pass := range 2 {
		for i, t := range v.x.tables {
			if t != nil && pass == 0 {
				continue
			}
			off, _, _, count := v.sh.stripe(i)
			t = make([]byte, 16*count)
			err := v.load(i, func(c int, cell []byte) {
				sum := v.cells(uint64(off/cellSize)+uint64(c), cell)
				copy(t[16*c:], sum[:])
			})
			if err != nil {
				return err
			}
			v.x.tables[i] = t
		}
		if v.s.d.root(v.e.bound(), v.sh, v.x.tables) == v.e.Root {
			return nil
		}
		v.x.whole = false
	}
	v.unproved = true
	return nil
}

// stripe compares stripe i with its table and solves what differs.
func (v *examination) stripe(i int, out func(int64, []byte, []Range, []byte) error) error {
	off, n, rows, _ := v.sh.stripe(i)
	if v.unproved {
		v.r.Lost = addRange(v.r.Lost, off, int64(n))
		return nil
	}
	table := v.x.tables[i]
	bad := map[int]bool{}
	var ranges []Range
	err := v.load(i, func(c int, cell []byte) {
		if v.cells(uint64(off/cellSize)+uint64(c), cell) != Sum(table[16*c:16*c+16]) {
			bad[c] = true
			pos := int64(c * cellSize)
			ranges = addRange(ranges, off+pos, min(cellSize, int64(n)-pos))
		}
	})
	if err != nil {
		return err
	}
	v.r.Cells += len(bad)
	for _, g := range ranges {
		v.r.Bad = addRange(v.r.Bad, g.Pos, g.Bytes)
	}
	if len(bad) > 0 {
		if out != nil {
			v.before = append(v.before[:0], v.data...)
		}
		lost := map[int]bool{}
		for row := range rows {
			v.solve(i, row, rows, table, bad, lost)
		}
		for c := range (n + cellSize - 1) / cellSize {
			if lost[c] {
				pos := int64(c * cellSize)
				v.r.Lost = addRange(v.r.Lost, off+pos, min(cellSize, int64(n)-pos))
			}
		}
	}
	v.s.progress(v.r.Name, off+int64(n), v.sh.size)
	if out != nil && len(v.r.Lost) == 0 {
		return out(off, v.data[:n], ranges, v.before)
	}
	return nil
}

// solve brings back the bad cells of one row, or adds them to lost.
func (v *examination) solve(stripe, row, rows int, table []byte, bad, lost map[int]bool) {
	off, _, _, _ := v.sh.stripe(stripe)
	cells := make([][]byte, v.sh.K+v.sh.M)
	var gone []int
	for shard := range v.sh.K {
		c := shard*rows + row
		if bad[c] {
			gone = append(gone, shard)
			continue
		}
		cells[shard] = v.data[c*cellSize : (c+1)*cellSize : (c+1)*cellSize]
	}
	if len(gone) == 0 {
		return
	}
	for j := range v.sh.M {
		pos, ok := v.x.parity[[2]uint32{uint32(stripe), uint32(j*rows + row)}]
		if !ok {
			continue
		}
		// Digested once more: the scan was another read.
		p := make([]byte, headerSize+cellSize)
		if n, _ := v.x.f.ReadAt(p, pos); n == len(p) {
			if _, _, payload, err := v.s.d.parsePacket(p, cellSize); err == nil {
				cells[v.sh.K+j] = payload
			}
		}
	}
	solved := v.code.solve(cells)
	for _, shard := range gone {
		c := shard*rows + row
		if !solved || v.cells(uint64(off/cellSize)+uint64(c), cells[shard]) != Sum(table[16*c:16*c+16]) {
			lost[c] = true
			continue
		}
		copy(v.data[c*cellSize:], cells[shard])
	}
}
