package heal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Rebuild opens a store for writing whose catalog is lost, and makes it anew from the sidecars: the newest of each file whose tables
// are whole. What they say is proven by their digests only, for the roots were in the catalog. ErrCatalog: there are sidecars, and
// none of them can be read, as with another key. A sidecar that the disk does not give is an error, and nothing is changed: without its
// entry what it covers could not be brought back.
func Rebuild(o Options) (*Store, error) {
	s, err := openStore(o, true, true)
	if err != nil {
		return nil, err
	}
	if err := s.rebuild(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) rebuild() error {
	files, err := s.o.FS.List(s.dir())
	if err != nil {
		return err
	}
	entries, sidecars, otherKey := map[string]Entry{}, 0, false
	for _, file := range files {
		tail := strings.HasSuffix(file, ".tail")
		if !tail && !strings.HasSuffix(file, ".rs") {
			continue
		}
		name, e, ok, err := s.entryOf(file, tail)
		if err != nil {
			return err
		}
		if old, had := entries[name]; ok && checkName(name) == nil && e.sound() && (!had || old.Generation < e.Generation) {
			entries[name] = e
		} else if !ok {
			otherKey = otherKey || s.otherKey(file)
		}
		sidecars++
	}
	if otherKey || s.d.key != nil && sidecars > 0 && len(entries) == 0 {
		return fmt.Errorf("%w: %s: its sidecars have another key", ErrCatalog, s.dir())
	}
	if err := s.o.FS.SyncDir(s.dir()); err != nil {
		return err
	}
	// A copy of the lost catalog that comes back must not win: serials count changes, milliseconds are more than anybody counts.
	c := catalog{serial: uint64(s.o.Now().UnixMilli()), entries: entries}
	if err := s.writeCatalog(c); err != nil {
		return err
	}
	s.cat = c
	return nil
}

// entryOf reads the entry that a sidecar file is of. An error is the disk's.
func (s *Store) entryOf(file string, tail bool) (name string, e Entry, ok bool, err error) {
	f, err := s.o.FS.Open(filepath.Join(s.dir(), file))
	if err != nil {
		return "", e, false, err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // a catalog is about to name it, and whoever wrote it may have been killed
		return "", e, false, err
	}
	size, err := f.Size()
	if err != nil {
		return "", e, false, err
	}
	r := &gapReader{r: f}
	if name, e, ok = s.entryIn(r, size, file, tail); !ok {
		err = r.err
	}
	return name, e, ok, err
}

// gapReader reads zeros where the disk gives nothing: what stands there is in a sidecar more than once.
type gapReader struct {
	r   io.ReaderAt
	err error // the first
}

func (g *gapReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := g.r.ReadAt(p, off)
	if n == len(p) || err == io.EOF {
		return n, err
	}
	if g.err == nil {
		g.err = err
	}
	for at := 0; at < len(p); at += cellSize {
		cell := p[at:min(at+cellSize, len(p))]
		if n, _ := g.r.ReadAt(cell, off+int64(at)); n < len(cell) {
			clear(cell)
		}
	}
	return len(p), nil
}

// entryIn reads the entry from size bytes of a sidecar.
func (s *Store) entryIn(f io.ReaderAt, size int64, file string, tail bool) (name string, e Entry, ok bool) {
	info := map[bound][]byte{}
	tables := map[bound]map[uint32][]byte{}
	var newest bound
	err := s.d.scanAll(f, size, func(of bound, id packetID, _ int64, payload []byte) {
		if of.Generation >= newest.Generation {
			newest = of
		}
		switch id.kind {
		case kindInfo:
			info[of] = bytes.Clone(payload)
		case kindTable:
			if tables[of] == nil {
				tables[of] = map[uint32][]byte{}
			}
			if tables[of][id.stripe] == nil {
				tables[of][id.stripe] = bytes.Clone(payload)
			}
		}
	})
	if err != nil || newest.Generation == 0 {
		return "", e, false
	}
	e = Entry{UUID: newest.UUID, Generation: newest.Generation, Made: 1} // long ago: it is due to be read
	if tail {
		flatName := strings.TrimSuffix(file, fmt.Sprintf(".%d.tail", newest.Generation))
		e.K, e.M, e.Growing = Profile64x8.K, Profile64x8.M, true
		return unflat(flatName), e, flatName != file
	}
	p := info[newest]
	const fixed = 16
	if len(p) <= fixed {
		return "", e, false
	}
	e.Size, e.K, e.M = int64(binary.LittleEndian.Uint64(p)), int(binary.LittleEndian.Uint16(p[8:])), int(binary.LittleEndian.Uint16(p[10:]))
	if !e.sound() {
		return "", e, false
	}
	sh := e.shape()
	all := make([][]byte, sh.stripes())
	for i := range all {
		_, _, _, cells := sh.stripe(i)
		if all[i] = tables[newest][uint32(i)]; len(all[i]) != 16*cells {
			return "", e, false
		}
	}
	e.Root = s.d.root(newest, sh, all)
	return string(p[fixed:]), e, true
}

// otherKey tells whether a sidecar was written with a key where the store has none, or the other way round.
func (s *Store) otherKey(file string) bool {
	f, err := s.o.FS.Open(filepath.Join(s.dir(), file))
	if err != nil {
		return false
	}
	defer f.Close()
	var head [headerSize]byte
	n, _ := f.ReadAt(head[:], 0)
	return n == headerSize && string(head[:len(magic)]) == magic && head[27] != s.d.flags()
}

func unflat(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "%2F", "/"), "%25", "%")
}
