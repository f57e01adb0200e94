package recovery

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// applyError is what Apply or LoadItems returned, with the place.
type applyError struct {
	pos  int64
	name string // of the command, when one is to blame
	err  error
}

// Error describes the failure.
func (e *applyError) Error() string {
	if e.name != "" {
		return fmt.Sprintf("byte %d: command %q: %v", e.pos, e.name, e.err)
	}
	return fmt.Sprintf("byte %d: %v", e.pos, e.err)
}

// Unwrap gives the cause.
func (e *applyError) Unwrap() error { return e.err }

// applyFrames runs all commands of a file. Only whole units come out of the reader; what MULTI and EXEC enclose is run
// like anything else, because nobody sees the state in between, and SELECT only says where the next commands belong. The
// error is the reader's, or an *applyError.
// db is the database selected at the beginning.
func (b *boot) applyFrames(f *logFile, r *wal.Reader, db int) error {
	if !f.base && f.facts != nil {
		b.res.DB = max(f.facts.DB, 0) // there may be no command behind the last increment's beginning yet
	}
	produce := func(batch *commandBatch) error {
		batch.reset(f.size - r.Pos())
		batch.end = r.Pos()
		for !batch.full() {
			frame, err := r.Next()
			if err != nil {
				batch.end = r.Pos()
				return err
			}
			if frame.Kind != wal.CommandFrame && frame.Kind != wal.PrologueFrame {
				continue
			}
			name := frame.Args[0]
			switch {
			case len(name) == 6 && isWord(name, "select") && len(frame.Args) == 2:
				if db, err = b.selected(frame.Args[1]); err != nil {
					return &wal.CorruptError{Path: f.path, Pos: frame.Pos, Unit: frame.Pos, LSN: frame.LSN,
						Wanted: fmt.Sprintf("a database below %d", b.o.Databases), Found: fmt.Sprintf("%.20q", frame.Args[1]), Resume: -1}
				}
				if !f.base {
					b.res.DB = db
				}
			case frame.InUnit && len(frame.Args) == 1 && (isWord(name, "multi") || isWord(name, "exec")):
			default:
				batch.add(db, frame.Pos, frame.Args, b.o.Hash)
			}
		}
		batch.end = r.Pos()
		return nil
	}
	consume := func(batch *commandBatch) error {
		if len(batch.cmds) > 0 {
			if err := b.o.Apply(batch.cmds); err != nil {
				return batch.blame(err)
			}
		}
		n := int64(len(batch.cmds))
		b.res.Commands += n
		b.prog.Commands += n
		b.prog.Loaded = b.done + batch.end
		b.o.Progress(b.prog)
		return nil
	}
	return pipeline(depth, produce, nil, consume)
}

// blame finds the command that an error of Apply is about.
func (b *commandBatch) blame(err error) error {
	at := &applyError{err: err, pos: b.cmds[0].Pos}
	var cmd *CommandError
	if errors.As(err, &cmd) && cmd.Index >= 0 && cmd.Index < len(b.cmds) {
		at.pos, at.name = b.cmds[cmd.Index].Pos, string(b.cmds[cmd.Index].Args[0])
	}
	return at
}

// selected reads the argument of a SELECT.
func (b *boot) selected(arg []byte) (int, error) {
	n, err := strconv.ParseUint(string(arg), 10, 31)
	if err != nil {
		return 0, err
	}
	if b.o.Databases > 0 && n >= uint64(b.o.Databases) {
		return 0, strconv.ErrRange
	}
	return int(n), nil
}

// isWord compares with a word in lower case, without regard to case.
func isWord(p []byte, lower string) bool {
	return len(p) == len(lower) && strings.EqualFold(string(p), lower)
}

// provenEnd says how much of a file may be applied: all of it, but for the last increment after the machine went down,
// whose end may hold anything. There only what a line of ours or the watermark covers is proven. foreign says that another
// server has written behind our bytes: then Redis's rules hold for the rest. An error is the disk's.
func (b *boot) provenEnd(s *survey, f *logFile, file disk.File, o wal.ReaderOptions) (keep int64, foreign bool, err error) {
	keep = f.limit
	switch {
	case f.base || !f.last || s.foreign || f.facts == nil:
		return keep, false, nil
	case s.marks(f) && s.mark.Clean && f.size > s.mark.Pos, f.facts.Sealed && f.size > f.facts.Size:
		b.ev.decided(ledger.ForeignLog, ledger.Accept, f.path, 0, "the file went on after it was complete: another server wrote there")
		return keep, true, nil
	case s.sameBoot || s.marks(f) && s.mark.Pos >= f.limit:
		return keep, false, nil
	case !b.o.BootTime.IsZero() && !f.modified.Before(b.o.BootTime):
		// No server of ours has run since the machine started, or the epoch file would say so.
		b.ev.decided(ledger.ForeignLog, ledger.Accept, f.path, 0, "written at %s, after the machine's start: another server, or a copy",
			f.modified.UTC().Format("2006-01-02T15:04:05Z"))
		return keep, true, nil
	}
	durable := b.covered(f)
	if s.marks(f) {
		durable = max(durable, s.mark.Pos)
	}
	o.Verify = true
	r := wal.NewReader(file, f.limit, o)
	proven := o.Pos
	for {
		frame, err := r.Next()
		if err == nil {
			if end := frame.Pos + frame.Size; end <= durable && frame.Whole {
				proven = end
			}
			continue
		}
		tail := r.Tail()
		proven = max(proven, tail.LastPos)
		var damage *wal.CorruptError
		switch {
		case err == io.EOF:
			return proven, false, nil
		case errors.As(err, &damage):
			// Damage of what was durable once is corruption: reading once more says so. Behind that a power failure leaves
			// holes, and lines and whole units behind them.
			if damage.Unit < max(proven, durable) || damage.Torn && damage.Unit == proven {
				return keep, false, nil
			}
			if later, err := r.DurableBehind(); err != nil || later > damage.LSN {
				return keep, false, err
			}
			return proven, false, nil
		}
		return keep, false, err
	}
}
