package heal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"frankenredis/wal/disk"
)

// Folder is the name of the folder of sidecars below the root.
const Folder = "heal"

// Errors that callers branch on.
var (
	ErrCatalog   = errors.New("no copy of the catalog is whole, or the key is another")
	ErrUncovered = errors.New("not covered by a sidecar")
	ErrChanged   = errors.New("the file changed while it was read")
	ErrBeyond    = errors.New("damaged beyond repair")
	ErrNotReal   = errors.New("the file's bytes changed since the repair was computed; nothing was replaced")
)

// Options say where a Store works.
type Options struct {
	FS      disk.FS
	Root    string    // the folder that holds the files; must exist
	Key     []byte    // digests are keyed with it; nil: they are not
	Profile Profile   // of files covered from now on; zero: Profile64x8
	Random  io.Reader // for uuids and self-checks; nil: crypto/rand
	Now     func() time.Time
	// Uncached has covered files read from the device rather than from the page cache, where the system allows.
	Uncached bool
	// Stop is asked between stripes whether to go on reading; its error ends a Verify or a Protect. May be nil.
	Stop func() error
	// Progress is called with the position in the file being read, at most once a stripe; may be nil.
	Progress func(name string, pos, size int64)
	// Yield is called after each piece of work of a hundred microseconds or so, so that work in the background can make room; may be nil.
	Yield func()
	// Rest is called behind each piece that was handed to the device: then others' commits do not stand behind all pieces; may be nil.
	Rest func()
	// Allow may refuse, with an error, that path is repaired, before anything is written; may be nil.
	Allow func(path string) error
	// Finish is called with a repaired file, synced under a temporary name, before it replaces path: to give it owner and mode,
	// or to refuse with an error; may be nil.
	Finish func(tmp, path string) error
}

// ReadKey reads a key from a file, every byte of which counts: 16 at least.
func ReadKey(fsys disk.FS, path string) ([]byte, error) {
	const least, most = 16, 1 << 16
	key, err := disk.ReadFile(fsys, path, most)
	if err == nil && len(key) < least {
		err = fmt.Errorf("%s: a key of %d bytes, at least %d", path, len(key), least)
	}
	return key, err
}

// Store is a root with its sidecars. Not for concurrent use; a writer excludes others by the lock, a reader needs none.
type Store struct {
	o    Options
	d    digester
	cat  catalog
	lock io.Closer
	room *room // see takeRoom

	known map[string]knownCover // by name; see Resume

	// A batch of changes of the catalog: what it has not written yet, what that replaced, and the entries that are on the disk; lost is why
	// something of it is not.
	batching, unwritten bool
	replaced            []replacedEntry
	written             map[string]Entry
	lost                error
}

// Open reads the catalog. With write it makes the folder and takes the lock (disk.ErrLocked if somebody else has it), which
// Close gives back.
func Open(o Options, write bool) (*Store, error) { return openStore(o, write, false) }

// OpenThere opens the sidecars that there are, for a server that starts; nil: there are none. A catalog that is lost is made anew from them,
// which lost tells. Where they can be read and not be written, by this process or because another looks after them, the Store is for
// reading, and why says what stood in the way. An error is to keep the server from starting: it would take files that the disk does not
// give for files that are not there, and what they cover for uncovered.
func OpenThere(o Options) (s *Store, lost bool, why, err error) {
	_, err = o.FS.Stat(filepath.Join(o.Root, Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil, nil
	}
	if err != nil {
		return nil, false, nil, err
	}
	s, err = Open(o, true)
	if errors.Is(err, ErrCatalog) {
		s, err = Rebuild(o)
		return s, true, nil, err
	}
	if err == nil {
		return s, false, nil, nil
	}
	why = err
	if s, err = Open(o, false); errors.Is(err, ErrCatalog) && errors.Is(why, disk.ErrLocked) {
		return nil, false, err, nil // whoever has the lock makes it anew
	}
	return s, false, why, err
}

// openStore is Open; lost says that the catalog is not read.
func openStore(o Options, write, lost bool) (*Store, error) {
	if o.Profile == (Profile{}) {
		o.Profile = Profile64x8
	}
	if !o.Profile.known() || o.Profile == asCopies {
		return nil, fmt.Errorf("profile %d+%d: there are 64+4, 64+8 and 16+8", o.Profile.K, o.Profile.M)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{o: o, d: digester{o.Key}}
	var err error
	if write {
		if err = o.FS.MkdirAll(s.dir()); err != nil {
			return nil, err
		}
		if err = o.FS.SyncDir(o.Root); err != nil {
			return nil, err
		}
		if s.lock, err = o.FS.Lock(filepath.Join(s.dir(), "lock")); err != nil {
			return nil, fmt.Errorf("%s: %w", s.dir(), err)
		}
	}
	if lost {
		s.cat.entries = map[string]Entry{}
		return s, nil
	}
	if s.cat, err = s.d.readCatalog(o.FS, o.Root); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close gives the lock back.
func (s *Store) Close() error {
	if s.lock == nil {
		return nil
	}
	l := s.lock
	s.lock = nil
	return l.Close()
}

func (s *Store) dir() string { return filepath.Join(s.o.Root, Folder) }

// path is where a file lies; see checkName.
func (s *Store) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.FromSlash(name)
	}
	return filepath.Join(s.o.Root, filepath.FromSlash(name))
}

// NameOf is the name of the file at path, an absolute one.
func (s *Store) NameOf(path string) string {
	if rel, err := filepath.Rel(s.o.Root, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(path)
}

func flat(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "%", "%25"), "/", "%2F")
}

// sidecarPath is where the sidecar of an entry lies.
func (s *Store) sidecarPath(name string, e Entry) string {
	return filepath.Join(s.dir(), fmt.Sprintf("%s.%d.rs", flat(name), e.Generation))
}

// tailPath is where the open stripe of a growing file's entry lies.
func (s *Store) tailPath(name string, e Entry) string {
	return filepath.Join(s.dir(), fmt.Sprintf("%s.%d.tail", flat(name), e.Generation))
}

func (s *Store) stopped() error {
	if s.o.Stop == nil {
		return nil
	}
	return s.o.Stop()
}

func (s *Store) yield() {
	if s.o.Yield != nil {
		s.o.Yield()
	}
}

// pieceBytes is how much is read or digested at a time: little enough to be digested from the cache, and to yield behind it.
const pieceBytes = 64 * cellSize

// writeAt writes p piece by piece, and gives them to the device so: the megabytes that a sync finds at once keep it busy for milliseconds, and what
// the log commits meanwhile stands behind them.
func (s *Store) writeAt(f disk.File, p []byte, pos int64) error {
	piece := int(disk.PieceOf(int64(len(p))))
	for len(p) > 0 {
		n := min(len(p), piece)
		if _, err := f.WriteAt(p[:n], pos); err != nil {
			return err
		}
		if n == piece {
			if able, err := disk.WriteBack(f, pos, int64(n)); err != nil {
				return err
			} else if able && s.o.Rest != nil {
				s.o.Rest()
			}
		}
		p, pos = p[n:], pos+int64(n)
		s.yield()
	}
	return nil
}

func (s *Store) progress(name string, pos, size int64) {
	if s.o.Progress != nil {
		s.o.Progress(name, pos, size)
	}
}

// MendCatalog rewrites the copies if one of them was not whole, and tells whether it did.
func (s *Store) MendCatalog() (mended bool, err error) {
	if s.cat.bad == 0 {
		return false, nil
	}
	c := s.cat
	c.serial++
	c.bad = 0
	if err := s.writeCatalog(c); err != nil {
		s.cat.serial = c.serial
		return false, err
	}
	s.cat = c
	return true, nil
}

// Writes tells whether the store has the lock, and may write.
func (s *Store) Writes() bool { return s.lock != nil }

// CatalogDamaged is how many of the catalog's three copies are missing, damaged or behind.
func (s *Store) CatalogDamaged() int { return s.cat.bad }
