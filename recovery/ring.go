package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// surveyRing reads the commit rings. They count if they are this log's, of its last epoch that came to write: an epoch writes only when
// what the rings had is in the increments.
func (b *boot) surveyRing(s *survey) error {
	s.ring = &wal.Ring{}
	dirs := []string{b.dir(), b.o.RingDir}
	path := filepath.Join(b.dir(), wal.RingName(b.o.AppendName))
	if s.dir.Facts == nil || s.oldStyle {
		return nil
	}
	r, err := wal.ReadRings(b.o.FS, dirs, b.o.AppendName, s.dir.Facts.UUID)
	if err != nil {
		return b.refuseUnread(path, "commit ring", err)
	}
	if r.Frames == 0 {
		return nil
	}
	a := Artifact{Path: r.Path, Kind: "ring", Class: Clean, End: r.End(), Detail: fmt.Sprintf("%d frames of epoch %d", r.Frames, r.Epoch)}
	// An epoch that has its watermark, or a manifest, had everything of the one before in the increments, durably. One that is in the
	// epoch file only was stopped before that: after a kill the increments may have had the ring's bytes in the page cache alone.
	known := s.dir.Facts.Position.Epoch
	if s.mark != nil {
		known = max(known, s.mark.Epoch)
	} else {
		known = max(known, s.epoch.Epoch)
	}
	if r.Epoch < known {
		a.Class, a.Detail = Unloaded, a.Detail+", which the increments have had since"
		b.ev.saw(a)
		return nil
	}
	if r.Broken != nil {
		a.Class, a.Detail = Corrupt, r.Broken.Error()
	}
	b.ev.saw(a)
	s.ring = r
	return nil
}

// ringReaches says that the ring has everything from at on that the log ever had: it may stand in for what the increment has there.
func (b *boot) ringReaches(s *survey, at wal.LSN) bool {
	end := s.ring.End()
	return !s.ringForeign && s.ring.Broken == nil && end > at && s.ring.Reach(at) == end && s.ring.Filed <= end && (s.mark == nil || s.mark.LSN <= end)
}

// ringContinues says that the ring has what the last increment lacks behind at, where it ends: a start before this one may have cut off, for
// damage, what was durable once, and was itself cut short before the ring's bytes were in its place (I18).
func (b *boot) ringContinues(s *survey, f *logFile, at wal.LSN) bool {
	return f.last && !f.base && f.facts != nil && !s.foreign && !s.fresh && b.ringReaches(s, at)
}

// ringEnd reads the last increment to see where it is to end because the ring has better than what follows: something behind is
// damaged, or unproven after another boot. ok: there is such a place. A clean stop left nothing to look for. An error is the disk's.
func (b *boot) ringEnd(s *survey, f *logFile, file disk.File, o wal.ReaderOptions) (keep int64, ok bool, err error) {
	if s.ring.End() == 0 || s.ring.Broken != nil || s.mark != nil && s.mark.Clean {
		return 0, false, nil
	}
	o.Verify = true
	r := wal.NewReader(file, f.limit, o)
	var c ringCompare
	frame, err := r.Next()
	for ; err == nil; frame, err = r.Next() {
		c.add(s.ring, frame)
	}
	if s.sameBoot && c.foreign {
		s.ringForeign = true
		return 0, false, nil
	}
	tail := r.Tail()
	keep, at := tail.Size, tail.LSN
	var damage *wal.CorruptError
	bad := false
	switch {
	case errors.As(err, &damage):
		bad = true
		if behind, err := r.DurableBehind(); err != nil || behind > s.ring.End() {
			return 0, false, err
		}
	case err != io.EOF:
		return 0, false, err
	}
	if !s.sameBoot && tail.LastPos < keep {
		bad, keep, at = true, tail.LastPos, o.Start
		if tail.Lines > 0 {
			at = tail.Last.LSN
		}
	}
	if c.differs && c.pos < keep {
		bad, keep, at = true, c.pos, c.lsn
	}
	return keep, bad && b.ringReaches(s, at), nil
}

// ringCompare looks whether the commands of the last increment are what the ring has at their positions.
type ringCompare struct {
	differs bool
	foreign bool // from there on they are another server's
	pos     int64
	lsn     wal.LSN // where the first unit begins that differs

	unitPos int64 // behind the last whole unit
	unitLSN wal.LSN
	any     bool
}

func (c *ringCompare) add(ring *wal.Ring, f *wal.Frame) {
	if !c.any {
		c.any, c.unitPos, c.unitLSN = true, f.Pos, f.LSN
	}
	if f.Kind == wal.CommandFrame && f.End > f.LSN {
		switch same := ring.Same(f.LSN, f.Raw); {
		case same && c.differs && ring.Reach(f.LSN) >= f.End:
			c.foreign = false // ours go on behind it: bytes have changed
		case !same && !c.differs:
			c.differs, c.pos, c.lsn = true, c.unitPos, c.unitLSN
			// A server that goes on in our file begins with a SELECT, or a MULTI before that.
			c.foreign = startsWith(f.Raw, "*2\r\n$6\r\nSELECT\r\n") || startsWith(f.Raw, "*1\r\n$5\r\nMULTI\r\n")
		}
	}
	if f.Whole {
		c.unitPos, c.unitLSN = f.Pos+f.Size, f.End
	}
}

func startsWith(p []byte, upper string) bool {
	return len(p) >= len(upper) && strings.EqualFold(string(p[:len(upper)]), upper)
}

// applyRing runs what the ring has behind the end of the last increment.
func (b *boot) applyRing(s *survey, f *logFile) error {
	end := s.ring.End()
	switch {
	case end <= s.end || s.tail == nil || f.facts == nil:
		return nil
	case s.ringForeign || s.fresh:
		b.ev.decided(ledger.RingAside, ledger.SetAside, s.ring.Path, 0, "another server has written %s since: what the ring has behind LSN %d is not followed",
			f.name, s.end)
		b.warn("The commit ring %s has %d bytes that %s has not, but another server has written there since: they are not loaded.",
			s.ring.Path, end-s.end, f.name)
		s.ringAside = true
		return nil
	}
	if s.ring.Broken != nil || s.ring.Reach(s.end) != end {
		err := s.ring.Broken
		if err == nil {
			err = fmt.Errorf("%s ends at LSN %d, and the ring has what lies behind %d", f.name, s.end, s.ring.Reach(s.end))
		}
		b.ev.decided(ledger.Corrupt, ledger.Refuse, s.ring.Path, 0, "%v", err)
		b.warn("%s: %v. Nothing was changed.", s.ring.Path, err)
		return b.refuse(err, "The commit ring %s holds durable writes up to LSN %d that do not follow %s. Bring the missing bytes back, or "+
			"move the ring away to start without them.", s.ring.Path, end, f.name)
	}
	p := s.ring.From(s.end)
	ring := &logFile{name: filepath.Base(s.ring.Path), path: s.ring.Path, last: true, limit: int64(len(p))}
	err := b.applyFrames(ring, wal.NewReader(bytes.NewReader(p), ring.limit, wal.ReaderOptions{Path: s.ring.Path, Start: s.end}), b.res.DB)
	if err != nil && err != io.EOF {
		a := Artifact{Path: s.ring.Path, Kind: "ring", Class: Corrupt}
		var damage *wal.CorruptError
		if errors.As(err, &damage) {
			return b.refuseDamage(ring, damage)
		}
		return b.refuseLoad(ring, &a, err)
	}
	b.ev.decided(ledger.RingMerged, ledger.Accept, s.ring.Path, 0, "%d bytes that %s lacks, up to LSN %d", len(p), f.name, end)
	b.info("Loaded %d bytes from the commit ring that %s lacks.", len(p), f.name)
	s.ringBytes = p
	s.end, s.ours = end, end
	s.intact = false
	return nil
}

// mergeRing puts into the last increment, which ends whole by now, what was loaded from the ring.
func (b *boot) mergeRing(s *survey, f *logFile) error {
	if s.ringAside {
		path, err := b.ringAside(s.ring.Path)
		return b.ev.did(Action{What: "rename", Path: s.ring.Path, To: path}, err)
	}
	if s.ring.End() == 0 || s.ringForeign || s.fresh || s.tail == nil || f.facts == nil || s.mark != nil && s.mark.Clean {
		return nil
	}
	// Also when the increment lacks nothing: what it has may be in the page cache only, and the ring is what makes it durable.
	at := s.dir.Facts.Position
	at.Epoch = s.ring.Epoch
	if s.epoch.Epoch == at.Epoch && !s.epoch.ID.IsZero() {
		at.ID = s.epoch.ID
	}
	ref := *s.dir.Manifest.Last()
	a := Action{What: "append", Path: f.path, From: s.tail.Size, Bytes: int64(len(s.ringBytes))}
	tail, err := wal.Extend(b.o.FS, b.dir(), b.o.AppendName, ref, *f.facts, s.tail, s.ringBytes, at, b.o.Annotate)
	if err == nil && tail.Size == s.tail.Size {
		return nil
	}
	if err := b.ev.did(a, err); err != nil {
		return b.refuse(err, "Can't write what the commit ring has to %s: %s", f.name, reason(err))
	}
	s.tail = tail
	return nil
}

// ringAside gives a ring that is not followed another name, where no later start looks for it.
func (b *boot) ringAside(path string) (aside string, err error) {
	aside = strings.TrimSuffix(path, ".fr") + "." + b.o.Now().UTC().Format("20060102T150405Z") + ".aside"
	if err = b.o.FS.Rename(path, aside); err == nil {
		err = b.o.FS.SyncDir(filepath.Dir(path))
	}
	return aside, err
}
