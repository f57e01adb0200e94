package recovery

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
)

// mend brings the files on disk to what was loaded: everything has been read and judged by now (I19). The end of the last
// file is cut as Redis cuts it, with Redis's words.
func (b *boot) mend(s *survey, f *logFile, c cut) error {
	if c.at < c.size && f.limit == f.size {
		if err := b.judgeCut(s, f, c); err != nil {
			return err
		}
	}
	for _, g := range s.files {
		if g.limit == g.size {
			continue
		}
		b.ev.decided(ledger.SpoiledEnd, ledger.Cut, g.path, g.limit, "an I/O error spoiled the bytes behind; the next increment has them")
		b.warn("%s: cutting %d bytes at offset %d that an I/O error spoiled; the increment behind it has them", g.name, g.size-g.limit, g.limit)
		if err := b.cutOff(g.path, g.limit, g.size); err != nil {
			return b.refuse(err, msgTruncateFailed, g.name, reason(err))
		}
	}
	if c.at == c.size || f.limit != f.size {
		return nil
	}
	if err := b.dropRepair(s); err != nil {
		return b.refuse(err, msgUnexpectedEnd, f.name)
	}
	if err := b.cutOff(f.path, c.at, c.size); err != nil {
		b.warn(msgTruncateFailed, f.name, reason(err))
		return b.refuse(err, msgUnexpectedEnd, f.name)
	}
	if !s.ringKeeps && !c.line {
		b.warn(msgLoadedAnyway, f.name)
	}
	return nil
}

// dropRepair removes the manifest that a repair after an I/O error had made ready but that counts for nothing, because the
// spoiled increment was not cut yet. Once recovery has cut that file where the repair was about to, the next start would take
// the repair for one that had come further, and go on from another place than this one (I18). The removal is durable by then: the
// quarantine of what is cut off syncs the folder first (makePen).
func (b *boot) dropRepair(s *survey) error {
	temp := filepath.Join(b.dir(), "temp-"+wal.ManifestName(b.o.AppendName))
	if s.dir.Mending {
		return nil
	}
	_, err := b.o.FS.Stat(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = b.o.FS.Remove(temp)
	}
	return b.ev.did(Action{What: "remove", Path: temp}, err)
}

// judgeCut decides whether the end of the last file may go.
func (b *boot) judgeCut(s *survey, f *logFile, c cut) error {
	if s.ringKeeps {
		b.ev.decided(ledger.RingMerged, ledger.Cut, f.path, c.at, "%d bytes at the end are torn, changed or unproven; the ring has them", c.size-c.at)
		b.info("%s: cutting %d bytes at offset %d that the commit ring has whole.", f.name, c.size-c.at, c.at)
		return nil
	}
	if f.uncovered != nil { // also where the watermark allows it: a cover of more than is left would be brought back one day
		return b.refuseUnread(f.path, "sidecar, which tells how much of "+f.name+" was durable,", f.uncovered)
	}
	if c.line {
		b.ev.decided(ledger.TornEnd, ledger.Cut, f.path, c.at, "%d bytes at the end are damaged; the watermark says that the stream ends before them", c.size-c.at)
		b.info("%s: cutting %d damaged bytes at offset %d that held a line of the log's own and nothing of the stream.", f.name, c.size-c.at, c.at)
		return nil
	}
	rule := ledger.TornEnd
	if c.class == Unproven {
		rule = ledger.Unproven
		b.warn("The machine went down while %s was written: nothing proves its last %d bytes, from offset %d on.", f.name, c.size-c.at, c.at)
	} else {
		b.warn("%v", c.err)
	}
	if c.multi {
		b.warn(msgRevertMulti, f.name)
	}
	if !b.o.LoadTruncated {
		b.ev.decided(rule, ledger.Refuse, f.path, c.at, "%d bytes at the end; aof-load-truncated is no", c.size-c.at)
		if c.format {
			return b.refuse(c.err, msgBadFormat, f.name)
		}
		return b.refuse(c.err, msgUnexpectedEnd, f.name)
	}
	b.ev.decided(rule, ledger.Cut, f.path, c.at, "%d bytes at the end; aof-load-truncated is yes", c.size-c.at)
	b.warn(msgShortRead, f.name)
	b.warn(msgTruncating, f.name, c.at)
	return nil
}

// cutOff copies the bytes from at to size into the quarantine and cuts them off. Cut short anywhere and repeated it ends
// the same: the copy is durable before the file changes, and its name and bytes are the same each time (I18).
func (b *boot) cutOff(path string, at, size int64) error {
	a := Action{What: "truncate", Path: path, From: at, Bytes: size - at, Before: b.tailOf(path)}
	input, err := b.quarantine(path, at, size)
	if err != nil {
		return err
	}
	a.Input = input
	if b.loading != nil {
		b.loading.Cut(path, at)
	}
	f, err := b.o.FS.OpenReadWrite(path)
	if err == nil {
		err = f.Truncate(at)
		if err == nil {
			err = f.Sync()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	a.After = b.tailOf(path)
	return b.ev.did(a, err)
}

// quarantine copies bytes of a file, as they stand on the disk, and returns their digest.
func (b *boot) quarantine(path string, at, size int64) (input string, err error) {
	name, err := Quarantine(b.raw(), b.dir(), path, at, size)
	if err == nil {
		input = b.digestOf(name)
	}
	return input, b.ev.did(Action{What: "quarantine", Path: path, To: name, From: at, Bytes: size - at, Input: input}, err)
}

// migrate moves an old-style file into the append-only folder as its base: first the manifest that names it, then the
// file, as Redis does it. In between the manifest names a file that still stands in Dir; surveyOldStyle knows that state.
func (b *boot) migrate(s *survey) error {
	dir, from := b.dir(), filepath.Join(b.o.Dir, b.o.AppendName)
	manifest := filepath.Join(dir, wal.ManifestName(b.o.AppendName))
	err := writeManifest(b.o.FS, dir, b.o.AppendName, s.dir.Manifest)
	if err := b.ev.did(Action{What: "write", Path: manifest}, err); err != nil {
		return b.refuse(err, msgMoveFailed, b.o.AppendName, b.o.AppendDir, reason(err))
	}
	to := filepath.Join(dir, b.o.AppendName)
	err = b.o.FS.Rename(from, to)
	if err == nil {
		err = b.o.FS.SyncDir(dir)
	}
	if err == nil {
		err = b.o.FS.SyncDir(b.o.Dir)
	}
	if err := b.ev.did(Action{What: "rename", Path: from, To: to}, err); err != nil {
		return b.refuse(err, msgMoveFailed, b.o.AppendName, b.o.AppendDir, reason(err))
	}
	b.info(msgMigrated, b.o.AppendName, b.o.AppendDir)
	return nil
}

// forgetHelpers removes companion, watermark and epoch when the log will be written without them: left there they would
// describe less and less of it, and a later start would take what they do not cover for unproven.
func (b *boot) forgetHelpers(s *survey) error {
	if b.o.Annotate {
		return nil
	}
	names, err := b.o.FS.List(b.dir())
	if err != nil {
		return b.refuse(err, msgDirFailed, b.o.AppendDir, reason(err))
	}
	// Companions go first: without the epoch a start would take what the last line does not cover for unproven (I4).
	companion := func(name string) bool {
		return strings.HasPrefix(name, wal.ManifestName(b.o.AppendName)+".") && strings.HasSuffix(name, ".fr")
	}
	slices.SortStableFunc(names, func(a, c string) int {
		switch {
		case companion(a) && !companion(c):
			return -1
		case companion(c) && !companion(a):
			return 1
		}
		return 0
	})
	for _, name := range names {
		if !companion(name) && name != wal.WatermarkName(b.o.AppendName) && name != wal.EpochName(b.o.AppendName) && name != wal.RingName(b.o.AppendName) {
			continue
		}
		path := filepath.Join(b.dir(), name)
		if err := b.ev.did(Action{What: "remove", Path: path}, b.o.FS.Remove(path)); err != nil {
			return b.refuse(err, "Can't remove %s, which would not fit the log any more: %s", path, reason(err))
		}
	}
	s.dir.Facts = nil
	return nil // wal.Open syncs the folder before it takes a commit
}
