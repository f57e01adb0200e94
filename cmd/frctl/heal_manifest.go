package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

const manifestSuffix = ".manifest"

// repairManifest makes a damaged manifest anew from its companion, with sidecars or without. done says that there was one to repair; while a server
// has the log there is not: it knows its manifest.
func repairManifest(cmd *cobra.Command, path string, o *healOptions) (done bool, err error) {
	if !strings.HasSuffix(path, manifestSuffix) {
		return false, nil
	}
	if path, err = filepath.Abs(path); err != nil {
		return false, err
	}
	e, done, err := fromCompanion(path)
	if !done || err != nil {
		return done, err
	}
	e.Name = path
	if err := e.print(cmd, o.json); err != nil {
		return true, err
	}
	return true, statusError(exitRepaired)
}

// fromCompanion does repairManifest's work on the manifest at path, which is absolute.
func fromCompanion(path string) (e healEvent, done bool, err error) {
	fsys, dir := disk.OS(), filepath.Dir(path)
	name := strings.TrimSuffix(filepath.Base(path), manifestSuffix)
	if d, err := wal.ReadDirectory(fsys, dir, name); d == nil || d.Rebuilt == nil {
		return e, false, err
	}
	lock, err := fsys.Lock(filepath.Join(dir, recovery.LockName(name)))
	if errors.Is(err, disk.ErrLocked) {
		return e, false, nil
	}
	if err != nil {
		return e, false, err
	}
	kept, repaired, err := recovery.RepairManifest(fsys, dir, name)
	if err = errors.Join(err, lock.Close()); err != nil || !repaired {
		return e, false, err
	}
	e.Note, e.Exit = "repaired", exitRepaired
	e.Repaired, e.Quarantine = true, []string{kept}
	return e, true, nil
}

// vouchedFor says that a manifest is the one that its companion describes, whatever a sidecar, which may be older, says of it.
func vouchedFor(root, name string) bool {
	if !strings.HasSuffix(name, manifestSuffix) {
		return false
	}
	path := fileAt(root, name)
	d, err := wal.ReadDirectory(disk.OS(), filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), manifestSuffix))
	return err == nil && d.Facts != nil
}

// repairCoveredManifest repairs a manifest that has a sidecar: its companion comes first.
func repairCoveredManifest(root, name string) (e healEvent, done bool, err error) {
	if vouchedFor(root, name) {
		return healEvent{Report: heal.Report{}, Note: "is as its companion says"}, true, nil
	}
	return fromCompanion(fileAt(root, name))
}
