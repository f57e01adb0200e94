package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// covers tells a keeper of sidecars what becomes of the log's files, as the server does (wal.Cover).
type covers struct {
	k     *heal.Keeper
	await bool // replies and ring space wait for it
}

// coverOptions are those of the sidecars on a disk.
func (c Config) coverOptions(fs disk.FS) heal.Options {
	o := heal.Options{FS: fs, Root: dataDir}
	if c.Keyed {
		o.Key = []byte("a key of the laboratory's")
	}
	return o
}

// openCovers opens the sidecars there are, for a start; nil: there are none.
func (c Config) openCovers(fs disk.FS) (*heal.Store, error) {
	s, _, _, err := heal.OpenThere(c.coverOptions(fs))
	return s, err
}

// worker runs a keeper's work in a goroutine, and tells when it has ended.
func worker(work func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	return done
}

// keepCovers starts the keeper. Its files are small and its life is short, so it hurries.
func (r *real) keepCovers(fs disk.FS, opened *heal.Store) *covers {
	return &covers{await: r.c.Await, k: heal.StartKeeper(heal.KeeperOptions{Store: r.c.coverOptions(fs), Opened: opened, Repair: r.c.Hardened, Moved: r.coverMoved, Settle: time.Millisecond, Pace: time.Millisecond,
		Genuine: func(_ *heal.Store, path string) bool { return recovery.Genuine(fs, logDir, logName, path) },
		Gone:    func(path string) bool { return recovery.Gone(fs, logDir, logName, "", path) },
		Go:      worker,
		Every:   func() time.Duration { return 0 }, Rate: func() int64 { return 0 }})}
}

// lookAround has what a start found covered.
func (c *covers) lookAround(fs disk.FS) {
	if d, err := wal.ReadDirectory(fs, logDir, logName); err == nil { // what cannot be read cannot be covered
		for _, name := range d.Names(logName) {
			c.k.Look(filepath.Join(logDir, name))
		}
	}
	c.k.Look(filepath.Join(dataDir, dumpRDB))
}

func isData(name string) bool {
	return strings.HasSuffix(name, ".aof") || strings.HasSuffix(name, ".rdb")
}

// Grown passes on that an increment is durable up to pos.
func (c *covers) Grown(path string, pos int64, lsn wal.LSN) { c.k.Grown(path, pos, uint64(lsn)) }

// Covered has nothing wait for the sidecars unless that was asked for.
func (c *covers) Covered() wal.LSN {
	if !c.await {
		return wal.MaxLSN
	}
	return wal.LSN(c.k.Covered())
}

// Await waits for what was told of a file.
func (c *covers) Await(path string, size int64, stop func() bool) { c.k.Await(path, size, stop) }

// Hurry passes on that something waits.
func (c *covers) Hurry() { c.k.Hurry() }

// Sealed has a file covered whose digest the log may know.
func (c *covers) Sealed(path string, f wal.FileFacts) {
	c.k.Protect(path, func() heal.Proof { return recovery.SealedProof(path, f) })
}

// Replaced has a manifest or its companion covered.
func (c *covers) Replaced(path string) { c.k.Protect(path, nil) }

// Removed forgets a file.
func (c *covers) Removed(path string) { c.k.Removed(path) }

// lookAtCovers holds the sidecars on a disk that nothing damaged against the log's files: no sidecar tells of a byte that is not there, or
// is another (I14), each that the catalog names is whole, and so is the catalog (I12).
func (c Config) lookAtCovers(fs disk.FS) *Violation {
	broken := func(promise, format string, args ...any) *Violation {
		return &Violation{Promise: promise, Detail: fmt.Sprintf(format, args...)}
	}
	s, err := heal.Open(c.coverOptions(fs), false)
	if errors.Is(err, heal.ErrCatalog) {
		if names, lerr := fs.List(filepath.Join(dataDir, heal.Folder)); lerr == nil && !slices.ContainsFunc(names, isCatalog) {
			return nil // the first one was not there yet
		}
	}
	if err != nil {
		return broken("I12", "the sidecars cannot be read: %v", err)
	}
	defer s.Close()
	named := map[string]bool{}
	if d, err := wal.ReadDirectory(fs, logDir, logName); err == nil {
		for _, name := range d.Names(logName) {
			named[name] = true
		}
	}
	for _, name := range s.Names() {
		path := filepath.Join(dataDir, name)
		if path != aclFile && (filepath.Dir(path) != logDir || !isData(name)) {
			continue // text, and a dump that another has replaced already, prove themselves
		}
		if path != aclFile && !named[filepath.Base(name)] {
			continue // a base that never came into force; what takes its name is covered anew before it does
		}
		if _, err := fs.Stat(path); err != nil {
			continue // removed, and not yet forgotten
		}
		r, err := s.Verify(name)
		if err != nil {
			return broken("I14", "%s cannot be verified: %v", name, err)
		}
		if r.State != heal.Clean {
			return broken("I14", "%s is called %s by its sidecar, %d of %d bytes covered, sidecar whole: %t", name, r.State, r.Size, r.Found, r.Sidecar)
		}
	}
	return nil
}

func isCatalog(name string) bool {
	return strings.HasPrefix(name, "catalog.") && !strings.HasSuffix(name, ".tmp")
}

// uncovered are the files of a log that stopped in order whose sidecars do not describe all of them.
func (c Config) uncovered(fs disk.FS) ([]string, error) {
	s, err := heal.Open(c.coverOptions(fs), false)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	d, err := wal.ReadDirectory(fs, logDir, logName)
	if err != nil || d.Manifest == nil {
		return nil, err
	}
	files := slices.Clone(d.Manifest.Incrs)
	if d.Manifest.Base != nil {
		files = append(files, *d.Manifest.Base)
	}
	var left []string
	for _, f := range files {
		path := filepath.Join(logDir, f.Name)
		info, err := fs.Stat(path)
		if err != nil {
			return nil, err
		}
		if r, err := s.Verify(s.NameOf(path)); (err != nil || r.State != heal.Clean || r.Size != info.Size()) && info.Size() > 0 {
			left = append(left, fmt.Sprintf("%s (%s, %d of %d bytes: %v)", f.Name, r.State, r.Size, info.Size(), err))
		}
	}
	return left, nil
}
