package wal

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"frankenredis/wal/disk"
)

// Extend makes the last increment of the log called name stand for the commit ring: p, whole units that the ring has and it lacks, is
// appended where reading it ended, and all of it is made durable and proven by a line, before a new epoch makes the ring's frames count for
// nothing. What was torn has been cut off. at is the position of the epoch that wrote them; without annotate there are no lines. It
// returns the tail as a Reader would find it now. Cut short and repeated it ends the same (I18).
func Extend(fs disk.FS, dir, name string, ref FileRef, facts FileFacts, t *Tail, p []byte, at Position, annotate bool) (*Tail, error) {
	path := filepath.Join(dir, ref.Name)
	f, err := fs.OpenAppend(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &increment{f: f, path: path, ref: ref, facts: facts, lsn: t.LSN}
	if c.pos, err = f.Size(); err != nil {
		return nil, err
	}
	c.prologue = c.pos == 0 && facts.DB > 0
	if err := c.resume(t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := rewriteUnsynced(fs, dir, name, c, true); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	proves := annotate && c.since.Len()+int64(len(p)) > 0
	o := Options{Annotate: annotate, Now: time.Now}
	o.setDefaults()
	var live liveOptions
	live.set(&o)
	live.at.Store(&at)
	s := newScribe(&o, &live, new(int64))
	durable := LSN(0) // not known
	if t.Lines > 0 {
		durable = t.Last.Durable
	}
	if err := s.put(c, p, true, durable); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, &WriteError{Op: "fsync", Path: path, Cause: err}
	}
	after := *t
	after.Kind, after.Size, after.LSN, after.since, after.known = TailClean, c.pos, c.lsn, c.since, true
	after.file.Reset()
	if c.hasFile {
		after.file = c.file
	}
	if proves {
		after.Lines++
		after.LastPos = c.pos
		after.Last, err = lastLine(f, c.pos)
	}
	return &after, err
}

// lastLine reads the line of ours that a file of that size ends with.
func lastLine(f disk.File, size int64) (Line, error) {
	p := make([]byte, min(maxLine, size))
	if _, err := f.ReadAt(p, size-int64(len(p))); err != nil && err != io.EOF {
		return Line{}, err
	}
	return ParseLine(p[max(bytes.LastIndex(p, []byte(linePrefix)), 0):])
}
