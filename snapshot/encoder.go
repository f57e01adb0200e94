package snapshot

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"

	"frankenredis/snapshot/crc64"
	"frankenredis/snapshot/lzf"
)

// flushBytes is how much is collected before it is summed and written.
const flushBytes = 128 << 10

// encoder writes the elements of a snapshot. After an error of the writer it writes nothing more and keeps the error.
type encoder struct {
	w       io.Writer
	version int // what is written must be known to it
	buf     []byte
	crc     uint64
	sum     bool
	written int64
	err     error
	yield   func() // nil, or called behind each piece

	lzf    *lzf.Encoder // nil: strings are not compressed
	packed []byte
	old    []byte // a ziplist
}

func newEncoder(w io.Writer, compress, sum bool) *encoder {
	e := &encoder{w: w, version: Version, sum: sum, buf: make([]byte, 0, flushBytes+flushBytes/8)}
	if compress {
		e.lzf = new(lzf.Encoder)
	}
	return e
}

func (e *encoder) flush() {
	p := e.buf
	e.buf = e.buf[:0]
	e.write(p)
}

// write sums p and hands it to the writer, piece by piece.
func (e *encoder) write(p []byte) {
	for len(p) > 0 && e.err == nil {
		piece := p[:min(len(p), 2*flushBytes)]
		p = p[len(piece):]
		if e.sum {
			e.crc = crc64.Update(e.crc, piece)
		}
		n, err := e.w.Write(piece)
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		e.written += int64(n)
		e.err = err
		if e.yield != nil {
			e.yield()
		}
	}
}

// settle flushes when enough has been collected; each element ends with it.
func (e *encoder) settle() {
	if len(e.buf) >= flushBytes {
		e.flush()
	}
}

func (e *encoder) opcode(op byte) { e.buf = append(e.buf, op) }

func (e *encoder) length(n uint64) { e.buf = appendLen(e.buf, n) }

func appendLen(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, len14<<6|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, len32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, len64), n)
}

// str writes a string in the shortest of its forms, as Redis chooses it.
func (e *encoder) str(p []byte) {
	// The longest integer form stands for 11 characters.
	if len(p) <= 11 {
		if n, ok := parseDecimal(p); ok && e.shortInt(n) {
			return
		}
	}
	// Redis leaves strings up to 20 bytes alone, and wants to win four bytes on longer ones.
	if e.lzf != nil && len(p) > 20 {
		if cap(e.packed) < len(p) {
			e.packed = make([]byte, len(p)+len(p)/4)
		}
		if packed := e.lzf.Compress(e.packed, p, len(p)-4); packed != nil {
			e.compressed(packed, len(p))
			return
		}
	}
	e.length(uint64(len(p)))
	e.raw(p)
}

// compressed writes a string as the LZF block that it expands from.
func (e *encoder) compressed(lzf []byte, n int) {
	e.opcode(lenEnc<<6 | encLZF)
	e.length(uint64(len(lzf)))
	e.length(uint64(n))
	e.raw(lzf)
}

// raw writes bytes; many of them go to the writer without being collected.
func (e *encoder) raw(p []byte) {
	if len(p) > flushBytes {
		e.flush()
		e.write(p)
		return
	}
	e.buf = append(e.buf, p...)
}

// number writes an integer as a string.
func (e *encoder) number(n int64) {
	if e.shortInt(n) {
		return
	}
	var digits [20]byte
	p := strconv.AppendInt(digits[:0], n, 10)
	e.length(uint64(len(p)))
	e.raw(p)
}

// shortInt writes n in an integer encoding when one can hold it.
func (e *encoder) shortInt(n int64) bool {
	switch {
	case n == int64(int8(n)):
		e.buf = append(e.buf, lenEnc<<6|encInt8, byte(n))
	case n == int64(int16(n)):
		e.buf = binary.LittleEndian.AppendUint16(append(e.buf, lenEnc<<6|encInt16), uint16(n))
	case n == int64(int32(n)):
		e.buf = binary.LittleEndian.AppendUint32(append(e.buf, lenEnc<<6|encInt32), uint32(n))
	default:
		return false
	}
	return true
}

// parseDecimal reads the decimal digits of an integer, only in the one form in which Redis would print it.
func parseDecimal(p []byte) (int64, bool) {
	digits := p
	if len(p) > 1 && p[0] == '-' {
		digits = p[1:]
	}
	if len(digits) == 0 || len(digits) > 11 || (digits[0] == '0' && len(p) > 1) {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(p) {
		n = -n
	}
	return n, true
}

// aux writes one aux field.
func (e *encoder) aux(name, value string) {
	e.opcode(opAux)
	e.str([]byte(name))
	e.str([]byte(value))
	e.settle()
}

// function writes the source text of one function library.
func (e *encoder) function(text []byte) {
	e.opcode(opFunction)
	e.str(text)
	e.settle()
}

// selectDB goes over to a database; sizes says how many keys, and how many with an expiry, follow.
func (e *encoder) selectDB(db int) {
	e.opcode(opSelectDB)
	e.length(uint64(db))
}

func (e *encoder) sizes(keys, expires uint64) {
	e.opcode(opResizeDB)
	e.length(keys)
	e.length(expires)
}

// key begins a key: what goes before its value. expireMs is NoExpiry, idle and freq are -1, for "none".
func (e *encoder) key(typ byte, key []byte, expireMs, idle int64, freq int) {
	if expireMs != NoExpiry {
		e.buf = binary.LittleEndian.AppendUint64(append(e.buf, opExpireMs), uint64(expireMs))
	}
	if idle >= 0 {
		e.opcode(opIdle)
		e.length(uint64(idle))
	}
	if freq >= 0 {
		e.buf = append(e.buf, opFreq, byte(freq))
	}
	e.opcode(typ)
	e.str(key)
}

// end writes the end and the checksum of everything, zero when none is wanted, and flushes.
func (e *encoder) end() error {
	e.opcode(opEOF)
	e.flush()
	crc := e.crc
	e.buf = binary.LittleEndian.AppendUint64(e.buf, crc)
	e.flush()
	return e.err
}
