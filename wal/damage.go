package wal

import (
	"bytes"
	"fmt"
)

// hash takes what was handed out into the digests.
func (r *Reader) hash() {
	if r.hashed < r.pos {
		p := r.w.from(r.hashed)[:r.pos-r.hashed]
		r.since.Write(p)
		r.file.Write(p)
		r.hashed = r.pos
	}
}

// findExec looks for the end of the unit that begins at pos with MULTI.
func (r *Reader) findExec() error {
	spans := append([]span(nil), r.spans...)
	defer func() { r.spans = append(r.spans[:0], spans...) }()
	var line int64 = -1 // a line of ours seen in the unit
	for at := r.pos; at < r.size; {
		p, fs, err := r.look(at)
		if err != nil {
			return err
		}
		if fs.state != frameWhole {
			return r.broken(r.pos, at, fs)
		}
		p = p[:fs.n]
		at += int64(fs.n)
		switch {
		case p[0] == '#':
			if IsLine(p) && line < 0 {
				line = at
			}
		case r.isWord(p, "exec"):
			r.unitEnd = at
			return nil
		}
	}
	if line >= 0 {
		// We write lines between units only: the EXEC before this one was there once.
		err := r.corrupt(r.pos, line, "EXEC before a line", "none")
		err.EOF, err.Resume, err.Proven = true, line, true
		return err
	}
	return r.torn(r.pos, r.size, "EXEC")
}

// look scans the frame at pos without moving the main window, from which a frame is about to be handed out.
func (r *Reader) look(pos int64) ([]byte, frameScan, error) {
	if r.w.has(pos, 1) {
		p := r.w.from(pos)
		var fs frameScan
		if p[0] == '#' {
			fs = scanComment(p)
		} else {
			fs = scanFrame(p, r.size-pos, &r.spans)
		}
		if fs.state == frameWhole {
			return p, fs, nil
		}
	}
	return r.scan(&r.ahead, pos)
}

// torn makes the error for a file that ends at pos within the unit that begins at unit.
func (r *Reader) torn(unit, pos int64, wanted string) *CorruptError {
	return &CorruptError{Path: r.o.Path, Pos: pos, Unit: unit, LSN: r.lsn, Wanted: wanted, Found: "the end of the file",
		Torn: true, EOF: true, Resume: -1}
}

// corrupt makes the error for wrong bytes at pos in the unit that begins at unit.
func (r *Reader) corrupt(unit, pos int64, wanted, found string) *CorruptError {
	return &CorruptError{Path: r.o.Path, Pos: pos, Unit: unit, LSN: r.lsn, Wanted: wanted, Found: found, Resume: -1}
}

// broken judges a frame at position at, in the unit that begins at unit, which is not whole.
//
// A crash leaves a prefix of what was written, and perhaps zeros behind it where the file had grown before its bytes
// arrived. So a frame that the file's end cuts short is torn, and so is one that meets zeros up to the file's end.
// Not so if more follows: a changed length digit makes a frame swallow what comes after it up to the end of the file.
// Then a line of ours in what was swallowed, or whole commands in a row, give it away.
func (r *Reader) broken(unit, at int64, fs frameScan) error {
	pos := at + int64(fs.pos)
	if fs.state == frameBad {
		zero, err := r.zerosFrom(pos)
		if err != nil {
			return err
		}
		if zero {
			e := r.torn(unit, pos, fs.wanted)
			e.Found, e.EOF = foundZeros, false
			return e
		}
	}
	resume, proven, err := r.findResume(at + 1)
	if err != nil {
		return err
	}
	if fs.state != frameBad && resume < 0 {
		return r.torn(unit, pos, fs.wanted)
	}
	e := r.corrupt(unit, pos, fs.wanted, "")
	e.EOF = fs.state != frameBad
	e.Resume, e.Proven = resume, proven
	if e.EOF {
		e.Found = "the end of the file"
		return e
	}
	const shown = 16
	if err := r.ahead.load(pos, shown); err != nil {
		return err
	}
	p := r.ahead.from(pos)
	e.Found = fmt.Sprintf("%q", p[:min(len(p), shown)])
	return e
}

const foundZeros = "zeros up to the end of the file"

// zerosFrom says whether the file holds nothing but zeros from pos on.
func (r *Reader) zerosFrom(pos int64) (bool, error) {
	for pos < r.size {
		if err := r.ahead.load(pos, 1); err != nil {
			return false, err
		}
		p := r.ahead.from(pos)
		for _, c := range p {
			if c != 0 {
				return false, nil
			}
		}
		pos += int64(len(p))
	}
	return true, nil
}

const (
	// resumeFrames whole commands in a row are taken for content, or fewer that end with the file.
	resumeFrames = 2
	// resumeTries bounds how often that is tried: a file made to be slow must not make a start slow.
	resumeTries = 1000
)

// findResume looks behind a damage for what is whole: from the position pos on, the end of the first line of ours that
// can be one (proven), or else the first whole commands.
func (r *Reader) findResume(pos int64) (resume int64, proven bool, err error) {
	resume = -1
	tries := resumeTries
	crlf := []byte(lineEnd)
	for pos < r.size {
		if err := r.ahead.load(pos, maxLine); err != nil {
			return -1, false, err
		}
		p := r.ahead.from(pos)
		i := bytes.Index(p, crlf)
		if i < 0 {
			pos += int64(max(len(p)-1, 1)) // a CR may be the last byte
			continue
		}
		pos += int64(i + len(crlf))
		if pos >= r.size {
			break
		}
		if err := r.ahead.load(pos, maxLine); err != nil {
			return -1, false, err
		}
		p = r.ahead.from(pos)
		switch {
		case p[0] == '#' && IsLine(p):
			if _, n, ok := r.canFollow(p, pos); ok {
				return pos + int64(n), true, nil
			}
		case p[0] == '*' && resume < 0 && tries > 0:
			tries--
			if ok, err := r.looksWhole(pos); err != nil {
				return -1, false, err
			} else if ok {
				resume = pos
			}
		}
	}
	return resume, false, nil
}

// canFollow says whether p begins with a line of ours, of n bytes, that fits a place this far behind what was read.
func (r *Reader) canFollow(p []byte, pos int64) (l Line, n int, ok bool) {
	n = bytes.IndexByte(p[:min(len(p), maxLine)], '\n') + 1
	l, err := ParseLine(p[:n])
	return l, n, err == nil && (r.o.Unanchored && r.tail.Lines == 0 || l.LSN >= r.lsn && l.LSN-r.lsn <= LSN(pos-r.pos))
}

// DurableBehind is for after Next has met damage: it reads on and returns the highest watermark that any line of ours
// behind it tells of. What lies before that position was durable once, and no crash can have taken it; damage behind it
// may be what a power failure leaves, whose sectors arrive in any order.
func (r *Reader) DurableBehind() (LSN, error) {
	var durable LSN
	for pos := r.pos; pos < r.size; {
		if err := r.ahead.load(pos, maxLine); err != nil {
			return 0, err
		}
		p := r.ahead.from(pos)
		i := bytes.Index(p, []byte(linePrefix))
		if i < 0 {
			pos += int64(max(len(p)-len(linePrefix)+1, 1))
			continue
		}
		pos += int64(i)
		if err := r.ahead.load(pos, maxLine); err != nil {
			return 0, err
		}
		if l, _, ok := r.canFollow(r.ahead.from(pos), pos); ok {
			durable = max(durable, l.Durable)
		}
		pos++
	}
	return durable, nil
}

// looksWhole says whether several commands in a row begin at pos, each beginning with a word.
func (r *Reader) looksWhole(pos int64) (bool, error) {
	const most = 64 << 10 // bytes that are looked at for each
	for i := range resumeFrames {
		if pos >= r.size {
			return i > 0, nil
		}
		if err := r.ahead.load(pos, most); err != nil {
			return false, err
		}
		p := r.ahead.from(pos)
		p = p[:min(len(p), most)]
		fs := scanFrame(p, int64(len(p)), &r.spans)
		if fs.state != frameWhole || !isWordLike(p[r.spans[0].from:r.spans[0].to]) {
			return false, nil
		}
		pos += int64(fs.n)
	}
	return true, nil
}

func isWordLike(p []byte) bool {
	for _, c := range p {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return len(p) > 0
}
