package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// rdbCheck is the check of one RDB.
type rdbCheck struct {
	*Tool
	at      int64 // position up to which was read
	doing   string
	byte    byte   // the last opcode or value type
	typ     int    // of the value being read; -1 between keys
	key     []byte // being read; nil between keys
	keys    int64
	expires int64
	expired int64
	now     int64

	last lastKey
	// seen are the digests of the elements of the value that comes in parts.
	seen map[wal.Sum]struct{}
}

// lastKey is what was known before a value was taken for whole.
type lastKey struct {
	key              []byte
	typ              int
	expires, expired int64
}

// errTerminated is the end of a run that Redis ends inside its loader, with a last line in the log.
var errTerminated = errors.New("terminated")

// RDB is redis-check-rdb; argv[0] is the name it was called by. It returns the exit status.
func (t *Tool) RDB(argv []string) int {
	return t.run(func() error {
		if len(argv) != 2 {
			name := "redis-check-rdb"
			if len(argv) > 0 {
				name = argv[0]
			}
			fmt.Fprintf(t.Err, "Usage: %s <rdb-file-name>\n", name)
			return errFailed
		}
		if argv[1] == "-v" || argv[1] == "--version" {
			t.printf("redis-check-rdb %s\n", t.Version)
			return nil
		}
		f, err := t.FS.Open(argv[1])
		if err != nil {
			t.printf("[offset 0] Checking RDB file %s\n", argv[1])
			return errFailed
		}
		defer f.Close()
		_, err = t.rdbFile(argv[1], f)
		return err
	})
}

// rdbFile checks the RDB at the beginning of a file and returns its size.
func (t *Tool) rdbFile(path string, f disk.File) (int64, error) {
	size, err := f.Size()
	if err != nil {
		return 0, t.fail("%s", reason(err))
	}
	c := &rdbCheck{Tool: t, doing: "start", now: t.NowMs()}
	c.info("Checking RDB file %s", path)
	r := snapshot.NewReader(io.NewSectionReader(f, 0, size), snapshot.Options{Watch: c.step, SkipModules: true})
	defer r.Close()
	b := snapshot.NewBatch(1, 64<<10) // one at a time: what is said of a value must not run ahead of it
	for err == nil {
		err = r.Next(b)
		for i := range b.Items {
			if bad := c.item(&b.Items[i]); bad != nil {
				return 0, bad
			}
		}
	}
	if err != io.EOF {
		return 0, c.report(err, r.Info().Version)
	}
	c.at = r.Pos()
	switch {
	case r.Info().Version < 5:
	case r.Info().Checksum == 0:
		c.info("RDB file was saved with checksum disabled: no check performed.")
	default:
		c.info("Checksum OK")
	}
	c.info(`\o/ RDB looks OK! \o/`)
	c.counts()
	return c.at, nil
}

// info prints a line with the position.
func (c *rdbCheck) info(format string, args ...any) {
	c.printf("[offset %d] %s\n", c.at, fmt.Sprintf(format, args...))
}

func (c *rdbCheck) counts() {
	c.printf("[info] %d keys read\n[info] %d expires\n[info] %d already expired\n", c.keys, c.expires, c.expired)
}

// doings are Redis's words for what is being read.
var doings = map[snapshot.Doing]string{
	snapshot.ReadingType: "read-type", snapshot.ReadingExpiry: "read-expire", snapshot.ReadingLength: "read-len", snapshot.ReadingAux: "read-aux",
	snapshot.ReadingModuleAux: "read-module-aux", snapshot.ReadingFunction: "read-functions", snapshot.ReadingKey: "read-key",
	snapshot.ReadingValue: "read-object-value", snapshot.ReadingChecksum: "check-sum",
}

// step follows the reader.
func (c *rdbCheck) step(s snapshot.Step) {
	c.at = s.Pos
	if word, ok := doings[s.Doing]; ok {
		c.doing = word
	}
	switch s.Doing {
	case snapshot.ReadingType:
		c.byte = s.Type
	case snapshot.HaveAux:
		c.info("AUX FIELD %s = '%s'", cString(s.Name), cString(s.Value))
	case snapshot.HaveModule:
		c.info("MODULE AUX for: %s", s.Name)
	case snapshot.SelectedDB:
		c.info("Selecting DB ID %d", s.Number)
	case snapshot.ReadingKey:
		if _, known := typeNames[s.Type]; known {
			c.typ = int(s.Type)
		}
	case snapshot.ReadingValue:
		c.key = append(make([]byte, 0, len(s.Name)), s.Name...)
		c.keys++
	case snapshot.HaveKey:
		c.last = lastKey{c.key, c.typ, c.expires, c.expired}
		c.key, c.typ = nil, -1
		if s.Number != snapshot.NoExpiry {
			c.expires++
			if s.Number < c.now {
				c.expired++
			}
		}
	}
}

// item looks at what the reader leaves to those who store a value: elements that occur twice, and values without any.
func (c *rdbCheck) item(it *snapshot.Item) error {
	coll := it.Coll
	switch {
	case coll == nil:
		return nil
	case coll.Empty:
		c.takeBack(it)
		return c.wrong("Unexpected EOF reading RDB file")
	case len(coll.Elems) == 0 || duplicates[coll.Type] == "":
		return nil
	}
	if !coll.Part {
		c.seen = make(map[wal.Sum]struct{}, len(coll.Elems))
	}
	step := 1
	if coll.Type == kv.Hash {
		step = 2
	}
	before := len(c.seen)
	for i := 0; i < len(coll.Elems); i += step {
		c.seen[wal.SumOf(coll.Elems[i])] = struct{}{}
	}
	if len(c.seen)-before < len(coll.Elems)/step {
		c.takeBack(it)
		return c.internal(duplicates[coll.Type])
	}
	return nil
}

// duplicates are the words for an element that occurs twice, of the types whose elements must not.
var duplicates = map[kv.Type]string{
	kv.Hash: "Duplicate hash fields detected", kv.Set: "Duplicate set members detected", kv.ZSet: "Duplicate zset fields detected",
}

// takeBack goes back to before the value was taken for whole.
func (c *rdbCheck) takeBack(it *snapshot.Item) {
	c.at, c.doing = it.End, "read-object-value"
	if c.key == nil {
		c.key, c.typ, c.expires, c.expired = c.last.key, c.last.typ, c.last.expires, c.last.expired
	}
}

// report prints what the reader found.
func (c *rdbCheck) report(err error, version int) error {
	var bad *snapshot.Error
	var unread *snapshot.VersionError
	if !errors.As(err, &bad) {
		return c.wrong("%v", err)
	}
	c.at = bad.At
	switch {
	case errors.Is(bad, snapshot.ErrSignature):
		c.at = headerSize
		return c.wrong("Wrong signature trying to load DB from file")
	case errors.As(bad, &unread):
		c.at = headerSize
		return c.wrong("Can't handle RDB format version %d", unread.Version)
	case errors.Is(bad, snapshot.ErrChecksum):
		return c.wrong("RDB CRC error")
	case errors.Is(bad, snapshot.ErrUnsupported) && c.doing == "read-type":
		return c.wrong("Pre-release function format not supported %d", version)
	case !errors.Is(bad, snapshot.ErrCorrupt) && !errors.Is(bad, snapshot.ErrDatabase) && !errors.Is(bad, snapshot.ErrUnsupported):
		return c.wrong("Unexpected EOF reading RDB file") // a disk that cannot be read looks the same to Redis
	case c.doing == "read-type" && typeNames[c.byte] == "" && c.byte < firstOpcode:
		return c.wrong("Invalid object type: %d", c.byte)
	}
	return c.internal(c.internalText(bad.Reason))
}

const (
	headerSize  = 9   // of an RDB, in bytes
	firstOpcode = 244 // what is not below is no value type
)

// wrong prints an error with what was being read.
func (c *rdbCheck) wrong(format string, args ...any) error {
	c.printf("--- RDB ERROR DETECTED ---\n")
	c.info(format, args...)
	c.printf("[additional info] While doing: %s\n", c.doing)
	if c.key != nil {
		c.printf("[additional info] Reading key '%s'\n", cString(c.key))
	}
	if c.typ != -1 {
		name, known := typeNames[byte(c.typ)]
		if !known {
			name = "unknown"
		}
		c.printf("[additional info] Reading type %d (%s)\n", c.typ, name)
	}
	c.counts()
	return errFailed
}

// internal prints an error that Redis's loader finds inside a value. Redis names the line of its source where this happened; we have
// none (DRIFT.md, check-rdb-line).
func (c *rdbCheck) internal(reason string) error {
	_ = c.wrong("Internal error in RDB reading offset 0, function at rdb.c:0 -> %s", reason) // the error is the next one
	c.log("Terminating server after rdb file reading failure.")
	return errTerminated
}

// internalText words a reason of the reader's as Redis does, where it has a word for it.
func (c *rdbCheck) internalText(reason string) string {
	switch {
	case strings.Contains(reason, "LZF"):
		return "Invalid LZF compressed string"
	case strings.Contains(reason, "malformed length"):
		return "Unknown length encoding 2 in rdbLoadLen()"
	case strings.Contains(reason, "unknown string encoding"):
		return "Unknown RDB string encoding type " + reason[strings.LastIndexByte(reason, ' ')+1:]
	case strings.Contains(reason, "not a number"):
		return "Zset with NAN score detected"
	}
	if text := integrity[c.typ]; text != "" {
		return text + " integrity check failed."
	}
	return reason
}

// integrity names the packed values whose bytes are checked as a whole.
var integrity = map[int]string{
	9: "Hash zipmap", 11: "Intset", 12: "Zset ziplist", 13: "Hash ziplist", 16: "Hash listpack", 17: "Zset listpack", 20: "Set listpack",
}

// typeNames are the value types of Redis 7.2 as redis-check-rdb calls them.
var typeNames = map[byte]string{
	0: "string", 1: "list-linked", 2: "set-hashtable", 3: "zset-v1", 4: "hash-hashtable", 5: "zset-v2", 6: "module-pre-release",
	7: "module-value", 9: "hash-zipmap", 10: "list-ziplist", 11: "set-intset", 12: "zset-ziplist", 13: "hash-ziplist", 14: "quicklist",
	15: "stream", 16: "hash-listpack", 17: "zset-listpack", 18: "quicklist-v2", 19: "stream-v2", 20: "set-listpack", 21: "stream-v3",
}

// cString is what C prints of bytes: those before a NUL.
func cString(p []byte) []byte {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		return p[:i]
	}
	return p
}
