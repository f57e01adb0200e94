package check

import (
	"bytes"
	"io"
	"math"
)

// text reads a file the way C's stdio does, as far as the tools depend on it: lines into buffers of a fixed size, and a mark
// that the end was met. Memory is one window, whatever a length claims.
type text struct {
	f   io.ReaderAt
	buf []byte // the window's bytes that are not used yet
	mem []byte
	pos int64 // of buf[0] in the file
	err error // the disk's, or io.EOF
	eof bool  // a read met the end (feof)
}

const windowSize = 256 << 10

func newText(f io.ReaderAt, pos int64) *text {
	return &text{f: f, mem: make([]byte, windowSize), pos: pos}
}

// fill makes n bytes present, or fewer at the end of the file.
func (t *text) fill(n int) {
	if len(t.buf) >= n || t.err != nil {
		return
	}
	kept := copy(t.mem, t.buf)
	got, err := t.f.ReadAt(t.mem[kept:], t.pos+int64(kept))
	t.buf, t.err = t.mem[:kept+got], err
}

// failed is the disk's error, if there was one.
func (t *text) failed() error {
	if t.err == io.EOF {
		return nil
	}
	return t.err
}

func (t *text) use(n int) {
	t.buf = t.buf[n:]
	t.pos += int64(n)
}

// peek is the next byte; ok is false at the end.
func (t *text) peek() (c byte, ok bool) {
	t.fill(1)
	if len(t.buf) == 0 {
		t.eof = true
		return 0, false
	}
	t.eof = false
	return t.buf[0], true
}

// gets is fgets with a buffer of size bytes: it returns the bytes up to a newline, or size-1 of them, valid until the next
// call, and none at the end.
func (t *text) gets(size int) []byte {
	t.fill(size - 1)
	line := t.buf[:min(len(t.buf), size-1)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	} else if len(line) < size-1 {
		t.eof = true
	}
	t.use(len(line))
	return line
}

// take uses up n bytes and returns up to first of them and the last two; got is how many there were.
func (t *text) take(n int64, first int) (head, last []byte, got int64) {
	t.fill(int(min(n, windowSize)))
	if int64(len(t.buf)) >= n { // the usual case
		p := t.buf[:n]
		t.use(int(n))
		return p[:min(len(p), first)], p[n-2:], n
	}
	head = bytes.Clone(t.buf[:min(len(t.buf), first)])
	for got < n {
		t.fill(1)
		if len(t.buf) == 0 {
			t.eof = true
			return head, nil, got
		}
		step := min(int64(len(t.buf)), n-got)
		last = append(last, t.buf[max(0, step-2):step]...)
		last = last[max(0, len(last)-2):]
		t.use(int(step))
		got += step
	}
	return head, last, got
}

// parseLong is strtol in base 10: blanks, a sign, digits. rest is what follows; without digits, all of p. Beyond the range of 64
// bits the number stays at its end and overflow is set. A NUL ends p.
func parseLong(p []byte) (n int64, rest []byte, overflow bool) {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		p = p[:i]
	}
	i := 0
	for i < len(p) && (p[i] == ' ' || p[i] >= '\t' && p[i] <= '\r') {
		i++
	}
	negative := false
	if i < len(p) && (p[i] == '-' || p[i] == '+') {
		negative = p[i] == '-'
		i++
	}
	begin := i
	for ; i < len(p) && p[i] >= '0' && p[i] <= '9'; i++ {
		d := int64(p[i] - '0')
		if n < (math.MinInt64+d)/10 { // counted downwards, where there is room for one more
			overflow = true
		}
		if !overflow {
			n = n*10 - d
		}
	}
	switch {
	case i == begin:
		return 0, p, false
	case overflow && negative:
		return math.MinInt64, p[i:], true
	case overflow, !negative && n == math.MinInt64:
		return math.MaxInt64, p[i:], true
	case !negative:
		n = -n
	}
	return n, p[i:], false
}
