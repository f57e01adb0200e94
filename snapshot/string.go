package snapshot

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"frankenredis/snapshot/lzf"
)

// str is a string as the snapshot holds it: bytes, or an integer.
type str struct {
	bytes      []byte
	num        int64
	isInt      bool
	compressed bool
}

// readString reads a string; its bytes live as long as the batch (b nil: as long as anybody wants).
func (r *Reader) readString(b *Batch, what string) (str, error) {
	n, encoded, err := r.src.readLen()
	if err != nil {
		if err == ErrCorrupt {
			err = corrupt("%s: malformed length", what)
		}
		return str{}, err
	}
	if !encoded {
		if n > uint64(r.o.MaxString) {
			return str{}, corrupt("%s: %d bytes, at most %d are taken", what, n, r.o.MaxString)
		}
		p, err := r.src.appendBytes(ownedBy(b, n), n)
		return str{bytes: p}, err
	}
	switch n {
	case encInt8:
		v, err := r.src.readByte()
		return str{num: int64(int8(v)), isInt: true}, err
	case encInt16:
		if err := r.src.need(2); err != nil {
			return str{}, err
		}
		v := int16(binary.LittleEndian.Uint16(r.src.win))
		r.src.win = r.src.win[2:]
		return str{num: int64(v), isInt: true}, nil
	case encInt32:
		if err := r.src.need(4); err != nil {
			return str{}, err
		}
		v := int32(binary.LittleEndian.Uint32(r.src.win))
		r.src.win = r.src.win[4:]
		return str{num: int64(v), isInt: true}, nil
	case encLZF:
		return r.readCompressed(b, what)
	}
	return str{}, corrupt("%s: unknown string encoding %d", what, n)
}

func (r *Reader) readCompressed(b *Batch, what string) (str, error) {
	packed, err := r.partLen(what, ", compressed size")
	if err != nil {
		return str{}, err
	}
	size, err := r.partLen(what, ", real size")
	if err != nil {
		return str{}, err
	}
	// Checked before either is allocated for: neither may be believed.
	if packed > uint64(r.o.MaxString) || size > uint64(r.o.MaxString) {
		return str{}, corrupt("%s: %d bytes compressed from %d, at most %d are taken", what, packed, size, r.o.MaxString)
	}
	if size == 0 || int64(size) > lzf.MaxExpanded(int(packed)) {
		return str{}, corrupt("%s: %d bytes cannot be %d bytes compressed", what, packed, size)
	}
	block, whole := r.src.take(packed)
	if !whole {
		if r.packed, err = r.src.appendBytes(r.packed[:0], packed); err != nil {
			return str{}, err
		}
		block = r.packed
	}
	dst := ownedBy(b, size)
	if uint64(cap(dst)) < size {
		dst = make([]byte, 0, size)
	}
	dst = dst[:size]
	if err := lzf.Expand(dst, block); err != nil {
		return str{}, corrupt("%s: malformed LZF block of %d bytes for %d", what, packed, size)
	}
	if cap(r.packed) > blockBytes {
		r.packed = nil
	}
	return str{bytes: dst, compressed: true}, nil
}

// ownedBy returns an empty slice for n bytes: in the batch when it has room, else of its own, growing as bytes arrive.
func ownedBy(b *Batch, n uint64) []byte {
	if b != nil && n <= uint64(cap(b.buf)) {
		if p := b.own(int(n)); p != nil {
			return p
		}
	}
	return make([]byte, 0, min(n, 64<<10))
}

// text reads a string of at most limit bytes as text.
func (r *Reader) text(what string, limit int) (string, error) {
	s, err := r.readString(nil, what)
	if err != nil {
		return "", err
	}
	if s.isInt {
		return strconv.FormatInt(s.num, 10), nil
	}
	if len(s.bytes) > limit {
		return "", &Error{Err: ErrCorrupt, Reason: fmt.Sprintf("%s: %d bytes, at most %d are taken", what, len(s.bytes), limit)}
	}
	return string(s.bytes), nil
}
