package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// FrameKind is what a Frame is.
type FrameKind int

// The kinds of frames.
const (
	CommandFrame  FrameKind = iota // one RESP command of the stream
	LineFrame                      // one of our `#` lines, checked
	CommentFrame                   // a `#` line of somebody else, such as Redis's "#TS:"
	PrologueFrame                  // a SELECT at the file's start that is no part of the stream
)

// Frame is one piece of an increment.
type Frame struct {
	Kind FrameKind
	Pos  int64 // position of its first byte in the file
	Size int64 // bytes in the file
	LSN  LSN   // of its first byte; only commands take up positions
	End  LSN   // behind it
	// InUnit says that the frame lies between MULTI and EXEC or is one of them: only behind the EXEC is the state one that
	// clients could see.
	InUnit bool
	// Whole says that no unit is open behind the frame: what ends here is a state that clients could see.
	Whole bool
	Raw   []byte   // its bytes as they stand in the file; valid until the next call
	Args  [][]byte // commands and prologue: the arguments, valid until the next call; nil when Verify is on
	Line  *Line    // our lines; valid until the next call
	Text  []byte   // comments: the line without its newline; valid until the next call
	Unix  int64    // comments: the time in Unix seconds if it is a "#TS:" line, else 0
}

// ReaderOptions say what is read.
type ReaderOptions struct {
	Path  string // for errors
	Pos   int64  // where the frames begin: 0, or behind an RDB preamble
	Size  int64  // read no further than here; 0: to the end of the file
	Start LSN    // stream position at Pos
	// Unanchored says that Start is not known: the first line of ours tells, and Tail.Start has it then.
	Unanchored bool
	// Prologue says that the companion knows the increment to begin in another database than 0: then a SELECT at its
	// beginning without the line that belongs to it is a torn prologue and no stream.
	Prologue bool
	// Verify checks without handing out arguments.
	Verify bool
}

// TailKind is how a file ends.
type TailKind int

// The kinds of ends.
const (
	TailOpen    TailKind = iota // not reached yet
	TailClean                   // behind a whole unit
	TailTorn                    // within a unit: a crash cut it short
	TailCorrupt                 // bytes changed
)

// String names the kind.
func (k TailKind) String() string { return [...]string{"open", "clean", "torn", "corrupt"}[k] }

// Tail is how far a Reader got. Up to Size there are whole units; that they are the ones that were written is proven up to
// LastPos only: a changed digit may make two units of one, and be noticed later.
type Tail struct {
	Kind  TailKind
	Size  int64 // bytes of the file that are whole
	Start LSN   // stream position at the file's first frame
	LSN   LSN   // stream position at Size
	Lines int   // lines of ours seen
	// Last is the last line of ours; valid if Lines > 0. LastPos is the position behind it: everything before is proven.
	Last     Line
	LastPos  int64
	Commands int64 // command frames
	Unix     int64 // of the last "#TS:" line, Unix seconds

	known bool   // since is known
	since Digest // stream bytes behind the last line
	file  Digest // all bytes up to Size; empty unless the Reader began at 0
}

// String shows a tail for a person.
func (t Tail) String() string {
	return fmt.Sprintf("%s after %d bytes and %d commands, LSN %d to %d; %d lines prove %d bytes", t.Kind, t.Size, t.Commands,
		t.Start, t.LSN, t.Lines, t.LastPos)
}

// Reader reads an increment from its beginning to its end. Not for concurrent use.
//
// Next hands out frames in order. A unit (MULTI to EXEC) is handed out only if it is whole. A line of ours is checked
// when it is reached, which is behind the bytes it covers: who must not act on unproven bytes reads the file once with
// Verify before. Memory is bounded by the largest frame that is really there.
type Reader struct {
	o    ReaderOptions
	size int64
	w    window
	// ahead is a second view of the file: for units that do not fit the first, and for what lies behind damage.
	ahead window

	pos     int64 // of the next frame
	lsn     LSN
	unitEnd int64 // position behind the open unit's EXEC; 0: no unit is open
	// prologue is its size, when the file has one.
	prologue int64
	hashed   int64 // bytes before this position are in the digests; those up to pos are in w

	frame Frame
	line  Line
	spans []span
	args  [][]byte
	since Digest
	file  Digest
	tail  Tail
	err   error
}

// NewReader reads f, which is size bytes long and does not shrink meanwhile.
func NewReader(f io.ReaderAt, size int64, o ReaderOptions) *Reader {
	if o.Size > 0 {
		size = min(size, o.Size)
	}
	r := &Reader{o: o, size: size, pos: o.Pos, hashed: o.Pos, lsn: o.Start}
	r.w = window{f: f, size: size}
	r.ahead = window{f: f, size: size}
	r.tail = Tail{Start: o.Start, LastPos: o.Pos}
	return r
}

// Tail says how far r got. It is complete once Next has returned an error.
func (r *Reader) Tail() Tail {
	r.hash()
	t := r.tail
	t.Size, t.LSN = r.pos, r.lsn
	if t.Kind == TailClean || t.Kind == TailTorn {
		t.since = r.since
		t.known = true
		if r.o.Pos == 0 {
			t.file = r.file
		}
	}
	return t
}

// Pos is the file position of the next frame.
func (r *Reader) Pos() int64 { return r.pos }

// Next returns the next frame, valid until the next call. At the clean end the error is io.EOF; a *CorruptError says
// where the file is torn or corrupt; any other error is the disk's.
func (r *Reader) Next() (*Frame, error) {
	if r.err != nil {
		return nil, r.err
	}
	f, err := r.next()
	if err == nil {
		return f, nil
	}
	r.err = err
	var corrupt *CorruptError
	switch {
	case err == io.EOF:
		r.tail.Kind = TailClean
	case errors.As(err, &corrupt) && corrupt.Torn:
		r.tail.Kind = TailTorn
	case corrupt != nil:
		r.tail.Kind = TailCorrupt
	}
	return nil, err
}

func (r *Reader) next() (*Frame, error) {
	if r.pos >= r.size {
		return nil, io.EOF
	}
	p, fs, err := r.scan(&r.w, r.pos)
	if err != nil {
		return nil, err
	}
	if fs.state != frameWhole {
		return nil, r.broken(r.pos, r.pos, fs)
	}
	p = p[:fs.n]
	r.frame = Frame{Pos: r.pos, Size: int64(len(p)), Raw: p, LSN: r.lsn, End: r.lsn, InUnit: r.unitEnd > 0}
	if p[0] == '#' {
		err = r.takeComment(p)
	} else {
		err = r.takeCommand(p)
	}
	if err != nil {
		return nil, err
	}
	if r.pos >= r.unitEnd {
		r.unitEnd = 0
	}
	r.frame.Whole = r.unitEnd == 0
	return &r.frame, nil
}

// scan makes the whole frame or line at pos present in w and looks at it; the result's n bytes are at the beginning of p.
func (r *Reader) scan(w *window, pos int64) (p []byte, fs frameScan, err error) {
	for need := 1; ; {
		if !w.has(pos, need) {
			if w == &r.w {
				r.hash() // what is dropped from the window must be in the digests
			}
			if err := w.load(pos, need); err != nil {
				return nil, fs, err
			}
		}
		p = w.from(pos)
		if p[0] == '#' {
			fs = scanComment(p)
		} else {
			fs = scanFrame(p, r.size-pos, &r.spans)
		}
		if fs.state != frameShort || pos+int64(len(p)) >= r.size {
			return p, fs, nil
		}
		need = max(fs.need, len(p)+1)
	}
}

// takeComment takes in the `#` line p.
func (r *Reader) takeComment(p []byte) error {
	f := &r.frame
	f.Kind = CommentFrame
	f.Text = bytes.TrimRight(p, "\r\n")
	r.hash()
	if IsLine(p) {
		if err := r.checkLine(p); err != nil {
			return err
		}
		f.Kind, f.Line = LineFrame, &r.line
		f.LSN, f.End = r.lsn, r.lsn
	} else if digits, ok := bytes.CutPrefix(f.Text, []byte("#TS:")); ok {
		if sec, err := strconv.ParseInt(string(digits), 10, 64); err == nil && sec > 0 {
			f.Unix, r.tail.Unix = sec, sec
		}
	}
	r.pos += int64(len(p))
	r.hashed = r.pos
	r.file.Write(p)
	if f.Kind == LineFrame {
		r.since.Reset()
		r.tail.Lines++
		r.tail.Last, r.tail.LastPos = r.line, r.pos
	}
	return nil
}

// checkLine compares one of our lines with the bytes before it.
func (r *Reader) checkLine(p []byte) error {
	l, err := ParseLine(p)
	if err != nil {
		return r.corrupt(r.pos, r.pos, "a line of ours", err.Error())
	}
	if r.tail.Lines == 0 && r.o.Unanchored {
		r.tail.Start += l.LSN - r.lsn
		r.lsn = l.LSN
	}
	if due := r.prologue > 0 && r.pos == r.prologue; due != (l.Prologue != 0) || due && l.Prologue != r.prologue {
		return r.unproven(fmt.Sprintf("a prologue of %d bytes", l.Prologue), fmt.Sprintf("one of %d", r.prologue))
	}
	switch {
	case l.Prologue != 0: // was checked with the prologue
	case l.Len != r.since.Len():
		return r.unproven(fmt.Sprintf("%d bytes before a line", l.Len), fmt.Sprintf("%d", r.since.Len()))
	case l.Sum != r.since.Sum():
		return r.unproven(fmt.Sprintf("%d bytes with digest %s", l.Len, l.Sum), r.since.Sum().String())
	case l.LSN != r.lsn:
		return r.unproven(fmt.Sprintf("LSN %d", l.LSN), fmt.Sprintf("LSN %d", r.lsn))
	case r.tail.Lines > 0 && l.Epoch < r.tail.Last.Epoch:
		return r.unproven(fmt.Sprintf("an epoch from %d", r.tail.Last.Epoch), fmt.Sprintf("epoch %d", l.Epoch))
	}
	r.line = l
	return nil
}

// unproven reports that the bytes since the last line are not those that were written.
func (r *Reader) unproven(wanted, found string) error {
	end := r.pos
	r.pos, r.lsn = r.tail.LastPos, r.tail.Start
	if r.tail.Lines > 0 {
		r.lsn = r.tail.Last.LSN
	}
	err := r.corrupt(r.pos, r.pos, wanted, found)
	err.Resume, err.Proven = end, false
	return err
}

// takeCommand takes in the command p, whose arguments are in spans.
func (r *Reader) takeCommand(p []byte) error {
	f := &r.frame
	if r.pos == 0 {
		isPrologue, err := r.takePrologue(p)
		if isPrologue || err != nil {
			return err
		}
	}
	if r.unitEnd == 0 && r.isWord(p, "multi") {
		if err := r.findExec(); err != nil {
			return err
		}
		f.InUnit = true
	}
	f.Args = r.arguments(p)
	r.pos += int64(len(p))
	r.lsn += LSN(len(p))
	f.End = r.lsn
	r.tail.Commands++
	return nil
}

// arguments makes slices of the spans.
func (r *Reader) arguments(p []byte) [][]byte {
	if r.o.Verify {
		return nil
	}
	r.args = r.args[:0]
	for _, s := range r.spans {
		r.args = append(r.args, p[s.from:s.to:s.to])
	}
	return r.args
}

// isWord says whether the command p, whose arguments are in spans, is just this word.
func (r *Reader) isWord(p []byte, lower string) bool {
	return len(r.spans) == 1 && isFold(p[r.spans[0].from:r.spans[0].to], lower)
}

// isFold compares without regard to case, in ASCII.
func isFold(p []byte, lower string) bool {
	if len(p) != len(lower) {
		return false
	}
	for i, c := range p {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// takePrologue recognises the SELECT p at the file's start as prologue by the line that follows it.
func (r *Reader) takePrologue(p []byte) (bool, error) {
	if len(r.spans) != 2 || !isFold(p[r.spans[0].from:r.spans[0].to], "select") {
		return false, nil
	}
	selectSpans := [2]span(r.spans)
	size := len(p)
	if int64(size) >= r.size {
		if r.o.Prologue {
			return false, r.torn(0, int64(size), "the line of a prologue")
		}
		return false, nil
	}
	q, fs, err := r.scan(&r.ahead, int64(size))
	r.spans = append(r.spans[:0], selectSpans[:]...)
	if err != nil || q[0] == '*' {
		return false, err // a stock server's SELECT, also where we had announced a prologue but had not yet written it
	}
	const wanted = "the line of a prologue"
	if begins := q[:min(len(q), len(linePrefix))]; fs.state == frameShort && bytes.HasPrefix([]byte(linePrefix), begins) {
		return false, r.torn(0, r.size, wanted)
	}
	if !r.o.Prologue && !IsLine(q) {
		return false, nil
	}
	pos := int64(size + fs.pos)
	zero, err := r.zerosFrom(pos)
	if err != nil {
		return false, err
	}
	if zero && fs.state == frameBad {
		e := r.torn(0, pos, wanted)
		e.Found, e.EOF = foundZeros, false
		return false, e
	}
	if fs.state != frameWhole {
		return false, r.corrupt(0, pos, wanted, "something else")
	}
	l, err := ParseLine(q[:fs.n])
	if err != nil {
		return false, r.corrupt(0, int64(size), wanted, err.Error())
	}
	if l.Prologue == 0 && !r.o.Prologue {
		return false, nil
	}
	if l.Prologue != int64(size) || l.Len != 0 || l.Sum != SumOf(p) || l.LSN != r.lsn && !r.o.Unanchored {
		return false, r.corrupt(0, 0, fmt.Sprintf("a prologue of %d bytes with digest %s at LSN %d", l.Prologue, l.Sum, l.LSN),
			fmt.Sprintf("%d bytes with %s at %d", size, SumOf(p), r.lsn))
	}
	r.frame.Kind, r.frame.Args = PrologueFrame, r.arguments(p)
	r.pos, r.hashed, r.prologue = int64(size), int64(size), int64(size)
	r.file.Write(p)
	return true, nil
}
