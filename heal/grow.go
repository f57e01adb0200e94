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
	// The tail file has two slots that take turns with the last, partial cell, and behind them one for each cell of the open stripe. What they hold
	// of stripes before that one is left there.
	partialSlots = 2
	everySlot    = -1 // the turn in a new file: none is left empty, as damage might
	// blockSize is the room of one stripe in the sidecar of a growing file.
	blockSize = copies*(headerSize+16*stripeCells) + 8*64*slotSize
	// blockPackets is how many packets it has.
	blockPackets = copies + 8*64
	// syncStripes is for how many stripes at most one sync makes the parity durable.
	syncStripes = 16
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
	turn      int   // the partial slot to be written next; everySlot: all
	offered   bool  // to the catalog, of which a copy may name it
	published bool
}

// Grow begins to cover a file that grows. What covers it now stays in force until the first Advance has returned.
func (s *Store) Grow(name string) (*Growing, error) {
	g := &Growing{s: s, name: name, turn: everySlot}
	var err error
	if g.e, g.old, g.had, err = s.newEntry(name); err != nil {
		return nil, err
	}
	g.e.K, g.e.M, g.e.Growing = Profile64x8.K, Profile64x8.M, true
	if g.code, err = newCodec(Profile64x8, binary.LittleEndian.Uint64(g.e.UUID[:8]), s.yield); err != nil {
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

// Close lets go of the files. The cover stays as it is. What never was in force is removed: on a full disk its room is what others wait for, and the
// next attempt would leave as much. Not what a copy of the catalog may name (I14).
func (g *Growing) Close() error {
	var errs []error
	for _, f := range []disk.File{g.file, g.rs, g.tail} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if !g.offered && !g.published {
		errs = append(errs, g.s.unlinkSidecar(g.name, g.e))
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
		n := 0
		for ; n < syncStripes && int64(g.stripes+n+1)*full <= durable; n++ {
			if err := g.writeBlock(g.stripes + n); err != nil {
				return err
			}
			g.s.progress(g.name, int64(g.stripes+n+1)*full, durable)
		}
		if err := g.seal(n); err != nil {
			return err
		}
	}
	return nil
}

// publish puts the cover into the catalog, once.
func (g *Growing) publish() error {
	if g.published {
		return nil
	}
	// Both files are new, and what they hold was synced as it was written.
	if err := g.s.o.FS.SyncDir(g.s.dir()); err != nil {
		return err
	}
	g.offered = true
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

// bandBytes is how much of each shard is read and encoded at a time: what belongs to it stays in the processor's second cache.
const bandBytes = 4 * cellSize

// writeBlock writes the block of a complete stripe. Nothing counts on it yet.
func (g *Growing) writeBlock(stripe int) error {
	const bands = shardSize / bandBytes
	p := Profile64x8
	room := g.s.takeRoom()
	defer g.s.giveRoom(room)
	b := g.e.bound()
	cells := g.s.d.cells(b)
	first := stripe * stripeCells
	check := g.code.rng.IntN(bands)
	for band := range bands {
		for k := range p.K {
			piece := room.data[k*bandBytes : (k+1)*bandBytes]
			at := k*shardSize + band*bandBytes
			if err := g.read(piece, int64(first)*cellSize+int64(at)); err != nil {
				return err
			}
			for c := at / cellSize; len(piece) > 0; c++ {
				sum := cells(uint64(first+c), piece[:cellSize])
				copy(room.table[16*c:], sum[:])
				piece = piece[cellSize:]
			}
			g.s.yield()
		}
		if err := g.code.encodeBand(room.data, room.parity, bandBytes/cellSize, band == check); err != nil {
			return fmt.Errorf("%s: stripe %d: %w", g.s.path(g.name), stripe, err)
		}
		for m := range p.M {
			copy(room.all[m*shardSize+band*bandBytes:], room.parity[m*bandBytes:(m+1)*bandBytes])
		}
	}
	block := room.block[:0]
	put := func(kind kind, part int, payload []byte) {
		block = g.s.d.appendPacket(block, b, packetID{kind, uint32(stripe), uint32(part)}, payload)
	}
	put(kindTable, 0, room.table)
	for i := range p.M * shardSize / cellSize {
		if i == p.M*shardSize/cellSize/2 {
			put(kindTable, 1, room.table)
		}
		put(kindParity, i, room.all[i*cellSize:(i+1)*cellSize])
		if i%16 == 0 {
			g.s.yield()
		}
	}
	put(kindTable, 2, room.table)
	return g.s.writeAt(g.rs, block, int64(stripe)*blockSize)
}

// seal makes the blocks of the next n stripes durable. Only then a slot says, durably too, which stripe is open: a block that is damaged later would
// else be taken for one that a crash cut short. The copies of cells that are needed no more stay. Cutting the file frees room that the next stripe
// takes again, and on a file system that tells the device of it (discard) it held up the log's own commits for milliseconds.
func (g *Growing) seal(n int) error {
	if err := g.rs.SyncData(); err != nil {
		return err
	}
	disk.Uncache(g.rs) // nobody reads it soon, and the next blocks take the same pages again
	if err := g.writeSlot(g.stripes+n, 0, nil); err != nil {
		return err
	}
	g.stripes += n
	g.end = max(g.end, int64(g.stripes)*stripeCells*cellSize)
	return nil
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
	room := min(last-first, most)
	data, p := make([]byte, 0, max(room, 1)*cellSize), make([]byte, 0, room*slotSize)
	for c := first; c < last; {
		n := min(last-c, most)
		data, p = data[:n*cellSize], p[:0]
		if err := g.read(data, base+c*cellSize); err != nil {
			return err
		}
		for i := range n {
			p = g.s.d.appendPacket(p, b, packetID{kindTail, uint32(g.stripes), uint32(c + i)}, data[i*cellSize:(i+1)*cellSize])
		}
		if err := g.s.writeAt(g.tail, p, (partialSlots+c)*slotSize); err != nil {
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
	return g.writeSlot(g.stripes, last, data)
}

// writeSlot says durably which stripe is open, and that it is covered to the end of data in that cell of it. Never is the slot overwritten that says
// what is covered now.
func (g *Growing) writeSlot(stripe int, cell int64, data []byte) error {
	p := g.s.d.appendPacket(make([]byte, 0, slotSize), g.e.bound(), packetID{kindTail, uint32(stripe), uint32(cell)}, data)
	if g.turn == everySlot {
		p = append(p, make([]byte, slotSize-len(p))...)
		p = append(p, p...)
		g.turn = 0
	}
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

// room is memory for a stripe of a growing file: a band of its data, the parity of that, the parity and the table of the stripe, and its
// block.
type room struct{ data, parity, all, table, block []byte }

// takeRoom hands out the room for one stripe, giveRoom takes it back: large pieces of memory that come and go would keep the collector busy.
func (s *Store) takeRoom() *room {
	r := s.room
	s.room = nil
	if r == nil {
		p := Profile64x8
		r = &room{make([]byte, p.K*bandBytes), make([]byte, p.M*bandBytes), make([]byte, p.M*shardSize), make([]byte, 16*stripeCells), make([]byte, 0, blockSize)}
	}
	return r
}

func (s *Store) giveRoom(r *room) { s.room = r }
