package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
)

// survey is what the append-only folder says of itself before any data file was read, and, later, what reading them
// added.
type survey struct {
	dir      *wal.Directory
	epoch    wal.Epoch
	mark     *wal.Watermark // nil: none that can be read
	sameBoot bool           // the machine has not been restarted since the last start of a server of ours
	named    bool           // there is a manifest
	oldStyle bool           // the base is an old-style file that stands in Dir and must be moved
	foreign  bool           // another server wrote the manifest, or we never did
	files    []*logFile     // in loading order

	// What reading the files found.
	tail     *wal.Tail // of the last increment
	end      wal.LSN   // behind the last unit
	anchored bool      // end follows from what is recorded of the file read last
	ours     wal.LSN   // up to here the stream is of our last id
	epochs   uint64    // the highest in any line
	lineID   wal.ReplID
	intact   bool // the last increment ends where a clean stop left it
	fresh    bool // the log must go on in a new increment

	// The commit rings (ring.go).
	ring        *wal.Ring // never nil; without frames there is none that counts
	ringForeign bool      // the last increment has other bytes than the ring
	ringKeeps   bool      // the last increment is cut where the ring has what follows
	ringAside   bool      // the ring is to be set aside
	ringBytes   []byte    // what was loaded from it and is to go into the last increment
}

// logFile is one file to load.
type logFile struct {
	name, path string
	seq        int64
	base, last bool
	oldStyle   bool
	size       int64
	modified   time.Time
	facts      *wal.FileFacts     // nil: nothing is known
	limit      int64              // bytes to read; less than size only when an I/O error spoiled the rest
	reading    *wal.ReaderOptions // how its commands are read, once that is known
	uncovered  error              // of the disk: up to where the file is covered is not known
}

// kind is the word Redis uses.
func (f *logFile) kind() string {
	if f.base {
		return "base"
	}
	return "incr"
}

// survey reads what tells about the data files.
func (b *boot) survey() (*survey, error) {
	dir := b.dir()
	d, err := wal.ReadDirectory(b.o.FS, dir, b.o.AppendName)
	manifest := filepath.Join(dir, wal.ManifestName(b.o.AppendName))
	var bad *wal.ManifestError
	switch {
	case errors.As(err, &bad) && b.adopts(d):
		b.adoptRebuilt(d, manifest, bad.Error())
	case errors.As(err, &bad):
		b.ev.saw(Artifact{Path: manifest, Kind: "manifest", Class: Corrupt, Detail: bad.Error(), Input: b.digestOf(manifest)})
		pos, change := b.changedByte(d, bad.Pos)
		b.ev.decided(ledger.BadManifest, ledger.Refuse, manifest, pos, "%v%s.%s", bad, change, toRepair(d, manifest))
		b.warn("The manifest %s can't be followed: %v%s", manifest, bad, change)
		b.warn(msgManifestError)
		if bad.Line > 0 && bad.Reason != wal.ManifestLineTooLong {
			b.warn(msgManifestLine, bad.Line)
			b.warn(">>> '%s'", bad.Text)
		}
		if d.Rebuilt != nil {
			b.warn("Nothing was changed.%s", toRepair(d, manifest))
		}
		return nil, b.refuse(err, "%s", bad.Reason)
	case err != nil:
		path := pathOf(err, manifest)
		if path != manifest {
			return nil, b.refuseUnread(path, "file of the log", err)
		}
		b.ev.saw(Artifact{Path: manifest, Kind: "manifest", Class: Unreadable, Detail: err.Error()})
		b.ev.decided(ledger.Unreadable, ledger.Refuse, manifest, 0, "%v", err)
		b.warnUnread(manifest, err)
		return nil, b.refuse(err, msgManifestOpen, manifest, reason(err))
	}
	s := &survey{dir: d, named: d.Manifest != nil}
	b.log = s
	b.surveyCompanions(s, manifest)
	if err := b.refuseShrunk(s, manifest); err != nil {
		return nil, err
	}
	if err := b.surveyEpoch(s); err != nil {
		return nil, err
	}
	if err := b.surveyOldStyle(s); err != nil {
		return nil, err
	}
	if err := b.surveyRing(s); err != nil {
		return nil, err
	}
	return s, b.surveyFiles(s)
}

// surveyCompanions judges the manifest and its companions.
func (b *boot) surveyCompanions(s *survey, manifest string) {
	for name, err := range s.dir.Broken {
		b.ev.saw(Artifact{Path: filepath.Join(b.dir(), name), Kind: "companion", Class: Corrupt, Detail: err.Error()})
	}
	if s.dir.Manifest == nil || b.adopted {
		return
	}
	class, detail := Clean, ""
	switch {
	case s.dir.Facts != nil:
		detail = fmt.Sprintf("generation %d", s.dir.Facts.Generation)
	case len(s.dir.Broken) > 0:
		// The companion may have been this manifest's: the files' own lines must do.
		class, detail = Foreign, "no companion that can be read describes it"
	case s.dir.Generation > 0:
		class, detail = Foreign, "another server rewrote it"
	default:
		class, detail = Foreign, "another server wrote it"
	}
	if s.dir.Mending {
		b.ev.decided(ledger.HalfRepair, ledger.Accept, manifest, 0, "the repair after an I/O error was cut short when only it had everything: "+
			"its manifest counts, generation %d", s.dir.Facts.Generation)
	}
	s.foreign = s.dir.Facts == nil
	b.ev.saw(Artifact{Path: manifest, Kind: "manifest", Class: class, Size: int64(len(s.dir.ManifestBytes)), Detail: detail,
		Input: ledger.Digest(s.dir.ManifestBytes)})
	if s.foreign {
		b.ev.decided(ledger.ForeignLog, ledger.Accept, manifest, 0, "%s: Redis's rules, and a new replication id", detail)
	}
}

// surveyEpoch reads the epoch and watermark files. A lost one is not fatal: less can be proven then. One that the disk does not give is not
// taken for lost: the end of the log would be cut for want of it (I4).
func (b *boot) surveyEpoch(s *survey) error {
	path := filepath.Join(b.dir(), wal.EpochName(b.o.AppendName))
	epoch, err := wal.ReadEpoch(b.o.FS, b.dir(), b.o.AppendName)
	switch {
	case err == nil:
		s.epoch = epoch
		s.sameBoot = epoch.BootID != "" && epoch.BootID == b.o.BootID
		b.ev.saw(Artifact{Path: path, Kind: "epoch", Class: Clean, Detail: fmt.Sprintf("epoch %d, same boot: %t", epoch.Epoch, s.sameBoot)})
	case failedRead(err):
		return b.refuseUnread(path, "epoch file", err)
	case !errors.Is(err, fs.ErrNotExist):
		b.warn("The epoch file can't be read, the machine is taken to have been restarted: %v", err)
		b.ev.saw(Artifact{Path: path, Kind: "epoch", Class: Corrupt, Detail: err.Error()})
	}
	path = filepath.Join(b.dir(), wal.WatermarkName(b.o.AppendName))
	mark, err := wal.ReadWatermark(b.o.FS, b.dir(), b.o.AppendName)
	switch {
	case err == nil:
		s.mark = &mark
		b.ev.saw(Artifact{Path: path, Kind: "watermark", Class: Clean, End: mark.LSN,
			Detail: fmt.Sprintf("increment %d durable up to byte %d, clean stop: %t", mark.Seq, mark.Pos, mark.Clean)})
	case failedRead(err):
		return b.refuseUnread(path, "watermark file", err)
	case !errors.Is(err, fs.ErrNotExist):
		b.warn("The watermark file can't be read, only the lines in the log prove what was durable: %v", err)
		b.ev.saw(Artifact{Path: path, Kind: "watermark", Class: Corrupt, Detail: err.Error()})
	}
	return nil
}

// failedRead tells an error of the disk from content that is not as it should be.
func failedRead(err error) bool {
	var failed *fs.PathError
	return errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist)
}

// pathOf is the file that an error of the disk is about, and otherwise if it does not say.
func pathOf(err error, otherwise string) string {
	var failed *fs.PathError
	if errors.As(err, &failed) && failed.Path != "" {
		return failed.Path
	}
	return otherwise
}

// refuseUnread refuses over a file or folder that the disk does not give, the one that err names or else path; kind is what it is, for
// people. Taken for absent, less would be proven, or loaded, than there is.
func (b *boot) refuseUnread(path, kind string, err error) error {
	path = pathOf(err, path)
	b.ev.saw(Artifact{Path: path, Kind: strings.TrimSuffix(kind, " file"), Class: Unreadable, Detail: err.Error()})
	b.ev.decided(ledger.Unreadable, ledger.Refuse, path, 0, "%v", err)
	b.warnUnread(path, err)
	return b.refuse(err, "Can't read the %s %s: %s", kind, path, reason(err))
}

// warnUnread says what to do about a file that the disk does not give.
func (b *boot) warnUnread(path string, err error) {
	remedy := ""
	if b.hasSidecar(path) {
		remedy = ", or bring it back from its sidecar: frctl repair " + path
	}
	b.warn("%s can't be read: %s. It is not taken for absent, and nothing was changed. Mend the disk or the permissions of the file, and start again%s.", path,
		reason(err), remedy)
}

// hasSidecar says that a sidecar covers a file.
func (b *boot) hasSidecar(path string) bool {
	if b.o.Covers == nil {
		return false
	}
	_, ok := b.o.Covers.Entry(b.o.Covers.NameOf(path))
	return ok
}

// surveyOldStyle looks for a single append-only file in Dir, as servers before Redis 7 wrote it, and takes it as the base
// where Redis would: there is no log in the folder yet, or moving it there was begun and not ended.
func (b *boot) surveyOldStyle(s *survey) error {
	path := filepath.Join(b.o.Dir, b.o.AppendName)
	info, err := b.o.FS.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// Taken for absent, it would be left behind for good: an empty log would begin in its place.
		b.ev.decided(ledger.Unreadable, ledger.Refuse, path, 0, "%v", err)
		b.warnUnread(path, err)
		return b.refuse(err, msgStatFailed, b.o.AppendName, reason(err))
	}
	if err != nil || info.IsDir() {
		return nil
	}
	m := s.dir.Manifest
	switch {
	case m == nil || m.Base == nil && len(m.Incrs) == 0:
	case m.Base != nil && len(m.Incrs) == 0 && m.Base.Name == b.o.AppendName:
		_, err := b.o.FS.Stat(filepath.Join(b.dir(), b.o.AppendName))
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return b.refuse(err, msgStatFailed, b.o.AppendName, reason(err))
		}
	default:
		return nil
	}
	s.oldStyle, s.foreign = true, true
	s.dir.Manifest = &wal.Manifest{Base: &wal.FileRef{Name: b.o.AppendName, Seq: 1, Type: wal.BaseFile}, BaseSeq: 1}
	if m != nil {
		s.dir.Manifest.History = m.History
	}
	s.dir.Facts = nil
	b.ev.decided(ledger.OldStyle, ledger.Accept, path, 0, "no log in the folder yet: %s becomes its base", b.o.AppendName)
	return nil
}

// surveyFiles lists the files to load. One that is missing is fatal.
func (b *boot) surveyFiles(s *survey) error {
	m := s.dir.Manifest
	if m == nil {
		return nil
	}
	refs := m.Incrs
	if m.Base != nil {
		refs = append([]wal.FileRef{*m.Base}, refs...)
	}
	for _, ref := range refs {
		f := &logFile{name: ref.Name, path: filepath.Join(b.dir(), ref.Name), seq: ref.Seq, base: ref.Type == wal.BaseFile,
			oldStyle: ref.Name == b.o.AppendName}
		if s.oldStyle {
			f.path = filepath.Join(b.o.Dir, ref.Name)
		}
		info, err := b.o.FS.Stat(f.path)
		if err != nil && b.o.Salvage && !f.base && errors.Is(err, fs.ErrNotExist) {
			b.ev.saw(Artifact{Path: f.path, Kind: f.artifact(), Class: Missing, Detail: err.Error()})
			b.ev.decided(ledger.Salvaged, ledger.Accept, f.path, 0, "the manifest names it and it is gone: what comes before is loaded")
			b.warn("Salvage: %s is missing; the log is loaded up to where it should begin.", f.path)
			break
		}
		if err != nil {
			class, rule := Unreadable, ledger.Unreadable
			if errors.Is(err, fs.ErrNotExist) {
				class, rule = Missing, ledger.MissingFile
			}
			b.ev.saw(Artifact{Path: f.path, Kind: f.artifact(), Class: class, Detail: err.Error()})
			remedy := ""
			if misnamed(b.o.FS, b.dir(), s.dir) == ref.Name {
				remedy = toRepair(s.dir, filepath.Join(b.dir(), wal.ManifestName(b.o.AppendName)))
				b.warn("The manifest names %s, which is not there, and its companion does not.%s", ref.Name, remedy)
			}
			b.ev.decided(rule, ledger.Refuse, f.path, 0, "the manifest names it: %v.%s", err, remedy)
			if class == Unreadable {
				b.warnUnread(f.path, err)
			}
			return b.refuse(err, msgStatFailed, f.name, reason(err))
		}
		f.size, f.limit, f.modified = info.Size(), info.Size(), info.ModTime()
		if s.dir.Facts != nil {
			if facts, ok := s.dir.Facts.Files[f.name]; ok {
				f.facts = &facts
			}
			if s.dir.Facts.Cut == f.name && f.facts != nil {
				f.limit = min(f.limit, f.facts.Size)
			}
		}
		b.prog.Total += f.limit
		s.files = append(s.files, f)
	}
	if n := len(s.files); n > 0 {
		s.files[n-1].last = true
	}
	return nil
}

func (f *logFile) artifact() string {
	if f.base {
		return "base"
	}
	return "increment"
}

// maxEpoch is the highest epoch seen anywhere.
func (s *survey) maxEpoch() uint64 {
	n := max(s.epoch.Epoch, s.epochs)
	if s.mark != nil {
		n = max(n, s.mark.Epoch)
	}
	if s.dir.Facts != nil {
		n = max(n, s.dir.Facts.Position.Epoch)
	}
	return n
}

// oldID is the id under which the stream was last written here; zero if nothing says so.
func (s *survey) oldID() wal.ReplID {
	switch {
	case !s.epoch.ID.IsZero():
		return s.epoch.ID
	case !s.lineID.IsZero():
		return s.lineID
	case s.dir.Facts != nil:
		return s.dir.Facts.Position.ID
	}
	return wal.ReplID{}
}

// cleanStop says that the last server was stopped in order and nothing was written since.
func (s *survey) cleanStop() bool {
	return s.mark != nil && s.mark.Clean && s.intact && !s.foreign && s.mark.ID == s.epoch.ID && s.mark.Epoch == s.epoch.Epoch &&
		s.mark.LSN == s.end
}
