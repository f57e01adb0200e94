package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// dataFile is one file to show: a base, an increment, or a file on its own.
type dataFile struct {
	path  string
	kind  string // "base", "increment" or "file"
	seq   int64
	facts *wal.FileFacts // what the companion says of it; nil: nothing
	last  bool           // the log's last file: it may be torn
	alone bool           // there is no log around it
}

// data shows one file: the RDB it is or begins with, and the commands behind. end is the stream position behind the file
// before, and afterwards behind this one.
func (in *inspection) data(f *dataFile, end *wal.LSN) error {
	file, err := in.fs.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		in.found(exitCorrupt)
		in.p.event(&streamEvent{Kind: f.kind, File: baseName(f.path), Seq: f.seq, State: "missing", Error: "the manifest names it, but it is not there"})
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	if f.facts != nil {
		*end = f.facts.Start
	}
	var sig [5]byte
	n, err := file.ReadAt(sig[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	pos := int64(0)
	if string(sig[:n]) == "REDIS" || strings.HasSuffix(f.path, ".rdb") {
		ev, err := in.snapshot(f, file, size)
		if err != nil {
			return err
		}
		ev.LSN = uint64(*end)
		in.p.event(ev)
		if ev.State != "clean" || ev.Whole == size {
			return nil
		}
		pos = ev.Whole
	}
	return in.stream(f, file, pos, size, end)
}

// snapshot reads an RDB.
func (in *inspection) snapshot(f *dataFile, file disk.File, size int64) (*snapshotEvent, error) {
	var sum wal.Digest
	ev := &snapshotEvent{Kind: f.kind, File: baseName(f.path), Seq: f.seq, Bytes: size, State: "clean"}
	o := snapshot.Options{SkipModules: true}
	var records *recorder
	if in.o.records {
		records = &recorder{in: in, file: file, name: baseName(f.path)}
		o.Watch = records.step
	}
	rd := snapshot.NewReader(io.TeeReader(io.NewSectionReader(file, 0, size), &sum), o)
	bar := newProgress(in.errOut, size)
	var twice uniqueness
	var repeated *snapshot.Item
	var b snapshot.Batch
	dbs := map[int]bool{}
	var err error
	for err == nil {
		err = rd.Next(&b)
		for i := range b.Items {
			it := &b.Items[i]
			if in.o.strict && repeated == nil && !twice.add(it) {
				repeated = &snapshot.Item{DB: it.DB, Key: bytes.Clone(it.Key), Pos: it.Pos}
			}
			if in.census != nil {
				in.census.item(it)
			}
			ev.ValueBytes += it.ValueBytes()
			if !it.Begins() {
				continue
			}
			dbs[it.DB] = true
			ev.Keys++
			if it.ExpireMs != snapshot.NoExpiry {
				ev.Expiring++
			}
			if it.Compressed {
				ev.Compressed++
			}
		}
		bar.show(rd.Pos(), ev.Keys)
	}
	bar.clear()
	rd.Close()
	if records != nil {
		records.finish(rd.Pos())
	}
	ev.fill(rd.Info(), len(dbs))
	ev.Whole = rd.Pos()
	if err != io.EOF {
		var bad *snapshot.Error
		if !errors.As(err, &bad) {
			return nil, err
		}
		ev.State, ev.Error = "corrupt", err.Error()
		in.found(exitCorrupt)
		return ev, nil
	}
	if f.facts != nil && f.facts.Sealed && f.facts.HasSum {
		if got := sum.Sum(); f.facts.Size != size || got != f.facts.Sum {
			ev.State, ev.Error = "corrupt", fmt.Sprintf("the companion knows it with %d bytes and digest %s, found %d and %s", f.facts.Size, f.facts.Sum, size, got)
			in.found(exitCorrupt)
		}
	}
	if repeated != nil {
		ev.State, ev.Error = "corrupt", fmt.Sprintf("db %d key %s at %d: an element occurs twice", repeated.DB, in.show(repeated.Key), repeated.Pos)
		in.found(exitCorrupt)
	}
	if f.alone && !strings.Contains(f.path, "aof") {
		ev.Whole = size // what follows an RDB file is nobody's
	}
	return ev, nil
}

// stream reads commands and shows them if asked to.
func (in *inspection) stream(f *dataFile, file disk.File, pos, size int64, end *wal.LSN) error {
	o := wal.ReaderOptions{Path: f.path, Pos: pos, Start: *end, Unanchored: f.facts == nil}
	if f.facts != nil {
		o.Prologue = f.facts.DB > 0
	}
	o.Verify = !in.o.commands && in.census == nil
	r := wal.NewReader(file, size, o)
	bar := newProgress(in.errOut, size)
	bar.unit = "command"
	db, frames := 0, int64(0)
	var err error
	for {
		var frame *wal.Frame
		if frame, err = r.Next(); err != nil {
			break
		}
		if in.o.commands {
			in.frame(f, frame, &db)
		}
		if in.census != nil {
			in.census.frame(frame)
		}
		if frames++; frames%1024 == 0 {
			bar.show(r.Pos(), frames)
		}
	}
	bar.clear()
	tail := r.Tail()
	ev := newStreamEvent(f, &tail, size)
	var damage *wal.CorruptError
	switch {
	case err == io.EOF && tail.Lines > 0 && tail.Last.Epoch < in.epoch:
		ev.State, ev.Error = "corrupt", fmt.Sprintf("its last line is of epoch %d, a file before it has epoch %d", tail.Last.Epoch, in.epoch)
		in.found(exitCorrupt)
	case err == io.EOF:
		in.checkRecord(f, ev, &tail)
	case errors.As(err, &damage):
		ev.State, ev.Error = tail.Kind.String(), damage.Error()
		ev.Pos, ev.Unit, ev.Resume = &damage.Pos, &damage.Unit, nil
		if damage.Resume >= 0 {
			ev.Resume = &damage.Resume
		}
		if damage.Torn && f.last {
			in.found(exitDamaged)
		} else {
			in.found(exitCorrupt)
		}
	default:
		return err
	}
	if tail.Lines > 0 {
		in.epoch = max(in.epoch, tail.Last.Epoch)
	}
	in.p.event(ev)
	if f.kind != "base" {
		*end = tail.LSN
	}
	return nil
}

// checkRecord compares a whole file with what the companion says of it.
func (in *inspection) checkRecord(f *dataFile, ev *streamEvent, tail *wal.Tail) {
	if f.facts == nil || !f.facts.Sealed {
		return
	}
	if tail.Size != f.facts.Size || f.kind == "increment" && tail.LSN != f.facts.End {
		ev.State = "corrupt"
		ev.Error = fmt.Sprintf("the companion knows it sealed with %d bytes up to LSN %d", f.facts.Size, f.facts.End)
		in.found(exitCorrupt)
	}
}

// frame shows one frame if it is wanted.
func (in *inspection) frame(f *dataFile, fr *wal.Frame, db *int) {
	if len(fr.Args) == 2 && strings.EqualFold(string(fr.Args[0]), "select") {
		if n, err := strconv.Atoi(string(fr.Args[1])); err == nil {
			*db = n
		}
	}
	if in.o.limit > 0 && in.printed >= in.o.limit {
		return
	}
	if in.o.records {
		if in.wanted(fr.Pos, fr.Pos+fr.Size) {
			e := newFrameEvent(baseName(f.path), fr, *db, in.show)
			e.Bytes = shownBytes(fr.Raw)
			in.printed++
			in.p.event(e)
		}
		return
	}
	if uint64(fr.LSN) >= in.o.to || uint64(fr.End) < in.o.from || uint64(fr.End) == in.o.from && fr.LSN != fr.End {
		return
	}
	in.printed++
	in.p.event(newFrameEvent(baseName(f.path), fr, *db, in.show))
}

// show makes text of bytes of the log.
func (in *inspection) show(p []byte) string {
	if in.o.json {
		return plain(p, in.o.width)
	}
	return escape(p, in.o.width)
}
