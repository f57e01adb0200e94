package recovery

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"

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
// the first damage, or as far as its sidecar proves it, because nothing proves what lies behind. Without damage it is keep, and found is nil.
func (b *boot) salvageEnd(s *survey, f *logFile, file disk.File, o wal.ReaderOptions, keep int64) (end int64, found *Salvage) {
	o.Verify = true
	r := wal.NewReader(file, keep, o)
	var err error
	for err == nil {
		_, err = r.Next()
	}
	var damage *wal.CorruptError
	tail := r.Tail()
	if err == io.EOF || errors.As(err, &damage) && (b.streamWhole(s, f, &tail) || damage.Torn && b.mayCut(s, f, damage)) {
		return keep, nil
	}
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
	if to := lastUnit(file, min(keep, b.verified(f)), keep, o); to > end {
		end, found.Proven = to, true
	}
	found.Pos = end
	return end, found
}

// lastUnit is the end of the last whole unit before position to, reading no further than size; 0: there is none.
func lastUnit(file disk.File, to, size int64, o wal.ReaderOptions) (end int64) {
	if to == 0 {
		return 0
	}
	r := wal.NewReader(file, size, o)
	for {
		frame, err := r.Next()
		if err != nil || frame.Pos+frame.Size > to {
			return end // what is wrong has been told
		}
		if frame.Whole {
			end = frame.Pos + frame.Size
		}
	}
}

// salvageRing runs what the commit ring has behind the end of the last increment, or behind what could be proven of it.
func (b *boot) salvageRing(s *survey, f *logFile) error {
	if !f.last || f.base || f.facts == nil || s.foreign || s.fresh || s.ringForeign || s.ring.Broken != nil || s.ring.Reach(s.end) == s.end {
		return nil
	}
	p, name := s.ring.From(s.end), s.ring.Path
	ring := &logFile{name: filepath.Base(name), path: name, last: true, limit: int64(len(p))}
	err := b.applyFrames(ring, wal.NewReader(bytes.NewReader(p), ring.limit, wal.ReaderOptions{Path: name, Start: s.end}), b.res.DB)
	if err != io.EOF {
		return err
	}
	s.end += wal.LSN(len(p))
	if b.res.Salvaged != nil {
		b.res.Salvaged.LSN = s.end
	}
	b.ev.decided(ledger.RingMerged, ledger.Accept, name, 0, "%d bytes behind what could be proven of %s, up to LSN %d", len(p), f.name, uint64(s.end))
	b.info("Salvage: loaded %d bytes from the commit ring that follow on that.", len(p))
	return nil
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
