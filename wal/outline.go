package wal

import (
	"bytes"
	"io"
)

// Outline reads the frames of an increment from any position, as they stand, and finds where whole frames begin again behind damage. It
// compares no line's digest with the bytes before it and knows of no units: it is for telling what damaged bytes held. What is to be
// loaded is read by a Reader. Its memory is bounded, whatever a header claims: long arguments are passed over. Not for concurrent use.
type Outline struct {
	size int64
	w    window
	text []byte // the arguments of the frame
	ends []int  // of each in text
	at   []span64
	args [][]byte
	line Line
}

const (
	// outlineArg bounds the bytes of an argument that are kept, outlineArgs their number.
	outlineArg  = 4096
	outlineArgs = 1 << 16
)

// span64 is the place of an argument in the file.
type span64 struct{ from, to int64 }

// Piece is a frame or a line as an Outline finds it.
type Piece struct {
	Kind      FrameKind // never PrologueFrame: that only the line behind it tells
	Pos, Size int64
	// Args are the arguments of a command, the first 65536 of them and of each the first 4096 bytes; valid until the next call.
	Args [][]byte
	Line *Line // of LineFrame
	at   []span64
}

// ArgEnd is the position in the file behind argument i.
func (p *Piece) ArgEnd(i int) int64 { return p.at[i].to }

// NewOutline returns an Outline of f, of size bytes.
func NewOutline(f io.ReaderAt, size int64) *Outline {
	return &Outline{size: size, w: window{f: f, size: size}}
}

// Piece reads what begins at pos. ok is false if nothing whole does; the error is the disk's.
func (o *Outline) Piece(pos int64) (p Piece, ok bool, err error) {
	if pos >= o.size {
		return p, false, nil
	}
	if err := o.w.load(pos, maxForeignLine); err != nil {
		return p, false, err
	}
	head := o.w.from(pos)
	if head[0] == '#' {
		return o.comment(pos, head)
	}
	count, n, found := parseHeader(head, 0, '*')
	if !found || count == 0 || count > (o.size-pos)/argSpread {
		return p, false, nil
	}
	o.text, o.ends, o.at, o.args = o.text[:0], o.ends[:0], o.at[:0], o.args[:0]
	at := pos + int64(n)
	for i := range count {
		if at, ok, err = o.arg(at, i < outlineArgs); err != nil || !ok {
			return p, false, err
		}
	}
	from := 0
	for _, end := range o.ends {
		o.args = append(o.args, o.text[from:end:end])
		from = end
	}
	return Piece{Kind: CommandFrame, Pos: pos, Size: at - pos, Args: o.args, at: o.at}, true, nil
}

func (o *Outline) comment(pos int64, head []byte) (p Piece, ok bool, err error) {
	fs := scanComment(head)
	if fs.state != frameWhole {
		return p, false, nil
	}
	p = Piece{Kind: CommentFrame, Pos: pos, Size: int64(fs.n)}
	if IsLine(head) {
		if o.line, err = ParseLine(head[:fs.n]); err != nil {
			return p, false, nil // a changed one
		}
		p.Kind, p.Line = LineFrame, &o.line
	}
	return p, true, nil
}

// arg reads the argument whose header stands at pos, and returns the position behind it.
func (o *Outline) arg(pos int64, keep bool) (end int64, ok bool, err error) {
	const header = 1 + maxDigits + 2
	if pos >= o.size {
		return 0, false, nil
	}
	if err := o.w.load(pos, header); err != nil {
		return 0, false, err
	}
	n, begin, ok := parseHeader(o.w.from(pos), 0, '$')
	from := pos + int64(begin)
	if !ok || n > o.size-from-2 {
		return 0, false, nil
	}
	if keep {
		kept := int(min(n, outlineArg))
		if err := o.w.load(from, kept+2); err != nil {
			return 0, false, err
		}
		o.text = append(o.text, o.w.from(from)[:kept]...)
		o.ends = append(o.ends, len(o.text))
		o.at = append(o.at, span64{from, from + n})
	}
	if err := o.w.load(from+n, 2); err != nil {
		return 0, false, err
	}
	return from + n + 2, bytes.HasPrefix(o.w.from(from+n), []byte(lineEnd)), nil
}

// Resume finds the first position from pos on at which whole frames begin: a line of ours, or commands in a row as content has them; -1:
// there is none.
func (o *Outline) Resume(pos int64) (at int64, err error) {
	for tries := resumeTries; pos < o.size && tries > 0; {
		if err := o.w.load(pos, maxLine); err != nil {
			return -1, err
		}
		if c := o.w.from(pos)[0]; c == '*' || c == '#' {
			tries--
			if ok, err := o.begins(pos); ok || err != nil {
				return pos, err
			}
		}
		// The next one can only stand behind a line's end.
		if pos, err = o.behindLine(pos); err != nil {
			return -1, err
		}
	}
	return -1, nil
}

// behindLine is the position behind the next CR LF, or the file's size.
func (o *Outline) behindLine(pos int64) (int64, error) {
	for pos < o.size {
		if err := o.w.load(pos, maxLine); err != nil {
			return 0, err
		}
		p := o.w.from(pos)
		if i := bytes.Index(p, []byte(lineEnd)); i >= 0 {
			return pos + int64(i+len(lineEnd)), nil
		}
		pos += int64(max(len(p)-1, 1)) // a CR may be the last byte
	}
	return o.size, nil
}

// begins says whether whole frames begin at pos.
func (o *Outline) begins(pos int64) (bool, error) {
	for i := range resumeFrames {
		if pos >= o.size {
			return i > 0, nil
		}
		p, ok, err := o.Piece(pos)
		switch {
		case err != nil || !ok || p.Kind == CommentFrame:
			return false, err
		case p.Kind == LineFrame:
			return true, nil
		case len(p.Args) == 0 || !isWordLike(p.Args[0]):
			return false, nil
		}
		pos += p.Size
	}
	return true, nil
}
