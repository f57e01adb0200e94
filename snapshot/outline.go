package snapshot

import (
	"encoding/binary"
	"io"
	"strconv"

	"frankenredis/snapshot/lzf"
)

// Outline looks at the elements of an RDB file one by one, from any position, to learn where each ends and which key it is. It takes no
// value apart and skips what it can skip without reading it: so it gets past changed bytes inside of strings, and past large values in no
// time. It proves nothing; what is to be loaded is read by a Reader. Not for concurrent use.
type Outline struct {
	f    io.ReaderAt
	size int64

	win   []byte
	off   int64 // position of win[0]
	room  int   // bytes of the last read
	pos   int64
	err   error
	steps int // how many more things may be read; below 0: any number
	key   [outlineKey]byte
	pack  []byte
}

const (
	outlineWindow = 64 << 10
	outlineLeap   = 1 << 10
	// outlineKey bounds the bytes of a key or name that are kept.
	outlineKey = 1024
)

// ElementKind is what an Element is.
type ElementKind uint8

// The kinds.
const (
	KeyElement      ElementKind = iota // a key with what stands before it and its value
	DatabaseElement                    // the number of the database that follows: N
	SizeElement                        // how many keys the database has: N
	AuxElement                         // Name
	FunctionElement                    // Name is the library's source, or its beginning
	OtherElement                       // data of a module or of a cluster slot
	EndElement                         // the end, with the checksum
)

// Element is one piece of an RDB file.
type Element struct {
	Kind ElementKind
	// Pos is its first byte, End the one behind it. Of one that Element could not read to its end, End is 0.
	Pos, End int64
	// Name is a key, or what else is said above, at most the first 1024 bytes of it; valid until the next call. Named is the position
	// behind it, 0 if there is none or it was not reached: what is said of the element up to there stands in the bytes before.
	Name  []byte
	Named int64
	N     uint64
}

// NewOutline returns an Outline of f, of size bytes.
func NewOutline(f io.ReaderAt, size int64) *Outline { return &Outline{f: f, size: size, steps: -1} }

// Begin is the position of the first element. It does not look at what stands before it.
func (o *Outline) Begin() int64 { return int64(headerLen) }

// Limit has Element give up, with ErrCorrupt, after so many things read, altogether; below 0 it never does.
func (o *Outline) Limit(steps int) { o.steps = steps }

// Spent says that Element has given up for that reason.
func (o *Outline) Spent() bool { return o.steps == 0 }

// Element reads the element that begins at pos. ErrCorrupt or ErrTruncated say that there is none, with as much of it as was read; another
// error is the disk's.
func (o *Outline) Element(pos int64) (Element, error) {
	o.pos, o.err = pos, nil
	e := Element{Pos: pos}
	o.read(&e)
	if o.err != nil {
		return e, o.err
	}
	e.End = o.pos
	return e, nil
}

func (o *Outline) read(e *Element) {
	for o.err == nil {
		switch typ := o.byte(); typ {
		case opExpireMs:
			o.skip(8)
			continue
		case opExpireSec:
			o.skip(4)
			continue
		case opFreq:
			o.skip(1)
			continue
		case opIdle:
			o.length()
			continue
		case opSelectDB:
			e.Kind, e.N = DatabaseElement, o.length()
			if e.N >= 1<<31 {
				o.fail(ErrCorrupt)
			}
		case opResizeDB:
			e.Kind, e.N = SizeElement, o.length()
			o.length()
		case opSlotInfo:
			e.Kind = OtherElement
			o.lengths(3)
		case opAux:
			e.Kind = AuxElement
			o.name(e)
			o.skipString()
		case opFunction:
			e.Kind = FunctionElement
			o.name(e)
		case opModuleAux:
			e.Kind = OtherElement
			o.lengths(3)
			o.pieces()
		case opEOF:
			e.Kind = EndElement
			if o.size-o.pos >= 8 { // since version 5; before there is none
				o.skip(8)
			}
		default:
			if typeNames[typ] == "" {
				o.fail(ErrCorrupt)
				return
			}
			e.Kind = KeyElement
			o.name(e)
			o.value(typ)
		}
		return
	}
}

// value skips a value.
func (o *Outline) value(typ byte) {
	switch typ {
	case typeString, typeHashZipmap, typeListZiplist, typeSetIntset, typeZSetZiplist, typeHashZiplist, typeHashListpack, typeZSetListpack, typeSetListpack:
		o.skipString()
	case typeList, typeSet, typeListQuicklist:
		o.each(func() { o.skipString() })
	case typeHash:
		o.each(func() { o.skipString(); o.skipString() })
	case typeZSet:
		o.each(func() {
			o.skipString()
			if n := o.byte(); n < 253 { // else it is infinite, or no number
				o.skip(uint64(n))
			}
		})
	case typeZSet2:
		o.each(func() { o.skipString(); o.skip(8) })
	case typeListNodes:
		o.each(func() { o.length(); o.skipString() })
	case typeModule2:
		o.length()
		o.pieces()
	case typeStream, typeStream2, typeStream3:
		o.stream(typ)
	default:
		o.fail(ErrCorrupt) // a type that is known by name only
	}
}

// stream skips a stream; see stream.go.
func (o *Outline) stream(typ byte) {
	o.each(func() { o.skipString(); o.skipString() })
	o.lengths(3)
	if typ != typeStream {
		o.lengths(5)
	}
	o.each(func() {
		o.skipString()
		o.lengths(2)
		if typ != typeStream {
			o.length()
		}
		o.each(func() { o.skip(16 + 8); o.length() })
		o.each(func() {
			o.skipString()
			o.skip(8)
			if typ == typeStream3 {
				o.skip(8)
			}
			o.each(func() { o.skip(16) })
		})
	})
}

// pieces skips pieces of a module's data up to their end.
func (o *Outline) pieces() {
	for o.err == nil {
		switch o.length() {
		case moduleEnd:
			return
		case moduleSInt, moduleUInt:
			o.length()
		case moduleFloat:
			o.skip(4)
		case moduleDouble:
			o.skip(8)
		case moduleString:
			o.skipString()
		default:
			o.fail(ErrCorrupt)
		}
	}
}

// each reads a count and calls f as often.
func (o *Outline) each(f func()) {
	for n := o.length(); n > 0 && o.err == nil; n-- {
		f()
	}
}

func (o *Outline) lengths(n int) {
	for range n {
		o.length()
	}
}

// length reads a length that is no string encoding.
func (o *Outline) length() uint64 {
	n, encoded := o.anyLength()
	if encoded {
		o.fail(ErrCorrupt)
		return 0
	}
	return n
}

func (o *Outline) anyLength() (n uint64, encoded bool) {
	c := o.byte()
	switch {
	case o.err != nil:
		return 0, false
	case c>>6 == len6:
		return uint64(c), false
	case c>>6 == len14:
		return uint64(c&0x3f)<<8 | uint64(o.byte()), false
	case c>>6 == lenEnc:
		return uint64(c & 0x3f), true
	case c == len32:
		if p := o.next(4); p != nil {
			n = uint64(binary.BigEndian.Uint32(p))
		}
	case c == len64:
		if p := o.next(8); p != nil {
			n = binary.BigEndian.Uint64(p)
		}
	default:
		o.fail(ErrCorrupt)
	}
	return n, false
}

// skipString skips a string.
func (o *Outline) skipString() {
	n, encoded := o.anyLength()
	if !encoded {
		o.skip(n)
		return
	}
	switch n {
	case encInt8, encInt16, encInt32:
		o.skip(1 << n)
	case encLZF:
		packed := o.length()
		o.length()
		o.skip(packed)
	default:
		o.fail(ErrCorrupt)
	}
}

// name reads a string and keeps its beginning as the element's name. One that is compressed and long, or cannot be expanded, has none.
func (o *Outline) name(e *Element) {
	n, encoded := o.anyLength()
	switch {
	case o.err != nil:
		return
	case !encoded:
		if p := o.next(int(min(n, outlineKey))); p != nil {
			e.Name = append(o.key[:0], p...)
			o.skip(n - uint64(len(p)))
		}
	case n == encLZF:
		packed, size := o.length(), o.length()
		e.Name = o.expand(packed, size)
	case n <= encInt32:
		if p := o.next(1 << n); p != nil {
			v := int64(int8(p[0]))
			if n == encInt16 {
				v = int64(int16(binary.LittleEndian.Uint16(p)))
			} else if n == encInt32 {
				v = int64(int32(binary.LittleEndian.Uint32(p)))
			}
			e.Name = strconv.AppendInt(o.key[:0], v, 10)
		}
	default:
		o.fail(ErrCorrupt)
	}
	if o.err == nil && e.Name != nil {
		e.Named = o.pos
	}
}

// expand reads a compressed string and returns its beginning; nil if that cannot be had.
func (o *Outline) expand(packed, size uint64) []byte {
	if packed > outlineWindow || size > 16*outlineWindow || o.err != nil {
		o.skip(packed)
		return nil
	}
	p := o.next(int(packed))
	if p == nil {
		return nil
	}
	if uint64(cap(o.pack)) < size {
		o.pack = make([]byte, size)
	}
	if lzf.Expand(o.pack[:size], p) != nil {
		return nil
	}
	return append(o.key[:0], o.pack[:min(size, outlineKey)]...)
}

// fail notes the first error.
func (o *Outline) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *Outline) byte() byte {
	if p := o.next(1); p != nil {
		return p[0]
	}
	return 0
}

// next uses up n bytes, at most a window's; nil after an error.
func (o *Outline) next(n int) []byte {
	switch {
	case o.err != nil:
		return nil
	case int64(n) > o.size-o.pos:
		o.err = ErrTruncated
		return nil
	case o.steps == 0:
		o.err = ErrCorrupt
		return nil
	}
	o.steps--
	if o.pos < o.off || o.pos+int64(n) > o.off+int64(len(o.win)) {
		if o.win == nil {
			o.win = make([]byte, 0, outlineWindow)
		}
		// Little is read behind a leap, and the more the longer it goes on without one.
		if end := o.off + int64(len(o.win)); o.pos > end || o.pos < o.off {
			o.room = 0
		}
		o.room = min(max(2*o.room, outlineLeap), outlineWindow)
		want := o.win[:min(int64(max(o.room, n)), o.size-o.pos)]
		got, err := o.f.ReadAt(want, o.pos)
		o.win, o.off = want[:got], o.pos
		if got < n {
			if err == nil || err == io.EOF {
				err = ErrTruncated // the file shrank
			}
			o.err = err
			return nil
		}
	}
	p := o.win[o.pos-o.off:][:n]
	o.pos += int64(n)
	return p
}

// skip passes over n bytes without looking at them.
func (o *Outline) skip(n uint64) {
	switch {
	case o.err != nil:
	case n > uint64(o.size-o.pos):
		o.err = ErrTruncated
	default:
		o.pos += int64(n)
	}
}
