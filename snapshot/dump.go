package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"frankenredis/kv"
	"frankenredis/snapshot/crc64"
	"frankenredis/snapshot/lzf"
)

// What DUMP hands out and RESTORE takes is one value in the snapshot's encoding, with a footer:
//
//	+------+----------------+--------------+---------------------+
//	| type | value          | version      | CRC64 of all before |
//	| 1    | as in a file   | 2, little e. | 8, little endian    |
//	+------+----------------+--------------+---------------------+
const dumpFooter = 10

// ErrDumpFooter reports a payload whose version is too new or whose checksum is wrong.
var ErrDumpFooter = errors.New("snapshot: version or checksum of a dumped value are wrong")

// dumpEncoders keeps compressors between dumps: their tables are larger than most values.
var dumpEncoders = sync.Pool{New: func() any { return new(lzf.Encoder) }}

// AppendDump appends the serialization of a value. Any goroutine that may read the entry.
func AppendDump(dst []byte, e kv.Entry, compress bool) []byte {
	w := memory{dst}
	enc := &encoder{w: &w, buf: make([]byte, 0, 64)}
	if compress {
		enc.lzf = dumpEncoders.Get().(*lzf.Encoder)
		defer dumpEncoders.Put(enc.lzf)
	}
	enc.opcode(typeString)
	if n, ok := e.Int(); ok && e.Encoding() == kv.Int {
		enc.number(n)
	} else {
		enc.str(e.AppendString(nil))
	}
	enc.flush()
	at := len(dst)
	dst = binary.LittleEndian.AppendUint16(w.p, Version)
	return binary.LittleEndian.AppendUint64(dst, crc64.Checksum(dst[at:]))
}

// memory is a writer into memory; it never fails.
type memory struct{ p []byte }

func (m *memory) Write(p []byte) (int, error) {
	m.p = append(m.p, p...)
	return len(p), nil
}

// ParseDump reads what AppendDump wrote, or another server's DUMP. The item has a value only; its bytes are its own. The
// error is ErrDumpFooter, or says what is wrong with the value.
func ParseDump(p []byte, o Options) (Item, error) {
	item := Item{ExpireMs: NoExpiry, Idle: -1, Freq: -1}
	body := len(p) - dumpFooter
	if body < 1 || binary.LittleEndian.Uint16(p[body:]) > MaxVersion {
		return item, ErrDumpFooter
	}
	if !o.SkipChecksum && crc64.Checksum(p[:body+2]) != binary.LittleEndian.Uint64(p[body+2:]) {
		return item, ErrDumpFooter
	}
	if p[0] != typeString {
		if name, known := typeNames[p[0]]; known {
			return item, &Error{Err: ErrUnsupported, Reason: fmt.Sprintf("value type %d (%s)", p[0], name)}
		}
		return item, corrupt("unknown value type %d", p[0])
	}
	r := readerOf(p[1:body], o)
	value, err := r.readString(nil, "value")
	if err != nil {
		return item, err
	}
	item.Value, item.Int, item.IsInt, item.Compressed = value.bytes, value.num, value.isInt, value.compressed
	return item, nil
}

// readerOf returns a reader of elements in memory, which reads nothing ahead and need not be closed.
func readerOf(p []byte, o Options) *Reader {
	if o.MaxString == 0 {
		o.MaxString = 4 << 30
	}
	ended := make(chan *block)
	close(ended)
	return &Reader{o: o, src: &source{win: p, end: int64(len(p)), full: ended, stop: make(chan struct{})}, expireMs: NoExpiry, idle: -1, freq: -1}
}
