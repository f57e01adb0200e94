package wal

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"path/filepath"
)

// Create makes a new log in a folder that holds none, with a base if b has one, and opens it at the position at.
//
// The order: the folder, durable in the one above it; the base, durable under its name, and under always its cover; then Open makes the epoch,
// the first increment and last the manifest. A crash anywhere before leaves a folder without a manifest, which is no log, and
// another Create begins anew.
func Create(o Options, at Position, b Base) (*Log, error) {
	o.setDefaults()
	if err := createDir(&o); err != nil {
		return nil, fmt.Errorf("wal: create %s: %w", o.Dir, err)
	}
	m := &Manifest{}
	facts := &Facts{UUID: NewUUID(), Files: make(map[string]FileFacts)}
	if b.Write != nil {
		ref, err := m.setBase(o.Name, b.AOF, 0)
		if err != nil {
			return nil, err
		}
		o.freeName(filepath.Join(o.Dir, ref.Name))
		var d Digest
		err = writeFile(o.FS, o.Dir, ref.Name, func(w io.Writer) error { return b.Write(io.MultiWriter(w, &d)) })
		if err != nil {
			return nil, fmt.Errorf("wal: create %s: %w", filepath.Join(o.Dir, ref.Name), err)
		}
		facts.Files[ref.Name] = FileFacts{UUID: NewUUID(), Start: at.LSN, DB: -1, Sealed: true, End: at.LSN, Size: d.Len(), Sum: d.Sum(), HasSum: true}
		path := filepath.Join(o.Dir, ref.Name)
		o.Cover.Sealed(path, facts.Files[ref.Name])
		if o.Policy == Always { // the first reply counts on it (I1)
			o.Cover.Await(path, d.Len(), nil)
		}
	}
	return Open(o, Start{Manifest: m, Facts: facts, Position: at})
}

// Begin makes a log from a base that stands ready (NewBase.At is at's LSN), and opens it at that position. A log that the folder
// holds already is one that ended: its files become history. It waits for the disk.
//
// db is the stream's database there (Start.DB). With held, which has taken the stream from there on, the log goes on where that is sealed, and
// what came behind is the caller's to hand over ([Held.Rest]); nil: nothing was committed since.
//
// The order is Create's: the base, durable under its name and covered; what is held, durable, and its name; epoch, and last the manifest. Until the
// manifest that names the new files is durable, what was there before is in charge (I21).
func Begin(o Options, at Position, db int, b NewBase, held *Held) (*Log, error) {
	o.setDefaults()
	d, err := ReadDirectory(o.FS, o.Dir, o.Name)
	if err != nil {
		return nil, fmt.Errorf("wal: begin in %s: %w", o.Dir, err)
	}
	m, facts := &Manifest{}, &Facts{UUID: NewUUID(), Files: make(map[string]FileFacts)}
	if d.Manifest != nil {
		m = d.Manifest.Clone()
	}
	if d.Facts != nil {
		facts = &Facts{UUID: d.Facts.UUID, Files: maps.Clone(d.Facts.Files)}
	}
	ref, err := m.setBase(o.Name, b.AOF, m.IncrSeq)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Dir, ref.Name)
	o.freeName(path)
	if err = o.FS.Rename(b.Path, path); err == nil {
		err = o.FS.SyncDir(o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("wal: begin with %s: %w", path, err)
	}
	facts.Files[ref.Name] = b.facts()
	o.Cover.Sealed(path, facts.Files[ref.Name])
	if o.Cover.Await(path, b.Size, b.Stop); b.stopped() {
		_ = o.FS.Remove(path)
		o.Cover.Removed(path)
		return nil, fmt.Errorf("wal: begin with %s: %w", path, errGivenUp)
	}
	start := Start{Manifest: m, Facts: facts, Position: at, DB: db}
	if held != nil {
		if err := held.sealInto(&start); err != nil {
			_ = o.FS.Remove(path)
			o.Cover.Removed(path)
			return nil, fmt.Errorf("wal: begin in %s: %w", o.Dir, err)
		}
	}
	return Open(o, start)
}

// freeName has the cover given up that an attempt may have left which was cut short before a manifest named its file: another is about to
// get the name (I14). It may wait for the disk.
func (o *Options) freeName(path string) {
	o.Cover.Removed(path)
	o.Cover.Await(path, 0, nil)
}

func createDir(o *Options) error {
	if _, err := o.FS.Stat(filepath.Join(o.Dir, ManifestName(o.Name))); err == nil {
		return fmt.Errorf("%s: %w", ManifestName(o.Name), iofs.ErrExist)
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return err
	}
	return o.FS.SyncDir(filepath.Dir(o.Dir))
}
