package heal

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"frankenredis/wal/disk"
)

// Loading is a disk on which covered files are verified cell by cell while they are read. What differs from the cover is noted
// (Damaged), and with Mend it is read as the cover says it was. Everything but Open and Stat goes to the disk itself.
// Any goroutine may use it, while nobody else uses the Store.
type Loading struct {
	disk.FS
	s *Store
	o LoadOptions

	mu       sync.Mutex
	damaged  map[string]*Report // of files that differ from their cover, by name
	replaced map[string]bool    // that are genuine, and not what is covered
	unread   map[string]error   // what the disk said when a sidecar was wanted to verify a file: that one was read as it is
}

// LoadOptions say what a Loading does.
type LoadOptions struct {
	Mend bool
	// Covers tells which covered files are verified; the others are read as they are.
	Covers func(name string) bool
	// Genuine is asked, once a file, whether one that differs from its cover proves itself: then somebody put it there, and it is
	// read as it is. It reads the disk itself.
	Genuine func(name string) bool
}

// Loading returns such a disk.
func (s *Store) Loading(o LoadOptions) *Loading {
	return &Loading{FS: s.o.FS, s: s, o: o, damaged: map[string]*Report{}, replaced: map[string]bool{}, unread: map[string]error{}}
}

// Damaged are the reports of files that differ from their cover, as far as they have been read: Bad has what was met.
func (l *Loading) Damaged() []Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Report
	for _, name := range l.s.Names() {
		if r := l.damaged[name]; r != nil {
			out = append(out, *r)
		}
	}
	return out
}

// Replaced are the names of files that somebody put in the place of those that are covered.
func (l *Loading) Replaced() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, name := range l.s.Names() {
		if l.replaced[name] {
			out = append(out, name)
		}
	}
	return out
}

// Covered is up to where a file at path is covered, in bytes, and proven to be as covered once it has been read to there without
// damage; 0: it is not. An error is the disk's: it does not give all of the sidecar, or did not when the file was opened, so the file may be
// covered further than the rest says, and what was read of it proves nothing.
func (l *Loading) Covered(path string) (int64, error) {
	name := l.s.NameOf(path)
	l.mu.Lock()
	out, unread := l.replaced[name], l.unread[name]
	l.mu.Unlock()
	e, ok := l.s.Entry(name)
	if !ok || out || !l.o.Covers(name) {
		return 0, nil
	}
	if unread != nil {
		return 0, unread
	}
	if !e.Growing {
		return e.Size, nil
	}
	v, err := l.s.look(name)
	if v == nil {
		return 0, nil
	}
	defer v.close()
	if err == nil {
		err = v.tail.unread
	}
	if failedRead(err) {
		return 0, err
	}
	if err != nil {
		return 0, nil // it says nothing
	}
	return v.r.Size, nil
}

// Open opens a file for reading.
func (l *Loading) Open(path string) (disk.File, error) {
	name := l.s.NameOf(path)
	if _, ok := l.s.Entry(name); !ok || !l.o.Covers(name) || l.isReplaced(name) {
		return l.FS.Open(path)
	}
	v, err := l.s.look(name)
	if err != nil {
		// What cannot be verified is read as it is: the file proves itself, or it is refused for what it says.
		v.close()
		l.noteUnread(name, err)
		return l.FS.Open(path)
	}
	if v.f == nil && !l.o.Mend {
		v.close()
		return l.FS.Open(path)
	}
	if v.tail != nil {
		l.noteUnread(name, v.tail.unread)
	}
	f := &verified{l: l, v: v, name: name, at: -1, stripe: -1}
	if v.r.Found < v.r.Size {
		f.differs(&Report{})
		if f.as == asFound && v.f == nil {
			v.close()
			return l.FS.Open(path)
		}
	}
	return f, nil
}

// noteUnread remembers that a file is read without being verified because the disk does not give its sidecar. It may give it later, but that says
// nothing about what was read.
func (l *Loading) noteUnread(name string, err error) {
	if !failedRead(err) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unread[name] = err
}

// Stat describes the file at path: with Mend, one that is shorter than what is covered, or missing, as it will be read.
func (l *Loading) Stat(path string) (fs.FileInfo, error) {
	info, err := l.FS.Stat(path)
	if !l.o.Mend || err != nil && !errors.Is(err, fs.ErrNotExist) || l.s.cat.entries == nil {
		return info, err
	}
	name := l.s.NameOf(path)
	e, ok := l.s.Entry(name)
	if !ok || !l.o.Covers(name) || err == nil && !e.Growing && info.Size() >= e.Size {
		return info, err
	}
	f, oerr := l.Open(path)
	if oerr != nil {
		return info, err
	}
	defer f.Close()
	size, oerr := f.Size()
	if v, ok := f.(*verified); !ok || v.as != asCovered || oerr != nil || err == nil && size <= info.Size() {
		return info, err
	}
	r := restored{path: path, size: size}
	if err == nil {
		r.changed = info.ModTime()
	}
	return r, nil
}

// restored describes a file as it will be read.
type restored struct {
	path    string
	size    int64
	changed time.Time // zero: it is missing
}

func (r restored) Size() int64        { return r.size }
func (r restored) Name() string       { return filepath.Base(r.path) }
func (r restored) IsDir() bool        { return false }
func (r restored) Sys() any           { return nil }
func (r restored) Mode() fs.FileMode  { return 0o644 }
func (r restored) ModTime() time.Time { return r.changed }

func (l *Loading) isReplaced(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replaced[name]
}

// reading is how a file that differs from its cover is read.
type reading uint8

const (
	asFound   reading = iota // as it is
	asCovered                // with the damage undone
)

// verified is an open covered file. Its mu makes reads from several goroutines take turns.
type verified struct {
	l    *Loading
	v    *examination
	name string

	mu     sync.Mutex
	as     reading
	judged bool
	block  []byte // the bytes from at on; at is -1 before the first
	at     int64
	upTo   int64  // all before was read, and is as covered or was mended
	stripe int    // that has been mended in v.data; -1: none
	tail   []byte // the open stripe, mended
}

// verifyBlock divides every stripe but those of small files, which it holds.
const verifyBlock = 64 * cellSize

// differs takes note of damage, after asking whether the file is another that proves itself.
func (f *verified) differs(r *Report) {
	l := f.l
	if !f.judged {
		f.judged = true
		l.mu.Lock()
		replaced, known := l.replaced[f.name]
		l.mu.Unlock()
		if !known {
			replaced = f.v.f != nil && l.o.Genuine(f.name)
			l.mu.Lock()
			l.replaced[f.name] = replaced
			l.mu.Unlock()
		}
		if replaced {
			f.as, f.v.r.Size = asFound, 0
		} else if l.o.Mend {
			f.as = asCovered
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.s.known, f.name)
	if f.v.r.Size == 0 {
		return
	}
	d := l.damaged[f.name]
	if d == nil {
		d = &Report{Name: f.name, State: Damaged, Size: f.v.r.Size, Found: f.v.r.Found, Budget: f.v.r.Budget, Growing: f.v.e.Growing}
		l.damaged[f.name] = d
	}
	for _, g := range r.Bad {
		d.Bad = addOnce(d.Bad, g)
	}
	for _, g := range r.Lost {
		d.Lost = addOnce(d.Lost, g)
	}
	d.Cells = 0
	for _, g := range d.Bad {
		d.Cells += int((g.Bytes + cellSize - 1) / cellSize)
	}
	if len(d.Lost) > 0 {
		d.State = Beyond
	}
}

// ReadAt reads as io.ReaderAt says.
func (f *verified) ReadAt(p []byte, off int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(p) {
		pos := off + int64(n)
		at := pos - pos%verifyBlock
		if f.at != at {
			if err := f.fill(at); err != nil {
				return n, err
			}
		}
		if pos-at >= int64(len(f.block)) {
			return n, io.EOF
		}
		n += copy(p[n:], f.block[pos-at:])
	}
	return n, nil
}

// fill reads and verifies the block at position at.
func (f *verified) fill(at int64) error {
	f.at = -1
	v := f.v
	room := int(min(verifyBlock, (max(v.r.Size-at, v.r.Found-at, 1)+cellSize-1)/cellSize*cellSize)) // whole cells
	if cap(f.block) < room {
		f.block = make([]byte, room)
	}
	p := f.block[:room]
	n := 0
	if v.f != nil {
		var err error
		if n, err = v.f.ReadAt(p, at); err != nil && err != io.EOF {
			if at >= v.r.Size || f.as != asCovered && !f.l.o.Mend {
				return err
			}
			n = int(min(verifyBlock, v.r.Found-at))
			v.readCells(p[:n], at)
		}
	}
	clear(p[n:])
	covered := int(max(0, min(verifyBlock, v.r.Size-at)))
	if covered > 0 {
		if err := f.verify(p, at, covered); err != nil {
			return err
		}
		covered = int(max(0, min(verifyBlock, v.r.Size-at))) // nothing, if the file turned out to be another
		if at <= f.upTo && covered > 0 {
			f.read(at + int64(covered))
		}
	}
	if f.as == asCovered {
		n = max(n, covered)
	}
	f.block, f.at = p[:n], at
	return nil
}

// verify compares the first covered bytes of a block with the cover, and mends them.
func (f *verified) verify(p []byte, at int64, covered int) error {
	v := f.v
	for c := 0; c < covered; c += cellSize {
		pos := at + int64(c)
		end := min(c+cellSize, covered)
		stripe := int(pos / v.sh.stripeBytes())
		good := true
		if pos >= v.sh.size { // in the open stripe of a growing file
			cell := v.tail.cells[int((pos-v.sh.size)/cellSize)]
			good = len(cell) < end-c || string(cell[:end-c]) == string(p[c:end])
		} else if v.unproved {
			good = false
		} else if t := v.x.tables[stripe]; t != nil {
			off, _, _, _ := v.sh.stripe(stripe)
			i := int((pos - off) / cellSize)
			cell := p[c : c+cellSize]
			if end-c < cellSize { // the file's last: what it lacks counts as zeros
				cell = append(append(make([]byte, 0, cellSize), p[c:end]...), make([]byte, cellSize-(end-c))...)
			}
			good = v.cells(uint64(pos/cellSize), cell) == Sum(t[16*i:16*i+16])
		}
		if good {
			continue
		}
		if err := f.mend(stripe, pos >= v.sh.size); err != nil {
			return err
		}
		if v.r.Size == 0 {
			return nil
		}
		if f.as == asCovered {
			if from := v.sh.size; pos >= from {
				copy(p[c:end], f.tail[pos-from:])
			} else {
				off, _, _, _ := v.sh.stripe(stripe)
				copy(p[c:end], v.data[pos-off:])
			}
		}
	}
	return nil
}

// mend brings a stripe back, as far as it goes.
func (f *verified) mend(stripe int, open bool) error {
	v := f.v
	if open && f.tail != nil || !open && f.stripe == stripe {
		return nil
	}
	size, found := v.r.Size, v.r.Found
	v.r.Bad, v.r.Lost, v.r.Cells = nil, nil, 0
	var err error
	if open {
		err = v.openStripe(func(_ int64, p []byte, _ []Range, _ []byte) error {
			f.tail = p
			return nil
		})
		if f.tail == nil {
			f.tail = make([]byte, size-v.sh.size)
		}
	} else {
		err = v.stripe(stripe, nil)
		f.stripe = stripe
	}
	if err != nil {
		return err
	}
	r := *v.r
	r.Size, r.Found = size, found
	f.differs(&r)
	return nil
}

// Size is the file's size: as it is read.
func (f *verified) Size() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := max(f.v.r.Found, 0)
	if f.as == asCovered {
		size = max(size, f.v.r.Size)
	}
	return size, nil
}

// Name is the name the file was opened with.
func (f *verified) Name() string { return f.l.s.path(f.name) }

// Close closes it.
func (f *verified) Close() error {
	f.v.close()
	return nil
}

var errReadOnly = errors.New("opened for reading")

func (f *verified) Write([]byte) (int, error)          { return 0, errReadOnly }
func (f *verified) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }
func (f *verified) Truncate(int64) error               { return errReadOnly }
func (f *verified) Sync() error                        { return errReadOnly }
func (f *verified) SyncData() error                    { return errReadOnly }
func (f *verified) Preallocate(int64, int64) error     { return errReadOnly }
