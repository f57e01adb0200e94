package wal

import (
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"frankenredis/wal/disk"
)

// manifests keeps a log's manifest and its companion on the disk. Whoever changes them holds mu from looking at what
// there is until it is replaced; the executor never does.
type manifests struct {
	o *Options

	mu         sync.Mutex
	manifest   *Manifest
	files      map[string]FileFacts
	uuid       UUID
	generation uint64 // the highest given out
	current    uint64 // the one in force; 0: none of ours
	position   Position
	// repairing says that a repair must be finished before anything else is made of the manifest (mend.go).
	repairing bool
	// unsettled says that the manifest in force has its name, and that the folder did not sync, or has yet to: a crash may bring the one
	// before back.
	unsettled bool
	ready     *readySwitch // for the next switch; nil: nothing lies ready

	past atomic.Pointer[[]pastPart] // where the stream lies; published for any goroutine
}

// init takes over what recovery found.
func (ms *manifests) init(o *Options, at Position, s Start, d *Directory) {
	ms.o, ms.position = o, at
	ms.manifest = s.Manifest.Clone()
	ms.files = make(map[string]FileFacts)
	ms.generation = d.Generation
	ms.uuid = NewUUID()
	if s.Facts != nil {
		ms.files = maps.Clone(s.Facts.Files)
		ms.uuid, ms.current = s.Facts.UUID, s.Facts.Generation
		ms.generation = max(ms.generation, ms.current)
	}
	if last := ms.manifest.Last(); last != nil && s.Tail != nil {
		if _, ok := ms.files[last.Name]; !ok {
			ms.files[last.Name] = FileFacts{UUID: NewUUID(), Start: s.Tail.Start, DB: -1}
		}
	}
	ms.publishPast()
}

// stale says that what lies on the disk is not what these manifests would write.
func (ms *manifests) stale(d *Directory) bool {
	p := ms.manifest.AppendTo(nil)
	if ms.o.Annotate {
		return d.Facts == nil || d.Facts.Generation != ms.current || d.HalfFacts || string(d.ManifestBytes) != string(p)
	}
	disk, err := ParseManifest(d.ManifestBytes)
	return err != nil || string(disk.AppendTo(nil)) != string(p)
}

// persist makes m the manifest, with the facts of its files. The order is that of I11, I12 and I13:
//
//	manifest    temp, fsync             nobody looks at it yet
//	companion   temp, fsync, rename     it counts for nothing yet: its digest is not the manifest's
//	twin        temp, fsync, rename     the same bytes: damage to one file leaves the other, and both can make the manifest anew
//	            fsync folder            these names, and those of the files that m is the first to name
//	manifest    rename, fsync folder    now m is in force
//	companions  unlink the ones before  which describe a manifest that is no more
//
// named says that m may be in force, whatever err is: with an error it is unknown which manifest a crash would leave, and
// files of both must be kept. Under mu.
func (ms *manifests) persist(m *Manifest, files map[string]FileFacts) (named bool, err error) {
	if ms.repairing {
		return false, errors.New("an I/O error is being overcome")
	}
	p, err := ms.prepare(m, files, "")
	if err != nil {
		return false, err
	}
	if named, err = ms.commit(p); !named {
		ms.drop(p)
	}
	return named, err
}

// prepared is a manifest that lies ready.
type prepared struct {
	m     *Manifest
	files map[string]FileFacts
	text  []byte
	temp  string // path of the manifest's temporary file
	// made are the paths under which its companion and the twin were written, temporary and final.
	made       []string
	open       []disk.File // the two, while they are yet to be filled (ready.go)
	generation uint64
	before     uint64 // the generation that was in force before, once this one is
}

// prepare is the first half of persist. cut is for the companion of a repair. What lies ready for a switch is taken back: it follows another
// manifest.
func (ms *manifests) prepare(m *Manifest, files map[string]FileFacts, cut string) (*prepared, error) {
	ms.dropReady()
	return ms.stage(m, files, func(p *prepared, name string) error { return ms.writeCompanion(p, name, ms.factsOf(p, cut)) })
}

// stage writes a manifest's text, has each of the two files of its companion made by companion, and syncs the folder: these names, and those of
// the files that m is the first to name. After an error nothing is left of it.
func (ms *manifests) stage(m *Manifest, files map[string]FileFacts, companion func(p *prepared, name string) error) (*prepared, error) {
	p := &prepared{m: m, files: files, text: m.AppendTo(nil), generation: ms.current}
	var err error
	if p.temp, err = writeTemp(ms.o.FS, ms.o.Dir, ManifestName(ms.o.Name), writeBytes(p.text)); err != nil {
		return nil, err
	}
	if ms.o.Annotate {
		ms.generation++
		p.generation = ms.generation
		for _, name := range FactsNames(ms.o.Name, p.generation) {
			if err = companion(p, name); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = ms.o.FS.SyncDir(ms.o.Dir)
	}
	if err != nil {
		p.close()
		ms.drop(p)
		return nil, err
	}
	return p, nil
}

// factsOf is the companion of p.
func (ms *manifests) factsOf(p *prepared, cut string) []byte {
	facts := Facts{Generation: p.generation, UUID: ms.uuid, Manifest: SumOf(p.text), Position: ms.position, Cut: cut, Files: p.files}
	return facts.AppendTo(nil, p.m)
}

// path is where a file of the log lies.
func (ms *manifests) path(name string) string { return filepath.Join(ms.o.Dir, name) }

// writeCompanion makes one of the two files of a companion, but for the folder's sync.
func (ms *manifests) writeCompanion(p *prepared, name string, text []byte) error {
	temp, err := writeTemp(ms.o.FS, ms.o.Dir, name, writeBytes(text))
	if err != nil {
		return err
	}
	path := filepath.Join(ms.o.Dir, name)
	p.made = append(p.made, temp, path)
	return ms.o.FS.Rename(temp, path)
}

// drop removes what prepare has made: nothing came of it, and the next attempt makes its own.
func (ms *manifests) drop(p *prepared) {
	for _, path := range append(p.made, p.temp) {
		_ = ms.o.FS.Remove(path) // what stays is swept away at the next start
	}
}

// commit is the second half of persist.
func (ms *manifests) commit(p *prepared) (named bool, err error) {
	if named, err = ms.takeName(p); err != nil {
		return named, err
	}
	return true, ms.settle(p)
}

// takeName is commit up to the rename: from there on whoever starts here finds the new manifest, unless the machine goes down before settle.
func (ms *manifests) takeName(p *prepared) (named bool, err error) {
	path := ms.path(ManifestName(ms.o.Name))
	if err = ms.o.renamed(func() error { return ms.o.FS.Rename(p.temp, path) }); err != nil {
		// It should not have happened then; but what is written next depends on it, so look.
		if text, rerr := readFile(ms.o.FS, path); rerr == nil && string(text) != string(p.text) || errors.Is(rerr, iofs.ErrNotExist) {
			return false, err
		}
	}
	p.before = ms.current
	ms.manifest, ms.files, ms.current, ms.unsettled = p.m, p.files, p.generation, true
	ms.publishPast()
	return true, err
}

// settle makes durable that p has its name, and clears away the companion of the manifest before. Another may have taken p's place meanwhile.
func (ms *manifests) settle(p *prepared) error {
	if err := ms.o.FS.SyncDir(ms.o.Dir); err != nil {
		return err
	}
	ms.unsettled = false
	ms.o.Cover.Replaced(ms.path(ManifestName(ms.o.Name)))
	if !ms.o.Annotate {
		return nil
	}
	for _, name := range FactsNames(ms.o.Name, ms.current) {
		ms.o.Cover.Replaced(ms.path(name))
	}
	if old := p.before; old != 0 && old != ms.current {
		for _, name := range FactsNames(ms.o.Name, old) { // left behind they would be swept away at the next start
			_ = ms.o.FS.Remove(ms.path(name))
			ms.o.Cover.Removed(ms.path(name))
		}
	}
	return nil
}

func writeBytes(p []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(p)
		return err
	}
}

// sweep removes what attempts that were cut short have left: temporary files, and companions that are not in force. Only
// after a start has made its own manifest durable: until then such a file may be the half of a repair (mend.go).
func (ms *manifests) sweep() {
	names, err := ms.o.FS.List(ms.o.Dir)
	if err != nil {
		return // nothing depends on it
	}
	for _, file := range names {
		generation, isFacts := parseFactsName(ms.o.Name, file)
		if strings.HasPrefix(file, tempPrefix+ms.o.Name+".") || isFacts && (ms.o.Annotate && generation != ms.current) {
			path := filepath.Join(ms.o.Dir, file)
			if err := ms.o.FS.Remove(path); err == nil && isFacts {
				ms.o.Cover.Removed(path) // the log before may have been this server's
			}
		}
	}
}

// dropHistory deletes the files that the manifest calls history, but for the newest generations of them, and then the mention
// of them. Only after the manifest that made them history is durable (I13): one whose folder did not sync is written once more. What
// cannot be deleted stays mentioned. Any goroutine but the executor; without mu, because deleting a large file takes its time.
func (ms *manifests) dropHistory(keep int) error {
	ms.mu.Lock()
	history := ms.manifest.History[keptHistory(ms.manifest.History, keep):]
	var err error
	if len(history) > 0 && ms.unsettled {
		_, err = ms.persist(ms.manifest, ms.files)
	}
	ms.mu.Unlock()
	if len(history) == 0 || err != nil {
		return err
	}
	gone := make(map[string]bool)
	var errs []error
	for _, f := range history {
		err := ms.o.FS.Remove(filepath.Join(ms.o.Dir, f.Name))
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		gone[f.Name] = true
		ms.o.Cover.Removed(filepath.Join(ms.o.Dir, f.Name))
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	// Before the manifest without them has its name, prepare syncs the folder: none comes back that nothing mentions.
	m, files := ms.manifest.Clone(), maps.Clone(ms.files)
	m.History = slices.DeleteFunc(m.History, func(f FileRef) bool { return gone[f.Name] })
	maps.DeleteFunc(files, func(name string, _ FileFacts) bool { return gone[name] })
	_, err = ms.persist(m, files)
	return errors.Join(append(errs, err)...)
}

// keptHistory is how many of the first files in a manifest's history belong to the newest generations: setBase puts each
// generation in front of the older ones, its base last.
func keptHistory(history []FileRef, generations int) int {
	kept := 0
	for i, f := range history {
		if generations == 0 {
			break
		}
		if !strings.HasSuffix(f.Name, ".incr.aof") {
			generations--
			kept = i + 1
		}
	}
	return kept
}

// size is the bytes of the base and of all increments but the last.
func (ms *manifests) size() (base, sealed int64) {
	for _, f := range ms.manifest.files() {
		if f.Type == HistoryFile {
			continue
		}
		if last := ms.manifest.Last(); f.Type == IncrFile && last != nil && f.Name == last.Name {
			continue
		}
		info, err := ms.o.FS.Stat(filepath.Join(ms.o.Dir, f.Name))
		if err != nil {
			continue
		}
		if f.Type == BaseFile {
			base += info.Size()
		} else {
			sealed += info.Size()
		}
	}
	return base, sealed
}
