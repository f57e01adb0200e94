package wal

import (
	"fmt"
	"path/filepath"

	"frankenredis/wal/disk"
)

// Watermark is what the watermark file holds: up to where the log is known to be durable. It may lag behind the truth by
// a second, and never runs ahead of it (I8).
type Watermark struct {
	Position         // the highest durable one
	Seq       int64  // of the increment that holds it
	Pos       int64  // durable bytes of that increment's file
	Millis    int64  // wall clock, Unix time in milliseconds
	Clean     bool   // a clean stop: nothing was written after it
	BootID    string // of the machine
	rewritten uint64 // counts the watermarks of one epoch
}

const watermarkHeader = "FR-WATERMARK 1"

// WatermarkName is the file name of the watermark file.
func WatermarkName(name string) string { return name + ".watermark.fr" }

func (w *Watermark) appendTo(dst []byte) []byte {
	clean := 0
	if w.Clean {
		clean = 1
	}
	return appendRecord(dst, watermarkHeader, fmt.Sprintf(" id=%s epoch=%d lsn=%d seq=%d pos=%d ms=%d clean=%d boot=%s n=%d",
		w.ID, w.Epoch, w.LSN, w.Seq, w.Pos, max(w.Millis, 0), clean, w.BootID, w.rewritten))
}

// ReadWatermark reads the watermark file: the newest of its copies that are whole; fs.ErrNotExist if there is no file,
// another error if no copy is whole.
func ReadWatermark(fs disk.FS, dir, name string) (Watermark, error) {
	var best Watermark
	found := false
	err := readRecords(fs, filepath.Join(dir, WatermarkName(name)), watermarkHeader, func(fields map[string]string) error {
		w, err := parseWatermark(fields)
		if err == nil && (!found || w.newer(&best)) {
			best, found = w, true
		}
		return err
	})
	return best, err
}

func (w *Watermark) newer(than *Watermark) bool {
	if w.Epoch != than.Epoch {
		return w.Epoch > than.Epoch
	}
	return w.rewritten > than.rewritten
}

func parseWatermark(fields map[string]string) (Watermark, error) {
	w := Watermark{Clean: fields["clean"] == "1", BootID: fields["boot"]}
	var err error
	if w.ID, err = ParseReplID(fields["id"]); err != nil {
		return w, err
	}
	if w.LSN, err = parseLSN(fields["lsn"]); err != nil {
		return w, err
	}
	for _, f := range []struct {
		name string
		to   *uint64
	}{{"epoch", &w.Epoch}, {"n", &w.rewritten}} {
		if *f.to, err = parseUint(fields[f.name]); err != nil {
			return w, err
		}
	}
	for _, f := range []struct {
		name string
		to   *int64
	}{{"seq", &w.Seq}, {"pos", &w.Pos}, {"ms", &w.Millis}} {
		if *f.to, err = parseSize(fields[f.name]); err != nil {
			return w, err
		}
	}
	return w, nil
}

// watermarkFile is the open watermark file of a running log.
type watermarkFile struct {
	f    disk.File
	cell [cellSize]byte
	n    uint64
}

// write replaces the watermark in place. The first copy is made durable before the others are touched: at every instant
// a whole copy is on the disk, however the write is torn (I12).
func (wf *watermarkFile) write(w Watermark) error {
	wf.n++
	w.rewritten = wf.n
	fillCell(&wf.cell, w.appendTo(nil))
	if _, err := wf.f.WriteAt(wf.cell[:], 0); err != nil {
		return err
	}
	if err := wf.f.SyncData(); err != nil {
		return err
	}
	for i := int64(1); i < cellCopies; i++ {
		if _, err := wf.f.WriteAt(wf.cell[:], i*cellSize); err != nil {
			return err
		}
	}
	return wf.f.SyncData()
}

// createWatermark makes the watermark file anew and leaves it open.
func createWatermark(fs disk.FS, dir, name string, w Watermark) (*watermarkFile, error) {
	if err := writeRecord(fs, dir, WatermarkName(name), w.appendTo(nil)); err != nil {
		return nil, err
	}
	f, err := fs.OpenReadWrite(filepath.Join(dir, WatermarkName(name)))
	if err != nil {
		return nil, err
	}
	return &watermarkFile{f: f, n: w.rewritten}, nil
}
