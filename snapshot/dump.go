package snapshot

import (
	"encoding/binary"
	"errors"
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
	enc := &encoder{w: &w, version: Version, buf: make([]byte, 0, 64)}
	if compress {
		enc.lzf = dumpEncoders.Get().(*lzf.Encoder)
		defer dumpEncoders.Put(enc.lzf)
	}
	v := e.Value()
	typ := enc.typeOf(v)
	enc.opcode(typ)
	enc.value(typ, v, nil)
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

// ParseDump reads what AppendDump wrote, or another server's DUMP: a value, in parts if it is a large collection. The items
// have no key; their bytes are their own. The error is ErrDumpFooter, or says what is wrong with the value.
func ParseDump(p []byte, o Options) ([]Item, error) {
	body := len(p) - dumpFooter
	if body < 0 || binary.LittleEndian.Uint16(p[body:]) > MaxVersion {
		return nil, ErrDumpFooter
	}
	if !o.SkipChecksum && crc64.Checksum(p[:body+2]) != binary.LittleEndian.Uint64(p[body+2:]) {
		return nil, ErrDumpFooter
	}
	if body == 0 {
		return nil, corrupt("no value")
	}
	r := readerOf(p[1:body], o)
	b := NewBatch(1, 0) // it has as many as there are parts
	item := Item{ExpireMs: NoExpiry, Idle: -1, Freq: -1}
	if typ := p[0]; typ == typeString {
		value, err := r.readString(nil, "value")
		if err != nil {
			return nil, err
		}
		item.Value, item.Int, item.IsInt, item.Compressed = value.bytes, value.num, value.isInt, value.compressed
		return []Item{item}, nil
	} else if name := typeNames[typ]; name == "" {
		return nil, corrupt("unknown value type %d", typ)
	} else if err := r.readCollection(typ, name, b, &item); err != nil {
		return nil, err
	}
	if r.rest == nil {
		if err := r.settle(b); err != nil {
			return nil, err
		}
		return []Item{item}, nil
	}
	r.rest.item = item
	for r.rest != nil {
		if err := r.readPart(b); err != nil {
			return nil, err
		}
	}
	if !distinct(b.Items) {
		return nil, ErrDuplicate
	}
	if b.Items[0].Coll.Type == kv.Stream {
		if err := soundGroups(b.Items); err != nil {
			return nil, err
		}
	}
	return b.Items, nil
}

// readerOf returns a reader of elements in memory, which reads nothing ahead and need not be closed.
func readerOf(p []byte, o Options) *Reader {
	if o.MaxString == 0 {
		o.MaxString = 4 << 30
	}
	ended := make(chan *block)
	close(ended)
	return &Reader{o: o, finisher: Finisher{hash: o.Hash}, src: &source{win: p, end: int64(len(p)), full: ended, stop: make(chan struct{})}, expireMs: NoExpiry, idle: -1, freq: -1}
}
