package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	defaultReplyDepth    = 128
	defaultReplyElements = 16 << 20

	// replyRead is the room for one read in bytes; replyKept the largest buffer that outlives its reply.
	replyRead = 16 << 10
	replyKept = 1 << 20
)

var (
	// ErrBadReply says that what arrived is not RESP.
	ErrBadReply = errors.New("resp: malformed reply")
	// ErrReplyLimit says that a reply is larger or nested deeper than the reader allows.
	ErrReplyLimit = errors.New("resp: reply beyond the limits")
)

// ReplyReader is the client's side: it cuts a server's bytes into replies, of RESP2 and RESP3, and keeps its place
// between reads. The zero value is ready. One goroutine uses it at a time. Memory is taken for bytes that arrived, never
// for lengths that were claimed.
type ReplyReader struct {
	// MaxBulk is the longest string or line in bytes; 0 means 512 MiB.
	MaxBulk int64
	// MaxDepth is how many aggregates may lie within each other; 0 means 128.
	MaxDepth int
	// MaxElements is how many elements a reply may have on all levels together, attributes included; 0 means 16777216.
	MaxElements int64

	// buf[pos:] is not parsed; buf[pos:pos+scanned] is known to hold no line feed. start counts the bytes before buf.
	buf     []byte
	pos     int
	scanned int
	start   int64

	// inside says that a part of a reply is parsed.
	inside bool
	// stringKind is 0, or the kind of the string of stringLen bytes whose header is parsed.
	stringKind Kind
	stringLen  int64

	// levels are the aggregates whose elements are arriving, the outermost first. attributes are those of the reply
	// itself. elements counts what the headers of the present reply claimed.
	levels     []level
	attributes []Value
	elements   int64

	err error
}

// level is an aggregate that lacks some elements; attributes are those of the next one.
type level struct {
	value      Value
	left       int64
	attributes []Value
}

// Feed adds bytes to parse.
func (r *ReplyReader) Feed(p []byte) {
	r.compact()
	r.buf = append(r.buf, p...)
}

// Receive returns the next reply and reads from src as long as it is not whole. The end of src is io.EOF between replies
// and io.ErrUnexpectedEOF within one.
func (r *ReplyReader) Receive(src io.Reader) (Value, error) {
	for {
		v, ok, err := r.Next()
		if ok || err != nil {
			return v, err
		}
		r.compact()
		if cap(r.buf)-len(r.buf) < replyRead {
			r.buf = append(make([]byte, 0, 2*cap(r.buf)+replyRead), r.buf...)
		}
		n, err := src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		if n > 0 || err == nil {
			continue // a lasting error comes again
		}
		if err == io.EOF && !r.between() {
			err = io.ErrUnexpectedEOF
		}
		return Value{}, err
	}
}

// between reports whether nothing of a reply has arrived.
func (r *ReplyReader) between() bool {
	return r.pos == len(r.buf) && !r.inside && r.stringKind == 0
}

// Buffered is the number of bytes that are not parsed.
func (r *ReplyReader) Buffered() int { return len(r.buf) - r.pos }

// Take returns the bytes that are not parsed and forgets them: for streams in which something else follows a reply, as
// the snapshot does in replication.
func (r *ReplyReader) Take() []byte {
	rest := bytes.Clone(r.buf[r.pos:])
	r.pos, r.scanned = len(r.buf), 0
	r.compact()
	return rest
}

// compact moves the unparsed bytes to the front of buf once they are no more than those before them.
func (r *ReplyReader) compact() {
	rest := r.buf[r.pos:]
	if r.pos == 0 || len(rest) > r.pos {
		return
	}
	r.start += int64(r.pos)
	if cap(r.buf) > replyKept && len(rest) < replyRead {
		r.buf = make([]byte, 0, 2*replyRead)
	}
	r.buf = append(r.buf[:0], rest...)
	r.pos = 0
}

// Next returns the next reply; ok is false while it is not whole. An error wraps [ErrBadReply] or [ErrReplyLimit] and
// says where; after it the connection is of no more use and Next keeps returning it.
func (r *ReplyReader) Next() (v Value, ok bool, err error) {
	if r.err != nil {
		return Value{}, false, r.err
	}
	for {
		v, left, ok, err := r.item()
		if err != nil {
			r.err = fmt.Errorf("%w, at byte %d of the stream", err, r.start+int64(r.pos))
			return Value{}, false, r.err
		}
		if !ok {
			return Value{}, false, nil
		}
		r.inside = true
		if left > 0 {
			r.levels = append(r.levels, level{value: v, left: left})
			continue
		}
		if r.place(&v) {
			r.inside = false
			return v, true, nil
		}
	}
}

// place puts a whole value where it belongs, and then each aggregate that became whole by this. It reports true when v
// is, or has become, the reply itself.
func (r *ReplyReader) place(v *Value) bool {
	for {
		attributes := &r.attributes
		var top *level
		if n := len(r.levels); n > 0 {
			top = &r.levels[n-1]
			attributes = &top.attributes
		}
		if v.Kind == attributeKind {
			*attributes = append(*attributes, v.Elems...)
			return false
		}
		v.Attributes, *attributes = *attributes, nil
		if top == nil {
			r.elements = 0
			return true
		}
		top.value.Elems = append(top.value.Elems, *v)
		if top.left--; top.left > 0 {
			return false
		}
		*v = top.value
		r.levels[len(r.levels)-1] = level{}
		r.levels = r.levels[:len(r.levels)-1]
	}
}

// item parses one value, of an aggregate only the header: left is the number of elements that follow it.
func (r *ReplyReader) item() (v Value, left int64, ok bool, err error) {
	if r.stringKind != 0 {
		v, ok, err = r.text()
		return v, 0, ok, err
	}
	line, ok, err := r.line()
	if !ok {
		return Value{}, 0, false, err
	}
	v.Kind = Kind(line[0])
	text := line[1:]
	switch v.Kind {
	case SimpleKind, ErrorKind:
		v.Str = string(text)
	case IntKind:
		v.Int, ok = ParseInt(text)
	case NullKind:
		v.Null, ok = true, len(text) == 0
	case BoolKind:
		v.Bool = string(text) == "t"
		ok = v.Bool || string(text) == "f"
	case DoubleKind:
		v.Str = string(text)
		v.Float, ok = parseDouble(v.Str)
	case BigKind:
		v.Str, ok = string(text), isInteger(text)
	case BulkKind, BulkErrorKind, VerbatimKind:
		n, valid := ParseInt(text)
		switch {
		case valid && n == -1 && v.Kind == BulkKind:
			v.Null = true
		case !valid || n < 0 || v.Kind == VerbatimKind && n < verbatimPrefix:
			ok = false
		case n > r.maxBulk():
			return Value{}, 0, false, ErrReplyLimit
		default:
			r.stringKind, r.stringLen = v.Kind, n
			v, ok, err = r.text()
			return v, 0, ok, err
		}
	case ArrayKind, SetKind, PushKind, MapKind, attributeKind:
		left, ok = ParseInt(text)
		if left == -1 && v.Kind == ArrayKind {
			v.Null, left = true, 0
		}
		if left < 0 {
			ok = false
		}
		if ok && left > 0 {
			left, err = r.admit(v.Kind, left)
			if err != nil {
				return Value{}, 0, false, err
			}
		}
	default:
		ok = false
	}
	if !ok {
		return Value{}, 0, false, fmt.Errorf("%w: %.40q", ErrBadReply, line)
	}
	return v, left, true, nil
}

// admit checks the header of an aggregate against the limits, and turns a number of pairs into one of elements.
func (r *ReplyReader) admit(kind Kind, n int64) (int64, error) {
	maxElements, maxDepth := r.MaxElements, r.MaxDepth
	if maxElements <= 0 {
		maxElements = defaultReplyElements
	}
	if maxDepth <= 0 {
		maxDepth = defaultReplyDepth
	}
	free := maxElements - r.elements
	if kind == MapKind || kind == attributeKind {
		if n > free/2 {
			return 0, ErrReplyLimit
		}
		n *= 2
	}
	if n > free || len(r.levels) >= maxDepth {
		return 0, ErrReplyLimit
	}
	r.elements += n
	return n, nil
}

func (r *ReplyReader) maxBulk() int64 {
	if r.MaxBulk <= 0 {
		return defaultMaxBulk
	}
	return min(r.MaxBulk, addressable)
}

// line takes a line off buf, without its end. It is never empty.
func (r *ReplyReader) line() ([]byte, bool, error) {
	rest := r.buf[r.pos:]
	n := bytes.IndexByte(rest[r.scanned:], '\n')
	if n < 0 {
		r.scanned = len(rest)
		if int64(len(rest)) > r.maxBulk() {
			return nil, false, ErrReplyLimit
		}
		return nil, false, nil
	}
	n += r.scanned
	r.scanned = 0
	if int64(n) > r.maxBulk() {
		return nil, false, ErrReplyLimit
	}
	if n < 2 || rest[n-1] != '\r' {
		return nil, false, fmt.Errorf("%w: %.40q", ErrBadReply, rest[:n+1])
	}
	r.pos += n + 1
	return rest[:n-1], true, nil
}

// verbatimPrefix is the length of "txt:".
const verbatimPrefix = 4

// text takes the string that is open off buf, when all of it is there.
func (r *ReplyReader) text() (Value, bool, error) {
	rest := r.buf[r.pos:]
	if int64(len(rest)) < r.stringLen+2 {
		return Value{}, false, nil
	}
	s, end := rest[:r.stringLen], rest[r.stringLen:r.stringLen+2]
	if string(end) != "\r\n" {
		return Value{}, false, fmt.Errorf("%w: string ends with %q", ErrBadReply, end)
	}
	v := Value{Kind: r.stringKind}
	if v.Kind == VerbatimKind {
		if s[verbatimPrefix-1] != ':' {
			return Value{}, false, fmt.Errorf("%w: verbatim string begins with %q", ErrBadReply, s[:verbatimPrefix])
		}
		v.Format = string(s[:verbatimPrefix-1])
		s = s[verbatimPrefix:]
	}
	v.Str = string(s)
	r.pos += int(r.stringLen) + 2
	r.stringKind = 0
	return v, true, nil
}

// parseDouble reads the forms in which servers write doubles.
func parseDouble(s string) (float64, bool) {
	switch s {
	case "inf", "-inf", "nan":
	default:
		for i := range len(s) {
			switch c := s[i]; {
			case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
			default:
				return 0, false // strconv knows hexadecimal, underscores and more names
			}
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// isInteger reports whether b is an optional sign and digits.
func isInteger(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
