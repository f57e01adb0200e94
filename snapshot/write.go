package snapshot

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"frankenredis/kv"
)

// RedisVersion is the version a snapshot names as its writer unless Meta says otherwise.
const RedisVersion = "7.2.4"

// Access says which access information a snapshot keeps with each key: what the eviction policy uses.
type Access uint8

// The kinds of access information.
const (
	AccessNone Access = iota // the policy needs none
	AccessIdle               // an LRU policy: idle seconds
	AccessFreq               // an LFU policy: frequency counters
)

// Replication is the position of the effect stream that a snapshot stands at.
type Replication struct {
	ID     string // replication id, 40 hexadecimal digits
	Offset int64
	DB     int // database selected in the stream
}

// Meta is what a snapshot says besides the keys. The zero value is a plain snapshot, compressed and with a checksum.
type Meta struct {
	// Version of the format, MinWritten to Version; 0 means Version. Servers of Redis 5.0 to 6.2 load up to 9, of 7.0 up to 10.
	// An older version has no place for some of what streams know; function libraries must be absent below 10.
	Version int
	// Oldest asks for the oldest version that holds everything, instead of Version.
	Oldest bool
	// RedisVersion is what the writer calls itself; "" means the constant.
	RedisVersion string
	Created      time.Time
	UsedMemory   int64 // bytes
	Replication  *Replication
	// AOFBase marks the base of an append-only file.
	AOFBase    bool
	Access     Access
	Functions  [][]byte // source texts of function libraries
	NoCompress bool     // rdbcompression no
	NoChecksum bool     // rdbchecksum no
	// Progress, if set, is told now and then how many keys have been written; an error from it gives the writing up.
	Progress func(keys int64) error
	// Pace, if set, is called behind each key, and may take its time; an error from it gives the writing up.
	Pace func() error
	// Yield, if set, is called behind each piece that is written and each few keys, so that work in the background can make room.
	Yield func()
}

// progressEvery is how many keys are written between two calls of Progress.
const progressEvery = 1024

// yieldEvery is how many keys are written between two calls of Yield: some 50 microseconds of small ones.
const yieldEvery = 32

// Write writes a snapshot of f, which may be nil for an empty keyspace, and returns its size in bytes. It runs on any
// goroutine; f stays open. The writer sees pieces of about 128 KiB, at most 256.
func Write(w io.Writer, f *kv.Frozen, m Meta) (size int64, err error) {
	if m.Version == 0 {
		m.Version = Version
	}
	if m.Oldest {
		m.Version = OldestVersion(f, m.Functions)
	}
	if m.Version < MinWritten || m.Version > Version {
		return 0, fmt.Errorf("snapshot: version %d cannot be written", m.Version)
	}
	if m.Version < 10 && len(m.Functions) > 0 {
		return 0, fmt.Errorf("snapshot: version %d has no place for %s", m.Version, LostFunctions)
	}
	e := newEncoder(w, !m.NoCompress, !m.NoChecksum)
	e.version, e.yield = m.Version, m.Yield
	e.buf = fmt.Appendf(e.buf, "%s%04d", magic, m.Version)
	e.meta(&m)
	if f != nil {
		if err := e.keyspace(f, &m); err != nil {
			return e.written, err
		}
	}
	if err := e.end(); err != nil {
		return e.written, fmt.Errorf("snapshot: write: %w", err)
	}
	return e.written, nil
}

// meta writes the aux fields, in Redis's order, and the functions.
func (e *encoder) meta(m *Meta) {
	version := m.RedisVersion
	if version == "" {
		version = RedisVersion
	}
	e.aux("redis-ver", version)
	e.aux("redis-bits", "64")
	e.aux("ctime", strconv.FormatInt(m.Created.Unix(), 10))
	e.aux("used-mem", strconv.FormatInt(m.UsedMemory, 10))
	if r := m.Replication; r != nil {
		e.aux("repl-stream-db", strconv.Itoa(r.DB))
		e.aux("repl-id", r.ID)
		e.aux("repl-offset", strconv.FormatInt(r.Offset, 10))
	}
	base := "0"
	if m.AOFBase {
		base = "1"
	}
	e.aux("aof-base", base)
	for _, f := range m.Functions {
		e.function(f)
	}
}

func (e *encoder) keyspace(f *kv.Frozen, m *Meta) error {
	var scratch []byte
	return eachItem(f, m, func(db *kv.FrozenDB) {
		e.selectDB(db.ID())
		e.sizes(uint64(db.Len()), uint64(db.Volatile()))
	}, func(it kv.Item) error {
		scratch = e.item(it, m.Access, scratch)
		if e.err != nil {
			return fmt.Errorf("snapshot: write: %w", e.err)
		}
		return nil
	})
}

// eachItem visits all keys, after begin was told of their database, and calls what m wants to be called.
func eachItem(f *kv.Frozen, m *Meta, begin func(db *kv.FrozenDB), visit func(it kv.Item) error) (err error) {
	keys := int64(0)
	for i := range f.Len() {
		db := f.DB(i)
		if db.Len() == 0 {
			continue
		}
		begin(db)
		db.Each(func(it kv.Item) bool {
			err = visit(it)
			if keys++; err == nil && m.Pace != nil {
				err = m.Pace()
			}
			if keys%yieldEvery == 0 && m.Yield != nil {
				m.Yield()
			}
			if err == nil && keys%progressEvery == 0 && m.Progress != nil {
				err = m.Progress(keys)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if m.Progress != nil {
		return m.Progress(keys)
	}
	return nil
}

// item writes one key with its value. scratch is memory for values; what it grew to is returned.
func (e *encoder) item(it kv.Item, access Access, scratch []byte) []byte {
	expireMs, idle, freq := int64(NoExpiry), int64(-1), -1
	if at, ok := it.Expire(); ok {
		expireMs = int64(at)
	}
	switch access {
	case AccessIdle:
		idle = int64(it.Idle() / 1000)
	case AccessFreq:
		freq = int(it.Freq())
	}
	v := it.Value()
	typ := e.typeOf(v)
	e.key(typ, it.Key(), expireMs, idle, freq)
	scratch = e.value(typ, v, scratch)
	e.settle()
	if cap(scratch) > 1<<20 {
		scratch = nil
	}
	return scratch
}
