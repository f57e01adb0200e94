package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"frankenredis/heal"
	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// boot is one recovery under way.
type boot struct {
	o    Options
	ev   *Evidence
	res  *Result
	prog Progress
	done int64 // bytes of the files read whole

	// With covers: the disk that verifies, which is o.FS then, the one below it, and whether what it met has been judged.
	loading *heal.Loading
	disk    disk.FS
	judged  bool
	log     *survey // nil before the append-only folder was surveyed
	adopted bool    // the manifest is damaged, and read as its companion says
}

// Boot recovers a data set. It calls Options.LoadItems and Options.Apply from the calling goroutine, decodes and checks on
// others, and has ended these when it returns. It logs what Redis logs. The error is a *Refusal: the server must not start
// then; or ErrStopped is in its chain: nothing was decided.
func Boot(o Options) (*Result, error) {
	o.setDefaults()
	b := &boot{o: o, res: &Result{}}
	b.ev = &Evidence{Time: o.Now(), Mode: o.mode(), Dir: o.Dir, BootID: o.BootID}
	b.res.Evidence = b.ev
	started := time.Now()
	b.shield()
	err := b.run()
	if err != nil {
		err = b.explain(err)
	} else if b.o.Salvage {
		// What is damaged was left out, or mended in memory.
	} else if err = b.judgeDamage(); err == nil {
		err = b.mendCovered()
	}
	b.res.Duration, b.res.Bytes = time.Since(started), b.prog.Loaded
	if err != nil {
		b.ev.Outcome = "refused"
		var refusal *Refusal
		if errors.As(err, &refusal) {
			b.ev.Reason = refusal.Reason
		}
		if b.res.Lock != nil {
			b.res.Lock.Close()
		}
		return nil, err
	}
	b.ev.Outcome = "loaded"
	if b.res.Source == Nothing {
		b.ev.Outcome = "empty"
	}
	return b.res, nil
}

func (b *boot) run() error {
	if b.o.AOF {
		return b.bootAOF()
	}
	return b.bootSnapshot()
}

// dir is the append-only folder.
func (b *boot) dir() string { return filepath.Join(b.o.Dir, b.o.AppendDir) }

// lock takes the append-only folder, making it if need be: nobody else may write there from here on.
func (b *boot) lock() error {
	dir := b.dir()
	_, err := b.o.FS.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		b.o.Logger.Trace(fmt.Sprintf(msgNoDir, b.o.AppendDir))
		err = b.o.FS.MkdirAll(dir)
		if err == nil {
			err = b.o.FS.SyncDir(b.o.Dir) // files will be moved into it
		}
	}
	if err != nil {
		return b.refuse(err, msgDirFailed, b.o.AppendDir, reason(err))
	}
	name := filepath.Join(dir, LockName(b.o.AppendName))
	lock, err := b.o.FS.Lock(name)
	if errors.Is(err, disk.ErrLocked) {
		b.ev.decided(ledger.Locked, ledger.Refuse, name, 0, "another process holds the lock")
		return b.refuse(err, "Another server uses the append-only files %s in %s: its lock is held.", b.o.AppendName, dir)
	}
	if err != nil {
		return b.refuse(err, "Can't lock the append-only dir %s: %s", b.o.AppendDir, reason(err))
	}
	b.res.Lock = lock
	return nil
}

// LockName is the file name of the lock in the append-only folder.
func LockName(name string) string { return name + ".lock.fr" }

// bootAOF recovers from the append-only file.
func (b *boot) bootAOF() error {
	started := time.Now()
	if err := b.lock(); err != nil {
		return err
	}
	s, err := b.survey()
	if err != nil {
		return err
	}
	if !s.named {
		b.o.Logger.Trace(fmt.Sprintf(msgNoManifest, wal.ManifestName(b.o.AppendName)))
		if err := b.refuseOrphans(); err != nil {
			return err
		}
	}
	if len(s.files) == 0 {
		if err := b.startEmpty(s); err != nil {
			return err
		}
		return b.forgetHelpers(s)
	}
	if err := b.loadLog(s); err != nil {
		return err
	}
	if b.o.Salvage {
		if b.res.Salvaged == nil {
			b.res.Salvaged = &Salvage{LSN: s.end}
		}
		b.res.Source, b.res.Position.ID, b.res.Position.LSN = AOF, wal.NewReplID(), s.end
		b.info(msgLoadedAOF, time.Since(started).Seconds())
		return nil
	}
	if s.oldStyle {
		if err := b.migrate(s); err != nil {
			return err
		}
	}
	if err := b.mendManifest(s); err != nil {
		return err
	}
	if err := b.setUnnamedAside(s); err != nil {
		return err
	}
	if err := b.forgetHelpers(s); err != nil {
		return err
	}
	b.res.Source = AOF
	b.identify(s)
	b.info(msgLoadedAOF, time.Since(started).Seconds())
	return nil
}

// startEmpty begins a log where there is none.
func (b *boot) startEmpty(s *survey) error {
	if s.mark != nil && s.mark.LSN > 0 {
		path := filepath.Join(b.dir(), wal.WatermarkName(b.o.AppendName))
		b.ev.decided(ledger.Vanished, ledger.Refuse, path, 0, "a log was durable up to LSN %d, and no file of it is left", s.mark.LSN)
		return b.refuse(nil, "The AOF manifest file %s doesn't exist, but %s says that a log was durable up to LSN %d: refusing to start "+
			"empty in its place. Bring its files back, or remove %s.", wal.ManifestName(b.o.AppendName), path, s.mark.LSN, path)
	}
	b.identify(s)
	dump := filepath.Join(b.o.Dir, b.o.DBFile)
	info, err := b.o.FS.Stat(dump)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// Taken for absent, it would be overwritten by the first save.
		b.ev.decided(ledger.Unreadable, ledger.Refuse, dump, 0, "%v", err)
		b.warnUnread(dump, err)
		return b.refuse(err, msgStatFailed, b.o.DBFile, reason(err))
	}
	if err != nil || info.Size() == 0 {
		return nil
	}
	if b.o.Hardened {
		b.ev.saw(Artifact{Path: dump, Kind: "snapshot", Class: Unloaded, Size: info.Size()})
		b.ev.decided(ledger.DumpOnly, ledger.Refuse, dump, 0, "appendonly is on and there is no log")
		return b.refuse(nil, "The append only file is on but there is none, and %s holds data: refusing to start empty beside it. To load it, "+
			"start with appendonly no and then use CONFIG SET appendonly yes; to start empty, move it away.", dump)
	}
	b.res.Aside = fmt.Sprintf("%s.aside-%s", b.o.DBFile, b.o.Now().UTC().Format("20060102T150405Z"))
	b.ev.saw(Artifact{Path: dump, Kind: "snapshot", Class: Unloaded, Size: info.Size()})
	b.ev.decided(ledger.DumpOnly, ledger.SetAside, dump, 0, "appendonly is on, so %s is not loaded; the first save keeps it as %s",
		b.o.DBFile, b.res.Aside)
	b.warn("The append only file is on but there is none: starting empty. The data in %s is NOT loaded. "+
		"The first save will keep that file as %s. To load it, stop the server, start it with appendonly no, "+
		"and then use CONFIG SET appendonly yes.", b.o.DBFile, b.res.Aside)
	return nil
}

// identify decides where the stream goes on and under which id.
func (b *boot) identify(s *survey) {
	p := &b.res.Position
	p.Epoch = s.maxEpoch() + 1
	p.LSN = s.end
	old := s.oldID()
	if s.cleanStop() {
		p.ID = old
		b.res.ID2, b.res.End2 = s.epoch.ID2, s.epoch.End2
		b.ev.decided(ledger.Identity, ledger.Keep, "", 0, "clean stop at LSN %d: the replication id stays %s, epoch %d", p.LSN, p.ID, p.Epoch)
	} else {
		p.ID = wal.NewReplID()
		if !old.IsZero() && !s.foreign && len(s.files) > 0 {
			b.res.ID2, b.res.End2 = old, min(s.end, s.ours)
		}
		b.ev.decided(ledger.Identity, ledger.New, "", 0, "no clean stop: LSN %d, the replication id is now %s, epoch %d; %s was valid up to LSN %d", p.LSN,
			p.ID, p.Epoch, b.res.ID2, b.res.End2)
	}
	b.res.Log.Position, b.res.Log.ID2, b.res.Log.End2 = *p, b.res.ID2, b.res.End2
	b.res.Log.Manifest, b.res.Log.Facts, b.res.Log.Tail = s.dir.Manifest, s.dir.Facts, s.tail
	b.res.Log.Fresh, b.res.Log.DB = s.fresh, b.res.DB
}
