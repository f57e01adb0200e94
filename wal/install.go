package wal

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
)

// NewBase is what a rewrite has made: the whole state at one position.
type NewBase struct {
	Path   string // of a temporary file in the log's folder, whole and synced; Install renames it
	At     LSN    // the position it is the state at: where a Switch began an increment
	AOF    bool   // commands instead of an RDB
	Sum    Sum    // of the file, if HasSum
	Size   int64
	HasSum bool
	// Stop is asked, while the base waits to be covered, whether it is given up; nil: it is not.
	Stop func() bool
}

// stopped says that nobody wants the base any more.
func (b *NewBase) stopped() bool { return b.Stop != nil && b.Stop() }

// facts are what is known of it.
func (b *NewBase) facts() FileFacts {
	return FileFacts{UUID: NewUUID(), Start: b.At, DB: -1, Sealed: true, End: b.At, Size: b.Size, Sum: b.Sum, HasSum: b.HasSum}
}

// TempName is a name for a file in the log's folder that is being made; what is left of it after a crash is removed at
// the next start.
func (l *Log) TempName(suffix string) string {
	return filepath.Join(l.o.Dir, TempName(l.o.Name, suffix))
}

// TempName is such a name for the log called name.
func TempName(name, suffix string) string { return tempPrefix + name + "." + suffix }

// Install puts a new base in the place of the old one and of the increments before its position, and deletes them. It
// waits for the disk: any goroutine but the executor. If it fails before the new manifest is in force, everything is as
// before (I21) and the file is removed.
//
// The order (I1, I12, I13): the base durable under its name; its cover, for the files it stands for have theirs; the manifest that names it and
// calls the old files history, durable; then the old files are unlinked; then comes the manifest without them, before which the folder is synced.
//
// Of two at a time the second waits: both would take the same name, and the one that fails would remove the other's file.
func (l *Log) Install(b NewBase) error {
	l.installing.Lock()
	err := l.replaceBase(b)
	l.installing.Unlock()
	if err != nil {
		return fmt.Errorf("install a base at LSN %d: %w", b.At, err)
	}
	l.dropHistory()
	return nil
}

// dropHistory deletes what a base has replaced, unless that is to stay. Any goroutine but the executor.
func (l *Log) dropHistory() {
	if l.live.keepHistory.Load() {
		return
	}
	if err := l.man.dropHistory(int(l.live.keepGenerations.Load())); err != nil {
		l.o.Logger.Warn("Can't remove old AOF files", "error", err)
	}
}

func (l *Log) replaceBase(b NewBase) error {
	ref, err := l.placeBase(b)
	if err != nil {
		_ = l.o.FS.Remove(b.Path)
		return err
	}
	facts := b.facts()
	l.o.Cover.Sealed(l.path(ref), facts)
	l.o.Cover.Await(l.path(ref), b.Size, b.Stop) // the manifest can change meanwhile
	named := false
	if err = errGivenUp; !b.stopped() {
		named, err = l.nameBase(b, ref, facts)
	}
	if !named {
		_ = l.o.FS.Remove(l.path(ref))
		l.o.Cover.Removed(l.path(ref))
	}
	return err
}

// errGivenUp is for a base that nobody wants any more.
var errGivenUp = errors.New("given up")

// placeBase gives the new base its name, durably. No manifest has it yet.
func (l *Log) placeBase(b NewBase) (FileRef, error) {
	l.man.mu.Lock()
	ref, _, err := l.planBase(b)
	l.man.mu.Unlock()
	if err != nil {
		return ref, err
	}
	l.o.freeName(l.path(ref))
	if err := l.o.renamed(func() error { return l.o.FS.Rename(b.Path, l.path(ref)) }); err != nil {
		return ref, err
	}
	if err := l.o.FS.SyncDir(l.o.Dir); err != nil {
		_ = l.o.FS.Remove(l.path(ref))
		return ref, err
	}
	return ref, nil
}

// nameBase brings the manifest into force that has the base. named says that it may be, whatever err is.
func (l *Log) nameBase(b NewBase, placed FileRef, facts FileFacts) (named bool, err error) {
	l.man.mu.Lock()
	defer l.man.mu.Unlock()
	ref, m, err := l.planBase(b)
	if err == nil && ref != placed {
		err = fmt.Errorf("%s has been made meanwhile", placed.Name)
	}
	if err != nil {
		return false, err
	}
	files := maps.Clone(l.man.files)
	files[ref.Name] = facts
	if named, err = l.man.persist(m, files); !named {
		return false, err
	}
	// With an error the folder did not sync: a crash may bring back the manifest before, so its files stay.
	l.installed(b)
	if err == nil {
		l.o.Record(Event{Kind: Installed, Path: l.path(ref), Pos: b.Size, LSN: b.At, Sum: b.Sum, HasSum: b.HasSum})
	}
	return true, err
}

// planBase makes the manifest that has the new base, and its name. Under manifests.mu.
func (l *Log) planBase(b NewBase) (ref FileRef, m *Manifest, err error) {
	l.mu.Lock()
	synced := l.synced.lsn
	l.mu.Unlock()
	if synced < b.At {
		// Clients could come to see, after a crash, a state that the log does not lead to (I2).
		return ref, nil, fmt.Errorf("the log is durable up to LSN %d only", synced)
	}
	through := int64(-1)
	for _, f := range l.man.manifest.Incrs {
		if ff, ok := l.man.files[f.Name]; ok && ff.Start == b.At {
			through = f.Seq - 1 // the last of them: those before it are empty
		}
	}
	if through < 0 {
		return ref, nil, fmt.Errorf("no increment begins there (I10)")
	}
	m = l.man.manifest.Clone()
	ref, err = m.setBase(l.o.Name, b.AOF, through)
	return ref, m, err
}

// installed takes note of a base that is in force.
func (l *Log) installed(b NewBase) {
	base, sealed := l.man.size()
	l.sealedSize.Store(base + sealed)
	l.mu.Lock()
	l.baseSize.Store(base + sealed + l.wrote.pos)
	if l.gap <= b.At {
		l.gap = 0 // the base stands for what the log may be missing, and replies may have waited for that
	}
	l.publish()
	l.unlockAndWake()
	l.o.Wake()
}
