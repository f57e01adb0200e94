package heal

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"

	"frankenredis/wal/disk"
)

// knownCover is what loading a growing file has shown of its cover: it is whole, and so are all bytes it describes.
type knownCover struct {
	generation uint64
	stripes    int   // that have their parity
	end        int64 // covered bytes
}

// Resume goes on with the cover that a growing file got from another process, so that only what came since is to be read and covered. It can
// where a Loading of the same Store has read the file to the end of that cover and found everything as covered, and nothing was changed since
// (Loading.Cut). Else, and where less of the file is durable than the cover describes (I14), the result is nil, and the file needs Grow. Once for
// each loading.
func (s *Store) Resume(name string, durable int64) (*Growing, error) {
	known, ok := s.known[name]
	delete(s.known, name)
	e := s.cat.entries[name]
	if !ok || !e.Growing || e.Generation != known.generation || known.end > durable {
		return nil, nil
	}
	g := &Growing{s: s, name: name, e: e, old: e, had: true, stripes: known.stripes, end: known.end, published: true}
	named, err := g.reopen()
	if err == nil {
		err = g.settle(named)
	}
	if err == nil {
		return g, nil
	}
	err = errors.Join(err, g.Close())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // somebody is clearing up
	}
	return nil, err
}

// reopen opens the file and its sidecar, and finds out which slot is to be written next: not the one that tells the end. named: that one names the
// open stripe.
func (g *Growing) reopen() (named bool, err error) {
	if g.code, err = newCodec(Profile64x8, binary.LittleEndian.Uint64(g.e.UUID[:8]), g.s.yield); err != nil {
		return false, err
	}
	if g.file, err = g.s.o.FS.Open(g.s.path(g.name)); err != nil {
		return false, err
	}
	if g.rs, err = g.s.o.FS.OpenReadWrite(g.s.sidecarPath(g.name, g.e)); err != nil {
		return false, err
	}
	if g.tail, err = g.s.o.FS.OpenReadWrite(g.s.tailPath(g.name, g.e)); err != nil {
		return false, err
	}
	furthest := int64(-1)
	for slot := range partialSlots {
		var p [slotSize]byte
		n, err := g.tail.ReadAt(p[:], int64(slot)*slotSize)
		if err != nil && err != io.EOF {
			return false, err
		}
		of, id, cell, err := g.s.d.parsePacket(p[:n], cellSize)
		if err != nil || of != g.e.bound() || id.kind != kindTail {
			continue // it was never written, or a crash tore it
		}
		if at := (int64(id.stripe)*stripeCells+int64(id.part))*cellSize + int64(len(cell)); at > furthest {
			furthest, g.turn, named = at, (slot+1)%partialSlots, int(id.stripe) == g.stripes
		}
	}
	return named, nil
}

// settle makes durable what the process before may have left in the page cache alone. Behind a sync that failed a sync that succeeds says
// nothing of what was written before: the same bytes are written once more, as far back as one sync reaches. The tail gets another file: its
// cells say how far the log is durable, and a device may spoil what it writes when the power goes. Where it does not name the open stripe (named) it does
// when the blocks are durable, and keeps until then the copies that they take the place of.
func (g *Growing) settle(named bool) error {
	if err := g.copyTailFile(named); err != nil {
		return err
	}
	err := writeAgain(g.rs, int64(max(g.stripes-syncStripes, 0))*blockSize, int64(g.stripes)*blockSize)
	if err == nil {
		err = g.rs.SyncData()
	}
	if err == nil && !named {
		err = g.writeSlot(g.stripes, 0, nil)
	}
	if err != nil {
		return err
	}
	if g.s.cat.bad > 0 {
		_, err = g.s.MendCatalog()
		return err
	}
	return g.s.o.FS.SyncDir(g.s.dir())
}

// copyTailFile puts a copy in the place of the tail file; with trim, of what counts. Its new name is durable when the folder is.
func (g *Growing) copyTailFile(trim bool) error {
	path := g.s.tailPath(g.name, g.e)
	f, err := g.s.o.FS.Create(path + ".tmp")
	if err != nil {
		return err
	}
	size, err := g.tail.Size()
	if err == nil {
		if trim {
			cells := g.end/cellSize - int64(g.stripes)*stripeCells // a partial one has no slot of its own
			size = min(size, (partialSlots+cells)*slotSize)
		}
		_, err = io.Copy(f, io.NewSectionReader(g.tail, 0, size))
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = g.s.o.FS.Rename(path+".tmp", path)
	}
	if err != nil {
		// On a full disk the room that the copy has taken is what the log needs to go on.
		return errors.Join(err, f.Close(), g.s.o.FS.Remove(path+".tmp"))
	}
	old := g.tail
	g.tail = f
	return old.Close()
}

// writeAgain writes what f holds from one position to another, in its place.
func writeAgain(f disk.File, from, to int64) error {
	buf := make([]byte, min(to-from, 1<<20))
	for from < to {
		p := buf[:min(int64(len(buf)), to-from)]
		if n, err := f.ReadAt(p, from); n < len(p) {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if _, err := f.WriteAt(p, from); err != nil {
			return err
		}
		from += int64(len(p))
	}
	return nil
}

// read takes note that the first bytes of the file, up to position to, were read and are as covered.
func (f *verified) read(to int64) {
	f.upTo = max(f.upTo, to)
	v, l := f.v, f.l
	if !v.e.Growing || !v.x.whole || v.r.Size == 0 || f.upTo < v.r.Size {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.damaged[f.name] != nil || l.replaced[f.name] {
		return
	}
	if l.s.known == nil {
		l.s.known = map[string]knownCover{}
	}
	l.s.known[f.name] = knownCover{v.e.Generation, v.sh.stripes(), v.r.Size}
}

// Cut says that the file at path was cut to size bytes since it was loaded: what comes behind them is something else.
func (l *Loading) Cut(path string, size int64) {
	name := l.s.NameOf(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	if size < l.s.known[name].end {
		delete(l.s.known, name)
	}
}
