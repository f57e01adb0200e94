package heal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"frankenredis/wal/disk"
)

const (
	stripeCells = 64 * shardSize / cellSize // of a full stripe
	slotSize    = headerSize + cellSize     // of the tail file
	// The tail file has two slots that take turns with the last, partial cell, and behind them one for each cell of the open stripe.
	partialSlots = 2
	// blockSize is the room of one stripe in the sidecar of a growing file.
	blockSize = copies*(headerSize+16*stripeCells) + 8*64*slotSize
)

// Growing covers a file while bytes are appended to it. The bytes below what Advance was told must never change. Not for
// concurrent use, neither with itself nor with other methods of its Store.
type Growing struct {
	s         *Store
	name      string
	e, old    Entry
	had       bool
	file      disk.File // read only
	rs, tail  disk.File
	code      *codec
	stripes   int   // that have their parity
	end       int64 // covered up to here, bytes
	turn      int   // the partial slot to be written next
	published bool
}

// Grow begins to cover a file that grows. What covers it now stays in force until the first Advance has returned.
func (s *Store) Grow(name string) (*Growing, error) {
	g := &Growing{s: s, name: name}
	var err error
	if g.e, g.old, g.had, err = s.newEntry(name); err != nil {
		return nil, err
	}
	g.e.K, g.e.M, g.e.Growing = Profile64x8.K, Profile64x8.M, true
	if g.code, err = newCodec(Profile64x8, binary.LittleEndian.Uint64(g.e.UUID[:8])); err != nil {
		return nil, err
	}
	if g.file, err = s.o.FS.Open(s.path(name)); err == nil {
		g.rs, err = s.o.FS.Create(s.sidecarPath(name, g.e))
	}
	if err == nil {
		g.tail, err = s.o.FS.Create(s.tailPath(name, g.e))
	}
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// End is up to where the file is covered, in bytes.
func (g *Growing) End() int64 { return g.end }

// Close lets go of the files. The cover stays as it is.
func (g *Growing) Close() error {
	var errs []error
	for _, f := range []disk.File{g.file, g.rs, g.tail} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Advance covers the file up to durable, a position below which every byte is durable (I14). It returns when the cover is
// durable too. After an error the cover is what it was, and a new one must be begun to go on.
func (g *Growing) Advance(durable int64) error {
	if durable <= g.end && g.published {
		return nil
	}
	if err := g.AdvanceStripes(durable); err != nil {
		return err
	}
	if durable > g.end {
		if err := g.copyTail(durable); err != nil {
			return err
		}
		g.end = durable
	}
	return g.publish()
}

// AdvanceStripes is Advance for the stripes that are complete only. Where a stripe fills fast it saves copying what will have its
// parity at once.
func (g *Growing) AdvanceStripes(durable int64) error {
	full := shape{Profile64x8, durable}.stripeBytes()
	for int64(g.stripes+1)*full <= durable {
		if err := g.seal(); err != nil {
			return err
		}
		g.end = max(g.end, int64(g.stripes)*full)
		g.s.progress(g.name, g.end, durable)
	}
	return nil
}

// publish puts the cover into the catalog, once.
func (g *Growing) publish() error {
	if g.published {
		return nil
	}
	if err := errors.Join(g.rs.Sync(), g.tail.Sync()); err != nil {
		return err
	}
	if err := g.s.o.FS.SyncDir(g.s.dir()); err != nil {
		return err
	}
	if err := g.s.publish(g.name, g.e, g.old, g.had); err != nil {
		return err
	}
	// Also between other changes: who waits for the cover goes by it from here on.
	if err := g.s.flush(); err != nil {
		return err
	}
	g.published = true
	return nil
}

// seal gives the open stripe, which is complete, its parity. Only when that is durable the copies of its cells go.
func (g *Growing) seal() error {
	sh := shape{Profile64x8, int64(g.stripes+1) * stripeCells * cellSize}
	off, n, rows, _ := sh.stripe(g.stripes)
	room := g.s.takeRoom()
	defer g.s.giveRoom(room)
	data, parity := room[:n], room[n:n+sh.M*rows*cellSize]
	if err := g.read(data, off); err != nil {
		return err
	}
	b := g.e.bound()
	table := g.s.d.table(b, off, data)
	if err := g.code.encode(data, parity, rows); err != nil {
		return fmt.Errorf("%s: stripe %d: %w", g.s.path(g.name), g.stripes, err)
	}
	// The data is not needed any more: the packets, which are a seventh of it, take its room.
	p := room[:0]
	put := func(kind kind, part int, payload []byte) {
		p = g.s.d.appendPacket(p, b, packetID{kind, uint32(g.stripes), uint32(part)}, payload)
	}
	put(kindTable, 0, table)
	for i := range sh.M * rows {
		if i == sh.M*rows/2 {
			put(kindTable, 1, table)
		}
		put(kindParity, i, parity[i*cellSize:(i+1)*cellSize])
	}
	put(kindTable, 2, table)
	if _, err := g.rs.WriteAt(p, int64(g.stripes)*blockSize); err != nil {
		return err
	}
	if err := g.rs.SyncData(); err != nil {
		return err
	}
	g.stripes++
	return g.tail.Truncate(0)
}

// copyTail copies the new cells of the open stripe. A whole cell has a slot of its own, which no other state of it had; a partial
// one takes turns with the state before, and follows when those are durable, so that a write that a crash tears destroys nothing that
// was covered.
func (g *Growing) copyTail(durable int64) error {
	const most = 64 // cells at a time
	b := g.e.bound()
	base := int64(g.stripes) * stripeCells * cellSize
	first := (max(g.end, base) - base) / cellSize
	last := (durable - base) / cellSize // the partial one, maybe empty
	data, p := make([]byte, 0, most*cellSize), make([]byte, 0, most*slotSize)
	for c := first; c < last; {
		n := min(last-c, most)
		data, p = data[:n*cellSize], p[:0]
		if err := g.read(data, base+c*cellSize); err != nil {
			return err
		}
		for i := range n {
			p = g.s.d.appendPacket(p, b, packetID{kindTail, uint32(g.stripes), uint32(c + i)}, data[i*cellSize:(i+1)*cellSize])
		}
		if _, err := g.tail.WriteAt(p, (partialSlots+c)*slotSize); err != nil {
			return err
		}
		c += n
	}
	if first < last {
		// The partial cell says how far the file is covered, and makes the copy of the cell that was partial before count for nothing.
		if err := g.tail.SyncData(); err != nil {
			return err
		}
	}
	data = data[:durable-base-last*cellSize]
	if err := g.read(data, base+last*cellSize); err != nil {
		return err
	}
	p = g.s.d.appendPacket(p[:0], b, packetID{kindTail, uint32(g.stripes), uint32(last)}, data)
	if _, err := g.tail.WriteAt(p, int64(g.turn)*slotSize); err != nil {
		return err
	}
	g.turn = (g.turn + 1) % partialSlots
	return g.tail.SyncData()
}

func (g *Growing) read(p []byte, off int64) error {
	if n, err := g.file.ReadAt(p, off); n < len(p) {
		if err == io.EOF || err == nil {
			err = ErrChanged // it is shorter than what was durable
		}
		return fmt.Errorf("%s: read at %d: %w", g.s.path(g.name), off, err)
	}
	return nil
}

// takeRoom hands out memory for one full stripe with its parity, giveRoom takes it back: large pieces of memory that come and go
// would keep the collector busy.
func (s *Store) takeRoom() []byte {
	p := s.room
	s.room = nil
	if p == nil {
		p = make([]byte, (64+8)*shardSize)
	}
	return p
}

func (s *Store) giveRoom(p []byte) { s.room = p }

// table is the table of a stripe of whole cells that begins at off.
func (d digester) table(b bound, off int64, data []byte) []byte {
	cells := d.cells(b)
	t := make([]byte, 0, len(data)/cellSize*16)
	for c := 0; c < len(data); c += cellSize {
		sum := cells(uint64((off+int64(c))/cellSize), data[c:c+cellSize])
		t = append(t, sum[:]...)
	}
	return t
}

// tailCells are the copies of an open stripe's cells.
type tailCells struct {
	stripe int
	cells  map[int][]byte // by number in the stripe
	end    int64          // covered bytes of the stripe
	whole  bool
}

// readTail reads the tail file of a growing file's entry.
func (s *Store) readTail(f disk.File, b bound) (*tailCells, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	type key struct{ stripe, cell int }
	found := map[key][]byte{}
	t := &tailCells{stripe: -1, cells: map[int][]byte{}, whole: true}
	err = s.d.scan(f, size, b, func(id packetID, _ int64, payload []byte) {
		if id.kind != kindTail || id.part > stripeCells || len(payload) > cellSize {
			return
		}
		k := key{int(id.stripe), int(id.part)}
		if len(payload) >= len(found[k]) {
			found[k] = append([]byte{}, payload...)
		}
		t.stripe = max(t.stripe, k.stripe)
	})
	if err != nil {
		return nil, err
	}
	for k, p := range found {
		if k.stripe == t.stripe {
			t.cells[k.cell] = p
			t.end = max(t.end, int64(k.cell)*cellSize+int64(len(p)))
		}
	}
	for c := range int((t.end + cellSize - 1) / cellSize) {
		if want := min(t.end-int64(c)*cellSize, cellSize); int64(len(t.cells[c])) != want {
			t.whole = false
		}
	}
	if size > 0 && t.stripe < 0 {
		t.whole = false
	}
	return t, nil
}
