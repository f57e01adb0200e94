package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
)

// Options configure a Reader. The zero value is what a server's start wants.
type Options struct {
	// MaxString is the longest string taken, in bytes; 0 means 4 GiB.
	MaxString int64
	// SkipChecksum leaves the checksum unread (rdbchecksum no).
	SkipChecksum bool
	// Hash, if set, is computed of each key and put into its item, and of each element of a table; so whoever needs it anyway need not do it.
	Hash func(key []byte) uint64
	// Watch, if set, is told what the Reader comes to, in the goroutine that calls Next. It must not keep the step's bytes.
	Watch func(Step)
	// Databases is how many there are; a higher number in the snapshot is an error. 0 means any.
	Databases int
	// Later leaves to a Finisher what need not be done while the input is read: until it has finished a batch, nothing packed in it is checked.
	Later bool
	// SkipModules passes over values of modules: their items have a Module and no value. Else such a value is an error.
	SkipModules bool
}

// Info is what a snapshot says about itself.
type Info struct {
	Version   int
	Aux       []AuxField
	Functions [][]byte // source texts of function libraries, each beginning with "#!"
	// Modules are the names of modules whose own data (outside the keys) was skipped.
	Modules []string
	// Sizes are the announced numbers of keys, by database.
	Sizes []DBSize
	// Checksum is the one the snapshot carries, 0 when it carries none.
	Checksum uint64
	// Keys counts the keys read so far.
	Keys int64
}

// AuxField is one name and value; both are text.
type AuxField struct{ Name, Value string }

// DBSize is what a snapshot announces about a database before its keys. It is a hint: nothing guarantees it.
type DBSize struct {
	DB            int
	Keys, Expires uint64
}

// AuxValue returns the value of an aux field, and whether there is one.
func (i *Info) AuxValue(name string) (string, bool) {
	for _, a := range i.Aux {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Reader reads a snapshot. It belongs to one goroutine; Close must be called.
//
// Nothing a Reader returned may be taken for the data set before Next has returned io.EOF: only then has the checksum
// been seen to be right.
type Reader struct {
	o    Options
	src  *source
	info Info
	db   int
	err  error // sticky: what Next returns from now on

	started  bool
	packed   []byte // a compressed string
	elemPos  int64  // where the element being read began, for errors
	key      []byte // the key being read, for errors
	expireMs int64
	idle     int64
	freq     int
	rest     *rest // of the value being read: parts, or nil
	parts    rest
	item     int // number of the item in the batch
	finisher Finisher
}

// NewReader returns a reader of the snapshot that begins with r's next byte. r is read ahead of what is used; Pos says
// how far the snapshot went.
func NewReader(r io.Reader, o Options) *Reader {
	if o.MaxString == 0 {
		o.MaxString = 4 << 30
	}
	return &Reader{o: o, src: newSource(r, !o.SkipChecksum), finisher: Finisher{hash: o.Hash}, expireMs: NoExpiry, idle: -1, freq: -1}
}

// Close ends reading ahead. It does not close the underlying reader; a Read of it that blocks must be ended by its
// owner first.
func (r *Reader) Close() { r.src.close() }

// Pos is the position behind what has been used so far: after io.EOF, the length of the snapshot.
func (r *Reader) Pos() int64 { return r.src.pos() }

// Info returns what is known so far; it is complete after io.EOF. Aux fields that stand before the first key are known
// after the first Next.
func (r *Reader) Info() *Info { return &r.info }

// Next fills b with the next keys. At the end of a whole snapshot it returns io.EOF, and b is empty. Any other error is
// an *Error; b then holds the keys that were read before it.
func (r *Reader) Next(b *Batch) error {
	b.reset(r.src.pos())
	if r.err != nil {
		return r.err
	}
	if !r.started {
		r.started = true
		if err := r.readHeader(); err != nil {
			return r.fail(b, err)
		}
	}
	for !b.full() {
		if r.rest != nil {
			if err := r.readPart(b); err != nil {
				return r.fail(b, err)
			}
			continue
		}
		done, err := r.readElement(b)
		if err != nil {
			return r.fail(b, err)
		}
		if done {
			r.err = io.EOF
			break
		}
	}
	b.End = r.src.pos()
	if len(b.Items) == 0 {
		return r.err
	}
	return nil
}

// fail makes an *Error of err, which is returned from now on.
func (r *Reader) fail(b *Batch, err error) error {
	if r.err == nil {
		_ = r.settle(b) // what stands before comes first
	}
	if r.err != nil {
		return r.err
	}
	e, ok := err.(*Error)
	if !ok {
		e = &Error{Err: err}
		if err == ErrTruncated {
			e.Reason = fmt.Sprintf("the input ends at %d", r.src.pos())
		}
	}
	e.Pos, e.At, e.DB = r.elemPos, r.src.usedUp(), r.db
	if r.key != nil {
		e.Key = append([]byte{}, r.key...)
	}
	r.err = e
	return e
}

func corrupt(format string, args ...any) error {
	return &Error{Err: ErrCorrupt, Reason: fmt.Sprintf(format, args...)}
}

func (r *Reader) readHeader() error {
	if err := r.src.need(headerLen); err != nil {
		return err
	}
	head := r.src.win[:headerLen]
	if string(head[:len(magic)]) != magic {
		return &Error{Err: ErrSignature, Reason: fmt.Sprintf("the first bytes are %q", head[:len(magic)])}
	}
	// As Redis reads it: what is no digit ends the number.
	version := 0
	for _, c := range head[len(magic):] {
		if c < '0' || c > '9' {
			break
		}
		version = version*10 + int(c-'0')
	}
	if version < MinVersion || version > MaxVersion {
		return &Error{Err: &VersionError{version}}
	}
	r.info.Version = version
	r.src.win = r.src.win[headerLen:]
	return nil
}

// readElement reads one opcode with what belongs to it, or one key. done means the end of the snapshot.
func (r *Reader) readElement(b *Batch) (done bool, err error) {
	if r.expireMs == NoExpiry && r.idle < 0 && r.freq < 0 {
		r.elemPos = r.src.pos()
	}
	r.watch(Step{Doing: ReadingType})
	op, err := r.src.readByte()
	if err != nil {
		return false, err
	}
	r.watch(Step{Doing: ReadingType, Type: op})
	switch op {
	case opExpireMs:
		r.watch(Step{Doing: ReadingExpiry})
		if err := r.src.need(8); err != nil {
			return false, err
		}
		r.expireMs = int64(binary.LittleEndian.Uint64(r.src.win))
		r.src.win = r.src.win[8:]
		if r.expireMs < NoExpiry {
			r.expireMs = 0 // long ago, like all times before
		}
	case opExpireSec:
		r.watch(Step{Doing: ReadingExpiry})
		if err := r.src.need(4); err != nil {
			return false, err
		}
		r.expireMs = max(0, int64(int32(binary.LittleEndian.Uint32(r.src.win)))*1000)
		r.src.win = r.src.win[4:]
	case opFreq:
		freq, err := r.src.readByte()
		if err != nil {
			return false, err
		}
		r.freq = int(freq)
	case opIdle:
		n, err := r.plainLen("idle time")
		if err != nil {
			return false, err
		}
		if n > 1<<40 {
			return false, corrupt("idle time of %d s", n)
		}
		r.idle = int64(n)
	case opSelectDB:
		return false, r.readSelect()
	case opResizeDB:
		r.watch(Step{Doing: ReadingLength})
		keys, err := r.plainLen("number of keys")
		if err != nil {
			return false, err
		}
		expires, err := r.plainLen("number of expiring keys")
		if err != nil {
			return false, err
		}
		// One entry a database: a snapshot that repeats itself must not make the list grow without end.
		if n := len(r.info.Sizes); n == 0 || r.info.Sizes[n-1].DB != r.db {
			if n >= 1<<16 {
				return false, corrupt("more than %d database sizes", n)
			}
			r.info.Sizes = append(r.info.Sizes, DBSize{DB: r.db, Keys: keys, Expires: expires})
		}
	case opSlotInfo:
		for range 3 {
			if _, err := r.plainLen("slot size"); err != nil {
				return false, err
			}
		}
	case opAux:
		return false, r.readAux()
	case opFunction:
		return false, r.readFunction()
	case opFunctionPre:
		return false, &Error{Err: ErrUnsupported, Reason: "Pre-release function format not supported."}
	case opModuleAux:
		return false, r.skipModuleAux()
	case opEOF:
		return true, r.readEnd()
	default:
		return false, r.readKey(op, b)
	}
	return false, nil
}

// plainLen reads a length that must not be a string encoding.
func (r *Reader) plainLen(what string) (uint64, error) { return r.partLen(what, "") }

// partLen is plainLen for a length of something inside what.
func (r *Reader) partLen(what, part string) (uint64, error) {
	n, encoded, err := r.src.readLen()
	if err == ErrCorrupt || (err == nil && encoded) {
		return 0, corrupt("%s%s: malformed length", what, part)
	}
	return n, err
}

func (r *Reader) readSelect() error {
	r.watch(Step{Doing: ReadingLength})
	n, err := r.plainLen("database number")
	if err != nil {
		return err
	}
	limit := uint64(1 << 31)
	if r.o.Databases > 0 {
		limit = uint64(r.o.Databases)
	}
	if n >= limit {
		return &Error{Err: ErrDatabase, Reason: fmt.Sprintf("database %d of %d", n, limit)}
	}
	r.db = int(n)
	r.watch(Step{Doing: SelectedDB, Number: int64(n)})
	return nil
}

// readKey reads a key and its value and adds them to b; of a value that comes in parts, the first.
func (r *Reader) readKey(typ byte, b *Batch) error {
	n := len(b.Items)
	item := b.next()
	r.item = n
	if err := r.readItem(typ, b, item); err != nil {
		b.Items = b.Items[:n]
		return err
	}
	if r.rest == nil {
		if err := r.settle(b); err != nil {
			b.Items = b.Items[:n]
			return err
		}
		r.delivered(item)
		return nil
	}
	r.rest.item = *item
	r.rest.item.Key = append([]byte{}, item.Key...) // it outlives the batch
	r.key = r.rest.item.Key
	b.Items = b.Items[:n]
	return r.readPart(b)
}

// readItem reads a key and its value, or of one that comes in parts, what is to be known before.
func (r *Reader) readItem(typ byte, b *Batch, item *Item) error {
	name := typeNames[typ]
	if name == "" {
		return corrupt("Unknown RDB encoding type %d", typ)
	}
	r.watch(Step{Doing: ReadingKey, Type: typ})
	key, err := r.readString(b, "key")
	if err != nil {
		return err
	}
	if item.Key = key.bytes; key.isInt {
		item.Key = strconv.AppendInt(ownedBy(b, 20), key.num, 10)
	}
	r.key = item.Key
	r.watch(Step{Doing: ReadingValue, Type: typ, Name: item.Key})
	if r.o.Hash != nil {
		item.Hash = r.o.Hash(item.Key)
	}
	if typ == typeString {
		value, err := r.readString(b, "value")
		if err != nil {
			return err
		}
		item.Value, item.Int, item.IsInt, item.Compressed = value.bytes, value.num, value.isInt, value.compressed
	} else if err := r.readCollection(typ, name, b, item); err != nil {
		return err
	}
	item.DB, item.ExpireMs, item.Idle, item.Freq, item.Pos = r.db, r.expireMs, r.idle, r.freq, r.elemPos
	r.expireMs, r.idle, r.freq = NoExpiry, -1, -1
	return nil
}

// delivered notes that item, which is in the batch, is the last or only part of a key.
func (r *Reader) delivered(item *Item) {
	item.End = r.src.pos()
	r.key = nil
	r.info.Keys++
	r.watch(Step{Doing: HaveKey, Number: item.ExpireMs})
}

// readEnd checks what follows the end opcode. An expiry or access time before it, without a key, means nothing, as in Redis.
func (r *Reader) readEnd() error {
	if r.info.Version < checksumSince {
		return nil
	}
	r.watch(Step{Doing: ReadingChecksum})
	var got uint64
	if !r.o.SkipChecksum {
		got = r.src.sum() // before the checksum itself is used
	}
	if err := r.src.need(8); err != nil {
		return err
	}
	r.info.Checksum = binary.LittleEndian.Uint64(r.src.win)
	r.src.win = r.src.win[8:]
	if want := r.info.Checksum; want != 0 && !r.o.SkipChecksum && got != want {
		return &Error{Err: &ChecksumError{Recorded: want, Computed: got}}
	}
	return nil
}
