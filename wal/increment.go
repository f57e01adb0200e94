package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"frankenredis/wal/disk"
)

// mark is a place between two commits: where a log may be cut.
type mark struct {
	lsn    LSN
	pos    int64 // in the increment's file
	db     int   // the stream's database there; -1: none selected yet
	sum    Sum   // of the file up to pos, if hasSum
	hasSum bool
}

// increment is an open increment file and what must be known to go on in it. Whoever has the turn to write owns it.
type increment struct {
	f     disk.File
	path  string // f may have been opened under another name
	ref   FileRef
	facts FileFacts

	lsn LSN   // stream position at the end
	pos int64 // file position at the end

	// Before the first bytes: a prologue, so that the file selects the stream's database (doc.go, Layout), or a line that
	// ends what another epoch wrote.
	prologue bool
	opening  bool

	since   Digest // stream bytes behind the last line
	file    Digest // all bytes, if hasFile
	hasFile bool
}

// lineEvery is after how many stream bytes a line follows at the next commit's end.
const lineEvery = 64 << 10

// here is the increment's end as a mark; db is the stream's database there.
func (c *increment) here(db int) mark { return mark{lsn: c.lsn, pos: c.pos, db: db} }

// sealable is here with the file's digest.
func (c *increment) sealable(db int) mark {
	m := c.here(db)
	if c.hasFile {
		m.sum, m.hasSum = c.file.Sum(), true
	}
	return m
}

// scribe composes what goes into a file. Each goroutine that writes has its own: it holds the scratch memory.
type scribe struct {
	o      *Options
	live   *liveOptions
	lastTS *int64       // second of the last "#TS:" line, Unix time
	buf    []byte       // scratch
	sel    []byte       // scratch for the prologue
	now    func() int64 // wall clock in milliseconds
}

// joinLimit is up to how many bytes are copied to go out in one write with a line.
const joinLimit = 16 << 10

func newScribe(o *Options, live *liveOptions, lastTS *int64) *scribe {
	return &scribe{o: o, live: live, lastTS: lastTS, buf: make([]byte, 0, joinLimit+4*maxLine),
		now: func() int64 { return max(o.Now().UnixMilli(), 0) }}
}

// put writes stream bytes p at the end of c; with close, a line of ours behind them. durable is the watermark to put
// into lines. When it returns an error nothing is known of the file behind the last mark; c says what it said before, but
// for the file's end and digest.
func (s *scribe) put(c *increment, p []byte, close bool, durable LSN) error {
	s.buf = s.buf[:0]
	close = close && s.o.Annotate && c.since.Len()+int64(len(p)) > 0
	if plain := !close && !c.prologue && !c.opening && !s.live.timestamps.Load(); plain {
		if err := c.write(p); err != nil {
			return err
		}
		c.since.Write(p)
		c.lsn += LSN(len(p))
		return nil
	}
	since, prologue, opening := c.since, c.prologue, c.opening
	err := s.putWithLines(c, p, close, durable)
	if err != nil {
		c.since, c.prologue, c.opening = since, prologue, opening
		return err
	}
	c.lsn += LSN(len(p))
	return nil
}

func (s *scribe) putWithLines(c *increment, p []byte, close bool, durable LSN) error {
	if len(p) > 0 {
		s.head(c, durable)
	}
	c.since.Write(p)
	if len(p) <= joinLimit {
		s.buf = append(s.buf, p...)
	} else {
		if err := s.flush(c); err != nil {
			return err
		}
		if err := c.write(p); err != nil {
			return err
		}
	}
	if close {
		s.line(c, c.lsn+LSN(len(p)), durable)
	}
	return s.flush(c)
}

// head composes what goes before the first bytes of a file or of a second.
func (s *scribe) head(c *increment, durable LSN) {
	switch {
	case c.prologue:
		// Stock loaders begin each file in database 0. The SELECT is no stream: the line behind it says so.
		s.sel = appendSelect(s.sel[:0], c.facts.DB)
		s.buf = append(s.buf, s.sel...)
		if s.o.Annotate {
			s.prologueLine(c, durable)
		}
		c.prologue = false
	case c.opening:
		s.line(c, c.lsn, durable)
	}
	c.opening = false
	if s.live.timestamps.Load() {
		if sec := s.now() / 1000; sec > *s.lastTS {
			*s.lastTS = sec
			s.buf = append(s.buf, "#TS:"...)
			s.buf = strconv.AppendInt(s.buf, sec, 10)
			s.buf = append(s.buf, lineEnd...)
		}
	}
}

// line composes a line that covers the stream up to end, and begins a new range.
func (s *scribe) line(c *increment, end, durable LSN) {
	l := Line{Position: *s.live.at.Load(), Millis: s.now(), Len: c.since.Len(), Sum: c.since.Sum(), Durable: min(durable, end)}
	l.LSN = end
	s.buf = l.AppendTo(s.buf)
	c.since.Reset()
}

func (s *scribe) prologueLine(c *increment, durable LSN) {
	l := Line{Position: *s.live.at.Load(), Millis: s.now(), Sum: SumOf(s.sel), Durable: min(durable, c.lsn), Prologue: int64(len(s.sel))}
	l.LSN = c.lsn
	s.buf = l.AppendTo(s.buf)
}

func (s *scribe) flush(c *increment) error {
	if len(s.buf) == 0 {
		return nil
	}
	err := c.write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (c *increment) write(p []byte) error {
	n, err := c.f.Write(p)
	c.pos += int64(n)
	if err != nil {
		return &WriteError{Op: "write", Path: c.path, Cause: err}
	}
	if c.hasFile {
		c.file.Write(p)
	}
	return nil
}

func appendSelect(dst []byte, db int) []byte {
	var digits [20]byte
	number := strconv.AppendInt(digits[:0], int64(db), 10)
	dst = append(dst, "*2\r\n$6\r\nSELECT\r\n$"...)
	dst = strconv.AppendInt(dst, int64(len(number)), 10)
	dst = append(dst, lineEnd...)
	dst = append(dst, number...)
	return append(dst, lineEnd...)
}

// resume goes on where reading the file ended, which must be where it ends.
func (c *increment) resume(t *Tail) error {
	if t == nil {
		return errors.New("it must be read before it is written")
	}
	if t.Kind == TailCorrupt || t.Size != c.pos || t.LSN != c.lsn {
		return fmt.Errorf("recovery found it %s, with %d bytes up to LSN %d; now it has %d bytes, and the stream goes on at LSN %d",
			t.Kind, t.Size, t.LSN, c.pos, c.lsn)
	}
	if t.known {
		c.since = t.since
		c.file, c.hasFile = t.file, t.file.Len() == t.Size
	}
	return nil
}

// createIncrement gives an empty, synced file the name of ref: the spare, or one that it makes. What may lie there has no place in
// any manifest, and is replaced. The name is durable before a manifest has it (manifests.stage).
func createIncrement(fs disk.FS, dir string, ref FileRef, at LSN, db int, spare disk.File) (*increment, error) {
	path := filepath.Join(dir, ref.Name)
	c := &increment{path: path, ref: ref, hasFile: true, f: spare, facts: FileFacts{UUID: NewUUID()}}
	c.begin(at, db)
	var err error
	if c.f == nil {
		c.f, err = createEmpty(fs, filepath.Join(dir, tempPrefix+ref.Name))
	}
	if err == nil {
		if err = fs.Rename(c.f.Name(), path); err != nil {
			c.f.Close()
			_ = fs.Remove(c.f.Name()) // what stays is swept away at the next start
		}
	}
	if err != nil {
		return nil, &WriteError{Op: "open", Path: path, Cause: err}
	}
	return c, nil
}

// begin says where an increment without bytes begins, and in which database.
func (c *increment) begin(at LSN, db int) {
	c.lsn, c.prologue = at, db > 0
	c.facts.Start, c.facts.DB = at, db
}

// createEmpty makes a file that is empty also after a crash, whatever its name led to before. After an error nothing is left of it.
func createEmpty(fs disk.FS, path string) (disk.File, error) {
	f, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return nil, errors.Join(err, fs.Remove(path))
	}
	return f, nil
}
