package recovery

import (
	"errors"
	"io"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Salvage is what could be proven of a log that is damaged beyond repair. The data set is its prefix up to a position; nothing on the disk
// was or may be changed by whoever serves it.
type Salvage struct {
	Path string // the file that ends it; "": the whole log was loaded
	Pos  int64  // up to there it was loaded
	LSN  wal.LSN
	// Proven says that a line of ours vouches for the last byte. In files of other servers nothing does; there the prefix ends before the
	// first command that cannot be read.
	Proven bool
	Lost   int64 // bytes of the log that were not loaded
	Reason string
}

// salvageEnd is how much of a file may be applied when damage does not refuse the start: everything up to the last line of ours before
// the first damage, because nothing proves what lies between them. Without damage it is keep, and found is nil.
func (b *boot) salvageEnd(s *survey, f *logFile, file disk.File, o wal.ReaderOptions, keep int64) (end int64, found *Salvage) {
	o.Verify = true
	r := wal.NewReader(file, keep, o)
	var err error
	for err == nil {
		_, err = r.Next()
	}
	var damage *wal.CorruptError
	if err == io.EOF || errors.As(err, &damage) && damage.Torn && b.mayCut(s, f, damage) {
		return keep, nil
	}
	tail := r.Tail()
	found = &Salvage{Path: f.path, Reason: err.Error(), Proven: tail.Lines > 0}
	switch {
	case found.Proven:
		end = tail.LastPos
	case f.facts != nil || damage == nil:
		end = o.Pos // a file of ours, damaged before its first line
		found.Proven = true
	default:
		end = damage.Unit
	}
	found.Pos = end
	return end, found
}

// salvaged takes down that loading ends in f, and what is left out.
func (b *boot) salvaged(s *survey, f *logFile, found *Salvage, lsn wal.LSN) {
	found.LSN = lsn
	found.Lost = f.size - found.Pos
	after := false
	for _, g := range s.files {
		if after {
			found.Lost += g.size
			b.ev.saw(Artifact{Path: g.path, Kind: g.artifact(), Class: Unloaded, Size: g.size, Detail: "behind the damage"})
		}
		after = after || g == f
	}
	b.res.Salvaged = found
	b.ev.decided(ledger.Salvaged, ledger.Accept, f.path, found.Pos, "up to LSN %d; %d bytes are left out: %s", uint64(lsn), found.Lost, found.Reason)
	b.warn("%s", found.Reason)
	how := "is what can be proven"
	if !found.Proven {
		how = "can be read, though nothing proves it"
	}
	b.warn("Salvage: the log up to byte %d of %s %s and is served read-only; %d bytes behind it are left out. Nothing on the disk is changed.",
		found.Pos, f.path, how, found.Lost)
}
