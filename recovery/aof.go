package recovery

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// loadLog loads the files in order and mends what a crash left behind in the last one. Nothing is changed on disk before
// all of them have been read and judged.
func (b *boot) loadLog(s *survey) error {
	for _, f := range s.files {
		b.prog.File = f.name
		if f.size == 0 && !strings.HasSuffix(f.name, ".rdb") {
			// Redis passes over empty files. A base that should be an RDB is never empty.
			if err := b.judgeEmpty(s, f); err != nil {
				return err
			}
			if err := b.finishLoad(s, f, cut{}); err != nil {
				return err
			}
			continue
		}
		started := time.Now()
		cut, err := b.loadFile(s, f)
		if err == nil {
			err = b.finishLoad(s, f, cut)
		}
		if err != nil {
			return err
		}
		b.info(msgLoadedFile, f.kind(), f.name, time.Since(started).Seconds())
		if b.res.Salvaged != nil {
			break
		}
	}
	return nil
}

// finishLoad goes on behind the last file: what the commit ring has more is loaded, and then the disk is brought to what was loaded.
func (b *boot) finishLoad(s *survey, f *logFile, c cut) error {
	if b.o.Salvage {
		return b.salvageRing(s, f)
	}
	if !f.last {
		return nil
	}
	err := b.judgeDamage()
	if err == nil {
		err = b.applyRing(s, f)
	}
	if err == nil {
		err = b.mend(s, f, c)
	}
	if err == nil {
		err = b.mergeRing(s, f)
	}
	return err
}

// judgeEmpty accepts a file without a byte, unless it is known that it had some which the commit ring has not.
func (b *boot) judgeEmpty(s *survey, f *logFile) error {
	known := int64(0)
	if f.facts != nil && f.facts.Sealed {
		known = f.facts.Size
	}
	if s.marks(f) {
		known = max(known, s.mark.Pos)
	}
	if known > 0 && !(f.facts != nil && b.ringContinues(s, f, f.facts.Start)) {
		return b.refuseCorrupt(f, &wal.CorruptError{Path: f.path, Wanted: fmt.Sprintf("%d bytes", known), Found: "an empty file", EOF: true, Resume: -1})
	}
	if err := b.checkStart(s, f); err != nil {
		return err
	}
	if f.facts != nil {
		s.end = f.facts.Start
	}
	s.ours, s.anchored = s.end, f.facts != nil
	if !f.base {
		if f.facts != nil {
			b.res.DB = max(f.facts.DB, 0)
		}
		r := wal.NewReader(strings.NewReader(""), 0, wal.ReaderOptions{Path: f.path, Start: s.end})
		_, _ = r.Next() // io.EOF: the tail is complete
		tail := r.Tail()
		s.tail = &tail
		s.fresh = s.foreign && b.o.Annotate
		s.intact = s.marks(f) && s.mark.Pos == 0
	}
	b.ev.saw(Artifact{Path: f.path, Kind: f.artifact(), Class: Clean, Start: s.end, End: s.end})
	return nil
}

// checkStart refuses an increment that does not begin where the file before ends, as far as both are recorded (I10).
func (b *boot) checkStart(s *survey, f *logFile) error {
	if f.base || f.facts == nil || !s.anchored || f.facts.Start == s.end {
		return nil
	}
	return b.refuseCorrupt(f, &wal.CorruptError{Path: f.path, LSN: s.end, Resume: -1,
		Wanted: fmt.Sprintf("LSN %d, where the file before ends", s.end), Found: fmt.Sprintf("LSN %d", f.facts.Start)})
}

// marks says whether the watermark speaks of this file.
func (s *survey) marks(f *logFile) bool {
	return s.mark != nil && !f.base && !s.foreign && s.mark.Seq == f.seq
}

// cut is the end of a file that must go. at == size means that nothing must.
type cut struct {
	at, size int64
	class    Class
	multi    bool // it begins with a MULTI that has no EXEC
	format   bool // Redis would call it a format error, not an early end
	line     bool // it held none of the stream: a line of ours stood there
	err      error
}

// loadFile reads one file, applies what it holds, and judges it. It returns what must be cut from it, which may be
// something in the last file only.
func (b *boot) loadFile(s *survey, f *logFile) (cut, error) {
	none := cut{at: f.size, size: f.size}
	file, err := b.o.FS.Open(f.path)
	if err != nil {
		b.ev.saw(Artifact{Path: f.path, Kind: f.artifact(), Class: Unreadable, Size: f.size, Detail: err.Error()})
		b.ev.decided(ledger.Unreadable, ledger.Refuse, f.path, 0, "%v", err)
		b.warnUnread(f.path, err)
		return none, b.refuse(err, msgOpenFailed, f.name, reason(err))
	}
	defer file.Close()
	a := Artifact{Path: f.path, Kind: f.artifact(), Class: Clean, Size: f.size}
	pos := int64(0)
	rdb, err := isRDB(file)
	if err != nil {
		return none, b.refuseLoad(f, &a, err)
	}
	if rdb {
		began := time.Now()
		if pos, err = b.loadBase(s, f, file, &a); err != nil {
			return none, err
		}
		b.res.BaseRead.add(pos, began)
		if pos == f.limit {
			b.baseRead(s, f, &a)
			return none, nil
		}
		if f.oldStyle {
			b.info(msgReadingTail)
		}
	} else if strings.HasSuffix(f.name, ".rdb") {
		return none, b.refuseCorrupt(f, &wal.CorruptError{Path: f.path, Wanted: "an RDB file", Found: "another", Resume: -1})
	}
	began := time.Now()
	c, err := b.loadStream(s, f, file, pos, &a)
	b.res.LogRead.add(a.Whole-pos, began)
	return c, err
}

// isRDB says whether the file begins as an RDB file does.
func isRDB(file disk.File) (bool, error) {
	const signature = "REDIS"
	var head [len(signature)]byte
	n, err := file.ReadAt(head[:], 0)
	if err == io.EOF {
		err = nil
	}
	return string(head[:n]) == signature, err
}

// baseRead takes in a base that was read to its end.
func (b *boot) baseRead(s *survey, f *logFile, a *Artifact) {
	if f.facts != nil {
		s.end = f.facts.Start
	}
	s.ours, s.anchored = s.end, f.facts != nil
	a.Start, a.End, a.Whole = s.end, s.end, f.limit
	b.ev.saw(*a)
	b.done += f.limit
}

// loadBase loads the RDB at the beginning of a file and returns the position behind it.
func (b *boot) loadBase(s *survey, f *logFile, file disk.File, a *Artifact) (end int64, err error) {
	if f.oldStyle {
		b.info(msgReadingPreamble)
	} else {
		b.info(msgReadingBase)
	}
	var sum wal.Digest
	var r io.Reader = io.NewSectionReader(file, 0, f.limit)
	whole := f.facts != nil && f.facts.Sealed
	if whole && f.limit != f.facts.Size {
		return 0, b.refuseCorrupt(f, &wal.CorruptError{Path: f.path, Wanted: fmt.Sprintf("%d bytes", f.facts.Size),
			Found: fmt.Sprintf("%d", f.limit), EOF: f.limit < f.facts.Size, Resume: -1})
	}
	if whole && f.facts.HasSum {
		r = io.TeeReader(r, &sum)
	}
	info, end, err := b.loadSnapshot(r, f.limit, true)
	a.Keys = info.Keys
	if err == nil && !(whole && f.facts.HasSum) {
		err = b.proven(info)
	}
	if err != nil {
		return 0, b.refuseSnapshot(a, err, f)
	}
	if whole && f.facts.HasSum {
		if end < f.limit {
			return end, b.refuseCorrupt(f, &wal.CorruptError{Path: f.path, Pos: end, Unit: end, Wanted: "the end of the file",
				Found: fmt.Sprintf("%d more bytes", f.limit-end), Resume: -1})
		}
		if got := sum.Sum(); got != f.facts.Sum {
			return end, b.refuseCorrupt(f, &wal.CorruptError{Path: f.path, Wanted: "the file with digest " + f.facts.Sum.String(),
				Found: "one with digest " + got.String(), Resume: -1})
		}
	}
	return end, nil
}

// loadStream loads the commands of a file from pos on.
func (b *boot) loadStream(s *survey, f *logFile, file disk.File, pos int64, a *Artifact) (cut, error) {
	size := f.limit
	if err := b.checkStart(s, f); err != nil {
		return cut{}, err
	}
	// Without a record the first line of ours tells where the file begins, if it has one.
	o := wal.ReaderOptions{Path: f.path, Pos: pos, Start: s.end, Unanchored: f.facts == nil}
	if f.facts != nil {
		o.Start, o.Prologue = f.facts.Start, f.facts.DB > 0
	}
	f.reading = &o
	// What nothing proves must be known before it is applied.
	keep, foreign, err := b.provenEnd(s, f, file, o)
	if err != nil {
		return cut{}, b.refuseLoad(f, a, err)
	}
	if f.last && !f.base && f.facts != nil && !f.facts.Sealed && !s.foreign && !foreign {
		at, ok, err := b.ringEnd(s, f, file, o)
		if err != nil {
			return cut{}, b.refuseLoad(f, a, err)
		}
		if ok {
			keep, s.ringKeeps = at, true
		}
	}
	var found *Salvage
	if b.o.Salvage {
		keep, found = b.salvageEnd(s, f, file, o, keep)
	}
	if keep < size {
		size = keep
	}
	r := wal.NewReader(file, size, o)
	if !f.base {
		b.res.DB = 0
	}
	err = b.applyFrames(f, r, 0) // as for a stock loader, every file begins in database 0
	tail := r.Tail()
	a.Start, a.End, a.Whole, a.Lines, a.Commands = tail.Start, tail.LSN, tail.Size, tail.Lines, tail.Commands
	if tail.Lines > 0 {
		s.epochs, s.lineID = max(s.epochs, tail.Last.Epoch), tail.Last.ID
	}
	c := cut{at: tail.Size, size: f.size, class: Unproven}
	var damage *wal.CorruptError
	switch {
	case found != nil && (err == nil || err == io.EOF || errors.As(err, &damage) && damage.Torn):
		a.Class, a.Detail = Corrupt, found.Reason
		b.ev.saw(*a)
		s.end = tail.LSN
		b.salvaged(s, f, found, tail.LSN)
		return cut{at: f.size, size: f.size}, nil
	case err == nil || err == io.EOF:
	case errors.As(err, &damage) && (b.streamWhole(s, f, &tail) || damage.Torn && b.mayCut(s, f, damage)):
		c.class, c.err, c.line = Torn, damage, b.streamWhole(s, f, &tail)
		c.multi, c.format = startsMulti(file, damage.Unit), !damage.EOF
	case damage != nil && damage.Torn && !f.last:
		a.Class, a.Detail = Torn, damage.Error()
		b.ev.saw(*a)
		b.ev.decided(ledger.TornMiddle, ledger.Refuse, f.path, damage.Unit, "only the last file may end early")
		b.warn("%v", damage)
		if !b.o.LoadTruncated {
			return c, b.refuse(damage, msgUnexpectedEnd, f.name)
		}
		return c, b.refuse(damage, msgNotLast)
	case damage != nil:
		a.Class, a.Detail = Corrupt, damage.Error()
		b.ev.saw(*a)
		return c, b.refuseDamage(f, damage)
	default:
		return c, b.refuseLoad(f, a, err)
	}
	if err := b.checkRecord(s, f, file, &tail, a); err != nil {
		return c, err
	}
	if f.base {
		// Its commands make the state at one position; they are no part of the stream.
		s.end = o.Start
	} else {
		s.end = tail.LSN
	}
	s.ours, s.anchored = s.end, f.facts != nil
	if c.at < c.size && f.limit == f.size {
		a.Class = c.class
	}
	if foreign {
		s.ours = tail.Start
		if tail.Lines > 0 {
			s.ours = tail.Last.LSN
		}
		if s.marks(f) {
			s.ours = max(s.ours, s.mark.LSN)
		}
		a.Class, a.Detail = Foreign, fmt.Sprintf("another server went on behind LSN %d", s.ours)
	} else if s.foreign && tail.Lines == 0 && a.Class == Clean {
		a.Class = Foreign
	}
	b.ev.saw(*a)
	b.done += f.limit
	if !f.base {
		s.tail = &tail
		s.fresh = b.o.Annotate && (s.foreign || foreign)
		s.intact = s.marks(f) && s.mark.Pos == f.size && c.at == c.size && !foreign
	}
	return c, nil
}

// mayCut says whether a torn end may be cut off: in the last file, above the watermark.
func (b *boot) mayCut(s *survey, f *logFile, damage *wal.CorruptError) bool {
	if !f.last {
		return false
	}
	durable := b.covered(f)
	if s.marks(f) {
		durable = max(durable, s.mark.Pos)
	}
	if damage.Unit < durable {
		damage.Torn = false
		damage.Wanted += fmt.Sprintf(" (bytes up to %d were durable)", durable)
		return false
	}
	return true
}

// streamWhole says that what is whole of the last increment is all of the stream that it ever had durably, whatever bytes behind are damaged or
// gone: a line of ours stood there. The watermark has the stream's end where the whole units have it, nothing lies behind the bytes it speaks
// of, and the units are as they were written: a line of ours, or the sidecar, proves them to their end (I1, I16).
func (b *boot) streamWhole(s *survey, f *logFile, t *wal.Tail) bool {
	return f.last && s.marks(f) && t.LSN == s.mark.LSN && f.limit <= s.mark.Pos && max(t.LastPos, b.covered(f)) >= t.Size
}

// checkRecord compares a file with what is recorded of it.
func (b *boot) checkRecord(s *survey, f *logFile, file disk.File, tail *wal.Tail, a *Artifact) error {
	sealed := f.facts != nil && f.facts.Sealed
	var wrong *wal.CorruptError
	switch {
	case sealed && (tail.Size < f.facts.Size || tail.Size > f.facts.Size && !f.last):
		wrong = &wal.CorruptError{Wanted: fmt.Sprintf("%d bytes, as recorded when the file was sealed", f.facts.Size),
			Found: fmt.Sprintf("%d", tail.Size), EOF: tail.Size < f.facts.Size}
	case sealed && !f.base && tail.Size == f.facts.Size && tail.LSN != f.facts.End:
		wrong = &wal.CorruptError{Wanted: fmt.Sprintf("LSN %d at the end, as recorded when the file was sealed", f.facts.End),
			Found: fmt.Sprintf("LSN %d", tail.LSN)}
	case f.last && s.ringKeeps, b.ringContinues(s, f, tail.LSN):
	case f.last && !f.base && !s.foreign && s.mark != nil && tail.LSN < s.mark.LSN:
		wrong = &wal.CorruptError{Wanted: fmt.Sprintf("LSN %d: so much was durable (%s)", s.mark.LSN, wal.WatermarkName(b.o.AppendName)),
			Found: fmt.Sprintf("LSN %d", tail.LSN), EOF: true}
	case s.marks(f) && tail.Size < s.mark.Pos && !b.streamWhole(s, f, tail):
		wrong = &wal.CorruptError{Wanted: fmt.Sprintf("%d bytes: so many were durable (%s)", s.mark.Pos, wal.WatermarkName(b.o.AppendName)),
			Found: fmt.Sprintf("%d", tail.Size), EOF: true}
	case sealed && f.facts.HasSum && tail.LastPos < f.facts.Size:
		// The lines do not prove all of it; the recorded digest does.
		var sum wal.Digest
		if _, err := io.Copy(&sum, io.NewSectionReader(file, 0, f.facts.Size)); err != nil {
			return b.refuseLoad(f, a, err)
		}
		if got := sum.Sum(); got != f.facts.Sum {
			wrong = &wal.CorruptError{Wanted: "the file with digest " + f.facts.Sum.String(), Found: "one with digest " + got.String()}
		}
	}
	if wrong == nil {
		return nil
	}
	wrong.Path, wrong.Pos, wrong.Unit, wrong.LSN, wrong.Resume = f.path, tail.Size, tail.Size, tail.LSN, -1
	a.Class, a.Detail = Corrupt, wrong.Error()
	b.ev.saw(*a)
	return b.refuseDamage(f, wrong)
}

// startsMulti says whether the unit at pos begins with MULTI.
func startsMulti(file disk.File, pos int64) bool {
	const multi = "*1\r\n$5\r\nMULTI\r\n"
	var head [len(multi)]byte
	n, _ := file.ReadAt(head[:], pos)
	return strings.EqualFold(string(head[:n]), multi)
}
