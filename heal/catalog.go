package heal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"frankenredis/wal/disk"
)

// Entry is what the catalog knows of one covered file.
type Entry struct {
	UUID       Sum    `json:"uuid"`
	Generation uint64 `json:"generation"`
	Size       int64  `json:"size"` // bytes; 0 while it grows
	K          int    `json:"k"`
	M          int    `json:"m"`
	Root       Sum    `json:"root"`              // zero while it grows
	Made       int64  `json:"made"`              // milliseconds since 1970
	Growing    bool   `json:"growing,omitempty"` // see Growing
	Checked    int64  `json:"checked,omitempty"` // when it was last read whole, milliseconds since 1970
}

// Seen is when the file was last known to be as covered, milliseconds since 1970.
func (e Entry) Seen() int64 { return max(e.Made, e.Checked) }

// MarshalText writes a digest in hexadecimal digits.
func (s Sum) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(p []byte) error {
	if len(p) != 2*len(s) {
		return errors.New("a digest has 32 digits")
	}
	_, err := hex.Decode(s[:], p)
	return err
}

func (e Entry) bound() bound { return bound{e.UUID, e.Generation} }
func (e Entry) shape() shape { return shape{Profile{e.K, e.M}, e.Size} }

// sound tells whether an entry is one that this version writes.
func (e Entry) sound() bool {
	if e.Growing {
		return e.Size == 0 && Profile{e.K, e.M} == Profile64x8
	}
	return e.Size >= 0 && Profile{e.K, e.M}.known() && (e.Size < smallSize) == (Profile{e.K, e.M} == asCopies)
}

// checkName keeps covered files outside of our own folder, and inside the root unless the name is an absolute path: a server's
// configuration may lie anywhere.
func checkName(name string) error {
	if path.IsAbs(name) && path.Clean(name) == name && name != "/" && len(name) <= maxName {
		return nil
	}
	if !fs.ValidPath(name) || name == "." || len(name) > maxName || name == Folder || strings.HasPrefix(name, Folder+"/") {
		return fmt.Errorf("%q cannot be covered: not a file's path below the root", name)
	}
	return nil
}

// catalog is all that is covered.
type catalog struct {
	serial  uint64
	entries map[string]Entry
	bad     int  // of the three files, how many are missing, damaged or behind
	none    bool // there is none yet, and nothing that it could name
}

// catalogName begins the names of the catalog's copies.
const catalogName = "catalog."

func catalogPath(root string, i int) string {
	return filepath.Join(root, Folder, fmt.Sprint(catalogName, i))
}

// readCatalog takes the newest copy that is whole. Where there are files and none is whole the error is ErrCatalog, but the disk's if it did
// not give one of them: that one may be whole, and making the catalog anew would replace it.
func (d digester) readCatalog(fsys disk.FS, root string) (catalog, error) {
	best := catalog{entries: map[string]Entry{}}
	exist, same := 0, 0
	var unread error
	for i := range copies {
		p, err := disk.ReadFile(fsys, catalogPath(root, i), maxCatalog+headerSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		exist++
		if err != nil {
			if failedRead(err) {
				unread = err
			}
			continue
		}
		b, id, payload, err := d.parsePacket(p, maxCatalog)
		if err != nil || id.kind != kindCatalog || len(p) != headerSize+len(payload) || b.Generation < best.serial {
			continue
		}
		entries := map[string]Entry{}
		if json.Unmarshal(payload, &entries) != nil {
			continue
		}
		for name, e := range entries {
			if checkName(name) != nil || !e.sound() {
				return best, fmt.Errorf("%w: %s: %q", ErrCatalog, catalogPath(root, i), name)
			}
		}
		if b.Generation > best.serial {
			same = 0
		}
		same++
		best.serial, best.entries = b.Generation, entries
	}
	if exist == 0 {
		names, err := fsys.List(filepath.Join(root, Folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return best, err
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".rs") {
				return best, fmt.Errorf("%w: %s: none of the three is there, and there are sidecars", ErrCatalog, catalogPath(root, 0))
			}
		}
		best.none = true
	}
	if same == 0 && unread != nil {
		return best, unread
	}
	if exist > 0 && same == 0 {
		return best, fmt.Errorf("%w: %s", ErrCatalog, catalogPath(root, 0))
	}
	if exist > 0 {
		best.bad = copies - same
	}
	return best, nil
}

// failedRead tells an error of the disk from content that is not as it should be.
func failedRead(err error) bool {
	var failed *fs.PathError
	return errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist)
}

// writeCatalog replaces the three copies, one after the other.
func (s *Store) writeCatalog(c catalog) error {
	p, err := json.Marshal(c.entries)
	if err != nil {
		return err
	}
	if len(p) > maxCatalog {
		return fmt.Errorf("%s: a catalog of %d bytes, at most %d", s.o.Root, len(p), maxCatalog)
	}
	p = s.d.appendPacket(nil, bound{Generation: c.serial}, packetID{kind: kindCatalog}, p)
	for i := range copies {
		path := catalogPath(s.o.Root, i)
		f, err := s.o.FS.Create(path + ".tmp")
		if err != nil {
			return err
		}
		_, err = f.Write(p)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if err = s.o.FS.Rename(path+".tmp", path); err != nil {
			return err
		}
		if err = s.o.FS.SyncDir(s.dir()); err != nil {
			return err
		}
	}
	return nil
}

// begin writes the first catalog, which names nothing, before there is a sidecar (I14). Where there are sidecars and no catalog it is lost, and they are
// what is left to know it by; one that a crash cut short before it counted would be taken for one in force.
func (s *Store) begin() error {
	if !s.cat.none {
		return nil
	}
	s.cat.serial++ // also if it fails: some of its copies may be there
	if err := s.writeCatalog(catalog{serial: s.cat.serial, entries: map[string]Entry{}}); err != nil {
		return err
	}
	s.cat.none = false
	return nil
}

// Names returns what is covered, sorted.
func (s *Store) Names() []string { return slices.Sorted(maps.Keys(s.cat.entries)) }

// Entry returns what the catalog knows of a file.
func (s *Store) Entry(name string) (Entry, bool) {
	e, ok := s.cat.entries[name]
	return e, ok
}

// change replaces the catalog by one that edit has changed.
func (s *Store) change(edit func(entries map[string]Entry)) error {
	if s.batching {
		entries := maps.Clone(s.cat.entries)
		edit(entries)
		s.cat.entries, s.unwritten = entries, true
		return nil
	}
	c := catalog{serial: s.cat.serial + 1, entries: maps.Clone(s.cat.entries)}
	edit(c.entries)
	if err := s.writeCatalog(c); err != nil {
		s.cat.serial, s.cat.bad = c.serial, copies // the disk may have either, and the number in one copy
		return err
	}
	s.cat = c
	return nil
}

// Checked notes in the catalog that files were read whole and found as covered, at milliseconds since 1970.
func (s *Store) Checked(at map[string]int64) error {
	return s.change(func(entries map[string]Entry) {
		for name, ms := range at {
			if e, ok := entries[name]; ok {
				e.Checked = ms
				entries[name] = e
			}
		}
	})
}
