package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"frankenredis/wal/disk"
)

// Directory is what a log's folder says of itself.
type Directory struct {
	Manifest      *Manifest // nil: there is none
	ManifestBytes []byte    // as they stand there
	// Facts is the companion that counts: its digest is the manifest's. Nil: a stock server wrote the manifest last, or we
	// did without annotations, or the companion is lost.
	Facts *Facts
	// Generation is the highest that any companion's name has, whether it counts or not.
	Generation uint64
	// Newest is the newest companion that is whole, whether it counts or not; nil: there is none. One made ready for a switch that was cut
	// short is not yet filled, and a failed change of the manifest leaves out a number.
	Newest *Facts
	// Mending says that a repair after an I/O error was cut short when the spoiled increment had been cut but the manifest
	// not yet replaced (mend.go). Manifest and Facts are then those of the repair, which lost nothing, and not what
	// ManifestBytes says; Open puts them into force.
	Mending bool
	// Broken are companions that could not be read, with the reason; but for those newer than Facts, which were yet to be filled.
	Broken map[string]error
	// HalfFacts says that Facts stands in one file only: the companion or its twin is damaged or lost.
	HalfFacts bool
	// Rebuilt is what the newest companion says of a log all of whose files are there, if no companion counts: the manifest was damaged, or
	// replaced by another server's. Nil: none can say.
	Rebuilt *Rebuilt
}

// Rebuilt is a manifest made anew from its companion.
type Rebuilt struct {
	Manifest *Manifest
	Facts    *Facts
}

// Adopt puts what the companion says in the place of the manifest on the disk.
func (d *Directory) Adopt() {
	d.Manifest, d.Facts, d.Rebuilt = d.Rebuilt.Manifest, d.Rebuilt.Facts, nil
}

// Names are the files that make up the log called name: manifest, companion, and all that the manifest names. What else lies in the
// folder is nobody's, and the next rewrite or switch may take its name.
func (d *Directory) Names(name string) []string {
	if d.Manifest == nil {
		return nil
	}
	names := []string{ManifestName(name)}
	if d.Facts != nil {
		names = append(names, FactsNames(name, d.Facts.Generation)...)
	}
	for _, ref := range d.Manifest.files() {
		names = append(names, ref.Name)
	}
	return names
}

// Abandoned tells whether file has a name that a log called name gives its files, and is none of those that its manifest names, as
// history or otherwise. Beside companions none of which counts nothing is: the manifest may be damaged. Without any no companion is: the
// one that counts may be lost.
func (d *Directory) Abandoned(name, file string) bool {
	_, isFacts := parseFactsName(name, file)
	proven := d.Facts != nil || !isFacts && d.Generation == 0
	return d.Manifest != nil && !d.Mending && proven && (isFacts || isDataName(name, file)) && !slices.Contains(d.Names(name), file)
}

// ReadDirectory reads a folder's manifest and companion; it changes nothing. A manifest that is there but that Redis
// would refuse is a *ManifestError, beside a result without Manifest and Facts; a companion that the disk does not give is the
// disk's error; without a folder or manifest the result says so and the error is nil.
func ReadDirectory(fsys disk.FS, dir, name string) (*Directory, error) {
	d := &Directory{Broken: make(map[string]error)}
	var refused error
	p, err := readFile(fsys, filepath.Join(dir, ManifestName(name)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		d.ManifestBytes = p
		d.Manifest, refused = ParseManifest(p)
	}
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return d, refused
	}
	if err != nil {
		return nil, err
	}
	sum := SumOf(d.ManifestBytes)
	var mending *Facts
	var all []*Facts
	whole, failures := map[uint64]int{}, map[uint64]error{}
	for _, file := range names {
		generation, ok := parseFactsName(name, file)
		if !ok {
			continue
		}
		d.Generation = max(d.Generation, generation)
		facts, err := readFacts(fsys, filepath.Join(dir, file), generation)
		var failed *fs.PathError
		switch {
		case errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist):
			failures[generation] = err
			fallthrough
		case err != nil:
			d.Broken[file] = err
			continue
		}
		all = append(all, facts)
		whole[generation]++
		if d.Newest == nil || d.Newest.Generation < generation {
			d.Newest = facts
		}
		switch {
		case d.Manifest == nil:
		case facts.Manifest == sum && (d.Facts == nil || d.Facts.Generation < generation):
			d.Facts = facts
		case facts.Cut != "" && (mending == nil || mending.Generation < generation):
			mending = facts
		}
	}
	for generation, err := range failures {
		if whole[generation] == 0 {
			// Taken for lost, it would make the log a foreign one, whose commit ring does not count (I1).
			return nil, err
		}
	}
	if mending != nil && (d.Facts == nil || d.Facts.Generation < mending.Generation) {
		if err := d.resumeMending(fsys, dir, name, mending); err != nil {
			return d, err
		}
	}
	if d.Facts != nil {
		for file := range d.Broken { // made ready for a switch that was cut short (ready.go)
			if generation, _ := parseFactsName(name, file); generation > d.Facts.Generation {
				delete(d.Broken, file)
			}
		}
		d.HalfFacts = whole[d.Facts.Generation] < 2
	} else if len(d.ManifestBytes) > 0 || refused != nil {
		if err := d.rebuild(fsys, dir, all); err != nil {
			return nil, err
		}
	}
	return d, refused
}

// rebuild finds the newest companion all of whose files are there, as long as they were when they were sealed. A generation that was made ready
// and never came into force says the same of the stream as the one before, or some file of it is not like that: then the one before counts.
func (d *Directory) rebuild(fsys disk.FS, dir string, all []*Facts) error {
	slices.SortStableFunc(all, func(a, b *Facts) int { return cmp.Compare(b.Generation, a.Generation) })
	for _, f := range all {
		m := f.Rebuild()
		if m == nil {
			continue
		}
		fits, err := f.fits(fsys, dir, m)
		if err != nil {
			return err
		}
		if fits {
			d.Rebuilt = &Rebuilt{m, f}
			break
		}
	}
	return nil
}

// fits says whether the files of m are there, and the sealed ones have their sizes. An error is the disk's: a file that it does not give is
// not taken for absent, or an older generation would count in the place of this one.
func (f *Facts) fits(fsys disk.FS, dir string, m *Manifest) (bool, error) {
	for _, ref := range m.files() {
		if ref.Type == HistoryFile {
			continue
		}
		info, err := fsys.Stat(filepath.Join(dir, ref.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if err != nil || f.Files[ref.Name].Sealed && info.Size() != f.Files[ref.Name].Size {
			return false, nil
		}
	}
	return true, nil
}

// resumeMending looks whether the repair that f belongs to had come so far that only it has everything: its manifest lies
// ready, and the spoiled increment ends exactly where it was to be cut. If it is longer nothing was lost yet, or somebody
// has written to it since; then the repair never happened.
func (d *Directory) resumeMending(fsys disk.FS, dir, name string, f *Facts) error {
	p, err := readFile(fsys, filepath.Join(dir, tempPrefix+ManifestName(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if SumOf(p) != f.Manifest {
		return nil
	}
	m, err := ParseManifest(p)
	if err != nil {
		return fmt.Errorf("%s: %w", tempPrefix+ManifestName(name), err)
	}
	if last := d.Manifest.Last(); last == nil || last.Name != f.Cut {
		return nil
	}
	for _, ref := range m.Incrs {
		info, err := fsys.Stat(filepath.Join(dir, ref.Name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if ff := f.Files[ref.Name]; ref.Name == f.Cut && (!ff.Sealed || info.Size() != ff.Size) {
			return nil
		}
	}
	d.Manifest, d.Facts, d.Mending = m, f, true
	return nil
}

// FinishMending puts a repair that was cut short into force, as Open does, and says whether there was one. The folder is locked, and what
// its increments lack was cut or appended.
func FinishMending(fsys disk.FS, dir, name string) (bool, error) {
	d, err := ReadDirectory(fsys, dir, name)
	if err != nil || !d.Mending {
		return false, err
	}
	if err := d.finishMending(fsys, dir, name); err != nil {
		return true, err
	}
	return true, fsys.SyncDir(dir)
}

// finishMending puts the repair into force. Its manifest was synced before the companion that tells of it got its name. The caller
// syncs the folder.
func (d *Directory) finishMending(fsys disk.FS, dir, name string) error {
	path := filepath.Join(dir, ManifestName(name))
	if err := fsys.Rename(filepath.Join(dir, tempPrefix+ManifestName(name)), path); err != nil {
		return err
	}
	d.ManifestBytes = d.Manifest.AppendTo(nil)
	d.Mending = false
	return nil
}

func readFacts(fsys disk.FS, path string, generation uint64) (*Facts, error) {
	p, err := readFile(fsys, path)
	if err != nil {
		return nil, err
	}
	f, err := ParseFacts(p)
	if err == nil && f.Generation != generation {
		err = fmt.Errorf("says it is generation %d", f.Generation)
	}
	return f, err
}

// readFile reads a small file whole.
func readFile(fsys disk.FS, path string) ([]byte, error) { return disk.ReadFile(fsys, path, maxFacts) }

// writeFile replaces dir/file in the order that leaves either the old or the new one whole and durable at every instant
// (I12): write a temporary file, fsync it, rename it, fsync the folder. A temporary file that cannot be renamed is left to the
// next attempt, or to the sweep of the next start.
func writeFile(fsys disk.FS, dir, file string, write func(io.Writer) error) error {
	temp, err := writeTemp(fsys, dir, file, write)
	if err != nil {
		return err
	}
	if err := fsys.Rename(temp, filepath.Join(dir, file)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// writeTemp writes and syncs a temporary file for file, and returns its path. After an error nothing is left of it.
func writeTemp(fsys disk.FS, dir, file string, write func(io.Writer) error) (path string, err error) {
	path = filepath.Join(dir, tempPrefix+file)
	f, err := fsys.Create(path)
	if err != nil {
		return "", err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", errors.Join(err, fsys.Remove(path))
	}
	return path, nil
}
