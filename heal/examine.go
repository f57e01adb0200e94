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

// index is where the valid packets of a sidecar stand.
type index struct {
	f      disk.File
	tables [][]byte
	parity map[[2]uint32]int64 // stripe and part to position
	total  int                 // different packets found
	found  []int               // of them, of each stripe
	whole  bool
	unread error // the first of the disk, which did not give a part: what stood there counts as lost
}

// read scans the sidecar of a file that does not grow.
func (x *index) read(s *Store, f disk.File, name string, e Entry) error {
	size, err := f.Size()
	if err == nil {
		err = x.readPackets(s, f, name, e, e.shape())
	}
	packets, bytes := e.shape().packets(name)
	x.whole = err == nil && x.total == packets && size == bytes
	return err
}

// readPackets scans a sidecar. Packets that the shape has no place for are dropped.
func (x *index) readPackets(s *Store, f disk.File, name string, e Entry, sh shape) error {
	x.f, x.tables, x.parity, x.found = f, make([][]byte, sh.stripes()), map[[2]uint32]int64{}, make([]int, sh.stripes())
	size, err := f.Size()
	if err != nil {
		return err
	}
	seen := map[packetID]bool{}
	r := &gapReader{r: f}
	err = s.d.scan(r, size, e.bound(), func(id packetID, pos int64, payload []byte) {
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
				at := [2]uint32{id.stripe, id.part}
				if _, again := x.parity[at]; !again { // else it stands where another is missing
					x.total++
					x.found[id.stripe]++
				}
				x.parity[at] = pos
				if id.part%16 == 0 {
					s.yield()
				}
				return
			default:
				return
			}
		}
		if !seen[id] {
			seen[id] = true
			x.total++
			if id.kind != kindInfo {
				x.found[id.stripe]++
			}
		}
	})
	x.unread = r.err
	return err
}

// Verify reads a file and its sidecar and changes nothing.
func (s *Store) Verify(name string) (Report, error) { return s.examine(name, nil) }

// LostItsEnd tells whether a file is the beginning of what is covered: not another file, but one that was cut. What cannot be brought back
// is compared by whole cells.
func (s *Store) LostItsEnd(name string) bool {
	info, err := s.o.FS.Stat(s.path(name))
	if err != nil {
		return false
	}
	found, same := info.Size(), true
	r, err := s.examine(name, func(off int64, p []byte, bad []Range, was []byte) error {
		if n := min(int64(len(p)), found-off); len(bad) > 0 && n > 0 && !bytes.Equal(p[:n], was[:n]) {
			same = false
		}
		return nil
	})
	switch {
	case err != nil || r.Found >= r.Size:
		return false
	case len(r.Lost) > 0:
		return found >= cellSize && r.Bad[0].Pos >= found-found%cellSize
	}
	return same
}

// examine looks at a file; out, unless nil, is given each stripe as it should be, in order. It stops giving at the first loss.
func (s *Store) examine(name string, out func(off int64, p []byte, bad []Range, was []byte) error) (Report, error) {
	return s.examineStripes(name, nil, out)
}

// examineStripes is examine for the stripes that have a byte of the given ranges, which are in order; nil: for all.
func (s *Store) examineStripes(name string, only []Range, out func(off int64, p []byte, bad []Range, was []byte) error) (Report, error) {
	v, err := s.look(name)
	if v == nil {
		return Report{Name: name, Found: -1}, err
	}
	defer v.close()
	if err != nil {
		return *v.r, err
	}
	for i := range v.sh.stripes() {
		if off, n, _, _ := v.sh.stripe(i); only != nil && !touches(only, off, int64(n)) {
			continue
		}
		if err := v.stripe(i, out); err != nil {
			return *v.r, err
		}
	}
	if v.tail != nil {
		if err := v.openStripe(out); err != nil {
			return *v.r, err
		}
	}
	r := v.r
	r.Sidecar = v.x.whole
	switch {
	case len(r.Lost) > 0:
		r.State = Beyond
	case r.Cells > 0 || r.Found < r.Size:
		r.State = Damaged
	case r.Found > r.Size && !v.e.Growing:
		r.State = Extended
	case !v.x.whole:
		r.State = Sidecar
	default:
		r.State = Clean
	}
	return *r, nil
}

// examination is one look at one file.
type examination struct {
	s            *Store
	e            Entry
	sh           shape     // of a growing file: of its complete stripes
	f            disk.File // nil: missing
	side         []disk.File
	x            *index
	tail         *tailCells // of a growing file
	r            *Report
	code         *codec
	cells        func(uint64, []byte) Sum
	unproved     bool // no tables give the root: nothing of the file can be told good from bad
	data, before []byte
}

// look opens a file and its sidecar, and reads the latter. Without a result it is not covered; else close it, also after an error.
func (s *Store) look(name string) (*examination, error) {
	e, ok := s.cat.entries[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", s.path(name), ErrUncovered)
	}
	v := &examination{s: s, e: e, sh: e.shape(), r: &Report{Name: name, Found: -1, Growing: e.Growing}, cells: s.d.cells(e.bound())}
	if e.Growing {
		if err := v.readGrowing(name); err != nil {
			return v, err
		}
	} else {
		v.r.Size, v.r.Budget = e.Size, v.sh.burst()
		v.x = &index{tables: make([][]byte, v.sh.stripes())}
		if side, err := v.openSide(s.sidecarPath(name, e)); err != nil {
			return v, err
		} else if side != nil {
			if err := v.x.read(s, side, name, e); err != nil {
				return v, fmt.Errorf("%s: %w", side.Name(), err)
			}
		}
	}
	f, err := s.o.FS.Open(s.path(name))
	switch {
	case err == nil:
		v.f = f
		if v.r.Found, err = f.Size(); err != nil {
			return v, err
		}
		if s.o.Uncached {
			disk.Uncache(f)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return v, err
	}
	if v.code, err = newCodec(v.sh.Profile, binary.LittleEndian.Uint64(e.UUID[:8]), s.yield); err != nil {
		return v, err
	}
	if e.Growing {
		return v, nil
	}
	return v, v.anchor()
}

// openSide opens a file of the sidecar; nil: it is missing.
func (v *examination) openSide(path string) (disk.File, error) {
	f, err := v.s.o.FS.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v.side = append(v.side, f)
	return f, nil
}

// readGrowing reads the sidecar of a file that grows. Which stripe is open the tail says, or else the room the others take. Where the blocks behind
// that one are complete, a crash came between them and the slot that was to say so, or damage took the slot: they count all the same. One that is not
// complete does not: it may not have become durable, and the copies of its stripe are what covers that.
func (v *examination) readGrowing(name string) error {
	v.tail, v.x = &tailCells{stripe: -1}, &index{}
	side, err := v.openSide(v.s.tailPath(name, v.e))
	if err != nil {
		return err
	}
	whole := side != nil
	if side != nil {
		if v.tail, err = v.s.readTail(side, v.e.bound()); err != nil {
			return fmt.Errorf("%s: %w", side.Name(), err)
		}
	}
	if side, err = v.openSide(v.s.sidecarPath(name, v.e)); err != nil {
		return err
	}
	size := int64(0)
	if side != nil {
		if size, err = side.Size(); err != nil {
			return err
		}
	}
	open, blocks := v.tail.stripe, int(size/blockSize)
	if open < 0 {
		open = blocks
	}
	upTo := func(stripes int) shape { return shape{Profile64x8, int64(stripes) * stripeCells * cellSize} }
	if side != nil {
		if err := v.x.readPackets(v.s, side, name, v.e, upTo(max(open, blocks))); err != nil {
			return fmt.Errorf("%s: %w", side.Name(), err)
		}
		for open < blocks && v.x.found[open] == blockPackets {
			open++
		}
		v.x.tables, v.x.found = v.x.tables[:open], v.x.found[:open]
	} else {
		v.x.tables = make([][]byte, open)
	}
	v.tail.open(open)
	v.sh = upTo(open)
	v.r.Size, v.r.Budget = v.sh.size+v.tail.end, int64(v.sh.M*shardSize-cellSize)
	torn := v.tail.torn && size > int64(open)*blockSize // see tailCells
	v.x.whole = whole && side != nil && v.tail.whole && !torn
	for _, n := range v.x.found {
		v.x.whole = v.x.whole && n == blockPackets
	}
	return nil
}

func (v *examination) close() {
	if v.f != nil {
		_ = v.f.Close() // it was only read
	}
	for _, f := range v.side {
		_ = f.Close()
	}
}

// openStripe compares what the tail has copies of.
func (v *examination) openStripe(out func(int64, []byte, []Range, []byte) error) error {
	n := int(v.tail.end)
	if n == 0 {
		return nil
	}
	off := v.sh.size
	p, was := make([]byte, n), make([]byte, n)
	if v.f != nil {
		got, err := v.f.ReadAt(p, off)
		if err != nil && err != io.EOF {
			v.readCells(p, off)
		} else {
			clear(p[got:])
		}
	}
	copy(was, p)
	var ranges []Range
	for at := 0; at < n; at += cellSize {
		end := min(at+cellSize, n)
		good := v.tail.cells[at/cellSize]
		missing := off+int64(end) > v.r.Found
		switch {
		case len(good) < end-at && missing:
			v.r.Lost = addRange(v.r.Lost, off+int64(at), int64(end-at))
			fallthrough
		case len(good) >= end-at && (missing || !bytes.Equal(good[:end-at], p[at:end])):
			v.r.Cells++
			ranges = addRange(ranges, off+int64(at), int64(end-at))
			copy(p[at:end], good)
		case len(good) < end-at:
			v.r.Unproven = addRange(v.r.Unproven, off+int64(at), int64(end-at))
		}
	}
	for _, g := range ranges {
		v.r.Bad = addRange(v.r.Bad, g.Pos, g.Bytes)
	}
	v.s.progress(v.r.Name, off+int64(n), off+int64(n))
	if out != nil && len(v.r.Lost) == 0 {
		return out(off, p, ranges, was)
	}
	return nil
}

// load reads stripe i into data, zeros for what is not there, and calls each with its cells.
func (v *examination) load(i int, each func(c int, cell []byte)) error {
	off, n, rows, count := v.sh.stripe(i)
	room := v.sh.K * rows * cellSize
	if cap(v.data) < room { // the first one loaded may be the last one of the file, which is smaller
		v.data = make([]byte, room)
	}
	v.data = v.data[:room]
	for at := 0; at < count*cellSize; at += pieceBytes {
		want := v.data[at:min(at+pieceBytes, n)]
		got := 0
		if v.f != nil {
			var err error
			if got, err = v.f.ReadAt(want, off+int64(at)); err != nil && err != io.EOF {
				v.readCells(want, off+int64(at))
				got = len(want)
			}
		}
		clear(want[got:])
		if at+pieceBytes >= n {
			clear(v.data[n:])
		}
		v.s.yield()
		for c := at / cellSize; c < min((at+pieceBytes)/cellSize, count); c++ {
			each(c, v.data[c*cellSize:(c+1)*cellSize])
		}
		v.s.yield()
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
	if err := v.s.stopped(); err != nil {
		return err
	}
	if v.unproved {
		v.r.Lost = addRange(v.r.Lost, off, int64(n))
		return nil
	}
	table := v.x.tables[i]
	if table == nil { // of a growing file, which has no root to fall back upon
		v.r.Unproven = addRange(v.r.Unproven, off, int64(n))
		v.s.progress(v.r.Name, off+int64(n), v.sh.size)
		return nil
	}
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
