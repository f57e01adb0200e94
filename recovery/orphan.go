package recovery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"frankenredis/recovery/ledger"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// refuseOrphans refuses when files of this log lie in the folder although there is no manifest, and they hold anything:
// the data set would seem empty and the files would be overwritten (Redis does that). A crash while a log is first made leaves at most a base without keys and an increment without bytes.
func (b *boot) refuseOrphans() error {
	names, err := b.o.FS.List(b.dir())
	if err != nil {
		return b.refuse(err, msgDirFailed, b.o.AppendDir, reason(err))
	}
	for _, name := range names {
		if !isLogFile(b.o.AppendName, name) {
			continue
		}
		path := filepath.Join(b.dir(), name)
		holds, err := b.holdsData(path)
		a := Artifact{Path: path, Kind: "orphan", Class: Unloaded}
		if err != nil {
			a.Detail = err.Error()
		}
		b.ev.saw(a)
		if !holds && err == nil {
			continue
		}
		b.ev.decided(ledger.NoManifest, ledger.Refuse, path, 0, "the file holds data and no manifest says how to load it")
		return b.refuse(err, "The AOF manifest file %s doesn't exist, but %s holds data: refusing to start empty over it. "+
			"Bring the manifest back, or move the files of the log away.", wal.ManifestName(b.o.AppendName), path)
	}
	return nil
}

// refuseShrunk refuses a manifest that does not name what it must: one that was damaged, or came from a backup, so that it
// still reads well. Another server may have rewritten it since ours did, but it drops an increment only for a newer base,
// and it writes to an increment only after naming it.
func (b *boot) refuseShrunk(s *survey, manifest string) error {
	if name := misnamed(b.o.FS, b.dir(), s.dir); name != "" && b.adopts(s.dir) {
		b.adoptRebuilt(s.dir, manifest, fmt.Sprintf("it names %s, which is not there", name))
		s.foreign = false
		return nil
	}
	lost, err := unnamed(b.o.FS, b.dir(), b.o.AppendName, s.dir)
	if err != nil {
		return b.refuseUnread(b.dir(), "file of the log", err)
	}
	if lost == "" {
		return nil
	}
	if b.adopts(s.dir) {
		b.adoptRebuilt(s.dir, manifest, fmt.Sprintf("it does not name %s, which holds data", lost))
		s.foreign = false
		return nil
	}
	size, _ := sizeOf(b.o.FS, b.dir(), lost) // for the record
	b.ev.saw(Artifact{Path: filepath.Join(b.dir(), lost), Kind: "orphan", Class: Unloaded, Size: size})
	pos, change := b.changedByte(s.dir, 0)
	b.ev.decided(ledger.ShortMfst, ledger.Refuse, manifest, pos, "it does not name %s, which holds data%s", lost, change)
	return b.refuse(nil, "The AOF manifest file %s does not name %s, which holds data and was not replaced by a newer base: it is damaged "+
		"or older than the files%s. Bring the right one back, or move the file away.%s", wal.ManifestName(b.o.AppendName), lost, change, toRepair(s.dir, manifest))
}

// misnamed finds a file that a manifest names and that is not there, where a companion describes another manifest all of whose files are; "": there is
// none. Another server names what it has made.
func misnamed(fsys disk.FS, dir string, d *wal.Directory) string {
	if d.Manifest == nil || d.Rebuilt == nil {
		return ""
	}
	refs := d.Manifest.Incrs
	if d.Manifest.Base != nil {
		refs = append([]wal.FileRef{*d.Manifest.Base}, refs...)
	}
	for _, ref := range refs {
		if _, err := fsys.Stat(filepath.Join(dir, ref.Name)); errors.Is(err, fs.ErrNotExist) {
			return ref.Name
		}
	}
	return ""
}

// unnamed finds a file with data that a manifest without a companion should name and does not; "": there is none. An error is the disk's: a
// file that it does not give is not taken for one without data.
func unnamed(fsys disk.FS, dir, logName string, d *wal.Directory) (lost string, err error) {
	m := d.Manifest
	if m == nil || d.Facts != nil {
		return "", nil
	}
	named := map[string]bool{}
	for _, f := range m.Incrs {
		named[f.Name] = true
	}
	baseSeq := int64(0)
	if m.Base != nil {
		named[m.Base.Name], baseSeq = true, m.Base.Seq
	}
	if last := d.Newest; last != nil {
		lastBase := int64(0)
		had := slices.Collect(maps.Keys(last.Files))
		for _, ref := range last.Refs { // a base that another server wrote has no facts
			if ref.Type != wal.HistoryFile {
				had = append(had, ref.Name)
			}
		}
		for _, name := range had {
			if seq, kind, ok := logFileSeq(logName, name); ok && kind != "incr.aof" {
				lastBase = max(lastBase, seq)
			}
		}
		for _, name := range had {
			if _, _, ok := logFileSeq(logName, name); !ok || named[name] || baseSeq > lastBase {
				continue
			}
			if size, err := sizeOf(fsys, dir, name); err != nil {
				return "", err
			} else if size > 0 {
				lost = name
			}
		}
	}
	names, err := fsys.List(dir)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if seq, kind, ok := logFileSeq(logName, name); !ok || kind != "incr.aof" || seq <= m.IncrSeq {
			continue
		}
		if size, err := sizeOf(fsys, dir, name); err != nil {
			return "", err
		} else if size > 0 {
			lost = name
		}
	}
	return lost, nil
}

// changedByte says in which byte the manifest differs from that of the newest companion, as the end of a sentence; else it is
// empty, and the position otherwise.
func (b *boot) changedByte(d *wal.Directory, otherwise int64) (pos int64, text string) {
	last := d.Newest
	if last == nil {
		return otherwise, ""
	}
	at, was, ok := last.ChangedByte(d.ManifestBytes)
	if !ok {
		return otherwise, ""
	}
	return int64(at), fmt.Sprintf("; byte %d is %q where generation %d had %q", at, d.ManifestBytes[at:at+1], last.Generation, []byte{was})
}

// setUnnamedAside clears away increments that have higher numbers than the manifest's last, once everything it names has been loaded: a
// switch or repair made them, and the manifest that would have named them never came into force, or was lost with a folder that did not
// sync. Left there, one would be overwritten when its number is used; and should the companion be lost, the start would refuse, because the
// manifest looks like an older one (refuseShrunk). One with bytes goes into the quarantine. Without a companion of ours nothing is touched.
func (b *boot) setUnnamedAside(s *survey) error {
	if s.dir.Facts == nil {
		return nil
	}
	names, err := b.o.FS.List(b.dir())
	if err != nil {
		return b.refuse(err, msgDirFailed, b.o.AppendDir, reason(err))
	}
	moved := false
	for _, name := range names {
		seq, kind, ok := logFileSeq(b.o.AppendName, name)
		if !ok || kind != "incr.aof" || seq <= s.dir.Manifest.IncrSeq {
			continue
		}
		a := Action{What: "remove", Path: filepath.Join(b.dir(), name)}
		info, err := b.o.FS.Stat(a.Path)
		if err != nil {
			return b.refuse(err, "Can't move %s out of the way: %s", a.Path, reason(err))
		}
		if a.Bytes = info.Size(); a.Bytes > 0 {
			a.What = "rename"
			a.Input = b.digestOf(a.Path)
			b.ev.decided(ledger.Unnamed, ledger.SetAside, a.Path, 0, "%d bytes that no manifest names; the last increment is number %d", a.Bytes, s.dir.Manifest.IncrSeq)
			a.To, err = moveToPen(b.o.FS, b.dir(), a.Path, a.Bytes)
		} else {
			err = b.o.FS.Remove(a.Path)
		}
		if err := b.ev.did(a, err); err != nil {
			return b.refuse(err, "Can't move %s out of the way: %s", a.Path, reason(err))
		}
		if a.Bytes > 0 {
			b.warn("%s is not named by the manifest, which goes on without it: %d bytes set aside as %s.", name, a.Bytes, a.To)
			moved = true
		}
	}
	if !moved {
		return nil // an empty one that a crash brings back is removed again
	}
	for _, dir := range []string{filepath.Join(b.dir(), quarantineDir), b.dir()} {
		if err := b.o.FS.SyncDir(dir); err != nil {
			return b.refuse(err, msgDirFailed, b.o.AppendDir, reason(err))
		}
	}
	return nil
}

// sizeOf is the size of a file in dir, in bytes, 0 if there is none.
func sizeOf(fsys disk.FS, dir, name string) (int64, error) {
	info, err := fsys.Stat(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// isLogFile says whether a file is named as a base or an increment of the log called name.
func isLogFile(name, file string) bool {
	_, _, ok := logFileSeq(name, file)
	return ok
}

// logFileSeq takes the name of a base or increment of the log called name apart.
func logFileSeq(name, file string) (seq int64, kind string, ok bool) {
	rest, ok := strings.CutPrefix(file, name+".")
	if !ok {
		return 0, "", false
	}
	digits, kind, _ := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), kind, err == nil && (kind == "base.rdb" || kind == "base.aof" || kind == "incr.aof")
}

// holdsData says whether a file has commands, or keys. An RDB file that cannot be read does, as far as anybody knows.
func (b *boot) holdsData(path string) (bool, error) {
	info, err := b.o.FS.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if !strings.HasSuffix(path, ".rdb") {
		return true, nil
	}
	f, err := b.o.FS.Open(path)
	if err != nil {
		return true, err
	}
	defer f.Close()
	rd := snapshot.NewReader(io.NewSectionReader(f, 0, info.Size()), snapshot.Options{MaxString: b.o.MaxString})
	defer rd.Close()
	var batch snapshot.Batch
	err = rd.Next(&batch)
	if err == io.EOF {
		return len(rd.Info().Functions) > 0, nil
	}
	if err != nil {
		return true, fmt.Errorf("%s: %w", path, err)
	}
	return true, nil
}
