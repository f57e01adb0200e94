package resp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/redcon"

	"frankenredis/kv/double"
)

// Writer appends replies to Buf in the protocol version of one client. It never looks at what it has written; the
// owner sends Buf and cuts it. Nothing allocates beyond the growth of Buf.
type Writer struct {
	Buf   []byte
	Proto int // 2 or 3; anything else counts as 2
}

// Raw appends bytes that are protocol already.
func (w *Writer) Raw(p []byte) { w.Buf = append(w.Buf, p...) }

// OK appends +OK.
func (w *Writer) OK() { w.Buf = redcon.AppendOK(w.Buf) }

// Simple appends a status. s must not contain CR or LF.
func (w *Writer) Simple(s string) {
	w.Buf = append(w.Buf, '+')
	w.Buf = append(w.Buf, s...)
	w.Buf = append(w.Buf, '\r', '\n')
}

// Error appends an error; s begins with its code ("ERR ..."). As in Redis line ends around s are cut and those inside
// become spaces.
func (w *Writer) Error(s string) {
	s = strings.Trim(s, "\r\n")
	w.Buf = append(w.Buf, '-')
	from := len(w.Buf)
	w.Buf = append(w.Buf, s...)
	for i := from; i < len(w.Buf); i++ {
		if c := w.Buf[i]; c == '\r' || c == '\n' {
			w.Buf[i] = ' '
		}
	}
	w.Buf = append(w.Buf, '\r', '\n')
}

// Int appends an integer.
func (w *Writer) Int(n int64) {
	const around = len(":\r\n")
	size := intSize(n)
	at := len(w.Buf)
	w.Buf = slices.Grow(w.Buf, size+around)[:at+size+around]
	p := w.Buf[at:]
	p[0] = ':'
	putInt(p[1:1+size], n)
	p[1+size], p[2+size] = '\r', '\n'
}

// Bulk appends a string. A short one for which there is room, as for nearly all, is put together in place.
func (w *Writer) Bulk(b []byte) {
	const around = len("$00\r\n") + len("\r\n")
	n, at := len(b), len(w.Buf)
	if n >= 100 || cap(w.Buf)-at < n+around {
		w.Buf = redcon.AppendBulk(w.Buf, b)
		return
	}
	p := w.Buf[at : at+n+around]
	p[0] = '$'
	i := 1
	if n >= 10 {
		p[1] = byte('0' + n/10)
		i = 2
	}
	p[i], p[i+1], p[i+2] = byte('0'+n%10), '\r', '\n'
	i += 3 + copy(p[i+3:], b)
	p[i], p[i+1] = '\r', '\n'
	w.Buf = w.Buf[:at+i+2]
}

// BulkString appends a string.
func (w *Writer) BulkString(s string) { w.Buf = redcon.AppendBulkString(w.Buf, s) }

// BulkInt appends n as a string.
func (w *Writer) BulkInt(n int64) {
	size := intSize(n)
	head := len("$0\r\n")
	if size >= 10 {
		head++
	}
	at, whole := len(w.Buf), head+size+len("\r\n")
	w.Buf = slices.Grow(w.Buf, whole)[:at+whole]
	p := w.Buf[at:]
	p[0] = '$'
	putInt(p[1:head-2], int64(size))
	p[head-2], p[head-1] = '\r', '\n'
	putInt(p[head:head+size], n)
	p[head+size], p[head+size+1] = '\r', '\n'
}

// BulkHeader appends the header of a string of n bytes. The caller appends them, in pieces if it likes, and then calls
// BulkEnd; room for a long string is made at once.
func (w *Writer) BulkHeader(n int) {
	if n >= bigArg {
		w.Buf = slices.Grow(w.Buf, n+32) // with header and line end
	}
	w.prefix('$', n)
}

// BulkEnd appends what follows the bytes of a string.
func (w *Writer) BulkEnd() { w.Buf = append(w.Buf, '\r', '\n') }

// Null appends the null: a null string in RESP2.
func (w *Writer) Null() {
	if w.Proto == 3 {
		w.Buf = append(w.Buf, '_', '\r', '\n')
		return
	}
	w.Buf = redcon.AppendNull(w.Buf)
}

// NullArray appends the null where an array is expected: a null array in RESP2.
func (w *Writer) NullArray() {
	if w.Proto == 3 {
		w.Buf = append(w.Buf, '_', '\r', '\n')
		return
	}
	w.Buf = append(w.Buf, '*', '-', '1', '\r', '\n')
}

// Array begins an array; n elements follow.
func (w *Writer) Array(n int) { w.Buf = redcon.AppendArray(w.Buf, n) }

// EmptyArray appends an array without elements.
func (w *Writer) EmptyArray() { w.Array(0) }

// Map begins a map; n keys, each with its value, follow. In RESP2 it is an array of 2n elements.
func (w *Writer) Map(n int) {
	if w.Proto == 3 {
		w.prefix('%', n)
		return
	}
	w.Array(2 * n)
}

// Set begins a set; n elements follow. In RESP2 it is an array.
func (w *Writer) Set(n int) { w.aggregate('~', n) }

// Push begins a message outside the sequence of replies; n elements follow. In RESP2 it is an array.
func (w *Writer) Push(n int) { w.aggregate('>', n) }

// Attribute begins a map of n pairs that goes before a reply. RESP2 has no such thing: there the caller must leave
// it out, and calling this is a mistake in the program.
func (w *Writer) Attribute(n int) {
	if w.Proto != 3 {
		panic("resp: attribute in RESP2")
	}
	w.prefix('|', n)
}

// Bool appends a truth value: 1 or 0 in RESP2.
func (w *Writer) Bool(b bool) {
	switch {
	case w.Proto != 3 && b:
		w.Buf = append(w.Buf, ':', '1', '\r', '\n')
	case w.Proto != 3:
		w.Buf = append(w.Buf, ':', '0', '\r', '\n')
	case b:
		w.Buf = append(w.Buf, '#', 't', '\r', '\n')
	default:
		w.Buf = append(w.Buf, '#', 'f', '\r', '\n')
	}
}

// Double appends a floating point number: a string in RESP2.
func (w *Writer) Double(f float64) {
	var text [double.MaxSize]byte
	digits := double.Append(text[:0], f)
	if w.Proto != 3 {
		w.Bulk(digits)
		return
	}
	w.Buf = append(w.Buf, ',')
	w.Buf = append(w.Buf, digits...)
	w.Buf = append(w.Buf, '\r', '\n')
}

// BigNumber appends an integer of any size, given in decimal: a string in RESP2.
func (w *Writer) BigNumber(s string) {
	if w.Proto != 3 {
		w.BulkString(s)
		return
	}
	w.Buf = append(w.Buf, '(')
	w.Buf = append(w.Buf, s...)
	w.Buf = append(w.Buf, '\r', '\n')
}

// Verbatim appends a text with its format, a word of three letters ("txt", "mkd"): a plain string in RESP2.
func (w *Writer) Verbatim(format, s string) {
	if w.Proto != 3 {
		w.BulkString(s)
		return
	}
	w.prefix('=', len(s)+4)
	w.Buf = append(w.Buf, format[:3]...)
	w.Buf = append(w.Buf, ':')
	w.Buf = append(w.Buf, s...)
	w.Buf = append(w.Buf, '\r', '\n')
}

// ArrayAt begins an array at position at of Buf, ahead of its n elements, which were written there before they could
// be counted. The elements are moved once.
func (w *Writer) ArrayAt(at, n int) { w.insert(at, func() { w.Array(n) }) }

// MapAt is ArrayAt for a map of n keys with their values.
func (w *Writer) MapAt(at, n int) { w.insert(at, func() { w.Map(n) }) }

// SetAt is ArrayAt for a set.
func (w *Writer) SetAt(at, n int) { w.insert(at, func() { w.Set(n) }) }

// insert moves what header appends to position at.
func (w *Writer) insert(at int, header func()) {
	var text [24]byte
	end := len(w.Buf)
	header()
	n := copy(text[:], w.Buf[end:])
	copy(w.Buf[at+n:], w.Buf[at:end])
	copy(w.Buf[at:], text[:n])
}

func (w *Writer) aggregate(kind byte, n int) {
	if w.Proto != 3 {
		kind = '*'
	}
	w.prefix(kind, n)
}

func (w *Writer) prefix(kind byte, n int) {
	w.Buf = append(w.Buf, kind)
	w.Buf = strconv.AppendInt(w.Buf, int64(n), 10)
	w.Buf = append(w.Buf, '\r', '\n')
}

// AppendCommand appends a command as a client, the AOF and the replication stream write it.
func AppendCommand(dst []byte, argv ...[]byte) []byte {
	dst = redcon.AppendArray(dst, len(argv))
	for _, a := range argv {
		dst = redcon.AppendBulk(dst, a)
	}
	return dst
}
