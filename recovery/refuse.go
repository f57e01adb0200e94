package recovery

import (
	"errors"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
)

// refuseCorrupt records a file as corrupt and refuses.
func (b *boot) refuseCorrupt(f *logFile, damage *wal.CorruptError) error {
	b.ev.saw(Artifact{Path: f.path, Kind: f.artifact(), Class: Corrupt, Size: f.size, Detail: damage.Error()})
	return b.refuseDamage(f, damage)
}

// refuseDamage refuses over damage that was recorded. The last line is Redis's; the one before says what and where.
func (b *boot) refuseDamage(f *logFile, damage *wal.CorruptError) error {
	b.ev.decided(ledger.Corrupt, ledger.Refuse, f.path, damage.Pos, "%v", damage)
	b.warn("%v. Nothing was changed; 'frctl inspect %s' shows what is there.", damage, b.dir())
	if !b.hasSidecar(f.path) && !b.o.Salvage {
		b.warn("No sidecar covers it, so that it cannot be repaired. Started with --salvage, the server serves what is proven to come before it, read-only.")
	}
	if damage.EOF {
		return b.refuse(damage, msgUnexpectedEnd, f.name)
	}
	return b.refuse(damage, msgBadFormat, f.name)
}

// refuseLoad refuses over an error that is none of the file's bytes: the disk's, or the executor's.
func (b *boot) refuseLoad(f *logFile, a *Artifact, err error) error {
	a.Detail = err.Error()
	var refused *applyError
	switch {
	case errors.Is(err, ErrStopped):
		return err
	case errors.As(err, &refused):
		// A command that cannot be run may be one that was changed: a line of ours behind it would tell.
		if damage := b.verify(f); damage != nil {
			a.Class, a.Detail = Corrupt, damage.Error()
			b.ev.saw(*a)
			return b.refuseDamage(f, damage)
		}
		b.ev.saw(*a)
		b.ev.decided(ledger.Unappliable, ledger.Refuse, f.path, refused.pos, "%v", err)
		var cmd *CommandError
		if errors.As(err, &cmd) && cmd.Unknown {
			return b.refuse(err, msgUnknownCommand, refused.name, f.name)
		}
		return b.refuse(err, "Can't load the append only file %s: %v", f.name, err)
	}
	a.Class = Unreadable
	b.ev.saw(*a)
	b.ev.decided(ledger.Unreadable, ledger.Refuse, pathOf(err, f.path), 0, "%v", err)
	b.warnUnread(pathOf(err, f.path), err)
	return b.refuse(err, msgReadFailed, f.name, reason(err))
}

// verify reads the commands of a file without running them and returns the damage that is found, torn ends not counted.
func (b *boot) verify(f *logFile) *wal.CorruptError {
	if f.reading == nil {
		return nil
	}
	file, err := b.o.FS.Open(f.path)
	if err != nil {
		return nil
	}
	defer file.Close()
	o := *f.reading
	o.Verify = true
	r := wal.NewReader(file, f.limit, o)
	for {
		if _, err = r.Next(); err != nil {
			break
		}
	}
	var damage *wal.CorruptError
	if errors.As(err, &damage) && !damage.Torn {
		return damage
	}
	return nil
}
