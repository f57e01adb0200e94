package wal

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path/filepath"
)

// Create makes a new log in a folder that holds none, with a base if b has one, and opens it at the position at.
//
// The order: the folder, durable in the one above it; the base, durable under its name; then Open makes the epoch, the
// first increment and last the manifest. A crash anywhere before leaves a folder without a manifest, which is no log, and
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
		var d Digest
		err = writeFile(o.FS, o.Dir, ref.Name, func(w io.Writer) error { return b.Write(io.MultiWriter(w, &d)) })
		if err != nil {
			return nil, fmt.Errorf("wal: create %s: %w", filepath.Join(o.Dir, ref.Name), err)
		}
		facts.Files[ref.Name] = FileFacts{UUID: NewUUID(), Start: at.LSN, DB: -1, Sealed: true, End: at.LSN, Size: d.Len(), Sum: d.Sum(), HasSum: true}
	}
	return Open(o, Start{Manifest: m, Facts: facts, Position: at})
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
