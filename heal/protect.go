package heal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"frankenredis/wal/disk"
)

// Protect covers a file as it is now, in place of what covered it before. The file must be at rest: if its size or time of
// change moves meanwhile, or its bytes cannot be made durable, nothing is changed (ErrChanged for the former).
func (s *Store) Protect(name string) (Entry, error) { return s.ProtectProven(name, nil, nil) }

// ProtectProven is Protect of a file whose bytes are known: all of them are written to digest, and proven may then refuse with an
// error, which leaves everything as it was. Both may be nil.
func (s *Store) ProtectProven(name string, digest io.Writer, proven func() error) (Entry, error) {
	e, old, had, err := s.newEntry(name)
	if err != nil {
		return e, err
	}
	before, err := s.o.FS.Stat(s.path(name))
	if err != nil {
		return e, err
	}
	if !before.Mode().IsRegular() {
		return e, fmt.Errorf("%s: not a regular file", s.path(name))
	}
	sh := shapeOf(before.Size(), s.o.Profile)
	e.Size, e.K, e.M = sh.size, sh.K, sh.M
	check := func(Sum) error {
		after, err := s.o.FS.Stat(s.path(name))
		if err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
			err = fmt.Errorf("%s: %w", s.path(name), ErrChanged)
		}
		if err == nil && proven != nil {
			err = proven()
		}
		return err
	}
	if e.Root, err = s.writeSidecar(name, e, digest, check); err != nil {
		return e, err
	}
	return e, s.publish(name, e, old, had)
}

// newEntry begins the entry of a file's next generation; old is the one in force, if had. No generation is used twice whose sidecar lies
// there: a lost catalog may have known it, or one that could not be written in all its copies may name it (I14).
func (s *Store) newEntry(name string) (e, old Entry, had bool, err error) {
	if err := checkName(name); err != nil {
		return e, old, false, err
	}
	if err := s.begin(); err != nil {
		return e, old, false, err
	}
	old, had = s.cat.entries[name]
	highest, err := s.highestGeneration(name)
	if err != nil {
		return e, old, false, err
	}
	e.Generation = max(old.Generation, highest) + 1
	_, err = io.ReadFull(s.o.Random, e.UUID[:])
	e.Made = s.o.Now().UnixMilli()
	return e, old, had, err
}

// publish puts an entry whose sidecar is durable into the catalog and removes what covered the file before.
func (s *Store) publish(name string, e, old Entry, had bool) error {
	if err := s.change(func(entries map[string]Entry) { entries[name] = e }); err != nil {
		return err
	}
	if had {
		return s.removeSidecar(name, old)
	}
	return nil
}

// batch has do change the catalog any number of times, and writes it once. What do replaced is removed only then. An error of do ends
// nothing: what it did before is kept. written says that all of it is in the catalog, durably.
func (s *Store) batch(do func() error) (written bool, err error) {
	s.batching, s.written, s.lost = true, s.cat.entries, nil
	err = do()
	s.batching = false
	err = errors.Join(err, s.flush())
	return s.lost == nil, err
}

// flush writes the catalog as a batch has changed it so far, and removes what it replaced. An error gives up what the batch did since the last.
func (s *Store) flush() (err error) {
	if !s.unwritten {
		return nil
	}
	s.unwritten = false
	c := s.cat
	c.serial++
	c.bad = 0
	if err := s.writeCatalog(c); err != nil {
		// The disk may have either catalog; what both name is still there.
		s.cat.entries, s.cat.serial, s.cat.bad, s.replaced, s.lost = s.written, c.serial, copies, nil, err
		return err
	}
	s.cat, s.written = c, c.entries
	for _, r := range s.replaced {
		err = errors.Join(err, s.unlinkSidecar(r.name, r.entry))
	}
	s.replaced = nil
	return err
}

// replacedEntry is one whose files go when the catalog does not name them any more.
type replacedEntry struct {
	name  string
	entry Entry
}

// removeSidecar removes the files of an entry that the catalog does not name any more.
func (s *Store) removeSidecar(name string, e Entry) error {
	if s.batching {
		s.replaced = append(s.replaced, replacedEntry{name, e})
		return nil
	}
	return s.unlinkSidecar(name, e)
}

// unlinkSidecar does it. The folder need not be synced: what a crash brings back no catalog names, and the next sweep takes it away. It is for a
// large one, because only then the room is given back piece by piece (see disk.OS).
func (s *Store) unlinkSidecar(name string, e Entry) error {
	paths := []string{s.sidecarPath(name, e)}
	if e.Growing {
		paths = append(paths, s.tailPath(name, e))
	}
	large := false
	for _, path := range paths {
		if info, err := s.o.FS.Stat(path); err == nil {
			large = large || info.Size() >= disk.LargeFile
		}
		if err := s.o.FS.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if large {
		return s.o.FS.SyncDir(s.dir())
	}
	return nil
}

// highestGeneration is that of the newest sidecar of a file that lies there, whoever knows of it; 0: there is none.
func (s *Store) highestGeneration(name string) (highest uint64, err error) {
	names, err := s.o.FS.List(s.dir())
	if err != nil {
		return 0, err
	}
	for _, file := range names {
		if of, generation, ok := parseSidecarName(file); ok && of == name {
			highest = max(highest, generation)
		}
	}
	return highest, nil
}

// writeSidecar makes the sidecar of e from the file, whose bytes digest is given too; check may refuse the root before anything is
// replaced.
func (s *Store) writeSidecar(name string, e Entry, digest io.Writer, check func(root Sum) error) (Sum, error) {
	f, err := s.o.FS.Open(s.path(name))
	if err != nil {
		return Sum{}, err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return Sum{}, err
	}
	path := s.sidecarPath(name, e)
	out, err := s.o.FS.Create(path + ".tmp")
	if err != nil {
		return Sum{}, err
	}
	root, err := s.encodeTo(out, f, name, e, digest)
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = s.readBack(out, name, e)
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = check(root)
	}
	if err == nil {
		err = s.o.FS.Rename(path+".tmp", path)
	}
	if err != nil {
		return root, errors.Join(err, s.o.FS.Remove(path+".tmp"))
	}
	return root, s.o.FS.SyncDir(s.dir())
}

// encodeTo writes the packets of a sidecar to an empty file.
func (s *Store) encodeTo(out disk.File, f disk.File, name string, e Entry, digest io.Writer) (Sum, error) {
	sh, b := e.shape(), e.bound()
	code, err := newCodec(sh.Profile, binary.LittleEndian.Uint64(e.UUID[:8]), s.yield)
	if err != nil {
		return Sum{}, err
	}
	cells := s.d.cells(b)
	var tables [][]byte
	var tableBytes int64
	for i := range sh.stripes() {
		_, _, _, n := sh.stripe(i)
		tableBytes += headerSize + 16*int64(n)
	}
	put := func(pos int64, id packetID, payload []byte) (int64, error) {
		p := s.d.appendPacket(nil, b, id, payload)
		_, err := out.WriteAt(p, pos)
		return pos + int64(len(p)), err
	}
	info := sh.info(name)
	pos, err := put(0, packetID{kind: kindInfo}, info)
	if err != nil {
		return Sum{}, err
	}
	pos += tableBytes
	var data, parity, packed []byte
	for i := range sh.stripes() {
		off, n, rows, count := sh.stripe(i)
		room := sh.K * rows * cellSize
		if err := s.stopped(); err != nil {
			return Sum{}, err
		}
		if data == nil {
			data, parity = make([]byte, room), make([]byte, sh.M*rows*cellSize)
		}
		data, parity = data[:room], parity[:sh.M*rows*cellSize]
		clear(data[n:])
		table := make([]byte, 0, 16*count)
		for at := 0; at < n; at += pieceBytes {
			piece := data[at:min(at+pieceBytes, n)]
			if got, err := f.ReadAt(piece, off+int64(at)); got < len(piece) {
				return Sum{}, fmt.Errorf("%s: read at %d: %w", s.path(name), off+int64(at), errors.Join(err, ErrChanged))
			}
			s.yield()
			if digest != nil {
				_, _ = digest.Write(piece)
				s.yield()
			}
			for c := at / cellSize; c < min((at+pieceBytes)/cellSize, count); c++ {
				sum := cells(uint64(off/cellSize)+uint64(c), data[c*cellSize:(c+1)*cellSize])
				table = append(table, sum[:]...)
			}
			s.yield()
		}
		tables = append(tables, table)
		if pos, err = put(pos, packetID{kindTable, uint32(i), 1}, table); err != nil {
			return Sum{}, err
		}
		if err := code.encode(data, parity, rows); err != nil {
			return Sum{}, fmt.Errorf("%s: stripe %d: %w", s.path(name), i, err)
		}
		packed = packed[:0]
		for p := range sh.M * rows {
			packed = s.d.appendPacket(packed, b, packetID{kindParity, uint32(i), uint32(p)}, parity[p*cellSize:(p+1)*cellSize])
			if p%16 == 0 {
				s.yield()
			}
		}
		if err := s.writeAt(out, packed, pos); err != nil {
			return Sum{}, err
		}
		pos += int64(len(packed))
		s.progress(name, off+int64(n), sh.size)
	}
	if pos, err = put(pos, packetID{kindInfo, 0, 1}, info); err != nil {
		return Sum{}, err
	}
	first := int64(headerSize + len(info))
	for i, t := range tables {
		if first, err = put(first, packetID{kindTable, uint32(i), 0}, t); err != nil {
			return Sum{}, err
		}
		if pos, err = put(pos, packetID{kindTable, uint32(i), 2}, t); err != nil {
			return Sum{}, err
		}
	}
	_, err = put(pos, packetID{kindInfo, 0, 2}, info)
	return s.d.root(b, sh, tables), err
}

// readBack checks that a sidecar just written is whole.
func (s *Store) readBack(out disk.File, name string, e Entry) error {
	x := index{}
	if err := x.read(s, out, name, e); err != nil {
		return err
	}
	if !x.whole {
		return fmt.Errorf("%s: what was written does not read back", out.Name())
	}
	return nil
}

// Forget takes a file out of the catalog and removes its sidecar; the file itself is left alone.
func (s *Store) Forget(name string) error {
	e, ok := s.cat.entries[name]
	if !ok {
		return fmt.Errorf("%s: %w", s.path(name), ErrUncovered)
	}
	if _, err := s.dropUnfinished(name); err != nil { // later nobody knows of it
		return err
	}
	if err := s.change(func(entries map[string]Entry) { delete(entries, name) }); err != nil {
		return err
	}
	return s.removeSidecar(name, e)
}
