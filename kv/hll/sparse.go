package hll

import "encoding/binary"

// Longest runs and largest value of the sparse opcodes.
const (
	maxZero     = 64
	maxVal      = 4
	maxValValue = 32
)

const (
	xzeroBit = 1 << 6
	valBit   = 1 << 7
)

// readRun reads the opcode at b[at]: the registers it covers, their value, and its size in bytes. An XZERO cut short by the end of
// the string is read as if a zero byte followed, which is what Redis finds there.
func readRun(b []byte, at int) (span int, value uint8, size int) {
	c := b[at]
	switch {
	case c&valBit != 0:
		return int(c&3) + 1, c>>2&31 + 1, 1
	case c&xzeroBit == 0:
		return int(c) + 1, 0, 1
	case at+1 < len(b):
		return int(c&63)<<8 + int(b[at+1]) + 1, 0, 2
	}
	return int(c&63)<<8 + 1, 0, 2
}

func isVal(c byte) bool  { return c&valBit != 0 }
func isZero(c byte) bool { return c&(valBit|xzeroBit) == 0 }

// valRun is a VAL opcode.
func valRun(value uint8, span int) byte { return valBit | (value-1)<<2 | byte(span-1) }

// appendZeros appends the shortest opcode for a run of zeros.
func appendZeros(dst []byte, span int) []byte {
	if span <= maxZero {
		return append(dst, byte(span-1))
	}
	return binary.BigEndian.AppendUint16(dst, xzeroBit<<8|uint16(span-1))
}

// eachRun hands out the VAL runs of a sparse string, none of which reaches beyond the last register. It ends at a VAL that does: if
// the registers were complete before it, Redis is content with the string, and so are we.
func eachRun(b []byte, f func(index, span int, value uint8)) error {
	index := 0
	for at := HeaderSize; at < len(b); {
		span, value, size := readRun(b, at)
		if value != 0 {
			if index+span > Registers {
				break
			}
			f(index, span, value)
		}
		if index += span; index > Registers {
			return ErrCorrupt
		}
		at += size
	}
	if index != Registers {
		return ErrCorrupt
	}
	return nil
}

// sparseWriter raises registers of a sparse string, until it has become dense.
type sparseWriter struct {
	b    []byte
	max  int // longest sparse string
	near spot
}

// spot is the place of an opcode, with the first register that it covers. The zero spot is the string's start.
type spot struct{ at, first int }

// raise makes a register at least value, changing opcodes exactly as Redis does: the one that covers the register is split, then
// equal VALs that have become neighbours are joined.
//
// Calls with ascending indexes search from where the last one ended. With an error the string is as it was.
func (w *sparseWriter) raise(index int, value uint8) (changed bool, err error) {
	if value > maxValValue {
		return w.promote(index, value)
	}
	at, first, prev := w.find(index)
	if at >= len(w.b) {
		return false, ErrCorrupt
	}
	span, old, size := readRun(w.b, at)
	if at+size > len(w.b) {
		return false, ErrCorrupt
	}
	if old >= value {
		return false, nil
	}
	if span == 1 && size == 1 {
		w.b[at] = valRun(value, 1)
		w.join(prev)
		return true, nil
	}
	var seq [5]byte
	runs := seq[:0]
	before, after := index-first, first+span-1-index
	if before > 0 {
		runs = appendRun(runs, old, before)
	}
	runs = append(runs, valRun(value, 1))
	if after > 0 {
		runs = appendRun(runs, old, after)
	}
	if n := len(runs) - size; n > 0 && len(w.b)+n > w.max {
		return w.promote(index, value)
	}
	w.replace(at, size, runs)
	w.join(prev)
	return true, nil
}

func appendRun(dst []byte, value uint8, span int) []byte {
	if value == 0 {
		return appendZeros(dst, span)
	}
	return append(dst, valRun(value, span))
}

// find returns where the opcode lies that covers a register (beyond the end if there is none), the first register that it covers,
// and the opcode before it, 0 if it is the first.
func (w *sparseWriter) find(index int) (at, first, prev int) {
	start := w.near
	if start.at == 0 || index < start.first {
		start = spot{at: HeaderSize}
	}
	for {
		var last, last2 spot
		here := start
		for here.at < len(w.b) {
			span, _, size := readRun(w.b, here.at)
			if index < here.first+span {
				break
			}
			last2, last = last, here
			here = spot{here.at + size, here.first + span}
		}
		if last.at == 0 && here.at > HeaderSize { // began too late to see what is before it
			start = spot{at: HeaderSize}
			continue
		}
		// Joining leaves opcodes alone that lie before prev, so this stays a boundary.
		if w.near = last2; last2.at == 0 {
			w.near = start
		}
		return here.at, here.first, last.at
	}
}

// replace puts runs in the place of size bytes.
func (w *sparseWriter) replace(at, size int, runs []byte) {
	end := len(w.b)
	grow := len(runs) - size
	if grow > 0 {
		w.b = append(w.b, runs[:grow]...) // only to be longer
	}
	copy(w.b[at+len(runs):], w.b[at+size:end])
	w.b = w.b[:end+grow]
	copy(w.b[at:], runs)
}

// join merges neighbouring VALs of the same value, if one can hold them, among the five opcodes from a place on. Those that hold too
// many for one stay as they are, as in Redis.
func (w *sparseWriter) join(from int) {
	b := w.b
	at := max(from, HeaderSize)
	for n := 5; n > 0 && at < len(b); n-- {
		c := b[at]
		if !isVal(c) {
			if at++; !isZero(c) {
				at++
			}
			continue
		}
		if at+1 < len(b) {
			d := b[at+1]
			if span := int(c&3) + int(d&3) + 2; d>>2 == c>>2 && span <= maxVal {
				b[at+1] = d&^3 | byte(span-1)
				copy(b[at:], b[at+1:])
				b = b[:len(b)-1]
				continue // with what it became, which may join the next
			}
		}
		at++
	}
	w.b = b
}

// promote makes the string dense and raises a register that is known to be lower.
func (w *sparseWriter) promote(index int, value uint8) (changed bool, err error) {
	d, err := ToDense(w.b)
	if err != nil {
		return false, err
	}
	w.b = d
	return raise(d[HeaderSize:], index, value), nil
}
