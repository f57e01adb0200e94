package hll

import (
	"encoding/binary"
	"errors"
)

// Sizes of the format.
const (
	Registers  = 1 << indexBits                   // registers of a string
	HeaderSize = 16                               // bytes before the registers
	DenseSize  = HeaderSize + Registers*6/8       // bytes of a dense string
	indexBits  = 14                               // bits of the hash that choose the register
	rankBits   = 64 - indexBits                   // bits of the hash that are looked at for the lowest one
	maxRank    = rankBits + 1                     // largest value that adding leads to
	staleByte  = 15                               // holds the highest byte of the cached estimate
	stale      = 1 << 7                           // in it: the estimate is not of these registers
	emptyRun   = 0x40<<8 | (Registers - 1)        // XZERO over all registers
	magic      = 'H' | 'Y'<<8 | 'L'<<16 | 'L'<<24 // little-endian
)

// Encoding is the fifth byte of a string.
type Encoding uint8

const (
	Dense  Encoding = 0
	Sparse Encoding = 1
)

// String is the encoding's name in PFDEBUG ENCODING.
func (e Encoding) String() string {
	if e == Dense {
		return "dense"
	}
	return "sparse"
}

var (
	// ErrInvalid says that the bytes are no HyperLogLog at all: Valid is false.
	ErrInvalid = errors.New("hll: not a HyperLogLog string")
	// ErrCorrupt says that the runs of a sparse string do not cover the registers.
	ErrCorrupt = errors.New("hll: corrupt sparse registers")
)

// New returns an empty string: sparse, with a valid cached estimate of zero.
func New() []byte {
	b := make([]byte, HeaderSize+2, 64)
	binary.LittleEndian.PutUint32(b, magic)
	b[4] = byte(Sparse)
	binary.BigEndian.PutUint16(b[HeaderSize:], emptyRun)
	return b
}

// Valid says whether b is a HyperLogLog as far as its header and, if dense, its length go.
func Valid(b []byte) bool {
	if len(b) < HeaderSize || binary.LittleEndian.Uint32(b) != magic {
		return false
	}
	e := Encoding(b[4])
	return e == Sparse || e == Dense && len(b) == DenseSize
}

// EncodingOf returns the encoding of a valid string.
func EncodingOf(b []byte) Encoding { return Encoding(b[4]) }

// Cached returns the estimate that a valid string carries, and whether it is of its present registers.
func Cached(b []byte) (n uint64, ok bool) {
	return binary.LittleEndian.Uint64(b[8:]), b[staleByte]&stale == 0
}

// SetCached stores an estimate in a valid string.
func SetCached(b []byte, n uint64) { binary.LittleEndian.PutUint64(b[8:], n) }

// Invalidate marks the cached estimate of a valid string as stale.
func Invalidate(b []byte) { b[staleByte] |= stale }

// Add adds an element. Like append it changes b and returns it, elsewhere if it had to grow. A sparse string does not grow
// over sparseMax bytes, but becomes dense. changed says that a register grew; the cached estimate is then stale. With an error,
// ErrInvalid or ErrCorrupt, b is as it was.
func Add(b, element []byte, sparseMax int) (out []byte, changed bool, err error) {
	if !Valid(b) {
		return b, false, ErrInvalid
	}
	index, rank := place(element)
	if EncodingOf(b) == Dense {
		changed = raise(b[HeaderSize:], index, rank)
	} else {
		w := sparseWriter{b: b, max: sparseMax}
		changed, err = w.raise(index, rank)
		b = w.b
	}
	if changed {
		Invalidate(b)
	}
	return b, changed, err
}

// ToDense returns b if it is dense, else a dense copy with the same header but for the encoding.
func ToDense(b []byte) ([]byte, error) {
	if !Valid(b) {
		return nil, ErrInvalid
	}
	if EncodingOf(b) == Dense {
		return b, nil
	}
	out := make([]byte, DenseSize)
	copy(out, b[:HeaderSize])
	out[4] = byte(Dense)
	err := eachRun(b, func(index, span int, value uint8) {
		for i := index; i < index+span; i++ {
			put(out[HeaderSize:], i, value)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AppendRegisters appends the value of each register, 16384 bytes.
func AppendRegisters(dst, b []byte) ([]byte, error) {
	d, err := ToDense(b)
	if err != nil {
		return dst, err
	}
	for i := HeaderSize; i < DenseSize; i += 3 {
		a, b, c, e := unpack(d[i : i+3 : i+3])
		dst = append(dst, a, b, c, e)
	}
	return dst, nil
}
