package recovery

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// RepairManifest makes a damaged manifest of the log called name in dir anew, as its companion has it, when all files that the companion names are
// there. The bytes that stood there go to the quarantine first, to kept. Not repaired without an error: the manifest is not damaged, or
// no companion tells. Whoever calls holds the log's lock.
func RepairManifest(fsys disk.FS, dir, name string) (kept string, repaired bool, err error) {
	d, err := wal.ReadDirectory(fsys, dir, name)
	var bad *wal.ManifestError
	switch {
	case err != nil && !errors.As(err, &bad):
		return "", false, err
	case d.Rebuilt == nil:
		return "", false, nil
	case bad == nil && misnamed(fsys, dir, d) == "":
		lost, err := unnamed(fsys, dir, name, d)
		if err != nil || lost == "" {
			return "", false, err
		}
	}
	return replaceManifest(fsys, dir, name, d.ManifestBytes, d.Rebuilt.Manifest)
}

// replaceManifest keeps the bytes of a manifest, was, in the quarantine, and puts m in its place.
func replaceManifest(fsys disk.FS, dir, name string, was []byte, m *wal.Manifest) (kept string, repaired bool, err error) {
	if len(was) > 0 {
		if kept, err = Quarantine(fsys, dir, filepath.Join(dir, wal.ManifestName(name)), 0, int64(len(was))); err != nil {
			return kept, false, err
		}
	}
	return kept, true, writeManifest(fsys, dir, name, m)
}

// writeManifest replaces a manifest: what was there before, or m, is there whole at every instant (I12).
func writeManifest(fsys disk.FS, dir, name string, m *wal.Manifest) error {
	temp := filepath.Join(dir, "temp-"+wal.ManifestName(name))
	err := writeFile(fsys, dir, temp, func(w io.Writer) error {
		_, err := w.Write(m.AppendTo(nil))
		return err
	})
	if err == nil {
		err = fsys.Rename(temp, filepath.Join(dir, wal.ManifestName(name)))
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	return err
}

// adoptRebuilt goes on with what the companion says in the place of a damaged manifest: in hardened mode, and in memory when salvaging.
func (b *boot) adoptRebuilt(d *wal.Directory, manifest, why string) {
	b.ev.saw(Artifact{Path: manifest, Kind: "manifest", Class: Damaged, Size: int64(len(d.ManifestBytes)), Detail: why, Input: b.digestOf(manifest)})
	b.ev.decided(ledger.CoverDamage, ledger.Change, manifest, 0, "%s: its companion of generation %d says what it was", why, d.Rebuilt.Facts.Generation)
	b.warn("%s is damaged: %s. It is read as its companion of generation %d says it was.", manifest, why, d.Rebuilt.Facts.Generation)
	d.Adopt()
	b.adopted = true
}

// adopts says whether a damaged manifest is read as its companion says.
func (b *boot) adopts(d *wal.Directory) bool {
	return d.Rebuilt != nil && (b.o.Hardened || b.o.Salvage)
}

// toRepair is the command that makes a damaged manifest anew, as the end of a sentence; "": nothing can.
func toRepair(d *wal.Directory, manifest string) string {
	if d.Rebuilt == nil {
		return ""
	}
	return fmt.Sprintf(" To make it anew from its companion: frctl repair %s", manifest)
}

// mendManifest makes the manifest anew on the disk that was read as its companion says. Everything was loaded.
func (b *boot) mendManifest(s *survey) error {
	if !b.adopted || b.o.Salvage {
		return nil
	}
	a := Action{What: "repair", Path: filepath.Join(b.dir(), wal.ManifestName(b.o.AppendName)), Bytes: int64(len(s.dir.ManifestBytes))}
	a.Before = b.tailOf(a.Path)
	kept, _, err := replaceManifest(b.o.FS, b.dir(), b.o.AppendName, s.dir.ManifestBytes, s.dir.Manifest)
	a.To, a.After = kept, b.tailOf(a.Path)
	if err := b.ev.did(a, err); err != nil {
		return b.refuse(err, "%s is damaged and can't be repaired: %s", a.Path, reason(err))
	}
	b.ev.decided(ledger.Repaired, ledger.Change, a.Path, 0, "made anew, with the digest that its companion has of it")
	b.warn("%s was made anew. What was there is in %s.", a.Path, kept)
	return nil
}
