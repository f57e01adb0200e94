package damage

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"frankenredis/heal"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Options say how to name.
type Options struct {
	// Keys returns which arguments of a command are keys; known is false if there is no such command. Nil: the first argument is taken
	// for one, of any command.
	Keys func(argv [][]byte) (at []int, known bool)
	// Most bounds the keys listed; 0: 100.
	Most int
	// Stop is asked now and then whether to go on; its error ends it. May be nil.
	Stop func() error
}

// Of says what the damaged bytes of a covered file hold, which Verify or a Loading of the store has reported. fsys and root are the store's.
// Nobody else may use the store meanwhile. A file that is not damaged has no extent.
func Of(s *heal.Store, fsys disk.FS, root string, r heal.Report, o Options) (*Extent, error) {
	bad, holes := spans(nil), spans(nil)
	if len(r.Lost) > 0 {
		holes = append(holes, r.Lost...).merged()
		bad = holes
	} else {
		bad = append(bad, r.Bad...)
		if r.Found < r.Size {
			bad = append(bad, heal.Range{Pos: max(r.Found, 0), Bytes: r.Size - max(r.Found, 0)})
		}
		bad = bad.merged()
	}
	if len(bad) == 0 {
		return nil, nil
	}
	path := filepath.FromSlash(r.Name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	mended := fsys
	if len(holes) != 1 || holes[0].Pos > 0 || holes[0].Bytes < r.Size { // else nothing is known, and it is read as it is
		mended = s.Loading(heal.LoadOptions{Mend: true, Covers: func(string) bool { return true }, Genuine: func(string) bool { return false }})
	}
	f, err := mended.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return name(f, r.Size, mended, path, bad, holes, o)
}

// name says what the bad bytes of f hold, which is size bytes long; its path tells its kind and where its log lies. Bytes in holes are not
// as they were.
func name(f disk.File, size int64, fsys disk.FS, path string, bad, holes spans, o Options) (*Extent, error) {
	if o.Most == 0 {
		o.Most = defaultMost
	}
	if o.Keys == nil {
		o.Keys = func(argv [][]byte) ([]int, bool) { return []int{1}[:min(1, len(argv)-1)], true }
	}
	if o.Stop == nil {
		o.Stop = func() error { return nil }
	}
	if found, err := f.Size(); err == nil {
		size = min(size, max(found, 0))
	}
	w := &walk{collector: collector{e: &Extent{Kind: Unknown}, most: o.Most, seen: map[uint64]int{}}, o: o, f: f, size: size, bad: bad, holes: holes}
	return w.e, w.run(fsys, path)
}

// walk is one look through a file.
type walk struct {
	collector
	o          Options
	f          io.ReaderAt
	size       int64
	bad, holes spans
	steps      int
}

func (w *walk) run(fsys disk.FS, path string) error {
	base := filepath.Base(path)
	var head [5]byte
	n, err := w.f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	rdb := bytes.Equal(head[:n], []byte("REDIS"))
	switch {
	case strings.HasSuffix(base, ".aof") || strings.HasSuffix(base, ".base.rdb"):
		return w.log(fsys, path, rdb || strings.HasSuffix(base, ".rdb"))
	case rdb || strings.HasSuffix(base, ".rdb"):
		w.e.Kind = Snapshot
		_, err := w.snapshot()
		return err
	}
	switch {
	case strings.HasSuffix(base, ".manifest"):
		w.e.Kind = Manifest
	case strings.HasSuffix(base, ".fr"):
		w.e.Kind = Companion
	case strings.HasSuffix(base, ".jsonl"):
		w.e.Kind = Ledger
	case strings.HasSuffix(base, ".conf") || strings.HasSuffix(base, ".acl"):
		w.e.Kind = Text
	default:
		return nil
	}
	return w.lines()
}

// log looks at a file of a log: a base, an increment, or a file of an old server, which is both.
func (w *walk) log(fsys disk.FS, path string, rdb bool) error {
	facts := factsOf(fsys, path)
	w.e.Kind = Increment
	if strings.Contains(filepath.Base(path), ".base.") || rdb {
		w.e.Kind = Base
		if facts != nil {
			w.e.LSN = &Positions{From: facts.Start, To: facts.Start, State: true}
		}
	}
	pos := int64(0)
	if rdb {
		end, err := w.snapshot()
		if err != nil || end == 0 || end >= w.size || strings.HasSuffix(path, ".rdb") {
			return err
		}
		pos = end
	}
	in := &increment{walk: w, stream: w.e.Kind == Increment, facts: facts}
	return in.run(pos)
}

// factsOf is what the log around the file at path knows of it; nil: nothing.
func factsOf(fsys disk.FS, path string) *wal.FileFacts {
	dir, base := filepath.Dir(path), filepath.Base(path)
	names, err := fsys.List(dir)
	if err != nil {
		return nil
	}
	for _, manifest := range names {
		name, ok := strings.CutSuffix(manifest, ".manifest")
		if !ok || name == "" || !strings.HasPrefix(base, name+".") {
			continue
		}
		if d, err := wal.ReadDirectory(fsys, dir, name); err == nil && d.Facts != nil {
			if f, ok := d.Facts.Files[base]; ok {
				return &f
			}
		}
	}
	return nil
}

// look asks now and then whether to go on.
func (w *walk) look() error {
	if w.steps++; w.steps%4096 == 0 {
		return w.o.Stop()
	}
	return nil
}

// maxText bounds the text files that are read.
const maxText = 64 << 20

// lines tells of a text which lines are damaged. Of those that can be brought back it says what they are about, never their values: a
// configuration has passwords.
func (w *walk) lines() error {
	if w.size > maxText {
		return nil
	}
	p := make([]byte, w.size)
	if n, err := w.f.ReadAt(p, 0); n < len(p) {
		return err
	}
	pos := int64(0)
	for n := 1; pos < w.size; n++ {
		line := p[pos:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		end := pos + int64(len(line))
		if w.bad.meets(pos, end) {
			about := ""
			if !w.holes.meets(pos, end) {
				about = w.about(string(line))
			}
			w.other("line %d%s", n, about)
		}
		pos = end
	}
	return nil
}

// about is what a line is about: its first word, the first two in files where the first says little.
func (w *walk) about(line string) string {
	words := strings.Fields(line)
	if w.e.Kind == Ledger || len(words) == 0 {
		return ""
	}
	n := 1
	if w.e.Kind == Manifest || w.e.Kind == Companion || words[0] == "user" {
		n = min(2, len(words))
	}
	return fmt.Sprintf(" (%.80q)", strings.Join(words[:n], " "))
}
